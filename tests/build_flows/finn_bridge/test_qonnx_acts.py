"""Activations of every kind: which integers come out of them, exactly as qonnx quantises."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from brevitas import nn as qnn
from brevitas.quant import SignedBinaryActPerTensorConst

from build_flows.artefacts.own_layers import thresholds
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.executed import read_same
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, clip, conv, flat, norm, pool, relu, sign, two

SHAPE = (6, 5, 2)


def narrow(bits: int) -> Op:
    def apply(b: Builder) -> None:
        act(bits, signed=True)(b)
        next(item for item in b.nodes[-1].attribute if item.name == "narrow").i = 1

    return apply


def unclipped(bits: int) -> Op:
    """A quantiser with a sign behind a Relu: one of its bits is for nothing."""

    def apply(b: Builder) -> None:
        relu(b)
        act(bits, signed=True)(b)

    return apply


@pytest.mark.parametrize(
    ("ops", "bits", "signed"),
    [
        ((conv(4), sign()), 1, False),
        ((conv(4), norm(1, -1, 0.5, 0), sign(0.7), conv(4, bits=1), sign(0.7)), 1, False),
        ((conv(4), pool(), clip(-1, 1), sign(), conv(4), act()), 4, False),
        ((conv(4), clip(0, 0.6), act()), 3, False),
        ((conv(4), relu, clip(0, 0.2), relu, act()), 2, False),
        ((conv(4), clip(0, 100), act()), 4, False),
        ((conv(4), clip(-0.9, 0.3), act(signed=True)), 3, True),
        ((conv(4), clip(-0.3, 1e9), norm(-1, 1), act(signed=True)), 4, True),
        ((conv(4), norm(1), clip(-1, 1), clip(-0.5, 3), pool(), act(signed=True)), 4, True),
        ((conv(4), narrow(3)), 3, True),
        ((conv(4), narrow(2), conv(4), act()), 4, False),
        ((conv(4), act(1)), 2, False),
        ((conv(4), unclipped(4)), 3, False),
        ((conv(4), act(), clip(0, 100), act()), 4, False),
        ((conv(4), sign(), flat), 1, False),
    ],
)
def test_activations_are_exact(ops: Sequence[Op], bits: int, signed: bool, tmp_path: Path) -> None:
    last = read_same(two(tmp_path / "net.onnx", SHAPE, *ops)).stages[0][-1]
    assert (last.out_bits, last.out_signed) == (bits, signed)


def test_1_bit_is_1_from_0_on_as_brevitas_has_it(tmp_path: Path) -> None:
    """A pixel of 0 and no offset: a tie in every channel."""
    layer = read_qonnx(two(tmp_path / "net.onnx", SHAPE, conv(4), sign(0.7))).stages[0][0]
    assert (thresholds(layer) == 0).all()
    assert (layer.minimum, layer.act_bits) == (0, 1)
    quantiser = qnn.QuantIdentity(act_quant=SignedBinaryActPerTensorConst)
    quantiser.eval()
    assert quantiser(torch.tensor([0.0, -0.0, -1e-30, 1e-30])).sign().tolist() == [1, 1, -1, 1]


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ((conv(4), act(9)), "Quant my_Quant_4: an activation must have 1 to 8 bits, not 9 bits"),
        ((conv(4), lambda b: b.node("Sign") and None), "Sign my_Sign_3 has no hardware layer; a quantiser of 1 bit in its place"),
        ((conv(4), relu, sign()), r"BipolarQuant my_BipolarQuant_\d+: gives 1 whatever comes, .*; allowed: QuantIdentity"),
    ],
)
def test_what_is_not_exact_is_refused(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(two(tmp_path / "net.onnx", SHAPE, *ops))
