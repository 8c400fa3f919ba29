"""What exits tell the next one: the tokens of policy ``patience``."""

from collections.abc import Callable, Sequence
from typing import Any

from amaranth.hdl import Module

from hw.exits.decision import ExitDecision
from hw.netlist import NetlistError
from hw.streams.join import join_bits, queue

__all__ = ["join_runs"]


def join_runs(m: Module, decisions: Sequence[tuple[ExitDecision, Any]], depth: int, wrap: Callable[[Any], Any]) -> None:
    """Joins in ``m`` each decision's ``token_o`` to the next one's ``token_i`` through a FIFO ``runs<k>`` of ``depth`` tokens; what no one
    takes is thrown away. ``decisions``: by exit, the unit and its ports in ``m``; ``wrap``: that of :func:`hw.placing.place`.

    Raises :class:`NetlistError` for an exit that takes tokens when the one before it gives none.
    """
    gives = False
    for k, (unit, ports) in enumerate(decisions):
        takes = "token_i" in unit.score.ports
        if takes and not gives:
            raise NetlistError(f"exit {k} takes tokens, but no exit before it gives them")
        gives = "token_o" in unit.score.ports
        if not gives:
            continue
        if k + 1 < len(decisions) and "token_i" in decisions[k + 1][0].score.ports:
            runs = queue(m, f"runs{k}", ports.token_o, depth, wrap)
            join_bits(m, runs.o, decisions[k + 1][1].token_i)
        else:
            m.d.comb += ports.token_o.ready.eq(1)
