import random

import pytest

from hw.streams.axis import axis_verilog
from hw.streams.fifo import DISTRIBUTED, Fifo

DEPTHS = [1, 2, 3, 4, 7, DISTRIBUTED, DISTRIBUTED + 1, 100]
BEATS = random.Random(5).choices(range(1 << 12), k=250)


@pytest.mark.parametrize("depth", DEPTHS)
def test_one_beat_a_cycle(play, depth):
    fifo = Fifo(12, depth)
    played = play(fifo, {"i": (fifo.i, BEATS)}, {"o": (fifo.o, len(BEATS))})
    assert played.beats["o"] == BEATS
    latency = 1 if depth <= DISTRIBUTED else 2
    assert played.cycles["i"] == list(range(len(BEATS)))
    assert played.cycles["o"] == list(range(latency, latency + len(BEATS)))


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize(("gaps", "stalls"), [
    (0.3, 0.3), (0, 0.6), pytest.param(0.6, 0, marks=pytest.mark.slow), pytest.param(0.9, 0.9, marks=pytest.mark.slow)])
def test_order_and_level(play, depth, gaps, stalls):
    fifo = Fifo(12, depth)
    played = play(fifo, {"i": (fifo.i, BEATS)}, {"o": (fifo.o, len(BEATS))}, gaps=gaps, stalls=stalls, sample={"level": fifo.level})
    assert played.beats["o"] == BEATS
    entered, left = set(played.cycles["i"]), set(played.cycles["o"])
    level = 0
    for cycle, seen in enumerate(played.sampled["level"]):
        assert seen == level
        level += (cycle in entered) - (cycle in left)


@pytest.mark.parametrize("depth", DEPTHS)
def test_holds_exactly_its_depth(play, depth):
    fifo = Fifo(12, depth)
    played = play(fifo, {"i": (fifo.i, BEATS)}, {"o": (fifo.o, 0)}, stalls=1.0, extra=depth + 10)
    assert played.beats["i"] == BEATS[:depth]
    assert played.cycles["i"] == list(range(depth))


@pytest.mark.parametrize("depth", DEPTHS)
def test_leaves_full_without_a_bubble(play, depth):
    """After a stall that filled it, the output still gives one beat a cycle."""
    fifo = Fifo(12, depth)
    played = play(fifo, {"i": (fifo.i, BEATS)}, {"o": (fifo.o, len(BEATS))}, first_stall=depth + 10)
    assert played.beats["o"] == BEATS
    assert played.span("o") == len(BEATS)


@pytest.mark.parametrize("depth", DEPTHS)
def test_reset_empties_it(play, depth):
    fifo = Fifo(12, depth)
    played = play(fifo, {"i": (fifo.i, BEATS)}, {"o": (fifo.o, len(BEATS))}, stalls=0.5, reset_at={"i": 150})
    assert played.beats["o"] == BEATS


@pytest.mark.parametrize("depth", [3, 4, DISTRIBUTED])
def test_what_comes_is_on_offer_next_if_this_is_taken(play, depth):
    fifo = Fifo(12, depth, looks_ahead=True)
    sample = {"coming": fifo.coming, "payload": fifo.coming_payload, "valid": fifo.o.valid, "next": fifo.o.payload}
    played = play(fifo, {"i": (fifo.i, BEATS)}, {"o": (fifo.o, len(BEATS))}, gaps=0.4, stalls=0.4, sample=sample)
    taken, seen = set(played.cycles["o"]), played.sampled
    loads = [cycle for cycle, valid in enumerate(seen["valid"][:-1]) if not valid or cycle in taken]
    assert [seen["coming"][cycle] for cycle in loads] == [seen["valid"][cycle + 1] for cycle in loads]
    filled = [cycle for cycle in loads if seen["coming"][cycle]]
    assert len(filled) == len(BEATS)
    assert [seen["payload"][cycle] for cycle in filled] == [seen["next"][cycle + 1] for cycle in filled] == BEATS


@pytest.mark.parametrize("depth", [1, 2, 40, 500])
def test_verilog(depth):
    fifo = Fifo(12, depth)
    text = axis_verilog(fifo, "queue", {"in0_V": fifo.i}, {"out0_V": fifo.o})
    assert "module queue(" in text


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 4), "width must be at least 1, not 0"),
    ((8, 0), "depth must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        Fifo(*arguments)


@pytest.mark.parametrize("depth", [2, DISTRIBUTED + 1])
def test_only_some_look_ahead(depth):
    with pytest.raises(ValueError, match=f"^depth must be from 3 to 64 to look ahead, not {depth}$"):
        Fifo(8, depth, looks_ahead=True)
