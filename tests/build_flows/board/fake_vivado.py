"""A stand-in for Vivado's command: answers ``-version``, and with a build plan's options leaves what Vivado leaves, or fails as it fails.

Of the plan's Tcl it reads the part alone (``plan_tools.py`` has one that carries the Tcl out); its messages are those of UG835 and of
Vivado's message catalogue.
"""

import os
import stat
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
REPORTS = Path(__file__).parent / "reports"

PROGRAM = '''#!{python}
import os, re, shutil, signal, subprocess, sys, time
from pathlib import Path

mode, version, reports = {mode!r}, {version!r}, Path({reports!r})
if sys.argv[1:] == ["-version"]:
    if mode == "broken":
        print("loader: error while loading shared libraries: libtinfo.so.5", file=sys.stderr)
        sys.exit(127)
    name = "vivado" if version >= "2024" else "Vivado"
    print(f"{{name}} v{{version}} (64-bit)", "SW Build 3671981 on Fri Oct 14 04:59:54 MDT 2022", "IP Build 3669848", sep="\\n")
    sys.exit(0)
with open({calls!r}, "a") as calls:
    calls.write(" ".join(sys.argv[1:]) + "\\n")
assert sys.argv[1:] == ["-nojournal", "-notrace", "-mode", "batch", "-log", "top.log", "-source", "top.tcl"], sys.argv
assert Path("accelerator.v").is_file() and Path("top.v").is_file()
part = re.search(r"-part (\\S+)", Path("top.tcl").read_text())[1]

def say(*lines):
    print(*lines, sep="\\n", flush=True)

def put(name, sample):
    shutil.copyfile(reports / sample, f"top_{{name}}.rpt")

def stop(*lines, code=1):
    say(*lines)
    sys.exit(code)

say(f"****** Vivado v{{version}} (64-bit)", "offramp: synthesis", "Command: synth_design -top x",
    "Starting RTL Elaboration : Time (s): cpu = 00:00:05")
if mode == "licence":
    stop(f"ERROR: [Common 17-345] A valid license was not found for feature 'Synthesis' and/or device 'xc7z020'. Please run the Vivado "
         "License Manager for assistance in determining", "which features and devices are licensed for your system.")
if mode == "error":
    stop("ERROR: [Synth 8-439] module 'fifo' not found [/x/rtl/accelerator.v:12]",
         "ERROR: [Synth 8-439] module 'fifo' not found [/x/rtl/accelerator.v:12]",
         "ERROR: [Synth 8-6156] failed synthesizing module 'accelerator'", "ERROR: [Common 17-69] Command failed: Synthesis failed",
         "ERROR: [Vivado 12-1] a fourth")
if mode == "slow":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
    apart = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"], start_new_session=True)
    Path("processes").write_text(f"{{os.getpid()}} {{child.pid}} {{apart.pid}}")
    time.sleep(300)
if mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "killed below":
    stop("/opt/Vivado/bin/rdiArgs.sh: line 312: 12345 Killed", code=137)
if mode == "silent":
    stop("something odd", code=3)
put("utilization_synth", "utilisation_synth_too_large.rpt" if mode in ("too large", "placer") else "utilisation_synth.rpt")
say("offramp: placing", "Phase 1 Placer Initialization")
if mode in ("too large", "placer"):
    if mode == "placer":
        Path("top_utilization_synth.rpt").unlink()
    stop("ERROR: [DRC UTLZ-1] Resource utilization: LUT as Logic over-utilized in Top Level Design (This design requires more LUT as "
         "Logic cells than are available in the target device. This design requires 60112 of such cell types but only 53200 compatible "
         "sites are available in the target device. Please analyze your synthesis results and constraints to ensure the design is mapped "
         "to Xilinx primitives as expected.)", "ERROR: [Vivado_Tcl 4-23] Error(s) found during DRC. Placer not run.")
say("offramp: routing", "Phase 2.1 Create Timer")
put("utilisation", "utilisation.rpt")
put("power", "power.rpt")
put("timing", "timing_missed.rpt" if mode == "missed" else "timing.rpt")
if mode == "missed":
    stop("ERROR: [offramp] the design misses timing: setup slack -0.312 ns, hold slack 0.043 ns")
if mode == "no bitstream":
    sys.exit(0)
say("offramp: bitstream")
sys.path.insert(0, {root!r})
from build_flows.board.bitfile import bit_header, bit_part
Path("top.bit").write_bytes(bit_header(design=f"top;UserID=0XFFFFFFFF;Version={{version}}", part=bit_part(part), date="2025/01/01",
                                       time="12:00:00", length=0))
'''


def install(folder: Path, mode: str = "ok", version: str = "2022.2") -> Path:
    """Write ``folder/vivado``, which behaves as ``mode`` says; gives the file that lists what it was called with, a line a run."""
    folder.mkdir(parents=True, exist_ok=True)
    reports = REPORTS / (version if (REPORTS / version).is_dir() else "2022.2")
    calls = folder / "calls.txt"
    program = folder / "vivado"
    program.write_text(PROGRAM.format(python=sys.executable, mode=mode, version=version, reports=str(reports), calls=str(calls),
                                      root=str(ROOT)))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return calls


def path_with(folder: Path) -> str:
    """PATH with ``folder`` first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
