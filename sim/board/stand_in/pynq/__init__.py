"""Stands in for the pynq library of PYNQ 3: the calls that offramp's driver needs, on a simulated board (:mod:`sim.board.link`).

Written from pynq's public documentation (pynq.readthedocs.io: Bitstream, Clocks, Overlay, MMIO, allocate). Buffers are cacheable, as on
Zynq-7000: what a program sees of one is its own copy until it flushes or invalidates it.
"""

import atexit
import dataclasses
import os
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.board.link import GARBAGE, MEMORY_BASE, Board, BoardMemory, job_from

__all__ = ["MMIO", "Bitstream", "Clocks", "Overlay", "PynqBuffer", "allocate"]
__version__ = "3.0.1"

PAGE = 4096
IO_PLL_MHZ = 1000.0


@dataclass(frozen=True, eq=False)
class _Place:
    """Memory that was given out: ``size`` bytes at ``address``. Another one at the same address is not the same."""

    address: int
    size: int


class _State:
    """The one board of this process."""

    def __init__(self) -> None:
        self.board: Board | None = None
        self.memory: BoardMemory | None = None
        self.taken: dict[int, _Place] = {}
        self.fclk0: float | None = None

    def clock(self) -> float:
        """FCLK0 in MHz, which outlives bitstreams."""
        if self.fclk0 is None:
            self.fclk0 = job_from(os.environ).fclk0
        return self.fclk0

    def set_clock(self, mhz: float) -> None:
        self.fclk0 = mhz
        if self.board is not None:
            self.board.set_clock(mhz)

    def shared(self) -> BoardMemory:
        if self.memory is None:
            self.memory = BoardMemory(job_from(os.environ).memory_bytes)
        return self.memory

    def load(self) -> None:
        memory = self.shared()
        self.close()
        self.board = Board(dataclasses.replace(job_from(os.environ), fclk0=self.clock()), memory)

    def close(self) -> None:
        if self.board is not None:
            self.board.close()
            self.board = None

    def loaded(self) -> Board:
        if self.board is None:
            raise RuntimeError("no bitstream is loaded: on a board, reading its registers would hang the processor")
        return self.board

    def reserve(self, size: int) -> _Place:
        """A place of ``size`` free bytes."""
        pages = -(-max(size, 1) // PAGE) * PAGE
        at = MEMORY_BASE
        for start in sorted(self.taken):
            if at + pages <= start:
                break
            at = start + self.taken[start].size
        if at + pages > MEMORY_BASE + self.shared().size:
            raise RuntimeError("Failed to allocate Memory!")
        self.taken[at] = _Place(at, pages)
        return self.taken[at]

    def holds(self, place: _Place) -> bool:
        """Whether ``place`` was not given back."""
        return self.taken.get(place.address) is place


_state = _State()
atexit.register(_state.close)


class Bitstream:
    """A bitstream; :meth:`download` loads it into the simulated board, which starts anew. Raises :class:`FileNotFoundError` without it."""

    def __init__(self, bitfile_name: str, dtbo: str | None = None, partial: bool = False) -> None:
        path = Path(bitfile_name)
        if not path.is_file():
            raise FileNotFoundError(f"Bitstream file {bitfile_name} does not exist.")
        if partial:
            raise RuntimeError("loaded as partial the level shifters stay as they are: a full load is needed here")
        self.bitfile_name = str(path.resolve())

    def download(self, parser: object = None) -> None:
        """Load it."""
        _state.load()


class _ClocksMeta(type):
    """The processing system's clocks, as attributes of a class."""

    @property
    def fclk0_mhz(cls) -> float:
        """FCLK0."""
        return _state.clock()

    @fclk0_mhz.setter
    def fclk0_mhz(cls, mhz: float) -> None:
        if not 0 < mhz <= IO_PLL_MHZ:
            raise ValueError(f"Frequency too low or too high: {mhz} MHz.")
        quotients = {first * second for first in range(1, 64) for second in range(1, 64)}
        _state.set_clock(min((IO_PLL_MHZ / quotient for quotient in quotients), key=lambda clock: abs(clock - mhz)))


class Clocks(metaclass=_ClocksMeta):
    """``Clocks.fclk0_mhz``, in MHz, readable and writable: the IO PLL through two dividers, as near as can be."""


class Overlay:
    """A bitstream, with the .hwh beside it; ``download`` loads it into the simulated board, which starts anew.

    ``ip_dict`` tells of each block with registers ``phys_addr``, ``addr_range``, ``type`` and ``parameters``. Raises
    :class:`FileNotFoundError` without .bit or .hwh.
    """

    def __init__(self, bitfile_name: str, download: bool = True) -> None:
        self.bitfile_name = str(Path(bitfile_name).resolve())
        for path in (Path(self.bitfile_name), Path(self.bitfile_name).with_suffix(".hwh")):
            if not path.is_file():
                raise FileNotFoundError(f"Cannot find {path}.")
        self.ip_dict = _blocks(Path(self.bitfile_name).with_suffix(".hwh"))
        if download:
            self.download()

    def download(self) -> None:
        """Load it."""
        _state.load()

    def is_loaded(self) -> bool:
        """Whether a bitstream is loaded."""
        return _state.board is not None

    def free(self) -> None:
        """Nothing to give back."""


def _blocks(hwh: Path) -> dict[str, dict[str, Any]]:
    root = ElementTree.parse(hwh).getroot()
    modules = {item.attrib["INSTANCE"]: item for item in root.iter("MODULE")}
    found: dict[str, dict[str, Any]] = {}
    for module in modules.values():
        if module.get("MODTYPE") != "processing_system7":
            continue
        for part in module.iter("MEMRANGE"):
            name = part.attrib["INSTANCE"]
            if part.get("MEMTYPE") != "REGISTER" or name not in modules:
                continue
            low, high = int(part.attrib["BASEVALUE"], 0), int(part.attrib["HIGHVALUE"], 0)
            parameters = {item.attrib["NAME"]: item.attrib["VALUE"] for item in modules[name].iter("PARAMETER")}
            found[name] = {"phys_addr": low, "addr_range": high - low + 1, "type": modules[name].get("VLNV"), "parameters": parameters}
    return found


class MMIO:
    """Registers from ``base_addr`` on, ``length`` bytes of them; offsets are multiples of 4."""

    def __init__(self, base_addr: int, length: int = 4) -> None:
        self.base_addr = base_addr
        self.length = length

    def _address(self, offset: int) -> int:
        if not 0 <= offset < self.length:
            raise ValueError(f"offset must be from 0 to {self.length - 1}, not {offset}")
        if offset % 4:
            raise MemoryError("Unaligned access: offset must be multiple of 4.")
        return self.base_addr + offset

    def read(self, offset: int = 0, length: int = 4) -> int:
        """A 32-bit word, unsigned."""
        if length != 4:
            raise ValueError(f"length must be 4 here, not {length}")
        address = self._address(offset)
        return _state.loaded().read(address)

    def write(self, offset: int, data: int) -> None:
        """Write a 32-bit word."""
        address = self._address(offset)
        _state.loaded().write(address, int(data))


class PynqBuffer(np.ndarray):
    """An array whose content is the processor's cached copy of memory from ``physical_address`` on."""

    physical_address: int
    _place: _Place

    def __array_finalize__(self, other: Any) -> None:
        # Parts of a buffer share its memory, and know where they lie only if they are all of it.
        if isinstance(other, PynqBuffer) and hasattr(other, "_place") and other.nbytes == self.nbytes:
            self._place = other._place
            self.physical_address = other.physical_address

    def _span(self) -> slice:
        start = self.physical_address - MEMORY_BASE
        if not _state.holds(self._place):
            raise RuntimeError("this buffer has been given back")
        return slice(start, start + self.nbytes)

    def flush(self) -> None:
        """Write the cached copy to memory."""
        _state.shared().bytes[self._span()] = self.tobytes()

    def invalidate(self) -> None:
        """Forget the cached copy: read memory."""
        content = np.frombuffer(_state.shared().bytes[self._span()], self.dtype)
        np.copyto(self, content.reshape(self.shape))

    def freebuffer(self) -> None:
        """Give the memory back; once is enough."""
        if _state.holds(self._place):
            del _state.taken[self.physical_address]

    close = freebuffer

    def __enter__(self) -> "PynqBuffer":
        return self

    def __exit__(self, *args: object) -> None:
        self.freebuffer()


def allocate(shape: int | Sequence[int], dtype: npt.DTypeLike = "u4", target: object = None, **options: object) -> PynqBuffer:
    """A buffer that the DMA can reach; raises :class:`RuntimeError` when there is no room."""
    buffer: PynqBuffer = np.zeros(shape, dtype).view(PynqBuffer)
    buffer._place = _state.reserve(buffer.nbytes)
    buffer.physical_address = buffer._place.address
    _state.shared().bytes[buffer._span()] = bytes([GARBAGE]) * buffer.nbytes
    return buffer
