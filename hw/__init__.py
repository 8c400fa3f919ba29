"""Gateware: exit decisions, forks, gates, merges, and the accelerator top. Imports Amaranth only."""
