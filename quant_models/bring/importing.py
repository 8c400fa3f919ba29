"""A trained float network becomes a quantised one: its weights are put in, activation ranges are found on calibration images, biases are
corrected. No training; :mod:`quant_models.training.train` can go on from the result."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from brevitas.graph.calibrate import bias_correction_mode, calibration_mode
from brevitas.nn import QuantIdentity, QuantReLU
from brevitas.quant import Int8ActPerTensorFloatMSE, Uint8ActPerTensorFloatMSE
from torch import Tensor, nn

from quant_models.bring.float_net import FloatNet
from quant_models.bring.matching import Match, match
from quant_models.bring.weights_file import WeightsFile
from quant_models.errors import QuantModelError
from quant_models.integers.view import frozen
from quant_models.networks.net import MIN_GAMMA, MultiExitNet
from quant_models.networks.spec import INPUT_BITS, Activation, Add, Concat, Conv, Linear, MaxPool, NetSpec, Unit, trace
from quant_models.training.evaluate import evaluate

__all__ = ["Imported", "Seen", "import_network", "seen_pixels", "seen_values"]

BATCH = 128
SAMPLES = 1 << 16
SILENT = 1e-6


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What the float network was trained to see where our images have the integer p in channel c: ``gain[c] * p + offset[c]``. One finite
    number per channel, gains above 0."""

    gain: tuple[float, ...]
    offset: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.gain) != len(self.offset) or not all(np.isfinite([*self.gain, *self.offset])) or min(self.gain) <= 0:
            raise QuantModelError(f"gain and offset must be finite, one of each per channel, gains above 0, not {self.gain}, {self.offset}")


def seen_pixels(channels: int, divisor: float = 255.0, mean: Sequence[float] | None = None, std: Sequence[float] | None = None) -> Seen:
    """``(p / divisor - mean[c]) / std[c]``: what torchvision's ``ToTensor`` and ``Normalize`` make of pixels.

    ``mean`` and ``std`` have one number per channel, or one for all; None: 0 and 1. Raises :class:`QuantModelError` for another count or a
    ``std`` that is not above 0.
    """
    return seen_values((0.0,) * channels, (1 / divisor,) * channels, mean, std)


def seen_values(
    low: Sequence[float], step: Sequence[float], mean: Sequence[float] | None = None, std: Sequence[float] | None = None
) -> Seen:
    """``(low[c] + step[c] * p - mean[c]) / std[c]``: the values that integers stand for, as sensor windows have them, normalised.

    ``mean``, ``std`` and errors as those of :func:`seen_pixels`.
    """
    means, stds = (_each(name, value, len(low), unset) for name, value, unset in (("mean", mean, 0.0), ("std", std, 1.0)))
    if min(stds) <= 0:
        raise QuantModelError(f"std must be above 0, not {list(stds)}")
    return Seen(
        gain=tuple(a / s for a, s in zip(step, stds, strict=True)),
        offset=tuple((b - m) / s for b, m, s in zip(low, means, stds, strict=True)),
    )


def _each(name: str, value: Sequence[float] | None, channels: int, unset: float) -> tuple[float, ...]:
    found = (unset,) * channels if value is None else tuple(value) * (channels if len(value) == 1 else 1)
    if len(found) != channels:
        raise QuantModelError(f"{name} must have {channels} numbers, one per channel, or one for all, not {len(found)}")
    return found


@dataclass(frozen=True, kw_only=True)
class Imported:
    """A quantised network ``model``, in evaluation mode, made of a float one.

    ``float_exits`` and ``exits`` are the accuracy and loss of each exit alone over the validation images, of the float network and of
    ``model``. ``layers`` says for each layer which modules of the file it was made of; ``notes`` are lines for the user.
    """

    model: MultiExitNet
    float_exits: list[dict[str, float]]
    exits: list[dict[str, float]]
    layers: dict[str, str]
    notes: tuple[str, ...]


def import_network(
    spec: NetSpec, file: WeightsFile, images: np.ndarray, held: tuple[np.ndarray, np.ndarray], *,
    mapping: Mapping[str, str] | None = None, seen: Seen | None = None, bias_correction: bool = True,
) -> Imported:
    """The quantised network ``spec`` with the weights in ``file``, its activation ranges found on ``images`` (uint8 ``[n, height, width,
    channels]``, training images); ``held`` are images and labels that it is measured on.

    ``mapping`` is that of :func:`quant_models.bring.matching.match`; ``seen`` what the float network saw (None: p / 255). Weights are
    folded exactly, but for one case, told in a note: where an offset meets zero padding. Batch norms are taken to have PyTorch's own
    epsilon. Raises :class:`QuantModelError` that names the tensor that does not fit.
    """
    if not len(images):
        raise QuantModelError("calibration needs an image at least")
    seen = seen or seen_pixels(spec.channels)
    if len(seen.gain) != spec.channels:
        raise QuantModelError(f"gain and offset must be of {spec.channels} channels, not {len(seen.gain)}")
    matched, notes = match(spec, file, mapping)
    model = _filled(spec, file, matched, seen)
    float_exits = evaluate(model, *held)
    notes += _fold(model, seen)
    _settle(model, {item.unit.name for item in matched if item.norm is None}, _batches(images))
    for name in _affine(model):
        _rising(*_parts(model, name))
    quantised = MultiExitNet(spec)
    quantised.load_state_dict({**quantised.state_dict(), **model.state_dict()})
    quantised.eval()
    notes += _calibrate(quantised, _samples(model, _batches(images)))
    if bias_correction:
        with torch.no_grad(), bias_correction_mode(quantised):
            for x in _batches(images):
                quantised(x)
    layers = {item.unit.name: " and ".join(part for part in (item.linear, item.norm) if part is not None) for item in matched}
    return Imported(model=quantised, float_exits=float_exits, exits=evaluate(quantised, *held), layers=layers, notes=tuple(notes))


