"""Where a network's accuracy goes: every layer of the quantised network beside the same layer in float, on the same images."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from quant_models.integers.view import frozen
from quant_models.judge.profile_records import ExitChange, OutputProfile, UnitProfile, WeightProfile
from quant_models.judge.quantisers import Quantised, Seen, Unit

__all__ = ["Profiled", "profile"]

BATCH = 250
SAMPLED = 1 << 14
"""Values of a layer's output that are kept of a batch, for the range of all but a thousandth of them."""
SATURATED = 0.5
COMMON = 0.001

Logits = Callable[[nn.Module, Tensor], Sequence[Tensor]]
"""Float logits ``[n, classes]``, by exit, of a network for images ``[n, channels, height, width]``."""


@dataclass(frozen=True, kw_only=True)
class Profiled:
    """By exit the share of right answers of the float and of the quantised network and what becomes of answers between them (``whole``),
    and every unit in the order in which they run."""

    float_accuracy: list[float]
    accuracy: list[float]
    whole: list[ExitChange]
    units: list[UnitProfile]


def profile(
    network: nn.Module, reference: nn.Module, logits: Logits, images: Tensor, labels: np.ndarray, *,
    named: Callable[[str], str] = str, tell: Callable[[int, int], None] = lambda done, total: None,
) -> Profiled:
    """Profile ``network`` on float ``images`` ``[n, channels, height, width]`` of int ``labels`` ``[n]``.

    ``reference`` is what is float beside it once its quantisers are off: the same network, or one of the same modules with other weights.
    ``logits`` runs either; ``named`` says how the unit at a path is called; ``tell`` is told how many runs of how many are done.
    """
    here = Quantised(network, lambda: logits(network, images[:1]), named)
    there = here if reference is network else Quantised(reference, lambda: logits(reference, images[:1]), named)
    with frozen(network), frozen(reference):
        work = _Work(network, reference, logits, here, there)
        steps = range(0, len(images), BATCH)
        for place, start in enumerate(steps):
            work.batch(images[start : start + BATCH], torch.from_numpy(np.asarray(labels[start : start + BATCH], np.int64)))
            tell(place + 1, len(steps))
        return work.found(len(images))


@dataclass
class _Sums:
    """What is summed up of one unit over all batches."""

    signal: float = 0.0
    noise: float = 0.0
    noise_alone: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    clipped: int = 0
    values: int = 0
    sample: list[np.ndarray] = field(default_factory=list)
    channel_low: Tensor | None = None
    channel_high: Tensor | None = None
    float_low: Tensor | None = None
    float_high: Tensor | None = None
    at_end: Tensor | None = None
    each: int = 0
    last: Seen | None = None


