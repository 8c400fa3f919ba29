"""cocotb's side of test_units for AxiLiteRegisters: each channel of the bus with stalls of its own, against a dict of words."""

import random
from typing import Any

import cocotb
from cocotb.triggers import RisingEdge

from hw.control.registers import Register
from sim.benches.axi import AxiLite
from sim.benches.axis import sink, source
from tests.cosim.bare_bench import Pins, reset
from tests.cosim.bare_units import REGISTERS

OKAY = 0
BY_OFFSET = {item.offset: item for item in REGISTERS}
PULSES = {"go_now": (0, 1), "go_later": (8, 2)}
"""Lowest bit and width of the pulses' fields."""
INPUTS = {"id": 32, "level": 9, "state_busy": 1, "state_count": 4}


class Joined:
    """Two signals as one, ``high`` from bit 32 on."""

    def __init__(self, low: Any, high: Any) -> None:
        self._low, self._high = low, high

    @property
    def value(self) -> int:
        return int(self._low.value) | int(self._high.value) << 32

    @value.setter
    def value(self, value: int) -> None:
        self._low.value, self._high.value = value & 0xFFFF_FFFF, value >> 32


def channel(dut: Any, name: str) -> tuple[Any, Any, Any]:
    pins = {pin: getattr(dut, f"registers_bus_{name}{pin}") for pin in ("valid", "ready")}
    parts = {"aw": ("awaddr",), "ar": ("araddr",), "b": ("bresp",), "w": ("wdata", "wstrb"), "r": ("rdata", "rresp")}[name]
    signals = [getattr(dut, f"registers_bus_{part}") for part in parts]
    return (Joined(*signals) if len(signals) > 1 else signals[0]), pins["valid"], pins["ready"]


def extended(item: Register, value: int) -> int:
    """What ``value``, the register's bits, reads as."""
    return value | 0xFFFF_FFFF << item.bits & 0xFFFF_FFFF if item.signed and value >> item.bits - 1 & 1 else value


def written(words: dict[int, int], address: int, value: int, strobe: int) -> dict[int, int]:
    """The ``rw`` words, by offset, after a write."""
    item = BY_OFFSET.get(address & ~3)
    if item is None or item.access != "rw":
        return words
    mask = sum(0xFF << 8 * byte for byte in range(4) if strobe >> byte & 1) & (1 << item.bits) - 1
    return words | {item.offset: words[item.offset] & ~mask | value & mask}


def idle(pins: Pins) -> None:
    for name in ("awvalid", "wvalid", "bready", "arvalid", "rready"):
        pins[f"bus_{name}"] = 0


@cocotb.test()
@cocotb.parametrize(stall=[(0, 0), (0.5, 0.5), (0.9, 0.1), (0.1, 0.9)])
async def registers(dut: Any, stall: tuple[float, float]) -> None:
    """Writes act in order, each in the cycle in which its answer comes, whatever is stalled; reads beside them do not disturb."""
    pins, draw = Pins(dut, "registers"), random.Random(f"{stall}")
    idle(pins)
    await reset(dut)
    inputs = {name: draw.getrandbits(width) | 1 << width - 1 for name, width in INPUTS.items()}
    for name, value in inputs.items():
        pins[name] = value
    writes = [(draw.choice([0, 4, 8, 8, 12, 16, 16, 20, 24, 60]) + draw.randrange(4), draw.getrandbits(32), draw.randrange(16))
              for _ in range(120)]
    history = [{item.offset: item.init & (1 << item.bits) - 1 for item in REGISTERS if item.access == "rw"}]
    for write in writes:
        history.append(written(history[-1], *write))
    fixed = {0x00: inputs["id"], 0x0C: extended(BY_OFFSET[0x0C], inputs["level"]), 0x10: 0,
             0x14: inputs["state_busy"] | inputs["state_count"] << 16}

    async def watch() -> None:
        """Registers and pulses in every cycle, from the number of answers so far."""
        answers, before = 0, 0
        while True:
            await RisingEdge(dut.clk)
            rises = pins["bus_bvalid"] > before
            before = pins["bus_bvalid"]
            answers += rises
            address, value, strobe = writes[answers - 1] if rises else (0, 0, 0)
            for name, (lsb, width) in PULSES.items():
                hit = address & ~3 == 0x10 and strobe >> lsb // 8 & 1
                assert pins[name] == (value >> lsb & (1 << width) - 1 if hit else 0), f"{name} after {answers} writes"
            found = {0x04: pins["limit"], 0x08: pins["word"], 0x3C: pins["flag"]}
            assert found == history[answers], f"after {answers} writes: {found} instead of {history[answers]}"

    async def reads(addresses: list[int], words: dict[int, int], seed: int) -> None:
        answers = cocotb.start_soon(sink(dut.clk, channel(dut, "r"), len(addresses), stall=stall[1], seed=seed))
        cocotb.start_soon(source(dut.clk, channel(dut, "ar"), addresses, stall=stall[0], seed=seed + 1))
        expected = [words.get(item & ~3, 0) for item in addresses]
        assert await answers == expected

    watcher = cocotb.start_soon(watch())
    cocotb.start_soon(source(dut.clk, channel(dut, "aw"), [address for address, _, _ in writes], stall=stall[0], seed=1))
    cocotb.start_soon(source(dut.clk, channel(dut, "w"), [value | strobe << 32 for _, value, strobe in writes], stall=stall[0], seed=2))
    answers = cocotb.start_soon(sink(dut.clk, channel(dut, "b"), len(writes), stall=stall[1], seed=3))
    await reads([draw.choice([0, 12, 16, 20, 24, 56]) + draw.randrange(4) for _ in range(80)], fixed, 4)
    assert await answers == [OKAY] * len(writes)
    await reads(list(range(0, 64, 4)), fixed | {at: extended(BY_OFFSET[at], value) for at, value in history[-1].items()}, 6)
    watcher.cancel()


@cocotb.test()
async def registers_by_driver(dut: Any) -> None:
    """The driver reads what it wrote, and 0 where nothing is; a reset brings back the initial values."""
    pins = Pins(dut, "registers")
    idle(pins)
    await reset(dut)
    bus = AxiLite(dut, dut.clk, "registers_bus_")
    assert [await bus.read(offset) for offset in (0x04, 0x08, 0x3C)] == [0xFFFF_FFFB, 7, 0]
    await bus.write(0x04, -2000)
    await bus.write(0x08, 0x1234_5678)
    await bus.write(0x08, -1, 0b0100)
    assert [await bus.read(offset) for offset in (0x04, 0x08)] == [-2000 & 0xFFFF_FFFF, 0x12FF_5678]
    assert await bus.read(0x18) == 0
    await bus.write(0x38, 1)
    await reset(dut)
    assert [await bus.read(offset) for offset in (0x04, 0x08, 0x3C)] == [0xFFFF_FFFB, 7, 0]
