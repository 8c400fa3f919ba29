"""The whole accelerator in Verilator: bench, runs, results, agreement with the golden models."""
