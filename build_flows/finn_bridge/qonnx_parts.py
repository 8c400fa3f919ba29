"""Which stage or head each layer of a network belongs to, by the outputs that depend on it.

Stage k holds what the exits from k on need together, head k what exit k alone needs. Heads leave at any tensors of their stage, or of those
before it. What stages and heads behind stage k read of it, and of those before it, is its cut: a gate holds each tensor of that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from build_flows.artefacts.own_layers import IMAGE, OwnLayer
from build_flows.finn_bridge.errors import CompileError

__all__ = ["Read", "parts"]

WORDS = {"conv": "conv", "linear": "fc", "maxpool": "pool", "global_sum": "gap", "add": "add", "threshold": "act", "concat": "concat",
         "upsample": "up"}
MOST = 4
"""Tensors that a cut may have."""

Layers = tuple[OwnLayer, ...]


@dataclass(frozen=True, kw_only=True)
class Read:
    """A layer as read: the layers that it ``reads``, by their places among all (-1: the images), the outputs, by index, that depend on it
    (``exits``), and the tensor that it gives."""

    layer: OwnLayer
    reads: tuple[int, ...]
    exits: frozenset[int]
    tensor: str


@dataclass(frozen=True, kw_only=True)
class Parts:
    """``stages`` and ``heads``, their layers named, each in an order in which it can be computed; and the ``cuts``, by name, that of the
    last stage empty; none at all where each stage's is what it ends with."""

    stages: tuple[Layers, ...]
    heads: tuple[Layers, ...]
    cuts: tuple[tuple[str, ...], ...]


def parts(reads: Sequence[Read], outputs: Sequence[str], image: str) -> Parts:
    """The parts of a network; ``outputs`` are the exits' tensors, in exit order, and ``image`` is that of the images.

    Raises :class:`CompileError` for an exit that has no layer of the trunk to itself, and naming the tensors of a cut of more than 4.
    """
    return _Parts(reads, outputs, image).found()


class _Parts:
    def __init__(self, reads: Sequence[Read], outputs: Sequence[str], image: str) -> None:
        self.reads, self.outputs, self.image = reads, outputs, image
        count = len(outputs)
        self.places = [self._place(item) for item in reads]
        tail = [index for index, item in enumerate(reads) if item.exits == {count - 1}]
        for index in tail[_split([reads[index].layer for index in tail]) :]:
            self.places[index] = ("head", count - 1)

    def _place(self, item: Read) -> tuple[str, int]:
        last = len(self.outputs) - 1
        return ("head" if len(item.exits) == 1 and min(item.exits) < last else "stage", min(item.exits))

    def found(self) -> Parts:
        count = len(self.outputs)
        for k in range(count):
            self._no_stage(k)
        places = [self._cut(k) for k in range(count - 1)]
        names, counts = {-1: IMAGE}, dict[tuple[str, int, str], int]()
        found: dict[tuple[str, int], list[OwnLayer]] = {}
        for index, (item, (part, k)) in enumerate(zip(self.reads, self.places, strict=True)):
            word = WORDS[item.layer.kind]
            number = counts.get((part, k, word), 0)
            counts[part, k, word] = number + 1
            names[index] = f"{part}{k}_{word}{number}"
            layer = replace(item.layer, name=names[index], inputs=tuple(names[place] for place in item.reads))
            found.setdefault((part, k), []).append(layer)
        stages, heads = (tuple(tuple(found.get((part, k), ())) for k in range(count)) for part in ("stage", "head"))
        cuts = tuple(tuple(names[place] for place in cut) for cut in places)
        ended = [layer.name for stage in stages[:1] for layer in stage[-1:]]
        for stage in stages[1 : count - 1]:
            ended.append(stage[-1].name if stage else ended[-1])
        usual = cuts == tuple((name,) for name in ended)
        return Parts(stages=stages, heads=heads, cuts=() if usual else (*cuts, ()))

    def _tensor(self, index: int) -> str:
        return self.image if index < 0 else self.reads[index].tensor

    def _cut(self, k: int) -> list[int]:
        """What is read behind stage ``k`` of all up to it, in order."""
        onward = sorted({place for item, (_, index) in zip(self.reads, self.places, strict=True) if index > k for place in item.reads
                         if place < 0 or self.places[place][1] <= k})
        if len(onward) > MOST:
            told = ", ".join(self._tensor(place) for place in onward)
            raise CompileError(f"behind output {self.outputs[k]} the trunk reads {len(onward)} tensors ({told}); allowed: at most {MOST}, "
                               "for each takes a gate: concatenate some before the exit leaves")
        return onward

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
