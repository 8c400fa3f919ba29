"""Our model of a DSP48E1 against Yosys' and against plain registers, in whole chains of every packing."""

import subprocess
from importlib import util
from pathlib import Path

import pytest
from amaranth.back import verilog

from hw.layers.dsp_chain import DspChain
from sim.tools.verilator import HDL, Design, build

pytestmark = pytest.mark.cosim

# bits, signed, weight_bits, length, pixels
CASES = [(4, False, 4, 4, 2), (4, True, 4, 4, 2), (3, False, 7, 1, 2), (2, False, 2, 16, 2), (8, False, 4, 3, 2), (8, True, 8, 2, 2),
         (4, False, 4, 4, 1), (8, False, 8, 2, 1)]
CYCLES = 100_000

MAIN = """
#include <cstdio>
#include <memory>
#include "Vtop.h"
#include "verilated.h"
int main(int, char**) {
    auto context = std::make_unique<VerilatedContext>();
    auto top = std::make_unique<Vtop>(context.get());
    for (long cycle = 0; cycle < %d; cycle++) {
        top->clk = 0; top->eval();
        if (top->differs) { std::printf("cycle %%ld: %%llx\\n", cycle, (unsigned long long)top->differs); return 1; }
        top->clk = 1; top->eval();
    }
    std::printf("equal, %%llu sums other than 0\\n", (unsigned long long)top->sums);
    return 0;
}
"""


def yosys_model():
    """Yosys' DSP48E1 under another name."""
    text = (Path(util.find_spec("pyosys").origin).parent / "share/xilinx/cells_sim.v").read_text(encoding="utf-8")
    start = text.index("module DSP48E1 (")
    return "/* verilator lint_off WIDTH */\n" + text[start:text.index("endmodule", start) + len("endmodule")].replace(
        "module DSP48E1", "module theirs_DSP48E1", 1) + "\n"


def bench(mask):
    """Chains of all ``CASES``: ``ours`` with our model, ``theirs`` with Yosys', ``plain`` of registers; ``mask`` spoils a bit of ours."""
    parts, modules = [], []
    for number, (*sizes, pixels) in enumerate(CASES):
        chain = DspChain(*sizes, pixels=pixels)
        made = {
            "ours": verilog.convert(chain, name=f"ours{number}", emit_src=False, strip_internal_attrs=True),
            "plain": verilog.convert(DspChain(*sizes, pixels=pixels, behavioural=True), name=f"plain{number}", emit_src=False,
                                     strip_internal_attrs=True),
        }
        made["theirs"] = made["ours"].replace(f"ours{number}", f"theirs{number}").replace("DSP48E1 #(", "theirs_DSP48E1 #(")
        modules += made.values()
        ports, draws = [], []
        for step in range(chain.length):
            for name, bits, lanes in (("a", chain.bits, chain.packing.pixels), ("w", chain.weight_bits, chain.packing.outputs)):
                signal, width = f"c{number}_{name}{step}", bits * lanes
                parts.append(f"reg [{width - 1}:0] {signal};")
                ports.append(f".{name}__{step}({signal})")
                if name == "a":
                    low, high = (1 << (bits - 1), (1 << (bits - 1)) - 1) if chain.signed else (0, (1 << bits) - 1)
                else:
                    low, high = 1 << (bits - 1), (1 << (bits - 1)) - 1
                for lane in range(lanes):
                    # whatever the bits: the slice has no idea of what is a weight
                    draws.append(f"{signal}[{lane * bits + bits - 1}:{lane * bits}] <= extreme ? ($urandom & 32'd1) ? {bits}'d{low} : "
                                 f"{bits}'d{high} : $urandom;")
        parts.append("always @(posedge clk) begin " + " ".join(draws) + " end")
        width = chain.packing.lanes * chain.packing.field
        for kind in ("ours", "plain", "theirs"):
            parts.append(f"wire [{width - 1}:0] {kind}_o{number}; {kind}{number} {kind}_{number}(.clk(clk), {', '.join(ports)}, "
                         f".o({kind}_o{number}));")
        parts.append(f"assign differs[{2 * number}] = ours_o{number} != (plain_o{number} ^ {mask}); "
                     f"assign differs[{2 * number + 1}] = theirs_o{number} != plain_o{number};")
    some = " + ".join(f"64'(ours_o{number} != 0)" for number in range(len(CASES)))
    return "\n".join([
        "`default_nettype wire", f"module bench(input clk, output [{2 * len(CASES) - 1}:0] differs, output reg [63:0] sums);",
        "reg extreme; initial sums = 0; always @(posedge clk) begin extreme <= ($urandom & 32'd1) != 0; sums <= sums + " + some + "; end",
        *parts, "endmodule", *modules]), yosys_model()


def run(model_cache, tmp_path, mask=0):
    main = tmp_path / "main.cpp"
    main.write_text(MAIN % CYCLES, encoding="utf-8")
    text, theirs = bench(mask)
    design = Design(top="bench", sources=[HDL / "DSP48E1.v"], texts={"bench.sv": text, "theirs.v": theirs}, main=main,
                    waive={"*bench.sv": (), "*theirs.v": (), "*heirs.v": ("COMBDLY",)}, warnings=["-Wall"])
    return subprocess.run([build(design, model_cache)], capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.slow
def test_is_yosys_model_of_the_slice(model_cache, tmp_path):
    ran = run(model_cache, tmp_path)
    assert ran.returncode == 0, ran.stdout
    assert int(ran.stdout.split()[1]) > 6 * CYCLES


@pytest.mark.slow
def test_a_difference_is_found(model_cache, tmp_path):
    assert "cycle" in run(model_cache, tmp_path, mask=1).stdout
