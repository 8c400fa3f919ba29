"""Accounts for every image of a log of traffic: answered once and right, or forgotten by a reset that may do so; all else is told.

Ids, batches and decisions are followed as docs/accelerator.md describes them, by nothing but what is to be seen at the ports. An image is
right if some rule that was in force between its first word and its result gives that result, and no image after it needs an older one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from hw.netlist import Netlist
from sim.accelerator.images import pack
from sim.accelerator.in_force import DISCARD, SOFT_RESET, History, history
from sim.accelerator.readings import Passed, wrong_readings
from sim.accelerator.rulings import Pool, wrong_decisions
from sim.accelerator.traffic import Kind, Log
from sim.result_word import saturate, unpack

__all__ = ["Ledger", "Model", "audit"]

Integers = npt.NDArray[np.int64]
Model = Callable[[npt.NDArray[np.uint8]], tuple[Sequence[Integers], Mapping[int, Integers]]]
"""What the layers make of images: logits int64 ``[n, classes]`` of every exit, and those of gate heads, int64 ``[n]``, by exit."""

REASONS = 20
"""Complaints that are kept."""


@dataclass
class Ledger:
    """Images ``sent`` (of which a word was taken) were ``answered`` by a final result, ``forgotten`` in a reset, or are still ``inside`` at
    the end; they were ``lost`` where they were due, ``doubled``, or got something ``wrong``. ``withdrawn``: results that a reset took back
    which may. ``exact``: decisions of which one rule alone was in force. ``reasons``: the first complaints."""

    sent: int = 0
    answered: int = 0
    forgotten: int = 0
    inside: int = 0
    lost: int = 0
    doubled: int = 0
    wrong: int = 0
    withdrawn: int = 0
    decisions: int = 0
    exact: int = 0
    resets: int = 0
    writes: int = 0
    readings: int = 0
    cycles: int = 0
    reasons: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Nothing is lost, doubled or wrong."""
        return not (self.lost or self.doubled or self.wrong)

    def tell(self, reason: str) -> None:
        """Keep a complaint."""
        if len(self.reasons) < REASONS:
            self.reasons.append(reason)

    def add(self, other: "Ledger") -> None:
        """Sum up."""
        for name in self.__dataclass_fields__:
            if name != "reasons":
                setattr(self, name, getattr(self, name) + getattr(other, name))
        for reason in other.reasons:
            self.tell(reason)


@dataclass
class _Traffic:
    """What passed at the ports: images by their first words, and results, each with its epoch: how many resets were before."""

    began: Integers
    entered: Integers
    epoch: Integers
    taken: Integers
    since: Integers
    last: npt.NDArray[np.bool_]
    final: npt.NDArray[np.bool_]
    results_epoch: Integers
    fields: dict[str, Integers]


def audit(netlist: Netlist, log: Log, images: npt.NDArray[np.uint8], model: Model) -> Ledger:
    """Account for the images of ``log``, which the source drew from ``images`` (uint8 ``[n, h, w, c]``) and ``model`` knows."""
    past = history(netlist, log)
    book = Ledger(cycles=log.cycles, resets=len(past.resets), writes=len(log.of(Kind.WRITE)))
    numbers, pool = _pool(netlist, log, images, model)
    seen = _seen(netlist, log, np.array(past.resets, np.int64))
    book.sent = len(numbers)
    answered = np.full(book.sent, -1, np.int64)  # by image, the number of its final result
    early: list[tuple[int, int]] = []  # image and number of results that are not final
    # Before the first reset anything may come.
    for epoch in range(int(past.resets[:1] == [0]), len(past.resets) + 1):
        _follow(netlist, book, past, seen, epoch, answered, early)
    _due(book, log, past, seen, answered)
    _withdrawals(book, log, past)
    for cycle, word, _ in log.of(Kind.CHANGED).tolist():
        book.wrong += 1
        book.tell(f"cycle {cycle}: the result on offer became {word % (1 << 64):#x}")

    who = np.flatnonzero(answered >= 0)
    results = answered[who]
    exits = seen.fields["exit"][results]
    _contents(netlist, book, seen, pool, numbers, who, results)
    passed = np.sort(results)
    readings = wrong_readings(netlist, log, past, Passed(
        began=seen.began, epoch=seen.epoch, taken=seen.taken[passed], results_epoch=seen.results_epoch[passed],
        exits=seen.fields["exit"][passed], last=seen.last[passed]))
    book.readings = len(log.of(Kind.READ))
    for reason in readings:
        _at(book, "wrong", reason)
    if early:
        _contents(netlist, book, seen, pool, numbers, *np.array(early, np.int64).T)
    found = wrong_decisions(pool, past.rules, numbers[who], exits, seen.began[who], seen.since[results])
    book.decisions, book.exact = found.decisions, found.exact
    book.wrong += len(found.wrong)
    for at, exit_ in found.wrong:
        book.tell(f"image {who[at]}, begun in cycle {seen.began[who[at]]}, left at exit {exits[at]}, but no rule in force at exit {exit_} "
                  "says so")
    return book


