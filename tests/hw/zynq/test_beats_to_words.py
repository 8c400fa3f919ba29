import pytest

from hw.zynq.beats_to_words import WORD_BITS, BeatsToWords
from tests.hw.zynq.axi3_memory import at_random
from tests.hw.zynq.clocked import Clock, Sink, Source, simulate

CONTENTS = at_random(400, seed=6)
BEATS = [int.from_bytes(CONTENTS[at:at + 8], "little") for at in range(0, 400, 8)]


async def begin(clock, length):
    ctx, dut = clock.ctx, clock.dut
    ctx.set(dut.start, 1), ctx.set(dut.length, length)
    await clock.tick()
    ctx.set(dut.start, 0), ctx.set(dut.length, 0)


@pytest.mark.parametrize(("gap", "stall"), [(0.0, 0.0), (0.4, 0.4)])
@pytest.mark.parametrize("bits", WORD_BITS)
def test_words_of_two_transfers(bits, gap, stall):
    dut, size = BeatsToWords(bits, 8), bits // 8

    async def bench(ctx):
        source, sink = Source(ctx, dut.i, gap), Sink(ctx, dut.o, stall)
        clock = Clock(ctx, dut, source, sink)
        for length in (1, 2, 3, 96 // size, 104 // size + 1):
            beats = -(-length * size // 8)
            await begin(clock, length)
            source.queue.extend(BEATS[:beats])
            cycles = 0
            while len(sink.words) < length:
                assert cycles < 1000
                await clock.tick()
                cycles += 1
            assert [word for word, _ in sink.words] == [
                int.from_bytes(CONTENTS[at:at + size], "little") for at in range(0, length * size, size)]
            assert [last for _, last in sink.words] == [0] * (length - 1) + [1]
            assert not source.queue  # the last beat went with the last word
            if not gap:
                assert cycles == max(length, beats)
            sink.words.clear()

    simulate(dut, bench)


def test_half_a_word_is_forgotten():
    dut = BeatsToWords(128, 8)

    async def bench(ctx):
        source, sink = Source(ctx, dut.i), Sink(ctx, dut.o)
        clock = Clock(ctx, dut, source, sink)
        await begin(clock, 5)
        source.queue.extend(BEATS[:3])
        await clock.tick(5)
        assert (source.taken, len(sink.words)) == (3, 1)
        await begin(clock, 1)
        source.queue.extend(BEATS[:2])
        await clock.tick(3)
        assert sink.words[1:] == [(BEATS[0] | BEATS[1] << 64, 1)]

    simulate(dut, bench)


def test_errors():
    with pytest.raises(ValueError, match=r"^word_bits must be one of 8, 16, 32, 64, 128, not 48$"):
        BeatsToWords(48, 8)
