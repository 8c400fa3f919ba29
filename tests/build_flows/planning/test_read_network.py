import dataclasses
import io
import json

import numpy as np
import pytest

from build_flows.planning.network import NetworkError, Shape, fused
from build_flows.planning.read_network import from_meta, read_network

ACT = {"thresholds": "t", "out_bits": 4, "out_signed": False, "out_min": 0}


def meta(stage=None, head=None, **changes):
    """A network with one conv and one pool in stage 0 and one linear in head 0."""
    conv = {
        "name": "stage0_conv0", "kind": "conv", "kernel": 3, "pad": 1, "stride": 2, "weight": "w0", "weight_bits": 4, "in_bits": 8,
        "in_signed": False, **ACT,
    }
    pool = {"name": "stage0_pool0", "kind": "maxpool", "kernel": 2, "stride": 2}
    last = {
        "name": "head0_fc0", "kind": "linear", "weight": "w1", "weight_bits": 4, "in_bits": 4, "in_signed": False,
        "bias": "b", "scale": 0.5,
    }
    return {
        "version": 1, "name": "toy", "classes": 3, "input": {"height": 9, "width": 12, "channels": 2, "bits": 8, "signed": False},
        "stages": [{"layers": [conv | (stage or {}), pool]}], "heads": [{"layers": [last | (head or {})]}], **changes,
    }


SHAPES = {"w0": (5, 3, 3, 2), "w1": (3, 30)}


def test_shapes_and_widths_are_worked_out():
    conv, pool, last = from_meta(meta(), SHAPES).layers
    assert (conv.source, conv.padded, conv.target) == (Shape(9, 12, 2), Shape(11, 14, 2), Shape(5, 6, 5))
    assert (conv.mw, conv.mh, conv.macs) == (18, 5, 5 * 6 * 18 * 5)
    assert (pool.source, pool.target, pool.in_bits, pool.out_bits) == (Shape(5, 6, 5), Shape(2, 3, 5), 4, 4)
    assert (last.mw, last.mh, last.head, last.activation) == (30, 3, True, False)


def test_windows_that_are_not_square():
    tall = {"kernel": [5, 1], "pad": [2, 0], "stride": [2, 1]}
    shapes = {"w0": (5, 5, 1, 2), "w1": (3, 2 * 6 * 5)}
    conv, pool, _ = from_meta(meta(tall), shapes).layers
    assert (conv.padded, conv.target, conv.mw, conv.taps) == (Shape(13, 12, 2), Shape(5, 12, 5), 10, 5)
    assert (conv.kernel, conv.pad, conv.stride, pool.kernel) == ((5, 1), (2, 0), (2, 1), (2, 2))


@pytest.mark.parametrize(("outputs", "groups", "depthwise"), [(2, 2, True), (4, 2, False), (2, 1, False), (2, None, False)])
def test_a_description_says_what_is_depthwise(outputs, groups, depthwise):
    """Before there are weights to see it in."""
    changes = {"pad": 0, "stride": 1} | ({} if groups is None else {"groups": groups})
    shapes = {"w0": (outputs, 3, 3, 2), "w1": (3, 15 * outputs)}
    assert from_meta(meta(changes), shapes).layers[0].depthwise == depthwise


def test_sum_width_holds_the_largest_sum():
    conv = from_meta(meta(), SHAPES).layers[0]
    largest = 18 * 255 * 8
    assert 2 ** (conv.acc_bits - 2) <= largest < 2 ** (conv.acc_bits - 1)


