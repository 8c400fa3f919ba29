"""The Brevitas module of a multi-exit network's description (:class:`quant_models.networks.spec.NetSpec`)."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from brevitas.inject.enum import ScalingImplType
from brevitas.nn import QuantConv2d, QuantIdentity, QuantLinear, QuantReLU
from brevitas.quant import (
    Int8ActPerTensorFloatMinMaxInit,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFloat,
    Int16Bias,
    SignedBinaryWeightPerTensorConst,
    Uint8ActPerTensorFloat,
    Uint8ActPerTensorFloatMaxInit,
)
from torch import Tensor, nn

from quant_models.networks.spec import (
    IMAGE,
    INPUT_BITS,
    INPUT_SCALE,
    Activation,
    Add,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    MaxPool,
    NetSpec,
    Requantise,
    Unit,
    trace,
)

__all__ = ["MIN_GAMMA", "BesideOthers", "Features", "Follower", "MultiExitNet"]

Features = Mapping[str, Any]
"""What can be read behind a stage, ``[n, channels, height, width]`` each, by the name of the unit that gives it."""

MIN_GAMMA = 1e-3
"""Batch norms' gammas are kept at least this large."""

# Batch norm leaves about unit variance, so this is where the learned activation ranges start.
ACT_RANGE = 3.0
POOLED_RANGE = 1.5
BIT_RANGE = 2.0


class _InputQuant(Uint8ActPerTensorFloat):
    """8 bits, unsigned, of constant scale 1/256: the integers are the pixels themselves."""

    scaling_impl_type = ScalingImplType.CONST
    scaling_init = (2**INPUT_BITS - 1) * INPUT_SCALE


def _activation(act: Activation, limit: float) -> nn.Module:
    # Learned ranges from a constant start hold no hidden step counter, so that training resumes exactly.
    if act.signed:
        return QuantIdentity(
            Int8ActPerTensorFloatMinMaxInit, bit_width=act.bits, min_val=-limit, max_val=limit, return_quant_tensor=True
        )
    limit = BIT_RANGE if act.bits == 1 else limit
    return QuantReLU(Uint8ActPerTensorFloatMaxInit, bit_width=act.bits, max_val=limit, return_quant_tensor=True)


def _norm(kind: type[nn.BatchNorm1d | nn.BatchNorm2d], channels: int, act: Activation) -> nn.Module:
    """A batch norm of ``kind`` in front of ``act``; bits begin as often 0 as 1."""
    norm = kind(channels)
    if act.bits == 1:
        nn.init.constant_(norm.bias, BIT_RANGE / 2)
    return norm


def _weights(bits: int, tensor: bool = False) -> dict[str, Any]:
    """The quantiser of weights of ``bits``, with a scale for each output, or one for the whole ``tensor``."""
    if bits == 1:
        return {"weight_quant": SignedBinaryWeightPerTensorConst}
    return {"weight_quant": Int8WeightPerTensorFloat if tensor else Int8WeightPerChannelFloat, "weight_bit_width": bits}


