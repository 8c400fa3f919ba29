"""What version 2 of golden.npz must hold besides layers that fit."""

import math
from typing import Any

import pytest

from build_flows.planning.golden_checks import image_shape
from build_flows.planning.network import NetworkError
from build_flows.planning.read_network import from_meta

IMAGE = {"shape": [6, 5, 2], "bits": 8, "signed": False, "encoding": "integer", "scale": 2**-8, "offset": 0.0}
SHAPES = {"w": (4, 1, 1, 2), "v": (4, 1, 1, 4), "fc": (3, 120)}


def layer(name: str, kind: str, *inputs: str, **more: Any) -> dict[str, Any]:
    act = {} if kind == "maxpool" else {"thresholds": "t", "out_bits": 4, "out_signed": False, "out_min": 0, "scale": 0.5}
    return {"name": name, "kind": kind, "inputs": list(inputs), **act, **more}


def conv(name: str, *inputs: str, **more: Any) -> dict[str, Any]:
    weight = "w" if inputs == ("image",) else "v"
    return layer(name, "conv", *inputs, kernel=1, pad=0, stride=1, weight=weight, weight_bits=4, **more)


def fc(name: str, *inputs: str) -> dict[str, Any]:
    return {"name": name, "kind": "linear", "inputs": list(inputs), "weight": "fc", "weight_bits": 4, "bias": "b", "scale": 1.0}


def meta() -> dict[str, Any]:
    """A skip that passes an exit, with a pool of one pixel on it."""
    return {
        "version": 2, "name": "skip", "classes": 3, "input": dict(IMAGE),
        "stages": [{"layers": [conv("a", "image"), conv("b", "a")], "cut": ["a", "b"]},
                   {"layers": [layer("p", "maxpool", "a", kernel=1, stride=1), layer("s", "add", "b", "p")]}],
        "heads": [{"layers": [fc("x", "b")]}, {"layers": [fc("y", "s")]}],
    }


def test_a_network_that_holds_it() -> None:
    network = from_meta(meta(), SHAPES)
    assert network.cuts == (("a", "b"), ())
    assert image_shape(IMAGE) == (network.source.height, network.source.width, network.source.channels)


@pytest.mark.parametrize(("key", "value", "message"), [
    ("shape", None, "input lacks 'shape'"),
    ("shape", [6, 5], r"input: shape must be \[height, width, channels\], integers at least 1, not \[6, 5\]"),
    ("encoding", "bipolar", "input: encoding must be one of integer, not 'bipolar'"),
    ("scale", 0, "input: scale must be a finite number above 0, not 0"),
    ("offset", math.nan, "input: offset must be a finite number, not nan"),
])
def test_images_that_it_does_not_say_all_of(key: str, value: Any, message: str) -> None:
    entry = {**IMAGE, key: value}
    if value is None:
        del entry[key]
    with pytest.raises(NetworkError, match=message):
        image_shape(entry)


def test_scales_that_differ_where_paths_join() -> None:
    found = meta()
    found["stages"][0]["layers"][0]["scale"] = 0.25
    with pytest.raises(NetworkError, match=r"s: inputs must be of one scale, not 0.5 \(b\) and 0.25 \(p\)"):
        from_meta(found, SHAPES)
    # Before training a description says none.
    del found["stages"][0]["layers"][0]["scale"]
    from_meta(found, SHAPES)


def test_what_nothing_reads() -> None:
    found = meta()
    found["stages"][1]["layers"].insert(0, conv("c", "b"))
    with pytest.raises(NetworkError, match="layer c is read by no other"):
        from_meta(found, SHAPES)
    found = meta()
    found["stages"][0]["cut"].append("image")
    with pytest.raises(NetworkError, match=r"stages\[0\]: image is in its cut, but nothing behind it reads that"):
        from_meta(found, SHAPES)
