"""Single exit-decision units: cases, golden results, sweeps in Verilator."""
