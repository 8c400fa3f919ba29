"""Named networks. ``weight_bits`` and ``act_bits`` are 1 to 8; signed activations have 2 bits at least, and the input always 8.

``shape`` is that of the images, (height, width, channels): another than the one published is taken as long as every layer fits, else
:class:`QuantModelError` names the layer that does not.
"""

from collections.abc import Callable
from dataclasses import replace

from quant_models.errors import QuantModelError
from quant_models.networks.spec import (
    Activation,
    Conv,
    DenseScales,
    GlobalPool,
    LayerSpec,
    Linear,
    MaxPool,
    NetSpec,
    Residual,
    Scales,
    Size,
)

__all__ = ["PRESETS", "Shape", "b_alexnet", "b_lenet", "cnv", "digits", "har", "mobilenet_tiny", "msdnet_tiny", "preset", "resnet8", "tfc",
           "triple_wins"]

Shape = tuple[int, int, int]


class _Layers:
    """Layer constructors at one pair of bit widths."""

    def __init__(self, weight_bits: int, act_bits: int) -> None:
        self.bits, self.relu = weight_bits, Activation(bits=act_bits)
        self.identity = Activation(kind="identity", bits=max(2, act_bits))

    def conv(self, out: int, kernel: Size, pad: Size, stride: Size = 1, act: Activation | None = None) -> Conv:
        return Conv(out=out, kernel=kernel, pad=pad, stride=stride, weight_bits=self.bits, act=act or self.relu)

    def separable(self, channels: int, out: int, stride: int = 1) -> tuple[Conv, Conv]:
        """A 3x3 convolution of each of ``channels`` by itself, and a 1x1 one to ``out``."""
        return replace(self.conv(channels, 3, 1, stride), groups=channels), self.conv(out, 1, 0)

    def residual(self, channels: int, out: int) -> Residual:
        """Two 3x3 convolutions of ``channels`` to ``out``; where these differ the first has stride 2, and the shortcut is a projection."""
        stride = 1 if channels == out else 2
        shared = Activation(kind="identity", bits=min(self.relu.bits + 1, 8))
        project = () if channels == out else (self.conv(out, 1, 0, stride, shared),)
        return Residual(body=(self.conv(out, 3, 1, stride), self.conv(out, 3, 1, 1, shared)), shortcut=project, act=self.relu)

    def fc(self, out: int, act: Activation | None = None) -> Linear:
        return Linear(out=out, weight_bits=self.bits, act=act)


def _net(
    name: str, shape: Shape, classes: int, stages: tuple[tuple[LayerSpec, ...], ...], heads: tuple[tuple[LayerSpec, ...], ...]
) -> NetSpec:
    height, width, channels = shape
    return NetSpec(name=name, height=height, width=width, channels=channels, classes=classes, stages=stages, heads=heads)


def digits(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (8, 8, 1)) -> NetSpec:
    """Three exits on 8x8x1 images. The first two heads pool hard, so that they are small and leave hard digits to the next stage;
    the last is a global average pool and one linear layer."""
    q = _Layers(weight_bits, act_bits)
    pool, pool4 = MaxPool(kernel=2, stride=2), MaxPool(kernel=4, stride=4)
    stages: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(8, 3, 1),), (q.conv(16, 3, 1), pool), (q.conv(32, 3, 1),))
    heads: tuple[tuple[LayerSpec, ...], ...] = ((pool4, q.fc(classes)), (pool, q.fc(classes)), (GlobalPool(act=q.relu), q.fc(classes)))
    return _net("digits", shape, classes, stages, heads)


def b_lenet(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (28, 28, 1)) -> NetSpec:
    """B-LeNet as published for 28x28x1, biases included. Batch norm was added after each convolution; it folds into the thresholds."""
    q = _Layers(weight_bits, act_bits)
    pool = MaxPool(kernel=2, stride=2)
    stages: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(5, 5, 4), pool), (q.conv(10, 5, 4), pool, q.conv(20, 5, 3), pool))
    heads: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(10, 3, 1), pool, q.fc(classes)), (q.fc(classes),))
    return _net("b_lenet", shape, classes, stages, heads)


