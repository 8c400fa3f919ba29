"""Claims about StreamFork."""

from functools import partial

from amaranth.hdl import Cat, Signal

from hw.layers.stream_fork import StreamFork
from hw.proofs.contract import Harness, Proof, counted, keeps_contract, offers_fairly, took

__all__ = ["PROOFS", "describe"]


def describe(h: Harness, fork: StreamFork) -> None:
    """Every output takes every beat once and in order, is offered it at once, and the beat leaves with the last taker.

    Assumes that a beat on offer at ``i`` stays as it is until it is taken.
    """
    offers_fairly(h, fork.i, "i")
    has_taken = []
    for n, output in enumerate(fork.o):
        keeps_contract(h, output, f"o{n}")
        ahead = Signal(name=f"o{n}_is_ahead")  # it has taken the beat that is on offer
        h.m.d.sync += ahead.eq(~took(fork.i) & (ahead | took(output)))
        h.claim(f"o{n}_is_offered_what_it_lacks_and_nothing_else", output.valid == (fork.i.valid & ~ahead))
        h.claim(f"o{n}_offers_the_beat_of_the_input", ~output.valid | (output.payload == fork.i.payload))
        has_taken.append(ahead | took(output))
        h.cover(f"o{n}_waits_for_another_output", ahead & fork.i.valid & ~fork.i.ready)
    h.claim("beat_leaves_when_and_only_when_all_have_taken_it", ~fork.i.valid | (fork.i.ready == Cat(has_taken).all()))
    h.cover("third_beat_leaves", (counted(h, took(fork.i), "beats") == 2) & took(fork.i))


PROOFS = tuple(
    Proof(unit="stream_fork", variant=f"{outputs} outputs{', reset' if reset else ''}", reset=reset, depth=6,
          text="each beat once to each output, in order",
          make=partial(StreamFork, 2, outputs), describe=describe)
    for outputs, reset in ((2, False), (3, False), (3, True))
)
