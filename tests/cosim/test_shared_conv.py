"""The shared convolution as it is synthesised, with DSP48E1, in Verilator: the slices are simulated by our model."""

import subprocess

import numpy as np
import pytest

from hw.layers.shared_conv import SharedConv
from hw.layers.shared_shape import SharedShape
from hw.streams.axis import axis_verilog
from sim.accelerator.waivers import waivers
from sim.tools.verilator import HDL, Design, build
from tests.hw.layers.test_shared_conv import beats, drawn, sums

pytestmark = [pytest.mark.cosim, pytest.mark.slow]

# Arguments: beats of 40 bits to give, beats of 60 bits to take, how many of 256 cycles nothing is offered, nothing is taken.
MAIN = """
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <memory>
#include "Vtop.h"
#include "verilated.h"
int main(int, char** argv) {
    auto context = std::make_unique<VerilatedContext>();
    auto top = std::make_unique<Vtop>(context.get());
    std::ifstream file(argv[1]);
    const long wanted = std::atol(argv[2]), gaps = std::atol(argv[3]), stalls = std::atol(argv[4]);
    uint64_t beat = 0, random = 88172645463325252ull;
    bool more = static_cast<bool>(file >> beat), offered = false;
    top->ap_rst_n = 1;
    for (long cycle = 0, taken = 0; taken < wanted && cycle < 4000000; cycle++) {
        random ^= random << 13; random ^= random >> 7; random ^= random << 17;
        offered = more && (offered || static_cast<long>(random & 255) >= gaps);
        top->ap_clk = 0;
        top->in0_V_TVALID = offered; top->in0_V_TDATA = beat;
        top->out0_V_TREADY = static_cast<long>((random >> 8) & 255) >= stalls;
        top->eval();
        if (offered && top->in0_V_TREADY) { more = static_cast<bool>(file >> beat); offered = false; }
        if (top->out0_V_TVALID && top->out0_V_TREADY) {
            std::printf("%ld %llu\\n", cycle, (unsigned long long)top->out0_V_TDATA);
            taken++;
        }
        top->ap_clk = 1;
        top->eval();
    }
    return 0;
}
"""


def test_third_convolution_of_b_lenet(model_cache, tmp_path):
    """Full size, 4 frames, without and with gaps and stalls: right in every bit, and as fast as its shape says."""
    shape = SharedShape(height=10, width=10, channels=10, beat=10, out_channels=20, kernel=(5, 5), stride=(1, 1), pad=(3, 3), pool=(2, 2),
                        bits=4, signed=False, weight_bits=4, pixels=2, inputs=10, outputs=20, lanes=2)
    images, weights, thresholds = drawn(shape, 4, steps=7)     # the first two fill it
    unit = SharedConv(shape, weights=weights.tolist(), thresholds=thresholds.tolist(), out_bits=3)
    source, main = tmp_path / "conv3.v", tmp_path / "main.cpp"
    source.write_text(axis_verilog(unit, "conv3", {"in0_V": unit.i}, {"out0_V": unit.o}), encoding="utf-8")
    main.write_text(MAIN, encoding="utf-8")
    model = build(Design(top="conv3", sources=[source, HDL / "DSP48E1.v"], waive=waivers([source]), main=main), model_cache)
    given = tmp_path / "given.txt"
    given.write_text("\n".join(str(beat) for image in images for beat in beats(image, 4)), encoding="utf-8")
    wanted = [beat for image in images for beat in beats((sums(shape, image, weights)[..., None] >= thresholds).sum(-1), 3)]
    assert len(set(np.array(wanted))) > 100
    for gaps, stalls in ((0, 0), (80, 120), (0, 230)):
        command = [model, given, *map(str, (len(wanted), gaps, stalls))]
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
        lines = [line.split() for line in ran.stdout.splitlines()]
        assert [int(beat) for _, beat in lines] == wanted
        if not gaps and not stalls:
            assert int(lines[-1][0]) - int(lines[len(wanted) // 2 - 1][0]) == 2 * shape.cycles
            assert shape.cycles == 1268
