"""Named networks. ``weight_bits`` and ``act_bits`` are 2 to 8; the input is always 8-bit."""

from collections.abc import Callable

from quant_models.errors import QuantModelError
from quant_models.net import Activation, Conv, GlobalPool, LayerSpec, Linear, MaxPool, NetSpec

__all__ = ["PRESETS", "b_alexnet", "b_lenet", "digits", "preset", "triple_wins"]


class _Layers:
    """Layer constructors at one pair of bit widths."""

    def __init__(self, weight_bits: int, act_bits: int) -> None:
        self.bits, self.relu = weight_bits, Activation(bits=act_bits)
        self.identity = Activation(kind="identity", bits=act_bits)

    def conv(self, out: int, kernel: int, pad: int, stride: int = 1, act: Activation | None = None) -> Conv:
        return Conv(out=out, kernel=kernel, pad=pad, stride=stride, weight_bits=self.bits, act=act or self.relu)

    def fc(self, out: int, act: Activation | None = None) -> Linear:
        return Linear(out=out, weight_bits=self.bits, act=act)


def digits(weight_bits: int = 4, act_bits: int = 4, classes: int = 10) -> NetSpec:
    """Three exits on 8x8x1 images. The first two heads pool hard, so that they are small and leave hard digits to the next stage;
    the last is a global average pool and one linear layer."""
    q = _Layers(weight_bits, act_bits)
    pool, pool4 = MaxPool(kernel=2, stride=2), MaxPool(kernel=4, stride=4)
    stages: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(8, 3, 1),), (q.conv(16, 3, 1), pool), (q.conv(32, 3, 1),))
    heads: tuple[tuple[LayerSpec, ...], ...] = ((pool4, q.fc(classes)), (pool, q.fc(classes)), (GlobalPool(act=q.relu), q.fc(classes)))
    return NetSpec(name="digits", height=8, width=8, channels=1, classes=classes, stages=stages, heads=heads)


def b_lenet(weight_bits: int = 4, act_bits: int = 4, classes: int = 10) -> NetSpec:
    """B-LeNet as published for 28x28x1, biases included. Batch norm was added after each convolution; it folds into the thresholds."""
    q = _Layers(weight_bits, act_bits)
    pool = MaxPool(kernel=2, stride=2)
    stages: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(5, 5, 4), pool), (q.conv(10, 5, 4), pool, q.conv(20, 5, 3), pool))
    heads: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(10, 3, 1), pool, q.fc(classes)), (q.fc(classes),))
    return NetSpec(name="b_lenet", height=28, width=28, channels=1, classes=classes, stages=stages, heads=heads)


def triple_wins(weight_bits: int = 4, act_bits: int = 4, classes: int = 10) -> NetSpec:
    """Triple Wins' network as published for 28x28x1.

    Head 0 has no ReLU after its convolution nor between its linear layers. Adjacent linear layers cannot stay integers of few
    bits without a quantiser between them, so a signed one of ``act_bits`` was added after that convolution and after each of
    its first two linear layers. Batch norm was added after each convolution and hidden linear layer; it folds into the
    thresholds.
    """
    q = _Layers(weight_bits, act_bits)
    pool = MaxPool(kernel=2, stride=2)
    stages: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(32, 3, 0),),
        (q.conv(32, 3, 0), pool, q.conv(64, 3, 0), q.conv(64, 3, 0), pool),
    )
    heads: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(16, 3, 0, 2, q.identity), pool, q.fc(200, q.identity), q.fc(200, q.identity), q.fc(classes)),
        (q.fc(200, q.relu), q.fc(200, q.relu), q.fc(classes)),
    )
    return NetSpec(name="triple_wins", height=28, width=28, channels=1, classes=classes, stages=stages, heads=heads)


def b_alexnet(weight_bits: int = 4, act_bits: int = 4, classes: int = 10) -> NetSpec:
    """B-AlexNet as published for 32x32x3. Batch norm was added after each convolution and hidden linear layer; it folds into
    the thresholds."""
    q = _Layers(weight_bits, act_bits)
    pool = MaxPool(kernel=3, stride=2)
    stages: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(32, 5, 2), pool),
        (q.conv(64, 5, 2), pool, q.conv(96, 3, 1), q.conv(96, 3, 1), q.conv(64, 3, 1), pool),
    )
    heads: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(64, 3, 1), pool, q.conv(32, 3, 1), pool, q.fc(classes)),
        (q.fc(256, q.relu), q.fc(128, q.relu), q.fc(classes)),
    )
    return NetSpec(name="b_alexnet", height=32, width=32, channels=3, classes=classes, stages=stages, heads=heads)


PRESETS: dict[str, Callable[[int, int, int], NetSpec]] = {
    "digits": digits, "b_lenet": b_lenet, "triple_wins": triple_wins, "b_alexnet": b_alexnet,
}


def preset(name: str, weight_bits: int = 4, act_bits: int = 4, classes: int = 10) -> NetSpec:
    """The preset called ``name``; raises :class:`QuantModelError` when there is none or a value is out of range."""
    if name not in PRESETS:
        raise QuantModelError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}")
    return PRESETS[name](weight_bits, act_bits, classes)
