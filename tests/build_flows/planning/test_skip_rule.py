"""What units must take before their beats come, and what that asks of the FIFOs of skips."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amaranth.sim import Simulator

from build_flows.planning.network import Layer
from build_flows.planning.skip_rule import beats_needed, skip_depths, skip_streams
from hw.layers.shared_conv import SharedConv
from hw.layers.shared_shape import SharedShape
from hw.layers.static_conv import StaticConv
from hw.layers.upsample import Upsample
from hw.netlist import Layer as Hardware
from hw.netlist import Netlist, Stream
from tests import toy
from tests.build_flows.planning.test_network import conv, logits, network, plain
from tests.hw.layers.static_cases import parameters

PLAIN = toy.build(None)


def unit(name: str, op: str, in_beats: int, out_beats: int, **folding: int) -> Hardware:
    return replace(PLAIN.layers[0], name=name, op=op, in_beats=in_beats, out_beats=out_beats, folding=folding, stage=0, head=False)


def layer(**changes: object) -> Layer:
    """A padded 3x3 convolution of a map of 6x5, 2 channels to 4; ``changes`` of it."""
    return network([[conv("a", "image", **changes)]], [[logits("x", "a")]]).layer("a")


WIDE = [5 * min(row + 2, 6) - 5 + min(column + 2, 5) for row in range(5) for column in range(5)] + [30] * 5
"""Pixels of 6x5 up to the last of the window around each."""


@pytest.mark.parametrize(("given", "wanted"), [
    (unit("f", "StreamFork_rtl", 4, 4), [1, 2, 3, 4]),
    (unit("d", "StreamingDataWidthConverter_rtl", 4, 6), [1, 2, 2, 3, 4, 4]),
    (unit("d", "StreamingDataWidthConverter_rtl", 6, 4), [2, 3, 5, 6]),
    (unit("g", "GlobalAccPool_rtl", 5, 2), [5, 5]),
    (unit("m", "MVAU_rtl", 60, 90), [2 * (1 + n // 3) for n in range(90)]),
    (unit("s", "StaticConv_rtl", 30, 30, pixels=1), WIDE),
    (unit("s", "StaticConv_rtl", 15, 15, pixels=2), [-(-WIDE[2 * n + 1] // 2) for n in range(15)]),
    (unit("s", "SharedConv_rtl", 60, 30, pixels=1), [10 * min(n // 5 + 2, 6) for n in range(30)]),
    (unit("o", "Odd_rtl", 4, 4), None),
])
def test_what_a_unit_must_take(given: Hardware, wanted: list[int] | None) -> None:
    found = beats_needed(given, [layer()])
    assert wanted is None if found is None else found.tolist() == wanted


def test_padding_needs_the_pixels_before_a_place_alone() -> None:
    found = beats_needed(unit("p", "FMPadding_rtl", 60, 112), [layer()])
    assert found is not None
    rows = found.reshape(8, 14)
    assert rows[0].tolist() == [0] * 14
    assert rows[1].tolist() == [0, 0, *range(1, 11), 10, 10]
    assert rows[7].tolist() == [60] * 14


def _count(dut: Any, beats: int) -> int:
    """Beats that come of the first ``beats`` of a frame."""
    sim, found = Simulator(dut), []

    async def bench(ctx: Any) -> None:
        sent = quiet = 0
        ctx.set(dut.o.ready, 1)
        while quiet < 400:
            ctx.set(dut.i.valid, sent < beats)
            sent += sent < beats and ctx.get(dut.i.ready)
            quiet += 1
            if ctx.get(dut.o.valid):
                found.append(1)
                quiet = 0
            await ctx.tick()

    sim.add_clock(1e-6)
    sim.add_testbench(bench)
    sim.run()
    return len(found)


@pytest.mark.parametrize("pixels", [1, 2])
def test_static_units_need_no_more_than_the_formula_says(pixels: int) -> None:
    given = parameters(height=4, width=4, pixels=pixels)
    source = layer()
    whole = replace(source, source=replace(source.source, height=4, width=4), target=replace(source.target, height=4, width=4))
    frame = 16 // pixels
    needed = beats_needed(unit("s", "StaticConv_rtl", frame, frame, pixels=pixels), [whole])
    assert needed is not None
    for beats in (needed[0] - 1, needed[0], needed[frame // 2], frame):
        assert _count(StaticConv(**given, behavioural=True), int(beats)) == (needed <= beats).sum(), beats


def test_shared_units_need_no_more_than_the_formula_says() -> None:
    shape = SharedShape(height=3, width=3, channels=1, beat=1, out_channels=1, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool=(1, 1),
                        bits=1, signed=False, weight_bits=2, pixels=1, inputs=1, outputs=3, lanes=1)
    source = layer()
    whole = replace(source, source=replace(source.source, height=3, width=3), target=replace(source.target, height=3, width=3))
    needed = beats_needed(unit("s", "SharedConv_rtl", 9, 9, pixels=1), [whole])
    assert needed is not None
    for beats in (5, 6, 8, 9):
        dut = SharedConv(shape, weights=np.zeros((1, 3, 3, 1), int).tolist(), thresholds=[[2]], out_bits=1, behavioural=True)
        assert _count(dut, beats) >= (needed <= beats).sum(), beats


@pytest.mark.parametrize(("factor", "pe"), [((2, 2), 4), ((3, 1), 2), ((1, 2), 1)])
def test_upsamplings_need_what_the_formula_says(factor: tuple[int, int], pe: int) -> None:
    last = logits("x", "u", values=120 * factor[0] * factor[1])
    source = network([[conv("a", "image"), plain("u", "upsample", "a", factor=list(factor))]], [[last]]).layer("u")
    small = replace(source.source, height=2, width=3)
    whole = replace(source, source=small, target=replace(small, height=2 * factor[0], width=3 * factor[1]))
    frame = 6 * 4 // pe
    needed = beats_needed(unit("u", "Upsample_rtl", frame, frame * factor[0] * factor[1]), [whole])
    assert needed is not None
    for beats in (0, 1, frame // 2, frame - 1, frame):
        assert _count(Upsample(2, 3, 4, pe, 1, factor), beats) == (needed <= beats).sum(), beats


def region(*, op: str = "StaticConv_rtl", inner: bool = False) -> Netlist:
    """A fork, a convolution and a skip around it, and a sum; ``inner``: a second skip around all of that."""
    layers = [unit("f", "StreamFork_rtl", 30, 30), unit("c", op, 30, 30, pixels=1), unit("s", "StreamAdd_rtl", 30, 30)]
    ends = [("f", 0, "c", 0), ("f", 1, "s", 1), ("c", 0, "s", 0)]
    if inner:
        layers += [unit("g", "StreamFork_rtl", 30, 30), unit("d", op, 30, 30, pixels=1), unit("t", "StreamAdd_rtl", 30, 30)]
        ends += [("g", 0, "f", 0), ("g", 1, "t", 1), ("s", 0, "d", 0), ("d", 0, "t", 0)]
    streams = tuple(Stream(name=f"{a}{b}_{c}{d}", src=(a, b), dst=(c, d), bits=4, frame_beats=30, depth=2) for a, b, c, d in ends)
    return replace(PLAIN, layers=tuple(layers), streams=streams, gates=())


def computed() -> dict[str, list[Layer]]:
    return {name: [layer()] for name in "cd"}


def test_a_skip_holds_what_the_window_needs() -> None:
    found = skip_depths(region(), computed())
    assert {name: item.depth for name, item in found.items()} == {"f1_s1": 1 + 6}
    assert found["f1_s1"].whole_frame == ()


def test_of_skips_in_skips_the_outer_one_holds_both() -> None:
    found = skip_depths(region(inner=True), computed())
    assert {name: item.depth for name, item in found.items()} == {"f1_s1": 1 + 6, "g1_t1": 1 + 12}


def test_a_unit_without_a_formula_takes_a_whole_frame() -> None:
    found = skip_depths(region(op="Odd_rtl"), computed())
    assert (found["f1_s1"].depth, found["f1_s1"].whole_frame) == (30, ("c",))


def test_padding_and_window_by_themselves_ask_the_same() -> None:
    layers = (unit("f", "StreamFork_rtl", 30, 30), unit("c", "FMPadding_rtl", 30, 56), unit("d", "ConvolutionInputGenerator_rtl", 56, 30),
              unit("s", "StreamAdd_rtl", 30, 30))
    ends = [("f", 0, "c", 0), ("f", 1, "s", 1), ("c", 0, "d", 0), ("d", 0, "s", 0)]
    streams = tuple(Stream(name=f"{a}{b}_{c}{d}", src=(a, b), dst=(c, d), bits=4, frame_beats=30, depth=2) for a, b, c, d in ends)
    found = skip_depths(replace(PLAIN, layers=layers, streams=streams, gates=()), computed())
    assert {name: item.depth for name, item in found.items()} == {"f1_s1": 1 + 6}


def longer() -> Netlist:
    """A skip through thresholds, and a way from the sum on."""
    layers = (unit("f", "StreamFork_rtl", 30, 30), unit("c", "StaticConv_rtl", 30, 30, pixels=1), unit("e", "Thresholding_rtl", 30, 30),
              unit("s", "StreamAdd_rtl", 30, 30), unit("o", "Thresholding_rtl", 30, 30))
    ends = [("f", 0, "c", 0), ("f", 1, "e", 0), ("c", 0, "s", 0), ("e", 0, "s", 1), ("s", 0, "o", 0)]
    streams = tuple(Stream(name=f"{a}{b}_{c}{d}", src=(a, b), dst=(c, d), bits=4, frame_beats=30, depth=2) for a, b, c, d in ends)
    return replace(PLAIN, layers=layers, streams=streams, gates=())


@pytest.mark.parametrize(("depths", "wanted"), [
    ({}, 7), ({"e0_s1": 1}, 7), ({"e0_s1": 4}, 4), ({"e0_s1": 6}, 2), ({"e0_s1": 7}, None), ({"c0_s0": 40, "f1_e0": 40}, 7)])
def test_what_fifos_further_down_hold_counts(depths: dict[str, int], wanted: int | None) -> None:
    """But not those of the longer path, nor its own."""
    found = skip_depths(longer(), computed(), depths)
    assert {name: item.depth for name, item in found.items()} == ({} if wanted is None else {"f1_e0": wanted})


def test_what_is_behind_a_fork_within_does_not_count() -> None:
    """Its other branch may be full: a FIFO behind a fork on a skip holds nothing for that skip."""
    layers = (unit("f", "StreamFork_rtl", 30, 30), unit("c", "StaticConv_rtl", 30, 30, pixels=1), unit("g", "StreamFork_rtl", 30, 30),
              unit("e", "Thresholding_rtl", 30, 30), unit("s", "StreamAdd_rtl", 30, 30), unit("t", "StreamAdd_rtl", 30, 30))
    ends = [("f", 0, "c", 0), ("f", 1, "g", 0), ("g", 0, "e", 0), ("g", 1, "t", 1), ("c", 0, "s", 0), ("e", 0, "s", 1), ("s", 0, "t", 0)]
    streams = tuple(Stream(name=f"{a}{b}_{c}{d}", src=(a, b), dst=(c, d), bits=4, frame_beats=30, depth=2) for a, b, c, d in ends)
    netlist = replace(PLAIN, layers=layers, streams=streams, gates=())
    for depths in ({}, {item.name: 40 for item in streams}):
        found = skip_depths(netlist, computed(), depths)
        assert {name: item.depth for name, item in found.items()} == {"f1_g0": 1 + 6}


def test_the_streams_between_forks_and_joins() -> None:
    assert skip_streams(longer()) == {"f0_c0", "f1_e0", "c0_s0", "e0_s1"}
    assert skip_streams(region(inner=True)) == {"f0_c0", "f1_s1", "c0_s0", "g0_f0", "g1_t1", "s0_d0", "d0_t0"}


def test_a_network_without_skips_has_none() -> None:
    assert skip_depths(replace(PLAIN, gates=()), {}) == {}
    assert skip_streams(replace(PLAIN, gates=())) == frozenset()
