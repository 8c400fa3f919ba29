"""Formal proofs of the streaming units, of the core that they make, and of what reads and writes memory: what is claimed of each, at small
sizes, for ``sim.formal.prove`` to prove."""

from hw.proofs import (
    admission,
    core,
    frame_gate,
    gate_group,
    offer_hold,
    pixel_pool,
    register_bridge,
    reset_guard,
    result_queue,
    shared_conv,
    skid,
    static_conv,
    stream_add,
    stream_fork,
    stream_reader,
    stream_writer,
    upsample,
)
from hw.proofs import decision as exit_decision
from hw.proofs import merge as exit_merge
from hw.proofs.contract import Harness, Proof

__all__ = ["PROOFS", "Harness", "Proof"]

PROOFS: dict[str, Proof] = {
    proof.name: proof
    for module in (stream_fork, stream_add, static_conv, shared_conv, pixel_pool, upsample, offer_hold, skid, admission, frame_gate,
                   gate_group, result_queue, exit_merge, exit_decision, register_bridge, reset_guard, core, stream_reader, stream_writer)
    for proof in module.PROOFS
}
"""Every proof by its name, ``unit/variant``."""
