import pytest

from hw.zynq.axi3 import PAGE, Response
from hw.zynq.stream_writer import StreamWriter
from hw.zynq.transfer import Fault
from tests.hw.zynq.axi3_memory import BASE, ORDERS, SIZE, Axi3Memory, at_random
from tests.hw.zynq.clocked import Clock, Source, simulate

BEFORE = at_random(SIZE)
RESULTS = at_random(1 << 15, seed=2)
RANDOM = {"latency": (0, 25), "stall": 0.4}


def send(source, count, *, last=True):
    """Queues ``count`` words, the last one marked."""
    size = source.stream.payload.shape()["word"].width // 8
    for n in range(count):
        source.queue.append({"word": int.from_bytes(RESULTS[n * size:(n + 1) * size], "little"), "last": int(last and n == count - 1)})


def written(address, size):
    """What memory holds when ``size`` bytes have been written."""
    at = address - BASE
    return BEFORE[:at] + RESULTS[:size] + BEFORE[at + size:]


def bench(dut, body, *, gap=0.0, **memory):
    """Runs ``body(clock, memory, source)``."""

    async def testbench(ctx):
        there, source = Axi3Memory(ctx, dut.axi, BEFORE, **memory), Source(ctx, dut.i, gap)
        await body(Clock(ctx, dut, there, source), there, source)
        assert not there.outstanding

    simulate(dut, testbench)


@pytest.mark.many(4)
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(("word_bits", "gap", "memory"), [(32, 0.0, {}), (64, 0.0, {}), (32, 0.4, RANDOM), (64, 0.1, RANDOM)],
                         ids=["32 at once", "64 at once", "32 random", "64 random"])
