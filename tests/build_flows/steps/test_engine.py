"""Steps are skipped exactly when nothing they depend on has changed, and leave earlier artefacts whole when they fail."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from build_flows.base.errors import OfframpError
from build_flows.steps.engine import Build, Step, source_hash


def step(tmp_path: Path, **changes: Any) -> Step:
    source = tmp_path / "in.txt"
    if not source.exists():
        source.write_text("1")

    def run(work: Path) -> None:
        (work / "out.txt").write_text(source.read_text() + "!")
        (work / "rtl").mkdir()
        (work / "rtl" / "top.v").write_text("module top; endmodule")

    made = Step(
        name="copy", run=run, inputs={"in": source}, outputs=["out.txt", "rtl"], values={"bits": 4}, tools=["click"], sources=["hw"]
    )
    return replace(made, **changes)


def test_a_step_runs_once(tmp_path: Path) -> None:
    with Build(tmp_path / "out") as build:
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
        {"values": {"bits": 5}},
        {"tools": ["rich"]},
        {"sources": ["quant_models"]},
        {"sources": ["build_flows.steps.engine"]},
        {"outputs": ["out.txt"]},
    ],
)
def test_a_changed_dependency_runs_it_again(tmp_path: Path, change: dict[str, Any]) -> None:
    with Build(tmp_path / "out") as build:
        build.run(step(tmp_path))
        assert build.run(step(tmp_path, **change))


def test_a_changed_input_or_output_runs_it_again(tmp_path: Path) -> None:
    with Build(tmp_path / "out") as build:
        build.run(step(tmp_path))
        (tmp_path / "in.txt").write_text("2")
        assert build.run(step(tmp_path))
        assert build.path("out.txt").read_text() == "2!"
        build.path("rtl/top.v").write_text("edited")
        said: list[str] = []
        build.ui.info = said.append  # type: ignore[method-assign]
        assert build.run(step(tmp_path))
        assert said == ["rtl: not as step copy left it, made anew"]
        assert build.path("rtl/top.v").read_text() == "module top; endmodule"
        build.path("out.txt").unlink()
        assert build.run(step(tmp_path))


def test_the_same_content_elsewhere_is_the_same_step(tmp_path: Path) -> None:
    (tmp_path / "moved.txt").write_text("1")
    assert step(tmp_path).identity() == step(tmp_path, inputs={"in": tmp_path / "moved.txt"}).identity()


@pytest.mark.parametrize("stamp", ["", "{", "[]", '{"version": 1}', '{"version": 2}', '{"version": 1, "identity": "", "outputs": 3}'])
def test_a_broken_stamp_runs_it_again(tmp_path: Path, stamp: str) -> None:
    with Build(tmp_path / "out") as build:
        build.run(step(tmp_path))
        build.path(".steps/copy.json").write_text(stamp)
        assert build.run(step(tmp_path))


def test_a_failed_step_leaves_the_earlier_outputs(tmp_path: Path) -> None:
    def fail(work: Path) -> None:
        (work / "out.txt").write_text("half")
        raise KeyboardInterrupt

    with Build(tmp_path / "out") as build:
        build.run(step(tmp_path))
        with pytest.raises(KeyboardInterrupt):
            build.run(step(tmp_path, run=fail, values={"bits": 5}))
        assert build.path("out.txt").read_text() == "1!"
        assert build.fresh(step(tmp_path))


def test_a_resumable_step_finds_its_work_again_unless_its_identity_changed(tmp_path: Path) -> None:
    def train(work: Path) -> None:
        done = work / "epochs"
        done.write_text(done.read_text() + "." if done.exists() else ".")
        if len(done.read_text()) < 2:
            raise KeyboardInterrupt
        (work / "out.txt").write_text(done.read_text())

    made = step(tmp_path, run=train, outputs=["out.txt"], resumable=True)
    with Build(tmp_path / "out") as build:
        with pytest.raises(KeyboardInterrupt):
            build.run(made)
        with pytest.raises(KeyboardInterrupt):
            build.run(replace(made, values={"bits": 5}))
        assert build.run(replace(made, values={"bits": 5}))
        assert build.path("out.txt").read_text() == ".."


def test_a_missing_input_or_output_is_named(tmp_path: Path) -> None:
    with Build(tmp_path / "out") as build:
        with pytest.raises(OfframpError, match=r"step copy needs weights, but .*nowhere does not exist"):
            build.run(step(tmp_path, inputs={"weights": tmp_path / "nowhere"}))
        with pytest.raises(RuntimeError, match="step copy did not write more"):
            build.run(step(tmp_path, outputs=["out.txt", "more"]))
        with pytest.raises(OfframpError, match="no-such-distribution is not installed"):
            build.run(step(tmp_path, tools=["no-such-distribution"]))


def test_unknown_sources_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"not 'hw\.nothing'"):
        source_hash("hw.nothing")


def test_two_runs_at_once_are_refused_and_a_dead_one_is_not_in_the_way(tmp_path: Path) -> None:
    script = "import sys,time,pathlib\nfrom build_flows.steps.engine import Build\n"
    script += "with Build(pathlib.Path(sys.argv[1])):\n    print('in', flush=True)\n    time.sleep(60)\n"
    other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"in\n"
        with pytest.raises(OfframpError, match=rf"in use by another run \(process {other.pid}\)"), Build(tmp_path):
            pass
        os.kill(other.pid, signal.SIGKILL)
        other.wait(10)
        started = time.monotonic()
        with Build(tmp_path):
            assert time.monotonic() - started < 5
    finally:
        other.kill()
        other.wait(10)


def test_output_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(OfframpError, match="must be a folder"), Build(tmp_path / "out"):
        pass
