"""Claims about ExitMerge."""

from functools import partial

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from hw.exit_merge import ExitMerge
from hw.netlist import ResultField
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, kept, level, offers_fairly, took
from hw.proofs.samples import Samples
from hw.token import token_layout

__all__ = ["PROOFS", "describe"]

_CYCLES = 2
"""Bits of the word's ``cycles``, and of the numbers that ``now`` and the stamps are, plus 1."""


def describe(h: Harness, merge: ExitMerge) -> None:
    """Each result leaves once, right, in its batch and order; exits take turns; what is due leaves at once.

    Assumes that results come as from the units before it: see :class:`~hw.proofs.samples.Samples`.
    """
    arrival = merge.order == "arrival"
    for k in range(merge.exits):
        offers_fairly(h, merge.i[k], f"i{k}")
    samples = Samples(h, merge)
    taken = [took(merge.i[k]) for k in range(merge.exits)]
    free = ~merge.o.valid | merge.o.ready
    keeps_contract(h, merge.o, "o")
    h.claim("one_result_is_taken_at_a_time", sum(taken, Const(0)) <= 1)

    # What leaves is on offer in the next cycle.
    full = Signal(name="something_is_on_offer")
    h.m.d.sync += full.eq(merge.release | (full & ~merge.o.ready))
    h.claim("what_leaves_is_on_offer_one_cycle_later_and_nothing_else_is", merge.o.valid == full)
    h.claim("nothing_leaves_while_the_output_waits", ~merge.release | free)
    h.claim("as_many_leave_as_came", merge.release == Cat(taken).any() if arrival else ~merge.release | (samples.inside != 0))

    sent = level(h, merge.release, Mux(took(merge.length), merge.length.payload[:3], 0), "sent_of_the_batch")
    ends = merge.release & (sent + 1 == merge.length.payload[:3])
    h.claim("length_is_taken_with_the_result_that_completes_its_batch", took(merge.length) == ends)
    h.claim("last_marks_the_result_that_completes_a_batch", ~merge.o.valid | (merge.o.payload.last == kept(h, merge.release, ends, "ends")))
    h.claim("batch_done_is_the_transfer_of_the_last", merge.batch_done == (took(merge.o) & merge.o.payload.last))

    waiting = [merge.i[k].valid & ((samples.heads[k].batch == samples.batch_out) if arrival else 1) for k in range(merge.exits)]
    for k in range(merge.exits):
        others = Signal(range(merge.exits + 1), name=f"others_before_exit{k}")
        h.m.d.sync += others.eq(Mux(waiting[k] & ~taken[k], others + (Cat(taken).any() & (others != merge.exits)), 0))
        h.claim(f"exit{k}_waits_for_no_more_than_all_others_once", others < merge.exits)
        h.claim(f"exit{k}_sends_nothing_of_a_batch_to_come", ~taken[k] | waiting[k])
        h.cover(f"exit{k}_waits_for_another", waiting[k] & ~taken[k] & Cat(taken).any())
    due = Cat(waiting).any() & (merge.length.valid & free if arrival else 1)
    h.claim("one_that_waits_is_taken_at_once", ~due | Cat(taken).any())
    _no_deadlock(h, merge, samples, 0 if arrival else merge.exits)
    _watch_one(h, merge, samples, free)

    h.cover("batch_of_two_ends_and_another_goes_on", (sent == 1) & took(merge.length) & (samples.inside > 1))
    h.cover("full_and_stalled", (samples.inside == merge.max_in_flight) & merge.o.valid & ~merge.o.ready)
    h.cover("places_come_again", counted(h, merge.release, "left_so_far") == merge.max_in_flight + 1)
    if arrival:
        h.cover("result_of_a_later_batch_waits", merge.i[0].valid & ~waiting[0] & merge.length.valid & free)
        h.cover("samples_leave_in_another_order", samples.watched_inside & ~samples.watched_taken & merge.release)


