"""What stands behind logits is cut off and told; what is not the same without it is refused."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.read_qonnx import read_qonnx
from tests.build_flows.finn_bridge.exact import exact
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, conv, fc, flat, logits, write

SHAPE = (6, 5, 2)


def end(op: str, **attributes: Any) -> Op:
    def apply(b: Builder) -> None:
        b.node(op, **attributes)

    return apply


def top(b: Builder) -> None:
    """The class numbers of the two largest."""
    values = b.node("TopK", b.constant([2], np.int64))
    b.nodes[-1].output.append(f"{values}_classes")
    b.tensor = f"{values}_classes"


FLOAT = end("Cast", to=TensorProto.FLOAT)


def ending(path: Path, early: Sequence[Op], late: Sequence[Op] = ()) -> Path:
    return write(path, SHAPE, (conv(4), act()), (flat, logits, *early), (flat, fc(4), act()), (logits, *late))


@pytest.mark.parametrize(
    ("ops", "told"),
    [
        ([end("Softmax", axis=1)], "Softmax my_Softmax_9"),
        ([end("LogSoftmax", axis=-1)], "LogSoftmax my_LogSoftmax_9"),
        ([end("ArgMax", axis=1), FLOAT], "ArgMax my_ArgMax_9"),
        ([end("ArgMax", axis=-1, keepdims=0), FLOAT], "ArgMax my_ArgMax_9"),
        ([end("Softmax"), end("ArgMax", axis=1), FLOAT], "ArgMax my_ArgMax_10 (output exit0), Softmax my_Softmax_9"),
        ([top, FLOAT], "TopK my_TopK_9"),
    ],
)
def test_what_keeps_the_order_is_cut_off_and_told(ops: Sequence[Op], told: str, tmp_path: Path) -> None:
    plain = exact(ending(tmp_path / "plain.onnx", ()))
    found = exact(ending(tmp_path / "net.onnx", ops))
    assert (plain.cut, plain.notes, plain.places) == (False, (), (0, 1))
    assert (found.cut, found.places) == (True, (0, 1))
    assert found.notes == (f"cut off: {told} (output exit0); the exit decision takes the logits themselves, which have the same order",)
    for ours, theirs in zip(found.heads, plain.heads, strict=True):
        assert (ours[-1].weight == theirs[-1].weight).all()
        assert (ours[-1].bias == theirs[-1].bias).all()


def test_both_ends_may_have_one(tmp_path: Path) -> None:
    (note,) = exact(ending(tmp_path / "net.onnx", [end("Softmax", axis=1)], [end("Softmax", axis=1)])).notes
    assert "(output exit0), Softmax" in note
    assert "(output exit1); " in note


def test_outputs_of_the_same_logits_are_one_exit(tmp_path: Path) -> None:
    path = ending(tmp_path / "net.onnx", [end("Softmax", axis=1)])
    model = onnx.load(str(path))
    raw = next(node for node in model.graph.node if node.op_type == "Softmax").input[0]
    model.graph.node.append(helper.make_node("ArgMax", [raw], ["class"], axis=1))
    model.graph.output.insert(0, helper.make_tensor_value_info("class", TensorProto.INT64, [1, 1]))
    model.graph.output.append(helper.make_tensor_value_info(raw, TensorProto.FLOAT, [1, 3]))
    onnx.save(model, str(path))
    found = exact(path)
    assert found.places == (0, 2)
    assert found.notes[1] == f"outputs class, exit0, {raw} tell of the same logits: they are one exit"


@pytest.mark.parametrize(
    ("ops", "message"),
    [
        ([end("Sigmoid")], "Sigmoid my_Sigmoid_9 stands at output exit0 and answers for each class alone; leave it out: an exit decision "),
        ([end("Softmax", axis=0)], "Softmax my_Softmax_9 has no hardware layer; "),
        ([end("ArgMin", axis=1), FLOAT], "ArgMin my_ArgMin_9 has no hardware layer; "),
    ],
)
def test_what_is_not_the_same_is_refused(ops: Sequence[Op], message: str, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match=message):
        read_qonnx(ending(tmp_path / "net.onnx", ops))


def test_a_softmax_inside_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "net.onnx", SHAPE, (conv(4), act()), (flat, fc(4), end("Softmax", axis=1), act(), logits), (flat, fc(4), act()),
                 (logits,))
    with pytest.raises(CompileError, match=r"Softmax my_Softmax_8 has no hardware layer; at the end of the network it is cut off where "):
        read_qonnx(path)
