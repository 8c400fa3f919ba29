"""What AXI DMA's model does, register by register (PG021, direct register mode)."""

import pytest

from sim.board.link import MEMORY_BASE
from sim.errors import SimulationError
from tests import toy
from tests.sim.board.hand import (
    ADDRESS,
    CONTROL,
    DECODE,
    DONE,
    HALTED,
    IDLE,
    INTERNAL,
    LENGTH,
    MM2S,
    RESET,
    RESULTS,
    RUN,
    S2MM,
    STATUS,
    arm,
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
MSB = 0x1C
ERROR = 0x4000


@pytest.mark.slow
def test_a_packet_shorter_than_the_buffer_ends_it_and_is_measured(start) -> None:
    netlist, board = start()
    size = netlist.result.bits // 8
    board.memory.bytes[RESULTS : RESULTS + 10 * size] = b"\xa5" * (10 * size)
    arm(board, netlist, 10)
    send(board, netlist, toy.images(3))
    assert wait(board, S2MM) & (DONE | IDLE | HALTED | INTERNAL) == DONE | IDLE
    assert dma(board, S2MM, LENGTH) == 3 * size
    assert board.memory.bytes[RESULTS + 3 * size : RESULTS + 10 * size] == b"\xa5" * (7 * size)
    assert sorted(results(board, netlist, 3)["id"]) == [0, 1, 2]


def test_a_channel_that_is_stopped_ends_its_transfer_first(start) -> None:
    netlist, board = start(access_cycles=1)
    arm(board, netlist, 20)
    send(board, netlist, toy.images(20))
    dma(board, MM2S, CONTROL, 0)
    assert dma(board, MM2S, STATUS) & (HALTED | DONE) == 0
    assert wait(board, MM2S, 5000) & (HALTED | DONE) == HALTED | DONE
    assert wait(board, S2MM, 5000) & (HALTED | DONE) == DONE
    assert register(board, netlist, "SAMPLES_OUT") == 20


def test_a_reset_takes_a_while_and_is_of_both_channels(start) -> None:
    netlist, board = start(access_cycles=1)
    arm(board, netlist, 3)
    send(board, netlist, toy.images(3))
    dma(board, S2MM, CONTROL, RESET)
    assert dma(board, S2MM, CONTROL) & RESET
    assert dma(board, MM2S, CONTROL) & RESET
    polls = 0
    while dma(board, MM2S, CONTROL) & RESET:
        polls += 1
    assert 5 < polls < 100
    for channel in (MM2S, S2MM):
        assert [dma(board, channel, item) for item in (STATUS, ADDRESS, LENGTH)] == [HALTED, 0, 0]
        assert dma(board, channel, CONTROL) & RUN == 0


def test_running_after_an_error_has_no_effect(start) -> None:
    _, board = start()
    transfer(board, MM2S, 0, 64)
    assert wait(board, MM2S) & (DECODE | ERROR | HALTED) == DECODE | ERROR | HALTED
    transfer(board, MM2S, MEMORY_BASE, 64)
    assert dma(board, MM2S, STATUS) & (DECODE | DONE | HALTED) == DECODE | HALTED


def test_the_upper_half_of_an_address_counts(start) -> None:
    netlist, board = start()
    put(board, netlist, toy.images(1))
    dma(board, MM2S, MSB, 1)
    assert dma(board, MM2S, MSB) == 1
    transfer(board, MM2S, MEMORY_BASE, 48)
    assert wait(board, MM2S) & DECODE


def test_done_stays_until_it_is_cleared(start) -> None:
    netlist, board = start()
    arm(board, netlist, 1)
    send(board, netlist, toy.images(1))
    wait(board, S2MM)
    dma(board, S2MM, STATUS, 0)
    assert dma(board, S2MM, STATUS) & DONE
    dma(board, S2MM, STATUS, DONE)
    assert dma(board, S2MM, STATUS) & (DONE | IDLE) == IDLE


def test_memory_takes_its_time_and_not_always_the_same(start) -> None:
    def duration(seed: int) -> int:
        netlist, board = start(seed=seed, access_cycles=1)
        arm(board, netlist, 1)
        send(board, netlist, toy.images(1))
        before = board.cycles
        wait(board, MM2S, 5000)
        return board.cycles - before

    taken = [duration(seed) for seed in range(1, 9)]
    assert len(set(taken)) > 3
    assert min(taken) >= 20 + 48 // 4 - 5  # its latency, and a word a cycle


def test_a_channel_that_was_never_started_takes_no_results_beyond_its_queue(start) -> None:
    netlist, board = start()
    send(board, netlist, toy.images(12))
    for _ in range(50):
        found = register(board, netlist, "SAMPLES_OUT")
    assert found == 4
    reset(board, netlist)
    assert register(board, netlist, "SAMPLES_OUT") == 0


def test_registers_of_the_dma(start) -> None:
    _, board = start()
    for channel in (MM2S, S2MM):
        assert dma(board, channel, STATUS) == HALTED
        transfer(board, channel, MEMORY_BASE, 0)
        # A length of 0 is an error, and stops the channel.
        assert dma(board, channel, STATUS) & (INTERNAL | HALTED) == INTERNAL | HALTED
    dma(board, S2MM, CONTROL, RESET)
    assert dma(board, MM2S, CONTROL) & RESET == 0  # it took less than an access
    for channel in (MM2S, S2MM):
        assert dma(board, channel, STATUS) == HALTED
        dma(board, channel, LENGTH, 64)  # does not run: no effect
        assert dma(board, channel, STATUS) == HALTED
        dma(board, channel, CONTROL, RUN)
        assert dma(board, channel, STATUS) == 0
        dma(board, channel, CONTROL, 0)
        assert dma(board, channel, STATUS) == HALTED


def test_a_packet_longer_than_the_buffer_is_an_internal_error(start) -> None:
    netlist, board = start()
    arm(board, netlist, 3)
    send(board, netlist, toy.images(8))
    assert wait(board, S2MM) & (INTERNAL | HALTED) == INTERNAL | HALTED
    dma(board, S2MM, STATUS, 0xFFFFFFFF)
    assert dma(board, S2MM, STATUS) & INTERNAL  # errors end with a reset alone
    reset(board, netlist)
    test = toy.images(5, seed=9)
    arm(board, netlist, 5)
    send(board, netlist, test)
    wait(board, S2MM)
    assert in_image_order(results(board, netlist, 5))["label"].tolist() == wanted(test, netlist)[0].tolist()


@pytest.mark.parametrize("channel", [MM2S, S2MM])
def test_an_address_that_is_no_memory_is_a_decode_error(channel: int, start) -> None:
    netlist, board = start()
    if channel == MM2S:
        transfer(board, MM2S, MEMORY_BASE + (1 << 20) - 4, 8)
    else:
        transfer(board, S2MM, MEMORY_BASE - 64, 64)
        send(board, netlist, toy.images(8))
    assert wait(board, channel) & (DECODE | HALTED) == DECODE | HALTED


def test_results_before_there_is_a_buffer_wait_in_the_queue_and_go_with_a_reset(start) -> None:
    netlist, board = start()
    images = toy.images(3)
    send(board, netlist, images)
    while register(board, netlist, "SAMPLES_OUT") < 3:
        pass
    assert register(board, netlist, "STATUS") == 0  # all three are in the DMA's queue
    arm(board, netlist, 3)
    wait(board, S2MM)
    assert sorted(results(board, netlist, 3)["label"]) == sorted(wanted(images, netlist)[0])
    for channel in (S2MM, MM2S):
        dma(board, channel, STATUS, DONE)
    send(board, netlist, images)
    while register(board, netlist, "SAMPLES_OUT") < 6:
        pass
    dma(board, MM2S, CONTROL, RESET)
    arm(board, netlist, 3)
    assert not dma(board, S2MM, STATUS) & DONE


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ([(CONTROL, RUN), (ADDRESS, MEMORY_BASE), (LENGTH, 4096), (LENGTH, 64)], "LENGTH was written while a transfer was going on"),
        ([(CONTROL, RUN), (ADDRESS, MEMORY_BASE + 2), (LENGTH, 64)], "0x10000002 is not aligned to 4 bytes"),
        ([(CONTROL, RUN), (ADDRESS, MEMORY_BASE), (LENGTH, 1 << 26)], "67108864 bytes does not fit its register"),
        ([(CONTROL, RUN), (ADDRESS, MEMORY_BASE), (LENGTH, 63)], "63 bytes is not whole words"),
        ([(CONTROL, RESET), (ADDRESS, MEMORY_BASE)], "was written while its reset went on"),
    ],
    ids=["busy", "unaligned", "too long", "part of a word", "in reset"],
)
def test_what_no_document_tells_the_outcome_of_stops_the_board(steps: list, told: str, start) -> None:
    _, board = start(access_cycles=1)
    *before, (item, value) = steps
    for earlier, given in before:
        dma(board, MM2S, earlier, given)
    with pytest.raises(SimulationError, match=f"protocol error: .*{told}"):
        dma(board, MM2S, item, value)
    with pytest.raises(SimulationError, match=f"the simulated board has ended: protocol error: .*{told}"):
        dma(board, MM2S, STATUS)