def test_words_reach_memory_and_nothing_else_changes(word_bits, gap, memory, order):
    async def body(clock, there, source):
        for n, count in enumerate((1, 2, 3, 15, 16, 17, 33, 70)):
            address = BASE + PAGE - 64 * (n % 4)
            there.bytes[:] = BEFORE
            send(source, count)
            await clock.start(address, 300)
            assert clock.ctx.get(clock.dut.busy)
            await clock.until_idle()
            assert there.bytes == written(address, count * word_bits // 8)
            assert clock.ctx.get(clock.dut.written) == count
            assert clock.error() == Fault.NONE
            assert not there.outstanding
            assert len(there.answers) == len(there.addresses["aw"])

    bench(StreamWriter(word_bits), body, gap=gap, order=order, **memory)


def test_bursts_are_as_long_as_their_windows():
    async def body(clock, there, source):
        send(source, 2 * (8 + 16 + 16) + 5)
        await clock.start(BASE + PAGE - 64, 300)
        await clock.until_idle()
        assert there.addresses["aw"] == [(BASE + PAGE - 64, 8), (BASE + PAGE, 16), (BASE + PAGE + 128, 16), (BASE + PAGE + 256, 3)]
        assert there.strobes[-1] == (BASE + PAGE + 256 + 16, 0x0F)
        there.addresses["aw"].clear()
        send(source, 4)
        await clock.start(BASE + 64, 300)
        await clock.until_idle()
        assert there.addresses["aw"] == [(BASE + 64, 2)]

    bench(StreamWriter(32), body)


def test_a_long_transfer():
    async def body(clock, there, source):
        send(source, 2501)
        await clock.start(BASE + 64, 4000)
        await clock.until_idle()
        assert there.bytes == written(BASE + 64, 4 * 2501)

    bench(StreamWriter(32), body, gap=0.1, latency=(0, 30), stall=0.1)


@pytest.mark.parametrize(("depth", "order", "latency"), [
    (32, "any", (0, 60)), (32, "address first", (0, 60)), (32, "address after data is on offer", (20, 40)), (100, "any", (0, 60))])
def test_throughput(depth, order, latency):
    """No cycle of the port's is lost, whatever memory's latency is, as long as what may be unanswered covers it."""
    count = 1024

    async def body(clock, there, source):
        send(source, count)
        await clock.start(BASE, count)
        await clock.until_idle()
        assert there.bytes == written(BASE, 8 * count)
        assert count / (there.beats["w"][-1] - there.beats["w"][0] + 1) >= 0.95

    bench(StreamWriter(64, depth), body, latency=latency, address_stall=0.7, order=order)


def test_an_address_goes_out_only_when_all_of_its_beats_are_there():
    async def body(clock, there, source):
        await clock.start(BASE, 300)
        send(source, 15, last=False)
        await clock.tick(40)
        assert there.addresses["aw"] == []
        assert source.taken == 15
        send(source, 1, last=False)
        await clock.tick(2)
        assert not clock.ctx.get(clock.dut.axi.awvalid)
        await clock.tick()
        assert there.addresses["aw"] == []
        assert clock.ctx.get(clock.dut.axi.awvalid)
        assert clock.ctx.get(clock.dut.axi.wvalid)
        await clock.tick(18)
        assert there.addresses["aw"] == [(BASE, 16)]
        assert there.beats["w"] == list(range(there.beats["w"][0], there.beats["w"][0] + 16))
        assert len(there.answers) == 1
        send(source, 1)
        await clock.until_idle()
        assert there.addresses["aw"][1:] == [(BASE + 128, 1)]

    bench(StreamWriter(64), body)


@pytest.mark.parametrize("capacity", [1, 6, 31, 32, 33])
@pytest.mark.parametrize("word_bits", [32, 64])
def test_what_there_is_no_room_for_waits(word_bits, capacity):
    async def body(clock, there, source):
        send(source, 40)
        await clock.start(BASE + 64, capacity)
        await clock.until_idle()
        await clock.tick(30)
        assert source.taken == clock.ctx.get(clock.dut.written) == capacity
        assert there.bytes == written(BASE + 64, capacity * word_bits // 8)
        await clock.start(BASE + PAGE, 40)
        await clock.until_idle()
        assert source.taken == 40
        rest = there.bytes[PAGE:PAGE + (40 - capacity) * word_bits // 8]
        assert rest == RESULTS[capacity * word_bits // 8:40 * word_bits // 8]

    bench(StreamWriter(word_bits), body)


def test_only_so_many_bursts_are_unanswered():
    async def body(clock, there, source):
        there.latency = (200, 200)
        send(source, 16 * 5)
        await clock.start(BASE, 300)
        await clock.tick(150)
        assert len(there.addresses["aw"]) == 3
        assert clock.ctx.get(clock.dut.busy)
        await clock.until_idle()
        assert there.bytes == written(BASE, 8 * 16 * 5)

    bench(StreamWriter(64, unanswered=3), body)


@pytest.mark.many(4)
@pytest.mark.parametrize(("word_bits", "depth", "memory"), [
    pytest.param(32, 32, {}, id="at once"),
    pytest.param(64, 16, {"latency": (0, 9), "stall": 0.5}, id="random"),
    pytest.param(64, 70, {"latency": (0, 5), "order": "address after the answer"}, id="answer first"),
    pytest.param(64, 32, {"stall": 0.3, "order": "address first"}, id="address first", marks=pytest.mark.slow),
    pytest.param(64, 32, {"stall": 0.3, "order": "address after all data"}, id="address last", marks=pytest.mark.slow),
])
def test_an_abort_in_any_cycle(word_bits, depth, memory):
    """It ends with nothing outstanding, memory outside the buffer is as it was, and the next transfer is whole."""
    buffer = slice(PAGE + 64, PAGE + 64 + 45 * word_bits // 8)

    async def body(clock, there, source):
        for cycle in range(60):
            source.gap = (0.0, 0.4)[cycle % 2]
            there.bytes[:] = BEFORE
            send(source, 45)
            await clock.start(BASE + buffer.start, 60)
            await clock.tick(cycle)
            there.may_void = True
            beats = len(there.beats["w"])
            await clock.abort()
            await clock.until_idle(600)
            assert not there.outstanding
            assert len(there.beats["w"]) - beats <= depth
            after, wanted = there.bytes, written(BASE + buffer.start, buffer.stop - buffer.start)
            assert after[:buffer.start] + after[buffer.stop:] == BEFORE[:buffer.start] + BEFORE[buffer.stop:]
            for at in range(buffer.start, buffer.stop, 4):
                assert after[at:at + 4] in (BEFORE[at:at + 4], wanted[at:at + 4])
            # Of what comes after the abort nothing is written, but for one beat that was on offer.
            assert sum(strobe != 0 for _, strobe in there.strobes[beats:]) <= 1
            there.may_void = False
            # Words that wait are someone else's, to be dropped by a soft reset of the accelerator.
            source.queue.clear()
            source.offering = False
            there.bytes[:] = BEFORE
            send(source, 5)
            await clock.start(BASE + 256, 60)
            await clock.until_idle(600)
            assert there.bytes == written(BASE + 256, 5 * word_bits // 8)
            assert clock.error() == Fault.NONE

    bench(StreamWriter(word_bits, depth), body, **memory)


def test_an_abort_waits_for_memory():
    """An address and a beat on offer stay on offer, and answers are awaited, however long memory is silent."""

    async def body(clock, there, source):
        there.silent = True
        send(source, 40)
        await clock.start(BASE, 300)
        await clock.tick(60)
        there.may_void = True
        await clock.abort()
        await clock.tick(300)
        assert clock.ctx.get(clock.dut.axi.awvalid)
        assert clock.ctx.get(clock.dut.axi.wvalid)
        assert clock.ctx.get(clock.dut.busy)
        there.silent = False
        assert await clock.until_idle() < 40
        assert there.addresses["aw"] == [(BASE, 16)]
        assert [strobe for _, strobe in there.strobes] == [0xFF, *[0] * 15]
        assert len(there.answers) == 1

    bench(StreamWriter(64), body)


def test_memory_that_is_silent_for_long():
    async def body(clock, there, source):
        send(source, 200)
        await clock.start(BASE, 200)
        for _ in range(4):
            await clock.tick(43)
            there.silent = True
            await clock.tick(300)
            there.silent = False
        await clock.until_idle()
        assert there.bytes == written(BASE, 8 * 200)

    bench(StreamWriter(64), body, latency=(0, 9))


@pytest.mark.parametrize(("response", "fault"), [(Response.SLVERR, Fault.SLVERR), (Response.DECERR, Fault.DECERR),
                                                 (Response.EXOKAY, Fault.NONE)])
def test_an_error_is_told_until_the_next_start(response, fault):
    async def body(clock, there, source):
        for address, expected in ((BASE, fault), (BASE + 1024, Fault.NONE)):
            send(source, 60)
            await clock.start(address, 60)
            await clock.until_idle()
            await clock.tick(5)
            assert clock.error() == expected
            assert len(there.answers) == len(there.addresses["aw"])

    bench(StreamWriter(64), body, errors={BASE + 8 * 37: response})


@pytest.mark.parametrize(("address", "length"), [(BASE + 8, 5), (BASE + 32, 5), (BASE + 1, 5), (BASE, 0)])
def test_what_is_refused(address, length):
    async def body(clock, there, source):
        send(source, 3)
        await clock.start(address, length)
        assert not clock.ctx.get(clock.dut.busy)
        assert clock.error() == Fault.REFUSED
        await clock.tick(30)
        assert source.taken == 0
        await clock.start(BASE, 3)
        assert clock.error() == Fault.NONE
        await clock.until_idle()
        assert there.bytes == written(BASE, 24)

    bench(StreamWriter(64), body)


def test_a_start_while_busy_or_with_an_abort_is_ignored():
    async def body(clock, there, source):
        send(source, 20)
        await clock.start(BASE, 40)
        await clock.tick(3)
        await clock.start(BASE + 1, 0)
        await clock.start(BASE + 1024, 3)
        await clock.until_idle()
        assert there.bytes == written(BASE, 8 * 20)
        send(source, 20)
        clock.ctx.set(clock.dut.abort, 1)
        await clock.start(BASE, 40)
        clock.ctx.set(clock.dut.abort, 0)
        await clock.tick(30)
        assert source.taken == 20
        assert not clock.ctx.get(clock.dut.busy)

    bench(StreamWriter(64), body)


@pytest.mark.parametrize(("arguments", "message"), [
    ({"word_bits": 16}, "word_bits must be 32 or 64, not 16"),
    ({"word_bits": 64, "depth": 15}, "depth must be at least 16, a longest burst, not 15"),
    ({"word_bits": 64, "length_bits": 33}, "length_bits must be from 3 to 32, not 33"),
    ({"word_bits": 64, "burst": 5}, "burst must be 4, 8 or 16, not 5"),
    ({"word_bits": 64, "unanswered": 0}, "unanswered must be at least 1, not 0"),
])
def test_errors(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}$"):
        StreamWriter(**arguments)
