"""Which rows of a comparison no other row beats."""

from collections.abc import Callable, Sequence

from build_flows.artefacts.compare import Row
from build_flows.base.errors import OfframpError

__all__ = ["OBJECTIVES", "ParetoError", "front"]

OBJECTIVES: dict[str, tuple[str, Callable[[Row], float]]] = {
    "accuracy": ("most", lambda row: row.accuracy),
    "throughput": ("most", lambda row: row.samples_per_second),
    "lut": ("least", lambda row: row.luts),
    "lutram": ("least", lambda row: row.lutram),
    "ff": ("least", lambda row: row.ff),
    "bram36": ("least", lambda row: row.bram36),
    "dsp": ("least", lambda row: row.dsp),
}
"""What can be weighed: whether most or least is best, and its value in a row. ``lut`` is all LUTs, those used as memory too, since the
part's LUTs hold both."""


class ParetoError(OfframpError):
    """An objective that is not known, or none at all; the message lists the known ones."""


def front(rows: Sequence[Row], objectives: Sequence[str], *, include_unbuildable: bool = False) -> list[int]:
    """Indices, ascending, of the ``rows`` on the front: no other one there is at least as good in every one of ``objectives`` and better
    in one.

    Rows that tie are all kept. Rows that do not fit their part or miss their clock are left aside, unless ``include_unbuildable``.
    Accuracies that are not told apart (``within_noise``) are as good as each other. That is not transitive: A as good as B, B as C, and yet
    A better than C; so a row is beaten by rows on the front only, or the most accurate row could be lost to one that is itself beaten.
    Raises :class:`ParetoError`.
    """
    if not objectives:
        raise ParetoError(f"no objective was given; known are {', '.join(OBJECTIVES)}")
    for name in objectives:
        if name not in OBJECTIVES:
            raise ParetoError(f"no objective is called {name!r}; known are {', '.join(OBJECTIVES)}")
    chosen = [index for index, row in enumerate(rows) if include_unbuildable or row.buildable]
    beaten_by = {index: [other for other in chosen if _beats(rows[other], rows[index], objectives)] for index in chosen}
    on: dict[int, bool] = {}
    # No row beats itself round about: the chain would be equal in all but accuracy, and fall in that at every step.
    while len(on) < len(chosen):
        for index in chosen:
            if index not in on and all(other in on for other in beaten_by[index]):
                on[index] = not any(on[other] for other in beaten_by[index])
    return [index for index in chosen if on[index]]


def _beats(a: Row, b: Row, objectives: Sequence[str]) -> bool:
    signs = [_compared(a, b, name) for name in objectives]
    return min(signs) >= 0 and max(signs) > 0


def _compared(a: Row, b: Row, name: str) -> int:
    """Above 0 where ``a`` is better in objective ``name``, below 0 where ``b`` is."""
    best, value = OBJECTIVES[name]
    if name == "accuracy" and b.name in a.within_noise:
        return 0
    more = (value(a) > value(b)) - (value(a) < value(b))
    return more if best == "most" else -more
