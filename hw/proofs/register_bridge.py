"""Claims about RegisterBridge."""

from functools import partial
from types import SimpleNamespace
from typing import Any

from amaranth.hdl import Cat, Const, Mux, Signal, Value

from hw.proofs.contract import Harness, Proof, counted, keeps_contract, kept, level, offers_fairly, took
from hw.zynq.axi3 import Response
from hw.zynq.register_bridge import Page, RegisterBridge

__all__ = ["PROOFS", "describe_reads", "describe_writes"]

_LONGEST = 3
"""Bursts written have up to so many beats: counting is what solvers find hardest."""
_PAGES = {"low": Page(0x4000_0000), "high": Page(0x4000_1000)}
_ADDRESS = ("id", "addr", "len", "size", "burst")


def _channel(bus: Any, name: str, *members: str) -> Any:
    """A channel of the bus as a stream; the address channels have their members by default."""
    payload = Cat(Value.cast(getattr(bus, f"{name}{member}")) for member in members)
    return SimpleNamespace(valid=getattr(bus, f"{name}valid"), ready=getattr(bus, f"{name}ready"), payload=payload)


def _answers_fairly(h: Harness, port: Any, name: str, channel: Any, asked: list[Value]) -> Value:
    """Assumes that a page answers only what it was asked, at any time later, once, never EXOKAY, and that an answer stays; gives what it
    has yet to answer, 0 or 1, of which the bridge is claimed to want no more."""
    offers_fairly(h, channel, f"{name}_answer")
    h.assume(channel.payload[:2] != Response.EXOKAY)
    waits = [level(h, ask, took(channel), f"{name}_owes_{k}", bits=2) for k, ask in enumerate(asked)]
    owes = Cat(count != 0 for count in waits)
    h.assume(~channel.valid | owes.all())
    for k, (count, ask) in enumerate(zip(waits, asked, strict=True)):
        h.claim(f"{name}_is_asked_one_at_a_time_{k}", ~ask | (count == 0))
    return owes.all()


def _progress(h: Harness, fair: Value, moves: Value, bound: int, name: str) -> None:
    """After ``bound`` cycles that are ``fair`` something has moved."""
    idle = Signal(range(bound + 2), name=f"{name}_idle_cycles")
    with h.m.If(moves):
        h.m.d.sync += idle.eq(0)
    with h.m.Elif(fair & (idle <= bound)):
        h.m.d.sync += idle.eq(idle + 1)
    h.claim(f"{name}_after_at_most_{bound}_fair_cycles", ~fair | (idle < bound) | moves)


def _inside(bridge: RegisterBridge, address: Value) -> dict[str, Value]:
    return {name: (address >= page.base) & (address < page.base + page.bytes) for name, page in bridge.pages.items()}


def describe_reads(h: Harness, bridge: RegisterBridge) -> None:
    """Each burst is answered with its beats and its ID, the last one marked, one burst at a time, and always; each beat is one access of
    its page, whose answer it gives, or DECERR where there is none, and reaches nobody then.

    Assumes that offers of addresses and of answers stay, and that pages answer what they are asked, once, and never EXOKAY.
    """
    bus = bridge.bus
    ar, r = _channel(bus, "ar", *_ADDRESS), _channel(bus, "r", "resp", "id", "data", "last")
    offers_fairly(h, ar, "ar")
    keeps_contract(h, r, "r")
    taken, given = took(ar), took(r)
    opened, left, address = Signal(name="burst_is_open"), Signal(4, name="beats_left"), kept(h, taken, bus.araddr, "burst_address")
    h.m.d.sync += opened.eq(taken | opened & ~(given & (left == 0)))
    with h.m.If(taken):
        h.m.d.sync += left.eq(bus.arlen)
    with h.m.Elif(given):
        h.m.d.sync += left.eq(left - 1)
    h.claim("one_burst_at_a_time", ~(opened & bus.arready))
    h.claim("beats_are_of_a_burst", ~bus.rvalid | opened)
    h.claim("id_is_the_bursts", ~bus.rvalid | (bus.rid == kept(h, taken, bus.arid, "burst_id")))
    h.claim("last_marks_the_last_beat", ~bus.rvalid | (bus.rlast == (left == 0)))

    inside = _inside(bridge, address)
    prompt, answered, on_offer = [], Const(0), Signal(name="answer_is_there")
    answers = []
    for name, here in inside.items():
        port = getattr(bridge, name)
        asks, answer = _channel(port, "ar", "addr"), _channel(port, "r", "resp", "data")
        keeps_contract(h, asks, f"{name}_ar")
        owes = _answers_fairly(h, port, name, answer, [took(asks)])
        h.claim(f"{name}_is_asked_of_a_burst_in_it_and_of_no_beat_twice", ~asks.valid | opened & here & ~on_offer)
        h.claim(f"{name}_is_asked_for_words_of_the_bursts_4_kib", ~asks.valid | (port.araddr[:2] == 0))
        prompt.append((~asks.valid | asks.ready) & (~owes | answer.valid))
        answers.append((here, kept(h, took(answer), answer.payload, f"{name}_answered")))
        answered = answered | took(answer)
        h.cover(f"third_beat_of_{name}", given & here & (counted(h, given, f"given_{name}") == 2))
    h.m.d.sync += on_offer.eq(answered | on_offer & ~given)
    mapped = Cat(inside.values()).any()
    h.claim("a_beat_of_a_page_is_its_answer", ~(bus.rvalid & mapped) | on_offer)
    h.claim("an_answer_is_on_offer_at_once", ~on_offer | bus.rvalid)
    for number, (here, payload) in enumerate(answers):
        h.claim(f"answer_is_as_it_came_{number}", ~(bus.rvalid & here) | (Cat(bus.rresp.as_value(), bus.rdata) == payload))
    h.claim("where_there_is_no_page_the_answer_is_decerr", ~bus.rvalid | mapped | (bus.rresp == Response.DECERR) & (bus.rdata == 0))
    _progress(h, opened & Cat(prompt).all() & bus.rready, given | ~opened, 4, "a_beat_is_given")
    _progress(h, ~opened & bus.arvalid, taken | opened, 2, "an_address_is_taken")
    h.cover("no_page_two_beats", given & ~mapped & (left == 0) & (counted(h, given, "given_nowhere") == 1))
    h.cover("second_burst_ends", given & bus.rlast & (counted(h, given & bus.rlast, "bursts_ended") == 1))


