"""Building with Verilator: cached by content, strict about our warnings, clear about what went wrong."""

import subprocess
import time

import pytest

from sim.errors import BuildError, ToolError
from sim.tools.verilator import RUNTIME, Design, build, build_runtime, find, read_filelist

pytestmark = pytest.mark.cosim

TOP = """
module counter (input logic clk, output logic [7:0] count);
    initial count = 8'd{start};
    always_ff @(posedge clk) count <= count + 1;
endmodule
"""
MAIN = """
#include "Vtop.h"
#include <cstdio>
int main() {
    Vtop top;
    top.eval();
    for (int i = 0; i < 20; ++i) { top.clk ^= 1; top.eval(); }
    std::printf("%d\\n", top.count);
}
"""


@pytest.fixture
def design(tmp_path):
    def make(start=0, text=TOP, **options):
        source, main = tmp_path / "counter.sv", tmp_path / "main.cpp"
        source.write_text(text.replace("{start}", str(start)))
        main.write_text(MAIN)
        return Design(top="counter", sources=[source], main=main, optimise="O0", **options)

    return make


def run(model):
    return subprocess.run([model], capture_output=True, text=True, check=True).stdout.strip()


def test_the_tool_is_found():
    tool = find()
    assert tool.binary.is_file()
    assert "Verilator 5." in tool.version


@pytest.mark.slow
def test_the_runtime_may_be_built_before_the_model(design, tmp_path):
    """It is the one that a model takes."""
    cache = tmp_path / "cache"
    build_runtime(cache)
    made = {file: file.stat().st_mtime_ns for file in cache.glob("runtime-*/object.o")}
    assert len(made) == len(RUNTIME)
    assert run(build(design(), cache)) == "10"
    assert {file: file.stat().st_mtime_ns for file in cache.glob("runtime-*/object.o")} == made


def test_built_once_and_again_when_a_source_changes(design, model_cache):
    told: list[tuple[int, int | None]] = []
    text = f"{TOP}// never built before: {time.time_ns()}\n"
    first = build(design(text=text), model_cache, progress=lambda done, total: told.append((done, total)))
    assert told == [(0, None), *((k + 1, len(told) - 1) for k in range(len(told) - 1))]
    assert len(told) > 1
    assert run(first) == "10"
    stamp, told = first.stat().st_mtime_ns, []
    assert build(design(text=text), model_cache, progress=lambda done, total: told.append((done, total))) == first
    assert told == [], "what is kept from before is not built"
    assert first.stat().st_mtime_ns == stamp
    second = build(design(start=7), model_cache)
    assert second != first
    assert run(second) == "17"
    assert not [item for item in model_cache.iterdir() if item.name.startswith("counter-") and not (item / "model").is_file()]


@pytest.mark.slow
def test_a_source_may_be_a_text(design, model_cache):
    text = TOP.replace("count + 1;", "count + STEP;").replace("module counter (", "module counter import steps::*; (")

    def stepping(step):
        return build(design(text=text, texts={"steps.sv": f"package steps; localparam logic [7:0] STEP = {step}; endpackage"}), model_cache)

    assert [run(stepping(step)) for step in (1, 2)] == ["10", "20"]
    with pytest.raises(BuildError, match=r"steps\.sv:1:"):
        stepping("?")


@pytest.mark.slow
def test_the_environment_sets_the_compilers_level(design, model_cache, monkeypatch):
    monkeypatch.setenv("OFFRAMP_OPTIMISE", "O0")
    first = build(design(), model_cache)
    monkeypatch.setenv("OFFRAMP_OPTIMISE", "O1")
    second = build(design(), model_cache)
    assert (second != first, run(second)) == (True, "10")
    monkeypatch.delenv("OFFRAMP_OPTIMISE")
    assert build(design(), model_cache) == first  # as this design asks for
    monkeypatch.setenv("OFFRAMP_OPTIMISE", "fast")
    with pytest.raises(ToolError, match="OFFRAMP_OPTIMISE must be one of O0, O1, O2, O3, not 'fast'"):
        build(design(), model_cache)


def test_our_warnings_are_errors_and_waived_ones_are_not(design, model_cache):
    text = TOP.replace("count + 1", "count + 9'd1")
    with pytest.raises(BuildError, match=r"Verilator failed:\n%Warning-WIDTHTRUNC: .*counter\.sv"):
        build(design(text=text), model_cache)
    assert run(build(design(text=text, waive={"*/counter.sv": ["WIDTHTRUNC"]}), model_cache)) == "10"


@pytest.mark.slow
def test_the_bench_is_clean_even_with_all_warnings(toy_rtl, model_cache):
    from sim.accelerator.bench import PORTS
    from sim.accelerator.protocol import BINDING, CHECKER, binding
    from sim.tools.verilator import HDL

    netlist, rtl = toy_rtl(exits=1)
    sources, _ = read_filelist(rtl / "filelist.f")
    waive = {f"*/{source.name}": () for source in sources}
    parameters = {"BUS_BITS": netlist.input.bus_bits, "RESULT_BITS": netlist.result.bits}
    model = build(Design(top="bench", sources=[HDL / "bench.sv", CHECKER, *sources], waive=waive, warnings=["-Wall"],
                         public={"bench": PORTS}, parameters=parameters, optimise="O0", texts={BINDING: binding(netlist)}), model_cache)
    assert model.is_file()


def test_filelists(tmp_path):
    (tmp_path / "a.sv").touch()
    (tmp_path / "inc").mkdir()
    path = tmp_path / "filelist.f"
    path.write_text("// comment\n+incdir+inc\n-Iinc\na.sv  # more\n")
    assert read_filelist(path) == ([tmp_path / "a.sv"], [tmp_path / "inc"] * 2)
    path.write_text("b.sv\n")
    with pytest.raises(BuildError, match=r"lists b\.sv, which is missing"):
        read_filelist(path)
