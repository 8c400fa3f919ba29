"""AXI4-Lite, registers and where they lie."""
