"""``folding.toml``: what was written is read, and what is wrong in it is told."""

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import FoldingError, evaluate
from build_flows.planning.folding_file import read_toml, to_toml
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold
from build_flows.planning.network import fused
from tests.build_flows.networks import b_lenet

PART = find_part("pynq-z2")
B_LENET_TARGETS = (1296, 4147)


def test_a_file_reads_as_it_was_written(tmp_path):
    net = b_lenet()
    folding = search(net, B_LENET_TARGETS, PART)
    path = tmp_path / "folding.toml"
    path.write_text(to_toml(folding))
    text = path.read_text()
    assert "# ---- stage 0: target 1296 cycles a frame; 1297 predicted, set by stage0_conv0 (window)" in text
    assert "[head0_maxpool0]" in text
    assert evaluate(net, read_toml(path, net), B_LENET_TARGETS, PART) == folding


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("pe = 5\nsimd = 25", "pe = 3\nsimd = 25", r"folding\.toml: stage0_conv0: pe must divide 5 \(1, 5\), not 3"),
        ("simd = 25", "simd = 24", r"stage0_conv0: simd must divide 25 \(1, 5, 25\), not 24"),
        ("simd = 25", "simd = 'all'", "stage0_conv0: simd must be an integer, not 'all'"),
        ("parallel_window = 1", "parallel_window = 2", "stage0_conv0: parallel_window must be 0 or 1, not 2"),
        ("parallel_window = 1\n", "", "stage0_conv0: key 'parallel_window' is missing; a conv has pe, simd, parallel_window"),
        ("[stage0_maxpool0]", "[stage0_maxpool0]\nsimd = 1", "stage0_maxpool0: unknown key 'simd'; a maxpool has pe"),
        ("[stage0_maxpool0]", "[stage0_pool]", "no layer is called 'stage0_pool'; known are stage0_conv0, "),
        ("version = 2", "version = 1", r"version must be 2, not 1: that file was chosen among FINN's units alone.* copy folding\.toml"),
        ("version = 2", "version = 3", "version must be 2, not 3"),
        ("version = 2", "version = ", "not valid TOML"),
    ],
)
def test_a_wrong_file_is_told_with_layer_key_value_and_what_is_allowed(tmp_path, old, new, message):
    net = b_lenet()
    text = to_toml(search(net, B_LENET_TARGETS, PART))
    assert old in text
    path = tmp_path / "folding.toml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FoldingError, match=message):
        read_toml(path, net)


def test_a_missing_layer_is_told(tmp_path):
    net = b_lenet()
    path = tmp_path / "folding.toml"
    path.write_text("version = 2\n[stage0_conv0]\npe = 1\nsimd = 1\nparallel_window = 0\n")
    with pytest.raises(FoldingError, match="layer 'stage0_maxpool0' is missing"):
        read_toml(path, net)


OWN = fused(b_lenet())
MIXED = {
    "stage0_conv0": Fold(body="static", pixels=2), "stage0_maxpool0": Fold(body="static"), "head0_conv0": Fold(1, 1),
    "head0_maxpool0": Fold(1), "head0_linear0": Fold(body="shared", inputs=4, outputs=6),
    "stage1_conv0": Fold(body="shared", pixels=2, inputs=5, outputs=10, lanes=2),
    "stage1_maxpool0": Fold(body="shared"), "stage1_conv1": Fold(body="shared", pixels=2, inputs=10, outputs=20, lanes=2),
    "stage1_maxpool1": Fold(20), "head1_linear0": Fold(1, 1),
}


def mixed():
    return evaluate(OWN, MIXED, (512, 1671), PART)


def test_every_body_reads_as_it_was_written(tmp_path):
    folding = mixed()
    path = tmp_path / "folding.toml"
    path.write_text(to_toml(folding))
    text = path.read_text()
    assert '# in the unit of the layer before it\nbody = "shared"\n' in text
    assert (
        "# weights 20 x 250 in memory; inputs is at most 10, outputs a multiple of 3 where pixels is 1 or of 2 where pixels is 2, lanes "
        'divides outputs\nbody = "shared"\npixels = 2\ninputs = 10\noutputs = 20\nlanes = 2\n') in text
    assert evaluate(OWN, read_toml(path, OWN), (512, 1671), PART) == folding
    assert folding.fused_pool("stage1_conv0") == OWN.layer("stage1_maxpool0")
    assert folding.fused_pool("stage1_conv1") is None


