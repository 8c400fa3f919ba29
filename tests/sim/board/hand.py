"""A driver by hand: registers of AXI DMA in direct register mode (PG021), and of the accelerator, on a simulated board."""

import numpy as np

from hw.accelerator import registers
from hw.netlist import Netlist
from sim.accelerator.images import pack
from sim.board.link import MEMORY_BASE, Board
from sim.result_word import unpack
from tests import toy

DMA_BASE, ACCELERATOR_BASE = 0x4040_0000, 0x43C0_0000
MM2S, S2MM = 0x00, 0x30
CONTROL, STATUS, ADDRESS, LENGTH = 0x00, 0x04, 0x18, 0x28
RUN, RESET = 1, 4
HALTED, IDLE, INTERNAL, SLAVE, DECODE, DONE = 1, 2, 0x10, 0x20, 0x40, 0x1000
RESULTS = 0x8_0000
"""Where results go, from the start of memory."""


def dma(board: Board, channel: int, register: int, value: int | None = None) -> int:
    """Read a register of the DMA, or write it."""
    if value is None:
        return board.read(DMA_BASE + channel + register)
    board.write(DMA_BASE + channel + register, value)
    return 0


def register(board: Board, netlist: Netlist, name: str, value: int | None = None) -> int:
    """Read a register of the accelerator, or write it."""
    offset = next(item.offset for item in registers(netlist) if item.name == name)
    if value is None:
        return board.read(ACCELERATOR_BASE + offset)
    board.write(ACCELERATOR_BASE + offset, value)
    return 0


def put(board: Board, netlist: Netlist, images: np.ndarray) -> int:
    """Images into memory, at its start; their bytes."""
    content = pack(images, netlist.input.bus_bits).tobytes()
    board.memory.bytes[: len(content)] = content
    return len(content)


def transfer(board: Board, channel: int, address: int, length: int) -> None:
    """Run a channel."""
    dma(board, channel, CONTROL, RUN)
    dma(board, channel, ADDRESS, address)
    dma(board, channel, LENGTH, length)


def wait(board: Board, channel: int, polls: int = 200) -> int:
    """Poll until the channel is done or tells of an error; its status."""
    for _ in range(polls):
        status = dma(board, channel, STATUS)
        if status & (DONE | INTERNAL | SLAVE | DECODE):
            return status
    raise AssertionError(f"channel {channel:#x} did not end: {status:#x}")


def arm(board: Board, netlist: Netlist, count: int) -> None:
    """Be ready for ``count`` results."""
    transfer(board, S2MM, MEMORY_BASE + RESULTS, count * netlist.result.bits // 8)


def send(board: Board, netlist: Netlist, images: np.ndarray) -> None:
    """A batch of images, not waited for."""
    register(board, netlist, "BATCH_LENGTH", len(images))
    transfer(board, MM2S, MEMORY_BASE, put(board, netlist, images))


def results(board: Board, netlist: Netlist, count: int) -> dict[str, np.ndarray]:
    """The results in memory, by field."""
    size = netlist.result.bits // 8
    return unpack(np.frombuffer(board.memory.bytes[RESULTS : RESULTS + count * size], f"<u{size}").tolist(), netlist.result)


def reset(board: Board, netlist: Netlist) -> None:
    """DMA, accelerator, DMA again."""
    for _ in range(2):
        dma(board, MM2S, CONTROL, RESET)
        while dma(board, MM2S, CONTROL) & RESET:
            pass
        register(board, netlist, "CONTROL", 5)
        while register(board, netlist, "STATUS") & 0xFFFF_0001:
            pass
    dma(board, MM2S, CONTROL, RESET)
    while dma(board, MM2S, CONTROL) & RESET:
        pass


def wanted(images: np.ndarray, netlist: Netlist) -> tuple[np.ndarray, np.ndarray]:
    """Label and exit of every image: exits give the same sums, thresholds decide."""
    values = toy.logits(images, netlist)
    taken = np.where(values[0].max(1) >= netlist.exits[0].threshold, 0, 1)
    return np.stack([item.argmax(1) for item in values])[taken, np.arange(len(images))], taken


def in_image_order(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Results sorted by id: for batches of no more images than there are ids."""
    order = np.argsort(found["id"], kind="stable")
    return {name: values[order] for name, values in found.items()}
