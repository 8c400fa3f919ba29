"""Files that stand in for Vivado's .bit and .hwh where there is no Vivado: what they say of the design is true, but they configure nothing.

The board's driver, run against the simulated board, and the tests use them. The block design is that of ``tcl/block_design.tcl``.
"""

from pathlib import Path

from build_flows.base.files import write_bytes, write_text
from build_flows.board import design
from build_flows.board.bitfile import bit_header, bit_part
from build_flows.board.boards import Board
from build_flows.board.hwh_writer import AXI_LITE, AXI_READ, AXI_WRITE, STREAM, Bus, BusLink, Module, Range, hwh_text
from hw.accelerator import build_id
from hw.control.register_map import ADDR_WIDTH
from hw.netlist import Netlist

__all__ = ["write_stand_in"]

_VIVADO = "2022.2"
_MEMORY = 0x2000_0000
"""DDR memory of the PYNQ-Z1 and the PYNQ-Z2: 512 MiB."""
_FULL = (*AXI_READ, *AXI_WRITE)


def write_stand_in(folder: Path, netlist: Netlist, board: Board) -> tuple[Path, Path]:
    """Write ``NAME.bit`` and ``NAME.hwh`` for ``netlist`` on ``board`` into ``folder``, and give their paths. The same netlist gives the
    same bytes.

    Raises :class:`build_flows.base.errors.OfframpError` when the netlist's clock cannot be had on the board.
    """
    name = design.file_name(netlist)
    bit, hwh = folder / f"{name}.bit", folder / f"{name}.hwh"
    title = f"{design.design_name(netlist)}_wrapper;UserID=0X{build_id(netlist):08X};Version={_VIVADO}"
    write_bytes(bit, bit_header(design=title, part=bit_part(board.part), date="1970/01/01", time="00:00:00", length=0))
    write_text(hwh, _hwh(netlist, board))
    return bit, hwh


def _hwh(netlist: Netlist, board: Board) -> str:
    clock = design.actual_clock(netlist.clock_mhz)
    chip = bit_part(board.part)
    return hwh_text(
        name=design.design_name(netlist), device=chip[:chip.index("clg")], package=chip[chip.index("clg"):],
        speed=f"-{board.part.partition('-')[2]}", version=_VIVADO, timestamp="Thu Jan  1 00:00:00 1970",
        comment="Stands in for the file that Vivado writes: offramp, build_flows/board/stand_in.py", clock_hz=round(clock * 1e6),
        modules=_modules(netlist, clock), nets=_nets(), links=_links(),
    )


