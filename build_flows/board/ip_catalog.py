"""The IP blocks that the block design is made of, as far as a check without Vivado must know them.

From the product guides: PG021 (axi_dma 7.1), PG059 (axi_interconnect 2.1), PG099 (axi_intc 4.1), PG164 (proc_sys_reset 5.0); the
processing system has a file of its own. Only what the block design may use of a block is here: an unknown parameter or pin is a fault until
it has been looked up and added.
"""

from build_flows.board.ip_block import FLAG, Interface, Ip, Parameters, Pin, Segment, Values, clock_pin, reset_pin
from build_flows.board.ip_processing_system import PROCESSING_SYSTEM
from build_flows.board.rtl_module import RtlInterface, RtlModule

__all__ = ["CATALOG", "module_ip"]

WIDTHS = Values(tuple(str(8 << n) for n in range(8)))
STREAM = frozenset({"TDATA", "TVALID", "TREADY", "TLAST"})


def _dma_conflicts(values: Parameters) -> list[str]:
    pairs = (("c_m_axi_mm2s_data_width", "c_m_axis_mm2s_tdata_width"), ("c_m_axi_s2mm_data_width", "c_s_axis_s2mm_tdata_width"))
    return [f"{memory} must be at least {stream}, not {values[memory]} and {values[stream]}" for memory, stream in pairs
            if int(values[memory]) < int(values[stream])]


_DMA = Ip(
    parameters={
        "c_include_sg": ("1", FLAG), "c_sg_include_stscntrl_strm": ("1", FLAG), "c_sg_length_width": ("14", Values(low=8, high=26)),
        "c_addr_width": ("32", Values(low=32, high=64)), "c_micro_dma": ("0", FLAG),
        "c_include_mm2s": ("1", FLAG), "c_include_mm2s_dre": ("0", FLAG), "c_include_s2mm": ("1", FLAG), "c_include_s2mm_dre": ("0", FLAG),
        "c_m_axi_mm2s_data_width": ("32", Values(WIDTHS.choices[2:])), "c_m_axi_s2mm_data_width": ("32", Values(WIDTHS.choices[2:])),
        "c_m_axis_mm2s_tdata_width": ("32", WIDTHS), "c_s_axis_s2mm_tdata_width": ("32", WIDTHS),
        "c_mm2s_burst_size": ("16", Values(tuple(str(2 << n) for n in range(8)))),
        "c_s2mm_burst_size": ("16", Values(tuple(str(2 << n) for n in range(8)))),
    },
    pins=lambda p: [
        clock_pin("s_axi_lite_aclk"), clock_pin("m_axi_mm2s_aclk"), clock_pin("m_axi_s2mm_aclk"), reset_pin("axi_resetn"),
        *([clock_pin("m_axi_sg_aclk")] if p["c_include_sg"] == "1" else []),
        reset_pin("mm2s_prmry_reset_out_n", output=True, needed=False), reset_pin("s2mm_prmry_reset_out_n", output=True, needed=False),
        Pin(name="mm2s_introut", output=True, kind="interrupt"), Pin(name="s2mm_introut", output=True, kind="interrupt"),
    ],
    interfaces=lambda p: [
        Interface(name="S_AXI_LITE", master=False, protocol="axi4lite", bits=32, clock="s_axi_lite_aclk"),
        Interface(name="M_AXI_MM2S", master=True, protocol="axi4", bits=int(p["c_m_axi_mm2s_data_width"]), clock="m_axi_mm2s_aclk"),
        Interface(name="M_AXI_S2MM", master=True, protocol="axi4", bits=int(p["c_m_axi_s2mm_data_width"]), clock="m_axi_s2mm_aclk"),
        Interface(name="M_AXIS_MM2S", master=True, protocol="axis", bits=int(p["c_m_axis_mm2s_tdata_width"]), clock="m_axi_mm2s_aclk",
                  signals=STREAM | {"TKEEP"}),
        # TKEEP's default inside is all ones.
        Interface(name="S_AXIS_S2MM", master=False, protocol="axis", bits=int(p["c_s_axis_s2mm_tdata_width"]), clock="m_axi_s2mm_aclk",
                  signals=STREAM),
        *([Interface(name="M_AXI_SG", master=True, protocol="axi4", bits=32, clock="m_axi_sg_aclk")] if p["c_include_sg"] == "1" else []),
    ],
    spaces={"Data_MM2S": ("M_AXI_MM2S", 0, 1 << 32), "Data_S2MM": ("M_AXI_S2MM", 0, 1 << 32)},
    segments=(Segment(name="S_AXI_LITE/Reg", interface="S_AXI_LITE"),),
    conflicts=_dma_conflicts,
)


def _ports(values: Parameters) -> list[tuple[str, bool]]:
    slaves = [(f"S{n:02d}", False) for n in range(int(values["NUM_SI"]))]
    return slaves + [(f"M{n:02d}", True) for n in range(int(values["NUM_MI"]))]


_INTERCONNECT = Ip(
    parameters={"NUM_SI": ("1", Values(low=1, high=16)), "NUM_MI": ("2", Values(low=1, high=64))},
    pins=lambda p: [clock_pin("ACLK"), reset_pin("ARESETN"),
                    *(pin for name, _ in _ports(p) for pin in (clock_pin(f"{name}_ACLK"), reset_pin(f"{name}_ARESETN")))],
    interfaces=lambda p: [Interface(name=f"{name}_AXI", master=master, protocol="any", clock=f"{name}_ACLK") for name, master in _ports(p)],
    spaces={}, passes=True,
)

