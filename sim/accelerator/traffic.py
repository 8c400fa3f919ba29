"""Traffic through an accelerator's ports by a script of events: stalls, resets and register writes at any cycle, in C++ at full speed.

What happened there is written down record by record; :mod:`sim.accelerator.ledger` says whether it is right.
"""

import enum
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from hw.accelerator import registers
from hw.netlist import Netlist
from sim.accelerator.images import pack
from sim.accelerator.protocol import BINDING, CHECKER, binding, entry_words, idle_limit
from sim.accelerator.sources import accelerator_sources
from sim.accelerator.waivers import waivers
from sim.errors import SimulationError
from sim.tools.array_file import write_array
from sim.tools.model_messages import first_error
from sim.tools.verilator import HDL, Design, build

__all__ = ["Drain", "Event", "Go", "Halt", "Images", "Kind", "Log", "Pause", "Read", "Reset", "Stall", "Tlast", "Traffic", "Write"]


class Kind(enum.IntEnum):
    """What a record of a log tells; ``sim/hdl/traffic_main.cpp`` says what stands in each."""

    IMAGE = 1
    ENTERED = 2
    RESULT = 3
    WRITE = 4
    RESET = 5
    WITHDRAWN = 6
    CHANGED = 7
    DRAINED = 8
    READ = 9
    TLAST = 10
    STUCK = 11
    IRQ = 12
    END = 13


@dataclass(frozen=True)
class Write:
    """Writes a register by name, or an ``offset``; address, data and the taking of the answer come so many cycles late."""

    register: str | int
    value: int
    strobe: int = 0xF
    address_after: int = 0
    data_after: int = 0
    answer_after: int = 0
    delay: int = 0


@dataclass(frozen=True)
class Read:
    """Reads a register by name, or an offset."""

    register: str | int
    delay: int = 0


@dataclass(frozen=True)
class Reset:
    """Holds ``ap_rst_n`` low for ``cycles``; registers go back to their initial values, what is under way on AXI4-Lite is given up."""

    cycles: int = 16
    delay: int = 0


@dataclass(frozen=True)
class Stall:
    """From here on a share (0 to 1) of the source's and of the sink's cycles is lost at random."""

    source: float = 0.0
    sink: float = 0.0
    delay: int = 0


@dataclass(frozen=True)
class Tlast:
    """From the next word on TLAST stands ``shift`` words after the last one of each ``every``-th image since a reset; with ``every`` 0 it
    is never there, with -1 at random."""

    every: int = 1
    shift: int = 0
    delay: int = 0


@dataclass(frozen=True)
class Pause:
    """The source stops after the image that it is in."""

    delay: int = 0


@dataclass(frozen=True)
class Go:
    """The source goes on, with a new image if it was halted, as soon as every write is answered."""

    delay: int = 0


@dataclass(frozen=True)
class Halt:
    """The source takes back what it offers, as a DMA that is reset: a reset of the accelerator must come before :class:`Go`."""

    delay: int = 0


@dataclass(frozen=True)
class Images:
    """Waits until ``count`` more images have begun."""

    count: int
    delay: int = 0


@dataclass(frozen=True)
class Drain:
    """Waits until every image that was begun has its result; the source must be paused."""

    delay: int = 0


Event = Write | Read | Reset | Stall | Tlast | Pause | Go | Halt | Images | Drain


@dataclass(frozen=True)
class Log:
    """Records int64 ``[n, 4]``: kind, cycle, and two numbers, in the order of the cycles."""

    records: npt.NDArray[np.int64]

    def of(self, kind: Kind) -> npt.NDArray[np.int64]:
        """Cycle and numbers, int64 ``[n, 3]``, of all records of a kind."""
        return self.records[self.records[:, 0] == kind, 1:]

    @property
    def cycles(self) -> int:
        """How long it took."""
        return int(self.records[-1, 1])


class Traffic:
    """The Verilated accelerator of ``netlist``, whose Verilog is in the folder ``rtl`` (with ``filelist.f``). Models are kept in ``cache``.

    With ``checked`` the rules of the ports are checked in every cycle too (``sim/hdl/protocol_checker.sv``).
    """

    def __init__(self, netlist: Netlist, rtl: Path, cache: Path, *, checked: bool = True, optimise: str = "O2",
                 jobs: int | None = None) -> None:
        self.netlist = netlist
        self.rtl = rtl
        self.registers = registers(netlist)
        self._offsets = {item.name: item.offset for item in self.registers}
        sources, includes = accelerator_sources(rtl)
        self.model = build(Design(
            top="accelerator", sources=[CHECKER, *sources] if checked else sources, includes=includes,
            waive=waivers(sources), assertions=checked, main=HDL / "traffic_main.cpp", optimise=optimise,
            texts={BINDING: binding(netlist)} if checked else {}), cache, jobs=jobs)

    def run(self, images: npt.NDArray[np.uint8], events: Sequence[Event], *, work: Path, seed: int = 1, power_up: int = 0,
            reset: int = 16) -> Log:
        """Carry out ``events`` after a reset of so many cycles, with images that the source draws from ``images`` (uint8 ``[n, h, w, c]``).

        ``work`` is a folder for the run's files. ``power_up`` other than 0 seeds all that has no initial value. Raises
        :class:`SimulationError` when a rule of the ports is broken, or the model does not end well; a record tells where nothing moves any
        more.
        """
        work = work.absolute()
        work.mkdir(parents=True, exist_ok=True)
        words = pack(images, self.netlist.input.bus_bits)
        write_array(words, work / "traffic_images.bin")
        final = next((item.offset for item in self.netlist.result.fields if item.name == "final"), -1)
        head = [words.shape[1], words.shape[2], entry_words(self.netlist), self._offsets["CONTROL"], final, seed,
                8 * idle_limit(self.netlist), power_up, f"{work / 'traffic_images.bin'}\t{work / 'traffic_log.bin'}"]
        lines = [" ".join(str(item) for item in head), *(self._line(event) for event in (Reset(reset), *events))]
        (work / "traffic_plan.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
        ran = subprocess.run([str(self.model), str(work / "traffic_plan.txt")], cwd=self.rtl, capture_output=True, text=True, check=False)
        told = first_error((ran.stdout + ran.stderr).splitlines())
        if ran.returncode or told:
            raise SimulationError(told or f"the model ended with code {ran.returncode}: {(ran.stdout + ran.stderr).strip()[-500:]}")
        return Log(np.fromfile(work / "traffic_log.bin", np.int64).reshape(-1, 4))

    def _offset(self, register: str | int) -> int:
        return self._offsets[register] if isinstance(register, str) else register

    def _line(self, event: Event) -> str:
        match event:
            case Write(register, value, strobe, address_after, data_after, answer_after):
                args = [self._offset(register), value & 0xFFFFFFFF, strobe, address_after, data_after, answer_after]
            case Read(register):
                args = [self._offset(register)]
            case Reset(cycles):
                args = [cycles]
            case Stall(source, sink):
                args = [round(source * 65536), round(sink * 65536)]
            case Tlast(every, shift):
                args = [1 if every > 0 else -2 * every, max(every, 1), shift]
            case Images(count):
                args = [count]
            case _:
                args = []
        return " ".join(str(item) for item in (type(event).__name__.lower(), event.delay, *args))

