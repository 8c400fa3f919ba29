import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hw.exits.frame_gate import FrameGate
from hw.layers.global_acc_pool import GlobalAccPool
from hw.layers.max_pool import MaxPool
from hw.layers.stream_fork import StreamFork
from hw.streams.axis import axis_verilog
from hw.streams.fifo import Fifo

ROOT = Path(__file__).resolve().parents[3]


def pool_text(name="pool"):
    pool = MaxPool(8, 8, 3, 1, 5, True, 3, 2)
    return axis_verilog(pool, name, {"in0_V": pool.i}, {"out0_V": pool.o})


def ports(text, name):
    """Direction and width of every port of module ``name``."""
    body = text.split(f"module {name}(")[1].split("endmodule")[0]
    found = re.findall(r"^  (input|output) (?:\[(\d+):0\] )?(\S+);", body, re.MULTILINE)
    return {port: (direction, int(high or 0) + 1) for direction, high, port in found}


def test_ports_are_finns():
    assert ports(pool_text(), "pool") == {
        "ap_clk": ("input", 1), "ap_rst_n": ("input", 1),
        "in0_V_TDATA": ("input", 8), "in0_V_TVALID": ("input", 1), "in0_V_TREADY": ("output", 1),
        "out0_V_TDATA": ("output", 8), "out0_V_TVALID": ("output", 1), "out0_V_TREADY": ("input", 1),
    }


def test_several_streams():
    fork = StreamFork(12, 3)
    text = axis_verilog(fork, "split", {"in0_V": fork.i}, {f"out{n}_V": output for n, output in enumerate(fork.o)})
    found = ports(text, "split")
    assert [found[f"out{n}_V_TDATA"] for n in range(3)] == [("output", 16)] * 3


def test_data_is_filled_with_zeros():
    assert re.search(r"assign out0_V_TDATA = \{ 3'h0, \S+ \};", pool_text())


@pytest.mark.parametrize("first", ["pool", "stage0_pool0"])
def test_units_share_a_file_list(first):
    """Two units with the same submodules define no module twice: every module carries its unit's name."""
    sums = GlobalAccPool(16, 8, 2, 4, True)
    texts = {name: pool_text(name) for name in (first, "other")}
    texts["sums"] = axis_verilog(sums, "sums", {"in0_V": sums.i}, {"out0_V": sums.o})
    defined = {name: re.findall(r"^module (\S+?) ?\(", text, re.MULTILINE) for name, text in texts.items()}
    for name, modules in defined.items():
        assert len(modules) > 2
        assert all(module == name or module.startswith(f"\\{name}.") for module in modules)
    together = [module for modules in defined.values() for module in modules]
    assert len(set(together)) == len(together)


def test_text_says_nothing_of_where_it_was_made():
    fifo, gate = Fifo(9, 40), FrameGate(9, 30, 4)
    for text in (pool_text(), axis_verilog(fifo, "queue", {"in0_V": fifo.i}, {"out0_V": fifo.o}),
                 axis_verilog(gate, "gate", {"in0_V": gate.i, "keep": gate.keep}, {"out0_V": gate.o})):
        assert "src =" not in text
        assert ".py" not in text
        assert str(ROOT) not in text


def test_text_is_the_same_every_time():
    program = ("import sys; from hw.streams.axis import axis_verilog; from hw.layers.max_pool import MaxPool;"
               "p = MaxPool(8, 8, 3, 1, 5, True, 3, 2);"
               "sys.stdout.write(axis_verilog(p, 'pool', {'in0_V': p.i}, {'out0_V': p.o}))")
    texts = {subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=os.environ | {"PYTHONHASHSEED": seed}, check=True,
                            capture_output=True, text=True).stdout for seed in ("1", "2")}
    assert texts == {pool_text()}


def test_reset_is_synchronous():
    text = pool_text()
    assert not re.search(r"@\((?:pos|neg)edge (?!ap_clk)", text)
    assert "assign rst = ~ ap_rst_n;" in text


@pytest.mark.parametrize(("name", "inputs", "message"), [
    ("a.b", ("in0_V",), "name must be a Verilog identifier, not 'a.b'"),
    ("unit", ("out0_V",), "port 'out0_V' must be an input or an output, not both"),
])
def test_errors(name, inputs, message):
    fifo = Fifo(8, 4)
    with pytest.raises(ValueError, match=f"^{message}$"):
        axis_verilog(fifo, name, dict.fromkeys(inputs, fifo.i), {"out0_V": fifo.o})
