"""What the schemes share that train heads on a backbone that does not move."""

import hashlib
import json
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor, nn
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.networks.net import MultiExitNet
from quant_models.training.schemes.base import Batch, Described, Part, scalar

__all__ = ["begin_heads", "check_heads", "early", "head_losses", "head_parts", "new_heads"]


def early(spec: Described, exits: Sequence[int] | None) -> tuple[int, ...]:
    """``exits``, or all early ones of ``spec`` when None."""
    return tuple(range(spec.exits - 1)) if exits is None else tuple(exits)


def check_heads(spec: Described, exits: Sequence[int] | None) -> None:
    """Raise :class:`QuantModelError` unless ``exits`` are early exits of ``spec``, each once."""
    wanted = early(spec, exits)
    if len(set(wanted)) != len(wanted) or any(not 0 <= k < spec.exits - 1 for k in wanted):
        there = f"0 to {spec.exits - 2}" if spec.exits > 1 else "none"
        raise QuantModelError(f"exits must be early exits of {spec.name}, each once ({there}), not {list(wanted)}")


def head_parts(exits: Sequence[int]) -> tuple[Part, ...]:
    """Each head by itself."""
    return tuple(Part(name=f"head {k}", prefixes=(f"heads.{k}.",), exits=(k,)) for k in exits)


def begin_heads(model: MultiExitNet, exits: Sequence[int]) -> None:
    """Heads of ``exits`` in training mode, all else in evaluation mode: the batch norms there are fixed too."""
    model.eval()
    for k in exits:
        model.heads[k].train()


def head_losses(model: MultiExitNet, batch: Batch, exits: Sequence[int]) -> tuple[Tensor, dict[str, float]]:
    """Sum of the heads' cross-entropies on features without gradient: no head's gradient depends on another head."""
    losses, told = [], {}
    with torch.no_grad():
        stages = iter(model.features(batch.x))
        features = [next(stages) for _ in range(max(exits) + 1)]
    for k in sorted(exits):
        losses.append(functional.cross_entropy(model.head(k, features[k]), batch.y))
        told[f"exit {k}"] = scalar(losses[-1])
    return torch.stack(losses).sum(), told


def new_heads(model: MultiExitNet, exits: Sequence[int], seed: int) -> None:
    """Weights of the heads of ``exits`` from ``seed`` and the head's place and layers alone, so that they are the same in any layout."""
    spec = model.spec
    depths = list(accumulate(len(stage) for stage in spec.stages))
    described = json.loads(spec.to_json())["heads"]
    for k in exits:
        text = json.dumps([seed, depths[k], described[k]], sort_keys=True)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big"))
            for module in model.heads[k].modules():
                if isinstance(module, nn.Conv2d | nn.Linear):
                    module.reset_parameters()
