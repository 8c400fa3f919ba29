"""The Tcl itself, run by a real interpreter on the model of Vivado: what it builds, and that every planted fault is found."""

import re
import shutil

import pytest

from build_flows.board import design
from build_flows.board.boards import BOARDS, TCL
from build_flows.board.check import CheckError, check_project, project_arguments
from build_flows.board.vivado_state import Behaviour
from tests.build_flows.board.projects import edit, project

pytestmark = pytest.mark.skipif(shutil.which("tclsh") is None, reason="needs tclsh (apt-get install tcl)")

DESIGN, IMPLEMENT, BUILD, TOP = "tcl/block_design.tcl", "tcl/implement.tcl", "build.tcl", "rtl/accelerator.v"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    return project(tmp_path_factory.mktemp("tcl"))


@pytest.fixture
def copy(made, tmp_path):
    """A project folder to plant a fault in."""
    return shutil.copytree(made[0], tmp_path / "project")


@pytest.mark.slow
@pytest.mark.parametrize("board", list(BOARDS))
@pytest.mark.parametrize(("bus", "result"), [(8, 32), (16, 64), (32, 64), (64, 32), (128, 64)])
def test_the_design_at_every_width(tmp_path, board, bus, result):
    folder, netlist = project(tmp_path, board=board, bus_bits=bus, result_bits=result, max_in_flight=8)
    found = check_project(folder)
    block = found.model.design
    dma = {item.name: item.bits for item in block.cell(design.DMA).ip.interfaces(block.cell(design.DMA).values)}
    assert (dma["M_AXIS_MM2S"], dma["S_AXIS_S2MM"]) == (bus, result)
    assert (dma["M_AXI_MM2S"], dma["M_AXI_S2MM"]) == (max(64, bus), 64)
    assert block.name == design.design_name(netlist)
    assert block.cells.keys() == {design.PS, design.DMA, design.ACCELERATOR, design.INTC, design.RESET, design.CONCAT,
                                  design.REGISTER_INTERCONNECT, design.MEMORY_INTERCONNECT}
    assert found.summary["board"] == board


def test_what_it_leaves(made):
    folder, netlist = made
    found = check_project(folder)
    assert found.results == ("build.txt", "reports/power.rpt", "reports/timing.rpt", "reports/utilisation.rpt",
                             "reports/utilisation_synth.rpt", "toy.bit", "toy.hwh")
    assert found.summary == {
        "name": "toy", "design": design.design_name(netlist), "board": "pynq-z2", "part": netlist.part, "bus_bits": "32",
        "result_bits": "64", "user_id": f"0x{design.build_id(netlist):08X}", "clock_mhz": "100.000000", "wns_ns": "0.412",
        "whs_ns": "0.031", "vivado": "2022.2"}
    assert found.model.properties["design", "BITSTREAM.CONFIG.USERID"] == found.summary["user_id"]
    # Else a missing memory file is a critical warning, and the network full of zeros.
    assert found.model.severities == {"Synth 8-4445": "ERROR"}


def test_addresses_are_those_of_the_constants(made):
    block = check_project(made[0]).model.design
    assert block.assigned == {
        "/processing_system7_0/Data": {
            "/axi_dma_0/S_AXI_LITE/Reg": (design.DMA_BASE, design.DMA_RANGE),
            "/accelerator_0/s_axilite/reg0": (design.ACCELERATOR_BASE, design.ACCELERATOR_RANGE),
            "/axi_intc_0/S_AXI/Reg": (design.INTC_BASE, design.INTC_RANGE)},
        "/axi_dma_0/Data_MM2S": {"/processing_system7_0/S_AXI_HP0/HP0_DDR_LOWOCM": (0, 512 << 20)},
        "/axi_dma_0/Data_S2MM": {"/processing_system7_0/S_AXI_HP0/HP0_DDR_LOWOCM": (0, 512 << 20)},
    }


def test_interrupts_in_their_order(made):
    nets = check_project(made[0]).model.design.nets
    assert nets["/accelerator_0/irq"] == ["/xlconcat_0/In0"]
    assert nets["/axi_dma_0/mm2s_introut"] == ["/xlconcat_0/In1"]
    assert nets["/axi_dma_0/s2mm_introut"] == ["/xlconcat_0/In2"]
    assert nets["/xlconcat_0/dout"] == ["/axi_intc_0/intr"]
    assert nets["/axi_intc_0/irq"] == ["/processing_system7_0/IRQ_F2P"]


def test_the_clock_that_is_made_stands_in_the_summary(tmp_path):
    folder, netlist = project(tmp_path, clock_mhz=75.0)
    found = check_project(folder)
    assert float(found.summary["clock_mhz"]) == pytest.approx(design.actual_clock(netlist.clock_mhz), abs=1e-5)
    values = found.model.design.cell(design.PS).values
    assert (values["PCW_FPGA0_PERIPHERAL_FREQMHZ"], values["PCW_CRYSTAL_PERIPHERAL_FREQMHZ"]) == ("75", "50")


