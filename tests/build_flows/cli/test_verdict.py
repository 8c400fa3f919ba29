"""A design that cannot be built is red, says why and what to change, and is an error where the user is strict."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from build_flows.artefacts.verdict import Verdict
from build_flows.base.interval import wilson
from build_flows.cli.main import cli
from build_flows.cli.verdict import published
from tests.build_flows.cli.stand_in import RESULT, TOO_LARGE, TOO_SLOW, VERDICT, Flow, offramp

COMMANDS = ("compile", "simulate", "report", "run")
LARGE = "digits does not fit xc7z020clg400-1: DSP: 303 of 220 (predicted, not synthesised yet); clock not estimated yet, 100 MHz is set"
SLOW = "digits fits xc7z020clg400-1 (synthesised by Yosys); misses its clock of 100 MHz: 92.4 MHz estimated before placement"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(("found", "line", "change"), [
    (TOO_LARGE, LARGE, "raise target.cycles_per_sample (now 128), lower model.weight_bits (now 4) or model.act_bits (now 4)"),
    (TOO_SLOW, SLOW, "set target.clock_mhz (now 100) to 92 or less"),
])
def test_what_cannot_be_built_is_red(command: str, found: Verdict, line: str, change: str, flow: Flow, config: str) -> None:
    flow.found = found
    ran = CliRunner().invoke(cli, [command, config], color=True, catch_exceptions=False)
    assert ran.exit_code == 0
    assert f"\x1b[31m\x1b[1m{line}\x1b[0m" in ran.stdout.splitlines()
    assert f"\x1b[31mto change that: {change}" in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_what_can_be_built_is_told_plainly(command: str, flow: Flow, config: str) -> None:
    ran = CliRunner().invoke(cli, [command, config], color=True, catch_exceptions=False)
    told = "digits fits xc7z020clg400-1 (predicted, not synthesised yet); clock not estimated yet, 100 MHz is set"
    assert told in ran.stdout.splitlines()
    assert "to change that" not in ran.stdout


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("found", [TOO_LARGE, TOO_SLOW])
def test_strict_makes_it_an_error_after_the_answer(
    command: str, found: Verdict, flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    flow.found = found
    assert offramp(monkeypatch, command, config, "--json") == 0
    relaxed = json.loads(capfd.readouterr().out)
    assert (relaxed["fits"], relaxed["short"]) == (found.fits, [item.told() for item in found.short])
    assert relaxed["fmax_estimate_mhz"] == found.fmax_estimate_mhz
    assert relaxed["verdict"] == found.to_json()
    assert offramp(monkeypatch, command, config, "--json", "--strict") == 1
    out, err = capfd.readouterr()
    assert json.loads(out) == relaxed
    line, hint = (LARGE, "raise target.cycles_per_sample") if found is TOO_LARGE else (SLOW, "set target.clock_mhz")
    assert f"offramp: --strict: {line}" in err.splitlines()
    assert f"  hint: {hint}" in err
    flow.found = VERDICT
    assert offramp(monkeypatch, command, config, "--json", "--strict") == 0


def test_a_rate_is_given_at_the_clock_to_expect() -> None:
    assert published(RESULT, VERDICT)["samples_per_second"] == pytest.approx(100e6 / 129.5)
    assert published(RESULT, TOO_SLOW)["samples_per_second"] == pytest.approx(92.43e6 / 129.5)


@pytest.mark.parametrize(("found", "rate"), [
    (VERDICT, "772,201 at 100 MHz, the clock set, not estimated yet"), (TOO_SLOW, "713,745 at 92.4 MHz, the clock estimated"),
    (TOO_LARGE, "772,201 at 100 MHz, the clock set, not estimated yet, if it fitted"),
])
def test_the_table_says_of_what_clock_and_design_a_rate_is(
    found: Verdict, rate: str, flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "140")
    flow.found = found
    out = CliRunner().invoke(cli, ["run", config], catch_exceptions=False).stdout
    row = next(line for line in out.splitlines() if "samples per second" in line)
    assert row.split("samples per second")[1].strip() == rate


def test_figures_carry_their_interval() -> None:
    told = published(RESULT, VERDICT)
    assert told["accuracy_interval"] == wilson(0.975, 360)
    first, last = told["exits"][0], told["exits"][-1]
    assert first["share_interval"] == wilson(0.7, 360)
    # Of the 252 images that leave there.
    assert first["accuracy_interval"] == wilson(0.99, 252)
    assert last["accuracy_interval"] is None
    assert {**told, "exits": None, "samples_per_second": None}.items() >= {
        **RESULT.to_json(), "exits": None, "samples_per_second": None,
    }.items()