def _pool(netlist: Netlist, log: Log, images: npt.NDArray[np.uint8], model: Model) -> tuple[Integers, Pool]:
    """Which of the pool's images each is, and the pool: ``images``, and those whose first word was left from another one by a reset."""
    records = log.of(Kind.IMAGE)
    numbers = records[:, 1].copy()
    mixed = np.flatnonzero(records[:, 2] >= 0)
    if len(mixed):
        packed = pack(images, netlist.input.bus_bits)
        words = packed[numbers[mixed]]
        words[:, 0] = packed.reshape(-1, packed.shape[2])[records[mixed, 2]]
        shape = images.shape[1:]
        flat = words.reshape(len(mixed), -1)[:, : shape[0] * shape[1] * shape[2]]
        numbers[mixed] = len(images) + np.arange(len(mixed))
        images = np.concatenate([images, flat.reshape(len(mixed), *shape)])
    return numbers, Pool(netlist, *model(images))


def _seen(netlist: Netlist, log: Log, resets: Integers) -> _Traffic:
    began = log.of(Kind.IMAGE)[:, 0]
    kinds = log.records[:, 0]
    entered = np.full(len(began), -1, np.int64)
    rows = np.flatnonzero(kinds == Kind.ENTERED)
    entered[np.cumsum(kinds == Kind.IMAGE)[rows] - 1] = log.records[rows, 1]
    results = log.of(Kind.RESULT)
    fields = unpack(results[:, 1].astype(np.uint64).tolist(), netlist.result)
    since = results[:, 2] >> 1
    final = fields["final"].astype(bool) if "final" in fields else np.ones(len(results), np.bool_)
    return _Traffic(began=began, entered=entered, epoch=np.searchsorted(resets, began), taken=results[:, 0], since=since,
                    last=(results[:, 2] & 1).astype(bool), final=final, results_epoch=np.searchsorted(resets, since), fields=fields)


def _follow(netlist: Netlist, book: Ledger, past: History, seen: _Traffic, epoch: int, answered: Integers,
            early: list[tuple[int, int]]) -> None:
    """Gives each result of an epoch to its image. At the first fault the rest of the epoch is left: nothing in it can be told any more."""
    first, end = (int(np.searchsorted(seen.epoch, epoch, side)) for side in ("left", "right"))
    begin, stop = (int(np.searchsorted(seen.results_epoch, epoch, side)) for side in ("left", "right"))
    ids = 1 << next(item.width for item in netlist.result.fields if item.name == "id")
    numbers = seen.fields["id"]
    opens, places, highest, count, waiting = first, dict[int, int](), -1, 0, dict[int, list[int]]()
    lengths: set[int] = set()
    for result in range(begin, stop):
        number = int(numbers[result])
        if not seen.final[result]:
            waiting.setdefault(number, []).append(result)
            continue
        place = places.get(number, number)
        image = opens + place
        if image >= end or seen.began[image] >= seen.since[result]:
            kind = "doubled" if number in places else "wrong"
            setattr(book, kind, getattr(book, kind) + 1)
            book.tell(f"cycle {seen.taken[result]}: a result with id {number} {'came again' if number in places else 'is of no image'}")
            return
        if not count:
            until = seen.entered[opens] if seen.entered[opens] >= 0 else seen.since[result]
            lengths = past.lengths.between(int(seen.began[opens]), int(until))
        places[number] = place + ids
        highest, count = max(highest, place), count + 1
        if netlist.order == "input" and place != count - 1:
            return _at(book, "wrong", f"cycle {seen.taken[result]}: image {place} of its batch came out of turn")
        answered[image] = result
        given = [int(seen.fields["exit"][item]) for item in waiting.get(number, [])]
        if netlist.anytime and given != list(range(int(seen.fields["exit"][result]))):
            return _at(book, "wrong", f"image {image} was answered by exits {given} before its final result")
        early += [(image, item) for item in waiting.pop(number, [])]
        if seen.last[result]:
            if highest != count - 1:
                return _at(book, "lost", f"cycle {seen.taken[result]}: the batch ends after {count} results, of image {highest} too")
            if count not in lengths:
                return _at(book, "wrong", f"cycle {seen.taken[result]}: a batch of {sorted(lengths)} ends after {count} results")
            opens, places, highest, count = opens + count, {}, -1, 0
        elif count >= max(lengths):
            return _at(book, "wrong", f"cycle {seen.taken[result]}: no TLAST after {count} results of a batch of {sorted(lengths)}")
    return None


