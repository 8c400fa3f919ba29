"""``folding.toml``: what was written is read, and what is wrong in it is told."""

import pytest

from build_flows.base.parts import find_part
from build_flows.planning.folding import FoldingError, evaluate
from build_flows.planning.folding_file import read_toml, to_toml
from build_flows.planning.folding_search import search
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