class _Work:
    def __init__(self, network: nn.Module, reference: nn.Module, logits: Logits, here: Quantised, there: Quantised) -> None:
        self.network, self.reference, self.logits, self.here, self.there = network, reference, logits, here, there
        self.sums = {unit.name: _Sums() for unit in here.units}
        self.right: dict[str, list[int]] = {}
        self.changes: dict[str, list[list[int]]] = {}
        self.generator = np.random.default_rng(0)

    def batch(self, x: Tensor, labels: Tensor) -> None:
        float_seen: dict[str, list[Seen]] = {}
        quantised_seen: dict[str, list[Seen]] = {}
        everything = set(self.here.names)
        base = self._answers("float", self.reference, self.there, (), x, labels, float_seen)
        all_on = self._answers("quantised", self.network, self.here, everything, x, labels, quantised_seen)
        self._change("whole", base, all_on)
        for unit in self.here.units:
            self._compare(unit, float_seen[unit.name], quantised_seen[unit.name])
            alone_seen: dict[str, list[Seen]] = {}
            found = self._answers("", self.reference, self.there, unit.quantisers, x, labels, alone_seen)
            self._change(f"{unit.name} alone", base, found)
            # One that runs several times has its own noise in what comes in from the second time on.
            pair = zip(float_seen[unit.name][:1], alone_seen[unit.name][:1], strict=True)
            self.sums[unit.name].noise_alone += sum(_power(b.gave - a.gave) for a, b in pair)
            if len(unit.quantisers) > 1:
                for name, part in zip(unit.quantisers, ("weight", "output"), strict=True):
                    self._change(f"{unit.name} {part}", base, self._answers("", self.reference, self.there, (name,), x, labels))
            others = everything - set(unit.quantisers)
            self._change(f"{unit.name} back", all_on, self._answers("", self.network, self.here, others, x, labels))

    def _answers(
        self, key: str, network: nn.Module, quantised: Quantised, on: Sequence[str] | set[str], x: Tensor, labels: Tensor,
        seen: dict[str, list[Seen]] | None = None,
    ) -> list[Tensor]:
        """By exit which images are right, counted under ``key``."""
        with quantised.switched(on, seen):
            found = [item.argmax(1) == labels for item in self.logits(network, x)]
        if key:
            counts = self.right.setdefault(key, [0] * len(found))
            self.right[key] = [count + int(item.sum()) for count, item in zip(counts, found, strict=True)]
        return found

    def _change(self, key: str, before: Sequence[Tensor], after: Sequence[Tensor]) -> None:
        counts = self.changes.setdefault(key, [[0, 0] for _ in before])
        for count, a, b in zip(counts, before, after, strict=True):
            count[0] += int((a & ~b).sum())
            count[1] += int((b & ~a).sum())

    def _compare(self, unit: Unit, before: Sequence[Seen], after: Sequence[Seen]) -> None:
        sums = self.sums[unit.name]
        for a, b in zip(before, after, strict=True):
            sums.signal += _power(a.gave)
            sums.noise += _power(b.gave - a.gave)
            x = a.gave.detach()
            sums.low, sums.high = min(sums.low, float(x.min())), max(sums.high, float(x.max()))
            flat = x.flatten().numpy()
            sums.sample.append(flat if len(flat) <= SAMPLED else flat[self.generator.integers(0, len(flat), SAMPLED)])
            if unit.output is None:
                continue
            low, high = self.here.ends(unit.output, b)
            assert b.scale is not None
            sums.clipped += int(((x < low - b.scale / 2) | (x > high + b.scale / 2)).sum())
            sums.values += x.numel()
            sums.last = b
            self._channels(unit.output, sums, x, b)

    def _channels(self, name: str, sums: _Sums, x: Tensor, seen: Seen) -> None:
        """Extremes of every channel, and how often it is at an end."""
        low, high = self.here.ends(name, seen)
        assert seen.scale is not None
        q = seen.quantised
        ends = (q > high - seen.scale / 2) | ((q < low + seen.scale / 2) & (low < -seen.scale / 2))
        for key, value, least in (("channel_low", q, True), ("channel_high", q, False), ("float_low", x, True), ("float_high", x, False)):
            rows = _rows(value)
            found, known = rows.amin(1) if least else rows.amax(1), getattr(sums, key)
            setattr(sums, key, found if known is None else (torch.minimum if least else torch.maximum)(known, found))
        count = _rows(ends.to(torch.float64)).sum(1)
        sums.at_end = count if sums.at_end is None else sums.at_end + count
        sums.each += q.numel() // len(count)

    def found(self, samples: int) -> Profiled:
        shares = {key: [count / samples for count in counts] for key, counts in self.right.items()}
        return Profiled(float_accuracy=shares["float"], accuracy=shares["quantised"], whole=self._told("whole"), units=[*self._units()])

    def _units(self) -> Iterator[UnitProfile]:
        for unit, other in zip(self.here.units, self.there.units, strict=True):
            sums = self.sums[unit.name]
            both = len(unit.quantisers) > 1
            yield UnitProfile(
                name=unit.name, kind=unit.kind, weight=None if unit.weight is None else self._weight(other),
                output=None if unit.output is None else self._output(unit.output, sums), sqnr=_decibels(sums.signal, sums.noise),
                sqnr_alone=_decibels(sums.signal, sums.noise_alone), alone=self._told(f"{unit.name} alone"),
                alone_weight=self._told(f"{unit.name} weight") if both else None,
                alone_output=self._told(f"{unit.name} output") if both else None, back=self._told(f"{unit.name} back"),
            )

    def _told(self, key: str) -> list[ExitChange]:
        return [ExitChange(lost=lost, gained=gained) for lost, gained in self.changes[key]]

    def _weight(self, unit: Unit) -> WeightProfile:
        seen = self.there.weights(unit)
        assert unit.weight is not None
        assert seen.scale is not None
        assert seen.bits is not None
        low, high = self.there.ends(unit.weight, seen)
        beyond = (seen.x < low - seen.scale / 2) | (seen.x > high + seen.scale / 2)
        return WeightProfile(
            bits=int(seen.bits), low=float(seen.x.min()), high=float(seen.x.max()), reach=float(high.max()),
            sqnr=_decibels(_power(seen.x), _power(seen.quantised - seen.x)), clipped=float(beyond.to(torch.float64).mean()),
            zeroed=float(((seen.quantised == 0) & (seen.x != 0)).to(torch.float64).mean()),
        )

    def _output(self, name: str, sums: _Sums) -> OutputProfile:
        seen = sums.last
        assert seen is not None
        assert seen.bits is not None
        low, high = self.here.ends(name, seen)
        common = np.quantile(np.concatenate(sums.sample), (COMMON, 1 - COMMON))
        assert sums.at_end is not None
        return OutputProfile(
            bits=int(seen.bits), signed=self.here.signed(name), low=sums.low, high=sums.high, common_low=float(common[0]),
            common_high=float(common[1]), range_low=float(low.min()), range_high=float(high.max()), clipped=sums.clipped / sums.values,
            channels=len(sums.at_end), dead=_constant(sums.channel_low, sums.channel_high),
            dead_float=_constant(sums.float_low, sums.float_high),
            saturated=None if int(seen.bits) == 1 else int((sums.at_end >= SATURATED * sums.each).sum()),
        )


def _constant(low: Tensor | None, high: Tensor | None) -> int:
    """How many channels are the same everywhere."""
    assert low is not None
    assert high is not None
    return int(torch.eq(low, high).sum())


def _rows(value: Tensor) -> Tensor:
    """``[n, channels, ...]`` as ``[channels, values]``."""
    return value.detach().transpose(0, 1).flatten(1)


def _power(value: Tensor) -> float:
    return float(value.detach().to(torch.float64).square().sum())


def _decibels(signal: float, noise: float) -> float | None:
    """None where there is no noise; without a signal as much as nothing."""
    if noise == 0:
        return None
    return 10 * math.log10(max(signal, noise * 1e-12) / noise)
