"""Co-simulation: the board's own driver and self-test, out of the package, against all that is in the programmable logic, Verilated, behind
a model of the processing system's ports; every result must be that of ``offramp simulate``."""

import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ConfigDict

from build_flows.artefacts.cosim import CheckRecord, CosimFile, Counters
from build_flows.artefacts.manifest import ScaleRecord
from build_flows.artefacts.selftest import Selftest
from build_flows.artefacts.simulation import SimulationFile
from build_flows.base.errors import OfframpError
from build_flows.base.files import write_json
from build_flows.base.ui import Ui
from build_flows.board.design import FCLK_MAX_MHZ
from build_flows.board.dma_traffic import traffic
from build_flows.board.platforms import BoardPlatform
from quant_models.records import Record

__all__ = ["CHECKS", "CosimError", "cosimulate"]

PROGRAM = Path(__file__).with_name("cosim_program.py")
__sources__ = ("cosim_program.py",)
FIELDS = ("label", "exit", "confidence")
FAULTY_VERSION = 99
FEW = 8
"""Images of a test of failures."""

Values = npt.NDArray[np.int64]


class CosimError(OfframpError):
    """The driver against the Verilated accelerator did not do what it should; the message says what, or names the first image."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A test beside that of all images: ``name``, what the simulated board does wrong (``faults``), the program's ``case``, and what must
    be in the driver's message."""

    name: str
    faults: Mapping[str, int]
    case: str
    told: str


CHECKS = (
    Check(name="read error", faults={"read_error": 9}, case="fail_and_recover",
          told="send (reader) channel tells of an error: memory answered"),
    Check(name="write error", faults={"write_error": 2}, case="fail_and_recover",
          told="receive (writer) channel tells of an error: memory answered"),
    # The accelerator fills up and stands still, and what it was offered stays on offer.
    Check(name="memory that takes no writes", faults={"silent_writes": 2}, case="fail_for_good", told="the memory port does not answer"),
    Check(name="memory that answers no reads", faults={"silent_reads": 9}, case="fail_for_good", told="the memory port does not answer"),
    Check(name="wrong version", faults={"version": FAULTY_VERSION}, case="refuse", told=str(FAULTY_VERSION)),
)
"""What goes wrong on the way, and must be told, and mended where it can be. Each begins with a port of another width, and a clock above the
design's own."""


class Pace(Record):
    """Of what the driver's ``benchmark`` gives: cycles a sample over a ``batch`` of images."""

    model_config = ConfigDict(extra="ignore")

    cycles_per_sample: float
    batch: int


class Said(Record):
    """What the program on a simulated board says, a line or all of them: images ``done`` so far, the driver's counters and its pace, and
    the message of its error."""

    done: int | None = None
    counters: Counters | None = None
    benchmark: Pace | None = None
    error: str = ""


def cosimulate(
    *, netlist: Path, rtl: Path, golden_file: Path, exits: Path, simulated: Path, images: npt.NDArray[Any], labels: Values,
    board: BoardPlatform, samples: int | None, seed: int, ui: Ui, work: Path, cache: Path, scale: ScaleRecord | None = None,
) -> CosimFile:
    """Co-simulate the first ``samples`` of ``images`` and give the content of ``cosim.json``; files of the run go to ``work``. ``scale`` is
    how sensor windows became ``images``.

    ``simulated`` is the ``sim.json`` to equal. Raises :class:`CosimError`, and what building the model raises.
    """
    from build_flows.board.package import golden_samples, write_package
    from build_flows.board.stand_in import write_stand_in
    from hw.netlist import load
    from sim.board.link import BoardJob
    from sim.board.model import build_board

    started = time.perf_counter()
    net = load(netlist.read_text(encoding="utf-8"))
    told = SimulationFile.load(simulated)
    count = min(len(told.samples), len(images), samples or len(told.samples))
    wanted = {name: np.array([getattr(row, name) for row in told.samples[:count]], np.int64) for name in FIELDS}
    ui.info("building the model of the programmable logic in Verilator (kept for the next run)")
    model = build_board(net, rtl, cache)
    package = work / "package"
    work.mkdir(parents=True, exist_ok=True)
    bit = write_stand_in(work, net, board)
    known = golden_samples(netlist=net, golden_file=golden_file, exits=exits, images=images, labels=labels)
    manifest = write_package(package, netlist=net, board=board, bit=bit, samples=known, scale=scale)
    typed = images[:count].view(known.images.dtype)
    # However few images are wanted, failures are tested with some.
    for name, batch in (("all", typed), ("few", known.images[:FEW])):
        with (work / f"images_{name}.npz").open("wb") as file:
            np.savez(file, allow_pickle=False, images=batch)

    def job(faults: Mapping[str, int]) -> BoardJob:
        return BoardJob(model=model, rtl=rtl, accelerator_base=manifest.accelerator.base, built=manifest.clock_mhz, fclk0=FCLK_MAX_MHZ,
                        seed=seed, faults=faults)

    boards = _Boards(work, package, bit.name, job)
    with ui.progress("the driver's images through the simulated board", total=count) as bar:
        said = boards.program("classify", "classify", {}, lambda line: None if line.done is None else bar.update(completed=line.done))
    agree = _compare(wanted, boards.results("classify"))
    assert said.benchmark is not None and said.counters is not None  # noqa: PT018 - its last line has both
    ui.info("the package's self-test, and transfers that go wrong")
    checks = [CheckRecord(name="selftest.py", told=boards.selftest())]
    for check in CHECKS:
        message = boards.program(check.name, check.case, check.faults).error
        if check.told not in message:
            raise CosimError(f"{check.name}: the driver's message must tell of {check.told}, not: {message}")
        if check.case == "fail_and_recover":
            expected = {name: getattr(known, f"expected_{name}")[:FEW] for name in FIELDS}
            _compare(expected, boards.results(check.name), f"{check.name}, after the recovery: ")
        checks.append(CheckRecord(name=check.name, told=message))
    pace = said.benchmark
    return CosimFile(
        samples=count, agree=agree, board=board.name, seed=seed, build=manifest.build,
        exits=[int(value) for value in np.bincount(wanted["exit"], minlength=len(net.exits))],
        checks=checks, cycles_per_sample=pace.cycles_per_sample, batch=pace.batch,
        simulated_cycles_per_sample=told.cycles_per_sample, counters=said.counters,
        dma=traffic(net, 1e6 * net.clock_mhz / pace.cycles_per_sample), seconds=round(time.perf_counter() - started, 1),
    )


