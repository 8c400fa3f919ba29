"""A network with fewer or other exits out of a trained one: train all heads of a comparison together, then cut each layout out."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from quant_models.errors import QuantModelError
from quant_models.networks.checkpoint import Checkpoint, load_checkpoint
from quant_models.networks.layouts import Layers, backbone, blocks
from quant_models.networks.spec import (
    Conv,
    DenseScales,
    GlobalPool,
    LayerSpec,
    Linear,
    MaxPool,
    NetSpec,
    Residual,
    Scales,
    described,
    inner,
    with_inner,
)

__all__ = ["cut"]

KINDS = {Conv: "convolution", MaxPool: "max-pool", GlobalPool: "global pool", Linear: "linear", Residual: "residual block",
         Scales: "scales", DenseScales: "dense layer of scales"}


def cut(path: Path, spec: NetSpec, exits: Sequence[int] | None = None, *, other_bits: bool = False) -> Checkpoint:
    """The weights of ``spec`` out of the checkpoint at ``path``, which has the same backbone and, after the same layers of it, every head
    of ``spec``, with the same gate head beside it where ``spec`` has one there; with ``exits``, only the backbone and the heads of those
    exits of ``spec``. With ``other_bits`` the bit widths there may be others: weights are kept in float.

    ``progress`` of the result holds ``cut``, the ``digest`` of the network it is from and the ``exits`` of that which its own are, and
    the ``run`` of that checkpoint. Raises :class:`QuantModelError` that names what the checkpoint lacks, and as :func:`load_checkpoint`.
    """
    found = load_checkpoint(path)
    _same_backbone(path, found.spec, spec, other_bits)
    wanted = range(spec.exits) if exits is None else exits
    chosen = [_find(path, found.spec, spec, index, other_bits) for index in wanted]
    names = dict(zip(_units(spec, "stage"), _units(found.spec, "stage"), strict=True))
    for index, other in zip(wanted, chosen, strict=True):
        names |= dict(zip(_units(spec, "head", index), _units(found.spec, "head", other), strict=True))
        if index in spec.gated:
            names |= dict(zip(_units(spec, "gate", index), _units(found.spec, "gate", other), strict=True))
    model = {key: value for key, value in found.model.items() if not key.startswith(("stages.", "heads.", "gates."))}
    # Fewer exits may do without some of the finer maps.
    for new, old in ((new, old) for new, old in names.items() if new is not None and old is not None):
        model |= {f"{new}.{key.removeprefix(f'{old}.')}": value for key, value in found.model.items() if key.startswith(f"{old}.")}
    progress = {"cut": {"digest": found.spec.digest(), "exits": chosen}, "run": found.progress.get("run")}
    return Checkpoint(spec=spec, model=model, progress=progress)


def _units(spec: NetSpec, part: str, index: int | None = None) -> list[str | None]:
    """Where a model's state holds the layers of all stages, or of head ``index``, as they are described; None for one that is nowhere."""
    return [None if item.at is None else f"{part}s.{item.at}.{item.unit.name}"
            for item in described(spec) if item.where == part and index in (None, item.index)]


def _same_backbone(path: Path, found: NetSpec, spec: NetSpec, other_bits: bool) -> None:
    for key in ("classes", "height", "width", "channels"):
        if getattr(found, key) != getattr(spec, key):
            raise QuantModelError(f"checkpoint {path} has {key} = {getattr(found, key)}, not {getattr(spec, key)}")
    if backbone(found) == backbone(spec):
        return
    if list(map(_without_bits, backbone(found))) != list(map(_without_bits, backbone(spec))):
        raise QuantModelError(f"checkpoint {path} has another backbone: {found.name} ({_told(backbone(found))}), not {spec.name}")
    if other_bits:
        return
    for index, (old, new) in enumerate(zip(backbone(found), backbone(spec), strict=True)):
        if old != new:
            told = f"layer {index} of its backbone is {_bits(old)}, not {_bits(new)}"
            raise QuantModelError(f"checkpoint {path} has other bit widths: {told}")


def _without_bits(layer: object) -> object:
    if isinstance(layer, Conv | Linear):
        act = None if layer.act is None else replace(layer.act, bits=2)
        return replace(layer, weight_bits=2, act=act)  # type: ignore[arg-type]
    if isinstance(layer, Residual | Scales | DenseScales):
        layer = with_inner(layer, _without_bits)
    return replace(layer, act=replace(layer.act, bits=2)) if isinstance(layer, GlobalPool | Residual) else layer


def _bits(layer: object) -> str:
    if isinstance(layer, Residual | Scales | DenseScales):
        told = "; ".join(_bits(item) for layers in inner(layer).values() for item in layers)
        return f"a {KINDS[type(layer)]} of {told}{f', act_bits={layer.act.bits} of the sum' if isinstance(layer, Residual) else ''}"
    act = getattr(layer, "act", None)
    return f"weight_bits={getattr(layer, 'weight_bits', None)}, act_bits={act.bits if act is not None else None}"


def _find(path: Path, found: NetSpec, spec: NetSpec, index: int, other_bits: bool) -> int:
    """The exit of ``found`` that is exit ``index`` of ``spec``."""
    depth = _depths(spec)[index]

    def same(head: Layers, wanted: Layers) -> bool:
        return head == wanted or (other_bits and list(map(_without_bits, head)) == list(map(_without_bits, wanted)))

    for other, (there, head) in enumerate(zip(_depths(found), found.heads, strict=True)):
        if there == depth and same(head, spec.heads[index]):
            gate, its = (net.gates[k] if net.gates else () for net, k in ((spec, index), (found, other)))
            if gate and not same(its, gate):
                beside = f"has {_told(its)}" if its else "has none there"
                raise QuantModelError(f"checkpoint {path} was not trained with the gate head of exit {index}, {_told(gate)}; it {beside}")
            return other
    has = "; ".join(f"{_place(found, there)}: {_told(head)}" for there, head in zip(_depths(found), found.heads, strict=True))
    wanted = f"exit {index}, {_place(spec, depth)}: {_told(spec.heads[index])}"
    raise QuantModelError(f"checkpoint {path} was not trained with the head of {wanted}; it has {has}")


def _depths(spec: NetSpec) -> list[int]:
    """The number of backbone layers before each head."""
    return list(accumulate(len(stage) for stage in spec.stages))


def _place(spec: NetSpec, depth: int) -> str:
    ends = list(accumulate(len(block) for block in blocks(spec)))
    return f"after block {ends.index(depth)}" if depth in ends else f"after backbone layer {depth - 1}"


def _told(layers: Layers) -> str:
    def size(layer: LayerSpec) -> str:
        layer = next(iter(inner(layer).values()), (layer,))[-1]
        return f" {layer.out}" if isinstance(layer, Conv | Linear) else ""

    return ", ".join(f"{KINDS[type(layer)]}{size(layer)}" for layer in layers)
