"""Activations and weights of -1 and 1 as bits: what is read is what the file computes."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.own_layers import OwnLayer, OwnNetwork
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import (
    Op,
    act,
    avg,
    conv,
    fc,
    flat,
    logits,
    norm,
    pool,
    relu,
    sign,
    two,
    write,
)

SHAPE = (6, 5, 2)
INSIDE = {"pads": [0, 0, 0, 0]}


def layers(network: OwnNetwork) -> list[OwnLayer]:
    return [layer for stage, head in zip(network.stages, network.heads, strict=True) for layer in (*stage, *head)]


@pytest.mark.parametrize(
    ("ops", "reads"),
    [
        # of the layers behind the first: then logits and a layer of two exits, which the last one reads
        ((conv(4), norm(1, -1, 0.5, 0), sign(0.7), conv(4, bits=1, **INSIDE), sign(0.3)), (1, 1, 1, 4)),
        ((conv(4), sign(0.7), conv(4, bits=4, **INSIDE), norm(1, -1, 0.5, 0.3), act()), (1, 4, 4, 4)),
        ((conv(4), sign(0.7), pool(), conv(3, bits=1, kernel=(2, 2), **INSIDE), norm(1, -1, 0.5), sign()), (1, 1, 1, 1, 4)),
        ((conv(4, bits=1), pool(), sign(0.7)), (1, 1, 1, 4)),
        ((conv(4), relu, norm(1, -1, 0.5, -0.3), sign(), conv(4, bits=1, **INSIDE), act()), (1, 4, 4, 4)),
        ((conv(3), sign(0.5), flat, fc(5, bits=1), sign(0.7)), (1, 1, 1, 4)),
        ((conv(6), sign(0.5), avg, act(3, signed=True)), (1, 3, 3, 4)),
    ],
)
def test_what_is_read_as_bits_is_the_same(ops: Sequence[Op], reads: Sequence[int], tmp_path: Path) -> None:
    """Every layer but the first reads bits where the one before it gives -1 and 1; logits stay what they were."""
    found = layers(read_same(two(tmp_path / "net.onnx", SHAPE, *ops)))
    assert [layer.in_bits for layer in found[1:]] == list(reads)
    assert not any(layer.in_signed for layer in found if layer.in_bits == 1)


def test_zeros_around_a_map_keep_two_bits(tmp_path: Path) -> None:
    """A padded reader takes integers, and so does every other reader of the same map."""
    found = layers(read_same(two(tmp_path / "net.onnx", SHAPE, conv(4), sign(0.7), conv(4, bits=1), sign(0.3))))
    assert [(layer.in_bits, layer.in_signed) for layer in found[1:]] == [(2, True), (1, False), (1, False), (4, False)]


def test_weights_of_1_bit(tmp_path: Path) -> None:
    """All -1 and 1: 1 bit, but in the last layer of a head, which has twice the weights."""
    found = layers(read_same(two(tmp_path / "net.onnx", SHAPE, conv(4, bits=1), sign(0.7), conv(4, bits=2, **INSIDE), sign(0.3))))
    assert [layer.weight_bits for layer in found[:2]] == [1, 2]
    ends = [layer for layer in found if layer.bias is not None and layer.in_bits == 1]
    assert ends
    for layer in ends:
        assert layer.weight is not None
        assert not np.any(layer.weight % 2)


def test_weights_of_exchangeable_heads_keep_two_bits(tmp_path: Path) -> None:
    """Whatever they are: others may be 0. Activations are bits all the same."""
    ops = [conv(4), sign(0.7)]
    file = write(tmp_path / "net.onnx", SHAPE, ops, [conv(3, bits=1, **INSIDE), sign(), flat, logits],
                 [conv(4, bits=1, **INSIDE), sign()], [flat, logits])
    fixed, free = (read_qonnx(file, exchangeable=exchangeable) for exchangeable in (False, True))
    assert [chain[0].weight_bits for chain in (fixed.heads[0], fixed.stages[1])] == [1, 1]
    assert [chain[0].weight_bits for chain in (free.heads[0], free.stages[1])] == [2, 1]
    assert [layer.in_bits for layer in layers(free)] == [layer.in_bits for layer in layers(fixed)]
