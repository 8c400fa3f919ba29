"""The whole design between a strict processor and a strict memory, with a toy accelerator inside."""

import random
import re

import pytest
from amaranth.back import verilog

from hw.accelerator import build_id, ports
from hw.control.register_map import MAGIC, accelerator_registers
from hw.control.registers import offsets
from hw.zynq import dma_map
from hw.zynq.axi3 import Burst, Response
from hw.zynq.zynq_design import PAGES, ZynqDesign
from sim.accelerator.images import pack
from tests import toy
from tests.hw.zynq.axi3_memory import BASE, ORDERS
from tests.hw.zynq.board import part, play
from tests.hw.zynq.bursts import Transaction
from tests.hw.zynq.stand_ins import plain_design, toy_design

RESULTS = BASE + 0x4000
SLOW = {"latency": (0, 30), "stall": 0.3, "gap": 0.2}
NOISY = {"gap": 0.4, "stall": 0.3}


async def put(board, images):
    """Images into memory; how many words they are."""
    packed = pack(images, board.design.netlist.input.bus_bits)
    board.memory.bytes[:packed.nbytes] = packed.tobytes()
    return packed.shape[0] * packed.shape[1]


def results(board, count):
    """What a batch's ``count`` results say, as the accelerator's ``expected`` has it."""
    netlist = board.design.netlist
    size, at = netlist.result.bits // 8, RESULTS - BASE
    words = [int.from_bytes(board.memory.bytes[at + n * size:at + (n + 1) * size], "little") for n in range(count)]
    return board.design.accelerator.results(words)


async def start(board, images, room=None):
    """A batch begun as a driver would."""
    words = await put(board, images)
    await board.write(board.accelerator["BATCH_LENGTH"], len(images))
    for channel, address, length in (("WRITER", RESULTS, room or len(images)), ("READER", BASE, words)):
        await board.set(f"{channel}_ADDRESS", address)
        await board.set(f"{channel}_LENGTH", length)
    await board.set("CONTROL", reader_start=1, writer_start=1)


async def done(board):
    await board.until("STATUS.writer_busy", 0)
    assert await board.get("STATUS") == 0


async def check_batch(board, images):
    board.memory.bytes[RESULTS - BASE:] = bytes(len(board.memory.bytes) - (RESULTS - BASE))
    await start(board, images)
    await done(board)
    assert results(board, len(images)) == board.design.accelerator.expected(images)
    assert await board.get("WRITER_WORDS") == len(images)
    assert not board.memory.outstanding


async def recover(board, order):
    """As the docstring of the design has it."""
    writes = [("CONTROL", {"reader_abort": 1, "writer_abort": 1}), ("RESET", {"value": 1})]
    for name, fields in writes[::order]:
        await board.set(name, **fields)
    await board.until("STATUS.in_reset", 1)
    await board.until("STATUS.reader_busy", 0)
    await board.until("STATUS.writer_busy", 0)
    await board.set("RESET", 0)
    await board.until("STATUS.in_reset", 0)


