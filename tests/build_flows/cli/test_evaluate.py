"""What ``offramp evaluate`` prints of evaluation.json."""

import json

import pytest
from click.testing import CliRunner

from build_flows.artefacts.evaluation import EvaluationFile
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
    assert told == content()
