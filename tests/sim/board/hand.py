"""A driver by hand: registers of memory reader and writer, and of the accelerator, on a simulated board."""

import numpy as np

from hw.accelerator import registers
from hw.netlist import Netlist
from hw.zynq.dma_map import dma_registers
from hw.zynq.zynq_design import PAGES
from sim.accelerator.images import pack
from sim.board.link import MEMORY_BASE, Board
from sim.result_word import unpack
from tests import toy

ACCELERATOR_BASE = PAGES["accelerator"].base
READ_WIDTH, WRITE_WIDTH = 0xF800_8000, 0xF800_8014
"""Registers of the processing system: bit 0 makes reads, and writes, of port HP0 32 bits wide."""
READER, WRITER = "reader", "writer"
START = {READER: 1, WRITER: 2}
ABORT = {READER: 4, WRITER: 8}
BUSY = {READER: 1, WRITER: 2}
ERROR = {READER: 8, WRITER: 10}
RESULTS = 0x8_0000
"""Where results go, from the start of memory."""
_DMA = {item.name: PAGES["dma"].base + item.offset for item in dma_registers(32, 64)}


def dma(board: Board, name: str, value: int | None = None) -> int:
    """Read a register of reader and writer, or write it."""
    if value is None:
        return board.read(_DMA[name])
    board.write(_DMA[name], value)
    return 0


def register(board: Board, netlist: Netlist, name: str, value: int | None = None) -> int:
    """Read a register of the accelerator, or write it."""
    offset = next(item.offset for item in registers(netlist) if item.name == name)
    if value is None:
        return board.read(ACCELERATOR_BASE + offset)
    board.write(ACCELERATOR_BASE + offset, value)
    return 0


def widen(board: Board) -> None:
    """Port HP0 as wide as the design has it."""
    for address in (READ_WIDTH, WRITE_WIDTH):
        board.write(address, board.read(address) & ~1)


def put(board: Board, netlist: Netlist, images: np.ndarray) -> int:
    """Images into memory, at its start; their bus words."""
    content = pack(images, netlist.input.bus_bits).tobytes()
    board.memory.bytes[: len(content)] = content
    return 8 * len(content) // netlist.input.bus_bits


def transfer(board: Board, channel: str, address: int, words: int) -> None:
    """Start a channel."""
    dma(board, f"{channel.upper()}_ADDRESS", address)
    dma(board, f"{channel.upper()}_LENGTH", words)
    dma(board, "CONTROL", START[channel])


def busy(board: Board, channel: str) -> bool:
    """Whether its transfer is under way."""
    return bool(dma(board, "STATUS") & BUSY[channel])


def error(board: Board, channel: str) -> int:
    """What went wrong in its last transfer (:class:`hw.zynq.transfer.Fault`)."""
    return dma(board, "STATUS") >> ERROR[channel] & 3


def wait(board: Board, channel: str, polls: int = 400) -> int:
    """Poll until the channel's transfer is over; its error."""
    for _ in range(polls):
        if not busy(board, channel):
            return error(board, channel)
    raise AssertionError(f"the {channel} did not end: {dma(board, 'STATUS'):#x}")


def arm(board: Board, netlist: Netlist, count: int) -> None:
    """Be ready for ``count`` results."""
    transfer(board, WRITER, MEMORY_BASE + RESULTS, count)


def send(board: Board, netlist: Netlist, images: np.ndarray) -> None:
    """A batch of images, not waited for."""
    register(board, netlist, "BATCH_LENGTH", len(images))
    transfer(board, READER, MEMORY_BASE, put(board, netlist, images))


def results(board: Board, netlist: Netlist, count: int) -> dict[str, np.ndarray]:
    """The results in memory, by field."""
    size = netlist.result.bits // 8
    return unpack(np.frombuffer(board.memory.bytes[RESULTS : RESULTS + count * size], f"<u{size}").tolist(), netlist.result)


def soft_reset(board: Board, netlist: Netlist) -> None:
    """The accelerator forgets all images; its registers stay."""
    register(board, netlist, "CONTROL", 5)
    while register(board, netlist, "STATUS") & 0xFFFF_0001:
        pass


def reset(board: Board, netlist: Netlist) -> None:
    """Reader and writer end; the accelerator forgets all. A reader whose word a full accelerator does not take ends with a soft reset."""
    dma(board, "CONTROL", ABORT[READER] | ABORT[WRITER])
    for _ in range(20):
        if not busy(board, READER):
            break
    else:
        soft_reset(board, netlist)
    for channel in (READER, WRITER):
        wait(board, channel)
    soft_reset(board, netlist)


def wanted(images: np.ndarray, netlist: Netlist) -> tuple[np.ndarray, np.ndarray]:
    """Label and exit of every image: exits give the same sums, thresholds decide."""
    values = toy.logits(images, netlist)
    taken = np.where(values[0].max(1) >= netlist.exits[0].threshold, 0, 1)
    return np.stack([item.argmax(1) for item in values])[taken, np.arange(len(images))], taken


def in_image_order(found: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Results sorted by id: for batches of no more images than there are ids."""
    order = np.argsort(found["id"], kind="stable")
    return {name: values[order] for name, values in found.items()}
