"""A simulated board as a process, and what a program needs to find itself on one."""

import json
import mmap
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from sim.errors import SimulationError
from sim.tools.model_messages import first_error

__all__ = ["ENVIRONMENT", "FAULTS", "MEMORY_BASE", "Board", "BoardJob", "BusError", "environment", "job_from"]

ENVIRONMENT = "OFFRAMP_BOARD"
"""The environment variable in which a program is told of its board."""

MEMORY_BASE = 0x1000_0000
"""Where the memory that programs may allocate begins, as the programmable logic addresses it."""

FAULTS = ("read_error", "write_error", "read_errors", "write_errors", "silent_reads", "silent_writes", "version")
"""What a board may do wrong: memory answers the read, or the burst written, with that many beats before it by an error, once; it answers
one beat read, or burst written, in so many by an error, by chance; after so many beats it takes no more reads, or writes, for good; what
VERSION reads as."""

STAND_IN = Path(__file__).parent / "stand_in"
__sources__ = ("stand_in",)
GARBAGE = 0xE5
"""What memory holds that nobody wrote."""


class BusError(RuntimeError):
    """An access that a bus answers with an error; on a board the program is killed by SIGBUS."""


@dataclass(frozen=True, kw_only=True)
class BoardJob:
    """A board to simulate: the ``model`` (:func:`sim.board.model.build_board`) and the ``rtl`` it was made of; where the accelerator's
    registers lie; the clock in MHz that the
    design was ``built`` for, and the one that there is at first, ``fclk0``; ``access_cycles`` that an access of the program takes (Python
    needs microseconds for one); the ``seed`` of memory latencies; how much memory there is; ``faults`` by name (:data:`FAULTS`), each more
    than 0.

    Raises :class:`ValueError` for a fault that there is none of.
    """

    model: Path
    rtl: Path
    accelerator_base: int
    built: float = 100.0
    fclk0: float = 250.0
    access_cycles: int = 100
    seed: int = 1
    memory_bytes: int = 64 << 20
    faults: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in self.faults.items():
            if name not in FAULTS or value < 1:
                raise ValueError(f"faults must be of {', '.join(FAULTS)}, each more than 0, not {name}={value}")
        if self.access_cycles < 1:
            raise ValueError(f"access_cycles must be at least 1, not {self.access_cycles}")


def environment(job: BoardJob) -> dict[str, str]:
    """What the environment of a Python program must have so that its ``import pynq`` finds this board (``sim.board.stand_in``)."""
    raw = vars(job) | {"model": str(job.model.absolute()), "rtl": str(job.rtl.absolute()), "faults": dict(job.faults)}
    paths = [str(STAND_IN), *filter(None, sys.path)]
    return {ENVIRONMENT: json.dumps(raw), "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}


def job_from(environ: Mapping[str, str]) -> BoardJob:
    """The inverse of :func:`environment`; raises :class:`SimulationError` when there is no board in ``environ``."""
    text = environ.get(ENVIRONMENT)
    if text is None:
        raise SimulationError(f"there is no simulated board: {ENVIRONMENT} is not set; run the program by `offramp cosim`")
    raw = json.loads(text)
    return BoardJob(**{**raw, "model": Path(raw["model"]), "rtl": Path(raw["rtl"])})


@contextmanager
def _whole() -> Iterator[None]:
    """Ctrl-C waits for the end of the block: an access of a processor is whole or has not begun."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) is None:
        yield  # only the main thread is ever interrupted; None is a handler that is not Python's
        return
    came = False

    def note(*_: object) -> None:
        nonlocal came
        came = True

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
        if came:
            signal.raise_signal(signal.SIGINT)


class Board:
    """A running board, as it is after a bitstream was loaded: port HP0 is 32 bits wide, and FCLK0 is ``job.fclk0``. ``memory`` is its
    memory as bytes, from :data:`MEMORY_BASE` on, shared with the programmable logic. What AXI3 forbids ends it, and so does what would
    freeze the processor.

    ``memory`` may be that of an earlier board: loading a bitstream leaves memory as it is. Ends with :meth:`close`, or with this process.
    Several threads may use it; Ctrl-C comes between two accesses.
    """

    def __init__(self, job: BoardJob, memory: "BoardMemory | None" = None) -> None:
        self.job = job
        self.memory = BoardMemory(job.memory_bytes) if memory is None else memory
        options = {
            "memory_fd": self.memory.file, "memory_base": MEMORY_BASE, "memory_bytes": job.memory_bytes,
            "accelerator_base": job.accelerator_base, "built_khz": _khz(job.built), "fclk_khz": _khz(job.fclk0),
            "access_cycles": job.access_cycles, "seed": job.seed, **job.faults,
        }
        self._lock = threading.Lock()
        self._why = ""
        self._process = subprocess.Popen(
            [str(job.model), *(f"{name}={value}" for name, value in options.items())], cwd=job.rtl, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True, pass_fds=[self.memory.file],
            # Ctrl-C is for the program, which may want to recover its board.
            start_new_session=True,
        )

    def _ask(self, command: str) -> int:
        with _whole(), self._lock:
            return self._exchange(command)

    def _exchange(self, command: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # It may have ended before: what it said then is still to be read.
        with suppress(OSError):
            self._process.stdin.write(f"{command}\n")
            self._process.stdin.flush()
        # Verilator's own messages may come between.
        for line in self._process.stdout:
            kind, _, rest = line.rstrip("\n").partition(" ")
            if kind == "ok":
                return int(rest, 16)
            if kind == "error":
                raise BusError(rest)
            if kind == "stop":
                self._why = f"protocol error: {rest}"
                raise SimulationError(self._why)
            self._why = self._why or first_error([line]) or ""
        raise self._ended()

    def _ended(self) -> SimulationError:
        return SimulationError(f"the simulated board has ended: {self._why or f'exit code {self._process.wait()}'}")

    def read(self, address: int) -> int:
        """The 32-bit word at ``address``; raises :class:`BusError` where nothing answers, and :class:`SimulationError` when the program did
        something whose outcome no document tells."""
        return self._ask(f"r {address:x}")

    def write(self, address: int, value: int) -> None:
        """Write the 32-bit word ``value``; raises as :meth:`read`."""
        self._ask(f"w {address:x} {value & 0xFFFFFFFF:x}")

    def set_clock(self, mhz: float) -> None:
        """Set FCLK0. Above the clock that the design was built for, some bits that it reads are wrong."""
        self._ask(f"f {_khz(mhz):x}")

    @property
    def interrupt(self) -> bool:
        """The level of the interrupt."""
        return bool(self._ask("i"))

    @property
    def cycles(self) -> int:
        """Clock cycles since the bitstream was loaded."""
        return self._ask("n")

    def close(self) -> None:
        """End it."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            try:
                pipe.close()
            except OSError:
                # What was written and never read.
                continue


def _khz(mhz: float) -> int:
    return round(1000 * mhz)


class BoardMemory:
    """Memory that the programmable logic and the program share, without a name in any file system."""

    def __init__(self, size: int) -> None:
        self.file = os.memfd_create("offramp-board")
        os.ftruncate(self.file, size)
        self.bytes = mmap.mmap(self.file, size)
        self.size = size