def _no_deadlock(h: Harness, merge: ExitMerge, samples: Samples, bound: int) -> None:
    """While every exit offers what it has and the output is ready, no more than ``bound`` cycles pass before a result leaves."""
    offered = Cat(merge.i[k].valid | ~samples.filled[k] for k in range(merge.exits)).all()
    idle = Signal(range(bound + 2), name="idle_cycles")
    fair = offered & merge.o.ready & (samples.inside != 0) & ~merge.release
    with h.m.If(merge.release | (samples.inside == 0)):
        h.m.d.sync += idle.eq(0)
    with h.m.Elif(fair & (idle <= bound)):
        h.m.d.sync += idle.eq(idle + 1)
    h.claim(f"one_leaves_after_at_most_{bound}_cycles_of_fair_surroundings", ~fair | (idle < bound) if bound else ~fair)


def _watch_one(h: Harness, merge: ExitMerge, samples: Samples, free: Value) -> None:
    """Watches one sample, whichever, and claims that its word is right, and in input order also its turn."""
    word = Signal(merge.bits, name="expected_word")
    with h.m.Switch(samples.watched_exit):
        for k in range(merge.exits):
            with h.m.Case(k):
                h.m.d.comb += word.eq(_word(merge, k))
    expected = kept(h, samples.watched_taken, word, "watched_word")
    if merge.order == "arrival":
        leaves = samples.watched_taken
    else:
        came, in_front = samples.watched_came, samples.watched_before == 0
        leaves = merge.release & samples.watched_inside & in_front
        h.claim("no_one_leaves_before_it_came", ~leaves | came)
        h.claim("who_came_leaves_at_once_when_those_before_it_have_left", ~(came & in_front & free & merge.length.valid) | leaves)
        h.cover("later_sample_comes_first", came & ~in_front)
    on_offer = Signal(name="watched_is_on_offer")
    h.m.d.sync += on_offer.eq(leaves | (on_offer & ~merge.o.ready))
    samples.leaves(leaves)
    h.claim("word_is_that_of_the_sample", ~on_offer | (merge.o.payload.word == expected))
    h.cover("watched_sample_leaves", on_offer & merge.o.ready)


def _word(merge: ExitMerge, k: int) -> Value:
    """The result word of what exit ``k`` offers, as the fields below are defined."""
    result = merge.i[k].payload
    confidence, most = result.confidence.as_signed(), (1 << _CYCLES) - 1
    now, stamp = merge.now[:_CYCLES + 1], result.token.stamp[:_CYCLES + 1]
    age = Mux((now < stamp) | (now - stamp > most), most, (now - stamp)[:_CYCLES])
    clamped = Mux(confidence > 1, 1, Mux(confidence < -2, -2, confidence))
    return Cat(result.token.id, result.label, Const(k, 1), clamped[:2], age)


def _make(order: str, in_flight: int) -> ExitMerge:
    id_bits = 1 if in_flight == 2 else 2
    token = token_layout(id_bits=id_bits, max_in_flight=in_flight)
    widths = (("id", id_bits), ("label", 1), ("exit", 1), ("confidence", 2), ("cycles", _CYCLES))
    fields, offset = [], 0
    for name, width in widths:
        fields.append(ResultField(name=name, offset=offset, width=width, signed=name == "confidence"))
        offset += width
    return ExitMerge(exits=2, token=token, max_in_flight=in_flight, label_bits=1, confidence_bits=3, bits=offset, fields=fields,
                     order=order)


PROOFS = tuple(
    Proof(unit="exit_merge", variant=f"{order}, {in_flight} in flight{', reset' if reset else ''}", reset=reset, depth=8,
          text="each result once, right, in its batch; exits take turns",
          make=partial(_make, order, in_flight), describe=describe)
    for order, in_flight, reset in (
        ("arrival", 2, False), ("arrival", 2, True), ("arrival", 3, False), ("input", 2, False), ("input", 2, True), ("input", 3, False))
)
