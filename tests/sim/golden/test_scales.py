"""What the integers of a file of version 2 stand for."""

import math

import pytest

from sim.golden import GoldenError
from sim.golden.scales import image, joined, scale

IMAGE = {"shape": [6, 5, 2], "bits": 8, "signed": False, "encoding": "integer", "scale": 2**-8, "offset": 0.0}


def test_the_shape_of_images():
    assert image(IMAGE) == (6, 5, 2)
    assert image(IMAGE | {"scale": 1, "offset": -0.5}) == (6, 5, 2)


@pytest.mark.parametrize(("key", "value", "message"), [
    ("shape", None, "input lacks 'shape'"),
    ("offset", None, "input lacks 'offset'"),
    ("shape", [6, 5], r"input: shape must be \[height, width, channels\], whole numbers from 1 on, not \[6, 5\]"),
    ("shape", [6, 0, 2], r"not \[6, 0, 2\]"),
    ("shape", [6, True, 2], r"not \[6, True, 2\]"),
    ("encoding", "bipolar", "input: encoding must be one of integer, not 'bipolar'"),
    ("scale", 0, "input: scale must be a finite number above 0, not 0"),
    ("scale", True, "input: scale must be a finite number above 0, not True"),
    ("scale", math.inf, "input: scale must be a finite number above 0, not inf"),
    ("offset", math.nan, "input: offset must be a finite number, not nan"),
    ("offset", "0", "input: offset must be a finite number, not '0'"),
])
def test_what_is_wrong_is_named(key, value, message):
    entry = {**IMAGE, key: value}
    if value is None:
        del entry[key]
    with pytest.raises(GoldenError, match=message):
        image(entry)


def test_only_integers_of_one_scale_meet():
    scales = {"a": 0.1, "b": 0.1 * (1 + 1e-6), "c": 0.1 * (1 + 1e-4)}
    joined("layer sum", ["a", "b"], scales)
    with pytest.raises(GoldenError, match=r"layer sum: its inputs must be of one scale, not 0.1 \(a\) and 0.10001 \(c\)"):
        joined("layer sum", ["a", "b", "c"], scales)


def test_a_scale_is_said():
    assert scale({"scale": 2}, "layer x") == 2.0
    with pytest.raises(GoldenError, match="layer x lacks 'scale'"):
        scale({}, "layer x")
