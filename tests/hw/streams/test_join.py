"""Streams joined by wires, by FIFOs, and by what the netlist says."""

import re

import pytest
from amaranth.back import verilog
from amaranth.hdl import Module
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.netlist import NetlistError, Stream
from hw.streams.join import check_width, join_bits, join_stream, queue

PAIR = data.StructLayout({"low": 3, "high": 5})


def item(depth, bits=8):
    return Stream(name="conv0__conv1", src=("conv0", 0), dst=("conv1", 0), bits=bits, frame_beats=1, depth=depth)


class Joined(wiring.Component):
    """``i`` to ``o`` as ``how`` joins them."""

    def __init__(self, how, inner=8, outer=8):
        self.how = how
        super().__init__({"i": In(stream.Signature(inner)), "o": Out(stream.Signature(outer)), "level": Out(4)})

    def elaborate(self, platform):
        m = Module()
        fifo = self.how(m, wiring.flipped(self.i), wiring.flipped(self.o))
        m.d.sync += self.level.eq(0 if fifo is None else fifo.level)
        return m


def queued(m, src, dst):
    fifo = queue(m, "waiting", src, 5, lambda unit: unit)
    wiring.connect(m, fifo.o, dst)
    return fifo


HOW = {
    "bits": (join_bits, None, 0), "queue": (queued, "waiting", 5),
    "wires": (lambda m, src, dst: join_stream(m, item(0), src, dst, lambda unit: unit), None, 0),
    "fifo": (lambda m, src, dst: join_stream(m, item(3), src, dst, lambda unit: unit), "conv0__conv1", 3),
}


@pytest.mark.parametrize("name", list(HOW))
@pytest.mark.parametrize("stalls", [0.0, 0.6])
def test_every_beat_goes_through_once(play, name, stalls):
    how, _, depth = HOW[name]
    dut = Joined(how)
    beats = list(range(60))
    played = play(dut, {"i": (dut.i, beats)}, {"o": (dut.o, 60)}, gaps=stalls, stalls=stalls, sample={"level": dut.level},
                  first_stall=20)
    assert played.beats["o"] == beats
    assert max(played.sampled["level"]) == depth


@pytest.mark.parametrize("name", list(HOW))
def test_fifos_and_wires_have_the_names(name):
    how, fifo, _ = HOW[name]
    text = verilog.convert(Joined(how), name="top", emit_src=False)
    assert re.findall(r"^module \\?top\.(\w+)", text, re.M) == [fifo] * (fifo is not None)
    if name in ("wires", "fifo"):
        ends = [f"conv0__conv1{end}" for end in ([""] if name == "wires" else ["_i", "_o"])]
        assert {f"{end}_{part}" for end in ends for part in ("payload", "valid", "ready")} <= set(re.findall(r"\w+", text))


def test_payloads_of_other_shapes():
    assert verilog.convert(Joined(join_bits, inner=PAIR), name="top").count("assign o__payload = i__payload") == 1
    for inner, outer in ((8, 9), (9, 8)):
        with pytest.raises(NetlistError, match=f"stream widths differ: {inner} into {outer}"):
            verilog.convert(Joined(join_bits, inner=inner, outer=outer), name="top")


def test_an_end_of_another_width():
    unit = Joined(join_bits, outer=9)
    check_width("gate 0", 8, unit.i)
    with pytest.raises(NetlistError, match="gate 0 has bits=8, but one end of it is 9 wide"):
        check_width("gate 0", 8, unit.i, unit.o)
    with pytest.raises(NetlistError, match="stream 'conv0__conv1' has bits=7, but one end of it is 8 wide"):
        verilog.convert(Joined(lambda m, src, dst: join_stream(m, item(2, bits=7), src, dst, lambda unit: unit)), name="top")