def test_memory_files_are_found_from_where_synthesis_runs(copy):
    memory = copy / "rtl" / "memories" / "layer_memblock.dat"
    memory.parent.mkdir()
    memory.write_text("0\n")
    path = copy / "rtl" / "fork0.v"
    path.write_text(path.read_text() + "// INIT_FILE(\"memories/layer_memblock.dat\")\n")
    found = check_project(copy)
    kinds = {name.rpartition("/")[2]: value for (name, key), value in found.model.properties.items() if key == "file_type"}
    assert kinds == {"layer_memblock.dat": "Memory Initialization Files"}
    edit(copy, IMPLEMENT, "        enter_work_folder\n", "")
    with pytest.raises(CheckError, match=r"fork0\.v reads memories/layer_memblock\.dat, which .* does not hold"):
        check_project(copy)


@pytest.mark.parametrize(("file", "old", "new", "message"), [
    # Pins and interfaces that do not exist.
    (DESIGN, "accelerator_0/ap_rst_n\n", "accelerator_0/ap_rst\n", "accelerator_0 has no pin ap_rst; it has"),
    (DESIGN, "axi_dma_0/M_AXIS_MM2S  ", "axi_dma_0/M_AXIS  ", "axi_dma_0 has no interface M_AXIS; it has"),
    (DESIGN, "axi_dma:7.1 axi_dma_0", "axi_dma:7.1 dma", "no cell is called axi_dma_0"),
    (DESIGN, "axi_dma_0/S_AXI_LITE/Reg", "axi_dma_0/S_AXI_LITE/reg0", "axi_dma_0 has no address segment S_AXI_LITE/reg0"),
    (DESIGN, "add_ip axi_dma:7.1 ", "add_ip axi_dma:8.0 ", "this Vivado has no IP xilinx.com:ip:axi_dma:8.0"),
    # Something left out.
    (DESIGN, "            accelerator_0/ap_clk\n", "", "clock pin /accelerator_0/ap_clk is not connected"),
    (DESIGN, "            axi_dma_0/m_axi_s2mm_aclk\n", "", "clock pin /axi_dma_0/m_axi_s2mm_aclk is not connected"),
    (DESIGN, "            axi_interconnect_registers/M01_ACLK\n", "", "/axi_interconnect_registers/M01_ACLK is not connected"),
    (DESIGN, "            accelerator_0/ap_rst_n\n", "", "active-low reset pin /accelerator_0/ap_rst_n is not connected"),
    (DESIGN, "            axi_interconnect_memory/ARESETN\n", "", "reset pin /axi_interconnect_memory/ARESETN is not connected"),
    (DESIGN, "        join_pins accelerator_0/irq xlconcat_0/In0\n", "", "interrupt pin /accelerator_0/irq is not connected"),
    (DESIGN, "        join_pins axi_intc_0/irq processing_system7_0/IRQ_F2P\n", "", "/processing_system7_0/IRQ_F2P is not connected"),
    (DESIGN, "            accelerator_0/m_axis                axi_dma_0/S_AXIS_S2MM\n", "", "interface /accelerator_0/m_axis is not"),
    (DESIGN, "        connect_bd_intf_net [get_bd_intf_pins processing_system7_0/DDR] [get_bd_intf_ports DDR]\n", "",
     "interface /processing_system7_0/DDR is not connected"),
    (DESIGN, "            intc axi_intc_0/S_AXI/Reg\n", "", "/axi_intc_0/S_AXI/Reg has no address in /processing_system7_0/Data"),
    # Ends that do not fit.
    (DESIGN, "join_pins processing_system7_0/FCLK_RESET0_N {", "join_pins processing_system7_0/FCLK_CLK0 {", "is a clock, but .* a reset"),
    (DESIGN, "join_pins proc_sys_reset_0/peripheral_aresetn {", "join_pins proc_sys_reset_0/peripheral_reset {",
     "active-high reset, but .* a active-low reset"),
    (DESIGN, "xlconcat:2.1 xlconcat_0 {NUM_PORTS 3}", "xlconcat:2.1 xlconcat_0 {NUM_PORTS 4}", "data pin /xlconcat_0/In3 is not connected"),
    (DESIGN, "            c_m_axis_mm2s_tdata_width [dict get $values bus_bits]", "            c_m_axis_mm2s_tdata_width 64",
     "/axi_dma_0/M_AXIS_MM2S has 64 bits, but /accelerator_0/s_axis 32"),
    (DESIGN, "            c_s_axis_s2mm_tdata_width [dict get $values result_bits]", "            c_s_axis_s2mm_tdata_width 32",
     "/accelerator_0/m_axis has 64 bits, but /axi_dma_0/S_AXIS_S2MM 32"),
    (DESIGN, "axi_dma_0/M_AXI_MM2S                axi_interconnect_memory/S00_AXI", "axi_dma_0/M_AXI_MM2S processing_system7_0/S_AXI_HP0",
     "/axi_dma_0/M_AXI_MM2S is axi4, but /processing_system7_0/S_AXI_HP0 axi3, with no interconnect between"),
    (DESIGN, "processing_system7_0/M_AXI_GP0      axi_interconnect_registers/S00_AXI",
     "processing_system7_0/M_AXI_GP0 axi_interconnect_registers/M00_AXI", "are both masters"),
    # Parameters.
    (DESIGN, "c_include_sg 0", "c_include_sgather 0", "axi_dma:7.1 has no parameter c_include_sgather"),
    (DESIGN, "c_include_sg 0", "c_include_sg 1", "clock pin /axi_dma_0/m_axi_sg_aclk is not connected"),
    (DESIGN, "c_sg_length_width [dict get $values length_bits]", "c_sg_length_width 27", "c_sg_length_width must be 8 to 26, not '27'"),
    (DESIGN, "C_IRQ_CONNECTION 1", "C_IRQ_CONNECTION 0", "axi_intc_0 has no pin irq"),
    (DESIGN, "PCW_USE_S_AXI_HP0 1", "PCW_USE_S_AXI_HP0 0", "processing_system7_0 has no interface S_AXI_HP0"),
    ("tcl/boards/pynq_z2.tcl", "PCW_SD0_SD0_IO {MIO 40 .. 45}", "PCW_SD0_SD0_IO {MIO 28 .. 33}",
     "SD0_PERIPHERAL and USB0_PERIPHERAL both take MIO 28"),
    ("tcl/boards/pynq_z2.tcl", "PCW_UIPARAM_DDR_BUS_WIDTH {16 Bit}", "PCW_UIPARAM_DDR_BUS_WIDTH 16", "must be 16 Bit, 32 Bit, not '16'"),
    ("tcl/boards/pynq_z2.tcl", "PCW_CRYSTAL_PERIPHERAL", "PCW_CRYSTAL", "has no parameter PCW_CRYSTAL_FREQMHZ"),
    # Addresses.
    (DESIGN, "0x00000000 $memory_range", "0x30000000 $memory_range", "the offset must be a multiple of the range"),
    ("tcl/boards/pynq_z2.tcl", "memory_range 0x20000000", "memory_range 0x80000000", "it must lie from 0x0 to 0x40000000"),
    # Commands, options, order.
    (DESIGN, "        validate_bd_design\n", "        validate_block_design\n", 'invalid command name "validate_block_design"'),
    (DESIGN, "        validate_bd_design\n", "", "make_wrapper: it needs -top and a valid block design"),
    (DESIGN, "generate_target all $file", "generate_target -force all $file", "generate_target: unknown option -force"),
    (DESIGN, "        generate_target all $file\n", "", "the block design must be generated"),
    (DESIGN, "synth_checkpoint_mode None", "synth_checkpoint_mode Global", "synth_checkpoint_mode of .* cannot be 'Global'"),
    (DESIGN, "        set_property top ${name}_wrapper [get_filesets sources_1]\n", "", "synth_design: the top must be"),
    (IMPLEMENT, "        opt_design\n", "", "it needs opt_design before"),
    (IMPLEMENT, "        set_property BITSTREAM.CONFIG.USERID [dict get $values user_id] [current_design]\n", "",
     "BITSTREAM.CONFIG.USERID must be eight digits"),
    (IMPLEMENT, "hw_handoff $name.hwh", "handoff $name.hwh", "generated without its hardware description"),
    (BUILD, "        add_files -norecurse -fileset sources_1 $sources\n", "", "rtl/ holds no module accelerator"),
    # The accelerator is not what the Tcl takes it for.
    (TOP, "module accelerator(", "module accelerators(", "rtl/ holds no module accelerator"),
])
def test_a_planted_fault_is_found(copy, file, old, new, message):
    edit(copy, file, old, new)
    with pytest.raises(CheckError, match=message):
        check_project(copy)


