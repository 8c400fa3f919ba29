"""AXI4-Lite manager for cocotb: single reads and writes, one at a time."""

from typing import Any

from cocotb.triggers import RisingEdge

from sim.errors import SimulationError

__all__ = ["AxiLite"]

OKAY = 0
TIMEOUT = 1000


class AxiLite:
    """Drives an AXI4-Lite port whose signals are attributes of ``dut``, named ``prefix`` + ``awaddr``, ``awvalid`` and so on.

    ``clk`` is the clock. A response other than OKAY, or none within 1000 cycles, raises :class:`SimulationError`.
    """

    def __init__(self, dut: Any, clk: Any, prefix: str = "") -> None:
        self._dut = dut
        self._clk = clk
        self._prefix = prefix
        for name in ("awaddr", "awvalid", "wdata", "wstrb", "wvalid", "bready", "araddr", "arvalid", "rready"):
            self._signal(name).value = 0

    def _signal(self, name: str) -> Any:
        return getattr(self._dut, self._prefix + name)

    def _is(self, name: str) -> bool:
        return bool(int(self._signal(name).value))

    async def write(self, address: int, value: int, strobe: int = 0xF) -> None:
        """Write the 32-bit ``value`` (negative ones in two's complement) to byte ``address``."""
        for name, item in (("awaddr", address), ("wdata", value & 0xFFFFFFFF), ("wstrb", strobe), ("awvalid", 1), ("wvalid", 1),
                           ("bready", 1)):
            self._signal(name).value = item
        pending = {"aw", "w", "b"}
        for _ in range(TIMEOUT):
            await RisingEdge(self._clk)
            taken = {name for name in pending if self._is(f"{name}valid") and self._is(f"{name}ready")}
            if "b" in taken:
                self._respond("write to", address, int(self._signal("bresp").value))
            for name in taken:
                self._signal("bready" if name == "b" else f"{name}valid").value = 0
            pending -= taken
            if not pending:
                return
        raise SimulationError(f"write to {address:#x}: no answer on {', '.join(sorted(pending))} within {TIMEOUT} cycles")

    async def read(self, address: int) -> int:
        """The 32-bit word at byte ``address``, unsigned."""
        for name, item in ("araddr", address), ("arvalid", 1), ("rready", 1):
            self._signal(name).value = item
        asked = False
        for _ in range(TIMEOUT):
            await RisingEdge(self._clk)
            if not asked and self._is("arready"):
                asked = True
                self._signal("arvalid").value = 0
            if self._is("rvalid"):
                self._signal("rready").value = 0
                self._respond("read of", address, int(self._signal("rresp").value))
                return int(self._signal("rdata").value)
        raise SimulationError(f"read of {address:#x}: no answer within {TIMEOUT} cycles")

    @staticmethod
    def _respond(what: str, address: int, response: int) -> None:
        if response != OKAY:
            raise SimulationError(f"{what} {address:#x} was answered with {response}, not OKAY")
