"""Small units take what one can tell beforehand; a result is found again; nothing is left of a run that did not end well."""

import os
import re
import shutil
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from importlib import util
from itertools import pairwise
from pathlib import Path
from typing import cast

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module, Signal

from build_flows.base.errors import explain
from build_flows.synthesis import synthesise as synthesis
from build_flows.synthesis.resources import Resources
from build_flows.synthesis.synthesise import Synthesised, SynthesisError, Unit, synthesise, synthesise_all
from sim.errors import ToolError


def delay() -> str:
    """Four bits, sixteen cycles, as Amaranth writes it."""
    m = Module()
    d, q = Signal(4), Signal(4)
    line = [d, *(Signal(4, name=f"r{at}", reset_less=True) for at in range(16))]
    m.d.sync += [after.eq(before) for before, after in pairwise(line)]
    m.d.comb += q.eq(line[-1])
    return cast(str, verilog.convert(m, name="top", ports=[d, q], emit_src=False, strip_internal_attrs=True))


# Submodules connected by position are easily lost.
REGISTER = """module below(input clk, input [7:0] d, output reg [7:0] q); always @(posedge clk) q <= d; endmodule
module top(input clk, input [7:0] d, output [7:0] q, output reg l); wire [7:0] w; below x(clk, d, w); below y(clk, {~w[7], w[6:0]}, q);
always @* if (d[0]) l = d[1]; endmodule"""
ADDER = "module top(input [15:0] a, b, output [15:0] s); assign s = a + b; endmodule"
LUT_RAM = """module top(input clk, we, input [4:0] w, r, input [7:0] d, output [7:0] q); reg [7:0] m [0:31]; assign q = m[r];
always @(posedge clk) if (we) m[w] <= d; endmodule"""
BLOCK_RAM = """module top(input clk, we, input [9:0] w, r, input [17:0] d, output reg [17:0] q); reg [17:0] m [0:1023];
always @(posedge clk) begin if (we) m[w] <= d; q <= m[r]; end endmodule"""
PRODUCT = """module top(input clk, input signed [17:0] a, input signed [17:0] b, output reg signed [35:0] p);
always @(posedge clk) p <= a * b; endmodule"""
WIRES = "module top(input a, output b); assign b = a; endmodule"

# lut, lut_paired, lutram, ff, dsp, bram36, carry, cells
EXPECTED = {
    "register": (REGISTER, 0, 0, 0, 17, 0, 0, 0, {"FDRE": 16, "INV": 1, "LDCE": 1}),
    "adder": (ADDER, 16, 16, 0, 0, 0, 0, 4, {"CARRY4": 4, "LUT2": 16}),
    "delay": (delay(), 0, 0, 4, 0, 0, 0, 0, {"SRL16E": 4}),
    "lut ram": (LUT_RAM, 0, 0, 8, 0, 0, 0, 0, {"RAM32M": 2}),
    "block ram": (BLOCK_RAM, 0, 0, 0, 0, 0, 0.5, 0, {"RAMB18E1": 1}),
    "product": (PRODUCT, 0, 0, 0, 0, 1, 0, 0, {"DSP48E1": 1}),
}
# Minutes of work
SLOW = "module top(input [127:0] a, b, output [127:0] q); assign q = a / b; endmodule"
BROKEN = "module top(input a, output b);\n  assign b = a;\n  assign b = ;\nendmodule"


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Synthesised], list[tuple[str, Synthesised]], Path]:
    """All units of ``EXPECTED``, what ``progress`` was told, and the cache."""
    cache = tmp_path_factory.mktemp("synthesis") / "cache"
    told: list[tuple[str, Synthesised]] = []
    units = {name: Unit(top="top", verilog=row[0]) for name, row in EXPECTED.items()}
    units["register again"] = units["register"]
    return synthesise_all(units, cache, progress=lambda name, found: told.append((name, found))), told, cache


