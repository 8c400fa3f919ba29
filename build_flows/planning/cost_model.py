"""The cost model's coefficients: LUTs and flip-flops of a unit as a weighted sum of what it is made of.

They are fitted to synthesised units by :mod:`benchmarks.cost_fit`, which writes them to ``cost_model.json`` together with how it did so.
DSPs, block RAMs and LUTs used as memory are not fitted: they follow from the RTL (:mod:`build_flows.planning.layer_costs`,
:mod:`build_flows.planning.memory_map`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from build_flows.artefacts.verdict import occupied
from build_flows.base.parts import Part
from build_flows.planning.unit_terms import Terms
from quant_models.records import Artefact, Record

__all__ = [
    "FILE", "FITTED", "LITTLE", "Cost", "CostModel", "Fit", "FitError", "FitRow", "coefficients", "memory_luts", "price", "read_model",
    "weigh",
]

FILE = Path(__file__).parent / "cost_model.json"
__sources__ = ("cost_model.json",)
FITTED = ("lut", "pairable", "ff", "carry")
"""What is fitted; ``lut`` in the file is logic alone, ``pairable`` those of it that would be saved if all that can shared a LUT, ``carry``
CARRY4."""

LITTLE = 0.5
"""What a part that has nothing of a resource is taken to have of it, so that shares of it are numbers."""

Coefficients = Mapping[str, Mapping[str, float]]
Numbers = dict[str, int | float]


class FitError(Record):
    """Over ``units`` held out: the mean error of the ``model`` and of FINN's estimate (None: it has none), each weighed by size, and the
    ``worst`` of a unit."""

    units: int
    model: float
    worst: float
    finn: float | None


class Fit(Record):
    """How coefficients were found: the ``command``, ``method`` and tools, the ``networks`` whose ``units`` (by kind, how many) were
    synthesised, and the errors by kind and resource."""

    command: str
    method: str
    synthesis: str
    finn: str
    networks: list[str]
    units: dict[str, int]
    errors: dict[str, dict[str, FitError]]


class FitRow(Record):
    """A synthesised unit: whether it was ``held_out`` of the fit, what it is made of (``terms``), what was ``found`` of it by resource and
    what FINN estimated, and what follows from its RTL."""

    name: str
    kind: str
    held_out: bool
    terms: Numbers
    found: Numbers
    finn: Numbers
    lutram: int
    bram18: int
    dsp: int


class CostModel(Artefact):
    """``cost_model.json``: coefficients by kind of ``units``, resource and term, and what they were found from."""

    units: dict[str, dict[str, dict[str, float]]]
    fit: Fit
    rows: list[FitRow]


@dataclass(frozen=True)
class Cost:
    """Estimated resources. ``lut`` includes ``lutram`` (LUTs that are memory or shift register) and is before pairing, which could save
    ``pairable``; ``bram18`` are half blocks, ``carry`` CARRY4, of which a slice has one."""

    lut: int = 0
    lutram: int = 0
    ff: int = 0
    bram18: int = 0
    dsp: int = 0
    carry: int = 0
    pairable: int = 0

    @property
    def occupied(self) -> int:
        """LUTs of the part, as the verdict counts them (:func:`build_flows.artefacts.verdict.occupied`)."""
        return occupied(self.lut, self.pairable)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.lut + other.lut, self.lutram + other.lutram, self.ff + other.ff, self.bram18 + other.bram18, self.dsp + other.dsp,
            self.carry + other.carry, self.pairable + other.pairable,
        )

    def shares(self, part: Part) -> dict[str, float]:
        """The share of ``part`` that each resource takes, by name (1: all there is; of what it has none, one is more than all)."""
        taken = {"LUT": (self.occupied, part.lut), "LUTRAM": (self.lutram, part.lutram), "FF": (self.ff, part.ff),
                 "BRAM18": (self.bram18, part.bram18), "DSP": (self.dsp, part.dsp), "CARRY4": (self.carry, part.carry)}
        return {name: used / max(there, LITTLE) for name, (used, there) in taken.items()}


@cache
def read_model(path: Path = FILE) -> CostModel:
    """The file whole. Raises :class:`quant_models.records.ArtefactError` when it cannot be used."""
    return CostModel.load(path)


def coefficients(kind: str) -> Coefficients:
    """What each term of a unit of ``kind`` weighs, by resource (:data:`FITTED`). Raises KeyError for an unknown kind."""
    return read_model().units[kind]


def price(kind: str, terms: Terms, *, bram18: int = 0, dsp: int = 0) -> Cost:
    """The cost of a unit of ``kind`` made of ``terms``."""
    found = {resource: round(weigh(terms, weights)) for resource, weights in coefficients(kind).items()}
    lutram = memory_luts(terms)
    return Cost(lut=found["lut"] + lutram, lutram=lutram, ff=found["ff"], bram18=bram18, dsp=dsp,
                carry=found["carry"], pairable=min(found["lut"], found["pairable"]))


def memory_luts(terms: Terms) -> int:
    """The LUTs among ``terms`` that are memory or shift register."""
    return int(terms.get("memory", 0) + terms.get("shift", 0))


def weigh(terms: Terms, weights: Mapping[str, float]) -> float:
    """The weighted sum; a term without a weight counts nothing."""
    return sum(weight * terms[name] for name, weight in weights.items())
