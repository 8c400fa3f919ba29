"""The yardstick for the bench: the same accelerator, driven by a bare C++ program without cocotb, VPI or public signals."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.accelerator import registers
from hw.netlist import Netlist
from sim.accelerator.images import pack
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.waivers import waivers
from sim.errors import SimulationError
from sim.tools.array_file import write_array
from sim.tools.verilator import HDL, Design, build

__all__ = ["BareRun", "drive", "run_bare"]


@dataclass(frozen=True, kw_only=True)
class BareRun:
    """``cycles`` simulated in ``seconds``; result ``words`` in order of arrival."""

    cycles: int
    seconds: float
    words: list[int]

    @property
    def cycles_per_second(self) -> float:
        """Cycles simulated per second."""
        return self.cycles / self.seconds


def run_bare(netlist: Netlist, rtl: Path, images: npt.NDArray[np.uint8], *, work: Path, cache: Path, batch: int = 1000,
             optimise: str = "O1", jobs: int | None = None) -> BareRun:
    """Send ``images`` (uint8 ``[n, h, w, c]``) at full rate in batches of ``batch``; ``rtl`` and ``cache`` as for the bench.

    Input ready is read before the cycle in which a word is offered, which is exact for an accelerator whose ``s_axis_tready`` comes from
    registers. Raises :class:`SimulationError` when not every image gets its result.
    """
    sources, includes = accelerator_sources(rtl)
    model = build(Design(top="accelerator", sources=sources, includes=includes,
                         waive=waivers(sources), assertions=False, main=HDL / "bare_main.cpp", optimise=optimise), cache, jobs=jobs)
    return drive(model, netlist, rtl, images, work=work, batch=batch)


def drive(model: Path, netlist: Netlist, rtl: Path, images: npt.NDArray[np.uint8], *, work: Path, batch: int,
          more: Sequence[str | Path | int] = ()) -> BareRun:
    """What the bare program ``model`` makes of ``images``, with ``more`` arguments behind those that it always has; otherwise as
    :func:`run_bare`. Without images there are no words."""
    work = work.absolute()
    work.mkdir(parents=True, exist_ok=True)
    sent, answers, bus = work / "bare_images.bin", work / "bare_results.txt", netlist.input.bus_bits
    write_array(pack(images, bus) if len(images) else np.zeros(0, np.uint8), sent)
    offset = next(item.offset for item in registers(netlist) if item.name == "BATCH_LENGTH")
    command = [model, sent, bus // 8, batch, offset, len(images), answers, *more]
    ran = subprocess.run([str(item) for item in command], cwd=rtl, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise SimulationError(f"the bare program ended with code {ran.returncode}: {(ran.stdout + ran.stderr).strip()[-500:]}")
    cycles, seconds = ran.stdout.split()[-2:]
    found = [int(line, 16) for line in answers.read_text(encoding="ascii").split()]
    return BareRun(cycles=int(cycles), seconds=float(seconds), words=found)
