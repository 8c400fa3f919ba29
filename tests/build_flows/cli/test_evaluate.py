"""What ``offramp evaluate`` prints of evaluation.json."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from build_flows.artefacts.evaluation import EvaluationFile
from build_flows.base.interval import wilson
from build_flows.cli.main import cli
from build_flows.steps import flow
from tests.build_flows.evaluate_samples import content, sample
from tests.test_layering import ROOT

CONFIG = str(ROOT / "examples" / "digits.toml")


def invoke(monkeypatch: pytest.MonkeyPatch, found: EvaluationFile, *options: str) -> str:
    monkeypatch.setattr(flow, "evaluate", lambda project, ui: found)
    ran = CliRunner().invoke(cli, ["evaluate", CONFIG, *options], catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


def test_tables_and_what_the_attack_does(monkeypatch: pytest.MonkeyPatch) -> None:
    text = invoke(monkeypatch, sample())
    assert "accuracy at strengths 0 to 5, each within 11.5 points at 95 %" in " ".join(text.split())
    for told in ("91.00 % (83.8 to 95.2)", "(79.0 to 92.2)", "(86.2 to 97.8)", "(62.7 to 90.5)"):
        assert told in text
    for told in ("margin", "6.13 %", "91.23 %", "3,400", "123.4", "gaussian_noise", "45.0 %", "1.53 %", "(+117.6 %)",
                 "30.00 % to 80.00 %", "124.0 to 331.5 cycles a sample; throughput does not fall below"):
        assert told in text
    assert "cycles: not known" not in text


def test_a_throughput_below_all_hard_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    slowdown = sample().slowdown
    assert slowdown.rtl is not None
    found = sample().replace(slowdown=slowdown.replace(rtl=slowdown.rtl.replace(attacked=500.0, holds=False)))
    assert "throughput FALLS BELOW" in invoke(monkeypatch, found)


def test_without_simulation_it_says_how_to_get_cycles(monkeypatch: pytest.MonkeyPatch) -> None:
    text = invoke(monkeypatch, sample(compiled=False))
    assert "cycles: not known; `offramp simulate` first" in text
    assert "in the RTL" not in text


def test_json_is_all_there_is_on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(invoke(monkeypatch, sample(), "--json"))
    assert told.pop("output").endswith("digits")
    assert _without_intervals(told) == content()
    samples = 100
    assert told["operating"]["accuracy_interval"] == pytest.approx(wilson(told["operating"]["accuracy"], samples))
    assert told["last_alone"]["accuracy_interval"] == pytest.approx(wilson(told["last_alone"]["accuracy"], samples))
    assert told["exits"][0]["accuracy_there_interval"] == pytest.approx(wilson(0.95, 70))
    assert told["exits"][0]["share_interval"] == pytest.approx(wilson(0.7, samples))
    assert told["corruptions"]["kinds"][1]["strengths"][5]["accuracy_interval"] == pytest.approx(wilson(0.45, 80))
    assert told["slowdown"]["attacked"]["accuracy_interval"] == pytest.approx(wilson(0.62, 50))


def _without_intervals(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_intervals(item) for key, item in value.items() if not key.endswith("_interval")}
    return [_without_intervals(item) for item in value] if isinstance(value, list) else value
