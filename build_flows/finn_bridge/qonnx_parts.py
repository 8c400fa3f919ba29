"""Which stage or head each layer of a network belongs to, by the outputs that depend on it.

Stage k holds what the exits from k on need together, head k what exit k alone needs. What later stages read of stages before them is their
cut: one tensor, at which the exit leaves too, so that one gate holds it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from build_flows.artefacts.own_layers import IMAGE, OwnLayer
from build_flows.finn_bridge.errors import CompileError

__all__ = ["Read", "parts"]

WORDS = {"conv": "conv", "linear": "fc", "maxpool": "pool", "global_sum": "gap", "add": "add", "threshold": "act", "concat": "concat"}
ORDER = "outputs must be in the order in which they leave the trunk, the last one behind all others"

Layers = tuple[OwnLayer, ...]


@dataclass(frozen=True, kw_only=True)
class Read:
    """A layer as read: the layers that it ``reads``, by their places among all (-1: the images), the outputs, by index, that depend on it
    (``exits``), and the tensor that it gives."""

    layer: OwnLayer
    reads: tuple[int, ...]
    exits: frozenset[int]
    tensor: str


def parts(reads: Sequence[Read], outputs: Sequence[str], image: str) -> tuple[tuple[Layers, ...], tuple[Layers, ...]]:
    """Stages and heads, their layers named, each in an order in which it can be computed; ``outputs`` are the exits' tensors, in exit
    order, and ``image`` is that of the images.

    Raises :class:`CompileError` naming the tensors where an exit leaves at more than one, or at another than the trunk goes on from.
    """
    return _Parts(reads, outputs, image).found()


class _Parts:
    def __init__(self, reads: Sequence[Read], outputs: Sequence[str], image: str) -> None:
        self.reads, self.outputs, self.image = reads, outputs, image
        count = len(outputs)
        self.places = [self._place(item) for item in reads]
        self.cuts: list[int] = []
        tail = [index for index, item in enumerate(reads) if item.exits == {count - 1}]
        for index in tail[_split([reads[index].layer for index in tail]) :]:
            self.places[index] = ("head", count - 1)

    def _place(self, item: Read) -> tuple[str, int]:
        last = len(self.outputs) - 1
        return ("head" if len(item.exits) == 1 and min(item.exits) < last else "stage", min(item.exits))

    def found(self) -> tuple[tuple[Layers, ...], tuple[Layers, ...]]:
        for k in range(len(self.outputs)):
            self._one_cut(k)
        names, counts = {-1: IMAGE}, dict[tuple[str, int, str], int]()
        found: dict[tuple[str, int], list[OwnLayer]] = {}
        for index, (item, (part, k)) in enumerate(zip(self.reads, self.places, strict=True)):
            word = WORDS[item.layer.kind]
            number = counts.get((part, k, word), 0)
            counts[part, k, word] = number + 1
            names[index] = f"{part}{k}_{word}{number}"
            layer = replace(item.layer, name=names[index], inputs=tuple(names[place] for place in item.reads))
            found.setdefault((part, k), []).append(layer)
        stages, heads = (tuple(tuple(found.get((part, k), ())) for k in range(len(self.outputs))) for part in ("stage", "head"))
        return stages, heads

    def _tensor(self, index: int) -> str:
        return self.image if index < 0 else self.reads[index].tensor

    def _outside(self, part: str, k: int) -> list[int]:
        """What a stage or head reads that is not its own, in order."""
        found = {place for index, item in enumerate(self.reads) if self.places[index] == (part, k) for place in item.reads
                 if place < 0 or self.places[place] != (part, k)}
        return sorted(found)

    def _one_cut(self, k: int) -> None:
        """Exit ``k`` must leave at one tensor, which stage ``k`` ends with, and which alone later stages read of all up to it."""
        self._no_stage(k)
        name, leaves = self.outputs[k], self._outside("head", k)
        if len(leaves) != 1:
            told = ", ".join(self._tensor(place) for place in leaves)
            raise CompileError(f"output {name} leaves the trunk at {len(leaves)} tensors ({told}); allowed: one")
        if k == len(self.outputs) - 1:
            return
        (leaf,) = leaves
        self.cuts.append(leaf)
        # Without layers of its own a stage ends with what the one before does.
        same = ("stage", k) not in self.places and self.cuts[k - 1] == leaf
        if not same and (leaf < 0 or self.places[leaf] != ("stage", k)):
            other = 0 if leaf < 0 else self.places[leaf][1]
            raise CompileError(f"at {self._tensor(leaf)} output {name} leaves the trunk, where output {self.outputs[other]} should; "
                               f"{ORDER}")
        onward = {place for index, item in enumerate(self.reads) if self.places[index][1] > k for place in item.reads
                  if place < 0 or self.places[place][1] <= k}
        for j in range(k + 1, len(self.outputs)):
            early = [place for place in self._outside("head", j) if place in onward - {leaf}]
            if early:
                raise CompileError(f"at {self._tensor(early[0])} output {self.outputs[j]} leaves the trunk, where output {name} "
                                   f"should; {ORDER}")
        if onward != {leaf}:
            told = ", ".join(self._tensor(place) for place in sorted(onward))
            raise CompileError(f"behind output {name} the trunk reads {told}; allowed: {self._tensor(leaf)} alone, the tensor at which the "
                               "exit leaves (a skip connection must not pass an exit)")

    def _no_stage(self, k: int) -> None:
        """The first and the last stage must have a layer."""
        if ("stage", k) in self.places or 0 < k < len(self.outputs) - 1:
            return
        name = self.outputs[k]
        if k == 0:
            raise CompileError(f"output {name} leaves the trunk at the images; allowed: one layer at least before the first exit")
        before = self.outputs[k - 1]
        raise CompileError(f"output {name} leaves the trunk where output {before} does; allowed: one layer at least between two exits")


def _split(layers: Sequence[OwnLayer]) -> int:
    """How many of the layers that the last exit alone needs are its stage's: the head begins at the first linear layer or global pool, but
    a stage has a layer."""
    at = next(index for index, layer in enumerate(layers) if layer.kind in ("linear", "global_sum"))
    return at or min(1, len(layers) - 1)
