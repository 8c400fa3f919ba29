"""nextpnr-xilinx' log: constraints that were not applied, and what the routed design reaches."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from build_flows.board import routed_timing
from build_flows.board.routed_timing import ClockTiming, ignored, main, routed_clocks, shortfalls

LOG = """\
Info: Propagating clock constraints...
Info:     derived 100.0 MHz for net 'clk' (through BUFG 'buffer')
Info: Max frequency for clock 'clk': 91.20 MHz (FAIL at 100.00 MHz)
Info: Routing..
Info: Max frequency for clock 'clk': 104.41 MHz (PASS at 100.00 MHz)
Info: Max frequency for clock  'a.$b[0]': 250.00 MHz (PASS at 100.00 MHz)
"""


def test_the_last_word_counts():
    assert routed_clocks(LOG) == [ClockTiming("a.$b[0]", 250.0, 100.0), ClockTiming("clk", 104.41, 100.0)]
    assert routed_clocks("Info: Routing..\n") == []
    assert ignored(LOG) == []


@pytest.mark.parametrize("line", [
    "Warning: create_clock: target [get_nets fclk0] matched nothing, so the 10.000 ns constraint was NOT applied (on line 2).",
    "Warning: get_nets: no net or port named 'fclk0' (on line 2) - this target is ignored",
    "Info: ignoring unsupported XDC command 'create_generated_clock' (on line 3)",
    "Warning: ignoring virtual clock (unsupported, on line 2)",
    "ERROR: targets other than 'get_ports' or 'get_nets' are not supported (on line 2)",
])
def test_a_constraint_that_was_not_applied(line):
    assert ignored(f"Info: Parsing XDC file...\n{line}\n") == [line]


@pytest.mark.parametrize(("reached", "target", "told"), [
    (100.0, 100.0, []), (99.996, 100.0, []), (250.0, 99.95, []),
    (99.98, 100.0, ["the design misses timing: the clock clk reaches 99.98 of 100 MHz"]),
    (300.0, 12.0, ["the clock clk was placed for 12 MHz, not for 100 MHz"]),
])
def test_what_falls_short(reached, target, told):
    assert shortfalls([ClockTiming("clk", reached, target)], 100.0) == told


def run(tmp_path, log, mhz="100"):
    (tmp_path / "log").write_text(log)
    return main(["--mhz", mhz, "--report", str(tmp_path / "timing.json"), str(tmp_path / "log")])


def test_the_report(tmp_path, capsys):
    assert run(tmp_path, LOG) == 0
    assert json.loads((tmp_path / "timing.json").read_text()) == {
        "clock_mhz": 100.0, "clocks": [{"net": "a.$b[0]", "mhz": 250.0, "target_mhz": 100.0},
                                       {"net": "clk", "mhz": 104.41, "target_mhz": 100.0}]}
    assert "offramp: clk reaches 104.41 MHz of 100" in capsys.readouterr().out


def test_missed_timing_is_reported_and_is_an_error(tmp_path, capsys):
    assert run(tmp_path, LOG.replace("104.41 MHz (PASS", "80.00 MHz (FAIL")) == 1
    assert json.loads((tmp_path / "timing.json").read_text())["clocks"][1]["mhz"] == 80.0
    assert capsys.readouterr().err == "offramp: error: the design misses timing: the clock clk reaches 80 of 100 MHz\n"


def test_without_timing_there_is_no_report(tmp_path, capsys):
    assert run(tmp_path, "Info: Routing..\n") == 0
    assert not (tmp_path / "timing.json").exists()
    assert "says nothing of timing" in capsys.readouterr().out


def test_a_constraint_that_matched_nothing_is_an_error_even_when_all_is_fast(tmp_path, capsys):
    line = "Warning: create_clock: target [get_nets x] matched nothing, so the 10.000 ns constraint was NOT applied (on line 2)."
    assert run(tmp_path, f"{line}\n{LOG}") == 1
    assert capsys.readouterr().err == f"offramp: error: a constraint was not applied: {line}\n"


def test_it_stands_alone(tmp_path):
    script = tmp_path / "read.py"
    script.write_text(Path(routed_timing.__file__).read_text())
    assert not re.search(r"^(from|import) (build_flows|sim|hw)", script.read_text(), re.MULTILINE)
    (tmp_path / "log").write_text(LOG)
    ran = subprocess.run([sys.executable, "-I", "read.py", "--mhz", "120", "--report", "t.json", "log"], cwd=tmp_path, capture_output=True,
                         text=True)
    assert ran.returncode == 1
    assert "the clock clk was placed for 100 MHz, not for 120 MHz" in ran.stderr
    assert (tmp_path / "t.json").is_file()
