"""Words for how a layer is folded, by what it is made of."""

from dataclasses import replace

import pytest

from build_flows.pages.folding_words import folding_words, short_folding_words
from tests.build_flows.report_samples import netlist

SHARED = {"pixels": 2, "inputs": 8, "outputs": 4, "lanes": 2}


@pytest.mark.parametrize(("op", "folding", "told", "short"), [
    ("MVAU_rtl", {"simd": 9, "pe": 4}, "PE 4, SIMD 9", "PE 4 SIMD 9"),
    ("MVAU_hls", {"simd": 9, "pe": 4, "parallel_window": 1}, "parallel window, PE 4, SIMD 9", "PE 4 SIMD 9"),
    ("MVAU_rtl", {"simd": 9, "pe": 4, "parallel_window": 0}, "PE 4, SIMD 9", "PE 4 SIMD 9"),
    ("StreamingFork_rtl", {}, "", ""),
    ("StaticConv_rtl", {"pixels": 4}, "constant weights, 4 pixels a beat", "constant, 4 pixels"),
    ("StaticConv_rtl", {"pixels": 1}, "constant weights, 1 pixel a beat", "constant, 1 pixel"),
    ("PixelPool_rtl", {"pixels": 4}, "4 pixels a beat", "4 pixels"),
    ("PixelPool_rtl", {"pixels": 1}, "1 pixel a beat", "1 pixel"),
    ("SharedConv_rtl", SHARED | {"lut": 0}, "DSP chains, 2 pixels, 8 inputs, 4 outputs a cycle, 2 lanes", "DSPs, 64 products"),
    ("SharedConv_rtl", SHARED | {"lut": 1}, "multipliers in look-up tables, 2 pixels, 8 inputs, 4 outputs a cycle, 2 lanes",
     "LUTs, 64 products"),
    ("SharedConv_rtl", SHARED | {"lut": 0, "binary": 1}, "counts bits, 2 pixels, 8 inputs, 4 outputs a cycle, 2 lanes",
     "bits, 64 products"),
    ("SharedConv_rtl", dict.fromkeys(SHARED, 1), "DSP chains, 1 pixel, 1 input, 1 output a cycle, 1 lane", "DSPs, 1 product"),
])
def test_words_by_what_a_layer_is_made_of(op, folding, told, short):
    layer = replace(netlist().layers[0], op=op, folding=folding)
    assert (folding_words(layer), short_folding_words(layer)) == (told, short)