class _Affine(nn.Module):
    """Convolution or linear layer, batch norm, activation quantiser."""

    def __init__(self, linear: nn.Module, norm: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm, self.act = linear, norm, act

    def forward(self, x: Any) -> Any:
        return self.act(self.norm(self.linear(x)))


class Follower(nn.Module):
    """Convolution, batch norm, and the activation of another layer, ``owner``, which has its parameters."""

    def __init__(self, linear: nn.Module, norm: nn.Module, owner: Any) -> None:
        super().__init__()
        self.linear, self.norm = linear, norm
        # In a list, so that what is the owner's is not found here again: states and optimisers have it once.
        self._owner = [owner]

    @property
    def act(self) -> Any:
        """The activation, a module."""
        return self._owner[0].act

    def forward(self, x: Any) -> Any:
        return self.act(self.norm(self.linear(x)))


class BesideOthers(nn.Module):
    """Feature maps of one scale side by side, by channels."""

    def forward(self, *maps: Any) -> Any:
        return torch.cat(maps, dim=1)


class _Sum(nn.Module):
    """The sum of two feature maps, each through the quantiser ``same`` first, then its activation quantiser."""

    def __init__(self, same: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.same, self.act = same, act

    def forward(self, body: Any, shortcut: Any) -> Any:
        return self.act(self.same(body) + self.same(shortcut))


class _Pooled(nn.Module):
    """Global average pool, then its activation quantiser."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.pool, self.act = nn.AdaptiveAvgPool2d(1), act

    def forward(self, x: Any) -> Any:
        return self.act(self.pool(x.value))


def _module(unit: Unit, owner: nn.Module | None) -> nn.Module:
    layer = unit.layer
    if isinstance(layer, Concat):
        return BesideOthers()
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.kernel, layer.stride)
    if isinstance(layer, GlobalPool):
        return _Pooled(_activation(layer.act, POOLED_RANGE))
    if isinstance(layer, Add):
        return _Sum(_activation(layer.shared, ACT_RANGE), _activation(layer.act, ACT_RANGE))
    if isinstance(layer, Requantise):
        return nn.Identity()
    channels = unit.in_shape[2]
    weights = _weights(layer.weight_bits, tensor=isinstance(layer, Linear) and layer.act is None)
    if isinstance(layer, Conv):
        conv = QuantConv2d(channels, layer.out, layer.kernel, stride=layer.stride, padding=layer.pad, bias=True,
                           groups=layer.groups, **weights)
        if owner is not None:
            return Follower(conv, _norm(nn.BatchNorm2d, layer.out, layer.act), owner)
        # Of a shared quantiser the sum has the module.
        act = nn.Identity() if unit.shared else _activation(layer.act, ACT_RANGE)
        return _Affine(conv, _norm(nn.BatchNorm2d, layer.out, layer.act), act)
    size = channels * unit.in_shape[0] * unit.in_shape[1]
    if layer.act is None:
        return nn.Sequential(nn.Flatten(), QuantLinear(size, layer.out, bias=True, bias_quant=Int16Bias, **weights))
    norm = _norm(nn.BatchNorm1d, layer.out, layer.act)
    return nn.Sequential(nn.Flatten(), _Affine(QuantLinear(size, layer.out, bias=True, **weights), norm, _activation(layer.act, ACT_RANGE)))


class MultiExitNet(nn.Module):
    """The Brevitas module of a :class:`NetSpec`.

    ``forward`` takes float images ``[n, channels, height, width]`` that hold ``pixel / 256`` and gives a tuple of float logits
    ``[n, classes]``, one per exit. ``stages[k]``, ``heads[k]`` and ``gates[k]`` hold a module per layer, by the names of :func:`trace`.
    The weights of stages and heads do not depend on whether there are gate heads.
    """

    kind = "quantised"
    """What its layers compute with."""

    def __init__(self, spec: NetSpec) -> None:
        super().__init__()
        self.spec = spec
        self.input_quant = self._entry()
        self.stages, self.heads, self.gates = (nn.ModuleList(nn.ModuleDict() for _ in spec.stages) for _ in range(3))
        self._reads: dict[tuple[str, int], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
        for where, k, unit in trace(spec):
            self._reads[where, k].append((unit.name, unit.inputs))
        # By unit, the last exit whose stage or head reads it, and whether that is a head.
        self._last = {name: (k, where != "stage") for where, k, unit in trace(spec) for name in unit.inputs}
        made: dict[str, nn.Module] = {}
        # Gate heads last: the others' random numbers are then those of the network without them.
        for where, k, unit in sorted(trace(spec), key=lambda item: item[0] == "gate"):
            made[unit.name] = self.block(where, k)[unit.name] = self._layer(unit, made.get(unit.follows or ""))

    def _entry(self) -> nn.Module:
        """What images go through first."""
        return QuantIdentity(_InputQuant, return_quant_tensor=True)

    def _layer(self, unit: Unit, owner: nn.Module | None) -> nn.Module:
        """The module of a layer, with the activation of that of ``owner`` where there is one."""
        return _module(unit, owner)

    def block(self, where: str, k: int) -> nn.ModuleDict:
        """The modules of ``where`` ("stage", "head" or "gate") ``k``."""
        found: nn.ModuleDict = {"stage": self.stages, "head": self.heads, "gate": self.gates}[where][k]
        return found

    def features(self, x: Tensor) -> Iterator[Features]:
        """What each stage gives of images as :meth:`forward` takes them, first stage first, computed as it is asked for."""
        features: Features = {IMAGE: self.input_quant(x)}
        for k in range(self.spec.exits):
            made = self._run("stage", k, features)
            features = {name: value for name, value in made.items() if self._last.get(name, (-1, False)) >= (k, True)}
            yield features

    def head(self, k: int, features: Features) -> Tensor:
        """Float logits ``[n, classes]`` of exit ``k`` from what stage ``k`` gives."""
        *_, logits = self._run("head", k, features).values()
        return logits

    def gate(self, k: int, features: Features) -> Tensor:
        """Float logits ``[n, 1]`` of the gate head of exit ``k`` from what stage ``k`` gives."""
        *_, logits = self._run("gate", k, features).values()
        return logits

    def _run(self, where: str, k: int, features: Features) -> dict[str, Any]:
        """``features``, and what each layer of a stage or head gives, in order of computation."""
        block, made = self.block(where, k), dict(features)
        for name, inputs in self._reads[where, k]:
            made[name] = block[name](*(made[item] for item in inputs))
        return made

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Float logits ``[n, classes]`` per exit from float images ``[n, channels, height, width]`` in 0 to 255/256."""
        return tuple(self.head(k, features) for k, features in enumerate(self.features(x)))

    def clamp(self) -> None:
        """Keep every batch norm's gamma positive; call it after each optimiser step.

        A negative gamma would make the activation fall as the accumulator rises: its thresholds could not be rising comparisons.
        """
        with torch.no_grad():
            for module in self.modules():
                if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                    module.weight.clamp_(min=MIN_GAMMA)
