"""Layers and how they are wired: static convolutions, pools, fork, the units that a netlist names."""
