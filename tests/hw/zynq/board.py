"""What is around the design on a board: the processor at one port, memory at the other."""

import random

from hw.control.registers import offsets
from hw.zynq.axi3 import Burst, Response
from hw.zynq.dma_map import dma_registers
from hw.zynq.zynq_design import PAGES
from tests.hw.zynq.axi3_memory import Axi3Memory
from tests.hw.zynq.bursts import Transaction
from tests.hw.zynq.channels import after
from tests.hw.zynq.manager import Manager
from tests.quick_simulator import simulate

ANSWERED = 200
"""Cycles in which every access is answered."""


class Board:
    """Runs the two ports together. The processor keeps the rules of AXI3 and sees to it that they are kept, and so does memory;
    the words that the accelerator is offered must stay but for its reset."""

    def __init__(self, ctx, design, *, gap=0.0, stall=0.0, seed=1, **memory):
        self.ctx, self.design, self.rng = ctx, design, random.Random(seed)
        self.manager = Manager(ctx, design.gp0, self.rng, gap, stall)
        self.memory = Axi3Memory(ctx, design.hp0, **memory)
        self.offered, self.taken, self.cycle, self.irq = None, [], 0, False
        there = design.accelerator
        self.stream = [there.s_axis_tvalid, there.s_axis_tready, there.s_axis_tdata, there.s_axis_tlast, there.ap_rst_n]
        self.at = {PAGES["dma"].base + offset: name for name, offset in offsets(dma_registers(8, 32)).items()}
        self.dma = {name: address for address, name in self.at.items()}
        self.accelerator = {name: PAGES["accelerator"].base + offset for name, offset in offsets(there.registers).items()}

    async def tick(self, cycles=1):
        for _ in range(cycles):
            self.manager.drive(), self.memory.drive()
            ends = [signal for end in self.manager.ends for signal in end.watched]
            _, _, *values = await self.ctx.tick().sample(*ends, *self.memory.watched, *self.stream, self.design.irq)
            self.manager.after(*after(self.manager.ends, values[:len(ends)]))
            self._see(*values[-1 - len(self.stream):-1])
            self.irq = bool(values[-1])
            self.memory.after(values[len(ends):-1 - len(self.stream)])
            self.cycle += 1

    def _see(self, valid, ready, data, last, rst_n):
        now = (data, last) if valid else None
        assert self.offered is None or now == self.offered or not rst_n, f"took back {self.offered} for {now}"
        self.offered = None if ready or not rst_n else now
        if valid and ready:
            self.taken.append(now)

    async def _until(self, done, what):
        for _ in range(ANSWERED):
            if done():
                return
            await self.tick()
        raise AssertionError(f"{what} is not answered after {ANSWERED} cycles")

    async def access(self, address, value=None, strobes=15):
        """What an access is answered: response, and of a read the word."""
        burst = Transaction(self.rng.getrandbits(12), address, 1, 2, Burst.INCR, () if value is None else ((value, strobes),))
        found = self.manager.read if value is None else self.manager.written
        before = len(found)
        self.manager.queue(*(([burst], []) if value is None else ([], [burst])), self.rng)
        await self._until(lambda: len(found) > before, f"an access of {address:#x}")
        (answer,) = found[before:]
        return (answer["rresp"], answer["rdata"]) if value is None else (answer["bresp"], None)

    async def read(self, address):
        response, word = await self.access(address)
        assert response == Response.OKAY.value
        return word

    async def write(self, address, value):
        response, _ = await self.access(address, value)
        assert response == Response.OKAY.value

    async def get(self, name):
        """A register of the DMA's page, or a field of one: ``STATUS.reader_busy``."""
        register, _, field = name.partition(".")
        word = await self.read(self.dma[register])
        return word if not field else part(word, register, field)

    async def set(self, name, value=0, **fields):
        """The same register written; of one with fields these, all others 0."""
        await self.write(self.dma[name], value | sum(bits << lsb(name, field) for field, bits in fields.items()))

    async def until(self, name, value, limit=400):
        for _ in range(limit):
            if await self.get(name) == value:
                return
        raise AssertionError(f"{name} is not {value} after {limit} reads")


def _field(register, field):
    (found,) = (item for item in dma_registers(8, 32) if item.name == register)
    (there,) = (item for item in found.fields if item.name == field)
    return there


def lsb(register, field):
    return _field(register, field).lsb


def part(word, register, field):
    there = _field(register, field)
    return word >> there.lsb & (1 << there.bits) - 1


def play(design, body, **board):
    """Runs ``body(board)``."""

    async def testbench(ctx):
        there = Board(ctx, design, **board)
        await body(there)

    simulate(design, testbench)
