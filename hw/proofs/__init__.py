"""Formal proofs of the streaming units: what is claimed of each, at small sizes. ``sim.formal.prove`` proves it."""

from hw.proofs import admission, frame_gate, stream_fork
from hw.proofs import decision as exit_decision
from hw.proofs import merge as exit_merge
from hw.proofs.contract import Harness, Proof

__all__ = ["PROOFS", "Harness", "Proof"]

PROOFS: dict[str, Proof] = {
    proof.name: proof for module in (stream_fork, admission, frame_gate, exit_merge, exit_decision) for proof in module.PROOFS
}
"""Every proof by its name, ``unit/variant``."""
