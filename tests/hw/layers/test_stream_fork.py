import random

import pytest
from amaranth.hdl import Module
from amaranth.sim import Simulator

from hw.layers.stream_fork import StreamFork
from hw.streams.axis import axis_verilog

BEATS = random.Random(5).choices(range(1 << 12), k=200)


def sinks(fork):
    return {f"o{n}": (output, len(BEATS)) for n, output in enumerate(fork.o)}


@pytest.mark.parametrize("outputs", [1, 2, 3])
def test_one_beat_a_cycle_to_everyone(play, outputs):
    fork = StreamFork(12, outputs)
    played = play(fork, {"i": (fork.i, BEATS)}, sinks(fork))
    for n in range(outputs):
        assert played.beats[f"o{n}"] == BEATS
        assert played.cycles[f"o{n}"] == list(range(len(BEATS)))


@pytest.mark.parametrize(("gaps", "stalls"), [(0, 0.5), (0.5, 0), (0.3, 0.3), (0, 0.9)])
@pytest.mark.parametrize("seed", [1, 2])
def test_each_takes_each_beat_once(play, gaps, stalls, seed):
    fork = StreamFork(12, 3)
    played = play(fork, {"i": (fork.i, BEATS)}, sinks(fork), gaps=gaps, stalls=stalls, seed=seed)
    for n in range(3):
        assert played.beats[f"o{n}"] == BEATS


def test_a_slow_output_holds_the_others_by_less_than_one_beat(play):
    fork = StreamFork(12, 2)
    played = play(fork, {"i": (fork.i, BEATS)}, sinks(fork), stalls={"o0": 0, "o1": 0.7})
    assert played.beats["o0"] == played.beats["o1"] == BEATS
    # The fast one takes each beat in the cycle it is first on offer: the one after the slow one took the beat before.
    assert played.cycles["o0"] == [0] + [cycle + 1 for cycle in played.cycles["o1"][:-1]]


def test_not_offered_again_and_ready_with_the_last():
    fork = StreamFork(4, 2)

    async def bench(ctx):
        ctx.set(fork.i.valid, 1)
        ctx.set(fork.i.payload, 7)
        ctx.set(fork.o[1].ready, 1)
        assert ctx.get(fork.o[0].valid) == ctx.get(fork.o[1].valid) == 1
        assert not ctx.get(fork.i.ready)
        await ctx.tick()
        for _ in range(3):
            assert ctx.get(fork.o[0].valid) == 1
            assert ctx.get(fork.o[1].valid) == 0
            assert ctx.get(fork.i.ready) == 0
            await ctx.tick()
        ctx.set(fork.o[0].ready, 1)
        assert ctx.get(fork.i.ready) == 1
        await ctx.tick()
        ctx.set(fork.i.payload, 8)
        assert ctx.get(fork.o[1].valid) == 1
        assert ctx.get(fork.o[1].payload) == 8

    top = Module()
    top.submodules += fork
    sim = Simulator(top)
    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()


def test_reset_forgets_who_took_the_beat(play):
    fork = StreamFork(12, 2)
    played = play(fork, {"i": (fork.i, BEATS)}, sinks(fork), stalls={"o0": 0, "o1": 0.9}, reset_at={"o0": 20})
    assert played.beats["o0"] == played.beats["o1"] == BEATS


def test_verilog():
    fork = StreamFork(12, 2)
    text = axis_verilog(fork, "split", {"in0_V": fork.i}, {"out0_V": fork.o[0], "out1_V": fork.o[1]})
    assert "output [15:0] out1_V_TDATA" in text


@pytest.mark.parametrize(("arguments", "message"), [
    ((0,), "width must be at least 1, not 0"),
    ((8, 0), "outputs must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        StreamFork(*arguments)