def _at(book: Ledger, kind: str, reason: str) -> None:
    setattr(book, kind, getattr(book, kind) + 1)
    book.tell(reason)


def _due(book: Ledger, log: Log, past: History, seen: _Traffic, answered: Integers) -> None:
    """Counts what became of the images without a result: those of before a reset are forgotten, unless all had been waited for."""
    none = answered < 0
    due = np.zeros(len(answered), np.bool_)
    resets = np.array(past.resets, np.int64)
    for cycle in [*log.of(Kind.DRAINED)[:, 0].tolist(), *log.of(Kind.STUCK)[:, 0].tolist()]:
        epoch = np.searchsorted(resets, cycle)
        first, end = np.searchsorted(seen.epoch, epoch), np.searchsorted(seen.began, cycle, "right")
        due[first:end] |= none[first:end]
    book.lost += int(due.sum())
    for image in np.flatnonzero(due)[:REASONS]:
        book.tell(f"image {image}, begun in cycle {seen.began[image]}, has no result")
    if len(log.of(Kind.STUCK)) and not due.any():
        _at(book, "wrong", f"cycle {log.cycles}: nothing moves any more")
    ended = none & ~due & (seen.epoch < len(past.resets))
    book.answered, book.forgotten = int((~none).sum()), int(ended.sum())
    book.inside = int((none & ~due & ~ended).sum())


def _withdrawals(book: Ledger, log: Log, past: History) -> None:
    """A result on offer may be taken back by ``ap_rst_n``, and by ``discard`` where a soft reset comes with it or came while it was on
    offer."""
    commands = dict(past.commands)
    soft = np.array([cycle for cycle, bits in past.commands if bits & SOFT_RESET], np.int64)
    for cycle, word, since in log.of(Kind.WITHDRAWN).tolist():
        bits = commands.get(cycle - 1, 0)
        pending = bool(((soft >= since) & (soft < cycle)).any())
        if cycle - 1 in past.hard or (bits & DISCARD and pending):
            book.withdrawn += 1
        else:
            _at(book, "wrong", f"cycle {cycle}: the result {word % (1 << 64):#x} on offer was taken back")


def _contents(netlist: Netlist, book: Ledger, seen: _Traffic, pool: Pool, numbers: Integers, who: Integers, results: Integers) -> None:
    """Compares class, confidence and cycles of results with what their images give at the exits that they name."""
    exits = seen.fields["exit"][results]
    good = exits < len(netlist.exits)
    at = np.minimum(exits, len(netlist.exits) - 1), numbers[who]
    fields = {item.name: item for item in netlist.result.fields}
    label = pool.labels[at]
    good &= label == seen.fields["label"][results]
    if "confidence" in fields:
        good &= saturate(pool.confidence[at], fields["confidence"]) == seen.fields["confidence"][results]
    if "cycles" in fields:
        most = saturate(seen.since[results] - seen.began[who], fields["cycles"])
        good &= (seen.fields["cycles"][results] <= most) & (seen.fields["cycles"][results] > 0)
    book.wrong += int((~good).sum())
    for bad in np.flatnonzero(~good)[:REASONS]:
        got = {name: int(values[results[bad]]) for name, values in seen.fields.items()}
        book.tell(f"image {who[bad]}, taken in cycle {seen.taken[results[bad]]}: {got}, class {label[bad]} expected")
