"""Layers and how they are wired: static and shared convolutions, pools, fork, the units that a netlist names."""