class _Entry(nn.Module):
    """What the float network sees of images that hold p / 256."""

    def __init__(self, seen: Seen) -> None:
        super().__init__()
        self.register_buffer("gain", torch.tensor(seen.gain).reshape(1, -1, 1, 1) * 2**INPUT_BITS, persistent=False)
        self.register_buffer("offset", torch.tensor(seen.offset).reshape(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = x * self.gain + self.offset
        return found


def _batches(images: np.ndarray) -> list[Tensor]:
    x = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))
    return [part.to(torch.float32) / 2**INPUT_BITS for part in x.split(BATCH)]


def _modules(model: MultiExitNet) -> dict[str, tuple[Unit, Any]]:
    """Each layer by name, and its module without the flattening before it."""
    found = {}
    for where, k, unit in trace(model.spec):
        module: Any = (model.stages if where == "stage" else model.heads)[k][unit.name]
        flat = isinstance(unit.layer, Linear)
        found[unit.name] = (unit, module[1] if flat else module)
    return found


def _affine(model: MultiExitNet) -> list[str]:
    """The layers that have a batch norm."""
    return [name for name, (unit, _) in _modules(model).items() if isinstance(unit.layer, Conv | Linear) and unit.layer.act is not None]


def _parts(model: MultiExitNet, name: str) -> tuple[Any, Any]:
    """Convolution or linear layer, and batch norm (None: the last layer of a head)."""
    _, module = _modules(model)[name]
    return (module, None) if isinstance(module, nn.Linear) else (module.linear, module.norm)


def _filled(spec: NetSpec, file: WeightsFile, matched: Sequence[Match], seen: Seen) -> FloatNet:
    """The float network as it was trained, in evaluation mode; where it has no batch norm, one that changes nothing."""
    model = FloatNet(spec)
    model.eval()
    model.input_quant = _Entry(seen)
    with torch.no_grad():
        for item in matched:
            linear, norm = _parts(model, item.unit.name)
            linear.weight.copy_(_tensor(file, f"{item.linear}.weight").reshape(linear.weight.shape))
            linear.bias.copy_(_vector(file, item, f"{item.linear}.bias", 0.0))
            if norm is None:
                continue
            if item.norm is None:
                norm.running_var.fill_(1 - norm.eps)
                continue
            norm.weight.copy_(_vector(file, item, f"{item.norm}.weight", 1.0))
            norm.bias.copy_(_vector(file, item, f"{item.norm}.bias", 0.0))
            norm.running_mean.copy_(_vector(file, item, f"{item.norm}.running_mean", 0.0))
            norm.running_var.copy_(_vector(file, item, f"{item.norm}.running_var", 1.0))
            if bool((norm.running_var < 0).any()):
                least = float(norm.running_var.min())
                raise QuantModelError(f"weights {file.path}: tensor {item.norm}.running_var holds {least:g}, below 0")
    return model


def _tensor(file: WeightsFile, key: str) -> Tensor:
    return file.tensors[key.removeprefix(".")]


def _vector(file: WeightsFile, item: Match, key: str, unset: float) -> Tensor:
    key, out = key.removeprefix("."), item.unit.layer.out  # type: ignore[union-attr]
    if key not in file.tensors:
        return torch.full((out,), unset)
    value = file.tensors[key]
    if list(value.shape) != [out]:
        raise QuantModelError(f"weights {file.path}: tensor {key} is {list(value.shape)}, layer {item.unit.name} takes [{out}]")
    return value