_RESET = Ip(
    parameters={},
    pins=lambda _: [
        clock_pin("slowest_sync_clk"), reset_pin("ext_reset_in"),
        reset_pin("aux_reset_in", needed=False), reset_pin("mb_debug_sys_rst", active_low=False, needed=False),
        Pin(name="dcm_locked", output=False, needed=False),
        *(reset_pin(name, output=True, active_low=False, needed=False) for name in ("mb_reset", "bus_struct_reset", "peripheral_reset")),
        *(reset_pin(name, output=True) for name in ("interconnect_aresetn", "peripheral_aresetn")),
    ],
    interfaces=lambda _: [], spaces={},
)

_CONCAT = Ip(
    parameters={"NUM_PORTS": ("2", Values(low=1, high=128))},
    pins=lambda p: [*(Pin(name=f"In{n}", output=False) for n in range(int(p["NUM_PORTS"]))),
                    Pin(name="dout", output=True, bits=int(p["NUM_PORTS"]))],
    interfaces=lambda _: [], spaces={},
)

_INTC = Ip(
    parameters={"C_IRQ_CONNECTION": ("0", FLAG), "C_IRQ_IS_LEVEL": ("1", FLAG)},
    pins=lambda p: [clock_pin("s_axi_aclk"), reset_pin("s_axi_aresetn"), Pin(name="intr", output=False, bits=None, kind="interrupt"),
                    *([Pin(name="irq", output=True, kind="interrupt")] if p["C_IRQ_CONNECTION"] == "1" else [])],
    interfaces=lambda p: [Interface(name="s_axi", master=False, protocol="axi4lite", bits=32, clock="s_axi_aclk"),
                          *([] if p["C_IRQ_CONNECTION"] == "1" else [Interface(name="interrupt", master=True, protocol="mbinterrupt")])],
    spaces={}, segments=(Segment(name="S_AXI/Reg", interface="s_axi"),),
)

CATALOG: dict[str, Ip] = {
    f"xilinx.com:ip:{name}": ip for name, ip in {
        "processing_system7:5.5": PROCESSING_SYSTEM, "axi_dma:7.1": _DMA, "axi_interconnect:2.1": _INTERCONNECT,
        "proc_sys_reset:5.0": _RESET, "xlconcat:2.1": _CONCAT, "axi_intc:4.1": _INTC,
    }.items()
}
"""The blocks by their full names, with versions that Vivado 2022.2 to 2024.2 have."""

_SIGNALS = {"xilinx.com:signal:clock:1.0": "clock", "xilinx.com:signal:reset:1.0": "reset", "xilinx.com:signal:interrupt:1.0": "interrupt"}
_AXIS, _AXIMM = "xilinx.com:interface:axis:1.0", "xilinx.com:interface:aximm:1.0"


def module_ip(module: RtlModule) -> Ip:
    """A module reference to ``module`` as a block: interfaces and signals by its attributes, all else plain pins.

    Raises :class:`ValueError` for an interface that lacks a signal or runs on no clock.
    """
    pins = [Pin(name=port.name, output=port.output, bits=port.bits) for port in module.pins.values()]
    clocks, interfaces, segments = {}, [], []
    for item in module.interfaces.values():
        if item.vlnv in _SIGNALS:
            (port,) = item.ports.values()
            pins.append(Pin(name=port.name, output=port.output, bits=port.bits, kind=_SIGNALS[item.vlnv],
                            active_low=item.parameters.get("POLARITY", "ACTIVE_HIGH") == "ACTIVE_LOW"))
            for name in item.parameters.get("ASSOCIATED_BUSIF", "").split(":"):
                clocks[name] = port.name
    for item in module.interfaces.values():
        if item.vlnv not in _SIGNALS:
            found = _module_interface(item, clocks.get(item.name, ""))
            interfaces.append(found)
            if not found.master and item.vlnv == _AXIMM:
                segments.append(Segment(name=f"{item.name}/reg0", interface=item.name, least=max(0x1000, 1 << item.ports["AWADDR"].bits)))
    return Ip(parameters={}, pins=lambda _: pins, interfaces=lambda _: interfaces, spaces={}, segments=tuple(segments))


def _module_interface(item: RtlInterface, clock: str) -> Interface:
    lacks = {_AXIS: STREAM, _AXIMM: {"AWADDR", "AWVALID", "AWREADY", "WDATA", "WSTRB", "WVALID", "WREADY", "BRESP", "BVALID", "BREADY",
                                     "ARADDR", "ARVALID", "ARREADY", "RDATA", "RRESP", "RVALID", "RREADY"}}[item.vlnv] - item.ports.keys()
    if lacks:
        raise ValueError(f"interface {item.name} lacks {', '.join(sorted(lacks))}")
    if not clock:
        raise ValueError(f"interface {item.name} is in no clock's ASSOCIATED_BUSIF")
    if item.vlnv == _AXIS:
        return Interface(name=item.name, master=item.ports["TVALID"].output, protocol="axis", bits=item.ports["TDATA"].bits, clock=clock,
                         signals=frozenset(item.ports))
    return Interface(name=item.name, master=item.ports["AWVALID"].output, protocol=item.parameters.get("PROTOCOL", "AXI4").lower(),
                     bits=item.ports["WDATA"].bits, clock=clock)