def triple_wins(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (28, 28, 1)) -> NetSpec:
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
    return _net("triple_wins", shape, classes, stages, heads)


def b_alexnet(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (32, 32, 3)) -> NetSpec:
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
    return _net("b_alexnet", shape, classes, stages, heads)


def har(weight_bits: int = 4, act_bits: int = 4, classes: int = 6, shape: Shape = (128, 1, 9)) -> NetSpec:
    """Three exits on windows of sensor samples as time x 1 x channels, by itself those of human activity recognition (128 samples of 9
    channels, 6 classes): 1-D convolutions and pools along the time. The first two heads pool hard; the last averages over the time."""
    q = _Layers(weight_bits, act_bits)
    pool, pool4 = MaxPool(kernel=(2, 1), stride=(2, 1)), MaxPool(kernel=(4, 1), stride=(4, 1))
    stages: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(16, (5, 1), (2, 0)), pool), (q.conv(32, (5, 1), (2, 0)), pool), (q.conv(64, (3, 1), (1, 0)), pool),
    )
    heads: tuple[tuple[LayerSpec, ...], ...] = ((pool4, q.fc(classes)), (pool4, q.fc(classes)), (GlobalPool(act=q.relu), q.fc(classes)))
    return _net("har", shape, classes, stages, heads)


def resnet8(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (32, 32, 3)) -> NetSpec:
    """ResNet-8 as MLPerf Tiny has it for 32x32x3, with exits after its first and its second block: a convolution to 16 channels, three
    residual blocks of two 3x3 convolutions, of 16, 32 and 64 channels, of which the second and third halve the map and project the
    shortcut, global average pool and one linear layer. Both early heads are a 3x3 convolution of stride 2 to twice the channels, a global
    average pool and one linear layer.

    Both operands of a sum go through one signed quantiser of ``act_bits`` + 1 (8 at most): so wide, it can hold the skip's integers as they
    are.
    """
    q = _Layers(weight_bits, act_bits)
    stages: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(16, 3, 1), q.residual(16, 16)), (q.residual(16, 32),), (q.residual(32, 64),))
    average = (GlobalPool(act=q.relu), q.fc(classes))
    heads: tuple[tuple[LayerSpec, ...], ...] = ((q.conv(32, 3, 1, 2), *average), (q.conv(64, 3, 1, 2), *average), average)
    return _net("resnet8", shape, classes, stages, heads)


def cnv(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (32, 32, 3)) -> NetSpec:
    """FINN's CNV for 32x32x3, published with weights and activations of 1 bit (W1A1) and of 2 (W2A2): six 3x3 convolutions without padding,
    two each of 64, 128 and 256 channels, a max-pool after the second and the fourth, and linear layers of 512, 512 and the classes. Exits
    stand after both pools; their heads are a 3x3 convolution, of stride 2 and with a max-pool behind in the first, and one linear layer.

    Published activations of 1 bit are -1 and 1. Here they are 0 and 1, as those of DoReFa-Net (Zhou 2016): with x = 2 b - 1 the sums of w b
    and of w x differ by a factor and a constant of each output, which the batch norm behind them, or the bias of logits, takes up.
    """
    q = _Layers(weight_bits, act_bits)
    pool = MaxPool(kernel=2, stride=2)
    stages: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(64, 3, 0), q.conv(64, 3, 0), pool), (q.conv(128, 3, 0), q.conv(128, 3, 0), pool), (q.conv(256, 3, 0), q.conv(256, 3, 0)),
    )
    heads: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(64, 3, 0, 2), pool, q.fc(classes)), (q.conv(128, 3, 0), q.fc(classes)),
        (q.fc(512, q.relu), q.fc(512, q.relu), q.fc(classes)),
    )
    return _net("cnv", shape, classes, stages, heads)


