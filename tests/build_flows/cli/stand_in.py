"""What stands behind the commands in their tests: steps that record what they are asked for, and the command line itself."""

import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from build_flows.artefacts.simulation import ExitFigures, Figures
from build_flows.artefacts.sizing import CostRecord, SizingFile
from build_flows.artefacts.verdict import Verdict, capacity, decide
from build_flows.base.parts import find_part
from build_flows.cli import main as cli
from build_flows.steps.flow import Compiled, Trained
from tests.build_flows.report_samples import exits, metrics

__all__ = ["RESULT", "TOO_LARGE", "TOO_SLOW", "VERDICT", "Flow", "offramp"]

RESULT = Figures(
    samples=360,
    agree=360,
    accuracy=0.975,
    exits=[
        ExitFigures(share=share, accuracy=accuracy, latency_median=None if accuracy is None else 300.0)
        for share, accuracy in ((0.7, 0.99), (0.3, 0.95), (0.0, None))
    ],
    cycles_per_sample=129.5,
    clock_mhz=100.0,
    samples_per_second=772200.8,
    limited_by="stage0_conv0",
    sim_cycles_per_second=1.5e6,
    cycles=46620,
    stages=[],
)

TAKEN = {"lut": 9000, "lutram": 900, "ff": 9000, "bram36": 4, "dsp": 75, "carry": 900}
PART = find_part("pynq-z2")
VERDICT = decide("predicted", PART.name, TAKEN, capacity(PART), 100.0, None)
TOO_LARGE = decide("predicted", PART.name, {**TAKEN, "dsp": 303}, capacity(PART), 100.0, None)
TOO_SLOW = decide("synthesised", PART.name, TAKEN, capacity(PART), 100.0, 92.43)


class Flow(SimpleNamespace):
    """Records what the command line asks for."""

    def __init__(self) -> None:
        super().__init__(calls=[], error=None, result=RESULT, found=VERDICT)

    def _called(self, name: str, **how: Any) -> None:
        self.calls.append((name, how))
        print("noise from Python")
        os.write(1, b"noise from a tool\n")
        if self.error:
            raise self.error

    def train(self, project: Any, ui: Any) -> Trained:
        self._called("train")
        return Trained(metrics=metrics(), exits=exits(), subnet=None, mode="all")

    def compile(self, project: Any, ui: Any) -> Compiled:
        self._called("compile")
        cost = CostRecord(lut=1, lutram=0, ff=2, bram18=0, dsp=0)
        return Compiled(sizing=SizingFile(stages=[], fifos={}, gates=[], cost=cost), exchange=None)

    def simulate(self, project: Any, ui: Any, **how: Any) -> Figures:
        self._called("simulate", **how)
        result: Figures = self.result
        return result

    def verdict(self, project: Any, ui: Any) -> Verdict:
        found: Verdict = self.found
        return found

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
