"""Claims about StreamAdd."""

from functools import partial

from amaranth.hdl import Cat, Signal

from hw.layers.stream_add import StreamAdd
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, offers_fairly, took

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, unit: StreamAdd) -> None:
    """Beats are taken together, one of each input, and each gives their sum, once and in order.

    Assumes that a beat on offer at an input stays as it is until it is taken.
    """
    for n, item in enumerate(unit.i):
        offers_fairly(h, item, f"i{n}")
    keeps_contract(h, unit.o, "o")
    taken = [took(item) for item in unit.i]
    h.claim("beats_are_taken_together", Cat(taken).all() | ~Cat(taken).any())
    held = Signal(name="a_sum_is_held")
    h.m.d.sync += held.eq(taken[0] | (held & ~took(unit.o)))
    h.claim("a_sum_is_offered_when_and_only_when_one_is_held", unit.o.valid == held)
    h.claim("none_is_taken_over_a_sum_that_waits", ~taken[0] | ~held | took(unit.o))
    sums = []
    for lane in range(unit.lanes):
        values = [item.payload[lane * bits :][:bits] for item, (bits, _) in zip(unit.i, unit.kinds, strict=True)]
        wide = sum(value.as_signed() if signed else value for value, (_, signed) in zip(values, unit.kinds, strict=True))
        wanted = Signal(unit.out_bits + 2, name=f"sum{lane}")
        with h.m.If(taken[0]):
            h.m.d.sync += wanted.eq(wide)
        given = unit.o.payload[lane * unit.out_bits :][: unit.out_bits]
        sums.append((given.as_signed() if unit.signed else given) == (wanted.as_signed() if unit.signed else wanted))
    h.claim("it_is_the_sum", ~unit.o.valid | Cat(sums).all())
    h.claim("beats_wait_for_each_other_and_for_room_alone",
            taken[0] == (Cat(item.valid for item in unit.i).all() & (~held | unit.o.ready)))
    h.cover("third_sum_leaves", (counted(h, took(unit.o), "sums") == 2) & took(unit.o))


PROOFS = tuple(
    Proof(unit="stream_add", variant=f"{told}{', reset' if reset else ''}", reset=reset, depth=6,
          text="the sum of each beat, once, in order", make=partial(StreamAdd, lanes, kinds), describe=describe)
    for told, lanes, kinds, reset in (
        ("two unsigned", 1, ((2, False), (2, False)), False), ("signed and unsigned", 2, ((2, True), (1, False)), False),
        ("three", 1, ((1, False), (2, True), (1, False)), False), ("two signed", 1, ((2, True), (2, True)), True))
)