def mobilenet_tiny(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (32, 32, 3)) -> NetSpec:
    """MobileNetV1 at a quarter of its width, as MLPerf Tiny's visual wake words have it, for 32x32x3: a 3x3 convolution to 8 channels, then
    thirteen blocks of a depthwise 3x3 convolution and a 1x1 one, up to 256 channels, global average pool and one linear layer. The first
    convolution has stride 1 in place of 2, for images are a third of the published ones a side. Exits stand after the third block (32
    channels, 16x16) and the fifth (64 channels, 8x8); their heads are a block of stride 2 to twice the channels, a global average pool and
    one linear layer.
    """
    q = _Layers(weight_bits, act_bits)

    def blocks(*sizes: tuple[int, int, int]) -> tuple[LayerSpec, ...]:
        return tuple(layer for channels, out, stride in sizes for layer in q.separable(channels, out, stride))

    stages: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(8, 3, 1), *blocks((8, 16, 1), (16, 32, 2), (32, 32, 1))),
        blocks((32, 64, 2), (64, 64, 1)),
        blocks((64, 128, 2), *((128, 128, 1),) * 5, (128, 256, 2), (256, 256, 1)),
    )
    average = (GlobalPool(act=q.relu), q.fc(classes))
    heads = ((*q.separable(32, 64, 2), *average), (*q.separable(64, 128, 2), *average), average)
    return _net("mobilenet_tiny", shape, classes, stages, heads)


def msdnet_tiny(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (32, 32, 3)) -> NetSpec:
    """MSDNet (Huang 2018) cut down, for 32x32x3: dense connections at two scales, an exit at the coarse one behind each of three blocks.

    A 3x3 convolution to 8 channels, then 16 at 16x16 pixels and 32 at 8x8; a first block of two dense layers and two of one, of which
    each adds 16 channels at the fine scale, and at the coarse one 16 of the coarse map and 16 of the fine one. The fine map of the last
    layer before an exit is computed behind that exit, and that of the very last layer not at all (its lazy evaluation). Published are three
    scales, bottlenecks, and up to seven blocks of some ten layers; here both scales stay to the end, so that what passes an exit are two
    maps. Heads are a 3x3 convolution of stride 2 to 64 channels, a global average pool and one linear layer.

    Channels side by side must be integers of one scale: all layers of a scale share its quantiser, which the batch norms in front of it
    make room for.
    """
    q = _Layers(weight_bits, act_bits)
    dense = DenseScales(same=(q.conv(16, 3, 1),) * 2, down=(q.conv(16, 3, 1, 2),))
    stages: tuple[tuple[LayerSpec, ...], ...] = (
        (q.conv(8, 3, 1), Scales(convs=(q.conv(16, 3, 1, 2), q.conv(32, 3, 1, 2))), dense, dense), (dense,), (dense,))
    heads = ((q.conv(64, 3, 1, 2), GlobalPool(act=q.relu), q.fc(classes)),) * 3
    return _net("msdnet_tiny", shape, classes, stages, heads)


def tfc(weight_bits: int = 4, act_bits: int = 4, classes: int = 10, shape: Shape = (28, 28, 1)) -> NetSpec:
    """FINN's TFC for 28x28x1: three hidden linear layers of 64, and one of the classes, with an exit of one linear layer after the first
    and the second. Published with weights and activations of 1 and 2 bits."""
    q = _Layers(weight_bits, act_bits)
    return _net("tfc", shape, classes, ((q.fc(64, q.relu),),) * 3, ((q.fc(classes),),) * 3)


PRESETS: dict[str, Callable[..., NetSpec]] = {
    "digits": digits, "b_lenet": b_lenet, "triple_wins": triple_wins, "b_alexnet": b_alexnet, "har": har, "resnet8": resnet8, "tfc": tfc,
    "mobilenet_tiny": mobilenet_tiny, "cnv": cnv, "msdnet_tiny": msdnet_tiny,
}


def preset(name: str, weight_bits: int = 4, act_bits: int = 4, classes: int | None = None, shape: Shape | None = None) -> NetSpec:
    """The preset called ``name``, by itself (None) of the classes and shape published; raises :class:`QuantModelError` when there is none,
    a value is out of range or a layer does not fit ``shape``."""
    if name not in PRESETS:
        raise QuantModelError(f"preset must be one of {', '.join(PRESETS)}, not {name!r}")
    chosen = {key: value for key, value in (("classes", classes), ("shape", shape)) if value is not None}
    return PRESETS[name](weight_bits, act_bits, **chosen)
