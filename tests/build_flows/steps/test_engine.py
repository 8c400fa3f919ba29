"""Steps are skipped exactly when nothing they depend on has changed, and leave earlier artefacts whole when they fail."""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from build_flows.base.errors import Busy, OfframpError
from build_flows.project.sections import TargetSection
from build_flows.steps.data import Held
from build_flows.steps.engine import Build, Step, Work, plain
from build_flows.steps.sources import Closure, Sources
from tests.build_flows.uis import Listening


class FixedSources(Sources):
    """What stands behind every step: these files and distributions."""

    def __init__(self, files: dict[str, str] | None = None, tools: frozenset[str] = frozenset({"click"})) -> None:
        super().__init__()
        self.found = Closure(files or {"hw/a.py": "1"}, tools)

    def closure(self, module: str, apart: Sequence[str] = ()) -> Closure:
        return self.found


def copy(settings: object, inputs: Mapping[str, Path], work: Work) -> None:
    (work.folder / "out.txt").write_text(inputs["in"].read_text() + "!")
    (work.folder / "rtl").mkdir()
    (work.folder / "rtl" / "top.v").write_text("module top; endmodule")


def step(tmp_path: Path, **changes: Any) -> Step:
    source = tmp_path / "in.txt"
    if not source.exists():
        source.write_text("1")
    return replace(Step(name="copy", run=copy, inputs={"in": source}, outputs=["out.txt", "rtl"], settings={"bits": 4}), **changes)


def opened(folder: Path, **options: Any) -> Build:
    return Build(folder, **{"sources": FixedSources(), **options})


def test_a_step_runs_once(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as build:
        assert build.run(step(tmp_path))
        assert not build.run(step(tmp_path))
        assert build.fresh(step(tmp_path))
        assert (build.ran, build.skipped) == (["copy"], ["copy"])
        assert build.path("out.txt").read_text() == "1!"
    names = sorted(item.name for item in (tmp_path / "out").iterdir())
    assert names == [".lock", ".steps", "out.txt", "rtl"]


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {"bits": 5}},
        {"outputs": ["out.txt"]},
        {"name": "other"},
    ],
)
def test_a_changed_dependency_runs_it_again(tmp_path: Path, change: dict[str, Any]) -> None:
    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
        assert build.run(step(tmp_path, **change))


@pytest.mark.parametrize(
    "sources", [FixedSources({"hw/a.py": "2"}), FixedSources({"hw/b.py": "1"}), FixedSources(tools=frozenset({"rich"}))]
)
def test_changed_code_or_tools_run_it_again(tmp_path: Path, sources: FixedSources) -> None:
    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
    with opened(tmp_path / "out", sources=sources) as build:
        assert build.run(step(tmp_path))
        assert not build.run(step(tmp_path))


