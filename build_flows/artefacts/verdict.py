"""Whether a design can be built: what its part has too little of, and whether it is expected to keep the clock that is set.

:func:`decide` alone says so, of what was predicted, synthesised or routed; everything that is shown of a design shows its answer.
"""

from collections.abc import Mapping
from typing import Literal

from build_flows.artefacts.resources import Capacity, ResourcesFile, Shares, Sums
from build_flows.base.parts import Part
from quant_models.records import Record

__all__ = ["NAMES", "PAIRED", "Basis", "Shortage", "Verdict", "capacity", "decide", "meets", "occupied", "shortages", "synthesised", "used"]

Number = int | float
Basis = Literal["predicted", "synthesised", "routed"]

NAMES = {"lut": "LUT", "lutram": "LUTRAM", "ff": "FF", "bram36": "BRAM36", "dsp": "DSP", "carry": "CARRY4"}
"""What must fit, by key; ``lut`` are all LUTs, those used as memory too."""

PAIRED = 0.7
"""Share of the LUTs that pairing would save, by sizes alone, that the verdict counts as saved. A LUT6 of the part is two small ones of
together at most five different inputs, and any placer makes pairs when room is short; but it also has to place them. Those beside carry
chains are never paired with each other (:mod:`build_flows.synthesis.carry_chains`)."""


class Shortage(Record):
    """Too little of ``resource``, one of the values of :data:`NAMES`: as many are ``used``, the part has ``available``."""

    resource: str
    used: Number
    available: Number

    def told(self, name: str | None = None) -> str:
        """As ``DSP: 303 of 220``; ``name`` in place of the resource's own."""
        return f"{name or self.resource}: {self.used:.15g} of {self.available:.15g}"


class Verdict(Record):
    """Whether a design ``fits`` its ``part`` and what is ``short``, with the ``shares`` that it takes,
    by ``basis``: predicted by the cost model before synthesis,
    synthesised by Yosys, or routed (the whole design, by Vivado or nextpnr). ``clock_mhz`` is set; ``fmax_estimate_mhz`` estimated from the
    netlist, or of what was routed (None: not estimated), and ``meets_clock`` whether that is enough (None: not known).
    ``expected_clock_mhz`` is the lower of the two: the clock that it can be expected to run at, as far as that is known."""

    fits: bool
    basis: Basis
    part: str
    short: list[Shortage]
    shares: Shares
    clock_mhz: float
    fmax_estimate_mhz: float | None
    meets_clock: bool | None
    expected_clock_mhz: float

    @property
    def fullest(self) -> tuple[str, float]:
        """The resource of which it takes the greatest share, one of the values of :data:`NAMES`, and that share."""
        key = max(NAMES, key=lambda item: float(getattr(self.shares, item)))
        return NAMES[key], getattr(self.shares, key)

    @property
    def buildable(self) -> bool:
        """Whether it fits and, as far as that is known, keeps its clock."""
        return self.fits and self.meets_clock is not False

    def rate(self, cycles_per_sample: float) -> float:
        """Samples a second at ``expected_clock_mhz``."""
        return self.expected_clock_mhz * 1e6 / cycles_per_sample


def shortages(taken: Mapping[str, Number], there: Capacity) -> list[Shortage]:
    """What ``there`` is too little of for ``taken``, both by the keys of :data:`NAMES`; empty when all fits."""
    return [
        Shortage(resource=name, used=taken[key], available=getattr(there, key))
        for key, name in NAMES.items() if taken[key] > getattr(there, key)
    ]


def meets(clock_mhz: float, fmax_mhz: float | None) -> bool | None:
    """Whether a design that may run at ``fmax_mhz`` keeps the clock that is set; None where that is not known."""
    return None if fmax_mhz is None else fmax_mhz >= clock_mhz


def decide(
    basis: Basis, part: str, taken: Mapping[str, Number], there: Capacity, clock_mhz: float, fmax_mhz: float | None
) -> Verdict:
    """The verdict on a design that takes ``taken`` (by the keys of :data:`NAMES`) of ``part``, which has ``there``, at the clock that is
    set, when it may run at ``fmax_mhz`` (None: not estimated)."""
    short = shortages(taken, there)
    # What is routed tells no CARRY4.
    shares = Shares(**{key: round(taken[key] / getattr(there, key), 4) for key in NAMES if getattr(there, key) or taken[key]})
    return Verdict(
        fits=not short, basis=basis, part=part, short=short, shares=shares, clock_mhz=clock_mhz, fmax_estimate_mhz=fmax_mhz,
        meets_clock=meets(clock_mhz, fmax_mhz), expected_clock_mhz=clock_mhz if fmax_mhz is None else min(clock_mhz, fmax_mhz),
    )


def synthesised(found: ResourcesFile, part: Part | None = None) -> Verdict:
    """The verdict on what ``resources.json`` tells: by the tools that have built that netlist for this part, where they tell of timing,
    else by Yosys; on ``part`` (None: the one that the file is of)."""
    vivado, placed, name = found.vivado, found.open, found.part if part is None else part.name
    if vivado is not None and vivado.part == name:
        told = decide("routed", name, used(vivado.utilisation), vivado.capacity, found.clock_mhz, vivado.timing.fmax_mhz)
        # The clock that the processing system really gives may differ a little from the one that is set; that one was routed for.
        return told.replace(meets_clock=True, expected_clock_mhz=found.clock_mhz) if vivado.timing.met else told
    if placed is not None and placed.part == name and placed.timing is not None:
        told = decide("routed", name, used(placed.utilisation), placed.capacity, found.clock_mhz, placed.timing.fmax_mhz)
        # What was placed fits, however its LUTs are counted.
        told = told.replace(fits=True, short=[])
        return told.replace(meets_clock=True, expected_clock_mhz=found.clock_mhz) if placed.timing.met else told
    there = found.capacity if part is None else capacity(part)
    return decide("synthesised", name, used(found.total), there, found.clock_mhz, found.fmax_estimate_mhz)


def occupied(lut: float, pairable: float) -> int:
    """LUTs of the part that ``lut`` of logic take, ``pairable`` of which another could have beside it: :data:`PAIRED` of these do not
    count."""
    return round(lut - PAIRED * pairable)


def capacity(part: Part) -> Capacity:
    """What ``part`` has."""
    return Capacity(**{key: getattr(part, key) for key in NAMES})


def used(taken: Sums | Capacity) -> dict[str, Number]:
    """What ``taken`` (``lut`` of logic) uses, by the keys of :data:`NAMES`; its LUTs of memory are LUTs too. Vivado counts pairs once; of
    what Yosys counts they are as :func:`occupied` says."""
    lut = occupied(taken.lut, taken.lut - taken.lut_paired) if isinstance(taken, Sums) else taken.lut
    return {**{key: getattr(taken, key) for key in NAMES}, "lut": lut + taken.lutram}
