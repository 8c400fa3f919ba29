"""Which image every result belongs to: ids count within a batch and wrap, batches follow one another."""

from collections import deque
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from sim.errors import SimulationError

__all__ = ["positions"]


def positions(ids: Sequence[int], last: Sequence[bool], batches: Sequence[int], id_bits: int) -> npt.NDArray[np.int64]:
    """Index of the image of every result, int64 ``[n]``, images counted through all ``batches`` (their lengths).

    Results of one batch may come in any order, those of different batches not. Raises :class:`SimulationError` for a result that is
    doubled, of no image, or missing, and for a batch whose end is not marked where it should be.
    """
    found: list[int] = []
    start = 0
    for number, length in enumerate(batches):
        pending: dict[int, deque[int]] = {}
        for position in range(length):
            pending.setdefault(position % (1 << id_bits), deque()).append(position)
        got, marks = ids[start : start + length], last[start : start + length]
        for offset, (id_, mark) in enumerate(zip(got, marks, strict=True)):
            places = pending.get(id_)
            if not places:
                raise SimulationError(f"batch {number}, result {offset}: id {id_} was there already or belongs to no image of this batch")
            found.append(start + places.popleft())
            if mark != (offset == length - 1):
                raise SimulationError(f"batch {number}, result {offset} of {length}: TLAST is {int(mark)}")
        if len(got) < length:
            lost = sorted(position for places in pending.values() for position in places)
            raise SimulationError(f"batch {number}: {len(got)} of {length} results came; the first image without one is {start + lost[0]}")
        start += length
    if len(ids) > start:
        raise SimulationError(f"{len(ids) - start} results more than the {start} images sent")
    return np.array(found, np.int64)
