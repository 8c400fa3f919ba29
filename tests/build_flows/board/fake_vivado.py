"""A stand-in for Vivado's command: answers ``-version``, and in batch mode leaves what Vivado leaves, or fails as Vivado fails.

It stands for nothing of the Tcl, which it only finds in place; its messages are those of UG835 and of Vivado's message catalogue.
"""

import os
import stat
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
REPORTS = Path(__file__).parent / "reports"

PROGRAM = '''#!{python}
import os, shutil, signal, subprocess, sys, time
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
assert sys.argv[1:3] == ["-mode", "batch"] and Path(sys.argv[sys.argv.index("-source") + 1]).is_file()
words = sys.argv[sys.argv.index("-tclargs") + 1:]
given = {{name.removeprefix("--"): value for name, value in zip(words[::2], words[1::2])}}
assert Path("rtl/accelerator.v").is_file() and Path("tcl/implement.tcl").is_file()
design, part = given["design"], given["part"]
results, out = Path("results"), Path("results/reports")
out.mkdir(parents=True)

def say(*lines):
    print(*lines, sep="\\n", flush=True)

def put(name, sample=None):
    shutil.copyfile(reports / (sample or name), out / name)

def stop(*lines, code=1):
    say(*lines)
    sys.exit(code)

say(f"****** Vivado v{{version}} (64-bit)", "offramp: project", "offramp: block design", "offramp: synthesis",
    "Command: synth_design -top x", "Starting RTL Elaboration : Time (s): cpu = 00:00:05")
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
say("offramp: optimising")
put("utilisation_synth.rpt", "utilisation_synth_too_large.rpt" if mode in ("too large", "placer") else None)
if mode == "too large":
    stop(f"ERROR: [offramp] the design does not fit {{part}}: DSPs: 240 of 220")
say("offramp: placing", "Phase 1 Placer Initialization")
if mode == "placer":
    (out / "utilisation_synth.rpt").unlink()
    stop("ERROR: [DRC UTLZ-1] Resource utilization: LUT as Logic over-utilized in Top Level Design (This design requires more LUT as "
         "Logic cells than are available in the target device. This design requires 60112 of such cell types but only 53200 compatible "
         "sites are available in the target device. Please analyze your synthesis results and constraints to ensure the design is mapped "
         "to Xilinx primitives as expected.)", "ERROR: [Vivado_Tcl 4-23] Error(s) found during DRC. Placer not run.")
say("offramp: routing", "Phase 2.1 Create Timer", "offramp: reports")
for name in ("utilisation.rpt", "power.rpt"):
    put(name)
put("timing.rpt", "timing_missed.rpt" if mode == "missed" else None)
if mode == "missed":
    stop("CRITICAL WARNING: [Timing 38-282] The design failed to meet the timing requirements.",
         "ERROR: [offramp] the design misses timing: setup slack -0.312 ns")
if mode == "no bitstream":
    sys.exit(0)
say("offramp: bitstream")

if {netlist!r}:
    sys.path.insert(0, {root!r})
    from build_flows.board.boards import BOARDS
    from build_flows.board.stand_in import write_stand_in
    from hw.netlist import load
    write_stand_in(results, load(Path({netlist!r}).read_text()), BOARDS[given["board"]])
keys = ("name", "design", "board", "part", "user_id")
(results / "build.txt").write_text("".join(f"{{key}} {{given[key]}}\\n" for key in keys) + f"clock_mhz 100\\nvivado {{version}}\\n")
say("offramp: done")
'''


def install(folder: Path, mode: str = "ok", version: str = "2022.2", netlist: Path | None = None) -> Path:
    """Write ``folder/vivado``, which behaves as ``mode`` says; gives the file that lists what it was called with, a line a run.

    It leaves .bit and .hwh of the ``netlist`` that lies at that path when it runs, none without one.
    """
    folder.mkdir(parents=True, exist_ok=True)
    reports = REPORTS / (version if (REPORTS / version).is_dir() else "2022.2")
    calls = folder / "calls.txt"
    program = folder / "vivado"
    program.write_text(PROGRAM.format(python=sys.executable, mode=mode, version=version, reports=str(reports), calls=str(calls),
                                      root=str(ROOT), netlist=str(netlist or "")))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return calls


def path_with(folder: Path) -> str:
    """PATH with ``folder`` first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
