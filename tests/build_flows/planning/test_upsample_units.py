"""Upsamplings in the plan: beats, cycles, memory and cost of the unit."""

import pytest

from build_flows.planning.folding_file import fold_of_row
from build_flows.planning.layer_costs import Fold, fold_options, layer_units
from build_flows.planning.network import Layer
from hw.layers.upsample import Upsample
from tests.build_flows.planning.test_network import conv, logits, network, plain


def up(factor: list[int], **changes: object) -> Layer:
    """An upsampling of a map of 6x5 of 4 channels."""
    last = logits("x", "u", values=120 * factor[0] * factor[1])
    return network([[conv("a", "image", **changes), plain("u", "upsample", "a", factor=factor)]], [[last]]).layer("u")


@pytest.mark.parametrize("factor", [(2, 2), (1, 3), (3, 1)])
@pytest.mark.parametrize("pe", [1, 2, 4])
def test_what_is_planned_is_what_the_unit_is(factor: tuple[int, int], pe: int) -> None:
    (plan,), unit = layer_units(up(list(factor)), Fold(pe)), Upsample(6, 5, 4, pe, 4, factor)
    assert (plan.in_bits, plan.out_bits) == (len(unit.i.payload), len(unit.o.payload))
    assert (plan.in_beats, plan.out_beats) == (unit.in_beats, unit.out_beats)
    assert plan.cycles == plan.least_target == unit.out_beats


def test_it_is_folded_by_channels() -> None:
    layer = up([2, 2])
    assert fold_options(layer) == (Fold(1), Fold(2), Fold(4))
    assert fold_of_row(layer, {"pe": 2}) == Fold(2)
    with pytest.raises(ValueError, match="upsample has pe"):
        fold_of_row(layer, {"pe": 2, "simd": 1})
    with pytest.raises(ValueError, match=r"pe must divide 4 \(1, 2, 4\), not 3"):
        fold_of_row(layer, {"pe": 3})


@pytest.mark.parametrize(("factor", "pe", "words"), [([2, 2], 1, 20), ([2, 1], 4, 5), ([1, 2], 2, 2), ([1, 2], 4, 1)])
def test_it_keeps_a_row_or_a_pixel(factor: list[int], pe: int, words: int) -> None:
    (plan,) = layer_units(up(factor), Fold(pe))
    assert plan.bram18 == 0
    assert (plan.ram_style, plan.terms["memory"] > 0) == (("distributed", True) if words > 1 else ("", False))
    assert plan.terms["address"] == (words - 1).bit_length()
    # A register of the beat, one that is read from memory, and counters.
    assert plan.cost.ff == pytest.approx(4 * pe * (1 + (words > 1)) + plan.terms["address"] + plan.terms["counters"] + 2, abs=2)