def _modules(netlist: Netlist, clock: float) -> list[Module]:
    bus, result = netlist.input.bus_bits, netlist.result.bits
    clk, rst, irq = ("I", None, "clk"), ("I", None, "rst"), ("O", None, "INTERRUPT")
    return [
        Module(
            instance=design.ACCELERATOR, vlnv="xilinx.com:module_ref:accelerator:1.0",
            parameters={"Component_Name": f"{design.design_name(netlist)}_{design.ACCELERATOR}_0", "EDK_IPTYPE": "PERIPHERAL",
                        **_span(design.ACCELERATOR_BASE, design.ACCELERATOR_RANGE)},
            ports=[("ap_clk", *clk), ("ap_rst_n", *rst), ("irq", *irq)],
            buses=[
                Bus(name="s_axis", prefix="s_axis_", signals=STREAM, data=bus, begins=False),
                Bus(name="m_axis", prefix="m_axis_", signals=STREAM, data=result, begins=True),
                Bus(name="s_axilite", prefix="s_axilite_", signals=AXI_LITE, data=32, addr=ADDR_WIDTH, begins=False),
            ],
        ),
        Module(
            instance=design.DMA, vlnv="xilinx.com:ip:axi_dma:7.1", parameters=_dma_parameters(bus, result),
            ports=[("s_axi_lite_aclk", *clk), ("m_axi_mm2s_aclk", *clk), ("m_axi_s2mm_aclk", *clk), ("axi_resetn", *rst),
                   ("mm2s_introut", *irq), ("s2mm_introut", *irq)],
            buses=[
                Bus(name="S_AXI_LITE", prefix="s_axi_lite_", signals=AXI_LITE, data=32, addr=10, begins=False),
                Bus(name="M_AXI_MM2S", prefix="m_axi_mm2s_", signals=AXI_READ, data=design.memory_bits(bus), begins=True, protocol="AXI4"),
                Bus(name="M_AXI_S2MM", prefix="m_axi_s2mm_", signals=AXI_WRITE, data=design.memory_bits(result), begins=True,
                    protocol="AXI4"),
                Bus(name="M_AXIS_MM2S", prefix="m_axis_mm2s_", signals=STREAM, data=bus, begins=True),
                Bus(name="S_AXIS_S2MM", prefix="s_axis_s2mm_", signals=STREAM, data=result, begins=False),
            ],
            ranges=[Range(manager=f"M_AXI_{channel}", instance=design.PS, subordinate="S_AXI_HP0", base=0, size=_MEMORY,
                          block="HP0_DDR_LOWOCM", kind="MEMORY") for channel in ("MM2S", "S2MM")],
        ),
        Module(
            instance=design.INTC, vlnv="xilinx.com:ip:axi_intc:4.1",
            parameters={"C_NUM_INTR_INPUTS": 3, "C_IRQ_CONNECTION": 1, "EDK_IPTYPE": "PERIPHERAL",
                        **_span(design.INTC_BASE, design.INTC_RANGE)},
            ports=[("s_axi_aclk", *clk), ("s_axi_aresetn", *rst), ("intr", "I", 3, "INTERRUPT"), ("irq", *irq)],
            buses=[Bus(name="s_axi", prefix="s_axi_", signals=AXI_LITE, data=32, addr=9, begins=False)],
            attributes={"MODCLASS": "INTERRUPT_CNTLR"},
        ),
        _interconnect(design.REGISTER_INTERCONNECT, subordinates=1, managers=3, signals=AXI_LITE, bits=32),
        _interconnect(design.MEMORY_INTERCONNECT, subordinates=2, managers=1, signals=_FULL, bits=design.PORT_BITS),
        Module(
            instance=design.RESET, vlnv="xilinx.com:ip:proc_sys_reset:5.0", parameters={"C_EXT_RESET_HIGH": 0, "EDK_IPTYPE": "PERIPHERAL"},
            ports=[("slowest_sync_clk", *clk), ("ext_reset_in", *rst), ("interconnect_aresetn", "O", 1, "rst"),
                   ("peripheral_aresetn", "O", 1, "rst")],
        ),
        Module(
            instance=design.CONCAT, vlnv="xilinx.com:ip:xlconcat:2.1",
            parameters={**{f"IN{number}_WIDTH": 1 for number in range(3)}, "dout_width": 3, "NUM_PORTS": 3, "EDK_IPTYPE": "PERIPHERAL"},
            ports=[*((f"In{number}", "I", 1, "undef") for number in range(3)), ("dout", "O", 3, "undef")],
        ),
        Module(
            instance=design.PS, vlnv="xilinx.com:ip:processing_system7:5.5", parameters=_ps_parameters(netlist.clock_mhz, clock),
            ports=[("FCLK_CLK0", "O", None, "clk"), ("FCLK_RESET0_N", "O", None, "rst"), ("M_AXI_GP0_ACLK", *clk),
                   ("S_AXI_HP0_ACLK", *clk), ("IRQ_F2P", "I", 1, "INTERRUPT")],
            buses=[
                Bus(name="M_AXI_GP0", prefix="M_AXI_GP0_", signals=_FULL, data=32, begins=True, protocol="AXI3", upper=True),
                Bus(name="S_AXI_HP0", prefix="S_AXI_HP0_", signals=_FULL, data=design.PORT_BITS, begins=False, protocol="AXI3", upper=True),
            ],
            ranges=[
                Range(manager="M_AXI_GP0", instance=design.DMA, subordinate="S_AXI_LITE", base=design.DMA_BASE, size=design.DMA_RANGE),
                Range(manager="M_AXI_GP0", instance=design.INTC, subordinate="s_axi", base=design.INTC_BASE, size=design.INTC_RANGE),
                Range(manager="M_AXI_GP0", instance=design.ACCELERATOR, subordinate="s_axilite", base=design.ACCELERATOR_BASE,
                      size=design.ACCELERATOR_RANGE, block="reg0"),
            ],
            attributes={"CONFIGURABLE": "TRUE", "IS_PL": "FALSE"},
        ),
    ]


def _interconnect(name: str, *, subordinates: int, managers: int, signals: tuple[str, ...], bits: int) -> Module:
    sides = [*(f"S{number:02}" for number in range(subordinates)), *(f"M{number:02}" for number in range(managers))]
    return Module(
        instance=name, vlnv="xilinx.com:ip:axi_interconnect:2.1",
        parameters={"NUM_SI": subordinates, "NUM_MI": managers, "EDK_IPTYPE": "BUS"},
        ports=[port for side in ("", *(f"{side}_" for side in sides))
               for port in ((f"{side}ACLK", "I", None, "clk"), (f"{side}ARESETN", "I", None, "rst"))],
        buses=[Bus(name=f"{side}_AXI", prefix=f"{side}_AXI_", signals=signals, data=bits, begins=side.startswith("M"),
                   protocol="AXI4" if signals == _FULL else "AXI4LITE") for side in sides],
        attributes={"IPTYPE": "BUS", "MODCLASS": "BUS"},
    )


def _span(base: int, size: int) -> dict[str, str]:
    return {"C_BASEADDR": f"0x{base:08X}", "C_HIGHADDR": f"0x{base + size - 1:08X}"}


