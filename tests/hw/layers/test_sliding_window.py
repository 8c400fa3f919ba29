import random

import pytest
from amaranth.hdl import Module, ResetInserter, Signal

from hw.layers.sliding_window import SlidingWindow
from hw.layers.static_shape import StaticShape
from tests.hw.layers.pipelines import run

SHAPES = {
    "padded": {"height": 3, "width": 4, "kernel": (3, 3), "pad": (1, 1)},
    "two pixels": {"height": 3, "width": 4, "kernel": (3, 5), "pad": (1, 2), "pixels": 2},
    "no padding": {"height": 4, "width": 5, "kernel": (2, 3)},
    "no padding above": {"height": 3, "width": 4, "kernel": (2, 3), "pad": (0, 2)},
    "one row of the kernel": {"height": 2, "width": 4, "kernel": (1, 3), "pad": (0, 1)},
    "stride": {"height": 5, "width": 6, "kernel": (3, 3), "pad": (1, 1), "stride": (2, 2), "pixels": 2},
    "larger than the map": {"height": 1, "width": 1, "kernel": (5, 5), "pad": (2, 2)},
    "one pixel": {"height": 1, "width": 1, "kernel": (1, 1)},
    "pool": {"height": 4, "width": 4, "kernel": (3, 3), "pad": (1, 1), "pool": (2, 2)},
}


def windows(shape, frames):
    """By frame, row and step that completes windows: the rows and columns that these windows span."""
    (tall, wide), (down, across), (above, beside) = shape.kernel, shape.stride, shape.pad
    found = []
    for frame in frames:
        def at(y, x, frame=frame):
            return frame[y][x] if 0 <= y < shape.height and 0 <= x < shape.width else 0

        for row in range(shape.window_rows):
            for step in range(shape.row_windows):
                lanes = range(step * shape.window_lanes, (step + 1) * shape.window_lanes)
                found.append([[[at(row * down - above + y, lane * across - beside + x) for x in range(wide)] for y in range(tall)]
                              for lane in lanes])
    return found


def follow(shape, seen):
    """The windows in what the unit gave, cycle by cycle, from the columns of the last steps."""
    columns, found = [], []
    for step, complete, ends, value, *_ in seen:
        if step:
            rows = [[(value >> (8 * (row * shape.pixels + pixel))) & 255 for pixel in range(shape.pixels)]
                    for row in range(shape.kernel[0])]
            columns += [[row[pixel] for row in rows] for pixel in range(shape.pixels)]
        assert step or not complete
        assert complete or not ends
        if complete:
            found.append([[[columns[-1 - shape.age(lane, x)][y] for x in range(shape.kernel[1])] for y in range(shape.kernel[0])]
                          for lane in range(shape.window_lanes)])
    return found


def play_window(shape, frames, *, gaps=0.0, credit=1.0, resets=(), cycles):
    """What there was to see in each cycle; all frames are given again after each reset, and what was seen before it is dropped."""
    rng = random.Random(7)
    unit = SlidingWindow(shape, 8)
    reset = Signal()
    top = Module()
    top.submodules.unit = ResetInserter(reset)(unit)
    beats = [sum(pixel << (8 * n) for n, pixel in enumerate(row[at:at + shape.pixels]))
             for frame in frames for row in frame for at in range(0, shape.width, shape.pixels)]
    state = {"taken": 0, "offered": False, "lent": False}

    def rows():
        for cycle in range(cycles):
            state["offered"] = state["taken"] < len(beats) and (state["offered"] or rng.random() >= gaps)
            state["lent"] = state["lent"] or rng.random() < credit
            yield (state["offered"], beats[state["taken"]] if state["offered"] else 0, state["lent"], cycle in resets)

    outputs = [unit.step, unit.complete, unit.ends, unit.columns, unit.i.ready, unit.take]
    seen = []

    class Taking(list):
        """Follows what the unit takes, between one row and the next."""

        def append(self, line):
            super().append(line)
            if line[4] and state["offered"]:
                state["taken"] += 1
                state["offered"] = False
            if line[5]:
                assert state["lent"]
                state["lent"] = False
            if len(self) - 1 in resets:
                state.update(taken=0, offered=False)

    seen = Taking()
    run(top, [unit.i.valid, unit.i.payload, unit.credit, reset], outputs, rows(), seen)
    return seen, state


def frames_of(shape, count):
    rng = random.Random(8)
    return [[[rng.randrange(1, 256) for _ in range(shape.width)] for _ in range(shape.height)] for _ in range(count)]


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("gaps", "credit"), [(0, 1), (0.4, 0.3), (0, 0.1)])
def test_gives_every_window_once(name, gaps, credit):
    shape = StaticShape(**SHAPES[name])
    frames = frames_of(shape, 3)
    cycles = int(shape.cycles * 4.5 / min(credit, 1 - gaps)) + 40
    seen, _ = play_window(shape, frames, gaps=gaps, credit=credit, cycles=cycles)
    assert follow(shape, seen) == windows(shape, frames)
    assert sum(line[2] for line in seen) == 3 * shape.out_beats == sum(line[5] for line in seen)


@pytest.mark.parametrize("name", SHAPES)
def test_takes_a_step_a_cycle(name):
    """Frames follow each other ``cycles`` apart, and a step comes LATENCY cycles behind its beat."""
    shape = StaticShape(**SHAPES[name])
    seen, _ = play_window(shape, frames_of(shape, 3), cycles=5 * shape.cycles + 9)
    completes = [cycle for cycle, line in enumerate(seen) if line[1]]
    ends = completes[shape.row_windows * shape.window_rows - 1::shape.row_windows * shape.window_rows]
    assert [ends[1] - ends[0], ends[2] - ends[1]] == [shape.cycles] * 2
    last = shape.ending_rows[-1] * shape.row_steps + shape.ending_steps[-1]
    first = next(cycle for cycle, line in enumerate(seen) if line[4])
    assert ends[0] == first + last + SlidingWindow.LATENCY


@pytest.mark.parametrize("name", ["padded", "no padding", "pool"])
def test_waits_for_credit_only_where_an_output_beat_ends(name):
    shape = StaticShape(**SHAPES[name])
    seen, state = play_window(shape, frames_of(shape, 2), credit=0, cycles=100)
    down = shape.ending_rows[shape.pool[0] - 1]
    across = shape.ending_steps[shape.pool[1] // min(shape.pool[1], shape.window_lanes) - 1]
    before = min(shape.real_steps, across)
    assert state["taken"] == down * shape.real_steps + before
    assert sum(line[1] for line in seen) == sum(
        (row, step) < (down, across) for row in shape.ending_rows for step in shape.ending_steps)


@pytest.mark.parametrize("name", ["padded", "two pixels", "no padding above", "pool"])
@pytest.mark.parametrize("at", [1, 5, 9, 20, 31])
def test_reset_forgets_the_frame(name, at):
    shape = StaticShape(**SHAPES[name])
    frames = frames_of(shape, 3)
    seen, _ = play_window(shape, frames, resets=(at,), cycles=at + 5 * shape.cycles + 20, gaps=0.1)
    assert follow(shape, seen[at + 1:]) == windows(shape, frames)


def test_errors():
    with pytest.raises(ValueError, match=r"^pixel_bits must be at least 1, not 0$"):
        SlidingWindow(StaticShape(height=2, width=2, kernel=(1, 1)), 0)
