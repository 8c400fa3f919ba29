"""The float twin of a quantised network: same layers, same names, plain PyTorch. Trained by the same loop, it is what
:mod:`quant_models.bring.importing` takes weights from, and what quantisation is measured against."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import Tensor, nn

from quant_models.datasets.load import Dataset
from quant_models.files import atomic
from quant_models.networks.checkpoint import load_checkpoint
from quant_models.networks.net import BesideOthers, Follower, MultiExitNet
from quant_models.networks.spec import Activation, Add, Concat, Conv, GlobalPool, MaxPool, NetSpec, Requantise, Unit
from quant_models.training.schemes import Scheme
from quant_models.training.train import Progress, TrainSettings, train

__all__ = ["FloatNet", "save_weights", "train_float"]


class FloatNet(MultiExitNet):
    """The network of a :class:`quant_models.networks.spec.NetSpec` in float32; bit widths mean nothing to it.

    ``forward`` is that of :class:`quant_models.networks.net.MultiExitNet`: images ``[n, channels, height, width]`` in 0 to 255/256 in, a
    tuple of logits ``[n, classes]`` out. ``norm`` False leaves out every batch norm, as the networks were before quantisation asked for one
    (BranchyNet, Teerapittayanon 2016). Its state has the names of the quantised network's: ``stages.0.stage0_conv0.linear.weight``.
    """

    def __init__(self, spec: NetSpec, norm: bool = True) -> None:
        self._make = partial(_layer, norm=norm)
        self.kind = "float" if norm else "float without batch norm"
        super().__init__(spec)

    def _entry(self) -> nn.Module:
        return nn.Identity()

    def _layer(self, unit: Unit, owner: nn.Module | None) -> nn.Module:
        return self._make(unit, owner)

    def clamp(self) -> None:
        """Nothing: a float network has no thresholds that a negative gamma would turn round."""


class _Affine(nn.Module):
    """Convolution or linear layer, batch norm (or nothing), activation."""

    def __init__(self, linear: nn.Module, norm: nn.Module, act: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm, self.act = linear, norm, act

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.act(self.norm(self.linear(x)))
        return found


class _Sum(nn.Module):
    """The sum of two feature maps, then its activation; ``same`` stands where the quantised network has a quantiser before the sum."""

    def __init__(self, act: nn.Module) -> None:
        super().__init__()
        self.same, self.act = nn.Identity(), act

    def forward(self, body: Tensor, shortcut: Tensor) -> Tensor:
        found: Tensor = self.act(self.same(body) + self.same(shortcut))
        return found


def _act(act: Activation) -> nn.Module:
    return nn.Identity() if act.signed else nn.ReLU()


def _layer(unit: Unit, owner: nn.Module | None, norm: bool) -> nn.Module:
    layer, (height, width, channels) = unit.layer, unit.in_shape
    if isinstance(layer, Concat):
        return BesideOthers()
    if isinstance(layer, MaxPool):
        return nn.MaxPool2d(layer.kernel, layer.stride)
    if isinstance(layer, GlobalPool):
        return nn.Sequential(nn.AdaptiveAvgPool2d(1), _act(layer.act))
    if isinstance(layer, Add):
        return _Sum(_act(layer.act))
    if isinstance(layer, Requantise):
        return nn.Identity()
    if isinstance(layer, Conv):
        conv = nn.Conv2d(channels, layer.out, layer.kernel, stride=layer.stride, padding=layer.pad, groups=layer.groups)
        normed = nn.BatchNorm2d(layer.out) if norm else nn.Identity()
        return _Affine(conv, normed, _act(layer.act)) if owner is None else Follower(conv, normed, owner)
    linear = nn.Linear(height * width * channels, layer.out)
    if layer.act is None:
        return nn.Sequential(nn.Flatten(), linear)
    return nn.Sequential(nn.Flatten(), _Affine(linear, nn.BatchNorm1d(layer.out) if norm else nn.Identity(), _act(layer.act)))


def save_weights(model: nn.Module, path: Path) -> None:
    """The state of ``model`` as a plain ``.safetensors`` file, written atomically."""
    whole = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    with atomic(path) as temporary:
        temporary.write_bytes(save(whole))


def train_float(
    spec: NetSpec, data: Dataset, settings: TrainSettings, path: Path, progress: Callable[[Progress], None] | None = None, *,
    scheme: Scheme | None = None, norm: bool = True,
) -> dict[str, Any]:
    """Train the :class:`FloatNet` of ``spec`` as :func:`quant_models.training.train.train` trains the quantised one, and write its plain
    state to ``path`` (``.safetensors``).

    An interrupted training is taken up again from files beside ``path``. Returns and raises what :func:`quant_models.training.train.train`
    does.
    """
    trained = path.with_name(path.name + ".trained")
    metrics = train(spec, data, settings, trained, progress, scheme=scheme, build=partial(FloatNet, norm=norm))
    model = FloatNet(spec, norm)
    model.load_state_dict(load_checkpoint(trained).model)
    save_weights(model, path)
    trained.unlink()
    return metrics
