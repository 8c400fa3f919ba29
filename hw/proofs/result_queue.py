"""Claims about ResultQueue."""

from functools import partial
from itertools import pairwise

from amaranth.hdl import Cat, Signal
from amaranth.lib import data

from hw.exits.result_queue import ResultQueue
from hw.exits.router import result_layout
from hw.exits.token import token_layout
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, offers_fairly, took

__all__ = ["PROOFS", "describe"]

_AHEAD = 2
"""Batches that results may be ahead of the one going on."""


def describe(h: Harness, queue: ResultQueue) -> None:
    """Results leave once and in order, each as soon as it is first and its batch is going on, and never before.

    Assumes that a result on offer stays as it is until it is taken, that results come in the order of their batches, no more than two
    ahead of the one going on, and that a batch ends with the last of its results that is inside, or later.
    """
    m, depth = h.m, queue.depth
    offers_fairly(h, queue.i, "i")
    entry = data.StructLayout({"batch": len(queue.i.payload.token.batch), "label": 1})
    new, payload = data.View(entry, h.free("offered", entry.size)), Signal(queue.result, name="offered_result")
    m.d.comb += [payload.token.batch.eq(new.batch), payload.label.eq(new.label)]
    h.drive(queue.i.payload, payload)

    batch = Signal(entry["batch"].shape, name="batch_going_on")
    rows = [Signal(entry, name=f"row{n}") for n in range(depth)]
    used = Signal(range(depth + 1), name="used")
    enters, leaves = took(queue.i), took(queue.o)
    newest = Signal(entry, name="newest")
    with m.If(leaves):
        m.d.sync += [row.eq(later) for row, later in pairwise(rows)]
    with m.If(enters):
        m.d.sync += newest.eq(new)
        for n, row in enumerate(rows):
            with m.If(used - leaves == n):
                m.d.sync += row.eq(new)
    m.d.sync += [used.eq(used + enters - leaves), batch.eq(batch + queue.ends)]

    ahead = (new.batch - batch)[:len(batch)]
    h.assume(~queue.i.valid | ((ahead <= _AHEAD) & ((used == 0) | (ahead >= (newest.batch - batch)[:len(batch)]))))
    inside = [(used > n) & (row.batch == batch) for n, row in enumerate(rows)]
    h.assume(~queue.ends | ~(Cat(inside[1:]).any() | (inside[0] & ~leaves) | (queue.i.valid & (ahead == 0))))

    keeps_contract(h, queue.o, "o")
    h.claim("what_is_first_and_of_the_batch_is_on_offer_and_nothing_else_is", queue.o.valid == inside[0])
    h.claim("results_leave_as_they_came", ~queue.o.valid | (
        (queue.o.payload.token.batch == rows[0].batch) & (queue.o.payload.label == rows[0].label)))
    h.claim("one_is_taken_when_and_only_when_there_is_room", queue.i.ready == (used != depth))
    h.claim("level_counts_them", queue.level == used)
    waits = (used != 0) & ~inside[0]
    h.cover("full_of_a_batch_to_come", (used == depth) & waits)
    h.cover("one_that_waited_leaves", leaves & (counted(h, waits, "cycles_waited") == 2))
    h.cover("third_batch_ends_with_a_result", leaves & queue.ends & (counted(h, leaves & queue.ends, "ended") == 2))


def _make(depth: int) -> ResultQueue:
    token = token_layout(id_bits=1, max_in_flight=2)
    return ResultQueue(result_layout(token, label_bits=1, confidence_bits=1), depth)


PROOFS = tuple(
    Proof(unit="result_queue", variant=f"{depth} places{', reset' if reset else ''}", reset=reset, depth=9,
          text="each result once, in order, and none before its batch", make=partial(_make, depth), describe=describe)
    for depth, reset in ((3, False), (3, True), (4, False))
)
