"""What ``golden.npz`` says of a network (docs/interfaces.md, section 2) that is known before a weight is: every layer, and the shapes of
its arrays. Nothing here needs torch."""

from typing import Any

from quant_models.networks.spec import (
    INPUT_BITS,
    INPUT_SCALE,
    Add,
    Concat,
    Conv,
    GlobalPool,
    Linear,
    MaxPool,
    NetSpec,
    Requantise,
    Size,
    Unit,
    both,
    cuts,
    trace,
)

__all__ = ["Shapes", "describe"]

Shapes = dict[str, tuple[int, ...]]


def describe(spec: NetSpec) -> tuple[dict[str, Any], Shapes]:
    """``meta`` of ``golden.npz`` but for the ``scale`` of layers, and the shapes of the arrays that it names, by key."""
    blocks: dict[str, list[dict[str, Any]]] = {key: [{"layers": []} for _ in range(spec.exits)] for key in ("stage", "head", "gate")}
    shapes: Shapes = {}
    # Only where paths fork the description says what each layer reads.
    version = 2 if any(isinstance(unit.layer, Add | Concat) for _, _, unit in trace(spec)) else 1
    for where, index, unit in trace(spec):
        record = _layer(unit, shapes)
        blocks[where][index]["layers"].append({**record, "inputs": list(unit.inputs)} if version > 1 else record)
    for stage, cut in zip(blocks["stage"], cuts(spec), strict=True):
        if len(cut) > 1:
            stage["cut"] = list(cut)
    image: dict[str, Any] = {"bits": INPUT_BITS, "signed": False}
    if version > 1:
        image |= {"shape": [spec.height, spec.width, spec.channels], "encoding": "integer", "scale": INPUT_SCALE, "offset": 0.0}
    else:
        image |= {"height": spec.height, "width": spec.width, "channels": spec.channels}
    meta = {"version": version, "name": spec.name, "classes": spec.classes, "input": image}
    meta |= {"stages": blocks["stage"], "heads": blocks["head"]}
    if spec.gates:
        meta["gates"] = blocks["gate"]
    return meta, shapes


def _size(size: Size) -> int | list[int]:
    height, width = both(size)
    return height if height == width else [height, width]


def _layer(unit: Unit, shapes: Shapes) -> dict[str, Any]:
    layer = unit.layer
    record: dict[str, Any] = {"name": unit.name}
    if isinstance(layer, MaxPool):
        return {**record, "kind": "maxpool", "kernel": _size(layer.kernel), "stride": _size(layer.stride)}
    if isinstance(layer, GlobalPool):
        record |= {"kind": "global_sum"}
    elif isinstance(layer, Concat):
        return {**record, "kind": "concat"}
    elif isinstance(layer, Add | Requantise):
        record |= {"kind": "add" if isinstance(layer, Add) else "threshold"}
    else:
        # The zeros between groups are no weights of 1 bit.
        weight_bits = max(2, layer.weight_bits) if isinstance(layer, Conv) and layer.groups > 1 else layer.weight_bits
        record |= {"weight": f"{unit.name}.weight", "weight_bits": weight_bits, "in_bits": unit.in_bits, "in_signed": unit.in_signed}
        height, width, channels = unit.in_shape
        if isinstance(layer, Conv):
            record |= {"kind": "conv", "kernel": _size(layer.kernel), "pad": _size(layer.pad), "stride": _size(layer.stride)}
            shapes[record["weight"]] = (layer.out, *both(layer.kernel), channels)
            if layer.groups > 1:
                record |= {"groups": layer.groups}
        else:
            record |= {"kind": "linear"}
            shapes[record["weight"]] = (layer.out, height * width * channels)
    act = layer.act
    if isinstance(layer, Linear) and act is None:
        shapes[f"{unit.name}.bias"] = (layer.out,)
        return {**record, "bias": f"{unit.name}.bias"}
    assert act is not None
    shapes[f"{unit.name}.thresholds"] = (unit.out_shape[2], (1 << act.bits) - 1)
    return {**record, "thresholds": f"{unit.name}.thresholds", "out_bits": act.bits, "out_signed": act.signed, "out_min": act.minimum}