def test_a_place_is_no_setting(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as build, pytest.raises(TypeError, match=r"settings of a step must be plain data, not .*Path"):
        build.run(step(tmp_path, settings={"at": tmp_path}))


def test_settings_as_plain_data() -> None:
    assert plain({"a": (1, None), "b": TargetSection(clock_mhz=50), "c": Work}["a"]) == [1, None]
    assert plain(TargetSection(clock_mhz=50))["clock_mhz"] == 50
    assert plain(Held(fraction=0.1, seed=3)) == {"fraction": 0.1, "seed": 3}


def test_a_changed_input_or_output_runs_it_again(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
        (tmp_path / "in.txt").write_text("2")
        assert build.run(step(tmp_path))
        assert build.path("out.txt").read_text() == "2!"
        build.path("rtl/top.v").write_text("edited")
        said: list[str] = []
        build.ui.info = said.append  # type: ignore[method-assign]
        assert build.run(step(tmp_path))
        assert said == ["rtl: not as step copy left it, made anew", "warning: rtl is not as offramp left it: kept as rtl.kept-1"]
        assert build.path("rtl.kept-1/top.v").read_text() == "edited"
        assert build.path("rtl/top.v").read_text() == "module top; endmodule"
        build.path("out.txt").unlink()
        assert build.run(step(tmp_path))


def test_the_same_content_elsewhere_is_the_same_step(tmp_path: Path) -> None:
    (tmp_path / "moved.txt").write_text("1")
    sources = FixedSources()
    assert step(tmp_path).parts(sources) == step(tmp_path, inputs={"in": tmp_path / "moved.txt"}).parts(sources)


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"version": 1}', '{"version": 2}', '{"version": 1, "identity": "", "outputs": 3}'])
def test_a_broken_stamp_runs_it_again(tmp_path: Path, stamp: str) -> None:
    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
        build.path(".steps/copy.json").write_text(stamp)
        assert build.run(step(tmp_path))


def test_a_failed_step_leaves_the_earlier_outputs(tmp_path: Path) -> None:
    def fail(settings: object, inputs: Mapping[str, Path], work: Work) -> None:
        (work.folder / "out.txt").write_text("half")
        raise KeyboardInterrupt

    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
        with pytest.raises(KeyboardInterrupt):
            build.run(step(tmp_path, run=fail, settings={"bits": 5}))
        assert build.path("out.txt").read_text() == "1!"
        assert build.fresh(step(tmp_path))


def test_a_resumable_step_finds_its_work_again_unless_its_identity_changed(tmp_path: Path) -> None:
    def train(settings: object, inputs: Mapping[str, Path], work: Work) -> None:
        done = work.folder / "epochs"
        done.write_text(done.read_text() + "." if done.exists() else ".")
        if len(done.read_text()) < 2:
            raise KeyboardInterrupt
        (work.folder / "out.txt").write_text(done.read_text())

    made = step(tmp_path, run=train, outputs=["out.txt"], resumable=True)
    with opened(tmp_path / "out") as build:
        with pytest.raises(KeyboardInterrupt):
            build.run(made)
        with pytest.raises(KeyboardInterrupt):
            build.run(replace(made, settings={"bits": 5}))
        assert build.run(replace(made, settings={"bits": 5}))
        assert build.path("out.txt").read_text() == ".."


def test_outputs_of_another_folder_are_taken_while_they_are_what_its_step_left(tmp_path: Path) -> None:
    first, ui = tmp_path / "first", Listening()
    with opened(first) as build:
        build.run(step(tmp_path))
    with opened(tmp_path / "second", reuse=[tmp_path / "none", first], ui=ui) as build:
        assert not build.run(step(tmp_path))
        assert (build.ran, build.skipped, ui.said) == ([], ["copy"], [f"out.txt, rtl: as in {first}"])
        assert build.path("out.txt").read_text() == "1!"
        assert build.fresh(step(tmp_path))
        assert build.run(step(tmp_path, settings={"bits": 5}))
    (first / "rtl" / "top.v").write_text("edited")
    with opened(tmp_path / "third", reuse=[first]) as build:
        assert build.run(step(tmp_path))
        assert build.path("rtl/top.v").read_text() == "module top; endmodule"
        assert not (tmp_path / "third" / ".steps" / "copy.work").exists()


def test_what_has_to_be_looked_at_before_a_step_is_looked_at_only_when_it_runs(tmp_path: Path) -> None:
    looked: list[int] = []

    def refuse() -> None:
        looked.append(1)
        raise OfframpError("no")

    with opened(tmp_path / "out") as build:
        with pytest.raises(OfframpError, match="no"):
            build.run(step(tmp_path), before=refuse)
        assert not build.path("out.txt").exists()
        build.run(step(tmp_path), before=lambda: looked.append(2))
        build.run(step(tmp_path), before=refuse)
    assert looked == [1, 2]


def test_a_missing_input_or_output_is_named(tmp_path: Path) -> None:
    with opened(tmp_path / "out") as build:
        with pytest.raises(OfframpError, match=r"step copy needs weights, but .*nowhere does not exist"):
            build.run(step(tmp_path, inputs={"weights": tmp_path / "nowhere"}))
        with pytest.raises(RuntimeError, match="step copy did not write more"):
            build.run(step(tmp_path, outputs=["out.txt", "more"]))
    missing = FixedSources(tools=frozenset({"no-such-distribution"}))
    with opened(tmp_path / "out", sources=missing) as build, pytest.raises(OfframpError, match="no-such-distribution is not installed"):
        build.run(step(tmp_path))


def test_two_runs_at_once_are_refused_and_a_dead_one_is_not_in_the_way(tmp_path: Path) -> None:
    script = "import sys,time,pathlib\nfrom build_flows.steps.engine import Build\n"
    script += "with Build(pathlib.Path(sys.argv[1])):\n    print('in', flush=True)\n    time.sleep(60)\n"
    other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(Busy, match=rf"in use by another run \(process {other.pid}\)"), Build(tmp_path):
            pass
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
        started = time.monotonic()
        with opened(tmp_path):
            assert time.monotonic() - started < 5
    finally:
        other.kill()
        other.wait(10)


def test_output_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OfframpError, match="must be a folder"), Build(tmp_path / "out"):
        pass


@pytest.mark.parametrize(("said", "kept"), [(None, True), ("the data differ", False)])
def test_what_version_0_1_left_is_kept_when_it_would_be_made_again(tmp_path: Path, said: str | None, kept: bool) -> None:
    asked: list[Path] = []

    def adopt(settings: object, inputs: Mapping[str, Path], work: Work) -> str | None:
        asked.append(work.output)
        return said

    told: list[str] = []
    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
        stamp = build.path(".steps/copy.json")
        old = json.loads(stamp.read_text())
        stamp.write_text(json.dumps({"version": 1, "identity": "of 0.1", "outputs": old["outputs"], "seconds": 3.5}))
        build.ui.info = told.append  # type: ignore[method-assign]
        assert build.run(step(tmp_path, adopt=adopt)) is not kept
        assert asked == [tmp_path / "out"]
        assert told == ["out.txt, rtl: kept from offramp 0.1" if kept else
                        "warning: what offramp 0.1 left of step copy is not kept: the data differ"]
        assert build.fresh(step(tmp_path))
        assert json.loads(stamp.read_text())["version"] == 2
        assert not kept or json.loads(stamp.read_text())["seconds"] == 3.5


@pytest.mark.parametrize("stamp", [{"version": 1, "identity": "", "outputs": {"out.txt": "", "rtl": ""}}, {"version": 1, "outputs": {}}])
def test_what_was_changed_since_version_0_1_is_made_again(tmp_path: Path, stamp: dict[str, Any]) -> None:
    ui = Listening()
    with opened(tmp_path / "out", ui=ui) as build:
        build.run(step(tmp_path))
        build.path(".steps/copy.json").write_text(json.dumps(stamp))
        assert build.run(step(tmp_path, adopt=lambda *_: None))
    assert ui.said == (["out.txt, rtl: not as step copy left it, made anew"] if stamp["outputs"] else [])


def test_what_is_fresh_on_a_read_only_medium_can_be_read_and_nothing_runs_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened(tmp_path / "out") as build:
        build.run(step(tmp_path))
    opened_as = os.open

    def read_only(path: Any, flags: int, *more: Any, **named: Any) -> int:
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened_as(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", read_only)
    with opened(tmp_path / "out") as build:
        assert not build.run(step(tmp_path))
        with pytest.raises(OfframpError, match=r"/out cannot be written to, and step copy has to run there"):
            build.run(step(tmp_path, settings={"bits": 5}))
    with pytest.raises(OSError, match="Read-only"), opened(tmp_path / "other"):
        pass
