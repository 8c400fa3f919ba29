"""A trained network in the layers that FINN's import knows: convolutions without groups, weights of 2 bits or more."""

from dataclasses import replace

import torch
from torch import Tensor

from quant_models.networks.net import MultiExitNet
from quant_models.networks.spec import Conv, LayerSpec, Linear, NetSpec, trace, with_inner

__all__ = ["plain", "spread"]

def plain(model: MultiExitNet) -> MultiExitNet:
    """``model`` with each convolution in groups as one of all channels, with zeros between the groups, and weights of 1 bit as those of 2
    that they are; ``model`` itself where it has neither.

    Weights have the scales that they had, for zeros are within every range: its integers and logits are those of ``model``.
    """
    spec = model.spec
    stages, heads, gates = (tuple(tuple(map(_whole, layers)) for layers in part) for part in (spec.stages, spec.heads, spec.gates))
    whole = replace(spec, stages=stages, heads=heads, gates=gates)
    return model if whole == spec else _filled(model, whole)


def _whole(layer: LayerSpec) -> LayerSpec:
    if isinstance(layer, Conv):
        layer = replace(layer, groups=1)
    if isinstance(layer, Conv | Linear):
        return replace(layer, weight_bits=max(2, layer.weight_bits))
    whole: LayerSpec = with_inner(layer, _whole)
    return whole


def _filled(model: MultiExitNet, whole: NetSpec) -> MultiExitNet:
    found, state = MultiExitNet(whole), model.state_dict()
    for where, k, unit in trace(model.spec):
        layer, module = unit.layer, model.block(where, k)[unit.name]
        if not isinstance(layer, Conv | Linear):
            continue
        key = f"{where}s.{k}.{unit.name}{_path(layer)}.weight"
        if layer.weight_bits == 1:
            state[key] = module.get_submodule(_path(layer).removeprefix(".")).quant_weight().value.detach()
        if isinstance(layer, Conv):
            state[key] = spread(state[key], layer.groups)
    found.load_state_dict(state)
    found.train(model.training)
    return found


def _path(layer: Conv | Linear) -> str:
    """Where the module of a layer holds its weights."""
    if isinstance(layer, Conv):
        return ".linear"
    return ".1" if layer.act is None else ".1.linear"


def spread(weight: Tensor, groups: int) -> Tensor:
    """``weight`` ``[out, in / groups, height, width]`` of a convolution in ``groups`` as ``[out, in, height, width]``, with zeros."""
    if groups == 1:
        return weight
    out, inputs, height, width = weight.shape
    found = torch.zeros(groups, out // groups, groups, inputs, height, width, dtype=weight.dtype, device=weight.device)
    for group, part in enumerate(weight.reshape(groups, -1, inputs, height, width)):
        found[group, :, group] = part
    return found.reshape(out, groups * inputs, height, width)
