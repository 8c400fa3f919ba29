"""A running ``hw.stage_probe.StageProbe``: words to write, words to read, cycles to run, over a pipe to the Verilated model."""

import subprocess
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from sim.errors import SimulationError
from sim.tools.primitives import primitives
from sim.tools.verilator import HDL, Built, Design, build

__all__ = ["VerilatedProbe", "build_probe"]


def build_probe(
    sources: Sequence[Path], includes: Sequence[Path], lint_off: Sequence[str], cache: Path, building: Built | None = None
) -> Path:
    """The probe's executable; ``building`` is told when it is built. It runs for few cycles, so it is made for a quick build: flattened,
    all that computes on the probe's zeros falls away."""
    design = Design(top="stage_probe", sources=[*sources, *primitives(sources)], includes=includes, waive=dict.fromkeys(lint_off, ()),
                    main=HDL / "probe_main.cpp", optimise="O1", warnings=("--flatten",))
    return build(design, cache, progress=building)


class VerilatedProbe:
    """Context manager around the probe's process; ``folder`` is where the memories' files are found (the ``rtl/`` folder)."""

    def __init__(self, model: Path, folder: Path) -> None:
        self._command = [str(model.absolute())]
        self._folder = folder

    def __enter__(self) -> "VerilatedProbe":
        self._process = subprocess.Popen(self._command, cwd=self._folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def _send(self, command: str) -> None:
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(command + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise SimulationError(f"the stage probe ended with status {self._process.wait()}") from error

    def reset(self, cycles: int) -> None:
        """Hold the reset for ``cycles`` cycles."""
        self._send(f"reset {cycles}")

    def write(self, address: int, value: int) -> None:
        """Write a word."""
        self._send(f"write {address} {value}")

    def read(self, address: int) -> int:
        """Read a word."""
        assert self._process.stdout is not None
        self._send(f"read {address}")
        line = self._process.stdout.readline()
        if not line:
            raise SimulationError(f"the stage probe ended with status {self._process.wait()}")
        return int(line)

    def run(self, cycles: int) -> None:
        """Run ``cycles`` cycles."""
        self._send(f"run {cycles}")
