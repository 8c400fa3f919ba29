import random
import re

import pytest
from amaranth.back import verilog
from amaranth.sim import Simulator

from hw.layers.chain_sums import chain_delays
from hw.layers.dsp_packing import packed_weights
from hw.layers.weight_memory import WeightMemory, weight_rows
from tests.hw.layers.shared_cases import SHAPES
from tests.hw.layers.shared_cases import shape as make


def drawn(shape):
    rng = random.Random(2)
    top = (1 << (shape.weight_bits - 1)) - 1
    return [[[[rng.randint(-top, top) for _ in range(shape.channels)] for _ in range(shape.kernel[1])] for _ in range(shape.kernel[0])]
            for _ in range(shape.out_channels)]


@pytest.mark.parametrize("name", ["pairs", "groups", "beats", "pool", "fully connected", "one pixel", "8 bits", "2-bit weights",
                                  "LUTs", "LUTs, 8 bits"])
@pytest.mark.parametrize("block", [False, True])
def test_weights_of_each_step(name, block):
    shape = SHAPES[name]
    weights, delays = drawn(shape), chain_delays(shape)
    memory = WeightMemory(shape, weights, delays, block=block)
    kernel_bits = (shape.kernel[0] - 1).bit_length()
    together, bits = shape.packing.outputs, shape.weight_bits
    steps = [(group, row, column, inputs) for group in range(shape.output_groups) for row in range(shape.kernel[0])
             for column in range(shape.kernel[1]) for inputs in range(shape.input_groups)]
    random.Random(1).shuffle(steps)

    def word(step, channel):
        group, row, column, inputs = step
        beat, part = divmod(inputs, shape.beat_groups)
        at = beat * shape.beat + part * shape.inputs + channel if part * shape.inputs + channel < shape.beat else shape.channels
        values = []
        for output in range(group * shape.outputs, (group + 1) * shape.outputs, together):
            row_of = [weights[o][row][column][at] if o < shape.out_channels and at < shape.channels else 0
                      for o in range(output, output + together)]
            values += packed_weights(row_of)
        return sum((value % (1 << bits)) << (n * bits) for n, value in enumerate(values))

    async def bench(ctx):
        for cycle in range(len(steps) + 4 + max(delays)):
            if cycle < len(steps):
                group, row, column, inputs = steps[cycle]
                ctx.set(memory.line, row | group << kernel_bits)
                ctx.set(memory.tap, column * shape.input_groups + inputs)
            for channel, delay in enumerate(delays):
                if 0 <= cycle - 4 - delay < len(steps):
                    assert ctx.get(memory.w[channel]) == word(steps[cycle - 4 - delay], channel)
            await ctx.tick()

    sim = Simulator(memory)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


@pytest.mark.parametrize(("name", "block", "registered"), [("LUTs", True, True), ("LUTs", False, True), ("pairs", True, False)])
def test_only_memories_in_front_of_tables_have_a_register_behind(name, block, registered):
    """Functionally it is the same, and no slower: its path alone would be longer."""
    shape = SHAPES[name]
    memory = WeightMemory(shape, drawn(shape), chain_delays(shape), block=block)
    text = verilog.convert(memory, name="weights", emit_src=False, strip_internal_attrs=True)
    assert bool(re.search(r"reg \[\d+:0\] read\d+", text)) == registered


def test_block_ram_from_65_rows_on():
    for channels, rows, block in ((14, 63, False), (16, 72, True)):
        sizes = make(channels=channels, inputs=2)
        memory = WeightMemory(sizes, drawn(sizes), chain_delays(sizes))
        assert (sizes.weight_rows, memory.block) == (rows, block)


@pytest.mark.parametrize(("change", "message"), [
    (lambda weights: weights[:-1], "weights must be 4 x 3 x 3 x 4, not 3 x 3 x 3 x 4"),
    (lambda weights: [*weights[:3], [[[-8] * 4] * 3] * 3], r"weights must be from -7 to 7 with weight_bits=4, not -8 \(output 3\)"),
])
def test_errors(change, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        weight_rows(SHAPES["pairs"], change(drawn(SHAPES["pairs"])))


def test_a_delay_a_channel():
    with pytest.raises(ValueError, match=r"^delays must be one for each of 4 inputs, not 2$"):
        WeightMemory(SHAPES["pairs"], drawn(SHAPES["pairs"]), [0, 1])


def test_weights_of_bits_are_one_a_weight_and_1_beyond_the_last():
    """Of 5 channels in two groups of 3 and 3 outputs in two groups of 2: what is beyond is 1, which nothing agrees with."""
    shape = make(channels=5, inputs=3, out_channels=3, outputs=2, lanes=2, kernel=1, pad=0, bits=1, weight_bits=1, binary=True)
    weights = [[[[1, -1, 1, -1, -1]]], [[[-1] * 5]], [[[1, 1, -1, 1, 1]]]]
    assert weight_rows(shape, weights) == [
        [[(1,), (0,)], [(0,), (0,)], [(1,), (0,)]], [[(0,), (0,)], [(0,), (0,)], [(1,), (1,)]],
        [[(1,), (1,)], [(1,), (1,)], [(0,), (1,)]], [[(1,), (1,)], [(1,), (1,)], [(1,), (1,)]],
    ]
    weights[1][0][0][2] = 0
    with pytest.raises(ValueError, match=r"^weights must be -1 or 1, not 0 \(output 1\)$"):
        weight_rows(shape, weights)
