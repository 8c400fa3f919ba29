"""What registers held in which cycle, from a log of traffic: the batch length, every exit's rule, and the resets."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hw.accelerator import registers
from hw.control.registers import Register
from hw.exits.exit_path import exit_decision
from hw.netlist import Netlist
from sim.accelerator.traffic import Kind, Log

__all__ = ["CHECK_TLAST", "CLEAR", "DISCARD", "SOFT_RESET", "History", "Rules", "Versions", "history"]

SOFT_RESET, CLEAR, DISCARD, CHECK_TLAST = 1, 2, 4, 8
"""Bits of CONTROL."""


@dataclass
class Versions:
    """The ``values`` of something, each from the cycle in ``starts`` on."""

    starts: list[int] = field(default_factory=lambda: [-1])
    values: list[int] = field(default_factory=list)

    def change(self, cycle: int, value: int) -> None:
        """From ``cycle`` on it is ``value``."""
        if value != self.values[-1]:
            self.starts.append(cycle)
            self.values.append(value)

    def between(self, first: int, last: int) -> set[int]:
        """All that it was from cycle ``first`` to ``last``."""
        return set(self.values[bisect_right(self.starts, first) - 1 : bisect_right(self.starts, last)])


@dataclass
class Rules:
    """How an exit decides, version by version: from the cycle in ``starts`` on it has ``modes`` (0: the policy decides, 1: all leave, 2:
    none) and ``thresholds``, one for each class where the policy has them by class."""

    starts: list[int]
    modes: list[int]
    thresholds: list[Sequence[int]]

    def change(self, cycle: int, mode: int, thresholds: Sequence[int]) -> None:
        """From ``cycle`` on it is that."""
        if (mode, thresholds) != (self.modes[-1], self.thresholds[-1]):
            self.starts.append(cycle)
            self.modes.append(mode)
            self.thresholds.append(thresholds)

    def windows(self, first: npt.NDArray[np.int64], last: npt.NDArray[np.int64]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """The first and the last version that was in force between the cycles ``first`` and ``last``, int64 ``[n]`` each."""
        return np.searchsorted(self.starts, first, "right") - 1, np.searchsorted(self.starts, last, "right") - 1


@dataclass
class History:
    """``words``: every writable register, by name. ``lengths``: of batches. ``rules``: by exit. ``tlast``: whether TLAST is looked at.
    ``commands``: cycle and bits of writes to CONTROL. ``hard``: first cycles of resets by ``ap_rst_n``."""

    words: dict[str, Versions]
    lengths: Versions
    tlast: Versions
    rules: list[Rules]
    commands: list[tuple[int, int]] = field(default_factory=list)
    hard: list[int] = field(default_factory=list)

    @property
    def resets(self) -> list[int]:
        """The last cycles before everything inside was forgotten, in order."""
        return sorted({*self.hard, *(cycle for cycle, bits in self.commands if bits & SOFT_RESET)})


def _bits(item: Register) -> int:
    """Those of a register that there are."""
    if not item.fields:
        return (1 << item.bits) - 1
    return sum((1 << part.bits) - 1 << part.lsb for part in item.fields)


def _value(item: Register, raw: int) -> int:
    return raw - (raw >> item.bits - 1 << item.bits) if item.signed else raw


class _Exit:
    """Keeps the rules of exit ``index`` up with its registers."""

    def __init__(self, netlist: Netlist, index: int, words: dict[str, int]) -> None:
        unit = exit_decision(netlist, index)
        self.names = {name: f"{name}_{index}" for name in ("THRESHOLD", "ENABLE", "MODE")}
        self.by_class = "class_write" in unit.score.ports
        limits: range = unit.score.value_range if self.by_class else unit.threshold_range
        self.least, self.most = limits[0], limits[-1]
        self.table = tuple(netlist.exits[index].params["thresholds"]) if self.by_class else ()
        self.rules = Rules([-1], [self._mode(words)], [self._thresholds(words)])

    def _mode(self, words: dict[str, int]) -> int:
        return words[self.names["MODE"]] & 3 if words[self.names["ENABLE"]] else 2

    def _clamped(self, words: dict[str, int]) -> int:
        return min(max(words[self.names["THRESHOLD"]], self.least), self.most)

    def _thresholds(self, words: dict[str, int]) -> Sequence[int]:
        return self.table if self.by_class else (self._clamped(words),)

    def see(self, cycle: int, name: str | None, words: dict[str, int]) -> None:
        """From ``cycle`` on the registers hold ``words``: ``name`` was written, or there was a reset (None), which leaves thresholds of
        classes."""
        number = words[self.names["MODE"]] >> 16
        if self.by_class and name == self.names["THRESHOLD"] and number < len(self.table):
            self.table = (*self.table[:number], self._clamped(words), *self.table[number + 1 :])
        if name is None or name in self.names.values():
            self.rules.change(cycle, self._mode(words), self._thresholds(words))


def history(netlist: Netlist, log: Log) -> History:
    """What was in force in the accelerator of ``netlist`` while ``log`` was written."""
    declared = registers(netlist)
    by_offset = {item.offset: item for item in declared}
    initial = {item.name: _value(item, item.init & (1 << item.bits) - 1) for item in declared if item.access == "rw"}
    words = dict(initial)
    exits = [_Exit(netlist, item.index, words) for item in netlist.exits]
    length = words["BATCH_LENGTH"]
    found = History({name: Versions(values=[value]) for name, value in initial.items()}, Versions(values=[length]), Versions(values=[0]),
                    [item.rules for item in exits])
    for kind, cycle, offset, value in _changes(log):
        if kind == Kind.RESET:
            words = dict(initial)
            found.hard.append(cycle)
            found.lengths.change(cycle + 1, length)
            found.tlast.change(cycle + 1, 0)
            for name, word in initial.items():
                found.words[name].change(cycle + 1, word)
            for item in exits:
                item.see(cycle + 1, None, words)
            continue
        register, strobe, value = by_offset.get(offset & ~3), value >> 32, value & 0xFFFFFFFF
        if register is not None and register.name == "CONTROL" and strobe & 1:
            found.commands.append((cycle, value))
            found.tlast.change(cycle, value & CHECK_TLAST)
        if register is None or register.access != "rw" or not strobe:
            continue
        bits = _bits(register)
        mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1) & bits
        raw = words[register.name] & ~mask & bits | value & mask
        words[register.name] = _value(register, raw)
        found.words[register.name].change(cycle, words[register.name])
        if register.name == "BATCH_LENGTH":
            found.lengths.change(cycle, max(1, raw))
        for item in exits:
            item.see(cycle, register.name, words)
    return found


def _changes(log: Log) -> Iterator[tuple[int, int, int, int]]:
    """Records of writes and resets; of one cycle the write first, which the reset undoes."""
    rows = log.records[np.isin(log.records[:, 0], (Kind.WRITE, Kind.RESET))]
    yield from rows[np.lexsort((rows[:, 0], rows[:, 1]))].tolist()
