"""cocotb's side of test_units for Admission, ExitRouter and ExitMerge: every cycle is that of a model in plain Python."""

import random
from itertools import accumulate
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from tests.cosim.bare_units import (
    ADMISSIONS,
    CONFIDENCE_BITS,
    LABEL_BITS,
    MERGES,
    ROUTERS,
    AdmissionShape,
    MergeShape,
    RouterShape,
)

STALLS = [0, 0.3, 0.7]


class Pins:
    """The ports of ``unit``. What is written holds from the last edge on; what is read was so just before it."""

    def __init__(self, dut: Any, unit: str) -> None:
        self._dut = dut
        self._unit = unit

    def __getitem__(self, name: str) -> int:
        return int(getattr(self._dut, f"{self._unit}_{name}").value)

    def __setitem__(self, name: str, value: int) -> None:
        getattr(self._dut, f"{self._unit}_{name}").value = value

    def beat(self, stream: str) -> int | None:
        """What ``stream`` carried over, if anything."""
        return self[f"{stream}_payload"] if self[f"{stream}_valid"] and self[f"{stream}_ready"] else None

    def offer(self, stream: str, beat: int | None) -> None:
        """``beat`` on ``stream``, or none: then there is something else on its payload."""
        self[f"{stream}_valid"] = beat is not None
        self[f"{stream}_payload"] = beat if beat is not None else 1


async def reset(dut: Any) -> None:
    dut.rst.value = 1
    for _ in range(2):
        await RisingEdge(dut.clk)
    dut.rst.value = 0


def pack(*fields: tuple[int, int]) -> int:
    """Bits of ``(value, width)``, lowest first."""
    word = place = 0
    for value, width in fields:
        word |= (value & ((1 << width) - 1)) << place
        place += width
    return word


def token_fields(shape: AdmissionShape | RouterShape | MergeShape, number: int, position: int, batch: int, stamp: int,
                 ) -> list[tuple[int, int]]:
    """The token of sample ``number``, the ``position``-th of its batch."""
    slot_bits = max(1, (shape.max_in_flight - 1).bit_length())
    return [(position, shape.id_bits), (number % shape.max_in_flight, slot_bits), (batch, slot_bits + 1), (stamp, 32)]


