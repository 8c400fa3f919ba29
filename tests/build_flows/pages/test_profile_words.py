"""What to change first: only what is certain, the costliest at the last exit before all others."""

import pytest

from build_flows.pages.profile_words import advice, costliest, parts
from tests.build_flows.profile_samples import changes, content, output, sample, unit, weight


def test_parts_are_weights_and_what_layers_give() -> None:
    assert [(part.unit.name, part.what, part.bits) for part in parts(sample())] == [
        ("image", "output", 8), ("stage0_conv0", "weight", 4), ("stage0_conv0", "output", 4), ("head0_fc0", "weight", 2),
        ("head1_fc0", "weight", 4)]


def test_the_last_exit_comes_first_and_what_chance_may_do_is_not_named() -> None:
    assert [(part.unit.name, part.what) for part in costliest(sample(), 1)] == [("stage0_conv0", "weight")]
    assert [(part.unit.name, part.what) for part in costliest(sample(), 0)] == [("head0_fc0", "weight")]
    assert advice(sample()) == (
        "change first: stage0_conv0: its weights of 4 bits alone cost exit 1 2.90 points of accuracy (95 %: 1.69 to 4.10): "
        "model.layer_bits = { stage0_conv0 = { weight = 8 } }, or fine-tune")


def test_an_earlier_exit_is_told_where_the_last_loses_nothing() -> None:
    units = content()["units"]
    told = advice(sample(units=[units[0], units[2], units[3]]))
    assert told.startswith("change first: head0_fc0: its weights of 2 bits alone cost exit 0")


@pytest.mark.parametrize(("whole", "told"), [
    ((40, 10), "change first: nothing alone; no layer's quantisation alone costs an exit more than chance does on 1,000 validation "
               "images, but all together cost the last exit 3.00 points: fine-tune"),
    ((10, 8), "change nothing: no layer's quantisation alone costs an exit more than chance does on 1,000 validation images, nor do all "
              "together the last exit (0.20 points, 95 %: -0.6"),
])
def test_where_nothing_alone_costs_anything(whole: tuple[int, int], told: str) -> None:
    assert advice(sample(units=[content()["units"][0]], whole=changes((0, 0), whole))).startswith(told)


def test_clipped_activations_and_networks_of_ones_own() -> None:
    units = [unit("features.3", "conv", weight=weight(bits=8), output=output(), alone=changes((0, 0), (30, 1)),
                  alone_weight=changes((0, 0), (30, 1)), alone_output=changes((0, 0), (28, 1)))]
    told = advice(sample(units=units, preset=False))
    # Weights of 8 bits have no more to get.
    assert told.startswith("change first: features.3: its activations of 4 bits alone cost exit 1 2.70 points")
    assert told.endswith("and 4.3 % of its values lie beyond its range: give activations of features.3 more bits, or a wider range, or "
                         "train on")
    assert "layer_bits = { features.3" not in told