def test_a_file_reads_as_its_description(tmp_path):
    path = tmp_path / "golden.npz"
    np.savez(path, meta=np.array(json.dumps(meta())), **{key: np.full(shape, -8, np.int8) for key, shape in SHAPES.items()})
    found = read_network(path)
    assert {layer.name: layer.constants.weights.shape for layer in found.layers if layer.constants} == {
        layer.name: (layer.mh, *layer.kernel, layer.mw // layer.taps) for layer in found.layers if layer.weight_bits}
    unknown = [dataclasses.replace(layer, constants=None) for layer in found.layers]
    assert unknown == list(from_meta(meta(), SHAPES).layers)


def test_sums_of_exchangeable_heads_hold_all_weights(tmp_path):
    path = tmp_path / "golden.npz"
    np.savez(path, meta=np.array(json.dumps(meta())), **{key: np.ones(shape, np.int8) for key, shape in SHAPES.items()})
    (conv, _, last), (same, _, any_weights) = read_network(path).layers, read_network(path, exchangeable=True).layers
    assert same == conv
    assert last.sum_bits == 1 + (30 * 15).bit_length()
    assert any_weights.sum_bits == 1 + (30 * 15 * 7).bit_length()


def test_a_pickle_is_refused(tmp_path):
    path = tmp_path / "golden.npz"
    np.savez(path, meta=np.array({"version": 1}, dtype=object))
    with pytest.raises(NetworkError, match=r"golden\.npz: not a golden\.npz"):
        read_network(path)


def test_a_torn_file_is_refused(tmp_path):
    whole = io.BytesIO()
    np.savez(whole, meta=np.array(json.dumps(meta())))
    path = tmp_path / "golden.npz"
    path.write_bytes(whole.getvalue()[:200])
    with pytest.raises(NetworkError, match="not a golden"):
        read_network(path)


GATE = {"name": "gatehead0_fc0", "kind": "linear", "weight": "w2", "weight_bits": 4, "bias": "b", "scale": 0.5}


def test_heads_alone_are_exchangeable():
    found = fused(from_meta(meta(gates=[{"layers": [GATE]}]), SHAPES | {"w2": (1, 30)}), True)
    assert {layer.name for layer in found.layers if layer.exchangeable} == {"head0_fc0"}, "a gate head is sized by its weights"
    assert not any(layer.finn_because for layer in found.layers)


def test_a_gate_head_stands_beside_the_head():
    found = from_meta(meta(gates=[{"layers": [GATE]}]), SHAPES | {"w2": (1, 30)})
    assert [layer.name for layer in found.layers] == ["stage0_conv0", "stage0_pool0", "head0_fc0", "gatehead0_fc0"]
    last = found.gates[0][0]
    assert (last.head, last.stage, last.source, last.mh) == (True, 0, Shape(2, 3, 5), 1)
    assert from_meta(meta(gates=[{"layers": []}]), SHAPES) == from_meta(meta(), SHAPES)
    with pytest.raises(NetworkError, match="gates must be as many as heads, 1, not 0"):
        from_meta(meta(gates=[]), SHAPES)
    with pytest.raises(NetworkError, match=r"gates\[0\] must end in a linear layer without thresholds and with 1 output, not 1x1x2"):
        from_meta(meta(gates=[{"layers": [GATE]}]), SHAPES | {"w2": (2, 30)})


@pytest.mark.parametrize(
    ("changes", "shapes", "message"),
    [
        ({"version": 3}, {}, "version must be one of 1, 2, not 3"),
        ({"classes": 1}, {}, "classes must be an integer from 2 to 1000, not 1"),
        ({"heads": []}, {}, "one head a stage, not stages=1, heads=0"),
        ({"stage": {"kernel": 12}}, {}, "stage0_conv0: kernel must fit its padded input, not kernel=12, input=11x14"),
        ({"stage": {"kernel": [3, 15]}}, {}, r"stage0_conv0: kernel must fit its padded input, not kernel=\[3, 15\], input=11x14"),
        ({"stage": {"kernel": [3]}}, {}, r"stage0_conv0: kernel must be an integer at least 1, or a list of two, not \[3\]"),
        ({"stage": {"pad": [1, -1]}}, {}, r"stage0_conv0: pad must be an integer at least 0, or a list of two, not \[1, -1\]"),
        ({"stage": {"kind": "conv3d"}}, {}, "stage0_conv0: kind must be one of conv, .*, not 'conv3d'"),
        ({"stage": {"weight_bits": 9}}, {}, "stage0_conv0: weight_bits must be an integer from 1 to 8, not 9"),
        ({"head": {"in_bits": 5}}, {}, "head0_fc0: in_bits must be that of the layer before, 4, not 5"),
        ({"head": {"name": "stage0_conv0"}}, {}, "two layers are called 'stage0_conv0'"),
        ({"head": {"weight": "w9"}}, {}, "head0_fc0: weight 'w9' is not among the arrays"),
        ({"head": ACT}, {}, "must end in a linear layer without thresholds"),
        ({}, {"w1": (3, 31)}, r"head0_fc0: weight 'w1' must have shape \[outputs, 30\], not \[3, 31\]"),
        ({}, {"w1": (4, 30)}, "with 3 outputs, not 1x1x4"),
    ],
)
def test_errors_name_layer_field_and_value(changes, shapes, message):
    with pytest.raises(NetworkError, match=message):
        from_meta(meta(**changes), SHAPES | shapes)


def _up(**changes):
    """Version 2, the pool being an upsampling."""
    found = meta(version=2, input={"shape": [9, 12, 2], "bits": 8, "signed": False, "encoding": "integer", "scale": 0.5, "offset": 0})
    up = {"name": "stage0_up0", "kind": "upsample", "factor": [2, 3], "inputs": ["stage0_conv0"], **changes}
    found["stages"][0]["layers"][0]["inputs"] = ["image"]
    found["stages"][0]["layers"][1] = up
    found["heads"][0]["layers"][0]["inputs"] = ["stage0_up0"]
    return found


def test_an_upsampling_repeats_pixels():
    up = from_meta(_up(), SHAPES | {"w1": (3, 10 * 18 * 5)}).layer("stage0_up0")
    assert (up.source, up.target, up.factor) == (Shape(5, 6, 5), Shape(10, 18, 5), (2, 3))
    assert (up.in_bits, up.out_bits, up.out_signed, up.acc_bits, up.activation, up.macs) == (4, 4, False, 0, False, 0)


@pytest.mark.parametrize(("changes", "message"), [
    ({"factor": 0}, "stage0_up0: factor must be an integer at least 1, or a list of two, not 0"),
    ({"factor": 1}, "stage0_up0: factor must be above 1 for rows or for columns, not 1 for both"),
    ({"inputs": ["stage0_conv0", "stage0_conv0"]}, "stage0_up0: inputs must be one, not 2"),
])
def test_what_is_no_upsampling_is_told(changes, message):
    with pytest.raises(NetworkError, match=message):
        from_meta(_up(**changes), SHAPES)


def test_version_1_has_no_upsampling():
    with pytest.raises(NetworkError, match="stage0_up0: a file of version 1 has no layer of kind upsample"):
        from_meta(_up() | {"version": 1, "input": meta()["input"]}, SHAPES)


def test_an_unknown_layer_is_told():
    with pytest.raises(NetworkError, match="no layer is called 'x'; known are stage0_conv0, stage0_pool0, head0_fc0"):
        from_meta(meta(), SHAPES).layer("x")


@pytest.mark.parametrize(("outputs", "other", "found"), [(2, 0, True), (2, 1, False), (5, 0, False)])
def test_channels_by_themselves_are_found_in_the_weights(outputs, other, found, tmp_path):
    weights = np.zeros((outputs, 3, 3, 2), np.int8)
    weights[0, :, :, 0] = weights[1, 1, 1, 1] = 3
    weights[1, 2, 0, 0] = other
    path = tmp_path / "golden.npz"
    np.savez(path, meta=np.array(json.dumps(meta())), w0=weights, w1=np.ones((3, 6 * outputs), np.int8))
    assert read_network(path, layers="fused").layer("stage0_conv0").depthwise == found