@cocotb.test()
@cocotb.parametrize(unit=list(ADMISSIONS), stall=STALLS)
async def admission(dut: Any, unit: str, stall: float) -> None:
    """A frame enters when there is room, also for its token and at its batch's start its length, which are on offer from the next cycle
    on, and never under the id of a frame of its batch that is inside."""
    shape, pins, draw = ADMISSIONS[unit], Pins(dut, unit), random.Random(f"{unit} {stall}")
    beats = [draw.getrandbits(shape.width) for _ in range(80 * shape.frame_beats)]
    sent = number = position = length = batch = cycle = full = waited = 0
    offered, half_of_ids = False, 1 << shape.id_bits - 1
    on_offer: dict[str, int | None] = {"token": None, "length": None}
    leaving: list[tuple[int, int, int]] = []  # cycle, batch and position
    longest = round(3 + 3 * shape.max_in_flight * (shape.frame_beats + 80 * stall))
    await reset(dut)
    while sent < len(beats):
        assert cycle < 500 * len(beats), f"{unit} stood still after {sent} beats"
        offered = offered or draw.random() >= stall
        ready = {name: draw.random() >= stall for name in ("o", "token", "length")}
        now, batch_length = (0xFFFF_FF00 + 7 * cycle) % 2**32, draw.randrange(7)
        due = [item for item in leaving if item[0] <= cycle]
        pins.offer("i", beats[sent] if offered else None)
        for name, value in ready.items():
            pins[f"{name}_ready"] = value
        pins["now"], pins["batch_length"], pins["release"] = now, batch_length, bool(due)
        pins["release_half"] = due[0][2] // half_of_ids % 2 if due else draw.getrandbits(1)
        await RisingEdge(dut.clk)
        first, opens, room = sent % shape.frame_beats == 0, position == 0, len(leaving) < shape.max_in_flight
        id_taken = position % half_of_ids == 0 < position and any((item[2] - position) // half_of_ids % 2 == 0 for item in leaving)
        # The place of a token that is taken is free in the next cycle; for frames of one beat in this one.
        free = {name: on_offer[name] is None or (ready[name] and shape.frame_beats == 1) for name in on_offer}
        enters = offered and ready["o"] and (not first or (room and not id_taken and free["token"] and (free["length"] or not opens)))
        expected = {"i": beats[sent] if enters else None, "o": beats[sent] if enters else None}
        found = {name: pins.beat(name) for name in expected}
        expected |= on_offer
        found |= {name: pins[f"{name}_payload"] if pins[f"{name}_valid"] else None for name in on_offer}
        assert found == expected, f"{unit}, cycle {cycle}: {found} instead of {expected}"
        if ready["token"] or on_offer["token"] is None:
            on_offer["token"] = pack(*token_fields(shape, number, position, batch, now)) if enters and first else None
        if ready["length"] or on_offer["length"] is None:
            on_offer["length"] = max(1, batch_length) if enters and first and opens else None
        assert (pins["admitted"], pins["in_flight"]) == (enters and first, len(leaving)), f"{unit}, cycle {cycle}"
        full += offered and not room
        waited += offered and first and room and id_taken
        if due:
            leaving.remove(due[0])
        if enters:
            offered, sent = False, sent + 1
        if enters and first:
            ids = [item[2] % (2 * half_of_ids) for item in leaving if item[1] == number - position]
            assert position % (2 * half_of_ids) not in ids, f"{unit}, cycle {cycle}: id {position} is inside already"
            leaving.append((cycle + draw.randrange(1, longest), number - position, position))
            length = max(1, batch_length) if opens else length
            number, position = number + 1, position + 1
            if position == length:
                position, batch = 0, batch + 1
        cycle += 1
    assert full, f"{unit} was never full"
    assert waited or not stall or shape.id_bits > 2 or shape.max_in_flight == 1, f"{unit} never waited for an id"


@cocotb.test()
@cocotb.parametrize(unit=list(ROUTERS), stall=STALLS)
async def router(dut: Any, unit: str, stall: float) -> None:
    """A decision and its token go to all receivers concerned in the first cycle in which all of them are ready."""
    shape, pins, draw = ROUTERS[unit], Pins(dut, unit), random.Random(f"{unit} {stall}")
    outputs = ("result",) if shape.last else ("result", "keep", "passed")
    done = cycle = 0
    offered = {"decision": False, "token": False}
    await reset(dut)
    while done < 120:
        if not any(offered.values()):
            label, leaves, confidence = draw.getrandbits(LABEL_BITS), draw.getrandbits(1), draw.getrandbits(CONFIDENCE_BITS)
            token = token_fields(shape, done, done, done // 3, draw.getrandbits(32))
        assert cycle < 20_000, f"{unit} stood still after {done} samples"
        offered = {name: held or draw.random() >= stall for name, held in offered.items()}
        ready = {name: draw.random() >= stall for name in outputs}
        given = {"decision": pack((label, LABEL_BITS), (leaves, 1), (confidence, CONFIDENCE_BITS)), "token": pack(*token)}
        for name, beat in given.items():
            pins.offer(name, beat if offered[name] else None)
        for name, value in ready.items():
            pins[f"{name}_ready"] = value
        await RisingEdge(dut.clk)
        receives = {"result": pack(*token, (label, LABEL_BITS), (confidence, CONFIDENCE_BITS))}
        if not shape.last:
            receives = {"keep": 0, **receives} if leaves else {"keep": 1, "passed": pack(*token)}
        fires = all(offered.values()) and all(ready[name] for name in receives)
        expected = {name: ({**given, **receives}).get(name) if fires else None for name in (*given, *outputs)}
        found = {name: pins.beat(name) for name in expected}
        assert found == expected, f"{unit}, cycle {cycle}: {found} instead of {expected}"
        assert pins["taken"] == (fires and "result" in receives), f"{unit}, cycle {cycle}"
        if fires:
            offered, done = dict.fromkeys(offered, False), done + 1
        cycle += 1


def result_word(shape: MergeShape, **values: int) -> int:
    word = 0
    for name, (offset, width) in shape.fields.items():
        value = values[name]
        if name == "confidence":
            value = max(-(1 << width - 1), min((1 << width - 1) - 1, value))
        elif name == "cycles":
            value = min((1 << width) - 1, value)
        word |= (value & ((1 << width) - 1)) << offset
    return word


@cocotb.test()
@cocotb.parametrize(unit=list(MERGES), stall=STALLS)
async def merge(dut: Any, unit: str, stall: float) -> None:
    """Every result becomes its word, fairly, batch by batch, in the order asked for, without a cycle wasted."""
    shape, pins, draw = MERGES[unit], Pins(dut, unit), random.Random(f"{unit} {stall}")
    arrival, exits = shape.order == "arrival", range(shape.exits)
    lengths = [1, 7, 2, 1, 1, 13, 5, 1, 30, 3, 1, 1, 1, 16, 2, 2, 40]
    ends = list(accumulate(lengths))
    batch_of = [batch for batch, length in enumerate(lengths) for _ in range(length)]
    position = [n for length in lengths for n in range(length)]
    queues: list[list[tuple[int, int, int, int]]] = [[] for _ in exits]  # number, stamp, label, confidence
    offered, passed_over = [False] * shape.exits, [0] * shape.exits
    entered = taken = released = cycle = opened = 0
    words: list[int] = []
    expected: dict[int, int] = {}  # by place in the output
    length_offered, held, lengths_kept = False, None, 0
    picked: tuple[int, int, int, int, int, int] | None = None  # exit, place in the output, number, stamp, label, confidence
    stored: set[int] = set()  # numbers of results in the reorder buffer
    await reset(dut)
    while len(words) < ends[-1]:
        assert cycle < 50 * ends[-1], f"{unit} stood still after {len(words)} of {ends[-1]} results"
        now = (0xFFFF_FFC0 + cycle) % 2**32
        while entered < min(ends[-1], released + shape.max_in_flight):
            confidence = draw.randrange(-(1 << CONFIDENCE_BITS - 1), 1 << CONFIDENCE_BITS - 1)
            queues[draw.randrange(shape.exits)].append((entered, now, draw.getrandbits(LABEL_BITS), confidence))
            entered += 1
        for k in exits:
            # in order of arrival those of the batch that is going on
            due = bool(queues[k]) and (not arrival or batch_of[queues[k][0][0]] == batch_of[taken])
            offered[k] = offered[k] or (due and draw.random() >= stall)
            beat = None
            if offered[k]:
                n, stamp, label, confidence = queues[k][0]
                beat = pack(*token_fields(shape, n, position[n], batch_of[n], stamp), (label, LABEL_BITS), (confidence, CONFIDENCE_BITS))
            pins.offer(f"i_{k}", beat)
        # the length comes with the batch's first sample
        length_offered = length_offered or (opened < len(lengths) and entered > ends[opened] - lengths[opened] and draw.random() >= stall)
        pins.offer("length", lengths[opened] if length_offered else None)
        o_ready = draw.random() >= stall
        pins["now"], pins["o_ready"] = now, o_ready
        await RisingEdge(dut.clk)

        o = pins["o_payload"] if pins["o_valid"] else None
        assert held is None or o == held, f"{unit}, cycle {cycle}: {held:#x} was on offer, then {o}"
        held = None if o_ready else o
        candidates = [k for k in exits if offered[k]]
        fired = [k for k in exits if pins.beat(f"i_{k}") is not None]
        assert (o is not None) == (released > len(words)), f"{unit}, cycle {cycle}: what was released is on offer, and nothing else"
        space = released - len(words) < 2
        leaves = space and (picked is not None if arrival else lengths_kept and released in stored)
        assert pins["release"] == bool(leaves), f"{unit}, cycle {cycle}: release with {released} released"
        half = arrival and picked is not None and position[picked[2]] >> shape.id_bits - 1 & 1
        assert not leaves or pins["release_half"] == half, f"{unit}, cycle {cycle}: sample {picked}"
        takes = bool(candidates) and (not arrival or (lengths_kept and (picked is None or space)))
        assert len(fired) == bool(takes), f"{unit}, cycle {cycle}: takes {len(fired)} results, with {len(candidates)} to choose from"
        assert set(fired) <= set(candidates), f"{unit}, cycle {cycle}: takes from exit {fired[0]} instead of one of {candidates}"
        if picked is not None and (leaves or not arrival):
            k, place, n, stamp, label, confidence = picked
            expected[place] = result_word(
                shape, id=position[n], label=label, exit=k, confidence=confidence, cycles=(now - stamp) % 2**32)
            stored.add(n)
            picked = None
        for k in fired:
            n, stamp, label, confidence = queues[k].pop(0)
            picked = (k, taken if arrival else n, n, stamp, label, confidence)
            taken, offered[k], passed_over[k] = taken + 1, False, 0
            for other in set(candidates) - {k}:
                passed_over[other] += 1
        assert max(passed_over) < shape.exits, f"{unit}, cycle {cycle}: exits were passed over {passed_over} times"
        if o is not None and o_ready:
            n = len(words)
            wanted = expected[n] | (n + 1 in ends) << shape.bits
            assert o == wanted, f"{unit}, result {n}: {o:#x} instead of {wanted:#x}"
            words.append(o)
        assert pins["batch_done"] == (o is not None and o_ready and len(words) in ends), f"{unit}, cycle {cycle}"
        released += bool(leaves)
        assert len(words) <= released <= taken, f"{unit}, cycle {cycle}: {released} of {taken} released, {len(words)} out"
        closes = bool(fired) and taken in ends if arrival else leaves and released in ends
        assert pins["ends"] == bool(closes), f"{unit}, cycle {cycle}: the batch ends with {taken} taken and {released} released"
        length_taken = length_offered and lengths_kept < 2
        assert (pins.beat("length") is not None) == length_taken, f"{unit}, cycle {cycle}: {lengths_kept} lengths are kept"
        lengths_kept += length_taken - closes
        if length_taken:
            length_offered, opened = False, opened + 1
        cycle += 1
    assert stall or not arrival or cycle == ends[-1] + 3, f"{unit}: {cycle} cycles for {ends[-1]} results"
    assert (entered, released, opened) == (ends[-1], ends[-1], len(lengths))
