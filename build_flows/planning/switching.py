"""What a design is predicted to switch a sample, weighed as in docs/energy.md: relative, and no joules.

What counting finds (:mod:`build_flows.artefacts.energy`) is a unit's resources times the changes of a bit of it a cycle. Units of a kind
change about as often as each other in the cycles in which they work, and next to nothing in the others (digits: 0.0001 a cycle without
images). How often was counted in ``examples/digits.toml``, 200 images, and for bodies that it has none of taken to be as of ``shared``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from build_flows.artefacts.energy import Switching
from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import Folding

__all__ = ["ACTIVITY", "GLUE", "Layer", "layers", "switching"]

ACTIVITY = {
    "finn": 0.08, "static": 0.15, "shared": 0.12, "shared_lut": 0.12, "shared_bits": 0.12, "depthwise": 0.12, "pool": 0.12,
}
"""By body: changes of a bit a cycle in which a layer works."""
GLUE = 0.03
"""The same of all that is no layer, in each cycle at full rate."""


@dataclass(frozen=True)
class Layer:
    """A layer of a folding: its ``stage``, ``body``, ``cycles`` a frame, and ``cost``."""

    stage: int
    body: str
    cycles: int
    cost: Cost


def layers(folding: Folding) -> tuple[Layer, ...]:
    """The layers of ``folding`` that are units of their own."""
    return tuple(Layer(plan.stage, folding.folds[name].body, plan.cycles, plan.cost) for name, plan in folding.plans.items() if plan.units)


def switching(found: Sequence[Layer], other: Cost, arrive: Sequence[float], cycles: float) -> Switching:
    """What a sample switches at full rate, one every ``cycles``, where the shares ``arrive`` reach the stages; ``other`` is what is no
    layer."""
    total = _switched(other, GLUE, cycles)
    for layer in found:
        works = min(1.0, arrive[layer.stage] * layer.cycles / cycles)
        total += _switched(layer.cost, ACTIVITY[layer.body] * works, cycles)
    return total


def _switched(cost: Cost, activity: float, cycles: float) -> Switching:
    often = activity * cycles
    return Switching(lut=often * cost.lut, ff=often * cost.ff, dsp=often * cost.dsp, bram36=often * cost.bram18 / 2,
                     clock=cycles * cost.ff)
