import pytest

from hw.zynq.axi3 import PAGE, Response
from hw.zynq.beats_to_words import WORD_BITS
from hw.zynq.stream_reader import StreamReader
from hw.zynq.transfer import Fault
from tests.hw.zynq.axi3_memory import BASE, SIZE, Axi3Memory, at_random
from tests.hw.zynq.clocked import Clock, Sink, simulate

CONTENTS = at_random(SIZE)


def words(address, count, bits):
    """What a transfer gives."""
    size, at = bits // 8, address - BASE
    found = [int.from_bytes(CONTENTS[at + n * size:at + (n + 1) * size], "little") for n in range(count)]
    return [(word, int(n == count - 1)) for n, word in enumerate(found)]


def bench(dut, body, *, slow=0.0, **memory):
    """Runs ``body(clock, memory, sink)``."""

    async def testbench(ctx):
        there, sink = Axi3Memory(ctx, dut.axi, CONTENTS, **memory), Sink(ctx, dut.o, slow)
        await body(Clock(ctx, dut, there, sink), there, sink)
        assert not there.outstanding

    simulate(dut, testbench)


@pytest.mark.many(4)
@pytest.mark.parametrize(("memory", "slow"), [
    ({}, 0.0), ({"latency": (0, 40), "stall": 0.3, "gap": 0.2}, 0.0), ({"latency": (5, 9)}, 0.5), ({"latency": (0, 20), "stall": 0.9}, 0.2),
], ids=["at once", "random", "slow stream", "slow addresses"])
@pytest.mark.parametrize("word_bits", WORD_BITS)
def test_words_come_in_order_and_the_last_is_marked(word_bits, memory, slow):
    a_beat = max(1, 64 // word_bits)
    lengths = sorted({1, 2, a_beat, a_beat + 1, 8 * a_beat, 8 * a_beat + 1, 16 * a_beat - 1, 16 * a_beat, 40 * a_beat + 1} - {0})

    async def body(clock, there, sink):
        for n, length in enumerate(lengths):
            address = BASE + PAGE - 64 * (n % 4)
            await clock.start(address, length)
            assert clock.ctx.get(clock.dut.busy)
            await clock.until_idle()
            assert sink.words == words(address, length, word_bits)
            assert clock.error() == Fault.NONE
            assert not there.outstanding
            sink.words.clear()

    bench(StreamReader(word_bits), body, slow=slow, **memory)


def test_bursts_are_as_long_as_their_windows():
    async def body(clock, there, sink):
        await clock.start(BASE + PAGE - 64, 8 + 16 + 16 + 3)
        await clock.until_idle()
        assert there.addresses["ar"] == [
            (BASE + PAGE - 64, 8), (BASE + PAGE, 16), (BASE + PAGE + 128, 16), (BASE + PAGE + 256, 3)]
        there.addresses["ar"].clear()
        await clock.start(BASE + 64, 5)
        await clock.until_idle()
        assert there.addresses["ar"] == [(BASE + 64, 5)]

    bench(StreamReader(64), body)


def test_a_long_transfer():
    async def body(clock, there, sink):
        await clock.start(BASE + 64, 2501)
        await clock.until_idle()
        assert sink.words == words(BASE + 64, 2501, 16)

    bench(StreamReader(16), body, latency=(0, 30), stall=0.1, gap=0.1)


@pytest.mark.parametrize(("word_bits", "depth", "latency"), [
    (64, 64, (20, 30)), (128, 64, (0, 40)), (64, 128, (10, 90)), (32, 64, (0, 60))])
def test_throughput(word_bits, depth, latency):
    """No cycle of the port's is lost, whatever memory's latency is, as long as what may be outstanding covers it."""
    beats = 1024

    async def body(clock, there, sink):
        await clock.start(BASE, beats * 64 // word_bits)
        cycles = await clock.until_idle()
        assert len(there.beats["r"]) == beats
        cycles_a_beat = max(1, 64 // word_bits)
        assert beats * cycles_a_beat / (cycles - latency[1]) >= 0.95

    bench(StreamReader(word_bits, depth), body, latency=latency, address_stall=0.7)


@pytest.mark.parametrize(("depth", "latency"), [(64, 1), (65, 2)])
def test_latency(depth, latency):
    async def body(clock, there, sink):
        await clock.start(BASE, 1)
        await clock.tick()
        assert clock.ctx.get(clock.dut.axi.arvalid)
        while not there.beats["r"]:
            await clock.tick()
        await clock.tick(latency - 1)
        assert not sink.words
        await clock.tick()
        assert sink.words == words(BASE, 1, 64)
        assert not clock.ctx.get(clock.dut.busy)

    bench(StreamReader(64, depth), body)


@pytest.mark.parametrize(("depth", "burst", "bursts"), [(16, 16, 1), (64, 16, 4), (72, 16, 4), (16, 4, 4)])
def test_an_address_goes_out_only_when_there_is_room(depth, burst, bursts):
    """A stream that is not taken and memory that does not answer hold the addresses; what was asked for has its place."""

    async def body(clock, there, sink):
        sink.stall = 1.0
        there.gap = 1.0
        await clock.start(BASE, 300)
        await clock.tick(60)
        assert len(there.addresses["ar"]) == bursts
        there.gap = 0.0
        await clock.tick(120)
        assert len(there.beats["r"]) == bursts * burst
        assert sum(beats for _, beats in there.addresses["ar"]) <= depth
        sink.stall = 0.0
        await clock.until_idle()
        assert sink.words == words(BASE, 300, 64)

    bench(StreamReader(64, depth, burst=burst), body, burst=burst)


@pytest.mark.many(4)
@pytest.mark.parametrize(("word_bits", "memory"), [
    (32, {}), (128, {"latency": (0, 9), "stall": 0.5, "gap": 0.3})], ids=["at once", "random"])
def test_an_abort_in_any_cycle(word_bits, memory):
    """It ends with nothing outstanding, and the next transfer is whole."""

    async def body(clock, there, sink):
        for cycle in range(48):
            sink.stall = (0.0, 0.7)[cycle % 2]
            await clock.start(BASE + 64, 100)
            await clock.tick(cycle)
            await clock.abort()
            sink.cut()
            received, beats = len(sink.words), len(there.beats["r"])
            await clock.until_idle(400)
            assert not there.outstanding
            assert len(there.beats["r"]) - beats <= 32
            # Nothing is on offer after an abort.
            assert len(sink.words) == received
            assert sink.words == [(word, 0) for word, _ in words(BASE + 64, 100, word_bits)[:received]]
            sink.words.clear()
            await clock.start(BASE + 256, 7)
            await clock.until_idle(600)
            assert sink.words == words(BASE + 256, 7, word_bits)
            assert clock.error() == Fault.NONE
            sink.words.clear()

    bench(StreamReader(word_bits, 32), body, **memory)


def test_an_abort_waits_for_memory():
    """An address on offer stays on offer, and beats are awaited, however long memory is silent."""

    async def body(clock, there, sink):
        there.silent = True
        await clock.start(BASE, 100)
        await clock.tick(5)
        await clock.abort()
        await clock.tick(300)
        assert clock.ctx.get(clock.dut.axi.arvalid)
        assert clock.ctx.get(clock.dut.busy)
        there.silent = False
        assert await clock.until_idle() < 40
        assert there.addresses["ar"] == [(BASE, 16)]
        assert sink.words == []

    bench(StreamReader(64), body)


def test_memory_that_is_silent_for_long():
    async def body(clock, there, sink):
        await clock.start(BASE, 200)
        for _ in range(4):
            await clock.tick(23)
            there.silent = True
            await clock.tick(500)
            there.silent = False
        await clock.until_idle()
        assert sink.words == words(BASE, 200, 64)

    bench(StreamReader(64), body, latency=(0, 9))


@pytest.mark.parametrize(("response", "fault"), [(Response.SLVERR, Fault.SLVERR), (Response.DECERR, Fault.DECERR),
                                                 (Response.EXOKAY, Fault.NONE)])
def test_an_error_is_told_until_the_next_start(response, fault):
    async def body(clock, there, sink):
        await clock.start(BASE, 60)
        await clock.until_idle()
        assert clock.error() == fault
        assert len(sink.words) == 60
        await clock.tick(20)
        assert clock.error() == fault
        await clock.start(BASE + 1024, 60)
        await clock.until_idle()
        assert clock.error() == Fault.NONE

    bench(StreamReader(64), body, errors={BASE + 8 * 37: response})


@pytest.mark.parametrize(("address", "length"), [(BASE + 8, 5), (BASE + 32, 5), (BASE + 1, 5), (BASE, 0)])
def test_what_is_refused(address, length):
    async def body(clock, there, sink):
        await clock.start(address, length)
        assert not clock.ctx.get(clock.dut.busy)
        assert clock.error() == Fault.REFUSED
        await clock.tick(30)
        assert there.addresses["ar"] == []
        await clock.start(BASE, 3)
        assert clock.error() == Fault.NONE
        await clock.until_idle()
        assert sink.words == words(BASE, 3, 64)

    bench(StreamReader(64), body)


def test_a_start_while_busy_or_with_an_abort_is_ignored():
    async def body(clock, there, sink):
        await clock.start(BASE, 40)
        await clock.tick(3)
        await clock.start(BASE + 1, 0)
        await clock.start(BASE + 1024, 3)
        await clock.until_idle()
        assert sink.words == words(BASE, 40, 64)
        assert clock.error() == Fault.NONE
        clock.ctx.set(clock.dut.abort, 1)
        await clock.start(BASE, 40)
        clock.ctx.set(clock.dut.abort, 0)
        await clock.tick(30)
        assert len(sink.words) == len(there.beats["r"]) == 40
        assert not clock.ctx.get(clock.dut.busy)

    bench(StreamReader(64), body)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"word_bits": 24}, "word_bits must be one of 8, 16, 32, 64, 128, not 24"),
    ({"word_bits": 64, "depth": 15}, "depth must be at least 16, a longest burst, not 15"),
    ({"word_bits": 64, "length_bits": 2}, "length_bits must be from 3 to 32, not 2"),
    ({"word_bits": 64, "burst": 5}, "burst must be 4, 8 or 16, not 5"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        StreamReader(**arguments)