@pytest.mark.parametrize(("make", "bus_bits", "result_bits", "memory"), [
    (toy_design, 32, 64, {}), (plain_design, 8, 32, SLOW), (plain_design, 16, 64, {}), (plain_design, 64, 32, SLOW),
    (plain_design, 128, 64, SLOW), pytest.param(toy_design, 64, 32, SLOW, marks=pytest.mark.slow),
])
def test_images_in_and_results_out(make, bus_bits, result_bits, memory):
    async def body(board):
        for count, seed in ((5, 1), (1, 2), (2, 3)):
            await check_batch(board, toy.images(count, seed=seed))

    play(make(bus_bits=bus_bits, result_bits=result_bits), body, order=ORDERS[bus_bits // 8 % len(ORDERS)], **memory)


def aborts(times, design, *, memory, board, seed):
    """Batches that are aborted in any cycle, each followed by one that must be whole."""
    rng = random.Random(seed)

    async def body(board):
        board.memory.may_void = True
        for _ in range(times):
            # A writer without room stands still, and with it everything before.
            await start(board, toy.images(4, seed=rng.randrange(100)), room=rng.choice((1, 4)))
            await board.tick(rng.randrange(rng.choice((20, 300))))
            await recover(board, rng.choice((1, -1)))
            assert not board.memory.outstanding
            assert await board.get("STATUS") == 0
            await check_batch(board, toy.images(2, seed=rng.randrange(100)))

    play(design, body, **board, **memory)


@pytest.mark.slow
def test_aborts_at_any_moment():
    aborts(8, plain_design(), memory={"latency": (0, 20), "order": "address first"}, board={}, seed=3)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_aborts_at_any_moment_with_everything_slow(seed):
    aborts(4, toy_design(), memory={"latency": (0, 40), "order": ORDERS[seed + 1]}, board={"gap": 0.3, "stall": 0.2}, seed=seed)


def test_an_abort_waits_for_an_accelerator_that_takes_no_words_until_that_is_reset():
    """A word on offer stays (the board sees to it), until the accelerator is in reset or, with its own soft reset, takes it."""

    async def body(board):
        images = toy.images(12, seed=4)
        # Room for a single result: the accelerator fills up and stands still.
        await start(board, images, room=1)
        board.memory.may_void = True
        await board.tick(300)
        assert board.offered
        taken = len(board.taken)
        await board.set("CONTROL", reader_abort=1, writer_abort=1)
        await board.tick(100)
        assert len(board.taken) == taken
        assert (await board.get("STATUS.reader_busy"), await board.get("STATUS.writer_busy")) == (1, 0)
        assert not board.memory.outstanding
        assert await board.get("READER_SILENT") == 0
        control = board.accelerator["CONTROL"]
        await board.write(control, 0b101)
        await board.until("STATUS.reader_busy", 0)
        assert 1 <= len(board.taken) - taken <= 2
        await board.write(control, 0b101)
        await board.tick(20)
        await check_batch(board, toy.images(2, seed=5))

    play(plain_design(), body)


def test_words_wait_for_an_accelerator_in_reset():
    async def body(board):
        await board.set("RESET", 1)
        await board.until("STATUS.in_reset", 1)
        images = toy.images(2, seed=6)
        words = await put(board, images)
        for name, value in (("WRITER_ADDRESS", RESULTS), ("WRITER_LENGTH", 2), ("READER_ADDRESS", BASE), ("READER_LENGTH", words)):
            await board.set(name, value)
        await board.set("CONTROL", reader_start=1, writer_start=1)
        await board.tick(50)
        assert board.taken == []
        assert await board.get("STATUS") == 0b111
        await board.set("RESET", 0)
        await board.write(board.accelerator["BATCH_LENGTH"], 2)
        await done(board)
        assert results(board, 2) == board.design.accelerator.expected(images)
        assert len(board.taken) == words
        assert [last for _, last in board.taken] == [0] * (words - 1) + [1]

    play(plain_design(), body)


def test_a_reset_takes_the_registers_back_to_what_was_built():
    async def body(board):
        identity = build_id(board.design.netlist)
        at = board.accelerator["BATCH_LENGTH"]
        await board.write(at, 7)
        await board.set("RESET", 1)
        await board.until("STATUS.in_reset", 1)
        for offset in (0, 4, at - PAGES["accelerator"].base, 0xFFC):
            assert await board.read(PAGES["accelerator"].base + offset) == 0
        await board.write(at, 9)
        assert (await board.get("STATUS.missed"), await board.get("RESET")) == (1, 1)
        await board.set("RESET", 0)
        assert await board.read(at) == 1
        assert await board.read(board.accelerator["BUILD"]) == identity
        await board.set("CONTROL", clear=1)
        assert await board.get("STATUS") == 0

    play(plain_design(), body)


@pytest.mark.parametrize("board", [{}, NOISY], ids=["at once", "random"])
def test_every_access_is_answered_whatever_is_in_reset(board):
    """Reads and writes at once, of both pages and of none, while the accelerator goes in and out of reset."""
    rng = random.Random(8)
    identity = PAGES["accelerator"].base + offsets(accelerator_registers(2, 1, 1))["ID"]
    places = [identity, PAGES["accelerator"].base + 0xFFC, PAGES["dma"].base, PAGES["dma"].base + 0xFFC, 0x4040_1000, 0x43C0_1000, 0]

    async def body(board):
        reads = [Transaction(rng.getrandbits(12), rng.choice(places), 1, 2, Burst.INCR) for _ in range(150)]
        writes = [Transaction(rng.getrandbits(12), board.dma["RESET"] if rng.random() < 0.5 else rng.choice(places), 1, 2, Burst.INCR,
                              ((rng.getrandbits(1), 15),)) for _ in range(120)]
        board.manager.queue(reads, writes, rng)
        for _ in range(10_000):
            if len(board.manager.read) == len(reads) and len(board.manager.written) == len(writes):
                break
            await board.tick()
        known = {identity: {0, MAGIC}, PAGES["dma"].base: {dma_map.MAGIC}}
        seen = {}
        for burst, answer in zip(reads, board.manager.read, strict=True):
            here = burst.addr in places[:4]
            assert answer["rresp"] == (Response.OKAY if here else Response.DECERR).value
            assert answer["rdata"] in known.get(burst.addr, {0})
            seen.setdefault(burst.addr, set()).add(answer["rdata"])
        assert seen[identity] == {0, MAGIC}
        for burst, answer in zip(writes, board.manager.written, strict=True):
            assert answer["bresp"] == (Response.DECERR if burst.addr in places[4:] else Response.OKAY).value

    play(plain_design(), body, **board)


@pytest.mark.parametrize("response", [Response.SLVERR, Response.DECERR])
def test_errors_of_memory_are_told_and_the_next_batch_is_right(response):
    async def body(board):
        images = toy.images(2, seed=1)
        board.memory.errors = {BASE + 16: response}
        await start(board, images)
        await board.until("STATUS.writer_busy", 0)
        assert (await board.get("STATUS.reader_error"), await board.get("STATUS.writer_error")) == (response.value, 0)
        board.memory.errors = {RESULTS + 8: response}
        await start(board, images)
        await board.until("STATUS.writer_busy", 0)
        assert (await board.get("STATUS.reader_error"), await board.get("STATUS.writer_error")) == (0, response.value)
        board.memory.errors = {}
        await check_batch(board, images)

    play(plain_design(), body)


def test_what_is_refused_is_told():
    async def body(board):
        await board.set("READER_ADDRESS", BASE + 8)
        await board.set("READER_LENGTH", 4)
        await board.set("WRITER_ADDRESS", RESULTS)
        await board.set("CONTROL", reader_start=1, writer_start=1)
        found = await board.get("STATUS")
        assert [part(found, "STATUS", name) for name in ("reader_busy", "writer_busy", "reader_error", "writer_error")] == [0, 0, 1, 1]
        assert not board.memory.outstanding

    play(plain_design(), body)


def test_a_port_that_is_dead_is_told_from_an_accelerator_that_waits():
    async def body(board):
        images = toy.images(12, seed=4)
        board.memory.silent = True
        await start(board, images, room=1)
        await board.tick(300)
        assert await board.get("READER_SILENT") > 250
        board.memory.silent = False
        await board.tick(300)
        # Now the accelerator waits: for room.
        assert await board.get("STATUS") == 1
        assert await board.get("READER_SILENT") == await board.get("WRITER_SILENT") == 0
        await recover(board, 1)
        await start(board, toy.images(2, seed=4))
        while not await board.get("WRITER_WORDS"):
            pass
        board.memory.silent = True
        await board.tick(300)
        assert await board.get("WRITER_SILENT") > 150
        assert await board.get("READER_SILENT") == 0
        board.memory.silent = False
        await done(board)
        # Slow is not dead.
        board.memory.gap = 0.8
        await start(board, toy.images(10, seed=4))
        for _ in range(20):
            assert await board.get("READER_SILENT") < 60
        await done(board)

    play(plain_design(), body)


def test_interrupts():
    async def body(board):
        await board.set("INTERRUPTS_ENABLE", 4)
        await start(board, toy.images(2, seed=9))
        while not board.irq:
            await board.tick()
        assert not board.memory.outstanding
        assert await board.get("INTERRUPTS") == 7
        await board.tick(30)
        assert board.irq
        await board.set("INTERRUPTS_CLEAR", 7)
        await board.tick(3)
        assert not board.irq
        assert await board.get("INTERRUPTS") == 0

    play(plain_design(), body)


def test_what_the_ports_fifos_hold():
    async def body(board):
        for name, level in (("rcount", 3), ("wcount", 4), ("racount", 5), ("wacount", 6)):
            board.ctx.set(getattr(board.design, f"hp0_{name}"), level)
        assert await board.get("HP0") == 3 | 4 << 8 | 5 << 16 | 6 << 24

    play(plain_design(), body)


def test_the_accelerator_is_an_instance_of_its_module_with_all_its_ports():
    netlist = toy.build(None, units={})
    text = verilog.convert(ZynqDesign(netlist), name="design", emit_src=False, strip_internal_attrs=True)
    assert text == verilog.convert(ZynqDesign(netlist), name="design", emit_src=False, strip_internal_attrs=True)
    found = text[text.index("  accelerator accelerator ("):]
    assert set(re.findall(r"^    \.(\w+)\(", found[:found.index(");\n")], re.MULTILINE)) == set(ports(netlist))
    assert "module accelerator" not in text