def _dma_parameters(bus: int, result: int) -> dict[str, object]:
    """Vivado tells each twice: as the generic of the VHDL, and as the setting of the IP."""
    settings: dict[str, object] = {
        "c_include_sg": 0, "c_sg_length_width": design.LENGTH_BITS, "c_sg_include_stscntrl_strm": 0, "c_micro_dma": 0, "c_include_mm2s": 1,
        "c_m_axi_mm2s_data_width": design.memory_bits(bus), "c_m_axis_mm2s_tdata_width": bus, "c_include_mm2s_dre": 0,
        "c_mm2s_burst_size": design.BURST, "c_include_s2mm": 1, "c_m_axi_s2mm_data_width": design.memory_bits(result),
        "c_s_axis_s2mm_tdata_width": result, "c_include_s2mm_dre": 0, "c_s2mm_burst_size": design.BURST,
    }
    return {**{name.upper(): value for name, value in settings.items()}, **settings, "c_addr_width": 32, "EDK_IPTYPE": "PERIPHERAL",
            **_span(design.DMA_BASE, design.DMA_RANGE)}


def _ps_parameters(wanted: float, clock: float) -> dict[str, object]:
    quotient = round(design.IO_PLL_MHZ / clock)
    second = next(divisor for divisor in range(1, 64) if quotient % divisor == 0 and quotient // divisor < 64)
    divisors = {0: (quotient // second, second)}
    return {
        "PCW_FPGA0_PERIPHERAL_FREQMHZ": f"{wanted:g}", "PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ": f"{clock:.6f}",
        **{f"PCW_FCLK{number}_PERIPHERAL_DIVISOR{part}": divisors.get(number, (1, 1))[part] for number in range(4) for part in range(2)},
        **{f"PCW_FPGA_FCLK{number}_ENABLE": int(number == 0) for number in range(4)},
        "PCW_USE_M_AXI_GP0": 1, "PCW_USE_S_AXI_HP0": 1, "PCW_S_AXI_HP0_DATA_WIDTH": design.PORT_BITS, "PCW_USE_FABRIC_INTERRUPT": 1,
        "PCW_IRQ_F2P_INTR": 1, "EDK_IPTYPE": "PERIPHERAL",
    }


def _nets() -> dict[tuple[str, str], list[tuple[str, str]]]:
    registers, memory, ps, dma, reset = design.REGISTER_INTERCONNECT, design.MEMORY_INTERCONNECT, design.PS, design.DMA, design.RESET
    sides = [(registers, side) for side in ("S00", "M00", "M01", "M02")] + [(memory, side) for side in ("S00", "S01", "M00")]
    return {
        (ps, "FCLK_CLK0"): [
            (ps, "M_AXI_GP0_ACLK"), (ps, "S_AXI_HP0_ACLK"), (reset, "slowest_sync_clk"), (registers, "ACLK"), (memory, "ACLK"),
            *((name, f"{side}_ACLK") for name, side in sides), (dma, "s_axi_lite_aclk"), (dma, "m_axi_mm2s_aclk"), (dma, "m_axi_s2mm_aclk"),
            (design.INTC, "s_axi_aclk"), (design.ACCELERATOR, "ap_clk"),
        ],
        (ps, "FCLK_RESET0_N"): [(reset, "ext_reset_in")],
        (reset, "interconnect_aresetn"): [(registers, "ARESETN"), (memory, "ARESETN")],
        (reset, "peripheral_aresetn"): [*((name, f"{side}_ARESETN") for name, side in sides), (dma, "axi_resetn"),
                                        (design.INTC, "s_axi_aresetn"), (design.ACCELERATOR, "ap_rst_n")],
        (design.ACCELERATOR, "irq"): [(design.CONCAT, "In0")],
        (dma, "mm2s_introut"): [(design.CONCAT, "In1")],
        (dma, "s2mm_introut"): [(design.CONCAT, "In2")],
        (design.CONCAT, "dout"): [(design.INTC, "intr")],
        (design.INTC, "irq"): [(ps, "IRQ_F2P")],
    }


def _links() -> list[BusLink]:
    registers, memory = design.REGISTER_INTERCONNECT, design.MEMORY_INTERCONNECT
    return [
        BusLink((design.PS, "M_AXI_GP0"), (registers, "S00_AXI")),
        BusLink((registers, "M00_AXI"), (design.DMA, "S_AXI_LITE")),
        BusLink((registers, "M01_AXI"), (design.ACCELERATOR, "s_axilite")),
        BusLink((registers, "M02_AXI"), (design.INTC, "s_axi")),
        BusLink((design.DMA, "M_AXI_MM2S"), (memory, "S00_AXI")),
        BusLink((design.DMA, "M_AXI_S2MM"), (memory, "S01_AXI")),
        BusLink((memory, "M00_AXI"), (design.PS, "S_AXI_HP0")),
        BusLink((design.DMA, "M_AXIS_MM2S"), (design.ACCELERATOR, "s_axis")),
        BusLink((design.ACCELERATOR, "m_axis"), (design.DMA, "S_AXIS_S2MM")),
    ]
