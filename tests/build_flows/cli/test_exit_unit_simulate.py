"""`offramp exit-unit simulate` as it is typed."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from build_flows.artefacts.exit_unit import SweepFile, SweepRow, SweepSeconds
from build_flows.base.errors import OfframpError
from build_flows.cli.exit_unit_simulate import simulate
from build_flows.exit_unit import simulate as work

SMALL = "--classes 4 --pe 2 --logit-bits 12 --scale 0.01"


def give(words: str, **more: Any) -> Result:
    return CliRunner().invoke(simulate, shlex.split(words), **more)


@pytest.fixture
def instead(monkeypatch) -> list[work.Sweep]:
    """Sweeps that were asked for; none is carried out: the second of two units differs."""
    asked: list[work.Sweep] = []

    def carry_out(sweep, output, ui):
        asked.append(sweep)
        row = SweepRow(
            name="margin", policy="margin", classes=4, pe=2, samples=sweep.samples, agree=sweep.samples, ii=2, latency_min=5,
            latency_median=5.0, latency_max=7, latency_bound=18, bubbles=0, coverage={}, logit_bits=12, scale=0.01, epsilon=None,
            threshold=1.0, cycles=1500, sim_cycles_per_second=1_500_000,
        )
        faults = [] if len(sweep.specs) == 1 else ["margin_c8_pe2: sample 3 differs", "margin_c8_pe2: bubble"]
        return SweepFile(
            units=[row] * len(sweep.specs), faults=faults, seed=sweep.seed, stall=sweep.stall, cycles=3000, sim_cycles_per_second=1000,
            seconds=SweepSeconds(build=1.0, draw=1.0, simulate=3.0),
        )

    monkeypatch.setattr(work, "simulate", carry_out)
    return asked


def test_examples_of_the_help_can_be_given() -> None:
    lines = [line.strip() for line in (simulate.help or "").splitlines()]
    examples = [shlex.split(line) for line in lines if line.startswith("offramp ")]
    assert len(examples) >= 4
    for _, group, name, *words in examples:
        assert (group, name) == ("exit-unit", "simulate")
        context = simulate.make_context(name, words)
        chosen = context.params
        assert work.specs(chosen["policies"], chosen["classes"][-1:], chosen["pes"][-1:], scale=chosen["scale"])[0]
    assert all(getattr(item, "help", None) for item in simulate.params)


def test_the_answer_for_a_person(instead, tmp_path: Path) -> None:
    result = give(f"--policy margin {SMALL} --samples 70 --seed 5 -o {tmp_path}")
    assert result.exit_code == 0, result.exception
    (row,) = [line.split() for line in result.stdout.splitlines() if line.split()[:1] == ["margin"]]
    assert row == ["margin", "4", "2", "70", "2", "5/5/7", "0", "1.5"]
    files = [tmp_path / name for name in ("throughput.png", "latency.png", "sweep.json")]
    assert result.stdout.endswith("".join(f"{path}\n" for path in files))
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in files[:2])
    assert (instead[0].samples, instead[0].seed, instead[0].stall, instead[0].synth) == (70, 5, 0.0, False)


def test_json_is_one_object_and_notes_what_was_left_out(instead, tmp_path: Path) -> None:
    result = give(f"--policy margin --classes 4 --pe 2,3 --json --stall 0.25 -o {tmp_path}")
    assert result.exit_code == 0, result.exception
    told = json.loads(result.stdout)
    assert told["left_out"] == ["pe 3 does not divide 4 classes: left out"]
    assert told["units"][0]["agree"] == 1000
    assert set(told) == {
        "units", "faults", "seed", "stall", "cycles", "sim_cycles_per_second", "seconds", "left_out", "output",
    }
    assert instead[0].stall == 0.25


@pytest.mark.parametrize("json_too", ["", "--json"])
def test_a_fault_comes_after_the_answer_and_is_an_error(instead, tmp_path: Path, json_too: str) -> None:
    result = give(f"--policy margin --classes 4,8 --pe 2 -o {tmp_path} {json_too}")
    assert isinstance(result.exception, OfframpError)
    assert str(result.exception) == "margin_c8_pe2: sample 3 differs (and 1 more: sweep.json has them all)"
    assert "margin" in result.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--samples 0", "0 is not in the range x>=1"), ("--stall 1", "1.0 is not in the range 0<=x<1"),
        ("--stall -0.1", "-0.1 is not in the range"),
        ("--classes ten", "must be integers separated by commas, not 'ten'"), ("--pe 1,,2", "must be integers separated by commas"),
        ("--logit-bits 40", "40 is not in the range"),
    ],
)
def test_options_out_of_range_are_one_line(words: str, message: str, tmp_path: Path) -> None:
    result = give(f"{words} -o {tmp_path / 'out'}")
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--stall nan", "--stall must be from 0 to below 1, not nan"), ("--pe 3", "pe must divide classes, not pe=3, classes=10"),
        ("--classes 1", "classes must be from 2 to 1000, not 1"), ("--scale 0", "scale must be positive, not 0"),
        ("--policy loud", "policy must be all or one of"), ("--scale nan", "scale must be positive, not nan"),
    ],
)
def test_what_does_not_fit_is_told_before_anything_is_built(words: str, message: str, tmp_path: Path) -> None:
    result = give(f"{words} -o {tmp_path / 'out'}")
    assert isinstance(result.exception, OfframpError)
    assert message in str(result.exception)
    assert not (tmp_path / "out").exists()
