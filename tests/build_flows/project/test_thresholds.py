"""Fixed thresholds, and policies that could not tell samples apart, are told before anything is run."""

import pytest

from build_flows.project.load import parse
from tests.build_flows.project.configs import faults


def text(*exits: tuple[str, float | None], score: str = "") -> str:
    """A configuration with early ``exits`` of policy and threshold."""
    tables = "".join(
        f'[[exits]]\npolicy = "{policy}"\nafter = 0\nhead = "{head}"\n{score}' + ("" if value is None else f"threshold = {value}\n")
        for (policy, value), head in zip(exits, ("linear", "pool", "global", "conv"), strict=False)
    )
    return f'[project]\nname = "x"\n[data]\nname = "digits"\n[model]\npreset = "digits"\n{tables}[[exits]]\npolicy = "always"\n'


@pytest.mark.parametrize(("exits", "told"), [
    ([("softmax", 1.5)], "exits[0].threshold = 1.5: no threshold of softmax; allowed: a number above 0 to 1"),
    ([("softmax", 0.0)], "exits[0].threshold = 0.0: no threshold of softmax; allowed: a number above 0 to 1"),
    ([("entropy", -0.1)], "exits[0].threshold = -0.1: no threshold of entropy; allowed: a number from 0"),
    ([("margin", -1.0)], "exits[0].threshold = -1.0: no threshold of margin; allowed: a number from 0"),
    ([("never", 1.0)], "exits[0].threshold = 1.0: policy never compares nothing; allowed: unset"),
    ([("softmax", 0.9), ("margin", None)], "exits[1].threshold = (unset): exits[0] has one; allowed: a threshold in every"),
    ([("patience", 3.0), ("patience", 2.0)], "exits[0].threshold = 3.0: at most 1 exits in a row can agree here; allowed: 1"),
    ([("patience", 1.0), ("patience", 1.5)], "exits[1].threshold = 1.5: at most 2 exits in a row can agree here; allowed: 1 or 2"),
])
def test_thresholds_that_cannot_be_are_told(exits: list[tuple[str, float | None]], told: str) -> None:
    assert faults(text(*exits))[0].startswith(f"x.toml: {told}")


def test_the_last_exit_and_the_score_of_classes_count() -> None:
    assert faults(text(("softmax", 0.9)) + "threshold = 1.0\n") == [
        "x.toml: exits[1].threshold = 1.0: policy always compares nothing; allowed: unset"
    ]
    assert parse(text(("class_threshold", 40.0), score='score = "max_logit"\n')).exits[0].threshold == 40.0
    [told] = faults(text(("class_threshold", 40.0)))
    assert told == "x.toml: exits[0].threshold = 40.0: no threshold of softmax; allowed: a number above 0 to 1"


@pytest.mark.parametrize("exits", [
    [("softmax", 0.9), ("never", None), ("max_logit", -3.0)], [("patience", 1.0), ("patience", 2.0)],
    [("patience", None), ("patience", None)],
])
def test_thresholds_may_be_fixed(exits: list[tuple[str, float | None]]) -> None:
    assert [item.threshold for item in parse(text(*exits)).exits] == [*(value for _, value in exits), None]


@pytest.mark.parametrize(("exits", "at"), [
    ([("patience", None)], 0), ([("softmax", None), ("patience", None)], 1), ([("patience", None), ("never", None), ("patience", None)], 0),
])
def test_an_exit_that_no_other_can_agree_with_is_told(exits: list[tuple[str, float | None]], at: int) -> None:
    assert faults(text(*exits))[0].startswith(f'x.toml: exits[{at}].policy = "patience": it counts how many exits in a row')
