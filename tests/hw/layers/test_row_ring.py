import random

import pytest
from amaranth.sim import Simulator

from hw.layers.row_ring import RowRing
from tests.hw.layers.shared_cases import SHAPES


def joined(values, bits):
    return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))


def pixel(shape, image, row, column):
    """A pixel's channels, zeros outside the image."""
    inside = 0 <= column < shape.width
    return image[row][column] if inside else [0] * shape.channels


@pytest.mark.many(4)
@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("gaps", [0, pytest.param(0.5, marks=pytest.mark.slow)])
def test_every_pixel_of_every_row_kept(name, gaps):
    """Fills the ring, reads all that it holds, lets rows go and goes on, a row at a time while addresses are on their way."""
    shape = SHAPES[name]
    ring = RowRing(shape)
    rng = random.Random(3)
    turns = shape.ring_rows + 5
    image = [[[rng.randrange(1 << shape.bits) for _ in range(shape.channels)] for _ in range(shape.width)] for _ in range(turns)]
    written = []

    async def source(ctx):
        for line in image:
            for values in (pixel[at:at + shape.beat] for pixel in line for at in range(0, shape.channels, shape.beat)):
                while rng.random() < gaps:
                    await ctx.tick()
                ctx.set(ring.i.valid, 1)
                ctx.set(ring.i.payload, joined(values, shape.bits))
                taken = False
                while not taken:
                    _, _, taken = await ctx.tick().sample(ring.i.ready)
                ctx.set(ring.i.valid, 0)

    async def count(ctx):
        async for _, _, done in ctx.tick().sample(ring.written):
            written.extend([1] * done)

    async def sink(ctx):
        late = [0] * 4

        async def look(want, **address):
            for name, value in address.items():
                ctx.set(getattr(ring, name), value)
            late.append(want)
            assert ctx.get(ring.q) == late.pop(0)
            await ctx.tick()

        for let_go in range(turns):
            end = min(let_go + shape.ring_rows, turns)
            while len(written) < end:
                await look(0, valid=0, freed=0)
            assert len(written) <= let_go + shape.ring_rows
            # the row that goes is read last, in the cycle in which it goes and just before
            for row in [*range(let_go + 1, end), let_go]:
                for column in shape.positions():
                    for channel in range(shape.input_groups):
                        void, valid = rng.random() < 0.1, rng.random() < 0.9
                        groups = [pixel(shape, image, row, column - shape.pad[1] + n * shape.stride[1]) for n in range(shape.pixels)]
                        beat, part = divmod(channel, shape.beat_groups)
                        groups = [[*values[beat * shape.beat:(beat + 1) * shape.beat], *[0] * shape.inputs] for values in groups]
                        groups = [values[part * shape.inputs:(part + 1) * shape.inputs] for values in groups]
                        want = joined([value for values in groups for value in values], shape.bits) if valid and not void else 0
                        ends = row == let_go and column == shape.positions()[-1] and channel == shape.input_groups - 1
                        await look(want, void=void, valid=valid, row=row % shape.ring_rows + shape.ring_rows * rng.randrange(2),
                                   column=column, channel=channel, freed=1 if ends else 0)
        for _ in range(4):
            await look(0, valid=0, freed=0)

    sim = Simulator(ring)
    sim.add_clock(1e-6)
    sim.add_testbench(source, background=True)
    sim.add_testbench(count, background=True)
    sim.add_testbench(sink)
    sim.run()


@pytest.mark.parametrize("name", ["pairs", "groups", "fully connected", "beats"])
def test_takes_an_input_group_a_cycle_and_no_more_rows_than_it_has(play, name):
    shape = SHAPES[name]
    ring = RowRing(shape)
    pixels = shape.ring_rows * shape.width * (shape.channels // shape.beat)
    played = play(ring, {"i": (ring.i, [n % 7 for n in range(pixels + 5)])}, {}, extra=(pixels + 9) * shape.beat_groups,
                  sample={"written": ring.written})
    # with groups, the pixel that is held has room too
    assert played.cycles["i"] == list(range(0, pixels * shape.beat_groups, shape.beat_groups))
    assert sum(played.sampled["written"]) == shape.ring_rows


@pytest.mark.parametrize("at", [1, 5, 9])
def test_reset_empties_it(play, at):
    shape = SHAPES["groups"]
    ring = RowRing(shape)
    pixels = shape.ring_rows * shape.width
    played = play(ring, {"i": (ring.i, [3] * pixels)}, {}, reset_at={"i": at}, extra=(pixels + at + 20) * shape.input_groups,
                  sample={"written": ring.written})
    assert len(played.beats["i"]) == pixels
    assert sum(played.sampled["written"]) == shape.ring_rows
