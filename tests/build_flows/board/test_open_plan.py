"""The open flow's plan: what differs between installations, and what Yosys really makes of a design."""

import io
import json
import zipfile

import pytest

from build_flows.board.open_plan import OpenTools
from build_flows.board.plan import plan
from build_flows.board.platforms import PLATFORMS
from build_flows.board.primitive_check import check_clock, check_primitives
from sim.tools.yosys import read_written, run_yosys
from tests.build_flows.board.plan_top import PlanTop
from tests.toy_rtl import emit

PYNQ = PLATFORMS["pynq-z2"]

ACCELERATOR = """
module accelerator(input ap_clk, ap_rst_n, input [31:0] s_axis_tdata, input s_axis_tvalid, s_axis_tlast, output s_axis_tready,
  output [63:0] m_axis_tdata, output m_axis_tvalid, m_axis_tlast, input m_axis_tready, output irq,
  input [11:0] s_axilite_awaddr, s_axilite_araddr, input [31:0] s_axilite_wdata, input [3:0] s_axilite_wstrb,
  input s_axilite_awvalid, s_axilite_wvalid, s_axilite_bready, s_axilite_arvalid, s_axilite_rready,
  output s_axilite_awready, s_axilite_wready, s_axilite_bvalid, s_axilite_arready, s_axilite_rvalid,
  output [1:0] s_axilite_bresp, s_axilite_rresp, output [31:0] s_axilite_rdata);
  unit unit0 (.clk(ap_clk), .d(s_axis_tdata), .valid(s_axis_tvalid), .a(s_axilite_awaddr), .q(m_axis_tdata));
endmodule
"""
UNIT = """
`include "shared.svh"
module unit(input logic clk, valid, input logic [31:0] d, input logic [11:0] a, output logic [63:0] q);
  logic [7:0] ram [64], wide [128];
  logic [63:0] shifted;
  (* rom_style = "block" *) logic [15:0] rom [1024];
  initial $readmemh("memories/rom.dat", rom);
  logic [15:0] word;
  logic [`TAP-1:0] product;
  always_ff @(posedge clk) begin
    if (valid) begin
      ram[d[5:0]] <= d[15:8];
      wide[d[6:0]] <= d[23:16];
      shifted <= {shifted[62:0], d[0]};
    end
    word <= rom[a[9:0]];
    product <= d[15:0] * a;
    q <= {shifted[a[5:0]], wide[a[6:0]], ram[a[5:0]], word, product};
  end
endmodule
"""


def unpacked(data, folder):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        archive.extractall(folder)
    return folder


def synthesised(folder):
    run_yosys((folder / "top.ys").read_text().splitlines(), folder)
    return read_written(folder / "top.json")


def kinds(netlist):
    found = {}
    for cell in netlist["modules"]["top"]["cells"].values():
        found.setdefault(cell["type"], []).append(cell)
    return found


@pytest.fixture
def rtl(tmp_path):
    """One unit that wants a LUT RAM of every depth, a shift register, a block RAM with contents, and a DSP."""
    words = "".join(f"{(7 * at + 3) % 65536:04x}\n" for at in range(1024))
    for name, text in {"accelerator.v": ACCELERATOR, "units/unit.sv": UNIT, "finn/shared.svh": "`define TAP 28\n",
                       "memories/rom.dat": words, "filelist.f": "+incdir+finn\nunits/unit.sv\naccelerator.v\n"}.items():
        (tmp_path / "rtl" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rtl" / name).write_text(text)
    return tmp_path / "rtl"


def test_what_yosys_really_makes_of_it(rtl, tmp_path):
    folder = unpacked(plan(PlanTop(), rtl, PYNQ, "open", 100.0), tmp_path / "plan")
    netlist = synthesised(folder)
    found = kinds(netlist)
    assert check_primitives(netlist) == []
    assert check_clock(netlist, "ps7.fclk0") == []
    assert found.keys() >= {"PS7", "BUFG", "FDRE", "RAM64X1D", "SRLC32E", "DSP48E1"}
    assert len(found["RAM64X1D"]) == 8 + 2 * 8
    # A shift register of 64 bits that is read anywhere: two that are read, and one that hands on.
    assert len(found["SRLC32E"]) == 3
    rams = [*found.get("RAMB18E1", []), *found.get("RAMB36E1", [])]
    assert len(rams) == 1
    # What the file holds: were it not found, the memory would be empty.
    first = int(rams[0]["parameters"]["INIT_00"].replace("x", "0"), 2)
    assert [(first >> 16 * at) & 0xFFF for at in range(4)] == [3, 10, 17, 24]
    table = json.loads((folder / "top_utilisation.json").read_text())
    assert table["design"]["num_cells_by_type"]["RAM64X1D"] == 24


@pytest.mark.slow
def test_the_toy_has_nothing_outside_the_list(tmp_path):
    netlist = emit(tmp_path / "rtl")
    files = [file for layer in netlist.layers for file in layer.files]
    (tmp_path / "rtl" / "filelist.f").write_text("".join(f"{name}\n" for name in [*files, "accelerator.v"]))
    made = synthesised(unpacked(plan(PlanTop(), tmp_path / "rtl", PYNQ, "open", 100.0), tmp_path / "plan"))
    assert check_primitives(made) == []
    assert check_clock(made, "ps7.fclk0") == []
    assert "RAM64X1D" in kinds(made)


def test_what_differs_between_installations(rtl, tmp_path):
    tools = OpenTools(chipdb="{device}.bin", assembler="fasm2frames", chipdb_dir="/opt/chips", database_dir="/opt/db")
    script = (unpacked(plan(PlanTop(), rtl, PYNQ, "open", 100.0, tools=tools), tmp_path / "plan") / "build_top.sh").read_text()
    assert '"${CHIPDB_DIR:=/opt/chips}"' in script
    assert '"${PRJXRAY_DB_DIR:=/opt/db}"' in script
    assert '--chipdb "$CHIPDB_DIR/xc7z020.bin"' in script
    assert "fpga-as" not in script
    with pytest.raises(ValueError, match="assembler must be one of fpga-as, fasm2frames, not 'bitgen'"):
        OpenTools(assembler="bitgen")


def test_an_accelerator_of_plain_verilog_needs_no_slang(rtl, tmp_path):
    (rtl / "filelist.f").write_text("accelerator.v\n")
    script = unpacked(plan(PlanTop(), rtl, PYNQ, "open", 100.0), tmp_path / "plan") / "top.ys"
    assert script.read_text().startswith("read_verilog accelerator.v\n")
