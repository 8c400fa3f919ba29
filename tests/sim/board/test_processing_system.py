"""What the processing system's ports do around the design: how they start, what goes wrong at them, and that the next batch is right."""

import numpy as np
import pytest

from sim.board.link import MEMORY_BASE
from tests import toy
from tests.sim.board.hand import (
    ABORT,
    READ_WIDTH,
    READER,
    RESULTS,
    WRITE_WIDTH,
    WRITER,
    arm,
    busy,
    dma,
    in_image_order,
    put,
    register,
    reset,
    results,
    send,
    transfer,
    wait,
    wanted,
)

pytestmark = pytest.mark.cosim
REFUSED, SLVERR, DECERR = 1, 2, 3


def right(board, netlist, images: np.ndarray) -> bool:
    """Send a batch; whether all of it comes back as it must."""
    arm(board, netlist, len(images))
    send(board, netlist, images)
    errors = wait(board, READER), wait(board, WRITER)
    found = in_image_order(results(board, netlist, len(images)))
    return errors == (0, 0) and found["label"].tolist() == wanted(images, netlist)[0].tolist()


@pytest.mark.parametrize("narrow", [READ_WIDTH, WRITE_WIDTH], ids=["reads", "writes"])
def test_a_port_left_32_bits_wide_shows(narrow: int, start) -> None:
    netlist, board = start(wide=False)
    assert (board.read(READ_WIDTH), board.read(WRITE_WIDTH)) == (1, 1)
    other = READ_WIDTH + WRITE_WIDTH - narrow
    board.write(other, 0)
    images = toy.images(40)
    board.memory.bytes[RESULTS : RESULTS + 40 * 8] = bytes(40 * 8)
    arm(board, netlist, 40)
    send(board, netlist, images)
    assert (wait(board, READER), wait(board, WRITER)) == (0, 0)
    words = np.frombuffer(board.memory.bytes[RESULTS : RESULTS + 40 * 8], "<u8")
    found = in_image_order(results(board, netlist, 40))["label"].tolist()
    if narrow == WRITE_WIDTH:
        assert not (words >> 32).any()
    else:
        assert found != wanted(images, netlist)[0].tolist()
    board.write(narrow, 0)
    assert right(board, netlist, images)


def test_a_clock_above_the_designs_own_shows(start) -> None:
    netlist, board = start(clock=125.0)
    images = toy.images(60)
    assert not right(board, netlist, images)
    reset(board, netlist)
    board.set_clock(100.0)
    assert right(board, netlist, images)


@pytest.mark.parametrize(("fault", "channel"), [("read_error", READER), ("write_error", WRITER)])
def test_an_error_of_memory_is_told_once(fault: str, channel: str, start) -> None:
    netlist, board = start(faults={fault: 5})
    images = toy.images(12)
    arm(board, netlist, 12)
    send(board, netlist, images)
    found = {name: wait(board, name) for name in (READER, WRITER)}
    assert found == {READER: 0, WRITER: 0} | {channel: SLVERR}
    assert right(board, netlist, images)


@pytest.mark.parametrize(("channel", "address"), [(READER, MEMORY_BASE + (1 << 20) - 64), (WRITER, MEMORY_BASE - 64)])
def test_where_no_memory_is_it_answers_decerr(channel: str, address: int, start) -> None:
    netlist, board = start()
    images = toy.images(12)
    words = put(board, netlist, images)
    register(board, netlist, "BATCH_LENGTH", 12)
    transfer(board, WRITER, address if channel == WRITER else MEMORY_BASE + RESULTS, 12)
    transfer(board, READER, address if channel == READER else MEMORY_BASE, words)
    assert wait(board, channel) == DECERR
    reset(board, netlist)
    assert right(board, netlist, images)


@pytest.mark.parametrize("address", [MEMORY_BASE + 8, MEMORY_BASE])
def test_a_start_that_cannot_be_is_refused(address: int, start) -> None:
    _, board = start()
    for channel in (READER, WRITER):
        transfer(board, channel, address, 0 if address == MEMORY_BASE else 16)
        assert wait(board, channel, 1) == REFUSED


@pytest.mark.parametrize(("fault", "channel"), [("silent_reads", READER), ("silent_writes", WRITER)])
def test_a_port_that_stops_answering_is_told_by_its_count(fault: str, channel: str, start) -> None:
    netlist, board = start(faults={fault: 7})
    images = toy.images(30)
    arm(board, netlist, 30)
    send(board, netlist, images)
    for _ in range(60):
        silent = dma(board, f"{channel.upper()}_SILENT")
    assert silent > 1000
    dma(board, "CONTROL", ABORT[READER] | ABORT[WRITER])
    for _ in range(20):
        assert busy(board, channel)
    assert dma(board, f"{channel.upper()}_SILENT") > silent
    assert register(board, netlist, "ID") == int.from_bytes(b"OFRP", "big")


@pytest.mark.slow
@pytest.mark.parametrize("moment", range(0, 1200, 97))
def test_after_an_abort_at_any_moment_the_next_batch_is_right(moment: int, start) -> None:
    netlist, board = start(access_cycles=1)
    images = toy.images(40)
    arm(board, netlist, 40)
    send(board, netlist, images)
    until = board.cycles + moment
    while board.cycles < until:
        dma(board, "STATUS")
    reset(board, netlist)
    assert right(board, netlist, images)


def test_the_interrupt_is_by_level(start) -> None:
    netlist, board = start()
    dma(board, "INTERRUPTS_ENABLE", 4)
    assert not board.interrupt
    assert right(board, netlist, toy.images(5))
    assert board.interrupt
    assert dma(board, "INTERRUPTS") == 7
    dma(board, "INTERRUPTS_CLEAR", 4)
    assert not board.interrupt


def test_batches_that_are_not_whole_beats(start) -> None:
    netlist, board = start()
    for count in (1, 2, 3):
        board.memory.bytes[RESULTS : RESULTS + 64] = b"\xa5" * 64
        assert right(board, netlist, toy.images(count, seed=count))
        size = count * netlist.result.bits // 8
        assert board.memory.bytes[RESULTS + size : RESULTS + 64] == b"\xa5" * (64 - size)
