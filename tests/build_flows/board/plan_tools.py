"""Stand-ins for the tools that a build plan runs. Each checks every argument, and every file that it is told of, and leaves what the tool
would leave; what is wrong, and every call, goes into a file of its own. ``mode`` says what goes wrong on purpose."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]

COMMON = '''#!{python}
import json, re, sys
from pathlib import Path

mode, words, here = {mode!r}, sys.argv[1:], Path({folder!r})
with (here / "calls.txt").open("a") as calls:
    calls.write(" ".join([Path(sys.argv[0]).name, *words]) + "\\n")

def want(condition, text):
    if not condition:
        with (here / "wrong.txt").open("a") as wrong:
            wrong.write(f"{{Path(sys.argv[0]).name}}: {{text}}\\n")
        sys.exit(99)

def reads(name, *parts):
    want(Path(name).is_file(), f"there is no {{name}}")
    text = Path(name).read_text()
    for part in parts:
        want(part in text, f"{{name}} holds no {{part!r}}")
    return text
'''

YOSYS = '''
if words[:3] == ["-Q", "-T", "-p"]:
    want(words[3:] == ["help read_slang"], f"asked {{words[3:]}}")
    print("No such command or cell type: read_slang" if mode == "plugin" else "    read_slang [options] [filename]")
    sys.exit(0)
if mode == "plugin":
    want(words[:2] == ["-m", "slang"], "the plugin is not loaded")
    del words[:2]
want(words == ["-q", "-l", "top_yosys.log", "-s", "top.ys"], f"arguments {{words}}")
commands = Path("top.ys").read_text().splitlines()
modules = "module (?:automatic )?(\\\\w+)"
stages = []
for command in commands:
    name, *rest = command.split()
    if name == "read_slang":
        files = [word for word in rest if word.endswith((".v", ".sv"))]
        defined = set()
        for file in files:
            defined |= set(re.findall(modules, reads(file)))
        roots = [rest[at + 1] for at, word in enumerate(rest) if word == "--top"]
        want(roots and set(roots) <= defined, f"no module {{set(roots) - defined}} in {{files}}")
        for folder in [rest[at + 1] for at, word in enumerate(rest) if word == "-I"]:
            want(Path(folder).is_dir(), f"no include folder {{folder}}")
        want(files[0] == "yosys/stubs.v" and "accelerator.v" not in files, f"slang reads {{files}}")
    elif name == "read_verilog":
        reads(rest[0], {{"accelerator.v": "module accelerator(", "top.v": "PS7"}}[rest[0]])
    elif name == "techmap":
        reads(rest[-1], "techmap_celltype")
    elif name == "synth_xilinx":
        want(rest[:5] == ["-family", "xc7", "-flatten", "-top", "top"] and rest[5] == "-run", f"synth_xilinx {{rest}}")
        stages.append(rest[6].split(":"))
    else:
        want(name in ("hierarchy", "proc", "opt_clean", "opt_expr", "opt", "xilinx_srl", "tee", "write_json"), f"command {{command}}")
want(stages[0][0] == "begin" and all(a[1] == b[0] for a, b in zip(stages, stages[1:])) and stages[-1][1] == "edif", f"stages {{stages}}")
want(commands[-1] == "write_json top.json", commands[-1])
Path("top.json").write_text((here / "netlist.json").read_text())
Path("top_yosys.log").write_text("")
'''

NEXTPNR = '''
want(words == ["--chipdb", str(here / "chipdb" / {chipdb!r}), "--xdc", "top.xdc", "--json", "top.json", "--fasm", "top.fasm",
               "--freq", {mhz!r}, "--seed", "1", "--log", "top_nextpnr.log"], f"arguments {{words}}")
want(Path(words[1]).read_text() == {chipdb!r}, "another chip database")
clocks = [line for line in reads("top.xdc").splitlines() if line.startswith("create_clock")]
want(len(clocks) == 1, f"{{len(clocks)}} clocks")
match = re.fullmatch(r"create_clock -period ([\\d.]+) \\[get_nets ([\\w.]+)\\]", clocks[0])
want(match and abs(1000 / float(match[1]) - float({mhz!r})) < 1e-3, clocks[0])
netlist = json.loads(Path("top.json").read_text())
want(match[2] in netlist["modules"]["top"]["netnames"], f"no net {{match[2]}}")
reached = {{"missed": 87.5, "12 MHz": 200.0}}.get(mode, float({mhz!r}) + 20)
lines = [] if mode == "no timing" else [
    "Info: Max frequency for clock 'clk': 300.00 MHz (PASS at 100.00 MHz)",
    f"Info: Max frequency for clock 'clk': {{reached:.2f}} MHz ({{'FAIL' if mode == 'missed' else 'PASS'}} at "
    f"{{12.0 if mode == '12 MHz' else float({mhz!r}):.2f}} MHz)"]
if mode == "matched nothing":
    lines.insert(0, "Warning: create_clock: target [get_nets ps7.fclk0] matched nothing, so the 10.000 ns constraint was NOT applied "
                    "(on line 2).")
Path("top_nextpnr.log").write_text("\\n".join(lines) + "\\n")
Path("top.fasm").write_text("fasm\\n")
sys.exit({{"missed": 1, "place": 1}}.get(mode, 0))
'''

FPGA_AS = '''
want(words == [f"--prjxray_db_path={{here / 'prjxray' / 'zynq7'}}", "--part", {part!r}, "top.fasm"], f"arguments {{words}}")
want(Path(words[0].partition("=")[2]).is_dir() and Path("top.fasm").read_text() == "fasm\\n", "no FASM or no database")
if mode == "assembler":
    print("half a bitst", end="")
    sys.exit(1)
print({part!r}, "bitstream")
'''

FASM2FRAMES = '''
want(words == ["--part", {part!r}, "--db-root", str(here / "prjxray" / "zynq7"), "top.fasm"], f"arguments {{words}}")
want(Path(words[3]).is_dir() and Path("top.fasm").read_text() == "fasm\\n", "no FASM or no database")
print("frames")
'''

FRAMES2BIT = '''
want(words == ["--part_file", str(here / "prjxray" / "zynq7" / {part!r} / "part.yaml"), "--part_name", {part!r},
               "--frm_file", "top.frames", "--output_file", "top.bit.part"], f"arguments {{words}}")
want(Path(words[1]).is_file() and Path("top.frames").read_text() == "frames\\n", "no frames or no part file")
Path("top.bit.part").write_text({part!r} + " bitstream\\n")
'''

PYTHON = '''
import subprocess
want(words[0] in ("check_netlist.py", "read_timing.py") and Path(words[0]).is_file(), f"arguments {{words}}")
# Alone: nothing of the project is at hand.
sys.exit(subprocess.run([sys.executable, "-I", *words]).returncode)
'''

VIVADO = r'''#!/usr/bin/env tclsh
set mode {@mode@}
set here {@folder@}
proc want {condition text} {
    if {![uplevel 1 [list expr $condition]]} {
        set wrong [open [file join $::here wrong.txt] a]
        puts $wrong "vivado: $text"
        close $wrong
        exit 99
    }
}
proc made {name {text made}} {
    set file [open $name w]
    puts $file $text
    close $file
}
want {$argv eq "-nojournal -notrace -mode batch -log top.log -source top.tcl"} "arguments $argv"
set calls [open [file join $here calls.txt] a]
puts $calls "vivado $argv"
close $calls
set sources {}
set headers {}
set memories {}
set includes {}
proc create_project {args} { want {$args eq "-force -name top -part @part@"} "create_project $args" }
proc current_project {} { return project }
proc current_fileset {} { return sources_1 }
proc add_files {args} {
    set files $args
    if {[lindex $args 0] eq "-norecurse"} { set files [lindex $args 1] }
    foreach file $files {
        want {[file isfile $file]} "add_files of $file, which is not there"
        if {[file extension $file] in {.v .sv}} { lappend ::sources $file }
    }
    return $files
}
proc read_xdc {file} {
    set text [read [open $file]]
    set ::clocks {}
    foreach line [split $text \n] {
        if {[regexp {^create_clock} $line]} {
            want {[regexp {^create_clock -name (\w+) -period ([\d.]+) \[get_nets "ps7/fclk0"\]$} $line -> name period]} $line
            want {abs(1000.0 / $period - @mhz@) < 0.001} "period $period"
            lappend ::clocks $name
        } else {
            want {$line eq "" || [string match #* $line]} "XDC line $line"
        }
    }
    want {$::clocks eq "fclk0"} "clocks $::clocks"
}
proc set_property {name value target} {
    switch $name {
        source_mgmt_mode { want {$value eq "None" && $target eq "project"} "$name $value" }
        include_dirs { set ::includes $value; foreach folder $value { want {[file isdirectory $folder]} "include folder $folder" } }
        file_type {
            want {$value in {{Verilog Header} {Memory Initialization Files}}} "file type $value"
            lappend [expr {$value eq "Verilog Header" ? "::headers" : "::memories"}] {*}$target
        }
        default { want 0 "set_property $name" }
    }
}
proc set_msg_config {args} { want {$args eq {-id {Synth 8-4445} -new_severity ERROR}} "set_msg_config $args" }
proc synth_design {args} {
    want {$args eq "-top top"} "synth_design $args"
    want {$::sources eq {@sources@}} "sources $::sources"
    want {$::headers eq {@headers@}} "headers $::headers"
    want {$::memories eq {@memories@}} "memories $::memories"
    want {$::includes eq {@includes@}} "includes $::includes"
    foreach memory $::memories {
        # Where the design says that they are.
        want {[file isfile $memory]} "no $memory in the working directory"
    }
}
proc get_cells {args} { return {} }
proc get_pins {args} { return {} }
proc get_clocks {args} { return [expr {$::mode eq "no clock" ? "" : $::clocks}] }
foreach {name wanted} {opt_design "" place_design "" route_design ""} {
    proc $name {args} [list want "\$args eq {$wanted}" $name]
}
set optimised 0
proc phys_opt_design {} { incr ::optimised }
proc get_timing_paths {args} {
    want {[lindex $args 2] in {max min} && [lrange $args 3 end] eq "-max_paths 1 -nworst 1"} "get_timing_paths $args"
    if {$::mode eq "no paths"} { return {} }
    return [list path_[lindex $args 2]]
}
proc get_property {name path} {
    want {$name eq "SLACK"} "get_property $name"
    if {$::mode eq "setup" && $path eq "path_max"} { return -0.312 }
    if {$::mode eq "hold" && $path eq "path_min"} { return -0.011 }
    if {$::mode eq "mended" && !$::optimised} { return -0.2 }
    return 0.123
}
proc report_route_status {args} {
    if {$args ne "-return_string"} {
        want {[lindex $args 0] eq "-file"} "report_route_status $args"
        made [lindex $args 1]
        return
    }
    set routed [expr {$::mode eq "unrouted" ? 2010 : 2011}]
    set errors [expr {$::mode eq "route errors" ? 3 : 0}]
    if {$::mode eq "other report"} { return "all is well" }
    return "Design Route Status
   # of logical nets.......................... :        4216 :
       # of nets not needing routing.......... :        2205 :
       # of routable nets..................... :        2011 :
           # of fully routed nets............. :        $routed :
       # of nets with routing errors.......... :           $errors :"
}
foreach name {report_timing_summary report_utilization report_io report_control_sets report_clock_utilization report_drc report_methodology
              report_power} {
    proc $name {args} {
        set at [lsearch $args -file]
        if {$at >= 0} { made [lindex $args $at+1] }
    }
}
proc write_checkpoint {args} { want {$args eq "-force top_route.dcp"} "write_checkpoint $args"; made top_route.dcp }
proc write_bitstream {args} {
    want {$args eq "-force -bin_file top.bit"} "write_bitstream $args"
    made top.bit "@part@ bitstream"
    made top.bin
}
proc quit {} { exit 0 }
source top.tcl
'''


def install_open(folder: Path, netlist: str, *, part: str = "xc7z020clg400-1", chipdb: str = "xc7z020clg400.bin", mhz: str = "100",
                 mode: str = "ok") -> dict[str, str]:
    """Put the open flow's tools and databases into ``folder``; the environment in which they are found. ``netlist`` is what Yosys makes."""
    programs = {"yosys": YOSYS, "nextpnr-xilinx": NEXTPNR, "fpga-as": FPGA_AS, "fasm2frames": FASM2FRAMES, "xc7frames2bit": FRAMES2BIT,
                "python3": PYTHON}
    (folder / "chipdb").mkdir(parents=True)
    (folder / "chipdb" / chipdb).write_text(chipdb)
    (folder / "prjxray" / "zynq7" / part).mkdir(parents=True)
    (folder / "prjxray" / "zynq7" / part / "part.yaml").write_text("part")
    (folder / "netlist.json").write_text(netlist)
    facts = {"python": sys.executable, "mode": mode, "folder": str(folder), "part": part, "chipdb": chipdb, "mhz": mhz}
    for name, text in programs.items():
        _program(folder / "bin" / name, (COMMON + text).format(**facts))
    return {"PATH": f"{folder / 'bin'}:/usr/bin:/bin", "CHIPDB_DIR": str(folder / "chipdb"), "PRJXRAY_DB_DIR": str(folder / "prjxray")}


def install_vivado(folder: Path, *, sources: list[str], headers: list[str], memories: list[str], includes: list[str], mode: str = "ok",
                   part: str = "xc7z020clg400-1", mhz: str = "100") -> dict[str, str]:
    """Put Vivado into ``folder``, which wants these files, in this order; the environment in which it is found."""
    facts = {"mode": mode, "folder": str(folder), "part": part, "mhz": mhz, "sources": " ".join(sources), "headers": " ".join(headers),
             "memories": " ".join(memories), "includes": " ".join(includes)}
    text = VIVADO
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    _program(folder / "bin" / "vivado", text)
    return {"PATH": f"{folder / 'bin'}:/usr/bin:/bin"}


def wrong(folder: Path) -> str:
    """What the tools in ``folder`` found wrong; empty when nothing."""
    path = folder / "wrong.txt"
    return path.read_text() if path.is_file() else ""


def calls(folder: Path) -> list[str]:
    """The tools in ``folder`` that were called, in their order, without arguments."""
    return [line.split()[0] for line in (folder / "calls.txt").read_text().splitlines()]


def _program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
