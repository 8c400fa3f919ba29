"""Units from what they are made of, in any process."""

from functools import partial

import pytest

from build_flows.base.workers import call_all
from build_flows.finn_bridge.converted import converted
from build_flows.finn_bridge.errors import CompileError
from hw.layers.shared_conv import SharedConv
from hw.layers.shared_shape import SharedShape
from hw.layers.stream_fork import StreamFork

FORK = partial(StreamFork, width=12, outputs=2)
SHAPE = SharedShape(height=4, width=4, channels=2, bits=4, signed=False, kernel=(3, 3), stride=(1, 1), pad=(1, 1), pool=(1, 1), pixels=1,
                    out_channels=3, beat=2, inputs=2, outputs=3, lanes=1, weight_bits=4)
CONV = partial(SharedConv, SHAPE, weights=[[[[1, -2]] * 3] * 3, [[[3, 0]] * 3] * 3, [[[0, 1]] * 3] * 3], out_min=0, out_bits=2,
               thresholds=[[0, 9, 20], [1, 2, 3], [4, 5, 6]], exchangeable=True)


def test_ports_are_those_of_a_finn_unit():
    text, contents = converted(FORK, "fork0")
    for port in ("ap_clk", "ap_rst_n", "in0_V_TDATA", "out0_V_TVALID", "out1_V_TREADY"):
        assert port in text
    assert contents == {}


def test_a_unit_is_the_same_made_in_another_process():
    """To the last byte, with what its memories hold."""
    here = [converted(FORK, "fork0"), converted(CONV, "conv0")]
    assert here[1][1], "it has memories to be exchanged"
    assert call_all([partial(converted, FORK, "fork0"), partial(converted, CONV, "conv0")], jobs=2) == here


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_unit_that_cannot_be_made_is_named(jobs):
    with pytest.raises(CompileError, match=r"^fork1: it cannot be generated: outputs must be "):
        call_all([partial(converted, FORK, "fork0"), partial(converted, partial(StreamFork, width=12, outputs=0), "fork1")], jobs=jobs)
