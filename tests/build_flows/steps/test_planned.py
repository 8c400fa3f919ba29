"""What is asked of a folding, and what is said where it cannot be had."""

import dataclasses
import tomllib
from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.parts import find_part
from build_flows.planning.folding import evaluate, stage_targets
from build_flows.planning.folding_file import to_toml
from build_flows.planning.folding_search import search
from build_flows.planning.layer_costs import Fold
from build_flows.planning.network import fused
from build_flows.project.sections import BuildSection, TargetSection
from build_flows.steps import planned
from build_flows.steps.planned import allowed_part, auto_told, file_pace, pace, read_folding
from tests.build_flows.networks import b_lenet, network

PART = find_part("pynq-z2")
FILE = Path("config.toml")
REACH = (1.0, 0.25)


def test_a_pace_that_no_folding_keeps_is_told_with_the_least_one() -> None:
    with pytest.raises(ConfigError) as caught:
        pace(b_lenet(), REACH, TargetSection(cycles_per_sample=1000), BuildSection(), PART, FILE)
    assert caught.value.message == (
        "config.toml: target.cycles_per_sample = 1000: stage0_conv0 takes at least 1296 cycles a frame (padding); "
        'allowed: "auto", or a whole number from 1296 to 100000000'
    )
    assert pace(b_lenet(), REACH, TargetSection(cycles_per_sample=1296), BuildSection(), PART, FILE) == (1296, 0.8)


def test_auto_is_the_fastest_that_fits() -> None:
    target = TargetSection(cycles_per_sample="auto")
    assert pace(b_lenet(), REACH, target, BuildSection(), PART, FILE) == (1296, 0.8)
    # 784 values, 8 bits a cycle, come in faster than that.
    assert pace(b_lenet(), REACH, target, BuildSection(bus_bits=8), dataclasses.replace(PART, dsp=40), FILE)[0] > 2000
    with pytest.raises(ConfigError, match=r'target\.cycles_per_sample = "auto": however slow, no folding found fits pynq-z2 \(xc7z020'):
        pace(b_lenet(), REACH, target, BuildSection(), dataclasses.replace(PART, lut=7000), FILE)


def test_what_is_to_be_kept_free_is_not_taken() -> None:
    part = allowed_part(TargetSection(keep_free={"dsp": 220, "lut": 10_000}), FILE)
    assert (part.name, part.dsp, part.lut, part.ff) == (PART.name, 0, 43_200, PART.ff)
    assert part.carry == PART.carry - 2500, "a slice that is kept free keeps its carry chain"
    net = fused(network((6, 6, 1), [[("conv", 3, 1, 1, 4), ("maxpool", 2, 2)]], [[("linear", 3)]]))
    whole, found = (search(net, (36,), item) for item in (PART, part))
    assert whole.cost.dsp > found.cost.dsp == 0
    assert found.exceeds() == []
    assert evaluate(net, whole.folds, (36,), part, input_pe=whole.input_pe).exceeds() == [f"DSP: {whole.cost.dsp} of 0"]
    assert allowed_part(TargetSection(), FILE) == PART
    with pytest.raises(ConfigError) as caught:
        allowed_part(TargetSection(keep_free={"dsp": 221}), FILE)
    assert caught.value.message == "config.toml: target.keep_free.dsp = 221: xc7z020clg400-1 has 220; allowed: at most that"


@pytest.mark.slow
def test_a_busier_stage_is_taken_where_it_makes_a_faster_or_a_smaller_design(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planned, "UTILISATIONS", (0.8, 0.95))
    short = dataclasses.replace(PART, dsp=40, lut=30000)
    fixed, free = (TargetSection(cycles_per_sample="auto", utilisation=busy) for busy in (0.8, "auto"))
    slow, quick = (pace(b_lenet(), REACH, target, BuildSection(), short, FILE) for target in (fixed, free))
    assert quick[0] < slow[0]
    assert quick[1] == 0.95
    cycles, busy = pace(b_lenet(), REACH, TargetSection(cycles_per_sample=quick[0], utilisation="auto"), BuildSection(), short, FILE)
    assert cycles == quick[0]
    fullest = {item: search(b_lenet(), stage_targets(cycles, REACH, item), short, reach=REACH).fullest for item in (0.8, 0.95)}
    assert fullest[busy] == min(fullest.values()) < fullest[0.8]


def test_a_folding_of_the_users_sets_the_pace_itself() -> None:
    folds = search(b_lenet(), (1296, 4147), PART).folds | {"stage0_conv0": Fold(1, 25, True)}
    target = TargetSection(cycles_per_sample="auto")
    assert file_pace(b_lenet(), folds, REACH, target, BuildSection(), PART) == (5 * 1024, 0.8)
    assert file_pace(b_lenet(), folds, REACH, TargetSection(cycles_per_sample=1300), BuildSection(), PART) == (1300, 0.8)


def test_a_wrong_folding_is_told_with_the_key_that_names_it(tmp_path: Path) -> None:
    path = tmp_path / "folding.toml"
    path.write_text(to_toml(search(b_lenet(), (1296, 4147), PART)).replace("pe = 5\nsimd = 25", "pe = 3\nsimd = 25", 1))
    with pytest.raises(ConfigError) as caught:
        read_folding(path, b_lenet(), 'build.folding = "folding.toml"', FILE)
    assert caught.value.message == (
        f'config.toml: build.folding = "folding.toml": {path}: stage0_conv0: pe must divide 5 (1, 5), not 3'
    )


def test_a_pace_that_was_found_is_a_comment_of_the_folding() -> None:
    found = search(b_lenet(), (1296, 4147), PART)
    note = auto_told(1296, PART, None)
    assert note == 'target.cycles_per_sample = "auto": 1296 cycles a sample, the fewest whose folding fits xc7z020clg400-1 by the estimate'
    text = to_toml(found, note)
    assert f"# {note}\n" in text
    assert tomllib.loads(text) == tomllib.loads(to_toml(found))
    assert auto_told(7, PART, 'build.folding = "f.toml"').endswith('7 cycles a sample, those of build.folding = "f.toml"')
