"""The network that is evaluated: what it answers, what its layers cost, and whether it can be attacked."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quant_models.exits.deciding import Gates
from quant_models.networks.cost import Cost, LayerCost, exit_costs, last_alone, layer_costs

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
    from quant_models.integers.view import integer_outputs
    from quant_models.judge.slowdown import slow_down
    from quant_models.networks.checkpoint import load_model

    model = load_model(checkpoint)
    return Evaluated(
        run=lambda images: integer_outputs(model, images), layers=layer_costs(model.spec), exits=exit_costs(model.spec),
        last=last_alone(model.spec), attack=lambda images, eps, steps, step: slow_down(model, images, eps=eps, steps=steps, step=step),
    )


def _own(file: Path) -> Evaluated:
    """Layers are counted as they are built: a depthwise convolution as one of all channels."""
    from build_flows.planning.read_network import read_network
    from sim import golden

    net, network = golden.load(file), read_network(file)
    layers = []
    for k, (stage, head) in enumerate(zip(network.stages, network.heads, strict=True)):
        for where, chain in (("stage", stage), ("head", head)):
            layers += [LayerCost(name=layer.name, where=where, index=k, cost=Cost(
                macs=layer.macs, bitops=layer.macs * layer.weight_bits * layer.in_bits)) for layer in chain]
    count = len(network.heads)
    return Evaluated(
        run=lambda images: (net.run(images), {}), layers=layers,
        exits=[sum((item.cost for item in layers if item.index <= k), Cost()) for k in range(count)],
        last=sum((item.cost for item in layers if item.where == "stage" or item.index == count - 1), Cost()), attack=None,
    )
