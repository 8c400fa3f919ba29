"""The processing system of a Zynq-7000."""

from collections.abc import Mapping
from typing import Any

from amaranth.hdl import Cat, ClockSignal, Const, Instance, Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import Flow, In, Out

from hw.zynq.axi3 import Axi3Signature

__all__ = ["Ps7"]

GP0, HP0 = Axi3Signature(32, 12), Axi3Signature(64, 6)

_MANAGERS = {"MAXIGP1": GP0}
"""Ports that the processing system asks at, and that are not used."""
_SUBORDINATES = {"SAXIHP1": HP0, "SAXIHP2": HP0, "SAXIHP3": HP0, "SAXIGP0": Axi3Signature(32, 6), "SAXIGP1": Axi3Signature(32, 6),
                 "SAXIACP": Axi3Signature(64, 3)}
"""Ports that it is asked at, and that are not used."""
_OF_EACH: Mapping[str, Mapping[str, int]] = {
    "DMA0 DMA1 DMA2 DMA3": {"ACLK": 1, "DAREADY": 1, "DRLAST": 1, "DRVALID": 1, "DRTYPE": 2},
    "EMIOCAN0 EMIOCAN1": {"PHYRX": 1},
    "EMIOENET0 EMIOENET1": {"EXTINTIN": 1, "GMIICOL": 1, "GMIICRS": 1, "GMIIRXCLK": 1, "GMIIRXD": 8, "GMIIRXDV": 1, "GMIIRXER": 1,
                            "GMIITXCLK": 1, "MDIOI": 1},
    "EMIOI2C0 EMIOI2C1": {"SCLI": 1, "SDAI": 1},
    "EMIOSDIO0 EMIOSDIO1": {"CDN": 1, "CLKFB": 1, "CMDI": 1, "DATAI": 4, "WP": 1},
    "EMIOSPI0 EMIOSPI1": {"MI": 1, "SCLKI": 1, "SI": 1, "SSIN": 1},
    "EMIOTTC0 EMIOTTC1": {"CLKI": 3},
    "EMIOUART0 EMIOUART1": {"CTSN": 1, "DCDN": 1, "DSRN": 1, "RIN": 1, "RX": 1},
    "EMIOUSB0 EMIOUSB1": {"VBUSPWRFAULT": 1},
    "SAXIHP0 SAXIHP1 SAXIHP2 SAXIHP3": {"RDISSUECAP1EN": 1, "WRISSUECAP1EN": 1},
    "EMIO": {"GPIOI": 64, "PJTAGTCK": 1, "PJTAGTDI": 1, "PJTAGTMS": 1, "SRAMINTIN": 1, "TRACECLK": 1, "WDTCLKI": 1},
    "FTM": {"DTRACEINATID": 4, "DTRACEINCLOCK": 1, "DTRACEINDATA": 32, "DTRACEINVALID": 1, "TF2PDEBUG": 32, "TF2PTRIG": 4,
            "TP2FTRIGACK": 4},
    "SAXIACP": {"ARUSER": 5, "AWUSER": 5},
    "": {"DDRARB": 4, "EVENTEVENTI": 1, "FCLKCLKTRIGN": 4, "FPGAIDLEN": 1},
}
"""Widths of the other inputs, by what their names begin with."""


def _axi(prefix: str, signature: Axi3Signature, flow: Flow) -> dict[str, tuple[str, int]]:
    """Member and width of each of the primitive's ports ``prefix``, those that the manager drives (Out) or is given (In), by its name."""
    return {f"{prefix}{name.upper()}": (name, Shape.cast(member.shape).width) for name, member in signature.members.items()
            if member.flow is flow}


def _unused() -> dict[str, int]:
    """Width of each input that is not used, by its name."""
    widths = {f"{prefix}{name}": width for prefixes, names in _OF_EACH.items() for prefix in prefixes.split() or [""]
              for name, width in names.items()}
    for flow, ports in ((In, _MANAGERS), (Out, _SUBORDINATES)):
        for prefix, signature in ports.items():
            widths |= {f"{prefix}ACLK": 1} | {name: width for name, (_, width) in _axi(prefix, signature, flow).items()}
    return widths


class Ps7(wiring.Component):
    """The primitive PS7: the processing system with its ports GP0, at which the processor asks, and HP0, at which memory is asked for
    (Xilinx UG585; names and widths as in Yosys' ``cells_xtra.v``).

    Every other input is 0, above all ``IRQF2P[19:16]``, which would interrupt the processors past their interrupt controller; what of the
    processing system goes to pads (MIO, DDR, its clock and reset) is not connected, as tools connect it themselves. Nothing here sets
    the processing system up: widths of HP0, clocks and level shifters are up to software. Only one may be in a design.

    Latency: none of its own; AXI ports are of the domain ``sync``, which may, and here should, have ``fclk0`` as its clock. Throughput:
    64 bits a cycle each way at HP0, once software has set that width. Reset: that of ``sync`` does not reach the processing system, which
    goes on with what is under way.

    Members
    -------
    gp0 : Out(Axi3Signature(32, 12))
        The processor's accesses to 0x4000_0000 up to 0x7FFF_FFFF.
    hp0 : In(Axi3Signature(64, 6))
        Accesses to memory.
    hp0_rcount, hp0_wcount : Out(8)
        Beats in the FIFOs of HP0 for data read and for data to be written.
    hp0_racount, hp0_wacount : Out(3), Out(6)
        Addresses in those for reads and for writes.
    irq : In(1)
        An interrupt, active high by level: ``IRQF2P[0]``, number 61 of the interrupt controller.
    fclk0 : Out(1)
        A clock whose frequency software sets.
    fclk0_resetn : Out(1)
        Low where software resets what is clocked by ``fclk0``; not in time with it.
    """

    def __init__(self) -> None:
        super().__init__({
            "gp0": Out(GP0), "hp0": In(HP0), "hp0_rcount": Out(8), "hp0_wcount": Out(8), "hp0_racount": Out(3), "hp0_wacount": Out(6),
            "irq": In(1), "fclk0": Out(1), "fclk0_resetn": Out(1),
        })

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        clocks, resets = Signal(4), Signal(4)
        m.d.comb += [self.fclk0.eq(clocks[0]), self.fclk0_resetn.eq(resets[0])]
        ports: dict[str, Any] = {f"i_{name}": Const(0, width) for name, width in _unused().items()}
        for prefix, signature, bus, driven in (("MAXIGP0", GP0, self.gp0, Out), ("SAXIHP0", HP0, self.hp0, In)):
            ports[f"i_{prefix}ACLK"] = ClockSignal()
            for flow in (In, Out):
                ports |= {f"{'o' if flow is driven else 'i'}_{port}": getattr(bus, name)
                          for port, (name, _) in _axi(prefix, signature, flow).items()}
        m.submodules.ps7 = Instance(
            "PS7", **ports, i_IRQF2P=Cat(self.irq, Const(0, 19)), o_FCLKCLK=clocks, o_FCLKRESETN=resets,
            o_SAXIHP0RCOUNT=self.hp0_rcount, o_SAXIHP0WCOUNT=self.hp0_wcount,
            o_SAXIHP0RACOUNT=self.hp0_racount, o_SAXIHP0WACOUNT=self.hp0_wacount,
        )
        return m
