"""What tells an exit how to decide while it runs."""

from typing import Any

from amaranth.hdl import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from hw.control.clamp import clamp
from hw.exits.decision import ExitDecision, Mode

__all__ = ["CLASS_BITS", "ExitControl", "apply_control"]

CLASS_BITS = 10
"""Width of a class's number: there are up to 1000."""


class ExitControl(wiring.Signature):
    """How an exit decides, as whoever sets it sees it. ``decision``: the exit's, whose policy says what there is to set.

    Members
    -------
    enable : at 0 no sample leaves
    mode : whether the policy decides
    threshold : what the policy compares with, ``signed(32)``; beyond its range it counts as the nearest value in it. Not with a policy that
        has no threshold.
    threshold_written, class_index : of policy ``class_threshold`` alone: ``threshold`` is that of a class, ``class_index``, and taken in
        the one cycle in which ``threshold_written`` is high, unless there is no such class
    """

    def __init__(self, decision: ExitDecision) -> None:
        members = {"enable": Out(1), "mode": Out(Mode)}
        if _by_class(decision):
            members |= {"threshold": Out(signed(32)), "threshold_written": Out(1), "class_index": Out(CLASS_BITS)}
        elif len(decision.threshold_range) > 1:
            members["threshold"] = Out(signed(32))
        super().__init__(members)


def _by_class(decision: ExitDecision) -> bool:
    return "class_write" in decision.score.ports


def apply_control(m: Module, control: Any, unit: ExitDecision, decision: Any) -> None:
    """In ``m``, ``control`` (an ``ExitControl``) sets ``decision``, the ports of ``unit`` there."""
    m.d.comb += [decision.enable.eq(control.enable), decision.mode.eq(control.mode)]
    if _by_class(unit):
        score: Any = unit.score
        m.d.comb += [
            decision.class_write.eq(control.threshold_written & (control.class_index < unit.classes)),
            decision.class_index.eq(control.class_index),
            decision.class_value.eq(clamp(control.threshold, score.value_range)),
        ]
    elif len(unit.threshold_range) > 1:
        m.d.comb += decision.threshold.eq(clamp(control.threshold, unit.threshold_range))
