"""The figures of an evaluation against the golden model, the RTL and figures worked out anew."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.evaluation import EvaluationFile
from build_flows.artefacts.simulation import SimulationFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps import evaluate, flow
from build_flows.steps.data import project_dataset
from build_flows.steps.engine import Build
from build_flows.steps.evaluate import spread
from quant_models.judge.corruptions import CORRUPTIONS
from sim import golden
from tests.build_flows.alone import work_of
from tests.build_flows.projects import configured, project

pytestmark = pytest.mark.cosim


@pytest.fixture(scope="module")
def evaluated(tiny: Project, tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, EvaluationFile]:
    """The simulated project in a folder of this module's own, evaluated."""
    folder = tmp_path_factory.mktemp("evaluated") / "it"
    shutil.copytree(tiny.file.parent, folder, symlinks=True)
    made = configured(folder)
    return made, flow.evaluate(made, SilentUi())


@pytest.mark.slow
def test_the_operating_point_is_what_the_golden_model_decides(evaluated: tuple[Project, EvaluationFile]) -> None:
    made, found = evaluated
    data = project_dataset(made)
    logits = golden.load(made.output / "golden.npz").run(data.x_test)
    wanted = golden.decide(logits, golden.load_exits(made.output / "exits.json"))
    here = found.operating
    assert here.accuracy == pytest.approx((wanted.label == data.y_test).mean())
    assert here.shares == pytest.approx([(wanted.exit == k).mean() for k in range(3)])
    assert here.macs == pytest.approx(np.dot(here.shares, [item.macs for item in found.costs]))
    assert found.samples.test == len(data.y_test) == 60


@pytest.mark.slow
def test_exits_are_told_one_by_one(evaluated: tuple[Project, EvaluationFile]) -> None:
    _, found = evaluated
    for row, share in zip(found.exits, found.operating.shares, strict=True):
        assert np.sum(row.confusion) == 60
        assert np.trace(row.confusion) == round(60 * row.accuracy)
        assert np.sum(row.confusion_there) == round(60 * share)
        assert row.share == share
        assert 0 <= row.calibration.ece <= 1
        assert sum(item.samples for item in row.calibration.bins) == 60
    early = found.overthinking.exits[0]
    last, first = found.exits[2].accuracy, found.exits[0].accuracy
    assert last - first == pytest.approx(early.gained - early.lost)


@pytest.mark.slow
def test_pictures_are_of_samples_that_leave_there(evaluated: tuple[Project, EvaluationFile]) -> None:
    made, found = evaluated
    data = project_dataset(made)
    for side, row in zip(found.pictures, found.exits, strict=True):
        assert len(side.easiest) == min(8, max(1, round(60 * row.share) // 2 if round(60 * row.share) < 16 else 8))
        both = [item.index for item in (*side.easiest, *side.hardest)]
        assert len(set(both)) == len(both)
        assert all(item.label == data.y_test[item.index] for item in (*side.easiest, *side.hardest))
    first = found.pictures[0]
    assert min(item.probability for item in first.easiest) >= max(item.probability for item in first.hardest)


@pytest.mark.slow
def test_corruptions_start_at_the_clean_images(evaluated: tuple[Project, EvaluationFile]) -> None:
    _, found = evaluated
    kinds = found.corruptions.kinds
    assert [item.name for item in kinds] == list(CORRUPTIONS)
    for item in kinds:
        assert [row.strength for row in item.strengths] == [0, 1, 2, 3, 4, 5]
        clean = item.strengths[0]
        assert (clean.accuracy, clean.shares) == (found.operating.accuracy, found.operating.shares)
        assert clean.exit_accuracy == [row.accuracy for row in found.exits]
    noise = kinds[0].strengths
    assert noise[5].accuracy < noise[0].accuracy


@pytest.mark.slow
def test_the_attack_costs_but_the_rtl_never_falls_below_all_hard(evaluated: tuple[Project, EvaluationFile]) -> None:
    made, found = evaluated
    slow, rtl = found.slowdown, found.slowdown.rtl
    assert rtl is not None
    assert slow.attacked.macs > slow.clean.macs
    assert slow.macs_rise == pytest.approx(slow.attacked.macs / slow.clean.macs - 1)
    assert rtl.holds
    assert rtl.clean < rtl.all_hard
    assert rtl.attacked <= 1.01 * rtl.all_hard
    slowest = max(item.interval for item in SizingFile.load(made.output / "sizing.json").stages)
    assert rtl.all_hard == pytest.approx(slowest, rel=0.02)
    assert found.last_alone.cycles == slowest
    assert found.measured_cycles == SimulationFile.load(made.output / "sim.json").figures.cycles_per_sample


@pytest.mark.slow
def test_nothing_changed_nothing_is_done_and_the_same_again_gives_the_same(
    evaluated: tuple[Project, EvaluationFile], tmp_path: Path
) -> None:
    made, found = evaluated
    with Build(made.output, SilentUi()) as build:
        again = flow.Flow(made, SilentUi(), build)
        assert again.evaluate() == found
        assert build.ran == []
    step = evaluate.step(made, {"checkpoint": made.output / "checkpoint.safetensors"}, made.output / "exits.json")
    work = work_of(made, tmp_path)
    first, images = evaluate.evaluate(step.settings, step.inputs, work)
    second, same = evaluate.evaluate(step.settings, step.inputs, work)
    assert first == second
    assert (images == same).all()
    assert first.corruptions.kinds[0].strengths[3].accuracy == found.corruptions.kinds[0].strengths[3].accuracy


@pytest.mark.slow
def test_other_thresholds_than_the_simulated_ones_leave_cycles_out(evaluated: tuple[Project, EvaluationFile]) -> None:
    made, _ = evaluated
    folder = made.file.parent.parent / "other"
    shutil.copytree(made.file.parent, folder, symlinks=True)
    found = flow.evaluate(configured(folder, shares="[0.2, 0.2]"), SilentUi())
    assert found.measured_cycles is None
    assert found.operating.cycles is None
    assert found.slowdown.rtl is None


def test_without_early_exits_there_is_nothing_to_sweep(tmp_path: Path, model_cache: Path) -> None:
    made = project(tmp_path, model_cache, exits=[], epochs="1")
    found = flow.evaluate(made, SilentUi())
    assert found.curves == []
    assert found.overthinking.exits == []
    assert found.operating.macs == found.last_alone.macs
    assert (found.slowdown.macs_rise, found.slowdown.saving_lost) == (0.0, None)


def test_samples_are_spread_over_the_set() -> None:
    assert list(spread(3, 5)) == [0, 1, 2]
    chosen = spread(1000, 100)
    assert (chosen[0], chosen[-1], len(np.unique(chosen))) == (0, 999, 100)
