"""Runners of Verilator, Yosys and cocotb, each in a process of its own."""
