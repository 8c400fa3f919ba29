"""Thresholds of a user's own layers, and what may be off by rounding."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.artefacts.own_layers import REACH, OwnLayer, OwnNetwork, loose_steps, thresholds, write_golden
from sim import golden


def layer(**changes: Any) -> OwnLayer:
    """A 1x1 convolution of one channel with the weight 3, its activation of 2 bits."""
    values: dict[str, Any] = {
        "name": "stage0_conv0", "kind": "conv", "node": "Conv a", "in_shape": (2, 2, 1), "out_shape": (2, 2, 1), "in_bits": 8,
        "in_signed": False, "in_scale": 1 / 256, "weight": np.full((1, 1, 1, 1), 3), "weight_bits": 3, "weight_scale": np.array([0.5]),
        "slope": np.array([0.3]), "offset": np.array([-1.0]), "scale": 1.0, "act_bits": 2,
    }
    return OwnLayer(**{**values, **changes})


def network(**changes: Any) -> OwnNetwork:
    """Such a convolution, and logits that are its four sums, and their negatives."""
    first = layer(inputs=("image",), **changes)
    head = layer(
        inputs=(first.name,),
        name="head0_fc0", kind="linear", in_bits=2, in_shape=(2, 2, 1), out_shape=(1, 1, 2), weight=np.array([[1] * 4, [-1] * 4]),
        slope=np.array([0.25, 0.25]), offset=np.zeros(2), scale=0.25, act_bits=0, bias=np.array([0, 2]), weight_scale=np.full(2, 0.25),
    )
    return OwnNetwork(shape=(2, 2, 1), scale=1 / 256, channels_last=False, classes=2, stages=((first,),), heads=((head,),))


@pytest.mark.parametrize("signed", [False, True])
def test_thresholds_are_where_the_rounded_activation_steps(signed: bool) -> None:
    some = layer(slope=np.array([0.3, 0.017]), offset=np.array([-1.0, 0.4]), scale=0.7, act_bits=3, act_signed=signed)
    steps = thresholds(some)
    acc = np.arange(-400, 400)
    real = np.rint((acc[None] * some.slope[:, None] + some.offset[:, None]) / 0.7).clip(some.minimum, some.minimum + 7)
    counted = some.minimum + (acc[None, :, None] >= steps[:, None, :]).sum(axis=2)
    assert steps.shape == (2, 7)
    assert (real == counted).all()


def test_halves_go_to_even_and_steps_out_of_reach_to_the_ends() -> None:
    assert thresholds(layer(slope=np.array([0.5]), offset=np.zeros(1))).tolist() == [[2, 3, 6]]
    assert thresholds(layer(slope=np.array([1e-9]), offset=np.array([1.0]))).tolist() == [[-REACH, REACH + 1, REACH + 1]]


def test_integers_that_never_come_have_steps_that_never_are_taken_or_always() -> None:
    ends = {"act_low": np.array([1]), "act_high": np.array([2])}
    assert thresholds(layer(slope=np.array([1.0]), offset=np.zeros(1), **ends)).tolist() == [[-REACH, 2, REACH + 1]]


def test_1_bit_is_1_from_0_on() -> None:
    two = {"act_signed": True, "act_sign": True, "act_low": np.array([-1, -1, 1]), "act_high": np.array([1, 1, 1])}
    some = layer(slope=np.full(3, 0.5), offset=np.array([1.0, 0.75, 0]), weight=np.full((3, 1, 1, 1), 3), **two)
    found = thresholds(some)
    assert found.tolist() == [[-REACH, -2, -2], [-REACH, -1, -1], [-REACH] * 3]
    # At 0 exactly float32 may decide either way, on both steps at once; elsewhere not.
    assert loose_steps(some, found).tolist() == [[0, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_steps_as_far_as_a_layers_own_sums_go_are_found() -> None:
    wide = layer(
        kind="linear", in_shape=(1, 1, 400), in_bits=8, in_signed=False, weight=np.full((1, 400), 127), slope=np.array([2.0**-20]),
        offset=np.array([-8.75]),
    )
    assert wide.reach == 400 * 127 * 255 > REACH
    assert thresholds(wide).tolist() == [[9_699_329, 10_747_904, 11_796_481]]
    mean = layer(kind="global_sum", in_shape=(5, 4, 3), in_bits=4, in_signed=True, weight=None)
    assert mean.reach == 5 * 4 * 8
    both = layer(kind="linear", in_shape=(1, 1, 3), in_bits=4, in_signed=False, weight=np.array([[3, -2, -2]]))
    assert both.reach == 4 * 15


def test_an_upsampling_gives_what_it_gets_and_is_of_version_2(tmp_path: Path) -> None:
    plain = network()
    up = layer(name="stage0_up0", kind="upsample", in_bits=2, out_shape=(2, 4, 1), factor=(1, 2), inputs=("stage0_conv0",), weight=None,
               act_bits=0)
    assert (up.out_bits, up.out_signed, up.reach) == (2, False, 0)
    head = replace(plain.heads[0][0], in_shape=(2, 4, 1), weight=np.array([[1] * 8, [-1] * 8]), inputs=("stage0_up0",))
    found = replace(plain, stages=((plain.stages[0][0], up),), heads=((head,),))
    assert (plain.forks, found.forks) == (False, True)
    write_golden(found, "mine", tmp_path / "golden.npz")
    with np.load(tmp_path / "golden.npz") as arrays:
        meta = json.loads(str(arrays["meta"]))
    assert (meta["version"], meta["stages"][0]["layers"][1]) == (
        2, {"name": "stage0_up0", "kind": "upsample", "inputs": ["stage0_conv0"], "factor": [1, 2]})
    once = golden.load(tmp_path / "golden.npz").run(np.array([0, 1, 3, 9], np.uint8).reshape(1, 2, 2, 1))[0]
    assert once[0, 0] == 2 * (np.rint(np.array([0, 1, 3, 9]) * 0.9 - 1.0).clip(0, 3).sum())


def test_only_steps_on_a_rounding_boundary_are_loose() -> None:
    sharp = layer(slope=np.array([0.3]), offset=np.array([0.05]))
    assert loose_steps(sharp, thresholds(sharp)).tolist() == [[0, 0, 0]]
    tie = layer(slope=np.array([0.5]), offset=np.zeros(1))
    assert loose_steps(tie, thresholds(tie)).tolist() == [[1, 1, 1]]
    fine = layer(slope=np.array([1e-5]), offset=np.zeros(1))
    assert loose_steps(fine, thresholds(fine)).tolist() == [[10, 10, 10]]


def test_the_golden_model_reads_what_is_written(tmp_path: Path) -> None:
    write_golden(network(), "mine", tmp_path / "golden.npz")
    net = golden.load(tmp_path / "golden.npz")
    assert (net.name, net.classes, net.shape, net.scales) == ("mine", 2, (2, 2, 1), [0.25])
    pixels = np.array([0, 1, 3, 9], np.uint8)
    out = np.rint(pixels * 3 * 0.3 - 1.0).clip(0, 3).sum()
    assert net.run(pixels.reshape(1, 2, 2, 1))[0].tolist() == [[out, 2 - out]]
    with np.load(tmp_path / "golden.npz") as arrays:
        meta = json.loads(str(arrays["meta"]))
    assert meta["stages"][0]["layers"][0] == {
        "name": "stage0_conv0", "kind": "conv", "kernel": 1, "pad": 0, "stride": 1, "weight": "stage0_conv0.weight", "weight_bits": 3,
        "in_bits": 8, "in_signed": False, "thresholds": "stage0_conv0.thresholds", "out_bits": 2, "out_signed": False, "out_min": 0,
    }
    before = (tmp_path / "golden.npz").read_bytes()
    write_golden(network(), "mine", tmp_path / "golden.npz")
    assert (tmp_path / "golden.npz").read_bytes() == before
