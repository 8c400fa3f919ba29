"""The network that is evaluated: what it answers, what its layers cost, and whether it can be attacked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from build_flows.planning.computed import exit_costs, last_alone, layer_costs
from build_flows.planning.read_network import from_meta, read_network
from quant_models.exits.deciding import Gates
from quant_models.networks.cost import Cost, LayerCost

__all__ = ["Evaluated", "evaluated"]

Logits = Sequence[np.ndarray]
Attack = Callable[[np.ndarray, int, int, int], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """``run`` gives the exact integer logits of every exit, and those of gate heads, of images (uint8 NHWC). ``layers`` have what each
    costs a sample, ``exits`` what one costs that leaves there, ``last`` what all cost without early exits. ``attack(images, eps, steps,
    step)`` crafts images against the exits (None: there is no float network here whose gradients show how)."""

    run: Callable[[np.ndarray], tuple[Logits, Gates]]
    layers: Sequence[LayerCost]
    exits: Sequence[Cost]
    last: Cost
    attack: Attack | None


def evaluated(inputs: Mapping[str, Path]) -> Evaluated:
    """The network in ``inputs``: its ``checkpoint``, or, of one of the user's own, its integers, ``golden``."""
    return _preset(inputs["checkpoint"]) if "checkpoint" in inputs else _own(inputs["golden"])


def _preset(checkpoint: Path) -> Evaluated:
    from quant_models.integers.describe import describe
    from quant_models.integers.view import integer_outputs
    from quant_models.judge.slowdown import slow_down
    from quant_models.networks.checkpoint import load_model

    model = load_model(checkpoint)
    network = from_meta(*describe(model.spec))
    return Evaluated(
        run=lambda images: integer_outputs(model, images), layers=layer_costs(network), exits=exit_costs(network), last=last_alone(network),
        attack=lambda images, eps, steps, step: slow_down(model, images, eps=eps, steps=steps, step=step),
    )


def _own(file: Path) -> Evaluated:
    from sim import golden

    net, network = golden.load(file), read_network(file)
    return Evaluated(
        run=lambda images: (net.run(images), {}), layers=layer_costs(network), exits=exit_costs(network), last=last_alone(network),
        attack=None,
    )
