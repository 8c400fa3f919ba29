"""The network as compile sees it, with every shape and width worked out; feature maps are height x width x channels (NHWC without N)."""

from collections import Counter
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from build_flows.base.errors import OfframpError
from build_flows.planning.constants import Constants

__all__ = ["IMAGE", "PASSING", "Layer", "Network", "NetworkError", "Pair", "Run", "Shape", "each_layer", "ended_by", "fused"]

Pair = tuple[int, int]

IMAGE = "image"
"""What layers that read the images name as their input."""


PASSING = ("maxpool", "concat", "upsample")
"""Kinds of layers that give the integers that they get."""


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

    ``kind`` is ``conv``, ``linear``, ``maxpool``, ``global_sum``, ``threshold``, ``add``, ``concat`` or ``upsample``; ``stage`` its stage,
    or the exit whose head or gate head (``head``) it is in. It reads the layers called ``inputs`` (:data:`IMAGE`: the images), ``source``
    of ``in_bits`` (those of an addition or concatenation but the first are of ``others``, (bits, signed), and of the latter of ``more``
    channels); its output is ``target`` of ``out_bits``. ``acc_bits`` is the width, by data types alone, of the sum before the thresholds
    (0 for :data:`PASSING` kinds); where ``activation`` is false that sum is the output.
    ``sum_bits`` is its width as the RTL has it, narrower where the weights are known. ``kernel``, ``pad`` and ``stride``, each (of the
    height, of the width), are 1, 0 and 1 where they mean nothing, ``factor``, times that an upsampling repeats rows and columns, 1,
    ``weight_bits`` 0. ``binary``: weights are -1 and 1, which FINN and most units take as two of 2 bits. ``depthwise``: each
    output is known to be of the input of its own number alone, all other weights being 0. ``finn_because`` is why the layer may be made of
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
    factor: Pair = (1, 1)
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
    def unplaced(self) -> "Layer":
        """The layer without where it stands, which changes nothing of its units: one that several layouts have is then one."""
        return replace(self, stage=0, head=False, inputs=())

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
    """Layers one behind the other, at least one, of a ``part`` (``stage``, ``head`` or ``gate``) and its ``index``: each but the first is
    all that reads the one before it. What the last one gives goes into the runs ``behind``, by their places among all: into those whose
    first input it is, so that runs form a tree. ``held``: the exits whose gates hold it."""

    part: str
    index: int
    layers: tuple[Layer, ...]
    behind: tuple[int, ...]
    held: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Network:
    """Stages and heads, one of each an exit; ``heads[k]``, and the gate head ``gates[k]`` where exit ``k`` has one (else it is empty), read
    what ``stages[k]`` gives, or what it gets; later stages of all up to there what is in ``cuts[k]``, by name (without any: what the stage
    ends with). Layers of each are in an order in which they can be computed."""

    name: str
    classes: int
    source: Shape
    in_bits: int
    in_signed: bool
    stages: tuple[tuple[Layer, ...], ...]
    heads: tuple[tuple[Layer, ...], ...]
    gates: tuple[tuple[Layer, ...], ...] = ()
    cuts: tuple[tuple[str, ...], ...] = ()

    def cut(self, stage: int) -> tuple[str, ...]:
        """What later stages read of ``stage`` and those before it, by name; of the last stage nothing."""
        if stage == len(self.stages) - 1:
            return ()
        return self.cuts[stage] if self.cuts else ended_by(self.stages, stage)

    def held(self, name: str) -> tuple[int, ...]:
        """The exits whose gates hold what the layer called ``name`` gives (:data:`IMAGE`: the images)."""
        return tuple(k for k in range(len(self.stages)) if name in self.cut(k))

    @cached_property
    def runs(self) -> tuple[Run, ...]:
        """All layers as runs: those of stage 0, of head 0, of its gate head, of stage 1, ..."""
        rows = list(zip(self.stages, self.heads, self.gates or ((),) * len(self.heads), strict=True))
        readers = Counter(name for row in rows for layers in row for layer in layers for name in layer.inputs)
        ends = {name for name, count in readers.items() if count > 1 or self.held(name)}
        found: list[tuple[str, int, tuple[Layer, ...]]] = []
        places = {IMAGE: -1}
        for k, row in enumerate(rows):
            for part, layers in zip(("stage", "head", "gate"), row, strict=True):
                for run in _cut(layers, ends):
                    places |= {layer.name: len(found) for layer in run}
                    found.append((part, k, run))
        before = [places[run[0].inputs[0]] for _, _, run in found]
        behind = [tuple(index for index, parent in enumerate(before) if parent == place) for place in range(len(found))]
        return tuple(Run(part, k, layers, behind[place], self.held(layers[-1].name)) for place, (part, k, layers) in enumerate(found))

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


def ended_by(stages: Sequence[Sequence[Layer]], stage: int) -> tuple[str, ...]:
    """The layer that ``stage`` ends with, or where it has none the ones before it, by name."""
    names = [layer.name for chain in stages[: stage + 1] for layer in chain]
    return (names[-1] if names else IMAGE,)


def _cut(layers: tuple[Layer, ...], ends: Container[str]) -> list[tuple[Layer, ...]]:
    """``layers`` of a stage or head, cut where paths fork and join; those called ``ends`` are the last of their runs."""
    runs: list[tuple[Layer, ...]] = []
    for layer in layers:
        if runs and layer.inputs == (runs[-1][-1].name,) and layer.inputs[0] not in ends:
            runs[-1] = (*runs[-1], layer)
        else:
            runs.append((layer,))
    return runs


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
