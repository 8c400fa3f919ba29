"""Drives an offramp accelerator from Python on a PYNQ board."""
