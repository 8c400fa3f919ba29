"""Proofs of the gateware, carried out with the solvers that come with Yosys."""
