"""An FST of a run, read back here: layers and streams are in it under their own names."""

import re
import struct

import pytest

from sim.accelerator.run import simulate
from tests import toy

pytestmark = pytest.mark.cosim

HIERARCHY = 6


def unpack_lz4(data):
    """An LZ4 block, unpacked by its specification."""
    out, at = bytearray(), 0

    def length(nibble, at):
        while nibble >= 15:
            nibble += data[at]
            at += 1
            if data[at - 1] != 255:
                break
        return nibble, at

    while True:
        token = data[at]
        count, at = length(token >> 4, at + 1)
        out += data[at : at + count]
        at += count
        if at >= len(data):
            return bytes(out)
        distance = data[at] | data[at + 1] << 8
        count, at = length(token & 15, at + 2)
        for _ in range(count + 4):
            out.append(out[-distance])


def names(path):
    """Scope and variable names in the FST's hierarchy block."""
    data = path.read_bytes()
    at = 0
    while at < len(data):
        kind, length = data[at], struct.unpack(">Q", data[at + 1 : at + 9])[0]
        if kind == HIERARCHY:
            size = struct.unpack(">Q", data[at + 9 : at + 17])[0]
            text = unpack_lz4(data[at + 17 : at + 1 + length])
            assert len(text) == size
            return {part.decode() for part in text.replace(b"\xfe", b"\0").split(b"\0") if part.isascii()}
        at += 1 + length
    raise AssertionError("no hierarchy block")


@pytest.mark.slow
def test_layers_and_streams_keep_their_names(toy_rtl, model_cache, tmp_path):
    netlist, rtl = toy_rtl(exits=2, thresholds=(900,))
    waves = tmp_path / "run.fst"
    images = toy.images(12)
    result = simulate(netlist, rtl, images, work=tmp_path, cache=model_cache, waves=waves, optimise="O0")
    assert len(result.label) == 12
    found = names(waves)
    for name in [*(layer.name for layer in netlist.layers), *(item.name for item in netlist.streams if item.depth)]:
        assert any(name in item for item in found), name
    streams = ("gate0_i", "gate0_o", "stage0_pool0__fork0_o", "merge_o")
    nets = {f"{name}_{part}" for name in streams for part in ("payload", "valid", "ready")}
    assert nets | {"stall_gate0", "occupancy_exit1", "gate0_level", "core_reset"} <= {re.sub(r"^\W*|\W.*$", "", item) for item in found}
    plain = simulate(netlist, rtl, images, work=tmp_path / "plain", cache=model_cache, optimise="O0")
    assert plain.cycle_out.tolist() == result.cycle_out.tolist()