@pytest.mark.parametrize(("pattern", "new", "message"), [
    (r"m_axis TLAST", "m_axis TUSER", "interface m_axis lacks TLAST"),
    (r"xilinx.com:interface:axis:1.0 s_axis ", "xilinx.com:interface:axis:1.0 images ", "interface images is in no clock's"),
    (r"\bs_axis\b", "images", "accelerator_0 has no interface s_axis; it has"),
    (r"irq INTERRUPT", "done INTERRUPT", "X_INTERFACE_PARAMETER is not of interface done"),
    (r"irq\b(?= INTERRUPT|,? SENS)", "irq irq", "port irq: X_INTERFACE_INFO must be 'VLNV NAME LOGICAL'"),
    (r"input \[31:0\] s_axis_tdata", "input [63:0] s_axis_tdata", "MM2S has 32 bits, but /accelerator_0/s_axis 64"),
    (r"POLARITY ACTIVE_LOW", "POLARITY ACTIVE_HIGH", "a active-low reset, but /accelerator_0/ap_rst_n a active-high reset"),
    (r"ASSOCIATED_BUSIF s_axis:", "ASSOCIATED_BUSIF ", "interface s_axis is in no clock's ASSOCIATED_BUSIF"),
    (r"input \[11:0\] s_axilite_awaddr", "input [15:0] s_axilite_awaddr", "the range must be a power of two of at least 0x10000"),
    (r'  \(\* X_INTERFACE_INFO = "xilinx.com:signal:clock:1.0 ap_clk CLK" \*\)\n', "", "interface m_axis is in no clock's"),
])
def test_the_accelerators_ports_are_read_from_its_verilog(copy, pattern, new, message):
    path = copy / TOP
    text, count = re.subn(pattern, new, path.read_text())
    assert count
    path.write_text(text)
    with pytest.raises(CheckError, match=message):
        check_project(copy)


