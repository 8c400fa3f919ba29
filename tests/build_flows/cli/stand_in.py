"""What stands behind the commands in their tests: steps that record what they are asked for, and the command line itself."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build_flows.cli import main as cli

__all__ = ["RESULT", "Flow", "offramp"]

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


def offramp(monkeypatch: pytest.MonkeyPatch, *args: str) -> int:
    monkeypatch.setattr(sys, "argv", ["offramp", *args])
    with pytest.raises(SystemExit) as caught:
        cli.main()
    code = caught.value.code
    assert isinstance(code, int)
    return code
