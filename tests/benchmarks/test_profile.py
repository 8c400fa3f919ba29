"""What the benchmark of profiles chooses and how it tells it."""

import numpy as np

from benchmarks.profile import Row, layer_bits, named, text, unnamed
from tests.build_flows.profile_samples import sample


def test_what_is_named_gets_eight_bits_and_the_rest_is_everything_else_of_the_last_exit() -> None:
    found = sample()
    chosen = named(found)
    assert layer_bits(chosen) == {"stage0_conv0": {"weight": 8}}
    assert layer_bits(unnamed(found, chosen)) == {"stage0_conv0": {"act": 8}, "head1_fc0": {"weight": 8}}


def test_what_comes_back_is_a_share_of_what_was_lost() -> None:
    right = np.arange(1000) < 950
    rows = [Row(name="float", right=right), Row(name="4 bits", right=np.arange(1000) < 900), Row(name="wide", right=np.arange(1000) < 940)]
    told = text(sample(), rows, 12.0)
    assert "| float | 95.00 %" in told
    (wide,) = [line for line in told.splitlines() if line.startswith("| wide")]
    assert wide.endswith("| 80 % |")
    assert "1.00 (" in wide
    assert "| `stage0_conv0` | weights | 4 |" in told
    assert "change first: stage0_conv0" in told
