"""Layers and how they are wired: pools, fork, the units that a netlist names."""
