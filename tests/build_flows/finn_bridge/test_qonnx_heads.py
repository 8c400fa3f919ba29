"""Heads that end in a convolution, or in a mean over the map, as hardware that ends in a linear layer computes them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import (
    CLASSES,
    Builder,
    Op,
    act,
    avg,
    conv,
    flat,
    local,
    logits,
    norm,
    pool,
    relu,
    write,
)

SHAPE = (6, 4, 2)
BARE = {"pads": [0, 0, 0, 0]}
ONE = conv(CLASSES, (1, 1))


def _squeeze(*axes: int) -> Op:
    def apply(b: Builder) -> None:
        b.node("Squeeze", b.constant(axes, np.int64))

    return apply


def _mean(b: Builder) -> None:
    """As torch exports ``x.mean((2, 3))``."""
    b.node("ReduceMean", axes=[2, 3], keepdims=0)
    b.shape = b.shape[:1]


def _dropped(b: Builder) -> None:
    b.node("Dropout")


def _two(path: Path, head: Sequence[Op]) -> Path:
    """Two exits whose heads are ``head``, on maps of four channels."""
    return write(path, SHAPE, [conv(4), act()], head, [conv(4), act()], head)


@pytest.mark.parametrize(
    "head",
    [
        (ONE, avg, flat),
        (ONE, _dropped, avg, _squeeze(3), _squeeze(2)),
        (ONE, _mean),
        (ONE, local((6, 4), (1, 1)), flat),
        (avg, act(6), ONE, flat),
        (avg, ONE, flat),
        (conv(CLASSES, (6, 4), **BARE), flat),
        (conv(CLASSES, (8, 5), pads=[1, 1, 1, 1], strides=[2, 2]), flat),
        (pool(), conv(CLASSES, (3, 2), **BARE), _squeeze(2, 3)),
        (ONE, act(5, signed=True), avg, flat),
        (conv(CLASSES), relu, act(4), _mean),
    ],
    ids=["1x1, mean", "dropout, squeezed one by one", "ReduceMean", "AveragePool", "mean, 1x1", "bare mean, 1x1", "whole map", "padded",
         "pooled", "mean of quantised", "ReduceMean of quantised"],
)
def test_heads_without_a_linear_layer_compute_the_same(head: Sequence[Op], tmp_path: Path) -> None:
    network = read_same(_two(tmp_path / "net.onnx", head))
    assert [part[-1].kind for part in network.heads] == ["linear", "linear"]
    assert network.classes == CLASSES


def test_what_stands_behind_a_mean_is_as_small_as_before_it(tmp_path: Path) -> None:
    """The mean comes first: so many sums, not a convolution of every pixel."""
    head = read_qonnx(_two(tmp_path / "net.onnx", (ONE, avg, flat))).heads[0]
    assert [(layer.kind, layer.weight is not None and layer.weight.size) for layer in head] == [("linear", CLASSES * 4 * 24)]
    few = read_qonnx(write(tmp_path / "few.onnx", SHAPE, [conv(4), act(2)], (ONE, avg, flat), [conv(4), act(2)], (flat, logits)))
    assert [(layer.kind, layer.weight is not None and layer.weight.size) for layer in few.heads[0]] == [
        ("global_sum", False), ("linear", CLASSES * 4)]


@pytest.mark.parametrize(
    ("head", "told"),
    [
        ((conv(CLASSES, **BARE), avg, flat), "my_GlobalAveragePool_.* follows Conv my_Conv_.* without a quantiser"),
        ((conv(CLASSES), avg, flat), "my_GlobalAveragePool_.* follows Conv my_Conv_.* without a quantiser"),
        ((flat, logits, act(8, signed=True)), "output exit0 is quantised behind the last layer"),
        ((flat, logits, norm(1, 2, 3)), "my_BatchNormalization_.* multiplies classes by numbers of their own"),
        ((flat, norm(1), act(signed=True), logits), "takes each of 96 values of a flattened map by itself"),
        ((conv(CLASSES), flat), "a feature map must be quantised before it is flattened"),
    ],
)
def test_other_ends_are_one_line(head: Sequence[Op], told: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=told):
        read_qonnx(_two(tmp_path / "net.onnx", head))


def test_a_convolution_that_others_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", SHAPE, (conv(4), act(), ONE), (avg, flat), (act(),), (flat, logits))
    with pytest.raises(CompileError, match=r"n\d+ goes 2 ways, but is not quantised"):
        read_qonnx(path)
