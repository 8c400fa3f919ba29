"""Stand-ins for the tools of the open flow: they leave what those leave, or fail as those fail (``plan_tools.py`` has some that check every
argument). The checks that the plan carries are run for real, on a netlist of one flip-flop."""

import json
import sys
from pathlib import Path

from tests.build_flows.board.fake_vivado import ROOT

NETLIST = {
    "creator": "Yosys 0.48", "modules": {"top": {
        "attributes": {"top": "00000000000000000000000000000001"}, "ports": {},
        "cells": {
            "ps7": {"type": "PS7", "port_directions": {"FCLKCLK": "output"}, "connections": {"FCLKCLK": [2, 3, 4, 5]}},
            "d": {"type": "FDRE", "port_directions": {"C": "input", "D": "input", "Q": "output"},
                  "connections": {"C": [2], "D": [7], "Q": [7]}},
        },
        "netnames": {"ps7.fclk0": {"hide_name": 0, "bits": [2], "attributes": {}}},
    }},
}
COUNTS = {"modules": {"\\top": {"num_cells_by_type": {
    "LUT2": 100, "LUT6": 1000, "FDRE": 2500, "SRL16E": 20, "RAM64X1D": 8, "RAMB18E1": 3, "RAMB36E1": 2, "DSP48E1": 4, "CARRY4": 90,
    "PS7": 1, "BUFG": 1}}}}
"""What Yosys' stat -json tells."""

PROGRAMS = {
    "yosys": '''
if sys.argv[1:] == ["--version"]:
    print("Yosys 0.48 (git sha1 0, clang 19)")
elif "-p" not in sys.argv:
    netlist = json.loads({netlist!r})
    if mode == "untaken":
        netlist["modules"]["top"]["cells"]["d"]["type"] = "RAM256X1S"
    Path("top.json").write_text(json.dumps(netlist))
    Path("top_utilisation.json").write_text({counts!r})
    Path("top_yosys.log").write_text(" Yosys 0.48 (git sha1 0, clang 19)\\n")
''',
    "nextpnr-xilinx": '''
if sys.argv[1:] == ["--version"]:
    print('"nextpnr-xilinx" -- Next Generation Place and Route (Version 0.8.2)', file=sys.stderr)
    sys.exit(0)
with open({calls!r}, "a") as calls:
    calls.write("run\\n")
mhz = float(sys.argv[sys.argv.index("--freq") + 1])
reached = 87.5 if mode == "missed" else mhz + 20
if mode != "no timing":
    Path("top_nextpnr.log").write_text(f"Info: Max frequency for clock 'clk': {{reached:.2f}} MHz "
                                       f"({{'PASS' if reached > mhz else 'FAIL'}} at {{mhz:.2f}} MHz)\\n")
Path("top.fasm").touch()
if mode == "missed":
    sys.exit(1)
if mode == "broken":
    print("ERROR: Unable to place cell 'd', no Bels remaining of type 'SLICE_FFX'")
    sys.exit(1)
''',
    "fpga-as": '''
sys.path.insert(0, {root!r})
from build_flows.board.bitfile import bit_header
part = sys.argv[sys.argv.index("--part") + 1]
sys.stdout.buffer.write(bit_header(design="top.fasm;Generator=fpga-as", part=part, date="2025/01/01", time="12:00:00", length=0))
''',
}


def install(folder: Path, mode: str = "ok") -> Path:
    """Write the programs into ``folder``, and the databases into ``databases`` in it; they behave as ``mode`` says. Gives the file that
    has a line for each run of nextpnr."""
    folder.mkdir(parents=True, exist_ok=True)
    calls = folder / "nextpnr_calls.txt"
    facts = {"netlist": json.dumps(NETLIST), "counts": json.dumps(COUNTS), "root": str(ROOT), "calls": str(calls)}
    for name, text in PROGRAMS.items():
        head = f"#!{sys.executable}\nimport json, sys\nfrom pathlib import Path\nmode = {mode!r}\n"
        _program(folder / name, head + text.format(**facts))
    _program(folder / "python3", f"#!/bin/sh\nexec {sys.executable} -I \"$@\"\n")
    (folder / "databases" / "zynq7").mkdir(parents=True, exist_ok=True)
    (folder / "databases" / "xc7z020clg400.bin").touch()
    return calls


def environment(folder: Path) -> dict[str, str]:
    """Variables with which the programs in ``folder`` are found."""
    return {"PATH": f"{folder}:/usr/bin:/bin", "CHIPDB_DIR": str(folder / "databases"), "PRJXRAY_DB_DIR": str(folder / "databases")}


def _program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)
