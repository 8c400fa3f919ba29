"""The command line: answers on stdout, everything else on stderr, one line for every mishap.

The steps behind it are stood in for here by ``Flow``; the whole way is run in tests/cosim.
"""

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build_flows.base.errors import OfframpError
from build_flows.cli import main as cli
from build_flows.project.template import template

RESULT = {
    "samples": 360,
    "agree": 360,
    "accuracy": 0.975,
    "exits": [{"share": 0.7, "accuracy": 0.99}, {"share": 0.3, "accuracy": 0.95}, {"share": 0.0, "accuracy": None}],
    "cycles_per_sample": 129.5,
    "clock_mhz": 100.0,
    "samples_per_second": 772200.8,
    "limited_by": "stage0_conv0",
    "sim_cycles_per_second": 1.5e6,
}


class Flow(SimpleNamespace):
    """Records what the command line asks for."""

    def __init__(self) -> None:
        super().__init__(calls=[], error=None, result=dict(RESULT))

    def _called(self, name: str, **how: Any) -> None:
        self.calls.append((name, how))
        print("noise from Python")
        os.write(1, b"noise from a tool\n")
        if self.error:
            raise self.error

    def train(self, project: Any, ui: Any) -> dict[str, Any]:
        self._called("train")
        return {"accuracy": 0.97}

    def compile(self, project: Any, ui: Any) -> dict[str, Any]:
        self._called("compile")
        return {"stages": []}

    def simulate(self, project: Any, ui: Any, **how: Any) -> dict[str, Any]:
        self._called("simulate", **how)
        result: dict[str, Any] = self.result
        return result

    def report(self, project: Any, ui: Any) -> Path:
        self._called("report")
        path: Path = project.output / "report.html"
        return path


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> Flow:
    from build_flows import steps

    stand_in = Flow()
    monkeypatch.setitem(sys.modules, "build_flows.steps.flow", stand_in)  # type: ignore[misc]
    monkeypatch.setattr(steps, "flow", stand_in, raising=False)
    return stand_in


@pytest.fixture
def config(tmp_path: Path) -> str:
    file = tmp_path / "config.toml"
    before, simulate = template("digits").split("[simulate]")
    file.write_text(f"{before}[simulate]{simulate.replace('# samples =', 'samples = 100')}")
    return str(file)


