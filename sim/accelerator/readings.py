"""Whether registers that were read told what had passed at the ports."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from hw.accelerator import registers
from hw.netlist import Netlist
from sim.accelerator.images import image_words
from sim.accelerator.in_force import CLEAR, History
from sim.accelerator.traffic import Kind, Log

__all__ = ["Passed", "wrong_readings"]

Integers = npt.NDArray[np.int64]
WAY = 12
"""Cycles within which a read's value was taken, before its answer was; and within which what has passed is told."""
AFTER_RESET = 40
"""Cycles after a reset in which STATUS may still tell of it."""


@dataclass(frozen=True, kw_only=True)
class Passed:
    """What passed: of images the cycle in which they ``began`` and their ``epoch`` (how many resets were before); of final results that
    belong to an image the cycle in which they were ``taken``, ``results_epoch``, ``exits``, and whether they were the ``last`` of their
    batch. Int64 ``[n]``, in the order of the cycles."""

    began: Integers
    epoch: Integers
    taken: Integers
    results_epoch: Integers
    exits: Integers
    last: npt.NDArray[np.bool_]


def wrong_readings(netlist: Netlist, log: Log, past: History, passed: Passed) -> list[str]:
    """Says of every read that told something else. Counters and STATUS are looked at where every image had its result, and since the last
    time that they were cleared, if that was so then too; writable registers always."""
    declared = {item.offset: item for item in registers(netlist)}
    resets = np.array(past.resets, np.int64)
    clears = [cycle for cycle, bits in past.commands if bits & CLEAR]
    found = []
    touched = _unmapped(netlist, log)
    for cycle, offset, value in log.of(Kind.READ).tolist():
        item = declared.get(offset & ~3)
        if item is None:
            wanted: set[int] | None = {0}
        elif item.access == "rw":
            wanted = {word & 0xFFFFFFFF for word in past.words[item.name].between(cycle - WAY, cycle)}
        else:
            epoch = int(np.searchsorted(resets, cycle))
            reset = past.resets[epoch - 1] if epoch else -1
            base = max([reset, *(at for at in clears if reset < at <= cycle)])
            if not _quiet(passed, epoch, cycle) or not (base == reset or _quiet(passed, epoch, base)):
                continue
            wanted = _told(netlist, log, past, passed, item.name, epoch, base, cycle, value, touched)
        if wanted is not None and value not in wanted:
            name = item.name if item else f"{offset:#x}"
            found.append(f"cycle {cycle}: {name} reads as {value:#x}, not {', '.join(f'{word:#x}' for word in sorted(wanted))}")
    return found


def _part(epochs: Integers, epoch: int) -> slice:
    """Where something of an epoch stands."""
    first, end = np.searchsorted(epochs, [epoch, epoch + 1]).tolist()
    return slice(first, end)


def _quiet(passed: Passed, epoch: int, cycle: int) -> bool:
    began = passed.began[_part(passed.epoch, epoch)]
    taken = passed.taken[_part(passed.results_epoch, epoch)]
    return bool((began <= cycle).sum() == (taken <= cycle - WAY).sum())


def _told(netlist: Netlist, log: Log, past: History, passed: Passed, name: str, epoch: int, base: int, cycle: int,
          value: int, touched: list[int]) -> set[int] | None:
    """What a register that nobody writes may tell in ``cycle``, counting from ``base`` on; None where that does not follow."""
    part = _part(passed.results_epoch, epoch)
    results = (passed.taken[part] > base) & (passed.taken[part] <= cycle)
    kind, _, number = name.rpartition("_")
    if name == "SAMPLES_IN":
        began = passed.began[_part(passed.epoch, epoch)]
        return {int(((began > base) & (began <= cycle)).sum())}
    if name == "SAMPLES_OUT":
        return {int(results.sum())}
    if kind == "EXIT_COUNT":
        return {int((results & (passed.exits[part] == int(number))).sum())}
    if name != "STATUS" or cycle - base < AFTER_RESET:
        return None
    mask = 0xFFFF0003
    wanted = 0
    # Before the first word it does not matter.
    began = passed.began[_part(passed.epoch, epoch)]
    checked = past.tlast.between(max(base, int(began[0]) if len(began) else cycle), cycle)
    if len(checked) == 1:
        errors = min(255, _tlast_errors(netlist, log, passed, epoch, base, cycle)) if any(checked) else 0
        mask, wanted = mask | 0xFF04, wanted | errors << 8 | (errors > 0) << 2
    if not any(abs(at - edge) <= WAY for at in touched for edge in (base, cycle)):
        mask, wanted = mask | 8, wanted | any(base < at < cycle for at in touched) << 3
    return {value & ~mask | wanted}


def _tlast_errors(netlist: Netlist, log: Log, passed: Passed, epoch: int, base: int, cycle: int) -> int:
    """TLAST in wrong places: on a word that is no image's last, or missing at the end of a batch."""
    shape = (netlist.input.height, netlist.input.width, netlist.input.channels)
    words = image_words(shape, netlist.input.bus_bits)
    began = passed.began[_part(passed.epoch, epoch)]
    start = int(began[0]) if len(began) else cycle
    marks = log.of(Kind.TLAST)
    marks = marks[(marks[:, 0] >= start) & (marks[:, 0] <= cycle)]
    misplaced = int(((marks[:, 0] > base) & (marks[:, 1] % words != words - 1)).sum())
    # Batches follow one another: with the last result of one, n are there, of the first n images.
    part = _part(passed.results_epoch, epoch)
    taken = passed.taken[part]
    ends = np.flatnonzero(passed.last[part] & (taken <= cycle))
    marked = set(marks[:, 1].tolist())
    return misplaced + sum(end * words + words - 1 not in marked for end in ends[taken[ends] > base].tolist())


def _unmapped(netlist: Netlist, log: Log) -> list[int]:
    known = {item.offset for item in registers(netlist)}
    rows = log.records[np.isin(log.records[:, 0], (Kind.WRITE, Kind.READ))]
    return [cycle for _, cycle, offset, _ in rows.tolist() if offset & ~3 not in known]
