"""What cannot be built is told before anything is trained, in the words of the step that would refuse it later."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps import flow
from build_flows.steps.ahead import look_ahead, refuse_unbuildable
from tests.build_flows.networks import network
from tests.build_flows.projects import changed, configured
from tests.build_flows.uis import Listening

FOLDING = """version = 2
[stage0_conv0]
pe = 3
simd = 9
parallel_window = 1
"""


def said(project: Project, *, warn: bool = True) -> list[str]:
    ui = Listening()
    look_ahead(project, ui, warn)
    return ui.said


def artefacts(project: Project) -> list[str]:
    found = project.output.iterdir() if project.output.is_dir() else ()
    return [item.name for item in found if not item.name.startswith(".")]


@pytest.mark.parametrize(("changes", "message"), [
    ({"target": {"cycles_per_sample": 99}},
     r"target\.cycles_per_sample = 99: stage0_conv0 takes at least 100 cycles a frame \(padding\); "
     'allowed: "auto", or a whole number from 100 to 100000000'),
    ({"calibrate": {"shares": None, "mean_cost": 0.01}},
     r"calibrate\.mean_cost = 0\.01: a sample that leaves at exit 0 costs 0\.0\d+ of the whole network's MACs already; "
     r"allowed: 0\.0\d+ to 1"),
], ids=["pace", "cost"])
def test_what_the_configuration_alone_makes_impossible(small: Project, changes: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=rf"config\.toml: {message}$"):
        look_ahead(changed(small, changes), SilentUi())


def test_data_that_are_unfit_are_told_with_their_key(small: Project) -> None:
    place = small.file.parent / "mine.npz"
    np.savez(place, x_train=np.zeros((3, 8, 8, 1)))
    wanted = replace(changed(small, {"data": {"name": "npz", "path": "mine.npz"}}), data=place)
    with pytest.raises(ConfigError, match=r'config\.toml: data\.path = "mine\.npz": .*mine\.npz lacks y_train'):
        look_ahead(wanted, SilentUi())


def test_a_gpu_that_is_not_there(small: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    wanted = changed(small, {"train": {"device": "cuda"}})
    told = r'config\.toml: train\.device = "cuda": device must be cpu or auto, not cuda: torch sees no GPU$'
    with pytest.raises(ConfigError, match=told):
        look_ahead(wanted, SilentUi())
    assert said(replace(wanted, checkpoint=small.file)) == []


def test_what_is_possible_is_let_pass_without_a_word(small: Project) -> None:
    wanted = {"target": {"cycles_per_sample": 100, "hard_share": [1.0, 1.0]}, "build": {"bus_bits": 8, "result_bits": 32}}
    for changes in (wanted, {"target": {"cycles_per_sample": "auto"}}, {"calibrate": {"shares": None, "mean_cost": 0.5}}):
        assert said(changed(small, changes)) == []


def test_a_folding_of_the_users_is_read_before_training(small: Project) -> None:
    """Flow and all: nothing is written but the lock."""
    (small.file.parent / "mine.toml").write_text(FOLDING)
    made = configured(small.file.parent, folding='"mine.toml"')
    for run in (flow.train, flow.compile):
        with pytest.raises(ConfigError, match=r'config\.toml: build\.folding = "mine\.toml": .*: stage0_conv0: pe must divide 8 \(1, 2'):
            run(made, SilentUi())
    assert artefacts(made) == []


def test_more_exits_than_there_are_registers_for_are_told(small: Project) -> None:
    many = network((4, 4, 1), [[("conv", 1, 0, 1, 2)]] * 33, [[("linear", 2)]] * 33)
    with pytest.raises(ConfigError, match=r"config\.toml: exits = 33 tables: the registers are for at most 32; allowed: fewer"):
        refuse_unbuildable(changed(small, {"target": {"cycles_per_sample": 100}}), many, SilentUi())


def test_what_can_be_trained_but_not_compiled_is_warned_of(small: Project) -> None:
    made = configured(small.file.parent, [(0, "linear"), (0, "pool")])
    ui = Listening()
    look_ahead(made, ui)
    assert ui.said == [
        f"warning: {made.file}: exits[1].after = 0: two exits after block 0 can be trained together, but not compiled; allowed: one of "
        "them, its weights from what was trained (train.checkpoint)"
    ]
    with pytest.raises(ConfigError, match="two exits after block 0 can be trained together"):
        flow.compile(made, SilentUi())
    assert artefacts(made) == []
    assert said(made, warn=False) == []


def test_a_later_stage_counts_at_the_share_that_is_planned(small: Project) -> None:
    """Where calibration will find how many samples reach it, it may be as good as none."""
    later = network((4, 4, 1), [[("conv", 1, 0, 1, 2)], [("conv", 3, 8, 1, 2)]], [[("linear", 2)], [("linear", 2)]])
    refuse_unbuildable(changed(small, {"target": {"cycles_per_sample": 100}}), later, SilentUi())
    with pytest.raises(ConfigError, match=r"= 100: stage1_conv0 takes at least 400 cycles .* in stage 1, which 25 % .* number from 123 to"):
        refuse_unbuildable(changed(small, {"target": {"cycles_per_sample": 100, "hard_share": [0.25, 0.5]}}), later, SilentUi())


def test_where_nothing_fits_it_is_told(small: Project) -> None:
    """8 Mbit of weights."""
    large = network((16, 16, 1), [[("conv", 1, 0, 1, 4)]], [[("linear", 1000)]], bits=8)
    ui = Listening()
    refuse_unbuildable(changed(small, {"target": {"cycles_per_sample": "auto"}}), large, ui)
    assert ui.said == ["warning: however slow, by the estimate of what is known before training no folding fits pynq-z2 (xc7z020clg400-1)"]
