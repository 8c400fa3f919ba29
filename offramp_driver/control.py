"""The accelerator's registers, by what they mean (docs/accelerator.md, Registers)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from offramp_driver import registers as at
from offramp_driver.dma import Registers
from offramp_driver.errors import DmaError, MismatchError
from offramp_driver.manifest import Manifest

__all__ = ["Control", "Stopwatch"]

_STUCK = 10_000


class Control:
    """The registers of an accelerator with ``exits`` exits, ``gates`` gates and the counted ``streams``."""

    def __init__(self, registers: Registers, *, exits: int, gates: int, streams: Sequence[str]) -> None:
        self._registers, self._exits, self._gates, self._streams = registers, exits, gates, tuple(streams)

    def read(self, offset: int) -> int:
        """A register, unsigned."""
        return int(self._registers.read(offset)) & 0xFFFF_FFFF

    def write(self, offset: int, value: int) -> None:
        """Write a register; negative values as two's complement."""
        self._registers.write(offset, value & 0xFFFF_FFFF)

    def check(self, manifest: Manifest) -> None:
        """Raise :class:`MismatchError` unless this is the accelerator of ``manifest``, with the registers that this driver knows."""
        found = self.read(at.ID)
        if found != at.MAGIC:
            raise MismatchError(f"there is no offramp accelerator at {manifest.accelerator.base:#x}: ID reads {found:#010x}, not "
                                f"{at.MAGIC:#010x}. Is its bitstream loaded?")
        version = self.read(at.VERSION)
        if version != at.MAP_VERSION or manifest.register_map != at.MAP_VERSION:
            raise MismatchError(f"this driver knows version {at.MAP_VERSION} of the registers; the accelerator has {version}, the manifest "
                                f"tells of {manifest.register_map}: take driver and bitstream out of one package")
        build = self.read(at.BUILD)
        if build != manifest.build:
            raise MismatchError(f"another bitstream is loaded: BUILD reads {build:#010x}, and {manifest.name} has {manifest.build:#010x}")
        for name, offset, wanted in (("EXITS", at.EXITS, self._exits), ("CLASSES", at.CLASSES, manifest.classes),
                                     ("STREAMS", at.STREAMS, len(self._streams)), ("GATES", at.GATES, self._gates)):
            number = self.read(offset)
            if number != wanted:
                raise MismatchError(f"{name} reads {number}, and the manifest of {manifest.name} says {wanted}")

    @property
    def status(self) -> dict[str, Any]:
        """See :attr:`offramp_driver.Accelerator.status`. Hardware of before the last three were there reads as without them."""
        value = self.read(at.STATUS)
        return {
            "busy": bool(value & at.STATUS_BUSY), "in_flight": (value & at.STATUS_IN_FLIGHT) >> at.STATUS_IN_FLIGHT_LSB,
            "output_pending": bool(value & at.STATUS_OUTPUT_PENDING),
            "tlast_errors": (value & at.STATUS_TLAST_ERRORS) >> at.STATUS_TLAST_ERRORS_LSB,
            "bad_address": bool(value & at.STATUS_BAD_ADDRESS),
        }

    @property
    def at_rest(self) -> bool:
        """Nothing is inside and no reset goes on."""
        return self.read(at.STATUS) & (at.STATUS_BUSY | at.STATUS_IN_FLIGHT) == 0

    @property
    def cycles(self) -> int:
        """Clock cycles since the counters were cleared, 64 bits. (The low word first is enough for hardware that keeps the high word of the
        same moment; older ones do not.)"""
        high = self.read(at.CYCLES_HI)
        while True:
            low, again = self.read(at.CYCLES_LO), self.read(at.CYCLES_HI)
            if again == high:
                return high << 32 | low
            high = again

    @property
    def counters(self) -> dict[str, Any]:
        """All counters by name; see :attr:`offramp_driver.Accelerator.counters`."""
        return {
            "samples_in": self.read(at.SAMPLES_IN),
            "samples_out": self.read(at.SAMPLES_OUT),
            "cycles": self.cycles,
            "exits": [self.read(at.EXIT_COUNT + k * at.EXIT_COUNT_STRIDE) for k in range(self._exits)],
            "gates": [self.read(at.GATE_OCCUPANCY_MAX + k * at.GATE_OCCUPANCY_MAX_STRIDE) for k in range(self._gates)],
            "streams": {
                name: {"stall": self.read(at.STALL + j * at.STALL_STRIDE),
                       "occupancy": self.read(at.OCCUPANCY_MAX + j * at.OCCUPANCY_MAX_STRIDE)}
                for j, name in enumerate(self._streams)
            },
        }

    def clear_counters(self) -> None:
        """Set all counters and highest fills to 0."""
        self._command(at.CONTROL_CLEAR_COUNTERS)

    def soft_reset(self) -> None:
        """Forget every image inside, and the result on offer, which is withdrawn; thresholds, enables and modes stay. What takes results
        must not be taking any. From here on TLAST is checked: the DMA sets it with the last word of each batch."""
        self._command(at.CONTROL_SOFT_RESET | at.CONTROL_DISCARD)

    def _command(self, bits: int) -> None:
        self.write(at.CONTROL, bits | at.CONTROL_CHECK_TLAST)

    def set_batch_length(self, images: int) -> None:
        """Length of the next batches."""
        self.write(at.BATCH_LENGTH, images)


class Stopwatch:
    """Counts the accelerator's own cycles from its making on, so that a limit means the same on the board, in a simulation and beside a
    debugger. Its low counter is enough: it is looked at more often than every 2**32 cycles. A cleared counter is taken as read from 0.

    A clock that stands still would make any limit endless: that is a :class:`DmaError`.
    """

    def __init__(self, control: Control, limit: int) -> None:
        self._control, self.limit = control, limit
        self.elapsed = 0
        self._last = control.read(at.CYCLES_LO)
        self._same = 0

    def running(self) -> bool:
        """Whether the limit has not been passed yet."""
        now = self._control.read(at.CYCLES_LO)
        self._same = self._same + 1 if now == self._last else 0
        if self._same > _STUCK:
            raise DmaError("the accelerator's clock stands still: load the bitstream again")
        if now >= self._last:
            self.elapsed += now - self._last
        elif self._last - now > 1 << 31:  # it went round
            self.elapsed += now - self._last + (1 << 32)
        else:  # it was cleared
            self.elapsed += now
        self._last = now
        return self.elapsed <= self.limit
