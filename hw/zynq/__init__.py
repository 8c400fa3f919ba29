"""What connects the accelerator to a Zynq-7000's processing system: its ports, memory reader and writer, and the way to registers."""
