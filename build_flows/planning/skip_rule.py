"""How deep the FIFO of a skip must be so that no stage can stand still for want of room: told by what its units must take.

With L_p(n) the beats of a fork that path p must take before its n-th beat reaches the join, the FIFO behind the fork on a short path holds
at least max over n of (L_long(n) - L_short(n)) + 1 beats. Of each unit what it must take before its m-th beat comes follows from its layer
alone; paths are followed unit by unit, so of joins in joins the inner one's need is the larger of its inputs'. FIFOs further down the short
path hold beats too: with d of them behind a unit, L_short(n + d - 1) of the fork's are taken when the join waits for the n-th of the other
path. That counts up to the first fork within, whose other branch may be full. The depth that keeps the rate comes from simulation
(:mod:`build_flows.planning.fifo_sizing`), and the larger is built.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from build_flows.planning.network import Layer
from hw.netlist import Layer as Hardware
from hw.netlist import Netlist, Stream

__all__ = ["SkipDepth", "beats_needed", "skip_depths", "skip_streams"]

Beats = npt.NDArray[np.int64]

AS_THEY_COME = ("StreamFork_rtl", "StreamAdd_rtl", "StreamConcat_rtl", "Thresholding_rtl")
"""Units that give a beat for each that they take."""

JOINS = ("StreamAdd_rtl", "StreamConcat_rtl")


@dataclass(frozen=True)
class SkipDepth:
    """A skip's FIFO: the ``depth`` in beats that it must have at least, and the units on the way for which a whole frame was taken as what
    they need before their first beat, as no formula is known of them."""

    depth: int
    whole_frame: tuple[str, ...] = ()


def beats_needed(unit: Hardware, layers: Sequence[Layer]) -> Beats | None:
    """int64 ``[out_beats]``: the beats of a frame that ``unit`` must have taken before each of its beats of that frame comes. ``layers``
    are those that it computes, one behind the other, or the one that it is a part of; none of a fork. None: no formula is known.
    """
    beats = np.arange(1, unit.out_beats + 1)
    if unit.op in AS_THEY_COME and unit.in_beats == unit.out_beats:
        return beats
    if unit.op == "StreamingDataWidthConverter_rtl":
        return -(-beats * unit.in_beats // unit.out_beats)
    if unit.op == "GlobalAccPool_rtl":
        return np.full(unit.out_beats, unit.in_beats)
    if not layers:
        return None
    layer = layers[0]
    if unit.op == "MVAU_rtl":
        pixels = layer.target.pixels
        return -(-beats * pixels // unit.out_beats) * (unit.in_beats // pixels)
    if unit.op == "Upsample_rtl":
        return _repeated(layer, unit)
    if unit.op == "FMPadding_rtl":
        return _padded(layer, unit)
    if unit.op in ("ConvolutionInputGenerator_rtl", "MaxPool_rtl", "PixelPool_rtl", "StaticConv_rtl", "SharedConv_rtl"):
        return _windows(unit, layers, padded=unit.op == "ConvolutionInputGenerator_rtl")
    return None


def _padded(layer: Layer, unit: Hardware) -> Beats:
    """Of padding: the pixels of the map up to each place, those around it need none."""
    height, width = layer.padded.height, layer.padded.width
    rows, columns = np.divmod(np.arange(height * width), width)
    real = ((rows >= layer.pad[0]) & (rows < height - layer.pad[0]) & (columns >= layer.pad[1]) & (columns < width - layer.pad[1]))
    each = unit.in_beats // layer.source.pixels
    found: Beats = np.cumsum(np.repeat(real, each))
    return found


def _repeated(layer: Layer, unit: Hardware) -> Beats:
    """Of an upsampling: what it gives for the first time comes as it is taken, and is there when it is repeated."""
    (down, across), folds = layer.factor, unit.in_beats // layer.source.pixels
    rows, columns = np.divmod(np.arange(layer.target.pixels), layer.target.width)
    first = (rows // down * layer.source.width + columns // across) * folds + 1
    found: Beats = np.maximum.accumulate((first[:, None] + np.arange(folds)).ravel())
    return found


def _windows(unit: Hardware, layers: Sequence[Layer], *, padded: bool) -> Beats:
    """Of windows: the last pixel of the window of the last pixel that a beat holds, or a part of. ``padded``: the zeros around the map come
    with it."""
    beats = np.arange(1, unit.out_beats + 1)
    last = -(-beats * layers[-1].target.pixels // unit.out_beats) - 1
    for layer in reversed(layers):
        if layer.kind == "linear":
            last = np.full_like(last, layer.source.pixels - 1)
            continue
        pad = (0, 0) if padded else layer.pad
        source = layer.padded if padded else layer.source
        rows, columns = np.divmod(last, layer.target.width)
        rows = np.clip(rows * layer.stride[0] + layer.kernel[0] - 1 - pad[0], 0, source.height - 1)
        columns = np.clip(columns * layer.stride[1] + layer.kernel[1] - 1 - pad[1], 0, source.width - 1)
        if unit.op == "SharedConv_rtl" and layer is layers[0]:
            columns = np.full_like(columns, source.width - 1)    # it begins with rows that are whole
        last = np.maximum.accumulate(rows * source.width + columns)
    pixels = (layers[0].padded if padded else layers[0].source).pixels
    found: Beats = -(-(last + 1) * unit.in_beats // pixels)
    return found


def skip_depths(
    netlist: Netlist, layers: Mapping[str, Sequence[Layer]], depths: Mapping[str, int] | None = None
) -> dict[str, SkipDepth]:
    """By stream, what the rule asks of the FIFOs behind forks whose paths join again inside a stage or head. ``layers`` are, by the name of
    a unit, those that it computes; ``depths``, by stream, the beats that FIFOs hold at least (None: nothing is known of them)."""
    return _Rule(netlist, layers, depths or {}).found()


def skip_streams(netlist: Netlist) -> frozenset[str]:
    """The streams, by name, from a fork to where its paths join again inside a stage or head."""
    rule = _Rule(netlist, {}, {})
    for fork in rule.forks:
        rule.of(fork)
    return frozenset(rule.between)


class _Rule:
    def __init__(self, netlist: Netlist, layers: Mapping[str, Sequence[Layer]], depths: Mapping[str, int]) -> None:
        self.depths = depths
        self.between: set[str] = set()
        self.units = {layer.name: layer for layer in netlist.layers}
        inner = [item for item in netlist.streams if item.src[0] in self.units and item.dst[0] in self.units]
        self.into: dict[str, list[Stream]] = {}
        for item in inner:
            self.into.setdefault(item.dst[0], []).append(item)
        self.behind = {name: [item for item in inner if item.src[0] == name] for name in self.units}
        self.forks = [name for name, unit in self.units.items() if unit.op == "StreamFork_rtl"]
        self.needs: dict[str, Beats] = {}
        self.by_frame: set[str] = set()
        for name, unit in self.units.items():
            needed = beats_needed(unit, layers.get(name, ()))
            if needed is None:
                self.by_frame.add(name)
            self.needs[name] = np.full(unit.out_beats, unit.in_beats) if needed is None else needed

    def found(self) -> dict[str, SkipDepth]:
        depths: dict[str, SkipDepth] = {}
        for fork in self.forks:
            for stream, depth in self.of(fork):
                if stream not in depths or depths[stream].depth < depth.depth:
                    depths[stream] = depth
        return depths

    def of(self, fork: str) -> list[tuple[str, SkipDepth]]:
        """What the joins of paths from ``fork`` ask of the streams behind it."""
        taken: dict[str, Beats] = {}            # by stream, the fork's beats that each of its beats needs
        ways: dict[str, frozenset[str]] = {}    # by stream, those behind the fork that lead to it
        passed: dict[str, frozenset[str]] = {}  # by stream, the units on the way
        trails: dict[str, frozenset[str]] = {}  # by stream, those on the way to it, and itself
        room: dict[str, Beats] = {}             # as taken, with full FIFOs between the fork's and it, and in it
        for item in self.behind[fork]:
            taken[item.name], ways[item.name], passed[item.name] = self.needs[fork], frozenset([item.name]), frozenset()
            trails[item.name], room[item.name] = frozenset([item.name]), taken[item.name]
        depths = []
        for name in self._order(fork):
            given = [item.name for item in self.into[name] if item.name in taken]
            most = np.maximum.reduce([taken[item] for item in given])
            if self.units[name].op in JOINS:
                for end in given:
                    # Where paths have a way in common, the fork at its end has to see to them.
                    others = [other for other in given if not ways[other] & ways[end]]
                    if others:
                        self.between |= trails[end].union(*(trails[other] for other in others))
                        late = int((np.maximum.reduce([taken[other] for other in others]) - room[end]).max())
                        units = frozenset[str]().union(*(passed[other] for other in (end, *others))) & self.by_frame
                        depths += [(way, SkipDepth(late + 1, tuple(sorted(units)))) for way in sorted(ways[end]) if late > 0]
            for item in self.behind[name]:
                needed = self.needs[name]
                taken[item.name] = np.where(needed > 0, most[needed - 1], 0)
                trails[item.name] = frozenset([item.name]).union(*(trails[other] for other in given))
                ways[item.name] = frozenset[str]().union(*(ways[other] for other in given))
                passed[item.name] = frozenset[str]({name}).union(*(passed[other] for other in given))
                room[item.name] = taken[item.name]
                if not passed[item.name].intersection(self.forks):
                    held = np.minimum.reduce([room[other] for other in given])
                    full = np.where(needed > 0, held[needed - 1], 0)
                    places = np.arange(len(full)) + max(0, self.depths.get(item.name, 1) - 1)
                    room[item.name] = full[np.minimum(places, len(full) - 1)]
        return depths

    def _order(self, fork: str) -> list[str]:
        """The units behind ``fork``, each behind those that it reads."""
        reached: set[str] = set()
        todo = [fork]
        while todo:
            for item in self.behind[todo.pop()]:
                if item.dst[0] not in reached:
                    reached.add(item.dst[0])
                    todo.append(item.dst[0])
        order: list[str] = []
        while len(order) < len(reached):
            order += [name for name in sorted(reached - set(order))
                      if all(item.src[0] in order or item.src[0] not in reached for item in self.into[name])]
        return order