def test_a_body_without_dsps_reads_as_it_was_written(tmp_path):
    tables = {"stage1_conv0": Fold(body="shared_lut", pixels=2, inputs=5, outputs=7, lanes=1), "stage1_maxpool0": Fold(body="shared_lut")}
    folding, path = evaluate(OWN, MIXED | tables, (512, 1671), PART), tmp_path / "folding.toml"
    path.write_text(to_toml(folding))
    assert ('# weights 10 x 125 in memory; inputs is at most 5, lanes divides outputs\nbody = "shared_lut"\npixels = 2\ninputs = 5\n'
            'outputs = 7\nlanes = 1\n') in path.read_text()
    assert evaluate(OWN, read_toml(path, OWN), (512, 1671), PART) == folding
    assert folding.plans["stage1_conv0"].cost.dsp == 0 < mixed().plans["stage1_conv0"].cost.dsp


def test_a_pool_is_in_a_unit_of_its_body(tmp_path):
    tables = {"stage1_conv0": Fold(body="shared_lut", pixels=2, inputs=5, outputs=7, lanes=1)}
    with pytest.raises(FoldingError, match='stage1_maxpool0: body must be "finn", "pool" or "shared_lut", not "shared"'):
        evaluate(OWN, MIXED | tables, (512, 1671), PART)


def test_the_pool_of_mixed_bodies_has_no_unit():
    folding = mixed()
    assert folding.plans["stage1_maxpool0"].units == ()


@pytest.mark.parametrize(("old", "new", "message"), [
    ("inputs = 10", "inputs = 11", "stage1_conv1: inputs must be at most beat, not inputs=11, beat=10"),
    ("inputs = 10", "inputs = 0", "stage1_conv1: inputs must be at least 1, not 0"),
    ("inputs = 10", "inputs = 2.5", "stage1_conv1: inputs must be an integer, not 2.5"),
    ("inputs = 10\n", "", "stage1_conv1: key 'inputs' is missing; a conv has body, pixels, inputs, outputs, lanes where its body is \"sh"),
    ("inputs = 10", "inputs = 10\nsimd = 1", "stage1_conv1: unknown key 'simd'; a conv has body, pixels, inputs, outputs, lanes where"),
    ("pixels = 2\ninputs = 10", "pixels = 3\ninputs = 10", "stage1_conv1: pixels must be 1 or 2, not 3"),
    ("outputs = 20", "outputs = 19", "stage1_conv1: outputs must be a multiple of 2, which share a DSP48E1, not 19"),
    ("outputs = 20\nlanes = 2", "outputs = 20\nlanes = 3", "stage1_conv1: lanes must divide outputs, not lanes=3, outputs=20"),
    ("[stage1_maxpool0]", "[stage1_maxpool0]\nlanes = 2", "stage1_maxpool0: unknown key 'lanes'; a maxpool has body where its body is"),
    ("pe = 20", 'pe = 20\nbody = "shared"', "unknown key 'pe'; a maxpool has body where"),
])
def test_a_wrong_value_of_a_shared_layer_is_told(tmp_path, old, new, message):
    text = to_toml(mixed())
    assert old in text
    (tmp_path / "folding.toml").write_text(text.replace(old, new, 1))
    with pytest.raises(FoldingError, match=message):
        read_toml(tmp_path / "folding.toml", OWN)


@pytest.mark.parametrize(("change", "message"), [
    ({"stage1_maxpool0": Fold(body="static")},
     'stage1_maxpool0: body must be "finn", "pool" or "shared", not "static": the body of stage1_conv0 is shared'),
    ({"stage0_maxpool0": Fold(body="shared")},
     'stage0_maxpool0: body must be "finn", "pool" or "static", not "shared": the body of stage0_conv0 is st'),
    ({"stage1_conv0": Fold(1, 1)}, 'stage1_maxpool0: body must be "finn" or "pool", not "shared": the body of stage1_conv0 is finn'),
    ({"stage1_conv0": Fold(body="shared", pe=2)}, "stage1_conv0: pe, simd and parallel_window must be left out where the body is shared"),
    ({"head0_conv0": Fold(1, 1, lanes=2)}, "head0_conv0: lanes must be left out where the body is finn, not 2"),
    ({"stage0_conv0": Fold(body="static", pixels=2, outputs=4)}, "stage0_conv0: outputs must be left out where the body is static, not 4"),
    ({"stage1_maxpool0": Fold(body="shared", lanes=2)}, "stage1_maxpool0: lanes must be left out for a maxpool, not 2"),
])
def test_keys_and_pools_of_another_body_are_told(change, message):
    with pytest.raises(FoldingError, match=message):
        evaluate(OWN, MIXED | change, (512, 1671), PART)


def test_a_shared_layer_is_refused_where_layers_are_finns(tmp_path):
    (tmp_path / "folding.toml").write_text(to_toml(mixed()).replace('body = "static"\npixels = 2', "pe = 1\nsimd = 1\nparallel_window = 0"))
    with pytest.raises(FoldingError, match=r'head0_linear0: body must be "finn", not "shared": build\.layers = "finn"'):
        read_toml(tmp_path / "folding.toml", b_lenet())
