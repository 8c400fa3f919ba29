"""AXI-Stream source and sink for cocotb, with random stalls. For long runs use the bench's own, in SystemVerilog."""

import random
from collections.abc import Iterable
from typing import Any

from cocotb.triggers import RisingEdge

from sim.errors import SimulationError

__all__ = ["sink", "source"]


async def source(clk: Any, port: tuple[Any, Any, Any], beats: Iterable[int], *, stall: float = 0.0, seed: int = 0) -> None:
    """Send ``beats`` over ``port`` (data, valid, ready), pausing before each with probability ``stall`` a cycle."""
    data, valid, ready = port
    draw = random.Random(seed)
    for beat in beats:
        while draw.random() < stall:
            await RisingEdge(clk)
        data.value = beat
        valid.value = 1
        await RisingEdge(clk)
        while not int(ready.value):
            await RisingEdge(clk)
        # what is written here holds from after this edge on
        valid.value = 0


async def sink(
    clk: Any, port: tuple[Any, Any, Any], count: int, *, stall: float = 0.0, seed: int = 0, timeout: int = 100_000,
) -> list[int]:
    """Receive ``count`` beats from ``port`` (data, valid, ready), not ready with probability ``stall`` a cycle.

    Raises :class:`SimulationError` when a beat on offer changes or is withdrawn, or when ``timeout`` cycles do not bring them all.
    """
    data, valid, ready = port
    draw = random.Random(seed)
    found: list[int] = []
    offered: int | None = None
    takes = False
    for _ in range(timeout):
        await RisingEdge(clk)
        beat = int(data.value) if int(valid.value) else None
        if offered is not None and beat != offered:
            raise SimulationError(f"beat {len(found)} was {offered:#x} on offer, then {'gone' if beat is None else hex(beat)}")
        offered = beat
        if beat is not None and takes:
            found.append(beat)
            offered = None
            if len(found) == count:
                ready.value = 0
                return found
        takes = draw.random() >= stall
        ready.value = int(takes)
    raise SimulationError(f"{len(found)} of {count} beats came within {timeout} cycles")
