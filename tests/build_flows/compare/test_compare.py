"""Orchestration with steps that only note what is asked of them: rows, baselines, resuming, failures, files."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tomli_w

from build_flows.artefacts.compare import CompareFile, Failure, Matched, MatchFile, Speedup, Taken
from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.simulation import Figures
from build_flows.artefacts.sizing import CostRecord, SizingFile
from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path
from build_flows.base.parts import PartError
from build_flows.base.ui import SilentUi
from build_flows.compare.compare import compare, write_files
from build_flows.compare.pareto import ParetoError
from build_flows.compare.sweep import plan_configs, plan_sweep
from build_flows.pages.compare_page import render
from build_flows.project.load import Project
from build_flows.project.sections import BuildSection
from tests.build_flows.compare_samples import figures, resources
from tests.build_flows.simulation_samples import simulation

BASE: dict[str, Any] = {
    "project": {"name": "base"}, "data": {"name": "npz", "path": "images.npz"}, "model": {"preset": "b_lenet"},
    "exits": [{"policy": "max_logit"}, {"policy": "always"}], "target": {"cycles_per_sample": 1300},
}
SWEEP = """
version = 1
base = "base.toml"
reference = "both"
[[layouts]]
name = "early"
exits = [{ after = 0, head = "conv", policy = "softmax" }]
[[layouts]]
name = "none"
[[layouts]]
name = "both"
exits = [{ after = 0, head = "conv", policy = "softmax" }, { after = 1, head = "conv", policy = "softmax" }]
"""


PREDICTED = Taken(lut=1.0, bram36=0.5, dsp=2.0)


class Fake:
    """Steps that write what later ones look for, and fail where they are told to."""

    def __init__(self, fail: str = "", error: BaseException | None = None) -> None:
        self.calls: list[tuple[str, ...]] = []
        self.fail, self.error = fail, error or OfframpError("no folding", hint="raise the target")
        self.agree = 10000

    def train(self, project: Project, ui: Any) -> None:
        self.calls.append(("train", project.name))
        project.output.mkdir(parents=True, exist_ok=True)
        (project.output / "checkpoint.safetensors").write_bytes(b"")

    def simulate(self, project: Project, ui: Any, samples: int | None, stall: float, seed: int) -> Figures:
        self.calls.append(("simulate", project.name))
        if project.name == self.fail:
            raise self.error
        project.output.mkdir(parents=True, exist_ok=True)
        (project.output / "golden.npz").write_bytes(b"golden")
        early = len(project.config.exits) - 1
        cycles = project.config.target.cycles_per_sample
        if cycles == "auto":
            # As compile: each finds its own.
            cycles = 700 + 100 * early
            SizingFile(stages=[], fifos={}, gates=[], cost=CostRecord(lut=1, lutram=0, ff=2, bram18=0, dsp=3),
                       cycles_per_sample=cycles).save(project.output / "sizing.json")
        found = figures([*[0.4] * early, 1 - 0.4 * early], 0.9 - early / 100, float(cycles))
        return found.replace(agree=self.agree)

    def synth(self, project: Project, ui: Any, *, part: str | None, full: bool) -> ResourcesFile:
        self.calls.append(("synth", project.name, str(part), str(full)))
        return resources(len(project.config.exits) - 1)


class Matching:
    def __init__(self, fits: bool = True) -> None:
        self.asked: list[Taken] = []
        self.fits = fits

    def __call__(self, golden: Path, part: Any, allowed: Taken, layers: str) -> MatchFile:
        assert (golden.read_bytes(), layers) == (b"golden", BuildSection().layers)
        self.asked.append(allowed)
        return MatchFile(cycles=2600, fits=self.fits, predicted=PREDICTED, allowed=allowed)


class Notes(SilentUi):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def info(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    (tmp_path / "images.npz").write_bytes(b"")
    (tmp_path / "base.toml").write_text(tomli_w.dumps(BASE))
    (tmp_path / "trial.toml").write_text(SWEEP)
    return tmp_path / "trial.toml"


def test_rows_and_baselines(sweep: Path) -> None:
    steps, matching, ui = Fake(), Matching(), Notes()
    found = compare(plan_sweep(sweep), ui, steps, matching=matching)
    assert [(row.name, row.baseline) for row in found.layouts] == [
        ("none", "rate"), ("baseline-resources", "resources"), ("early", None), ("both", None),
    ]
    # Training first, then what the second baseline needs.
    assert [call[:2] for call in steps.calls] == [
        ("train", "shared"), ("simulate", "none"), ("synth", "none"), ("simulate", "both"), ("synth", "both"),
        ("simulate", "baseline-resources"), ("synth", "baseline-resources"), ("simulate", "early"), ("synth", "early"),
    ]
    assert [line for line in ui.lines if line.startswith("layout")] == [
        "layout 1 of 4: none, without exits at the same target rate", "layout 2 of 4: both",
        "layout 3 of 4: baseline-resources, without exits in the resources of both", "layout 4 of 4: early",
    ]
    assert (found.reference, found.part, found.failed) == ("both", "xc7z020clg400-1", [])


def test_each_layout_finds_its_own_rate_and_the_baseline_takes_that_of_the_reference(sweep: Path) -> None:
    (sweep.parent / "base.toml").write_text(tomli_w.dumps({**BASE, "target": {"cycles_per_sample": "auto"}}))
    steps, ui = Fake(), Notes()
    found = compare(plan_sweep(sweep), ui, steps, matching=Matching())
    assert [(row.name, row.baseline, row.target_cycles_per_sample) for row in found.layouts] == [
        ("baseline-rate", "rate", 900), ("baseline-resources", "resources", 2600), ("early", None, 800), ("none", None, 700),
        ("both", None, 900),
    ]
    assert 'layout 2 of 5: baseline-rate, without exits at the target rate of both' in ui.lines
    # What it was designed for stands in its own configuration, so that it can be used by itself.
    assert "cycles_per_sample = 900" in (sweep.parent / "build" / "trial" / "baseline-rate" / "config.toml").read_text()
    assert 'cycles_per_sample = "auto"' in (sweep.parent / "build" / "trial" / "early" / "config.toml").read_text()
    page = " ".join(render(found).split())
    assert "The first baseline, baseline-rate, is the same network without exits, designed for 900 cycles a sample. Layouts that" in page


def test_configurations_may_leave_their_rate_to_auto(sweep: Path) -> None:
    base = sweep.parent / "base.toml"
    base.write_text(tomli_w.dumps({**BASE, "target": {"cycles_per_sample": "auto"}}))
    found = compare(plan_configs([base]), SilentUi(), Fake(), matching=Matching())
    assert [(row.name, row.target_cycles_per_sample) for row in found.layouts] == [
        ("baseline-rate", 800), ("baseline-resources", 2600), ("base", 800),
    ]
    assert found.layouts[-1].speedup.rate == 1.0


def test_no_baseline_follows_a_reference_that_failed(sweep: Path) -> None:
    (sweep.parent / "base.toml").write_text(tomli_w.dumps({**BASE, "target": {"cycles_per_sample": "auto"}}))
    found = compare(plan_sweep(sweep), SilentUi(), Fake(fail="both"), matching=Matching())
    assert Failure(name="baseline-rate", error="it is made from layout both, which failed") in found.failed
    assert [row.name for row in found.layouts] == ["early", "none"]


def test_the_second_baseline_may_take_what_the_reference_takes(sweep: Path) -> None:
    matching = Matching()
    row = compare(plan_sweep(sweep), SilentUi(), Fake(), matching=matching).layouts[1]
    total = resources(2).total
    beside = [unit for unit in resources(0).units if unit.kind != "layer"]
    wanted = Taken(
        lut=total.lut + total.lutram - sum(unit.lut + unit.lutram for unit in beside),
        bram36=total.bram36 - sum(unit.bram36 for unit in beside), dsp=total.dsp - sum(unit.dsp for unit in beside),
    )
    assert matching.asked == [wanted]
    assert row.target_cycles_per_sample == 2600
    assert row.matched == Matched(layout="both", total=total, fits=True, predicted=PREDICTED, allowed=wanted)
    assert row.speedup == Speedup(rate=0.5, resources=1.0)


def test_what_does_not_fit_is_told(sweep: Path) -> None:
    ui = Notes()
    found = compare(plan_sweep(sweep), ui, Fake(), matching=Matching(fits=False))
    matched = found.layouts[1].matched
    assert matched is not None
    assert matched.fits is False
    assert any("even the slowest design takes more than both" in line for line in ui.lines)


def test_the_front_is_marked(sweep: Path) -> None:
    found = compare(plan_sweep(sweep), SilentUi(), Fake(), matching=Matching(), objectives=("accuracy",))
    assert found.pareto == ["none", "baseline-resources"] == [row.name for row in found.layouts if row.pareto]
    assert found.objectives == ["accuracy"]


class TooLarge(Fake):
    """Steps whose layout ``early`` fits nowhere."""

    def synth(self, project: Project, ui: Any, *, part: str | None, full: bool) -> ResourcesFile:
        found = super().synth(project, ui, part=part, full=full)
        if project.name != "early":
            return found
        return resources(1, 60000)


def test_what_cannot_be_built_is_marked_and_on_the_front_only_when_asked_for(sweep: Path) -> None:
    found = compare(plan_sweep(sweep), SilentUi(), TooLarge(), matching=Matching(), objectives=("throughput",))
    assert (found.unbuildable, found.include_unbuildable) == (["early"], False)
    assert "early" not in found.pareto
    asked = compare(plan_sweep(sweep), SilentUi(), TooLarge(), matching=Matching(), objectives=("throughput",), include_unbuildable=True)
    assert (asked.unbuildable, asked.include_unbuildable) == (["early"], True)
    assert "early" in asked.pareto


class Simulated(Fake):
    """Steps that leave ``sim.json`` and RTL as the real ones do."""

    def simulate(self, project: Project, ui: Any, samples: int | None, stall: float, seed: int) -> Figures:
        found = super().simulate(project, ui, samples, stall, seed).replace(samples=100, agree=100, accuracy=0.95)
        wrong = {"none": 5, "early": 17, "both": 5}.get(project.name, 5)
        found = found.replace(accuracy=1 - wrong / 100)
        none = np.zeros(100, np.int64)
        simulation((np.arange(100) >= wrong).astype(np.int64), none, none).replace(figures=found, labels=[1] * 100).save(
            project.output / "sim.json"
        )
        (project.output / "rtl").mkdir(exist_ok=True)
        (project.output / "rtl" / "accelerator.v").write_text(project.name)
        return found


def test_accuracies_are_compared_image_by_image(sweep: Path) -> None:
    found = compare(plan_sweep(sweep), SilentUi(), Simulated(), matching=Matching())
    rows = {row.name: row for row in found.layouts}
    gain = rows["early"].accuracy_gain.rate
    assert gain is not None
    assert (gain.paired, gain.certain, round(gain.difference, 6)) == (True, True, -0.12)
    assert rows["none"].within_noise == ["baseline-resources", "both"]
    assert rows["early"].rtl == hash_path(sweep.parent / "build" / "trial" / "early" / "rtl")
    assert len({row.rtl for row in found.layouts}) == 4


def test_a_sim_json_of_another_run_tells_nothing(sweep: Path) -> None:
    class Other(Simulated):
        def simulate(self, project: Project, ui: Any, samples: int | None, stall: float, seed: int) -> Figures:
            return super().simulate(project, ui, samples, stall, seed).replace(cycles=1)

    gain = compare(plan_sweep(sweep), SilentUi(), Other(), matching=Matching()).layouts[2].accuracy_gain.rate
    assert gain is not None
    assert not gain.paired


def test_options_reach_the_steps(sweep: Path) -> None:
    steps = Fake()
    compare(plan_sweep(sweep), SilentUi(), steps, matching=Matching(), part="pynq-z1", full=True)
    assert {call[2:] for call in steps.calls if call[0] == "synth"} == {("pynq-z1", "True")}


def test_a_match_is_found_once(sweep: Path) -> None:
    matching = Matching()
    first = compare(plan_sweep(sweep), SilentUi(), Fake(), matching=matching)
    assert compare(plan_sweep(sweep), SilentUi(), Fake(), matching=matching) == first
    assert len(matching.asked) == 1


def test_a_killed_run_goes_on_where_it_was(sweep: Path) -> None:
    matching, killed = Matching(), Fake(fail="early", error=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        compare(plan_sweep(sweep), SilentUi(), killed, matching=matching)
    config = sweep.parent / "build" / "trial" / "none" / "config.toml"
    before = config.stat().st_ino
    found = compare(plan_sweep(sweep), SilentUi(), Fake(), matching=matching)
    assert len(found.layouts) == 4
    assert config.stat().st_ino == before
    assert len(matching.asked) == 1


def test_layouts_may_be_made_ahead_once_all_is_trained(sweep: Path) -> None:
    """Each once, but those that follow from another one; with what their rows are made with."""
    steps, asked = Fake(), []

    def ahead(found: Any) -> None:
        assert steps.calls
        assert {call[0] for call in steps.calls} == {"train"}
        asked.extend(found)

    compare(plan_sweep(sweep), SilentUi(), steps, matching=Matching(), ahead=ahead, part="zedboard", full=True)
    assert sorted(item.name for item in asked) == ["both", "early", "none"]
    assert all(item.file.is_file() and (item.part, item.full, item.data) == ("zedboard", True, None) for item in asked)


def test_a_layout_that_fails_leaves_the_others(sweep: Path) -> None:
    ui = Notes()
    found = compare(plan_sweep(sweep), ui, Fake(fail="early"), matching=Matching())
    assert [row.name for row in found.layouts] == ["none", "baseline-resources", "both"]
    assert found.failed == [Failure(name="early", error="no folding", hint="raise the target")]
    assert "layout early failed: no folding" in ui.lines


@pytest.mark.parametrize("name", ["none", "both"])
def test_without_what_it_is_made_from_there_is_no_second_baseline(sweep: Path, name: str) -> None:
    found = compare(plan_sweep(sweep), SilentUi(), Fake(fail=name), matching=Matching())
    assert "baseline-resources" not in [row.name for row in found.layouts]
    assert found.failed[1].to_json() == {"name": "baseline-resources", "error": f"it is made from layout {name}, which failed"}


def test_results_that_do_not_agree_are_a_failure(sweep: Path) -> None:
    steps = Fake()
    steps.agree = 9999
    with pytest.raises(OfframpError, match="no layout could be measured:\nnone: only 9999 of 10000 samples agree"):
        compare(plan_sweep(sweep), SilentUi(), steps, matching=Matching())


def test_faults_of_ours_keep_their_traceback(sweep: Path) -> None:
    with pytest.raises(RuntimeError, match="a bug"):
        compare(plan_sweep(sweep), SilentUi(), Fake(fail="both", error=RuntimeError("a bug")), matching=Matching())


def test_what_is_unknown_is_told_before_anything_runs(sweep: Path) -> None:
    steps = Fake()
    with pytest.raises(PartError, match="'nix'"):
        compare(plan_sweep(sweep), SilentUi(), steps, part="nix")
    with pytest.raises(ParetoError, match="'speed'"):
        compare(plan_sweep(sweep), SilentUi(), steps, objectives=("speed",))
    assert steps.calls == []
    assert not (sweep.parent / "build").exists()


def test_configurations_of_ones_own(sweep: Path) -> None:
    other = sweep.parent / "other.toml"
    other.write_text(tomli_w.dumps(BASE | {"project": {"name": "other"}, "exits": [{"policy": "entropy"}, {"policy": "always"}]}))
    steps = Fake()
    found = compare(plan_configs([sweep.parent / "base.toml", other]), SilentUi(), steps, matching=Matching())
    assert [row.name for row in found.layouts] == ["baseline-rate", "baseline-resources", "base", "other"]
    assert steps.calls[0] == ("train", "base")
    assert found.layouts[0].config == str(sweep.parent / "build" / "base_baseline-rate" / "config.toml")


def test_without_early_exits_there_is_one_baseline(sweep: Path) -> None:
    alone = sweep.parent / "alone.toml"
    alone.write_text(tomli_w.dumps(BASE | {"project": {"name": "alone"}, "exits": [{"policy": "always"}]}))
    found = compare(plan_configs([alone]), SilentUi(), Fake())
    assert [(row.name, row.baseline) for row in found.layouts] == [("alone", "rate")]


@pytest.mark.slow
def test_files(sweep: Path, tmp_path: Path) -> None:
    found = compare(plan_sweep(sweep), SilentUi(), Fake(), matching=Matching())
    said: list[str] = []
    files = write_files(found, tmp_path / "out", said.append)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {".steps", *(path.name for path in files.values())}
    assert {"json", "csv", "html", "accuracy.png", "accuracy.svg", "resources.png", "exits.png", "efficiency.svg"} <= set(files)
    assert all(path.stat().st_size > 100 for path in files.values())
    told = json.loads(files["json"].read_text())
    assert told["layouts"][0]["config"] == "../build/trial/none/config.toml"
    assert [row["name"] for row in told["layouts"]] == [row["name"] for row in csv.DictReader(files["csv"].open())]
    assert {**told, "layouts": None} == {**found.to_json(), "layouts": None}
    assert CompareFile.load(files["json"]).dump() == files["json"].read_text()
    before = {name: path.read_bytes() for name, path in files.items()}
    assert {name: path.read_bytes() for name, path in write_files(found, tmp_path / "out", said.append).items()} == before
    files["html"].write_text("mine")
    write_files(found, tmp_path / "out", said.append)
    assert said == ["warning: compare.html is not as offramp left it: kept as compare.html.kept-1"]