def _compare(wanted: Mapping[str, Values], found: Mapping[str, Values], where: str = "") -> int:
    """The number of images, when all are equal; raises :class:`CosimError` with the first that is not."""
    count = len(wanted["label"])
    if len(found["label"]) != count:
        raise CosimError(f"{where}{count} images were sent, and the driver gave {len(found['label'])} results")
    right = np.ones(count, np.bool_)
    for name in FIELDS:
        right &= wanted[name] == found[name]
    if right.all():
        return count
    first = int(np.argmin(right))
    differs = ", ".join(f"{name} {int(found[name][first])} instead of {int(wanted[name][first])}"
                        for name in FIELDS if found[name][first] != wanted[name][first])
    raise CosimError(f"{where}{int((~right).sum())} of {count} results of the driver are not those of the simulation; the first is that of "
                     f"image {first}: {differs}")


class _Boards:
    """Runs programs, each on a simulated board of its own."""

    def __init__(self, work: Path, package: Path, bit: str, job: Callable[[Mapping[str, int]], Any]) -> None:
        self.work = work
        self.package = package
        self.bit = bit
        self.job = job

    def _results(self, name: str) -> Path:
        return self.work / f"{name.replace(' ', '_')}.npz"

    def results(self, name: str) -> dict[str, Values]:
        """What program ``name`` found."""
        with np.load(self._results(name), allow_pickle=False) as file:
            return {key: file[key] for key in file.files}

    def program(
        self, name: str, case: str, faults: Mapping[str, int], tell: Callable[[Said], object] = lambda line: None
    ) -> Said:
        """Run ``case`` on a board with ``faults``; all that it says, each line passed to ``tell`` as it comes."""
        plan = self.work / f"{name.replace(' ', '_')}.json"
        images = self.work / f"images_{'all' if case == 'classify' else 'few'}.npz"
        write_json(plan, {"package": str(self.package), "bit": self.bit, "images": str(images),
                          "results": str(self._results(name)), "case": case})
        said = Said()

        def line(text: str) -> None:
            nonlocal said
            told = Said.model_validate_json(text)
            said = said.replace(**{key: getattr(told, key) for key in told.model_fields_set})
            tell(told)

        self._child(name, [sys.executable, str(PROGRAM), str(plan)], faults, line)
        return said

    def selftest(self) -> str:
        """Run the package's ``selftest.py``, as it lies there."""
        lines: list[str] = []
        try:
            self._child("selftest.py", [sys.executable, str(self.package / "selftest.py"), "--json"], {}, lines.append)
        except CosimError as error:
            # It says on standard output what it found.
            if lines and (errors := Selftest.model_validate_json(lines[-1]).errors):
                raise CosimError(f"selftest.py: {errors[0]}", hint=error.hint) from error
            raise
        told = Selftest.model_validate_json(lines[-1])
        return f"{told.agree} of {told.samples} samples agree, counters and thresholds are right"

    def _child(self, name: str, command: Sequence[str], faults: Mapping[str, int], said: Callable[[str], None]) -> None:
        from sim.board.link import environment
        from sim.tools.children import Child, run_children

        try:
            run_children([Child(command=command, env=environment(self.job(faults)))], lambda _, text: said(text))
        except subprocess.CalledProcessError as error:
            last = [line for line in (error.stderr or "").splitlines() if line.strip()][-1:] or [f"exit code {error.returncode}"]
            raise CosimError(f"{name}: {last[0].strip()}", hint=f"its files are in {self.work}") from error
