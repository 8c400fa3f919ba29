"""Bit widths layer by layer, down to the integers of the exported network."""

import pytest

from quant_models.errors import QuantModelError
from quant_models.integers.export import golden
from quant_models.networks.layer_bits import with_bits
from quant_models.networks.spec import trace
from tests.quant_models.conftest import build_model, build_spec, residual_spec, scales_spec


def widths(spec):
    found = [(unit.name, unit.layer) for _, _, unit in trace(spec)]
    return {name: (getattr(item, "weight_bits", None), getattr(getattr(item, "act", None), "bits", None)) for name, item in found}


def test_layers_that_are_named_change_and_no_other():
    spec = build_spec()
    bits = {"stage0_conv0": (8, 6), "stage2_conv0": (None, 2), "head0_fc1": (3, None), "head0_fc2": (5, None), "head2_gap0": (None, 7)}
    found, before = widths(with_bits(spec, bits)), widths(spec)
    assert found["stage0_conv0"] == (8, 6)
    assert found["stage2_conv0"] == (4, 2)
    assert found["head0_fc1"] == (3, 4)
    assert found["head0_fc2"] == (5, None)
    assert found["head2_gap0"] == (None, 7)
    assert {name: item for name, item in found.items() if name not in bits} == {k: v for k, v in before.items() if k not in bits}
    assert with_bits(spec, {}) == spec


def test_the_exported_integers_have_them():
    spec = with_bits(build_spec(), {"stage0_conv0": (8, 6), "head1_fc0": (2, None)})
    meta, arrays = golden(build_model(spec))
    conv, fc = meta["stages"][0]["layers"][0], meta["heads"][1]["layers"][0]
    assert (conv["weight_bits"], conv["out_bits"], arrays[conv["thresholds"]].shape[1]) == (8, 6, 63)
    assert meta["heads"][0]["layers"][0]["in_bits"] == 6
    assert 7 < abs(arrays[conv["weight"]]).max() <= 127
    assert abs(arrays[fc["weight"]]).max() == 1


def test_a_residual_blocks_operands_change_together():
    spec = residual_spec()
    bits = {"stage0_conv2": (None, 7), "stage0_add1": (None, 3), "stage1_conv0": (8, 2), "stage1_conv1": (5, 6), "stage1_conv2": (3, None)}
    changed = with_bits(spec, bits)
    found, before = widths(changed), widths(spec)
    assert (found["stage0_conv2"], found["stage0_act0"]) == ((4, 7), (None, 7))
    assert found["stage0_add1"] == (None, 3)
    assert (found["stage1_conv0"], found["stage1_conv1"], found["stage1_conv2"]) == ((8, 2), (5, 6), (3, 6))
    same = {name: item for name, item in found.items() if name not in bits and name != "stage0_act0"}
    assert same == {name: before[name] for name in same}
    assert {unit.name: unit.in_bits for _, _, unit in trace(changed)}["stage0_add0"] == 7
    assert with_bits(spec, {}) == spec


def test_the_layers_of_a_scale_change_together():
    """Behind the first of them, whatever stage they are in."""
    spec = scales_spec()
    changed = with_bits(spec, {"stage0_conv1": (8, 6), "stage1_conv1": (3, None)})
    found, before = widths(changed), widths(spec)
    scale = [unit.name for _, _, unit in trace(spec) if "stage0_conv1" in (unit.name, unit.follows)]
    assert scale == ["stage0_conv1", "stage1_conv1", "stage1_conv2", "stage1_conv3", "stage1_conv4"]
    assert [found[name] for name in scale] == [(8, 6), (3, 6), (4, 6), (4, 6), (4, 6)]
    assert {name: item for name, item in found.items() if name not in scale} == {k: v for k, v in before.items() if k not in scale}
    assert with_bits(spec, {}) == spec
    with pytest.raises(QuantModelError, match="layer stage1_conv1 has no act bits, only weight bits"):
        with_bits(spec, {"stage1_conv1": (None, 3)})


@pytest.mark.parametrize("name", ["stage0_act0", "stage1_conv2"])
def test_a_shortcut_has_the_bits_of_the_body(name):
    with pytest.raises(QuantModelError, match=f"(layer {name} has no act bits, only weight bits|has no layer '{name}' with bit widths)"):
        with_bits(residual_spec(), {name: (None, 3)})


@pytest.mark.parametrize(("bits", "message"), [
    ({"stage9_conv0": (8, None)}, "tiny has no layer 'stage9_conv0' with bit widths; allowed: stage0_conv0, head0_fc0, .*, head2_fc0$"),
    ({"stage0_pool0": (8, None)}, "has no layer 'stage0_pool0' with bit widths; allowed: stage0_conv0, head0_fc0"),
    ({"head2_gap0": (8, None)}, "layer head2_gap0 has no weight bits, only act bits"),
    ({"head1_fc0": (None, 3)}, "layer head1_fc0 has no act bits, only weight bits"),
    ({"stage0_conv0": (9, None)}, "stage0_conv0: weight_bits must be 1 to 8, not 9"),
    ({"stage0_conv0": (None, 0)}, "stage0_conv0: act bits must be 1 to 8, not 0"),
])
def test_what_cannot_be_is_named(bits, message):
    with pytest.raises(QuantModelError, match=message):
        with_bits(build_spec(), bits)
