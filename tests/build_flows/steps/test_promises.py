"""Too few validation images are told before training, with how many it takes and what else to do."""

import re

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.project.sections import CalibrateSection
from build_flows.steps import flow
from build_flows.steps.promises import division, refuse_too_few
from tests.build_flows.uis import Listening


def test_what_is_needed_and_the_ways_out_are_named() -> None:
    wanted = CalibrateSection(accuracy_loss=0.5)
    with pytest.raises(ConfigError) as caught:
        division(wanted, False, 140, 700, "x.toml")
    assert caught.value.message == (
        "x.toml: calibrate.accuracy_loss = 0.5: 140 validation images are too few to promise that of new ones: 238 are needed for a "
        "promise on average, 551 for one with confidence 0.9; allowed: data.validation = 0.34 or more, or calibrate.accuracy_loss = 0.85 "
        "or more, or calibrate.shares (nothing is promised then)"
    )
    for way in ({"accuracy_loss": 0.85}, {"shares": [0.5]}):
        division(CalibrateSection(**way), False, 140, 700, "x.toml")
    division(wanted, True, 140, 700, "x.toml")
    division(wanted, False, 238, 700, "x.toml")
    with pytest.raises(ConfigError):
        division(CalibrateSection(accuracy_loss=0.84), False, 140, 700, "x.toml")


def test_only_ways_that_lead_out_are_named() -> None:
    """Of one validation image nothing could be promised but that at most everything is lost."""
    with pytest.raises(ConfigError) as caught:
        division(CalibrateSection(accuracy_loss=0.5), False, 1, 100, "x.toml")
    assert caught.value.message.endswith("; allowed: calibrate.shares (nothing is promised then)")


def test_a_lower_confidence_is_a_way_out_where_it_is_one() -> None:
    with pytest.raises(ConfigError) as caught:
        division(CalibrateSection(accuracy_loss=0.5, confidence=0.99), False, 200, 400, "x.toml")
    found = re.search(r"allowed: calibrate\.accuracy_loss = .*, or calibrate\.confidence = ([0-9.]+) or less", caught.value.message)
    assert found is not None
    assert division(CalibrateSection(accuracy_loss=0.5, confidence=float(found[1])), False, 200, 400, "").promise == "confidence"
    with pytest.raises(ConfigError):
        division(CalibrateSection(accuracy_loss=0.5, confidence=float(found[1]) + 0.002), False, 200, 400, "")


def with_loss(small: Project, loss: str, exits: str = "") -> Project:
    text = small.file.read_text(encoding="utf-8").replace("shares = [0.5, 0.3]", f"accuracy_loss = {loss}")
    if exits:
        start, end = text.index("[[exits]]"), text.index("[calibrate]")
        text = f"{text[:start]}{exits}\n{text[end:]}"
    small.file.write_text(text, encoding="utf-8")
    return load_config(small.file)


def test_the_flow_refuses_before_it_trains(small: Project) -> None:
    project = with_loss(small, "0.5")
    with pytest.raises(ConfigError, match=r"config\.toml: calibrate\.accuracy_loss = 0\.5: 140 validation images are too few"):
        flow.train(project, Listening())
    assert not (project.output / "metrics.json").exists()


def test_what_has_nothing_to_promise_is_not_refused(small: Project) -> None:
    refuse_too_few(with_loss(small, "0.5", '[[exits]]\npolicy = "always"\n'))


@pytest.mark.parametrize(("policy", "threshold", "least", "most"), [("softmax", 0.05, "0.1", "1"), ("entropy", 2.5, "0", "2.303")])
def test_thresholds_that_so_many_classes_cannot_have_are_told(
    small: Project, policy: str, threshold: float, least: str, most: str
) -> None:
    exits = f'[[exits]]\npolicy = "{policy}"\nthreshold = {threshold}\n[[exits]]\npolicy = "never"\n[[exits]]\npolicy = "always"\n'
    with pytest.raises(ConfigError, match=(
        rf"exits\[0\]\.threshold = {threshold}: no threshold of {policy}, of 10 classes; allowed: {least} to {most} \("
    )):
        refuse_too_few(with_loss(small, "0.5", exits))
