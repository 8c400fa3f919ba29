"""The whole design between a strict processor and a strict memory, with a toy accelerator inside."""

import random

import pytest

from hw.accelerator import build_id
from hw.control import register_map
from hw.control.register_map import accelerator_registers
from hw.zynq import dma_map
from hw.zynq.axi3 import Response
from hw.zynq.zynq_design import PAGES
from sim.accelerator.images import pack
from sim.golden import Exit, decide
from sim.result_word import unpack
from tests import toy
from tests.hw.zynq.axi3_memory import BASE, ORDERS
from tests.hw.zynq.board import play, toy_design

RESULTS = BASE + 0x4000
SLOW = {"latency": (0, 30), "stall": 0.3, "gap": 0.2}
NOISY = {"gap": 0.4, "stall": 0.3}


def expected(netlist, images):
    """(label, exit) of each image."""
    exits = [Exit(index=item.index, policy=item.policy, threshold=item.threshold, params=item.params) for item in netlist.exits]
    want = decide(toy.logits(images, netlist), exits)
    return list(zip(want.label.tolist(), want.exit.tolist(), strict=True))


async def put(board, images):
    """Images into memory; how many words they are."""
    packed = pack(images, board.design.netlist.input.bus_bits)
    board.memory.bytes[:packed.nbytes] = packed.tobytes()
    return packed.shape[0] * packed.shape[1]


def results(board, count):
    """(label, exit) of each of a batch's ``count`` results, by the image that they are of."""
    netlist = board.design.netlist
    size, at = netlist.result.bits // 8, RESULTS - BASE
    words = [int.from_bytes(board.memory.bytes[at + n * size:at + (n + 1) * size], "little") for n in range(count)]
    found = unpack(words, netlist.result)
    waiting = {}
    for place, ident in enumerate(found["id"].tolist()):
        waiting.setdefault(ident, []).append(place)
    ids = 1 << next(field.width for field in netlist.result.fields if field.name == "id")
    return [(int(found["label"][place]), int(found["exit"][place])) for place in (waiting[n % ids].pop(0) for n in range(count))]


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
    assert results(board, len(images)) == expected(board.design.netlist, images)
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


@pytest.mark.parametrize(("bus_bits", "result_bits", "memory"), [(32, 64, {}), (64, 32, SLOW), (8, 32, {}), (128, 64, SLOW), (16, 64, SLOW)])
def test_images_in_and_results_out(bus_bits, result_bits, memory):
    async def body(board):
        for count, seed in ((9, 1), (1, 2), (4, 3)):
            await check_batch(board, toy.images(count, seed=seed))

    play(toy_design(bus_bits=bus_bits, result_bits=result_bits), body, order=ORDERS[bus_bits // 8 % len(ORDERS)], **memory)