def _fold(model: FloatNet, seen: Seen) -> list[str]:
    """Put what :class:`_Entry` does into the first layer: exact, but where an offset meets zero padding."""
    name, (unit, _) = next(iter(_modules(model).items()))
    if not isinstance(unit.layer, Conv | Linear):
        raise QuantModelError(f"the first layer, {name}, must be a convolution or linear layer: what the float network saw is put into it")
    linear, _ = _parts(model, name)
    with torch.no_grad():
        gain, offset = (torch.tensor(value, dtype=torch.float64) for value in (seen.gain, seen.offset))
        parts = unit.layer.groups if isinstance(unit.layer, Conv) else 1
        weight = linear.weight.to(torch.float64).reshape(parts, unit.layer.out // parts, unit.in_shape[2] // parts, -1)
        linear.bias.copy_(linear.bias + (weight * offset.reshape(parts, 1, -1, 1)).sum((2, 3)).flatten())
        linear.weight.copy_((weight * gain.reshape(parts, 1, -1, 1) * 2**INPUT_BITS).reshape(linear.weight.shape))
    model.input_quant = nn.Identity()
    if any(seen.offset) and isinstance(unit.layer, Conv) and unit.layer.pad not in (0, (0, 0)):
        return [f"{name} pads: the float network had zeros after normalising at the border, here they are before it; the two differ there"]
    return []


def _settle(model: FloatNet, names: set[str], batches: Sequence[Tensor]) -> None:
    """Give batch norms that change nothing the statistics of what comes in, and a gamma and beta that undo them, so that they change
    nothing in training either, where they go by each batch."""
    sums: dict[str, list[Tensor]] = {name: [] for name in _affine(model) if name in names}

    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            x = args[0].to(torch.float64).transpose(0, 1).flatten(1)
            sums[name].append(torch.stack([torch.full_like(x[:, 0], x.shape[1]), x.sum(1), x.square().sum(1)]))

        return hook

    hooks = [_parts(model, name)[1].register_forward_pre_hook(watch(name)) for name in sums]
    with frozen(model):
        for x in batches:
            model(x)
        for hook in hooks:
            hook.remove()
        for name, found in sums.items():
            _, norm = _parts(model, name)
            count, total, square = torch.stack(found).sum(0)
            mean = total / count
            variance = (square / count - mean.square()).clamp(min=0)
            norm.running_mean.copy_(mean)
            norm.running_var.copy_(variance)
            norm.weight.copy_((variance + norm.eps).sqrt())
            norm.bias.copy_(mean)


def _rising(linear: Any, norm: Any) -> None:
    """Turn round the channels whose gamma is below 0, and bring gammas below the least that training keeps up to it, with weights, bias and
    mean that leave the layer's outputs as they were."""
    with torch.no_grad():
        gamma = norm.weight.clone()
        sign = torch.where(gamma < 0, -1.0, 1.0)
        factor = sign * (gamma.abs() / MIN_GAMMA).clamp(max=1.0)
        norm.weight.copy_(gamma.abs().clamp(min=MIN_GAMMA))
        linear.weight.mul_(factor.reshape(-1, *(1,) * (linear.weight.dim() - 1)))
        for value in (linear.bias, norm.running_mean):
            value.mul_(factor)


def _watcher(act: Activation) -> nn.Module:
    if act.signed:
        return QuantIdentity(Int8ActPerTensorFloatMSE, bit_width=act.bits, return_quant_tensor=True)
    return QuantReLU(Uint8ActPerTensorFloatMSE, bit_width=act.bits, return_quant_tensor=True)


def _scaling(act: Any) -> Any:
    return act.act_quant.fused_activation_quant_proxy.tensor_quant.scaling_impl


def _acts(model: MultiExitNet) -> dict[str, tuple[Activation, Any]]:
    """Every activation and its module, by the layer that has it, whatever others have it too; that before a sum, which body and shortcut
    share, by the sum's name and ``same``."""
    found: dict[str, tuple[Activation, Any]] = {}
    for name, (unit, module) in _modules(model).items():
        layer = unit.layer
        if isinstance(layer, Add):
            found[f"{name}.same"] = layer.shared, module.same
        if not unit.shared and not unit.follows and not isinstance(layer, MaxPool | Concat) and layer.act is not None:
            found[name] = layer.act, module[1] if isinstance(module, nn.Sequential) else module.act
    return found


def _samples(model: FloatNet, batches: Sequence[Tensor]) -> dict[str, Tensor]:
    """Values that go into each activation of the float network, by layer: all of them, or as many drawn at random from every batch."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, list[Tensor]] = {}
    share = -(-SAMPLES // len(batches))

    def watch(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Tensor, ...]) -> None:
            x = args[0].flatten()
            chosen = x if x.numel() <= share else x[torch.randint(0, x.numel(), (share,), generator=generator)]
            found.setdefault(name, []).append(chosen)

        return hook

    hooks = [act.register_forward_pre_hook(watch(name)) for name, (_, act) in _acts(model).items()]
    with frozen(model):
        for x in batches:
            model(x)
    for item in hooks:
        item.remove()
    return {name: torch.cat(values) for name, values in found.items()}


def _calibrate(model: MultiExitNet, samples: Mapping[str, Tensor]) -> list[str]:
    """Ranges of all activations: those with the least squared error on ``samples``, found by Brevitas' own quantisers for that.

    They hand over what they found, since the network's begin from a constant, so that training resumes exactly. Samples, since the search
    tries a hundred ranges one after another.
    """
    silent, acts = [], _acts(model)
    for name, values in samples.items():
        act, module = acts[name]
        watcher = _watcher(act).eval()
        with torch.no_grad(), calibration_mode(watcher):
            watcher(values)
        found = _scaling(watcher).value.detach()
        if float(found) <= SILENT:
            silent.append(name)
            continue
        with torch.no_grad():
            _scaling(module).value.copy_(found)
    return [f"{name} gives 0 for all calibration images; its range is the one that training starts with" for name in silent]
