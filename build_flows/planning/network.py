"""The network as compile sees it, with every shape and width worked out; feature maps are height x width x channels (NHWC without N)."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

from build_flows.base.errors import OfframpError
from build_flows.planning.constants import Constants

__all__ = ["IMAGE", "Layer", "Network", "NetworkError", "Pair", "Run", "Shape", "each_layer", "fused"]

Pair = tuple[int, int]

IMAGE = "image"
"""What layers that read the images name as their input."""


class NetworkError(OfframpError):
    """The description does not make a network; the message names the layer, the field, its value and what is allowed."""


@dataclass(frozen=True)
class Shape:
    """A feature map: ``height`` x ``width`` pixels of ``channels``."""

    height: int
    width: int
    channels: int

    @property
    def pixels(self) -> int:
        """Pixels a frame."""
        return self.height * self.width

    @property
    def values(self) -> int:
        """Values a frame."""
        return self.pixels * self.channels

    def __str__(self) -> str:
        return f"{self.height}x{self.width}x{self.channels}"


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer of the description with its shapes.

    ``kind`` is ``conv``, ``linear``, ``maxpool``, ``global_sum``, ``threshold``, ``add`` or ``concat``; ``stage`` its stage, or the exit
    whose head or gate head (``head``) it is in. It reads the layers called ``inputs`` (:data:`IMAGE`: the images), ``source`` of
    ``in_bits`` (those of an addition or concatenation but the first are of ``others``, (bits, signed), and of the latter of ``more``
    channels); its output is ``target`` of ``out_bits``. ``acc_bits`` is the width, by data types alone, of the sum before the thresholds
    (0 for ``maxpool`` and ``concat``); where ``activation`` is false that sum is the output.
    ``sum_bits`` is its width as the RTL has it, narrower where the weights are known. ``kernel``, ``pad`` and ``stride``, each (of the
    height, of the width), are 1, 0 and 1 where they mean nothing, ``weight_bits`` 0. ``binary``: weights are -1 and 1, which FINN and most
    units take as two of 2 bits. ``depthwise``: each output is known to be of the input of its own number alone, all other weights being 0.
    ``finn_because`` is why the layer may be made of
    FINN's units alone; empty where it may have a body of ours. ``exchangeable``: its weights and thresholds may be exchanged.
    ``constants`` are its integers, where they are known.
    """

    name: str
    kind: str
    stage: int
    head: bool
    source: Shape
    target: Shape
    in_bits: int
    in_signed: bool
    out_bits: int
    out_signed: bool
    acc_bits: int
    sum_bits: int
    activation: bool
    kernel: Pair = (1, 1)
    pad: Pair = (0, 0)
    stride: Pair = (1, 1)
    weight_bits: int = 0
    binary: bool = False
    depthwise: bool = False
    finn_because: str = 'build.layers = "finn"'
    exchangeable: bool = False
    constants: Constants | None = None
    inputs: tuple[str, ...] = ()
    others: tuple[tuple[int, bool], ...] = ()
    more: tuple[int, ...] = ()

    @property
    def padded(self) -> Shape:
        """The input with its padding."""
        return Shape(self.source.height + 2 * self.pad[0], self.source.width + 2 * self.pad[1], self.source.channels)

    @property
    def taps(self) -> int:
        """Pixels in a window."""
        return self.kernel[0] * self.kernel[1]

    @property
    def mw(self) -> int:
        """Width of the weight matrix: inputs of one dot product (``conv`` and ``linear`` only)."""
        return self.source.values if self.kind == "linear" else self.taps * self.source.channels

    @property
    def mh(self) -> int:
        """Height of the weight matrix: outputs a pixel."""
        return self.target.channels

    @property
    def macs(self) -> int:
        """Multiplications a frame."""
        return self.target.pixels * self.mw * self.mh if self.weight_bits else 0


