"""The exit decision as a product of its own: generated, simulated, synthesised."""