def test_a_port_is_what_its_attributes_say_whatever_its_name(copy):
    path = copy / TOP
    path.write_text(path.read_text().replace("m_axis_tlast", "m_axis_last"))
    assert check_project(copy).connections == 35


@pytest.mark.parametrize(("behaviour", "message"), [
    (Behaviour(version="2022.1"), r"Vivado must be 2022\.2 or newer, not 2022\.1"),
    (Behaviour(version="2019.2.1"), r"Vivado must be 2022\.2 or newer, not 2019\.2\.1"),
    (Behaviour(version="next"), "Vivado's version next is not understood"),
    (Behaviour(dsps=240), r"the design does not fit xc7z020clg400-1: DSPs: 240 of 220"),
    (Behaviour(setup="-0.312"), r"misses timing: setup slack -0\.312 ns, hold slack 0\.031 ns"),
    (Behaviour(hold="-0.02"), r"misses timing: setup slack 0\.412 ns, hold slack -0\.02 ns"),
])
def test_what_ends_a_build(made, behaviour, message):
    with pytest.raises(CheckError, match=message):
        check_project(made[0], behaviour=behaviour)


@pytest.mark.parametrize("version", ["2022.2", "2022.2.2", "2023.1", "2024.2", "2025.1"])
def test_versions_that_will_do(made, version):
    assert check_project(made[0], behaviour=Behaviour(version=version)).summary["vivado"] == version


def test_a_path_without_slack_is_no_miss(made):
    assert check_project(made[0], behaviour=Behaviour(setup="", hold="")).summary["wns_ns"] == "0.0"


@pytest.mark.parametrize(("change", "message"), [
    (lambda words: words[2:], "argument --name is missing"),
    (lambda words: [*words, "--speed", "1"], "unknown argument --speed; known are --name, --design"),
    (lambda words: [*words, "--part", "x"], "argument --part is given twice"),
    (lambda words: [*words[:-1], ""], "argument --jobs has no value"),
    (lambda words: ["clean", *words], "unknown argument clean"),
    (lambda words: ["pynq-z9" if word == "pynq-z2" else word for word in words], "there are no settings for board pynq-z9"),
    (lambda words: ["xcku040" if word.startswith("xc7z") else word for word in words], "this Vivado has no part xcku040"),
])
def test_arguments_that_are_refused(made, change, message):
    with pytest.raises(CheckError, match=message):
        check_project(made[0], arguments=change(project_arguments(made[0])))


def test_every_argument_is_used(made):
    """What the Tcl is told, it needs: a value that nothing reads could be wrong for ever."""
    text = "".join(path.read_text() for path in TCL.rglob("*.tcl"))
    named = {word[2:] for word in project_arguments(made[0])[::2]}
    read = set(re.findall(r"dict get \$values (\w+)\]", text))
    read |= {f"{name}_{kind}" for name in ("dma", "accelerator", "intc") for kind in ("base", "range")}
    read |= {"name", "design", "board", "part", "user_id", "bus_bits", "result_bits"}
    assert named <= read


def test_the_language_is_that_of_vivados_interpreter():
    """Tcl 8.5, which older releases have inside; the tests' own may be newer."""
    for path in TCL.rglob("*.tcl"):
        assert not re.search(r"\b(lmap|try|throw|tailcall|coroutine|string cat|dict map|file tempfile|oo::)\b", path.read_text()), path


def test_nothing_is_written_for_one_machine():
    for path in TCL.rglob("*.tcl"):
        assert not re.search(r"/(home|opt|tools|usr)/", path.read_text()), path
