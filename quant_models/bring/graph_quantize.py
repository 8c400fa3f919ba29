"""A user's float torch module becomes a Brevitas network, by Brevitas' own graph quantisation, in the form that the hardware is read from:
images as they are, per-channel weights, one quantiser on all paths of a sum, logits with one scale and whole biases."""

import copy
from typing import Any

import numpy as np
import torch
from brevitas import nn as qnn
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from brevitas.graph.quantize import preprocess_for_quantize, quantize
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import (
    Int8ActPerTensorFloat,
    Int8WeightPerChannelFloat,
    Int8WeightPerTensorFloat,
    Int16Bias,
    Uint8ActPerTensorFloat,
)
from torch import Tensor, fx, nn

from quant_models.bring.importing import Seen
from quant_models.bring.own import run_network
from quant_models.bring.repeats import as_repeats
from quant_models.errors import QuantModelError
from quant_models.training.evaluate import images_of

__all__ = ["Seeing", "calibrate", "quantised"]

FED = (1 / 256, 1 / 255, 1.0)
"""What a pixel may be worth to a network that is given the pixels themselves."""
NEAR = 1e-9
BATCH = 128


class Seeing(nn.Module):
    """``network`` as it is given images: as ``seen`` says of pixels. ``forward`` takes pixels times ``fed``: what the network saw where
    that was pixels, over 255 or over 256; else pixels over 256."""

    def __init__(self, network: nn.Module, seen: Seen) -> None:
        super().__init__()
        self.network, self.seen = network, seen
        first = seen.gain[0]
        known = [worth for worth in FED if abs(first / worth - 1) < NEAR]
        self.plain = bool(known) and len(set(seen.gain)) == 1 and not any(seen.offset)
        self.fed = known[0] if self.plain else 1 / 256
        gain, offset = (torch.tensor(found, dtype=torch.float64).reshape(1, -1, 1, 1) for found in (seen.gain, seen.offset))
        # gain * 256 * x + offset, as one subtraction and one division.
        self.register_buffer("shift", (-offset / (256 * gain)).float(), persistent=False)
        self.register_buffer("scale", (1 / (256 * gain)).float(), persistent=False)

    def forward(self, x: Tensor) -> Any:
        """What the network gives of float images ``[n, channels, height, width]``."""
        return self.network(x if self.plain else (x - self.shift) / self.scale)


def quantised(seeing: Seeing, weight_bits: int, act_bits: int) -> Seeing:
    """``seeing`` with quantised weights and activations, their ranges still to be found (:func:`calibrate`), in evaluation mode; the float
    module stays as it was.

    The same module gives the same structure and names. Raises :class:`QuantModelError` where Brevitas cannot follow its forward, or that
    gives no tuple of logits.
    """
    network = copy.deepcopy(seeing.network).eval()
    try:
        graph = preprocess_for_quantize(network, equalize_iters=0)
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise QuantModelError(f"its forward cannot be traced: {type(error).__name__}: {told}; allowed: one that does not depend on values "
                              "or shapes of its input") from error
    as_repeats(graph)
    outputs = next(node for node in graph.graph.nodes if node.op == "output").args[0]
    if not isinstance(outputs, tuple | list):
        raise QuantModelError("its forward gives one tensor, not a tuple of logits, one for each exit: exits are needed")
    try:
        found = quantize(graph, quant_identity_map=_identities(act_bits), quant_act_map=_acts(act_bits),
                         compute_layer_map=_layers(weight_bits), unsigned_act_tuple=(nn.ReLU, nn.ReLU6))
    except Exception as error:
        told = " ".join(str(error).split())[:200]
        raise QuantModelError(f"Brevitas cannot quantise it: {type(error).__name__}: {told}") from error
    _without_output_quantisers(found)
    _images(found, seeing)
    found.recompile()
    made = Seeing(found, seeing.seen)
    made.eval()
    return made


def _identities(bits: int) -> dict[str, Any]:
    return {key: (qnn.QuantIdentity, {"act_quant": quant, "bit_width": bits, "return_quant_tensor": True})
            for key, quant in (("signed", Int8ActPerTensorFloat), ("unsigned", Uint8ActPerTensorFloat))}


def _acts(bits: int) -> dict[Any, Any]:
    return {kind: (qnn.QuantReLU, {"act_quant": Uint8ActPerTensorFloat, "bit_width": bits, "return_quant_tensor": True})
            for kind in (nn.ReLU, nn.ReLU6)}


def _layers(bits: int) -> dict[Any, Any]:
    weights = {"weight_bit_width": bits, "return_quant_tensor": True}
    return {
        # A bias within the network goes into thresholds, whole or not.
        nn.Conv2d: (qnn.QuantConv2d, {"weight_quant": Int8WeightPerChannelFloat, **weights}),
        nn.Linear: (qnn.QuantLinear, {"weight_quant": Int8WeightPerTensorFloat, "bias_quant": Int16Bias, **weights}),
        nn.AvgPool2d: None,
    }


def _without_output_quantisers(graph: fx.GraphModule) -> None:
    """Logits as they are: what they are worth is the last layer's own scale."""
    modules = dict(graph.named_modules())
    output = next(node for node in graph.graph.nodes if node.op == "output")
    for node in list(output.all_input_nodes):
        if node.op == "call_module" and isinstance(modules[node.target], qnn.QuantIdentity) and len(node.users) == 1:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)
    for node in output.all_input_nodes:
        layer = modules.get(node.target) if node.op == "call_module" else None
        if not isinstance(layer, qnn.QuantLinear):
            raise QuantModelError(f"exit {list(output.all_input_nodes).index(node)} must come from an nn.Linear, not from {node.target}")
        layer.return_quant_tensor = False


def _images(graph: fx.GraphModule, seeing: Seeing) -> None:
    """The quantiser that Brevitas put behind the images: the pixels themselves, or, of what was normalised, 8 bits with a sign, whatever
    other activations have."""
    class Pixels(Uint8ActPerTensorFloat):
        scaling_impl_type = ScalingImplType.CONST
        scaling_init = 255 * seeing.fed

    image = next(node for node in graph.graph.nodes if node.op == "placeholder")
    [node] = image.users
    wide = {} if seeing.plain else {"bit_width": 8}
    quantiser = qnn.QuantIdentity(Pixels if seeing.plain else Int8ActPerTensorFloat, return_quant_tensor=True, **wide)
    setattr(graph, str(node.target), quantiser)


def calibrate(network: Seeing, images: np.ndarray, *, bias_correction: bool) -> None:
    """Find the ranges of ``network`` (of :func:`quantised`) on training ``images`` (uint8 ``[n, height, width, channels]``), and correct
    biases for what quantised weights change on average where ``bias_correction``; raises :class:`QuantModelError` when it does not run."""
    batches = [images_of(images[start : start + BATCH]).to(torch.float32) * network.fed for start in range(0, len(images), BATCH)]
    run_network(network, batches[0])
    network.eval()
    with torch.no_grad(), calibration_mode(network):
        for x in batches:
            network(x)
    for part in network.modules():
        # Of a quantiser that several activations share, Brevitas keeps the state twice, and leaves it observing for good.
        if hasattr(part, "observer_only"):
            part.observer_only = False
    if bias_correction:
        with torch.no_grad(), bias_correction_mode(network):
            for x in batches:
                network(x)
    network.eval()
