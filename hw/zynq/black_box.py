"""A module of other sources, as it is."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Elaboratable, Instance
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["BlackBox"]


class BlackBox(wiring.Component):
    """An instance of the Verilog module ``module``, whose ports are ``ports``, plain values, by their names.

    Latency, throughput and reset are the module's own. Raises :class:`ValueError` for a port that is an interface.
    """

    def __init__(self, module: str, ports: Mapping[str, wiring.Member]) -> None:
        inner = [name for name, member in ports.items() if not member.is_port]
        if inner:
            raise ValueError(f"ports of {module} must be plain values, and {inner[0]} is an interface")
        self.module = module
        super().__init__(ports)

    def elaborate(self, platform: object) -> Elaboratable:
        ports: dict[str, Any] = {f"{'i' if member.flow == In else 'o'}_{name}": getattr(self, name)
                                 for name, member in self.signature.members.items()}
        return Instance(self.module, **ports)
