"""Which exit every sample takes, with which class and which confidence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.golden.errors import GoldenError
from sim.golden.exits import Exit
from sim.golden.network import GoldenNet
from sim.golden.policies import POLICIES, Score, Side

__all__ = ["Decisions", "decide", "decide_images", "scores"]


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """Per sample ``[n]``: the class, the exit taken and the policy's score there (not yet saturated), all int64."""

    label: npt.NDArray[np.int64]
    exit: npt.NDArray[np.int64]
    confidence: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.label)


def decide(
    logits: Sequence[npt.NDArray[np.int64]], exits: Sequence[Exit], gates: Mapping[int, npt.NDArray[np.int64]] | None = None
) -> Decisions:
    """A sample leaves at the first enabled exit whose policy fires, or at the last one, whatever its policy says.

    ``logits`` is one int64 ``[n, classes]`` array per exit; equal logits go to the lowest class. Exits with policy ``patience`` that follow
    each other count together; any other exit between them starts the count anew. ``gates`` are the logits of gate heads, int64 ``[n]``,
    by exit, for those with policy ``gate``.
    """
    found = list(scores(logits, exits, gates))
    count = len(logits[0])
    label, taken, confidence = (np.zeros(count, np.int64) for _ in range(3))
    inside = np.ones(count, np.bool_)
    for index, (values, exit_, score) in enumerate(zip(logits, exits, found, strict=True)):
        last = index == len(exits) - 1
        # a disabled exit decides like `never`, and the last one leaves with its own policy's score
        leaves = inside & (score.leaves | last) & (exit_.enabled or last)
        label[leaves] = values[leaves].argmax(axis=1)
        taken[leaves] = index
        confidence[leaves] = score.confidence[leaves]
        inside &= ~leaves
    return Decisions(label=label, exit=taken, confidence=confidence)


def decide_images(net: GoldenNet, exits: Sequence[Exit], images: npt.NDArray[np.uint8]) -> Decisions:
    """What ``net`` with ``exits`` makes of ``images`` (as :meth:`~sim.golden.network.GoldenNet.run` takes them), gate heads included."""
    gates: dict[int, npt.NDArray[np.int64]] = {}
    return decide(net.run(images, gates=gates), exits, gates)


def scores(
    logits: Sequence[npt.NDArray[np.int64]], exits: Sequence[Exit], gates: Mapping[int, npt.NDArray[np.int64]] | None = None
) -> Iterator[Score]:
    """Every exit's score of all samples, as if none had left before; arguments are those of :func:`decide`."""
    if len(logits) != len(exits) or not exits:
        raise GoldenError(f"logits must be one array per exit, not {len(logits)} for {len(exits)} exits")
    token = Side()
    for index, (values, exit_) in enumerate(zip(logits, exits, strict=True)):
        if exit_.policy not in POLICIES:
            raise GoldenError(f"exit {index}: policy must be one of {', '.join(sorted(POLICIES))}, not {exit_.policy!r}")
        side = Side(gate=(gates or {}).get(index), label=token.label, run=token.run)
        score = POLICIES[exit_.policy](values, exit_.threshold, exit_.params, side)
        token = Side() if score.run is None else Side(label=values.argmax(axis=1), run=score.run)
        yield score