def offramp(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["offramp", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    code = caught.value.code
    assert isinstance(code, int)
    return code


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        (["train"], {"project", "output", "accuracy"}),
        (["compile"], {"project", "output", "stages"}),
        (["simulate"], set(RESULT)),
        (["report"], {"project", "report"}),
        (["run"], {*RESULT, "report"}),
    ],
)
def test_json_is_one_object_on_stdout_and_nothing_else(
    args: list[str], keys: set[str], flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert offramp(monkeypatch, *args, config, "--json") == 0
    out, err = capfd.readouterr()
    assert set(json.loads(out)) == keys
    assert out.count("\n") == 1
    assert "noise from Python" in err
    assert "noise from a tool" in err


def test_run_goes_through_all_steps_in_order(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    assert offramp(monkeypatch, "run", config) == 0
    assert [name for name, _ in flow.calls] == ["train", "compile", "simulate", "report"]
    out = capfd.readouterr().out
    for part in ("97.50 %", "129.5", "772,201", "stage0_conv0", "report.html", "70.0 %"):
        assert part in out
    assert "noise" not in out


def test_options_go_before_the_config(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert offramp(monkeypatch, "simulate", config) == 0
    assert flow.calls[-1][1] == {"samples": 100, "stall": 0.0, "seed": 1, "waves": None}
    assert offramp(monkeypatch, "simulate", config, "--samples", "5", "--stall", "0.3", "--seed", "9", "--waves", "a.fst") == 0
    assert flow.calls[-1][1] == {"samples": 5, "stall": 0.3, "seed": 9, "waves": Path("a.fst")}


@pytest.mark.parametrize(
    ("error", "code", "lines"),
    [
        (OfframpError("no checkpoint", hint="run train"), 1, ["offramp: no checkpoint", "  hint: run train"]),
        (OSError(errno.ENOSPC, "No space left on device", "x.npz"), 1, ["offramp: the disk is full while writing x.npz"]),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "g++"), 1, ["offramp: g++: no such file or directory"]),
        (KeyboardInterrupt(), 130, ["offramp: interrupted"]),
    ],
)
def test_mishaps_are_one_line_without_traceback(
    error: BaseException, code: int, lines: list[str], flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    flow.error = error
    assert offramp(monkeypatch, "train", config, "--json") == code
    out, err = capfd.readouterr()
    assert out == ""
    assert "Traceback" not in err
    for line in lines:
        assert line in err.splitlines()


def test_debug_shows_the_traceback(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    flow.error = OfframpError("no checkpoint")
    monkeypatch.setattr(sys, "argv", ["offramp", "train", config, "--debug"])
    with pytest.raises(OfframpError):
        cli.main()


def test_samples_that_disagree_are_a_failure(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    flow.result["agree"] = 359
    assert offramp(monkeypatch, "simulate", config, "--json") == 1
    out, err = capfd.readouterr()
    assert out == ""
    assert "only 359 of 360 samples agree" in err


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["simulate", "--stall", "1"], "1.0 is not in the range 0<=x<1"),
        (["simulate", "--stall", "nan"], "must be from 0 to below 1, not nan"),
        (["simulate", "--samples", "0"], "0 is not in the range x>=1"),
        (["simulate", "--waves", "a.vcd"], "must name a file that ends in .fst, not a.vcd"),
        (["simulate", "--waves", "no-such-folder/a.fst"], "there is no folder"),
        (["simulate", "--seed", "-1"], "-1 is not in the range 0<=x<=4294967295"),
        (["train", "--colour"], "No such option"),
    ],
)
def test_wrong_options_are_named(
    args: list[str], message: str, flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any
) -> None:
    assert offramp(monkeypatch, *args, config) in (1, 2)
    assert message in capfd.readouterr().err
    assert flow.calls == []


def test_waves_go_where_they_can_be_written(flow: Flow, config: str, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    assert offramp(monkeypatch, "simulate", config, "--waves", "a.fst") == 1
    assert "must not be written to" in capfd.readouterr().err
    assert flow.calls == []


def test_a_faulty_config_is_told_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(template("digits").replace("weight_bits = 4", "weight_bits = 1").replace("act_bits = 4", "act_bits = 9"))
    assert offramp(monkeypatch, "run", str(file)) == 1
    err = capfd.readouterr().err
    assert err.splitlines() == [
        f"offramp: {file}: model.weight_bits = 1: allowed: whole number from 2 to 8",
        f"offramp: {file}: model.act_bits = 9: allowed: whole number from 2 to 8",
    ]


def test_init_writes_a_config_and_leaves_an_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    from build_flows.project.load import load as load_config

    target = tmp_path / "my-net" / "config.toml"
    assert offramp(monkeypatch, "init", str(target.parent), "--preset", "b_lenet", "--json") == 0
    assert json.loads(capfd.readouterr().out) == {"config": str(target), "preset": "b_lenet"}
    assert load_config(target).name == "my-net"
    before = target.read_bytes()
    assert offramp(monkeypatch, "init", str(target.parent)) == 1
    assert "exists already" in capfd.readouterr().err
    assert target.read_bytes() == before


def test_doctor_answers_in_json(monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    assert offramp(monkeypatch, "doctor", "--json") == 0
    answer = json.loads(capfd.readouterr().out)
    assert answer["ok"]
    assert {"name", "ok", "found", "hint", "purpose", "required"} == set(answer["checks"][0])


def test_help_loads_nothing_heavy() -> None:
    script = "import sys, build_flows.cli.main\n"
    script += (
        "sys.exit(', '.join(sorted({'torch', 'finn', 'numpy', 'pydantic', 'matplotlib', 'rich', 'amaranth'} & set(sys.modules))) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_ends_it_cleanly(number: signal.Signals, code: int, config: str, tmp_path: Path) -> None:
    script = f"""
import sys, time, types, pathlib
import build_flows.steps
from build_flows.cli import main as cli
from build_flows.base.files import atomic_path
def train(project, ui):
    with atomic_path(pathlib.Path({str(tmp_path / "checkpoint")!r})) as temporary:
        temporary.write_bytes(b"half")
        print("ready", flush=True)
        time.sleep(60)
build_flows.steps.flow = sys.modules["build_flows.steps.flow"] = types.SimpleNamespace(train=train)
sys.argv = ["offramp", "train", {config!r}]
cli.main()
"""
    child = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    try:
        assert child.stderr.readline() == "ready\n"
        time.sleep(0.1)
        child.send_signal(number)
        err = child.communicate(timeout=20)[1]
    finally:
        child.kill()
    assert child.returncode == code
    assert "Traceback" not in err
    assert sorted(item.name for item in tmp_path.iterdir()) == ["config.toml"]
