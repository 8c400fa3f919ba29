"""A made-up exploration for the tests of its page, its plots and its CSV: a B-LeNet-like network, whose figures follow from rules."""

from functools import lru_cache
from itertools import product
from random import Random

from build_flows.artefacts.explore import Cloud, Errors, Evaluated, ExitPays, ExploreFile, Failed, Outcome, PlacedExit, PointRecord
from build_flows.artefacts.resources import Capacity

__all__ = ["changed", "sample", "unverified"]

CAPACITY = Capacity(lut=53200, lutram=17400, ff=106400, bram36=140, dsp=220, carry=13300)
PLACES: dict[tuple[int, ...], tuple[float, ...]] = {(): (), (0,): (0.76,), (1,): (0.82,), (0, 1): (0.78, 0.07)}
"""Where exits are, and the shares that leave there where half a point may be lost."""
BEHIND = {0: 0.9, 1: 0.3}
"""The share of the network behind a block."""
CLOCK = 125.0
IMAGES = 10_000
CYCLES = (192, 224, 256, 320, 384, 448, 576, 720, 864, 1024, 1296, 1728, 2592)
THRESHOLDS = {"softmax": 0.85, "max_logit": 6.25, "entropy": 0.42}


@lru_cache
def sample() -> ExploreFile:
    """The exploration; always the same."""
    points = [point for point in _space() if point.predicted.fits]
    early, without = [point for point in points if point.exits], [point for point in points if not point.exits]
    front = _front(early)
    front = [_verified(point, index) if index % 3 else point for index, point in enumerate(front)]
    alone = [_verified(next(point for point in without if point.weight_bits == bits), bits) for bits in (4, 3, 2)]
    moved = [_verified(point, 40).replace(name=f"{point.name}-moved", config=f"{point.name}-moved/config.toml")
             for point in early[5:6]]
    return ExploreFile(
        name="explore_b_lenet", source="examples/explore_b_lenet.toml", part="xc7z020clg400-1", capacity=CAPACITY,
        objectives=["accuracy", "throughput", "lut"], must={"accuracy": 0.85, "samples_per_second": 20_000},
        evaluated=Evaluated(size=4320, points=4320, thresholds=19_440, complete=True, fitting=len(points), seconds=171.4, optimiser=None),
        hypervolume=0.7312, reference=[0.85, 20_000.0, 53_200.0], ideal=[0.92, 600_000.0, 4000.0], front=front, alone=alone, moved=moved,
        failed=[Failed(name="e01-conv-w4a4-c96", error="the FIFOs of stage 1 were not found")], pays=_pays(front),
        cloud=Cloud(accuracy=[point.predicted.accuracy for point in points],
                    samples_per_second=[point.predicted.samples_per_second for point in points],
                    lut=[point.predicted.lut for point in points], exits=[len(point.exits) for point in points]),
        seed=1, confidence=0.95,
    )


def changed(found: ExploreFile, name: str, /, **changes: object) -> ExploreFile:
    """``found`` with other values in the design ``name``."""
    def new(points: list[PointRecord]) -> list[PointRecord]:
        return [point.replace(**changes) if point.name == name else point for point in points]

    return found.replace(front=new(found.front), alone=new(found.alone), moved=new(found.moved))


def unverified(found: ExploreFile) -> ExploreFile:
    """``found`` before anything was verified."""
    def new(points: list[PointRecord]) -> list[PointRecord]:
        return [point.replace(measured=None, errors=None, harm_bound=None) for point in points]

    return found.replace(front=new(found.front), alone=new(found.alone), moved=[], failed=[])


def _space() -> list[PointRecord]:
    """Every design, in order."""
    draw = Random(1)
    found = []
    for places, head, bits, cycles, loss in product(PLACES, ("conv", "pool"), (2, 3, 4), CYCLES, (0.25, 0.5, 1.0, 2.0)):
        if not places and (head, loss) != ("conv", 0.25):
            continue
        policy = list(THRESHOLDS)[draw.randrange(3)]
        exits = [PlacedExit(after=after, head=head, policy=policy, threshold=THRESHOLDS[policy]) for after in places]
        easy = (0.94 + 0.07 * loss) * (0.9 if head == "pool" else 1.0) * draw.uniform(0.97, 1.0)
        leave = [min(0.92 if index == 0 else 0.08, share * easy) for index, share in enumerate(PLACES[places])]
        told = "".join(map(str, places))
        name = f"e{told}-{head}-{policy}-w{bits}-c{cycles}-l{loss:g}" if places else f"alone-w{bits}-c{cycles}"
        accuracy = {2: 0.884, 3: 0.9, 4: 0.911}[bits] - 0.008 * loss * len(places) ** 0.3 * bool(places) + draw.uniform(-0.0015, 0.0015)
        found.append(PointRecord(
            name=name, exits=exits, weight_bits=bits, act_bits=bits, cycles=cycles, utilisation=0.8, loss=loss if places else None,
            predicted=_outcome(accuracy, exits, leave, bits, cycles), config=f"{name}/config.toml",
        ))
    return found


