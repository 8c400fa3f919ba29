"""What ``offramp profile`` prints of profile.json."""

import json

import pytest
from click.testing import CliRunner

from build_flows.cli.main import cli
from build_flows.steps import flow
from tests.build_flows.profile_samples import content, sample
from tests.test_layering import ROOT

CONFIG = str(ROOT / "examples" / "digits.toml")


def invoke(monkeypatch: pytest.MonkeyPatch, *options: str) -> str:
    monkeypatch.setattr(flow, "profile", lambda project, ui: sample())
    ran = CliRunner().invoke(cli, ["profile", CONFIG, *options], catch_exceptions=False)
    assert ran.exit_code == 0
    return ran.stdout


def test_tables_and_what_to_change_first(monkeypatch: pytest.MonkeyPatch) -> None:
    text = invoke(monkeypatch)
    for told in ("95.00 % (93.", "3.00 (1.60 to 4.39)", "stage0_conv0", "3.20", "4.3 %", "12.5", "exact", "2, -"):
        assert told in text, told
    lines = text.splitlines()
    assert lines[-2].startswith("change first: stage0_conv0: its weights of 4 bits")
    assert lines[-1].endswith("profile.html")


def test_json_is_all_there_is_on_stdout(monkeypatch: pytest.MonkeyPatch) -> None:
    told = json.loads(invoke(monkeypatch, "--json"))
    assert told.pop("output").endswith("digits")
    assert told.pop("advice").startswith("change first: stage0_conv0")
    assert told == content()
