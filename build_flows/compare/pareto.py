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


def front(rows: Sequence[Row], objectives: Sequence[str]) -> list[int]:
    """Indices, ascending, of the ``rows`` that no other row beats: none is at least as good in every one of ``objectives`` and better in
    one. Rows that tie are all kept. Raises :class:`ParetoError`."""
    if not objectives:
        raise ParetoError(f"no objective was given; known are {', '.join(OBJECTIVES)}")
    for name in objectives:
        if name not in OBJECTIVES:
            raise ParetoError(f"no objective is called {name!r}; known are {', '.join(OBJECTIVES)}")
    points = [tuple(_worth(row, name) for name in objectives) for row in rows]
    return [index for index, point in enumerate(points) if not any(_beats(other, point) for other in points)]


def _worth(row: Row, name: str) -> float:
    """The more the better."""
    best, value = OBJECTIVES[name]
    return value(row) if best == "most" else -value(row)


def _beats(a: Sequence[float], b: Sequence[float]) -> bool:
    return a != b and all(x >= y for x, y in zip(a, b, strict=True))
