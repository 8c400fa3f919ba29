"""Brevitas' integer view of a network: its integer weights and biases, and its own batch norm and activation modules on integer
accumulators."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from quant_models.errors import QuantModelError
from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import IMAGE, Add, Concat, Conv, GlobalPool, Linear, MaxPool, Requantise, Unit, trace

__all__ = ["IntegerLayer", "frozen", "integer_layers", "integer_logits", "integer_outputs", "logit_scales", "thresholds"]

# Accumulators up to here are exact in float32, in which Brevitas' modules compute.
REACH = 1 << 23


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """``model`` in evaluation mode and without gradients, and back as it was."""
    training = model.training
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        model.train(training)


@dataclass(frozen=True, kw_only=True)
class IntegerLayer:
    """One layer in integers.

    ``weight`` is int64, ``[out, in, height, width]`` or ``[out, in]`` as PyTorch has them (None: no weights). ``scale`` is one
    accumulator unit, a float32 tensor that broadcasts over ``[channels]`` (None: max-pool, concatenation). ``bias`` is int64 ``[classes]``
    (``[1]`` of a gate head), for the last layer of a head only. ``offset``, ``norm`` and ``act`` are the float bias and Brevitas' modules
    that turn ``acc * scale`` into the next integers.
    """

    where: str
    index: int
    unit: Unit
    weight: Tensor | None = None
    scale: Tensor | None = None
    bias: Tensor | None = None
    offset: Tensor | None = None
    norm: Any = None
    act: Any = None

    def accumulate(self, x: Tensor, *others: Tensor) -> Tensor:
        """Integer accumulators (int64) of integer inputs ``[n, channels, height, width]`` (or ``[n, size]``), int64, of a sum or
        concatenation one for each of its inputs; max-pools and concatenations give their outputs."""
        layer = self.unit.layer
        if isinstance(layer, Concat):
            return torch.cat((x, *others), dim=1)
        if isinstance(layer, Add | Requantise):
            return sum(others, x)
        real = x.to(self._exact(x))
        if isinstance(layer, MaxPool):
            real = functional.max_pool2d(real, layer.kernel, layer.stride)
        elif isinstance(layer, GlobalPool):
            real = real.sum((2, 3), keepdim=True)
        elif self.weight is None:
            raise QuantModelError(f"{self.unit.name} has no weights")
        elif isinstance(layer, Conv):
            real = functional.conv2d(real, self.weight.to(real.dtype), stride=layer.stride, padding=layer.pad, groups=layer.groups)
        else:
            real = functional.linear(real.flatten(1), self.weight.to(real.dtype))
        return real.round().to(torch.int64)

    def _exact(self, x: Tensor) -> torch.dtype:
        # Libraries add in any order, or transform (Winograd): float32 is fast, and right after rounding while sums stay well below 2**24.
        count = self.unit.in_shape[0] * self.unit.in_shape[1] if self.weight is None else int(self.weight.abs().flatten(1).sum(1).max())
        return torch.float32 if count * int(x.abs().max()) < 1 << 20 else torch.float64

    def respond(self, acc: Tensor) -> Tensor:
        """The integers (int64) that Brevitas' own modules make of int64 accumulators ``[n, channels, ...]``."""
        shape = (1, -1) + (1,) * (acc.dim() - 2)
        value = acc.to(torch.float32)
        if isinstance(self.unit.layer, GlobalPool):
            height, width, _ = self.unit.in_shape
            value = value / (height * width)
        if self.scale is not None:
            value = value * self.scale.reshape(shape)
        if self.offset is not None:
            value = value + self.offset.reshape(shape)
        if self.norm is not None:
            value = self.norm(value)
        return _whole(self.act(value))


def _whole(quantised: Any) -> Tensor:
    # What Brevitas' own `int` does, but for its check, which takes a map of zeros alone for no map of bits.
    whole: Tensor = (quantised.value / quantised.scale + quantised.zero_point).round().to(torch.int64)
    return whole


def _steps(model: MultiExitNet) -> Iterator[IntegerLayer]:
    probe = torch.zeros(1, 1)
    # What each unit gives, for its scale.
    given = {IMAGE: model.input_quant(probe)}
    for where, k, unit in trace(model.spec):
        entering = given[unit.inputs[0]]
        module: Any = model.block(where, k)[unit.name]
        if isinstance(module, nn.Sequential):
            module = module[1]
        layer = unit.layer
        act = model.block(where, k)[unit.shared].same if unit.shared else getattr(module, "act", None)
        common: dict[str, Any] = {"where": where, "index": k, "unit": unit}
        if isinstance(layer, MaxPool | Concat):
            yield IntegerLayer(**common)
        elif isinstance(layer, Linear) and layer.act is None:
            weight = module.quant_weight()
            bias = module.bias_quant(module.bias, entering, weight)
            yield IntegerLayer(**common, weight=_whole(weight), scale=(entering.scale * weight.scale).reshape(1), bias=_whole(bias))
        elif isinstance(layer, GlobalPool | Add | Requantise):
            yield IntegerLayer(**common, scale=entering.scale.reshape(1), act=act)
        else:
            weight = module.linear.quant_weight()
            yield IntegerLayer(
                **common, weight=_whole(weight), scale=(entering.scale * weight.scale).reshape(-1), offset=module.linear.bias,
                norm=module.norm, act=act,
            )
        given[unit.name] = entering if act is None else act(probe)


