"""cocotb's side of test_units: every unit gets its vectors, with random stalls and without any."""

from typing import Any

import cocotb
import numpy as np
from cocotb.triggers import RisingEdge

from sim.benches.axis import sink, source
from tests.cosim.units import UNITS


def port(dut: Any, unit: str, name: str) -> tuple[Any, Any, Any]:
    return tuple(getattr(dut, f"{unit}_{name}_{pin}") for pin in ("data", "valid", "ready"))


@cocotb.test()
@cocotb.parametrize(unit=list(UNITS), stall=[(0, 0), (0.4, 0.4), (0.9, 0.1), (0.1, 0.9)])
async def vectors(dut: Any, unit: str, stall: tuple[float, float]) -> None:
    """What goes in comes out as the golden model says, in order, and nothing more."""
    given, expected = UNITS[unit].vectors(np.random.default_rng(11))
    for name in given:
        port(dut, unit, name)[1].value = 0
    for name in expected:
        port(dut, unit, name)[2].value = 0
    dut.rst.value = 1
    for _ in range(3):
        await RisingEdge(dut.clk)
    dut.rst.value = 0
    await RisingEdge(dut.clk)
    for index, (name, beats) in enumerate(given.items()):
        cocotb.start_soon(source(dut.clk, port(dut, unit, name), beats, stall=stall[0], seed=index))
    receivers = {name: cocotb.start_soon(sink(dut.clk, port(dut, unit, name), len(beats), stall=stall[1], seed=100 + index))
                 for index, (name, beats) in enumerate(expected.items())}
    for name, receiver in receivers.items():
        found = await receiver
        first = next((n for n, pair in enumerate(zip(found, expected[name], strict=True)) if pair[0] != pair[1]), None)
        assert first is None, f"{unit}.{name}: beat {first} is {found[first]:#x} instead of {expected[name][first]:#x}"
    for name in expected:
        port(dut, unit, name)[2].value = 1
    for _ in range(20):
        await RisingEdge(dut.clk)
        for name in expected:
            assert not int(port(dut, unit, name)[1].value), f"{unit}.{name}: a beat too many"
