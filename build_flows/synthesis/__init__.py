"""What emitted RTL takes on a part and how fast it may be clocked, by Yosys and without vendor tools."""
