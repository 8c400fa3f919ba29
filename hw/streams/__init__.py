"""Streams: FIFOs, delays, bus words, AXI-Stream ports."""
