"""What a QONNX takes and gives is found where its layers, or its ends, cannot be read."""

from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.outline import outline
from tests.build_flows.finn_bridge.small_graphs import act, conv, flat, logits, void, write


@pytest.fixture
def net(tmp_path: Path) -> Path:
    tanh = [conv(3), lambda b: void(b.node("Tanh")), act(3)]
    return write(tmp_path / "net.onnx", (6, 5, 2), [conv(4), act(4)], [flat, logits], tanh, [flat, logits])


def test_layers_are_not_looked_at_and_exits_are_put_in_order(net: Path) -> None:
    model = onnx.load(str(net))
    both = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend(reversed(both))
    onnx.save(model, str(net))
    found = outline(net)
    assert (found.shape, found.classes, found.outputs, found.named) == ((6, 5, 2), 3, ("exit0", "exit1"), ("exit1", "exit0"))


def test_ends_that_are_refused_are_told_as_the_file_has_them(net: Path) -> None:
    model = onnx.load(str(net))
    model.graph.node.append(helper.make_node("Sigmoid", ["exit1"], ["odds"], name="my_Sigmoid"))
    model.graph.output[1].CopyFrom(helper.make_tensor_value_info("odds", TensorProto.FLOAT, [1, 3]))
    onnx.save(model, str(net))
    found = outline(net)
    assert (found.outputs, found.classes) == (("exit0", "odds"), 3)


@pytest.mark.parametrize(("shape", "wanted"), [
    ([1, 6, 5, 2], (6, 5, 2)), ([1, 2, 6, 5], (6, 5, 2)), ([1, 3, 3, 3], (3, 3, 3)), ([1, 9, 6, 1], (6, 1, 9)), ([1, 6, 6, 1], (6, 6, 1)),
])
def test_channels_last_is_seen_by_how_few_they_are(shape: list[int], wanted: tuple[int, int, int], tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, size) for name, size in (("image", shape), ("out", [1, 54]))]
    graph = helper.make_graph([helper.make_node("Flatten", ["image"], ["out"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph), str(tmp_path / "net.onnx"))
    assert outline(tmp_path / "net.onnx").shape == wanted


def test_what_takes_no_images_is_refused(tmp_path: Path) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 9]) for name in ("vector", "out")]
    graph = helper.make_graph([helper.make_node("Identity", ["vector"], ["out"])], "g", values[:1], values[1:])
    onnx.save(helper.make_model(graph), str(tmp_path / "net.onnx"))
    with pytest.raises(CompileError, match=r"must be \[1, channels, height, width\], not \[1, 9\]"):
        outline(tmp_path / "net.onnx")
