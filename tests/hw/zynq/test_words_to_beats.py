import pytest

from hw.zynq.words_to_beats import WordsToBeats
from tests.hw.zynq.clocked import Clock, Source, simulate

WORDS = [0x1_0101_0101 * n for n in range(1, 40)]


class Beats:
    """Takes beats as ``(cycle, lower word or whole, upper word or None, last)``."""

    def __init__(self, ctx, dut, *, every=1):
        self.ctx, self.dut, self.every, self.now, self.found = ctx, dut, every, 0, []

    @property
    def watched(self):
        beat = self.dut.o.payload
        return [self.dut.o.valid, beat.data, beat.upper, beat.last]

    def drive(self):
        self.ctx.set(self.dut.o.ready, self.now % self.every == 0)

    def after(self, values):
        valid, word, upper, last = values
        if valid and self.now % self.every == 0:
            if self.dut.word_bits == 32:
                word, upper = word & 0xFFFF_FFFF, word >> 32 if upper else None
            self.found.append((self.now, word, upper, last))
        self.now += 1


def run(bits, transfers, *, gap=0.0, every=1, cycles=60):
    """Beats of each of the ``transfers`` ``(capacity, words, marked)``, and how many words of it were taken."""
    dut, seen = WordsToBeats(bits, 8), []

    async def bench(ctx):
        for capacity, words, marked in transfers:
            source, beats = Source(ctx, dut.i, gap), Beats(ctx, dut, every=every)
            clock = Clock(ctx, dut, source, beats)
            ctx.set(dut.i.valid, 0)
            ctx.set(dut.start, 1), ctx.set(dut.capacity, capacity)
            await clock.tick()
            ctx.set(dut.start, 0), ctx.set(dut.capacity, 0)
            source.queue.extend({"word": word, "last": int(marked and n == len(words) - 1)} for n, word in enumerate(words))
            await clock.tick(cycles)
            assert ctx.get(dut.written) == source.taken
            seen.append((beats.found, source.taken))

    simulate(dut, bench)
    return seen


@pytest.mark.parametrize(("gap", "every"), [(0.0, 1), (0.4, 3)])
def test_two_words_of_32_bits_a_beat(gap, every):
    words = [word & 0xFFFF_FFFF for word in WORDS]
    found = run(32, [(9, words[:5], True), (9, words[:4], True), (9, words[:1], True), (3, words[:8], True), (4, words[:8], False)],
                gap=gap, every=every)
    pairs = [[(*beat[1:],) for beat in beats] for beats, _ in found]
    assert pairs == [
        [(words[0], words[1], 0), (words[2], words[3], 0), (words[4], None, 1)],
        [(words[0], words[1], 0), (words[2], words[3], 1)],
        [(words[0], None, 1)],
        [(words[0], words[1], 0), (words[2], None, 1)],
        [(words[0], words[1], 0), (words[2], words[3], 1)],
    ]
    assert [taken for _, taken in found] == [5, 4, 1, 3, 4]


def test_a_word_of_64_bits_a_beat_each_cycle():
    [(beats, taken)] = run(64, [(30, WORDS[:30], False)])
    assert taken == 30
    assert [beat[1:] for beat in beats] == [(word, 1, int(n == 29)) for n, word in enumerate(WORDS[:30])]
    assert [beat[0] for beat in beats] == list(range(2, 32))


def test_a_stop_drops_what_is_held():
    dut = WordsToBeats(32, 8)

    async def bench(ctx):
        source, beats = Source(ctx, dut.i), Beats(ctx, dut)
        clock = Clock(ctx, dut, source, beats)

        async def pulse(signal):
            ctx.set(signal, 1)
            await clock.tick()
            ctx.set(signal, 0)

        ctx.set(dut.capacity, 9)
        await pulse(dut.start)
        source.queue.extend({"word": word, "last": 0} for word in range(20))
        await clock.tick(2)
        await pulse(dut.stop)
        await clock.tick(5)
        assert (source.taken, [beat[1:] for beat in beats.found]) == (3, [(0, 1, 0)])
        await pulse(dut.start)
        await clock.tick(3)
        assert beats.found[-1][1:] == (3, 4, 0)

    simulate(dut, bench)


def test_errors():
    with pytest.raises(ValueError, match=r"^word_bits must be 32 or 64, not 16$"):
        WordsToBeats(16, 8)
