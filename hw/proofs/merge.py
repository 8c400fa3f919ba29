"""Claims about ExitMerge."""

from functools import partial

from amaranth.hdl import Cat, Const, Mux, Signal, Value
from amaranth.lib import data

from hw.exits.merge import ExitMerge
from hw.exits.token import token_layout
from hw.netlist import ResultField
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, kept, level, offers_fairly, took
from hw.proofs.samples import Samples, queue

__all__ = ["PROOFS", "describe"]

_CYCLES = 2
"""Bits of the word's ``cycles``, and of the numbers that ``now`` and the stamps are, plus 1."""


def describe(h: Harness, merge: ExitMerge) -> None:
    """Each result leaves once, right, in its batch and order; exits take turns; what is due is taken, and leaves, at once. Where every exit
    answers, results of one sample leave in the order of the exits, and batches go by the last of each sample.

    Assumes that results come as from the units before it: see :class:`~hw.proofs.samples.Samples`.
    """
    arrival = merge.order == "arrival"
    for k in range(merge.exits):
        offers_fairly(h, merge.i[k], f"i{k}")
    samples = Samples(h, merge)
    taken = [took(merge.i[k]) for k in range(merge.exits)]
    came = Cat(taken).any()
    keeps_contract(h, merge.o, "o")
    h.claim("one_result_is_taken_at_a_time", sum(taken, Const(0)) <= 1)

    # What leaves is on offer from the next cycle on, or behind one that left before it.
    left = Signal(name="one_leaves")
    on_offer = level(h, left, took(merge.o), "results_on_offer", bits=2)
    space = on_offer != 2
    h.claim("what_leaves_is_on_offer_one_cycle_later_and_nothing_else_is", merge.o.valid == (on_offer != 0))
    h.claim("nothing_leaves_while_two_wait", ~merge.release | space)
    picked = Signal(name="one_came_and_has_not_left")
    if arrival:
        h.m.d.sync += picked.eq(came | (picked & ~left))
    h.m.d.comb += left.eq(picked & space if merge.anytime else merge.release)
    released = picked & space & kept(h, came, samples.final, "final") if merge.anytime else picked & space
    h.claim("as_many_leave_as_came", merge.release == released if arrival else ~merge.release | (samples.inside != 0))

    counts = came & samples.final if arrival else merge.release
    ends = samples.batch_ends
    sent = level(h, counts, Mux(ends, samples.length, 0), "sent_of_the_batch")
    h.m.d.comb += ends.eq(counts & (sent + 1 == samples.length))
    known = level(h, took(merge.length), ends, "lengths_kept", bits=2)
    h.claim("two_lengths_are_kept_each_until_its_batch_ends", merge.length.ready == (known != 2))
    h.claim("nothing_is_counted_before_its_length_is_known", ~counts | (known != 0))
    h.claim("batch_done_is_the_transfer_of_the_last", merge.batch_done == (took(merge.o) & merge.o.payload.last))

    h.claim("ends_tells_of_the_last_of_a_batch", merge.ends == ends)
    waiting = [merge.i[k].valid for k in range(merge.exits)]
    for k in range(merge.exits):
        if k or not merge.anytime:
            h.cover(f"exit{k}_waits_for_another", waiting[k] & ~taken[k] & Cat(taken).any())
    if merge.anytime:
        _in_exit_order(h, merge, samples, taken, waiting)
    for k in range(0 if merge.anytime else merge.exits):
        others = Signal(range(merge.exits + 1), name=f"others_before_exit{k}")
        h.m.d.sync += others.eq(Mux(waiting[k] & ~taken[k], others + (Cat(taken).any() & (others != merge.exits)), 0))
        h.claim(f"exit{k}_waits_for_no_more_than_all_others_once", others < merge.exits)
    due = Cat(waiting).any() & ((known != 0) & (~picked | space) if arrival else 1)
    h.claim("one_that_waits_is_taken_at_once", ~due | came)
    _no_deadlock(h, merge, samples, left, 2 if arrival else merge.exits + 1)
    leaves = _watch_one(h, merge, samples, left, space & (known != 0))

    entry = Signal(data.StructLayout({"last": 1, "watched": 1}), name="leaving")
    h.m.d.comb += [entry.last.eq(kept(h, came, ends, "ends") if arrival else ends), entry.watched.eq(leaves)]
    first, _, _ = queue(h.m, 2, entry.shape(), left, entry, took(merge.o), "on_offer")
    h.claim("last_marks_the_result_that_completes_a_batch", ~merge.o.valid | (merge.o.payload.last == first.last))
    h.claim("word_is_that_of_the_sample", ~(merge.o.valid & first.watched) | (merge.o.payload.word == samples.expected))
    h.cover("watched_sample_leaves", merge.o.valid & first.watched & merge.o.ready)

    h.cover("batch_of_two_ends_and_another_goes_on", (sent == 1) & ends & (samples.inside > 1))
    h.cover("full_and_stalled", (samples.inside == merge.max_in_flight) & merge.o.valid & ~merge.o.ready)
    h.cover("places_come_again", counted(h, merge.release, "left_so_far") == merge.max_in_flight + 1)
    if arrival:
        h.cover("samples_leave_in_another_order", samples.watched_inside & ~leaves & merge.release)


