"""Build plans of both flows, run with stand-ins that check every argument and file; and what goes wrong there, told in words."""

import io
import json
import os
import subprocess
import zipfile
from pathlib import Path

import pytest

from build_flows.base.errors import OfframpError
from build_flows.board.open_plan import OpenTools
from build_flows.board.plan import plan
from build_flows.board.plan_file import PlanFile
from build_flows.board.platforms import PLATFORMS
from tests.build_flows.board import plan_tools
from tests.build_flows.board.plan_top import PlanTop
from tests.build_flows.board.test_primitive_check import good
from tests.toy_rtl import emit

PYNQ = PLATFORMS["pynq-z2"]


@pytest.fixture(scope="module")
def rtl(tmp_path_factory):
    """The toy's, and a header, a second source with an include folder, and memories."""
    folder = tmp_path_factory.mktemp("rtl") / "rtl"
    netlist = emit(folder)
    for name, text in {"finn/shared.svh": "`define WIDTH 4\n", "finn/last.sv": "module last; endmodule\n", "memories/a_0.dat": "0\n",
                       "memories/a_1.dat": "1\n"}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    sources = [*dict.fromkeys(file for layer in netlist.layers for file in layer.files), "finn/last.sv", "accelerator.v"]
    (folder / "filelist.f").write_text("+incdir+finn\n" + "".join(f"{name}\n" for name in sources))
    return folder


@pytest.fixture(scope="module")
def made(rtl):
    return {flow: plan(PlanTop(), rtl, PYNQ, flow, 100.0, notes={"build": "1a2b3c4d"}) for flow in ("vivado", "open")}


@pytest.fixture
def vivado(rtl, tmp_path, monkeypatch):
    """Puts Vivado on PATH, in a mode, and gives its folder."""
    def install(mode="ok", **more):
        listed = [line for line in (rtl / "filelist.f").read_text().splitlines() if not line.startswith("+")]
        environment = plan_tools.install_vivado(
            tmp_path / "tools", sources=[*listed, "top.v"], headers=["finn/shared.svh"], memories=["memories/a_0.dat", "memories/a_1.dat"],
            includes=["finn"], mode=mode, **more)
        return _set(monkeypatch, environment, tmp_path / "tools")
    return install


@pytest.fixture
def opened(tmp_path, monkeypatch):
    """Puts the open flow's tools on PATH, in a mode, and gives their folder."""
    def install(mode="ok", netlist=None, **more):
        environment = plan_tools.install_open(tmp_path / "tools", json.dumps(netlist or good()), mode=mode, **more)
        return _set(monkeypatch, environment, tmp_path / "tools")
    return install


def _set(monkeypatch, environment, folder):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return folder


