import random

import pytest

from hw.layers.stream_add import StreamAdd, sum_bits
from hw.streams.axis import axis_verilog

KINDS = (
    ((4, False), (4, False)), ((4, True), (4, True)), ((3, True), (5, False)), ((1, False), (2, True), (8, False)),
    ((8, True), (8, True)),
)


def pack(values, bits):
    return sum((value & ((1 << bits) - 1)) << (bits * place) for place, value in enumerate(values))


def beats(kinds, lanes, count, seed):
    """Beats of each input as integers, and of the sums; the least and the greatest values of all among them."""
    draw = random.Random(seed)
    limits = [(-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if signed else (0, (1 << bits) - 1) for bits, signed in kinds]
    values = [[[draw.randint(*limit) for limit in limits] for _ in range(lanes)] for _ in range(count)]
    values[0], values[1] = ([[limit[end] for limit in limits] for _ in range(lanes)] for end in (0, 1))
    given = [[pack([lane[n] for lane in beat], bits) for beat in values] for n, (bits, _) in enumerate(kinds)]
    return given, [pack([sum(lane) for lane in beat], sum_bits(kinds)[0]) for beat in values]


@pytest.mark.parametrize("kinds", KINDS)
@pytest.mark.parametrize("lanes", [1, 3])
def test_one_sum_a_cycle(play, kinds, lanes):
    unit = StreamAdd(lanes, kinds)
    given, wanted = beats(kinds, lanes, 60, 1)
    played = play(unit, {f"i{n}": (item, given[n]) for n, item in enumerate(unit.i)}, {"o": (unit.o, len(wanted))})
    assert played.beats["o"] == wanted
    assert played.cycles["o"] == list(range(1, 61))


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0.5), (0.5, 0), (0.3, 0.3), (0, 0.9)])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_beat_meets_its_own(play, gaps, stalls, seed):
    unit = StreamAdd(2, KINDS[2])
    given, wanted = beats(KINDS[2], 2, 120, seed)
    played = play(unit, {f"i{n}": (item, given[n]) for n, item in enumerate(unit.i)}, {"o": (unit.o, len(wanted))}, gaps=gaps,
                  stalls=stalls, seed=seed)
    assert played.beats["o"] == wanted


@pytest.mark.parametrize(("kinds", "found"), [
    (((4, False), (4, False)), (5, False)), (((4, True), (4, True)), (5, True)), (((3, True), (5, False)), (7, True)),
    (((1, False),) * 3, (2, False)), (((2, True),) * 3, (4, True)), (((8, False),) * 4, (10, False)),
])
def test_sums_are_as_wide_as_they_need(kinds, found):
    assert sum_bits(kinds) == found


@pytest.mark.parametrize(("lanes", "kinds", "message"), [
    (0, KINDS[0], "lanes must be at least 1, not 0"), (1, ((4, False),), "kinds must be two or more"),
    (1, ((0, False), (1, False)), "of at least 1 bit"),
])
def test_parameters_that_make_no_unit(lanes, kinds, message):
    with pytest.raises(ValueError, match=message):
        StreamAdd(lanes, kinds)


def test_verilog_is_the_same_every_time():
    def made():
        unit = StreamAdd(4, KINDS[0])
        return axis_verilog(unit, "top", inputs={f"in{n}_V": item for n, item in enumerate(unit.i)}, outputs={"out0_V": unit.o})

    assert made() == made()
    assert "in1_V_TREADY" in made()