@pytest.fixture
def scratch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where runs have their temporary folders."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def no_tool(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Yosys that refuses everything."""
    monkeypatch.setattr(synthesis, "_PROGRAM", "raise SystemExit('Yosys was run')")


def processes(folder: Path) -> set[int]:
    """The processes that work below ``folder``."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                where = os.readlink(entry / "cwd")
            except OSError:
                continue
            if where.startswith(f"{folder}/"):
                found.add(int(entry.name))
    return found


def once(condition: Callable[[], object], then: Callable[[], object]) -> threading.Thread:
    """Calls ``then`` in a thread as soon as ``condition`` holds."""

    def wait() -> None:
        until = time.monotonic() + 30
        while not condition():
            assert time.monotonic() < until
            time.sleep(0.05)
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    return thread


def all_gone(folder: Path) -> None:
    """No process works below ``folder`` (one that was killed may take its time to vanish)."""
    once(lambda: not processes(folder), lambda: None).join(5)
    assert processes(folder) == set()


@pytest.fixture
def interrupt(scratch: Path) -> Iterator[None]:
    """Ctrl-C, two Yosys having been started ."""
    main = threading.main_thread().ident
    assert main is not None
    thread = once(lambda: len(processes(scratch)) >= 2, lambda: signal.pthread_kill(main, signal.SIGINT))
    yield
    thread.join()


@pytest.mark.slow
@pytest.mark.parametrize("name", EXPECTED)
def test_what_a_small_unit_takes(measured: tuple[dict[str, Synthesised], object, Path], name: str) -> None:
    _, lut, paired, lutram, ff, dsp, bram36, carry, cells = EXPECTED[name]
    wanted = Resources(lut=lut, lut_paired=paired, lutram=lutram, ff=ff, dsp=dsp, bram36=bram36, carry=carry, cells=cells)
    assert measured[0][name].resources == wanted


@pytest.mark.slow
def test_results_are_in_order_and_each_is_told_once(measured: tuple[dict[str, Synthesised], list[tuple[str, Synthesised]], Path]) -> None:
    found, told, cache = measured
    assert list(found) == [*EXPECTED, "register again"]
    assert sorted(name for name, _ in told) == sorted(found)
    assert dict(told) == found
    # The one that came twice was synthesised once, and nothing else is left.
    entries = [path for path in cache.iterdir() if path.name != ".lock"]
    assert len(entries) == len(EXPECTED)
    assert all(sorted(path.name for path in entry.iterdir()) == ["counted.json", "netlist.json.gz", "sha256.json"] for entry in entries)


@pytest.mark.slow
@pytest.mark.usefixtures("no_tool")
def test_a_known_unit_needs_no_yosys(measured: tuple[dict[str, Synthesised], object, Path]) -> None:
    found, _, cache = measured
    assert synthesise(ADDER, "top", cache) == found["adder"]


@pytest.mark.slow
@pytest.mark.usefixtures("no_tool")
@pytest.mark.parametrize("change", ["text", "commands", "version", "counted.json", "netlist.json.gz", "sha256.json", "gone"])
def test_a_result_is_not_found_again_for(measured: tuple[object, object, Path], change: str, tmp_path: Path,
                                        monkeypatch: pytest.MonkeyPatch) -> None:
    text, cache = ADDER, tmp_path / "cache"
    shutil.copytree(measured[2], cache)
    for entry in cache.glob("top-*"):
        if change == "gone":
            (entry / "netlist.json.gz").unlink()
        elif (entry / change).is_file():
            data = bytearray((entry / change).read_bytes())
            data[len(data) // 2] ^= 1
            (entry / change).write_bytes(data)
    if change == "text":
        text += "\n"
    if change == "commands":
        given = synthesis._commands
        monkeypatch.setattr(synthesis, "_commands", lambda unit, family: [*given(unit, family), "check"])
    if change == "version":
        monkeypatch.setattr(synthesis, "version", lambda: "Yosys 0.1 (pyosys)")
    with pytest.raises(SynthesisError, match=r"^top: Yosys ended early: Yosys was run$"):
        synthesise(text, "top", cache)


def test_a_refusal_names_file_and_line_and_ends_the_others(tmp_path: Path, scratch: Path) -> None:
    cache = tmp_path / "cache"
    began = time.monotonic()
    units = {"slow": Unit(top="top", verilog=SLOW), "a/b": Unit(top="top", verilog=BROKEN), "next": Unit(top="top", verilog=SLOW + "\n")}
    with pytest.raises(SynthesisError) as caught:
        synthesise_all(units, cache)
    assert time.monotonic() - began < 20
    kept = cache / "refused" / "a_b"
    told = explain(caught.value)
    assert told is not None
    assert re.fullmatch(rf"a/b: {kept}/unit.v:3: syntax error, unexpected ';'.*", told.message)
    assert told.hint == f"its Verilog and Yosys' log are in {kept}"
    assert (kept / "unit.v").read_text() == BROKEN
    assert "ERROR: syntax error" in (kept / "yosys.log").read_text()
    assert [item.name for item in cache.rglob("*") if item.is_file() and item.parent != kept] == []
    all_gone(scratch)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(("text", "message"), [
    ("module top(input a, output b); lost x(.a(a), .b(b)); endmodule",
     r"^top: Module `lost' referenced in module `top' in cell `x' is not part of the design\.$"),
    ("module other; endmodule", r"^top: Module `top' not found!$"),
])
def test_a_module_that_is_not_there(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SynthesisError, match=message):
        synthesise(text, "top", tmp_path)


@pytest.mark.usefixtures("no_collection", "interrupt")
def test_ctrl_c_ends_all_and_leaves_nothing(tmp_path: Path, scratch: Path) -> None:
    cache = tmp_path / "cache"
    units = {name: Unit(top="top", verilog=f"// {name}\n{SLOW}") for name in ("one", "two", "three")}
    with pytest.raises(KeyboardInterrupt):
        synthesise_all(units, cache)
    all_gone(scratch)
    assert list(scratch.iterdir()) == []
    assert not cache.exists()


def test_a_killed_yosys_leaves_no_result(tmp_path: Path, scratch: Path) -> None:
    def kill() -> None:
        for number in processes(scratch):
            os.kill(number, signal.SIGKILL)

    thread = once(lambda: len(processes(scratch)) >= 1, kill)
    with pytest.raises(SynthesisError, match="top: Yosys ended early"):
        synthesise(SLOW, "top", tmp_path / "cache")
    thread.join()
    assert list((tmp_path / "cache").glob("top*")) == []


@pytest.mark.slow
def test_a_progress_that_raises_ends_the_others(tmp_path: Path, scratch: Path) -> None:
    def progress(name: str, found: Synthesised) -> None:
        assert found.resources == Resources(lut=0, lut_paired=0, lutram=0, ff=0, dsp=0, bram36=0, carry=0, cells={})
        raise RuntimeError(name)

    with pytest.raises(RuntimeError, match="wires"):
        synthesise_all({"slow": Unit(top="top", verilog=SLOW), "wires": Unit(top="top", verilog=WIRES)}, tmp_path, progress=progress)
    all_gone(scratch)
    assert len(list(tmp_path.glob("top-*"))) == 1  # what was finished is kept


def test_what_is_asked_for_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ValueError, match="part_family must be one of xc7, not 'xcup'"):
        synthesise(WIRES, "top", tmp_path, "xcup")
    with pytest.raises(ValueError, match="top must be a Verilog name, not 'top; shell'"):
        synthesise(WIRES, "top; shell", tmp_path)
    with pytest.raises(ValueError, match="jobs must be at least 1, not 0"):
        synthesise_all({}, tmp_path, jobs=0)
    assert synthesise_all({}, tmp_path) == {}
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="Yosys is missing; get it with: pip install pyosys"):
        synthesise(WIRES, "top", tmp_path)
