"""The surroundings of ExitMerge: samples that enter in order and reach it through any of the exits."""

from itertools import pairwise
from typing import Any

from amaranth.hdl import Const, Module, Mux, Signal, Value
from amaranth.lib import data

from hw.exits.merge import ExitMerge
from hw.proofs.contract import Harness, took

__all__ = ["Samples", "queue"]

_LONGEST = 3
"""Batches have from 1 to so many samples."""
_TIME = 3
"""Bits of ``now`` and of stamps that are not 0."""


class Samples:
    """Lets samples enter, no more than ``max_in_flight`` inside, each to an exit of any choice, where results keep the order of entry.

    Batches have any length from 1 to 3; the length of one is known from the cycle after its first sample entered. Label, confidence,
    id and stamp of a result are free. Results and lengths are offered in any cycle and then until they are taken (``i.valid`` is free); in
    order of arrival a result only while its batch is going on.

    ``batch_ends`` is to be driven: a batch's last result is counted; until then ``length`` and ``batch_out`` are those of that batch.

    One sample, whichever, is watched. ``watched_before`` samples inside entered before it.

    Where every exit answers (two exits), samples reach exit 0 in order, at any time after they entered, and there leave or go on: from the
    next cycle on a result of exit 1 may be offered, at any time. What reached exit 0 is on offer until it is taken. Of the watched
    sample's results one, whichever, is watched.
    """

    def __init__(self, h: Harness, merge: ExitMerge) -> None:
        self.h, self.merge = h, merge
        m, depth = h.m, merge.max_in_flight
        slot, batch = merge.result["token"].shape["slot"].width, merge.result["token"].shape["batch"].width
        self.inside = Signal(range(depth + 1), name="inside")
        enters = Signal(name="sample_enters")
        m.d.comb += enters.eq(h.free("another_sample", 1) & (self.inside != depth))
        m.d.sync += self.inside.eq(self.inside + enters - merge.release)

        # Its batch, and how many are yet to come of it.
        to_come = Signal(range(_LONGEST), name="yet_to_enter_of_the_batch")
        length = h.free("length_of_a_new_batch", range(_LONGEST + 1))
        h.assume((length >= 1) & (length <= _LONGEST))
        opens = enters & (to_come == 0)
        batch_in, slot_in = Signal(batch, name="batch_in"), Signal(slot, name="slot_in")
        with m.If(enters):
            m.d.sync += [to_come.eq(Mux(opens, length, to_come) - 1), slot_in.eq(Mux(slot_in == depth - 1, 0, slot_in + 1))]
            with m.If(Mux(opens, length, to_come) == 1):
                m.d.sync += batch_in.eq(batch_in + 1)
        self.batch_out = Signal(batch, name="batch_out")
        self.batch_ends = Signal(name="batch_ends")
        m.d.sync += self.batch_out.eq(self.batch_out + self.batch_ends)
        entry = data.StructLayout({"length": 2})
        lengths, lengths_filled, lengths_level = queue(m, depth, entry, opens, length, took(merge.length), "lengths")
        open_lengths, _, _ = queue(m, depth, entry, opens, length, self.batch_ends, "open_lengths")
        self.expected: Value = Const(0)  # the watched sample's word, for ``describe`` to keep
        self.length: Value = open_lengths.length
        self.final: Value = Const(1)  # the result that is taken is one with which its sample leaves
        h.claim("as_many_lengths_wait_as_samples_are_inside_at_most", ~opens | (lengths_level < depth))
        h.drive(merge.length.valid, lengths_filled)
        h.drive(merge.length.payload, lengths.length)

        self._watch(h, merge, enters)
        self.heads: list[Any] = []
        self.filled: list[Value] = []
        which = h.free("exit_of_the_sample", range(merge.exits))
        h.assume(which < merge.exits)
        h.drive(merge.now, h.free("time", _TIME))
        self.under_way: Value = Const(0)
        """Samples that have not reached the first exit."""
        if merge.anytime:
            self._answer_everywhere(which, enters, slot_in, batch_in)
            return
        entry = data.StructLayout({"slot": slot, "batch": batch, "watched": 1})
        for k in range(merge.exits):
            new = Signal(entry, name=f"new_of_exit{k}")
            m.d.comb += [new.slot.eq(slot_in), new.batch.eq(batch_in), new.watched.eq(self._starts)]
            head, filled, _ = queue(m, depth, entry, enters & (which == k), new, took(merge.i[k]), f"exit{k}")
            self._offer(k, head)
            self.heads.append(head)
            self.filled.append(self._due(filled, head))
            h.assume(~merge.i[k].valid | self.filled[k])
        m.d.comb += self.watched_taken.eq(sum(took(merge.i[k]) & self.heads[k].watched for k in range(merge.exits)))
        m.d.comb += self.watched_exit.eq(Mux(took(merge.i[0]), 0, 1))

    def _answer_everywhere(self, which: Value, enters: Value, slot_in: Value, batch_in: Value) -> None:
        h, merge, m, depth = self.h, self.merge, self.h.m, self.merge.max_in_flight
        entry = data.StructLayout({"slot": slot_in.shape(), "batch": batch_in.shape(), "watched": 1, "goes_on": 1})
        new = Signal(entry, name="new_sample")
        m.d.comb += [new.slot.eq(slot_in), new.batch.eq(batch_in), new.watched.eq(self._starts), new.goes_on.eq(which)]
        reaches = Signal(name="sample_reaches_exit0")
        before, self.under_way, _ = queue(m, depth, entry, enters, new, reaches, "before_exit0")
        m.d.comb += reaches.eq(h.free("another_reaches_exit0", 1) & self.under_way)
        h.drive(merge.i[0].valid, self._exit(0, entry, reaches, before))
        h.assume(~merge.i[1].valid | self._exit(1, entry, reaches & before.goes_on, before))
        self.final = Mux(took(merge.i[0]), ~self.heads[0].goes_on, 1)
        watched = h.constant("watched_result_is_of_exit1", 1)
        m.d.comb += [
            self.watched_taken.eq(Mux(watched, took(merge.i[1]) & self.heads[1].watched, took(merge.i[0]) & self.heads[0].watched)),
            self.watched_exit.eq(watched),
        ]

    def _exit(self, k: int, entry: data.StructLayout, push: Value, value: Any) -> Value:
        """Queue before exit ``k``; whether there is one in it that may be offered."""
        head, filled, _ = queue(self.h.m, self.merge.max_in_flight, entry, push, value, took(self.merge.i[k]), f"exit{k}")
        self._offer(k, head)
        self.heads.append(head)
        self.filled.append(self._due(filled, head))
        return self.filled[k]

    def _due(self, filled: Value, head: Any) -> Value:
        """Whether the first of a ``filled`` queue may be offered: in order of arrival, if it is of the batch that is going on."""
        return filled & (head.batch == self.batch_out) if self.merge.order == "arrival" else filled

    def _watch(self, h: Harness, merge: ExitMerge, enters: Value) -> None:
        m = h.m
        self.watched_inside, self.watched_came = Signal(name="watched_inside"), Signal(name="watched_came")
        self.watched_taken, self.watched_exit = Signal(name="watched_taken"), Signal(range(max(2, merge.exits)), name="watched_exit")
        self.watched_before = Signal.like(self.inside, name="watched_before")
        seen = Signal(name="watched_seen")
        self._starts = enters & h.free("watch_this_sample", 1) & ~seen
        with m.If(self._starts):
            m.d.sync += [seen.eq(1), self.watched_inside.eq(1), self.watched_before.eq(self.inside - merge.release)]
        with m.Elif(self.watched_inside & merge.release & (self.watched_before != 0)):
            m.d.sync += self.watched_before.eq(self.watched_before - 1)
        with m.If(self.watched_taken):
            m.d.sync += self.watched_came.eq(1)

    def leaves(self, event: Value) -> None:
        """The watched sample leaves with ``event``."""
        with self.h.m.If(event):
            self.h.m.d.sync += [self.watched_inside.eq(0), self.watched_came.eq(0)]

    def _offer(self, k: int, head: Any) -> None:
        h, merge = self.h, self.merge
        result = Signal(merge.result, name=f"result_of_exit{k}")
        for name, target in (("id", result.token.id), ("label", result.label), ("confidence", result.confidence)):
            h.m.d.comb += target.eq(h.free(f"{name}_of_exit{k}", len(target)))
        h.m.d.comb += [result.token.slot.eq(head.slot), result.token.batch.eq(head.batch),
                       result.token.stamp.eq(h.free(f"stamp_of_exit{k}", _TIME))]
        if merge.anytime:
            h.m.d.comb += result.final.eq(~head.goes_on if k == 0 else 1)
        h.drive(merge.i[k].payload, result)


def queue(m: Module, depth: int, layout: data.StructLayout, push: Value, value: Any, pop: Value, name: str) -> tuple[Any, Value, Signal]:
    """A queue: its first entry, whether there is one, and how many there are."""
    used = Signal(range(depth + 1), name=f"{name}_level")
    rows = [Signal(layout, name=f"{name}_{n}") for n in range(depth)]
    with m.If(pop):
        m.d.sync += [row.eq(later) for row, later in pairwise(rows)]
    with m.If(push):
        for n, row in enumerate(rows):
            with m.If(used - pop == n):
                m.d.sync += row.as_value().eq(value)
    m.d.sync += used.eq(used + push - pop)
    return rows[0], used != 0, used
