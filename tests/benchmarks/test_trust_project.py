"""What counts as the same outputs, what is left over, and how a failed run is to be told."""

import json
from pathlib import Path

import pytest

from benchmarks.trust_fork import Told
from benchmarks.trust_project import OUTPUT, Scenario, Spare, differing, digests, faults_told, left_overs
from build_flows.base.owned import read_stamp


def fill(folder: Path, **values: object) -> Path:
    (folder / "rtl").mkdir(parents=True, exist_ok=True)
    (folder / ".steps").mkdir(exist_ok=True)
    (folder / "sim.json").write_text(json.dumps({"cycles": 3, "seconds": 1.5, "runs": [{"sim_cycles_per_second": 7}], **values}))
    (folder / "rtl" / "top.v").write_bytes(b"module top;")
    (folder / "report.html").write_text("one")
    (folder / ".steps" / "train.json").write_text(json.dumps({"identity": "3f", "outputs": {"sim.json": "44"}}))
    return folder


def test_times_and_what_users_do_not_see_are_no_difference(tmp_path: Path) -> None:
    expected = digests(fill(tmp_path))
    assert sorted(expected) == ["report.html", "rtl/top.v", "sim.json"]
    (tmp_path / "report.html").write_text("other times")
    (tmp_path / ".steps" / "train.json").write_text("[]")
    assert differing(expected, digests(fill(tmp_path, seconds=9))) == []


def test_everything_else_is(tmp_path: Path) -> None:
    expected = digests(fill(tmp_path))
    fill(tmp_path, cycles=4)
    (tmp_path / "rtl" / "top.v").write_bytes(b"module tap;")
    (tmp_path / "report.html").write_text("")
    (tmp_path / "more.json").write_text("{")
    assert differing(expected, digests(tmp_path)) == ["more.json", "report.html", "rtl/top.v", "sim.json"]


def test_a_resumed_simulation_needs_the_same_answers_alone(tmp_path: Path) -> None:
    sample = {"id": 0, "label": 3, "exit": 1, "confidence": 200, "cycle_out": 70}
    expected = digests(fill(tmp_path, samples=[sample], resumed=False))
    resumed = digests(fill(tmp_path, samples=[sample | {"cycle_out": 90}], resumed=True, cycles=1))
    assert differing(expected, resumed) == []
    assert differing(resumed, expected) == ["sim.json"], "the project itself was not resumed"
    for name in ("id", "label", "exit", "confidence"):
        assert differing(expected, digests(fill(tmp_path, samples=[sample | {name: 9}], resumed=True))) == ["sim.json"], name
    assert differing(expected, digests(fill(tmp_path, samples=[sample | {"cycle_out": 90}], resumed=False))) == ["sim.json"]
    assert differing({}, resumed) == ["report.html", "rtl/top.v", "sim.json"]


@pytest.mark.parametrize(("name", "left"), [
    (".sim.12.tmp.json", True), ("train.work", True), (".rtl.old", True), ("board-30n7yux1", True), ("x.tmp", True),
    ("bench-1552c6a243d347365a3b47a7", False), ("train.owner", False), (".lock", False), ("template.json", False),
])
def test_left_overs(name: str, left: bool, tmp_path: Path) -> None:
    (tmp_path / "inside").mkdir()
    (tmp_path / "inside" / name).write_text("")
    assert left_overs(tmp_path) == ([f"inside/{name}"] if left else [])


@pytest.mark.parametrize(("told", "fault"), [
    (Told(1, "", "building\nofframp: the disk is full\n  hint: free some\n", 0), None),
    (Told(1, "", "Traceback (most recent call last):\nofframp: x\n", 0), "traceback"),
    (Told(2, "", "offramp: x\n", 0), "exit code 2"),
    (Told(1, "{}", "offramp: x\n", 0), "writes on stdout"),
    (Told(1, "", "", 0), "0 lines"),
    (Told(1, "", "offramp: x\nofframp: y\n", 0), "2 lines"),
])
def test_how_a_failed_run_is_told(told: Told, fault: str | None) -> None:
    assert faults_told(told) == fault


def test_a_spare_is_the_project_but_for_what_is_to_be_done_again(tmp_path: Path) -> None:
    master = tmp_path / "master"
    fill(master / OUTPUT)
    (master / "build" / ".models").mkdir()
    spare = Spare(master, tmp_path / "here")
    spare.reset()
    assert spare.differing() == []
    assert (spare.output / ".steps" / "train.json").exists()
    (spare.output / "sim.json").write_text("{}")
    assert spare.differing() == ["sim.json"]
    spare.reset(Scenario(name="train", args=(), steps=("train",), cold=(".models",)))
    assert spare.differing() == []
    stamp = read_stamp(spare.output / ".steps" / "train.json")
    assert stamp == {"identity": "", "outputs": {"sim.json": "44"}}, "it is stale, and what it left is still its own"
    assert not (spare.here / "build" / ".models").exists()
    assert (master / "build" / ".models").exists()
