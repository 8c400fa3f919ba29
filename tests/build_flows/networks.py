"""Networks for the tests of folding and costs, described in a few words: ``("conv", kernel, pad, stride, outputs)``,
``("maxpool", kernel, stride)``, ``("global_sum",)``, ``("linear", outputs)``."""

from typing import Any

from build_flows.planning.network import Network
from build_flows.planning.read_network import from_meta

Words = tuple[Any, ...]


def network(
    source: tuple[int, int, int], stages: list[list[Words]], heads: list[list[Words]], *, in_bits: int = 8, bits: int = 4,
    gates: list[list[Words]] | None = None,
) -> Network:
    """A network of ``source`` (height, width, channels) with weights and activations of ``bits``, and ``gates``, gate heads by exit."""
    return from_meta(*described(source, stages, heads, in_bits=in_bits, bits=bits, gates=gates))


def described(
    source: tuple[int, int, int], stages: list[list[Words]], heads: list[list[Words]], *, in_bits: int = 8, bits: int = 4,
    gates: list[list[Words]] | None = None,
) -> tuple[dict[str, Any], dict[str, tuple[int, ...]]]:
    """The ``meta`` entry of its ``golden.npz``, and the shapes of the weights."""
    shapes: dict[str, tuple[int, ...]] = {}
    meta: dict[str, Any] = {
        "version": 1, "name": "test", "classes": heads[0][-1][1], "stages": [], "heads": [],
        "input": {"height": source[0], "width": source[1], "channels": source[2], "bits": in_bits, "signed": False},
    }
    at = source
    for index, (stage, head) in enumerate(zip(stages, heads, strict=True)):
        layers, at = _chain(f"stage{index}", stage, at, shapes, bits)
        meta["stages"].append({"layers": layers})
        layers, _ = _chain(f"head{index}", head, at, shapes, bits)
        for key in ("thresholds", "out_bits", "out_signed", "out_min"):
            del layers[-1][key]
        meta["heads"].append({"layers": layers})
        if gates is not None:
            layers, _ = _chain(f"gatehead{index}", gates[index], at, shapes, bits)
            for key in ("thresholds", "out_bits", "out_signed", "out_min") if layers else ():
                del layers[-1][key]
            meta.setdefault("gates", []).append({"layers": layers})
    return meta, shapes


def _both(size: Any) -> list[int]:
    return size if isinstance(size, list) else [size, size]


def _slid(sizes: tuple[int, int], *window: Any) -> list[int]:
    """Height and width after windows of kernel, padding and stride."""
    return [(size + 2 * pad - kernel) // stride + 1 for size, kernel, pad, stride in zip(sizes, *map(_both, window), strict=True)]


def _chain(prefix: str, words: list[Words], at: tuple[int, int, int], shapes: dict[str, tuple[int, ...]], bits: int) -> Any:
    layers: list[dict[str, Any]] = []
    for kind, *values in words:
        name = f"{prefix}_{kind}{sum(layer['kind'] == kind for layer in layers)}"
        height, width, channels = at
        layer: dict[str, Any] = {"name": name, "kind": kind}
        if kind != "maxpool":
            layer |= {"thresholds": f"{name}.t", "out_bits": bits, "out_signed": False, "out_min": 0}
        if kind in ("conv", "linear"):
            layer |= {"weight": name, "weight_bits": bits}
            inputs = (*_both(values[0]), channels) if kind == "conv" else (height * width * channels,)
            shapes[name] = (values[-1], *inputs)
        if kind == "conv":
            kernel, pad, stride, outputs = values
            layer |= {"kernel": kernel, "pad": pad, "stride": stride}
            at = (*_slid((height, width), kernel, pad, stride), outputs)
        elif kind == "maxpool":
            kernel, stride = values
            layer |= {"kernel": kernel, "stride": stride}
            at = (*_slid((height, width), kernel, 0, stride), channels)
        else:
            at = (1, 1, values[0] if values else channels)
        layers.append(layer)
    return layers, at


def b_lenet() -> Network:
    """b_lenet as published: 28x28x1, 8 bit input, otherwise 4 bits."""
    return network(
        (28, 28, 1),
        [
            [("conv", 5, 4, 1, 5), ("maxpool", 2, 2)],
            [("conv", 5, 4, 1, 10), ("maxpool", 2, 2), ("conv", 5, 3, 1, 20), ("maxpool", 2, 2)],
        ],
        [[("conv", 3, 1, 1, 10), ("maxpool", 2, 2), ("linear", 10)], [("linear", 10)]],
    )


def small() -> Network:
    """A network whose every folding can be tried."""
    return network(
        (5, 5, 2), [[("conv", 2, 0, 1, 2), ("maxpool", 2, 2)], [("maxpool", 2, 2)]], [[("linear", 2)], [("linear", 2)]], in_bits=3, bits=2,
    )