def _outcome(accuracy: float, exits: list[PlacedExit], leave: list[float], bits: int, cycles: int) -> Outcome:
    """What such a design takes: what stands behind an exit is built for those that do not leave there."""
    work = 1 - sum(share * BEHIND[item.after] for item, share in zip(exits, leave, strict=True))
    head = sum(3.0 if item.head == "conv" else 1.0 for item in exits)
    lut = round(2600 + 900 * head + 4.6e6 * bits * work / cycles)
    dsp = round(45_000 * bits * work / cycles + 4 * head)
    taken = {"lut": lut, "ff": round(1.5 * lut), "bram36": 4.5 + 3 * len(exits) + bits, "dsp": dsp}
    short = [f"{key.upper()}: {value} of {getattr(CAPACITY, key):g}" for key, value in taken.items() if value > getattr(CAPACITY, key)]
    paced = cycles * (1 + 0.012 * len(exits))
    return Outcome(
        accuracy=round(accuracy, 4), accuracy_interval=(accuracy - 0.0078, accuracy + 0.0073), samples=6000,
        shares=[*leave, 1 - sum(leave)],
        cycles_per_sample=paced, samples_per_second=1e6 * CLOCK / paced, clock_mhz=CLOCK, fits=not short, short=short, **taken,
    )


def _front(points: list[PointRecord]) -> list[PointRecord]:
    """Designs that no other one beats, fewer where many are alike."""
    kept: list[PointRecord] = []
    for point in sorted(points, key=lambda point: (-point.predicted.samples_per_second, -point.predicted.accuracy)):
        new = point.predicted
        if all(new.accuracy > other.predicted.accuracy + 0.001 or new.lut < 0.8 * other.predicted.lut for other in kept):
            kept.append(point)
    return kept


def _verified(point: PointRecord, seed: int) -> PointRecord:
    """``point`` with what verification might have found."""
    draw, told = Random(seed), point.predicted
    cycles, lut, ff = (1 + draw.uniform(-0.02, 0.02) for _ in range(3))
    accuracy = round(told.accuracy - 0.0011 * point.weight_bits + draw.uniform(-0.0012, 0.0012), 4)
    moved = draw.uniform(-0.008, 0.008) if point.exits else 0.0
    shares = [told.shares[0] + moved, *told.shares[1:-1], told.shares[-1] - moved] if point.exits else [1.0]
    measured = told.replace(
        accuracy=accuracy, accuracy_interval=(accuracy - 0.0059, accuracy + 0.0056), samples=IMAGES, shares=shares,
        cycles_per_sample=round(told.cycles_per_sample / cycles, 2), samples_per_second=told.samples_per_second * cycles,
        lut=round(told.lut / (1 + 3 * (lut - 1))), ff=round(told.ff / ff),
    )
    errors = Errors(
        cycles=told.cycles_per_sample / measured.cycles_per_sample - 1, lut=told.lut / measured.lut - 1, ff=told.ff / measured.ff - 1,
        bram36=0, dsp=0, shares=moved, accuracy=told.accuracy - accuracy,
        inside=told.accuracy_interval[0] <= measured.accuracy_interval[1] and measured.accuracy_interval[0] <= told.accuracy_interval[1],
    )
    return point.replace(measured=measured, errors=errors, harm_bound=0.001 + 0.01 * (point.loss or 0) if point.exits else None)


def _pays(front: list[PointRecord]) -> list[ExitPays]:
    found = []
    for point in front:
        passed = 1.0
        for index, item in enumerate(point.exits):
            left, cost = point.predicted.shares[index], 0.12 if item.head == "conv" else 0.02
            saved = left * BEHIND[item.after]
            found.append(ExitPays(point=point.name, exit=index, after=item.after, head=item.head, passed=passed, left=left, cost=cost,
                                  saved=saved, pays=saved > cost * passed))
            passed -= left
    return found


def counted(found: ExploreFile, off: float = 1.1) -> ExploreFile:
    """``found``, weighed by what a sample switches too: half a LUT a cycle of it, and ``off`` times as much where it was measured."""
    def point(item: PointRecord) -> PointRecord:
        told = item.predicted.replace(energy=0.5 * item.predicted.lut * item.predicted.cycles_per_sample)
        if item.measured is None or item.errors is None or told.energy is None:
            return item.replace(predicted=told)
        return item.replace(predicted=told, measured=item.measured.replace(energy=off * told.energy),
                            errors=item.errors.replace(energy=1 / off - 1))

    return found.replace(objectives=[*found.objectives, "energy"],
                         **{key: [point(item) for item in getattr(found, key)] for key in ("front", "alone", "moved")})
