"""Which designs of a front are worth a verification first."""

from collections.abc import Sequence

import numpy as np

from build_flows.explore.objectives import Floats

__all__ = ["spread"]


def spread(scaled: Floats) -> list[int]:
    """The rows of ``scaled`` (``[designs, objectives]``, each from 0, the best, to 1) in the order in which they say most of it: the best
    one of each objective, the one nearest to all the best, then always the one that lies farthest from those before it."""
    if not len(scaled):
        return []
    rest = scaled.sum(axis=1)
    first = [int(np.lexsort((rest, scaled[:, column]))[0]) for column in range(scaled.shape[1])]
    order: list[int] = list(dict.fromkeys([*first, int(np.argmin((scaled**2).sum(axis=1)))]))
    near = np.min(_distances(scaled, order), axis=1)
    while len(order) < len(scaled):
        near[order] = -1.0
        found = int(np.argmax(near))
        order.append(found)
        near = np.minimum(near, _distances(scaled, [found])[:, 0])
    return order


def _distances(scaled: Floats, to: Sequence[int]) -> Floats:
    found: Floats = np.linalg.norm(scaled[:, None, :] - scaled[None, list(to), :], axis=2)
    return found
