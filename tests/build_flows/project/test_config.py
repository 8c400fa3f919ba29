"""A configuration as a whole: all its faults at once, and what follows from several keys."""

import pytest

from build_flows.project.load import parse
from tests.build_flows.project.configs import B_LENET, DIGITS, faults, placed


def test_all_faults_are_told_at_once() -> None:
    found = faults(DIGITS.replace("weight_bits = 4", "weight_bits = 0").replace("act_bits = 4", "act_bits = 9") + "\n[sim]\n")
    assert [line.split(" ")[1] for line in found] == ["model.weight_bits", "model.act_bits", "sim"]


def test_a_wrong_table_is_told_as_one() -> None:
    keys = "preset, factory, modules, weights, qonnx, weight_bits, act_bits, layer_bits"
    told = f"x.toml: model = 1: must be a table [model]; allowed: a table with {keys}"
    assert told in faults("model = 1")


@pytest.mark.parametrize(
    ("text", "layout"),
    [
        (placed("digits", (None, None), (None, None)), ((0, "preset"), (1, "preset"))),
        (placed("digits", (None, "pool"), (None, None)), ((0, "pool"), (1, "preset"))),
        (placed("digits"), ()),
        (placed("digits", (1, "linear")), ((1, "linear"),)),
        (placed("b_lenet", (0, None), (1, None)), ((0, "preset"), (1, "linear"))),
        (placed("b_lenet", (0, "conv"), (0, "global"), (1, "pool")), ((0, "conv"), (0, "global"), (1, "pool"))),
    ],
)
def test_exits_stand_where_they_are_placed(text: str, layout: tuple[tuple[int, str], ...]) -> None:
    found = parse(text)
    assert found.layout == layout
    assert found.exit_weights == (1.0,) * (len(layout) + 1)


def test_gate_heads_are_those_of_exits_with_that_policy() -> None:
    assert parse(B_LENET).gates == (None,)
    text = B_LENET.replace('policy = "max_logit"', 'policy = "gate"', 1)
    assert parse(text).gates == ("pool",)
    assert parse(text.replace("# gate_head =", 'gate_head = "linear"', 1)).gates == ("linear",)


@pytest.mark.parametrize(("shares", "wanted"), [([0.75], [0.25]), ([0.0], [1.0]), ([1.0], [0.0])])
def test_what_stages_are_planned_for_where_heads_are_exchangeable(shares: list[float], wanted: list[float]) -> None:
    text = B_LENET.replace("\naccuracy_loss = 0.5", "").replace("# shares =", f"shares = {shares}")
    assert parse(text).hard_share == [0.25]
    free = text.replace("\nhard_share = [0.25]", "\n# hard_share =").replace("# exchangeable_heads =", "exchangeable_heads = true")
    assert parse(free).hard_share == pytest.approx(wanted)


def test_a_subnet_has_one_exit_that_always_answers() -> None:
    found = parse(DIGITS.replace('mode = "all"', 'mode = "subnet"').replace("# exit =", "exit = 1"))
    assert (found.subnet, [item.policy for item in found.built], len(found.exits)) == (1, ["always"], 3)
    assert (parse(DIGITS).subnet, parse(DIGITS).built) == (None, tuple(parse(DIGITS).exits))