def integer_layers(model: MultiExitNet) -> list[IntegerLayer]:
    """Every layer of ``model`` in integers, in order of computation. ``model`` should be :func:`frozen` while the layers are used."""
    return list(_steps(model))


def thresholds(layer: IntegerLayer) -> np.ndarray:
    """The layer's activation as comparisons: int64 ``[channels, 2**bits - 1]``, rising; output = minimum + #{i: acc >= t[c, i]}.

    Found by bisection over the integer accumulator through Brevitas' own modules, in -2**23 to 2**23: a step that no accumulator in that
    range reaches gets 2**23 + 1, one that every accumulator has passed -2**23.
    """
    act = layer.unit.layer.act  # type: ignore[union-attr]
    if act is None:
        raise QuantModelError(f"{layer.unit.name} has no activation")
    channels = layer.unit.out_shape[2]
    steps = torch.arange(1, 1 << act.bits).reshape(-1, 1) + act.minimum
    shape = (len(steps), channels) if isinstance(layer.unit.layer, Linear) else (len(steps), channels, 1, 1)
    low = torch.full((len(steps), channels), -REACH - 1)
    high = torch.full_like(low, REACH + 1)
    # Invariant: the step is not taken at low and is taken at high (both ends by definition).
    while bool((high - low > 1).any()):
        middle = torch.div(low + high, 2, rounding_mode="floor")
        # Where the search has ended the middle is low itself: not taken, whatever the modules say beyond the range.
        taken = (layer.respond(middle.reshape(shape)).reshape(middle.shape) >= steps) & (middle > low)
        high, low = torch.where(taken, middle, high), torch.where(taken, low, middle)
    found: np.ndarray = high.T.contiguous().numpy()
    return found


def integer_logits(model: MultiExitNet, images: np.ndarray, batch: int = 256) -> tuple[np.ndarray, ...]:
    """Brevitas' integer view of ``images`` (uint8 ``[n, height, width, channels]``): int64 logits ``[n, classes]`` per exit,
    biases included.

    Accumulators are exact; activations are Brevitas' own modules on ``acc * scale``.
    """
    return integer_outputs(model, images, batch)[0]


def integer_outputs(
    model: MultiExitNet, images: np.ndarray, batch: int = 256, progress: Callable[[int], None] | None = None
) -> tuple[tuple[np.ndarray, ...], dict[int, np.ndarray]]:
    """What :func:`integer_logits` gives, and by exit the logits of the gate heads there are, int64 ``[n]``, biases included.

    ``progress`` is told after each batch how many images it had.
    """
    spec = model.spec
    if images.dtype != np.uint8 or images.shape[1:] != (spec.height, spec.width, spec.channels):
        raise QuantModelError(
            f"images must be uint8 [n, {spec.height}, {spec.width}, {spec.channels}], not {images.dtype} {list(images.shape)}"
        )
    found: dict[tuple[str, int], list[np.ndarray]] = {("head", k): [] for k in range(spec.exits)}
    found |= {("gate", k): [] for k in spec.gated}
    with frozen(model):
        layers = integer_layers(model)
        for start in range(0, len(images), batch):
            made = {IMAGE: torch.from_numpy(images[start : start + batch].astype(np.int64).transpose(0, 3, 1, 2))}
            for layer in layers:
                acc = layer.accumulate(*(made[name] for name in layer.unit.inputs))
                if layer.bias is not None:
                    found[layer.where, layer.index].append((acc + layer.bias).numpy())
                else:
                    made[layer.unit.name] = acc if layer.act is None else layer.respond(acc)
            if progress is not None:
                progress(len(images[start : start + batch]))
    empty = np.zeros((0, spec.classes), np.int64)
    whole = {key: np.concatenate(rows) if rows else empty for key, rows in found.items()}
    return tuple(whole["head", k] for k in range(spec.exits)), {k: whole["gate", k][:, 0] for k in spec.gated}


def logit_scales(model: MultiExitNet) -> tuple[float, ...]:
    """What one unit of each exit's integer logits is worth."""
    with frozen(model):
        return tuple(float(layer.scale) for layer in integer_layers(model) if layer.where == "head" and layer.bias is not None
                     and layer.scale is not None)