def _in_exit_order(h: Harness, merge: ExitMerge, samples: Samples, taken: list[Value], waiting: list[Value]) -> None:
    """The lower exit goes first, and so a sample's results are taken in the order of the exits: that in which they leave."""
    h.claim("exit1_is_taken_only_while_exit0_does_not_wait", ~taken[1] | ~waiting[0])
    before = Signal(name="watched_was_taken_of_exit0")
    with h.m.If(taken[0] & samples.heads[0].watched):
        h.m.d.sync += before.eq(1)
    h.claim("results_of_a_sample_are_taken_in_the_order_of_the_exits", ~(taken[1] & samples.heads[1].watched) | before)
    h.cover("result_of_exit1_waits_for_that_of_its_own_sample", merge.i[1].valid & samples.heads[1].watched & ~before & waiting[1])


def _no_deadlock(h: Harness, merge: ExitMerge, samples: Samples, left: Value, bound: int) -> None:
    """While every exit offers what it has and the output is ready, no more than ``bound`` cycles pass before a result leaves."""
    offered = Cat(merge.i[k].valid | ~samples.filled[k] for k in range(merge.exits)).all() & ~samples.under_way
    idle = Signal(range(bound + 2), name="idle_cycles")
    fair = offered & merge.o.ready & (samples.inside != 0) & ~left
    with h.m.If(left | (samples.inside == 0)):
        h.m.d.sync += idle.eq(0)
    with h.m.Elif(fair & (idle <= bound)):
        h.m.d.sync += idle.eq(idle + 1)
    h.claim(f"one_leaves_after_at_most_{bound}_cycles_of_fair_surroundings", ~fair | (idle < bound) if bound else ~fair)


def _watch_one(h: Harness, merge: ExitMerge, samples: Samples, left: Value, free: Value) -> Value:
    """Watches one sample, whichever, and claims in input order that it leaves in its turn, when what is due is ``free`` to leave; high in
    the cycle in which it leaves.

    ``samples.expected`` is its word then and later, until it has been taken.
    """
    result = Signal(merge.result, name="watched_result")
    with h.m.If(samples.watched_exit == 0):
        h.m.d.comb += result.eq(merge.i[0].payload)
    with h.m.Else():
        h.m.d.comb += result.eq(merge.i[1].payload)
    confidence = result.confidence.as_signed()
    clamped = Mux(confidence > 1, 1, Mux(confidence < -2, -2, confidence))
    fields = kept(h, samples.watched_taken, Cat(result.token.id, result.label, samples.watched_exit, clamped[:2]), "watched_fields")
    stamp = kept(h, samples.watched_taken, result.token.stamp[:_CYCLES + 1], "watched_stamp")
    now, most = merge.now[:_CYCLES + 1], (1 << _CYCLES) - 1
    age = Mux((now < stamp) | (now - stamp > most), most, (now - stamp)[:_CYCLES])
    came = samples.watched_came
    if merge.order == "arrival":
        leaves = packs = left & came
    else:
        stored, in_front = Signal(name="watched_is_stored"), samples.watched_before == 0
        leaves, packs = merge.release & samples.watched_inside & in_front, came & ~stored
        h.m.d.sync += stored.eq(came & ~leaves)
        h.claim("no_one_leaves_before_it_came", ~leaves | stored)
        h.claim("who_came_leaves_at_once_when_those_before_it_have_left", ~(stored & in_front & free) | leaves)
        h.cover("later_sample_comes_first", came & ~in_front)
    samples.leaves(leaves)
    samples.expected = Cat(fields, kept(h, packs, age, "watched_age"))
    if merge.anytime:
        samples.expected = Cat(samples.expected, kept(h, samples.watched_taken, samples.final, "watched_final"))
    return leaves


def _make(order: str, in_flight: int, anytime: bool = False) -> ExitMerge:
    id_bits = 1 if in_flight == 2 else 2
    token = token_layout(id_bits=id_bits, max_in_flight=in_flight)
    widths = (("id", id_bits), ("label", 1), ("exit", 1), ("confidence", 2), ("cycles", _CYCLES), *((("final", 1),) if anytime else ()))
    fields, offset = [], 0
    for name, width in widths:
        fields.append(ResultField(name=name, offset=offset, width=width, signed=name == "confidence"))
        offset += width
    return ExitMerge(exits=2, token=token, max_in_flight=in_flight, label_bits=1, confidence_bits=3, bits=offset, fields=fields,
                     order=order, anytime=anytime)


PROOFS = tuple(
    Proof(unit="exit_merge", variant=f"{order}, {in_flight} in flight{', reset' if reset else ''}", reset=reset,
          depth=8 if order == "arrival" else 10,
          text="each result once, right, in its batch; exits take turns",
          make=partial(_make, order, in_flight), describe=describe)
    for order, in_flight, reset in (
        ("arrival", 2, False), ("arrival", 2, True), ("arrival", 3, False), ("input", 2, False), ("input", 2, True), ("input", 3, False))
) + tuple(
    Proof(unit="exit_merge", variant=f"anytime, {in_flight} in flight{', reset' if reset else ''}", reset=reset, depth=9,
          text="each result of every exit once, right, in its batch, in the order of the exits",
          make=partial(_make, "arrival", in_flight, True), describe=describe)
    for in_flight, reset in ((2, False), (2, True))
)
