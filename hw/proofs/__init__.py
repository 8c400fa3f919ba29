"""Formal proofs of the streaming units: what is claimed of each, at small sizes. ``sim.prove`` proves it."""

from hw.proofs import exit_decision, exit_merge, frame_gate, stream_fork
from hw.proofs.contract import Harness, Proof

__all__ = ["PROOFS", "Harness", "Proof"]

PROOFS: dict[str, Proof] = {proof.name: proof for module in (stream_fork, frame_gate, exit_merge, exit_decision) for proof in module.PROOFS}
"""Every proof by its name, ``unit/variant``."""
