"""A PYNQ board as a program sees it, with the Verilated accelerator in its fabric."""
