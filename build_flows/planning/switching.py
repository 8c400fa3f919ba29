"""What a design is predicted to switch a sample, weighed as in docs/energy.md: relative, and no joules.

What counting finds (:mod:`build_flows.artefacts.energy`) is a unit's resources times the changes of a bit of it a cycle. Units of a kind
change about as often as each other in the cycles in which they work, and next to nothing in the others (digits: 0.0001 a cycle without
images). How often was fitted to ``examples/digits.toml`` and six designs of b_lenet, 100 to 1268 cycles a sample, 200 images each; bodies
that they have none of are taken to be as ``shared``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from build_flows.artefacts.energy import Switching
from build_flows.planning.cost_model import Cost
from build_flows.planning.folding import Folding

__all__ = ["ACTIVITY", "FIRST", "GLUE", "GLUE_WORD", "Layer", "layers", "switching"]

FIRST = "first"
"""What stands for the body of a static layer that reads the image: pixels have twice the bits of what later layers read."""

ACTIVITY = {
    FIRST: 0.18, "static": 0.125, "finn": 0.1, "shared": 0.125, "shared_lut": 0.1, "shared_bits": 0.125, "depthwise": 0.125, "pool": 0.3,
}
"""By body: changes of a bit a cycle in which a layer works."""
GLUE, GLUE_WORD = 0.01, 0.068
"""Changes of a bit of all that is no layer, a cycle, and for each word of an image."""


@dataclass(frozen=True)
class Layer:
    """A layer of a folding: its ``stage``, ``body``, ``cycles`` a frame, and ``cost``."""

    stage: int
    body: str
    cycles: int
    cost: Cost


def layers(folding: Folding) -> tuple[Layer, ...]:
    """The layers of ``folding`` that are units of their own."""
    first = folding.network.layers[0].name
    return tuple(
        Layer(plan.stage, FIRST if name == first and folding.folds[name].body == "static" else folding.folds[name].body, plan.cycles,
              plan.cost) for name, plan in folding.plans.items() if plan.units)


def switching(found: Sequence[Layer], other: Cost, arrive: Sequence[float], cycles: float, words: int) -> Switching:
    """What a sample of so many ``words`` switches at full rate, one every ``cycles``, where the shares ``arrive`` reach the stages;
    ``other`` is what is no layer."""
    total = _switched(other, GLUE + GLUE_WORD * words / cycles, cycles)
    for layer in found:
        works = min(1.0, arrive[layer.stage] * layer.cycles / cycles)
        total += _switched(layer.cost, ACTIVITY[layer.body] * works, cycles)
    return total


def _switched(cost: Cost, activity: float, cycles: float) -> Switching:
    often = activity * cycles
    return Switching(lut=often * cost.lut, ff=often * cost.ff, dsp=often * cost.dsp, bram36=often * cost.bram18 / 2,
                     clock=cycles * cost.ff)
