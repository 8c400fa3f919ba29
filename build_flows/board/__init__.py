"""From emitted RTL to a PYNQ board: block design, bitstream, package, deployment, co-simulation of the driver."""