def names(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.namelist()


def text(data, name):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read(name).decode()


def test_vivado_builds(made, vivado, tmp_path):
    tools, heard = vivado(), []
    bitstream = PlanFile(made["vivado"]).run(tmp_path / "work", lambda phase, detail: heard.append(phase))
    assert plan_tools.wrong(tools) == ""
    assert bitstream.read_text() == "xc7z020clg400-1 bitstream\n"
    assert list(dict.fromkeys(heard)) == ["synthesis", "placing", "routing", "bitstream", "done"]
    assert plan_tools.calls(tools) == ["vivado"]
    for report in ("top_timing.rpt", "top_utilisation.rpt", "top_route_status.rpt"):
        assert (tmp_path / "work" / report).is_file()


def test_what_misses_timing_is_optimised_once_more(made, vivado, tmp_path):
    tools = vivado("mended")
    PlanFile(made["vivado"]).run(tmp_path / "work")
    assert plan_tools.wrong(tools) == ""


@pytest.mark.parametrize(("mode", "told"), [
    ("setup", "the design misses timing: setup slack -0.312 ns, hold slack 0.123 ns"),
    ("hold", "the design misses timing: setup slack 0.123 ns, hold slack -0.011 ns"),
    ("unrouted", "routing is incomplete: 2010 of 2011 nets are routed, 0 with errors"),
    ("route errors", "routing is incomplete: 2011 of 2011 nets are routed, 3 with errors"),
    ("other report", "the report of the route's status is not understood"),
    ("no clock", "the design has no clock fclk0: its constraint matched nothing"),
    ("no paths", "no path is constrained: the clock fclk0 is missing"),
])
def test_vivado_stops_before_a_bitstream(mode, told, made, vivado, tmp_path):
    tools = vivado(mode)
    with pytest.raises(OfframpError) as caught:
        PlanFile(made["vivado"]).run(tmp_path / "work")
    assert plan_tools.wrong(tools) == ""
    assert caught.value.message == told
    assert "build.log" in caught.value.hint
    assert not (tmp_path / "work" / "top.bit").exists()
    # The same for who runs the script alone.
    assert subprocess.run(["sh", "build_top.sh"], cwd=tmp_path / "work", capture_output=True).returncode != 0


@pytest.mark.parametrize("mode", ["ok", "plugin", "no timing"])
def test_the_open_flow_builds(mode, made, opened, tmp_path):
    tools, heard = opened(mode), []
    bitstream = PlanFile(made["open"]).run(tmp_path / "work", lambda phase, detail: heard.append(phase))
    assert plan_tools.wrong(tools) == ""
    assert bitstream.read_text() == "xc7z020clg400-1 bitstream\n"
    assert list(dict.fromkeys(heard)) == ["synthesis", "netlist check", "placing and routing", "bitstream", "done"]
    assert plan_tools.calls(tools) == ["yosys", "yosys", "python3", "nextpnr-xilinx", "python3", "fpga-as"]
    timing = tmp_path / "work" / "top_timing.json"
    if mode == "no timing":
        assert not timing.exists()
    else:
        assert json.loads(timing.read_text())["clocks"] == [{"net": "clk", "mhz": 120.0, "target_mhz": 100.0}]


def test_older_tools(rtl, opened, tmp_path):
    tools = opened(chipdb="xc7z010.bin", part="xc7z010clg400-1", mhz="142.857143")
    data = plan(PlanTop(), rtl, PLATFORMS["cora-z7-10"], "open", 1000 / 7,
                tools=OpenTools(chipdb="{device}.bin", assembler="fasm2frames"))
    assert PlanFile(data).run(tmp_path / "work").read_text() == "xc7z010clg400-1 bitstream\n"
    assert plan_tools.wrong(tools) == ""
    assert plan_tools.calls(tools)[-2:] == ["fasm2frames", "xc7frames2bit"]


@pytest.mark.parametrize(("mode", "told"), [
    ("missed", "the design misses timing: the clock clk reaches 87.5 of 100 MHz"),
    ("12 MHz", "the clock clk was placed for 12 MHz, not for 100 MHz"),
    ("matched nothing", "a constraint was not applied: Warning: create_clock: target [get_nets ps7.fclk0] matched nothing, so the "
                        "10.000 ns constraint was NOT applied (on line 2)."),
    ("place", "nextpnr-xilinx ended with 1"),
    ("assembler", "the build ended with exit code 1; it said: offramp: bitstream"),
])
def test_the_open_flow_stops_before_a_bitstream(mode, told, made, opened, tmp_path):
    tools = opened(mode)
    with pytest.raises(OfframpError) as caught:
        PlanFile(made["open"]).run(tmp_path / "work")
    assert plan_tools.wrong(tools) == ""
    assert caught.value.message == told
    assert not (tmp_path / "work" / "top.bit").exists()


def test_a_netlist_that_cannot_be_placed_is_not(made, opened, tmp_path):
    netlist = good()
    del netlist["modules"]["top"]["netnames"]["ps7.fclk0"]
    netlist["modules"]["top"]["cells"]["accelerator.gate0.memory"] = {
        "type": "RAM32M", "parameters": {}, "attributes": {}, "connections": {}, "port_directions": {}}
    tools = opened(netlist=netlist)
    with pytest.raises(OfframpError) as caught:
        PlanFile(made["open"]).run(tmp_path / "work")
    assert caught.value.message.splitlines() == [
        "accelerator.gate0: nextpnr-xilinx does not take RAM32M (accelerator.gate0.memory)",
        "  there is no net ps7.fclk0 in the netlist, so its clock constraint would match nothing"]
    assert "nextpnr-xilinx" not in plan_tools.calls(tools)


def test_databases_that_are_missing(made, opened, tmp_path, monkeypatch):
    tools = opened()
    monkeypatch.setenv("CHIPDB_DIR", str(tmp_path))
    with pytest.raises(OfframpError, match=r"xc7z020clg400\.bin is missing; set CHIPDB_DIR"):
        PlanFile(made["open"]).run(tmp_path / "work")
    monkeypatch.setenv("CHIPDB_DIR", str(tools / "chipdb"))
    monkeypatch.setenv("PRJXRAY_DB_DIR", str(tmp_path))
    with pytest.raises(OfframpError, match="zynq7 is missing; set PRJXRAY_DB_DIR"):
        PlanFile(made["open"]).run(tmp_path / "work")
    assert not (tools / "calls.txt").exists()


@pytest.mark.parametrize("flow", ["vivado", "open"])
def test_the_same_bytes_whatever_is_set(flow, made, rtl, monkeypatch, tmp_path):
    environment = {
        "AMARANTH_verbose": "1", "AMARANTH_synth_design_opts": "-mode out_of_context", "AMARANTH_add_constraints": "create_clock x",
        "AMARANTH_script_after_route": "# nothing", "AMARANTH_debug_verilog": "1", "AMARANTH_ENV_VIVADO": "/nowhere",
        "AMARANTH_ENV_XRAY": "/nowhere", "AMARANTH_USE_YOSYS": "system", "VIVADO": "other", "YOSYS": "other", "NEXTPNR_XILINX": "other",
        "CHIPDB_DIR": "/other", "PRJXRAY_DB_DIR": "/other",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    assert plan(PlanTop(), rtl, PYNQ, flow, 100.0, notes={"build": "1a2b3c4d"}) == made[flow]
    assert {name: os.environ[name] for name in environment} == environment


@pytest.mark.parametrize("flow", ["vivado", "open"])
def test_nothing_in_it_is_of_this_machine(flow, made, rtl):
    assert json.loads(text(made[flow], "plan.json")) == {
        "board": "pynq-z2", "part": "xc7z020clg400-1", "flow": flow, "clock_mhz": 100.0, "name": "top", "build": "1a2b3c4d"}
    for name in names(made[flow]):
        assert str(rtl.parent) not in text(made[flow], name)
        assert str(Path.home()) + "/" not in text(made[flow], name)
        assert "src = " not in (text(made[flow], name) if name == "top.v" else "")


def test_another_clock_board_or_network_is_another_plan(made, rtl):
    assert "-period 20.0 " in text(plan(PlanTop(), rtl, PYNQ, "open", 50.0), "top.xdc")
    assert "-part xc7z020clg484-1" in text(plan(PlanTop(), rtl, PLATFORMS["zedboard"], "vivado", 50.0), "top.tcl")
    assert "build_net.sh" in names(plan(PlanTop(), rtl, PYNQ, "open", 50.0, name="net"))


@pytest.mark.parametrize("flow", ["vivado", "open"])
def test_one_clock_constraint_on_the_named_net(flow, made):
    lines = [line for line in text(made[flow], "top.xdc").splitlines() if "create_clock" in line]
    assert lines == [{"vivado": 'create_clock -name fclk0 -period 10.0 [get_nets "ps7/fclk0"]',
                      "open": "create_clock -period 10.0 [get_nets ps7.fclk0]"}[flow]]
    assert "wire fclk0" in text(made[flow], "top.v")


def test_refused(rtl):
    with pytest.raises(ValueError, match="flow must be one of vivado, open, not 'ise'"):
        plan(PlanTop(), rtl, PYNQ, "ise", 100.0)
    with pytest.raises(ValueError, match="name must be of letters, digits and _, not 'my-net'"):
        plan(PlanTop(), rtl, PYNQ, "open", 100.0, name="my-net")
    with pytest.raises(OfframpError, match="the clock must be above 0 MHz, not 0"):
        plan(PlanTop(), rtl, PYNQ, "open", 0)
    with pytest.raises(OfframpError, match="object has no signal fclk0"):
        plan(object(), rtl, PYNQ, "open", 100.0)
