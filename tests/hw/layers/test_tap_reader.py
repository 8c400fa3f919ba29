import random
from itertools import pairwise

import pytest
from amaranth.hdl import Module, ResetInserter, Signal
from amaranth.sim import Simulator

from hw.layers.tap_reader import TapReader
from tests.hw.layers.shared_cases import SHAPES


def expected(shape, frames):
    """All steps in order, by going through windows and taps: input row counted over all frames, padded column, channel group, whether
    the row is padding, kernel row, output group, place in the line, first, last, first and last visit of its pool window, alone, rows
    freed."""
    steps = []
    for frame in range(frames):
        for row in range(shape.out_height):
            for unit in range(shape.units):
                for group in range(shape.output_groups):
                    visits = []
                    for inside in range(shape.pool[0]):
                        for beside in range(shape.columns):
                            width = 1 if shape.paired else shape.pool[1]
                            column = unit * 2 if shape.paired else unit * width + beside * shape.pixels
                            end = shape.out_width if shape.paired else (unit + 1) * width
                            both = [at for at in (column, column + 1)[:shape.pixels] if at < end]
                            top = (row * shape.pool[0] + inside) * shape.stride[0] - shape.pad[0]
                            rows = [ky for ky in range(shape.kernel[0]) if 0 <= top + ky < shape.height]
                            columns = [kx for kx in range(shape.kernel[1]) if any(
                                0 <= at * shape.stride[1] - shape.pad[1] + kx < shape.width for at in both)]
                            # a hole between what two pixels read is stepped over too
                            columns = list(range(min(columns), max(columns) + 1)) if columns else [0]
                            visit = [(None if not rows else frame * shape.height + top + ky, column * shape.stride[1] + kx, channel,
                                      not rows, ky, group, kx if shape.depthwise else kx * shape.input_groups + channel)
                                     for ky in rows or [0] for kx in columns
                                     for channel in ([group] if shape.depthwise else range(shape.input_groups))]
                            visits.append((visit, len(both) == 1))
                    for number, (visit, alone) in enumerate(visits):
                        row_ends = (unit, group, number) == (shape.units - 1, shape.output_groups - 1, len(visits) - 1)
                        for at, step in enumerate(visit):
                            steps.append((*step, at == 0, at == len(visit) - 1, number == 0, number == len(visits) - 1, alone,
                                          shape.freed[row] if row_ends else 0))
    return steps


def run(shape, frames, *, written=1.0, credit=1.0, seed=1, reset_at=None):
    """Steps, their cycles, pixels taken in each cycle, and the rows written before each step."""
    reader = TapReader(shape)
    reset = Signal()
    top = Module()
    top.submodules.reader = ResetInserter(reset)(reader)
    rng = random.Random(seed)
    want = len(expected(shape, frames))
    steps, cycles, takes, rows_then = [], [], [], []

    async def bench(ctx):
        rows = held = cycle = 0
        resetting = reset_at
        kernel_bits = (shape.kernel[0] - 1).bit_length()
        while len(steps) < want:
            assert cycle < 40_000
            go = held < shape.ring_rows and rows < frames * shape.height and rng.random() < written
            allowed = rng.random() < credit
            ctx.set(reader.written, go)
            ctx.set(reader.credit, allowed)
            take = ctx.get(reader.takes)
            assert allowed or not take
            takes.append(take)
            if ctx.get(reader.valid):
                step = reader.step
                line = ctx.get(step.line)
                steps.append((ctx.get(step.row) % shape.ring_rows, ctx.get(step.column), ctx.get(step.channel), bool(ctx.get(step.void)),
                              line & ((1 << kernel_bits) - 1), line >> kernel_bits, ctx.get(step.tap), bool(ctx.get(step.first)),
                              bool(ctx.get(step.last)), bool(ctx.get(step.visit.first)), bool(ctx.get(step.visit.last)),
                              bool(ctx.get(step.visit.alone)), ctx.get(step.visit.freed)))
                cycles.append(cycle)
                rows_then.append(rows)
                held -= steps[-1][-1] if steps[-1][8] else 0
            rows, held = rows + go, held + go
            await ctx.tick()
            cycle += 1
            if resetting is not None and len(steps) == resetting:
                resetting = None
                ctx.set(reader.written, 0)
                ctx.set(reset, 1)
                await ctx.tick()
                ctx.set(reset, 0)
                rows = held = 0
                for seen in (steps, cycles, takes, rows_then):
                    seen.clear()

    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return steps, cycles, takes, rows_then


def check(shape, frames, steps, rows_then):
    wanted = expected(shape, frames)
    assert len(steps) == len(wanted)
    for step, want, rows in zip(steps, wanted, rows_then, strict=True):
        row, void = want[0], want[3]
        assert step[1:12] == want[1:12]
        assert step[12] == want[12] or not want[8]   # rows freed are told with the last step
        if not void:
            assert step[0] == row % shape.ring_rows
            assert row < rows, "a row is read that has not come"


@pytest.mark.many(4)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize(("written", "credit"), [pytest.param(0.1, 1, marks=pytest.mark.slow), (0.3, 0.3)])
def test_steps_over_valid_taps(name, written, credit):
    shape = SHAPES[name]
    steps, _, takes, rows_then = run(shape, 2, written=written, credit=credit)
    check(shape, 2, steps, rows_then)
    assert sum(takes) >= 2 * shape.out_height * shape.out_width


@pytest.mark.many(4)
@pytest.mark.parametrize("name", SHAPES)
def test_cycles_a_frame(name):
    """With rows always there in time, frames follow each other as the formula says, and visits' last steps keep apart."""
    shape = SHAPES[name]
    steps, cycles, _, rows_then = run(shape, 3)
    check(shape, 3, steps, rows_then)
    lasts = [cycle for step, cycle in zip(steps, cycles, strict=True) if step[8]]
    assert min((after - before for before, after in pairwise(lasts)), default=shape.drain) >= shape.drain
    third = len(lasts) // 3
    assert lasts[-1] - lasts[-1 - third] == shape.reader_cycles


@pytest.mark.many(3)
@pytest.mark.parametrize("name", ["pool", "groups", "1x1, a step a visit", "fully connected"])
@pytest.mark.parametrize("at", [1, 7, 30])
def test_reset_at_any_step(name, at):
    shape = SHAPES[name]
    steps, _, _, rows_then = run(shape, 2, written=0.7, credit=0.7, reset_at=at)
    check(shape, 2, steps, rows_then)


def test_first_step_follows_the_row_that_it_needs():
    _, cycles, _, rows = run(SHAPES["fully connected"], 1)
    assert (cycles[0], rows[0]) == (4, 1)
