"""From emitted RTL to a PYNQ board: build plans, bitstream, package, deployment, co-simulation of the driver."""
