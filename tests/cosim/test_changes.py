"""Changes of an accelerator with toy layers, counted in Verilator, against those that its own waves show."""

import numpy as np
import pytest

from sim.accelerator.changes import TOP, ChangeCounter
from tests import toy

pytestmark = [pytest.mark.cosim, pytest.mark.slow]


@pytest.fixture(scope="module")
def counter(toy_rtl, model_cache):
    netlist, rtl = toy_rtl(exits=2, thresholds=(900,), order="input", result_bits=32, bus_bits=64)
    return ChangeCounter(netlist, rtl, model_cache, optimise="O0")


def test_bits_change_where_images_pass_and_nowhere_else(counter, tmp_path):
    """The same image again and again changes no more of the words than a pause does; others do."""
    images = toy.images(40)
    moving = counter.run(images, tmp_path / "moving")
    idle = counter.idle(moving.cycles, tmp_path / "idle")
    same = counter.run(np.repeat(images[:1], 40, axis=0), tmp_path / "same")
    assert (moving.images, same.images, idle.images) == (40, 40, 0)
    assert idle.cycles == moving.cycles
    assert set(moving.bits) == set(idle.bits)
    assert set(moving.bits) >= {TOP, "merge", *(layer.name for layer in counter.netlist.layers)}
    first = counter.netlist.layers[0].name
    assert idle.activity(first) < 0.001 < same.activity(first) < moving.activity(first)
    assert sum(idle.changes.values()) < 0.2 * sum(moving.changes.values())


def test_the_same_images_change_the_same_bits(counter, tmp_path):
    images = toy.images(12)
    assert counter.run(images, tmp_path / "a") == counter.run(images, tmp_path / "b")
    assert counter.run(images, tmp_path / "a", batch=3).images == 12


def test_the_input_bus_is_counted_bit_by_bit(counter, tmp_path):
    """Against the words themselves: what the bus holds changes as often as they differ, but for where it waits."""
    from sim.accelerator.changes import parse
    from sim.accelerator.images import pack

    images = toy.images(16)
    counter.run(images, tmp_path)
    words = pack(images, counter.netlist.input.bus_bits).reshape(-1, counter.netlist.input.bus_bits // 8)
    bits = np.unpackbits(np.vstack([np.zeros_like(words[:1]), words]), axis=1)
    lines = (tmp_path / "changes.saif").read_text().splitlines()
    counted = sum(int(line.split("(TC ")[1].rstrip(")")) for line in lines[: lines.index("  (INSTANCE accelerator")]
                  if line.strip().startswith("(s_axis_tdata"))
    assert counted == int((bits[1:] != bits[:-1]).sum())
    assert parse(lines).cycles > len(words)


def test_nothing_to_count_is_told(counter, tmp_path):
    with pytest.raises(ValueError, match="images must be at least one"):
        counter.run(toy.images(1)[:0], tmp_path)
    with pytest.raises(ValueError, match="cycles must be at least 1, not 0"):
        counter.idle(0, tmp_path)