@dataclass(frozen=True)
class Run:
    """Layers one behind the other, of a ``part`` (``stage``, ``head`` or ``gate``) and its ``index``: each but the first is all that reads
    the one before it. What the last one gives goes into the runs ``behind``, by their places among all: into those whose first input it
    is, so that runs form a tree. ``ends_stage``: it ends its stage; without layers it passes on what comes in."""

    part: str
    index: int
    layers: tuple[Layer, ...]
    behind: tuple[int, ...]
    ends_stage: bool


@dataclass(frozen=True, kw_only=True)
class Network:
    """Stages and heads, one of each an exit; what ``stages[k]`` ends with feeds ``heads[k]`` and ``stages[k + 1]``, and the gate head
    ``gates[k]`` where exit ``k`` has one (else it is empty). Layers of each are in an order in which they can be computed."""

    name: str
    classes: int
    source: Shape
    in_bits: int
    in_signed: bool
    stages: tuple[tuple[Layer, ...], ...]
    heads: tuple[tuple[Layer, ...], ...]
    gates: tuple[tuple[Layer, ...], ...] = ()

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All layers as runs: those of stage 0, of head 0, of its gate head (none where there is none), of stage 1, ..."""
        found: list[tuple[str, int, tuple[Layer, ...], bool]] = []
        before: list[int] = []
        begin, ends = IMAGE, {IMAGE: -1}
        for k, row in enumerate(zip(self.stages, self.heads, self.gates or ((),) * len(self.heads), strict=True)):
            for part, layers in zip(("stage", "head", "gate"), row, strict=True):
                runs = _cut(layers, begin) if layers or part != "gate" else []
                for place, run in enumerate(runs):
                    before.append(ends[run[0].inputs[0] if run else begin])
                    ends |= {layer.name: len(found) for layer in run}
                    found.append((part, k, run, part == "stage" and place == len(runs) - 1))
                if part == "stage":
                    begin = layers[-1].name if layers else begin
                    ends[begin] = len(found) - 1
        return tuple(Run(part, k, layers, tuple(index for index, parent in enumerate(before) if parent == place), last)
                     for place, (part, k, layers, last) in enumerate(found))

    @property
    def chains(self) -> tuple[tuple[Layer, ...], ...]:
        """The layers of all runs."""
        return tuple(run.layers for run in self.runs)

    @property
    def layers(self) -> tuple[Layer, ...]:
        """All layers: stage 0, head 0, its gate head, stage 1, head 1, ..."""
        return tuple(layer for chain in self.chains for layer in chain)

    def layer(self, name: str) -> Layer:
        """The layer called ``name``; raises :class:`NetworkError`."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise NetworkError(f"no layer is called {name!r}; known are {', '.join(layer.name for layer in self.layers)}")


def _cut(layers: tuple[Layer, ...], begin: str) -> list[tuple[Layer, ...]]:
    """``layers`` of a stage or head that begins with what ``begin`` gives, cut where paths fork and join; one run without layers where
    there are none."""
    readers = Counter(name for layer in layers for name in layer.inputs)
    runs: list[tuple[Layer, ...]] = []
    before = begin
    for layer in layers:
        if runs and layer.inputs == (before,) and readers[before] == 1:
            runs[-1] = (*runs[-1], layer)
        else:
            runs.append((layer,))
        before = layer.name
    return runs or [()]


def fused(network: Network, exchangeable: bool = False) -> Network:
    """``network`` whose layers may have a body of ours as well as FINN's units; those of ``exchangeable`` heads one whose weights may be
    exchanged. Gate heads are not exchanged: their sums are sized by their weights."""
    found = each_layer(network, lambda layer: replace(layer, finn_because=""))
    heads = tuple(tuple(replace(layer, exchangeable=exchangeable) for layer in chain) for chain in found.heads)
    return replace(found, heads=heads)


def each_layer(network: Network, change: Callable[[Layer], Layer]) -> Network:
    """``network`` with each layer changed."""
    stages, heads, gates = (
        tuple(tuple(change(layer) for layer in chain) for chain in chains) for chains in (network.stages, network.heads, network.gates)
    )
    return replace(network, stages=stages, heads=heads, gates=gates)