def describe_writes(h: Harness, bridge: RegisterBridge) -> None:
    """Each burst is answered once, with its ID and the worst of its beats' answers, when all its beats were taken and are done, one burst
    at a time, and always; each beat is one access of its page, as it came, or DECERR where there is none, and reaches nobody then. One
    beat is taken before its address, and reaches nobody before it.

    Assumes that offers of addresses, data and answers stay, and that pages answer once they have address and data, once, and never EXOKAY.
    """
    bus = bridge.bus
    aw, w, b = _channel(bus, "aw", *_ADDRESS), _channel(bus, "w", "data", "strb"), _channel(bus, "b", "resp", "id")
    offers_fairly(h, aw, "aw")
    offers_fairly(h, w, "w")
    h.assume(bus.awlen < _LONGEST)
    keeps_contract(h, b, "b")
    taken, given = took(aw), took(b)
    opened, address = Signal(name="burst_is_open"), kept(h, taken, bus.awaddr, "burst_address")
    beats = kept(h, taken, (bus.awlen + 1)[:2], "burst_beats")
    h.m.d.sync += opened.eq(taken | opened & ~given)
    h.claim("one_burst_at_a_time", ~(opened & bus.awready))
    h.claim("an_answer_is_of_a_burst", ~bus.bvalid | opened)
    h.claim("id_is_the_bursts", ~bus.bvalid | (bus.bid == kept(h, taken, bus.awid, "burst_id")))

    # Beats taken for the burst, or for the next one.
    filled = level(h, took(w), Mux(given, beats, 0), "beats_taken")
    h.claim("one_beat_is_taken_ahead", filled <= Mux(opened, beats, 0) + 1)
    h.claim("all_beats_are_taken_before_the_answer", ~bus.bvalid | (filled >= beats))
    beat = kept(h, took(w), w.payload, "beat")

    inside = _inside(bridge, address)
    mapped = Cat(inside.values()).any()
    prompt, answered, response = [], Const(0), Const(0, 2)
    for name, here in inside.items():
        port = getattr(bridge, name)
        asks, data, answer = _channel(port, "aw", "addr"), _channel(port, "w", "data", "strb"), _channel(port, "b", "resp")
        keeps_contract(h, asks, f"{name}_aw")
        keeps_contract(h, data, f"{name}_w")
        owes = _answers_fairly(h, port, name, answer, [took(asks), took(data)])
        h.claim(f"{name}_is_asked_of_a_burst_in_it", ~(asks.valid | data.valid) | opened & here & ~bus.bvalid)
        h.claim(f"{name}_is_asked_for_words", ~asks.valid | (port.awaddr[:2] == 0))
        h.claim(f"{name}_has_the_beat_as_it_came", ~data.valid | (data.payload == beat))
        prompt.append((~asks.valid | asks.ready) & (~data.valid | data.ready) & (~owes | answer.valid))
        answered, response = answered | took(answer), response | Mux(took(answer), answer.payload, 0)
        h.cover(f"two_beats_of_{name}_one_after_a_beat_ahead", given & here & (beats == 2) & (filled == 3))
    done = level(h, answered, Mux(given & mapped, beats, 0), "beats_done")
    h.claim("each_beat_is_one_access", ~(opened & mapped) | (done <= filled) & (filled <= done + 1) & (~bus.bvalid | (done == beats)))
    h.claim("no_access_without_a_burst", opened & mapped | (done == 0))
    worst = Signal(2, name="worst")
    with h.m.If(taken):
        h.m.d.sync += worst.eq(0)
    with h.m.Elif(answered & (response > worst)):
        h.m.d.sync += worst.eq(response)
    h.claim("answer_is_the_worst_of_the_beats_or_decerr_where_there_is_no_page",
            ~bus.bvalid | (bus.bresp.as_value() == Mux(mapped, worst, Response.DECERR)))
    fair = opened & Cat(prompt).all() & bus.bready & (bus.wvalid | (filled >= beats))
    _progress(h, fair, took(w) | given | ~opened, 6, "a_beat_is_taken_or_the_answer_given")
    _progress(h, ~opened & bus.awvalid, taken | opened, 2, "an_address_is_taken")
    _progress(h, ~opened & (filled == 0) & bus.wvalid, took(w) | opened, 2, "a_beat_is_taken_ahead")
    h.cover("no_page_two_beats", given & ~mapped & (beats == 2))
    h.cover("first_beat_is_the_worst", given & mapped & (beats == 2) & (bus.bresp == Response.DECERR) & (response == 0))


PROOFS = tuple(
    Proof(unit="register_bridge", variant=f"{what}{', reset' if reset else ''}", reset=reset, depth=depth, text=text,
          make=partial(RegisterBridge, _PAGES, 1), describe=describe)
    for what, text, depth, describe in (
        ("reads", "each beat answered, once, by its page or DECERR", 12, describe_reads),
        ("writes", "each burst answered, once, after all its beats", 12, describe_writes),
    )
    for reset in (False, True)
)
"""A reset of the bridge comes with one of all around it."""
