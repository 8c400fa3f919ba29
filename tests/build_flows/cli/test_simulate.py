"""``offramp simulate``: its options, and samples that disagree."""

import os
from pathlib import Path
from typing import Any

import pytest

from build_flows.artefacts.simulation import StageFigures
from build_flows.cli.simulate import pace_told
from tests.build_flows.cli.stand_in import RESULT, Flow, offramp


def test_options_go_before_the_config(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offramp(monkeypatch, "simulate", config) == 0
    assert flow.calls[-1][1] == {"samples": 100, "stall": 0.0, "seed": 1, "waves": None}
    assert offramp(monkeypatch, "simulate", config, "--samples", "5", "--stall", "0.3", "--seed", "9", "--waves", "a.fst") == 0
    assert flow.calls[-1][1] == {"samples": 5, "stall": 0.3, "seed": 9, "waves": Path("a.fst")}


@pytest.mark.parametrize(("limited", "planned", "told"), [
    ("stage 1, stage1_conv0", 0.25, "stage 1, stage1_conv0: 36.3 % of the samples reached it, 25.0 % were planned for"),
    ("stage 1, stage1_conv0", 0.4, "stage 1, stage1_conv0"), ("stage 1, stage1_conv0", None, "stage 1, stage1_conv0"),
    ("stage 0, stage0_conv0", 0.25, "stage 0, stage0_conv0"), ("input", 0.25, "input"),
])
def test_a_stage_that_more_reach_than_planned_is_told(limited: str, planned: float | None, told: str) -> None:
    stages = [StageFigures(reach=reach, busy=1, unit="", planned=share) for reach, share in ((1, 1), (0.363, planned))]
    assert pace_told(RESULT.replace(limited_by=limited, stages=stages)) == told


def test_samples_that_disagree_are_a_failure(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    flow.result = RESULT.replace(agree=359)
    assert offramp(monkeypatch, "simulate", config, "--json") == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "only 359 of 360 samples agree" in err


def test_waves_go_where_they_can_be_written(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert offramp(monkeypatch, "simulate", config, "--waves", "a.fst") == 1
    assert "must not be written to" in capfd.readouterr().err
    assert flow.calls == []
