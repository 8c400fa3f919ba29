"""The command line: answers on stdout, everything else on stderr, one line for every mishap.

The steps behind it are stood in for here by ``Flow``; the whole way is run in tests/build_flows/steps/test_flow.py.
"""

import errno
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from build_flows.base.errors import OfframpError
from build_flows.cli import main as cli
from build_flows.project.template import template
from tests.build_flows.cli.stand_in import RESULT, Flow, offramp

FIELDS = ("fits", "short", "fmax_estimate_mhz", "verdict")


@pytest.mark.parametrize(
    ("args", "keys"),
    [
        (["train"], {"project", "output", "exits", "mode", "accuracy", "accuracy_interval", "samples"}),
        (["compile"], {"project", "output", "cost", "stages", "exchange", *FIELDS}),
        (["simulate"], {*RESULT.to_json(), *FIELDS, "accuracy_interval"}),
        (["report"], {"project", "report", *FIELDS}),
        (["run"], {*RESULT.to_json(), *FIELDS, "accuracy_interval", "report"}),
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


def test_a_faulty_config_is_told_line_by_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: Any) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(template("digits").replace("weight_bits = 4", "weight_bits = 0").replace("act_bits = 4", "act_bits = 9"))
    assert offramp(monkeypatch, "run", str(file)) == 1
    err = capfd.readouterr().err
    assert err.splitlines() == [
        f"offramp: {file}: model.weight_bits = 0: allowed: whole number from 1 to 8",
        f"offramp: {file}: model.act_bits = 9: allowed: whole number from 1 to 8",
    ]


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
