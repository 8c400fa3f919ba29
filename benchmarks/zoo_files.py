"""ONNX files of the kinds that people bring, made of modules of the zoo: the files of the zoo (:mod:`benchmarks.zoo`)."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from benchmarks.zoo_modules import CLASSES, SHAPE, settled
from quant_models.bring.own import export_own

__all__ = ["FILES", "made"]

Graph = Any
Edit = Callable[[Any], None]
HEIGHT, WIDTH, CHANNELS = SHAPE


def _image(graph: Graph) -> Any:
    weights = {item.name for item in graph.initializer}
    return next(item for item in graph.input if item.name not in weights)


def _sizes(item: Any, sizes: list[Any]) -> None:
    item.CopyFrom(helper.make_tensor_value_info(item.name, TensorProto.FLOAT, sizes))


def opset(version: int) -> Edit:
    def edit(model: Any) -> None:
        next(item for item in model.opset_import if item.domain in ("", "ai.onnx")).version = version
        for node in model.graph.node:
            # Batch norms have it from opset 14 on.
            for item in [item for item in node.attribute if item.name == "training_mode" and version < 14]:
                node.attribute.remove(item)

    return edit


def batch(size: Any) -> Edit:
    """Images in batches of ``size``, a number or a name."""

    def edit(model: Any) -> None:
        graph = model.graph
        del graph.value_info[:]
        _sizes(_image(graph), [size, CHANNELS, HEIGHT, WIDTH])
        for item in graph.output:
            _sizes(item, [size, CLASSES])

    return edit


def in_front(nodes: Callable[[str, str], list[Any]], sizes: list[int], *constants: Any) -> Edit:
    """``nodes``, made of the names of what they take and give, before all others; images are of ``sizes``."""

    def edit(model: Any) -> None:
        graph = model.graph
        image = _image(graph)
        for node in graph.node:
            for place, tensor in enumerate(node.input):
                if tensor == image.name:
                    node.input[place] = "prepared"
        old = list(graph.node)
        del graph.node[:]
        graph.node.extend([*nodes(image.name, "prepared"), *old])
        graph.initializer.extend(constants)
        _sizes(image, sizes)

    return edit


def behind(op: str, output: int, *, sizes: list[int], kind: int = TensorProto.FLOAT, **attributes: Any) -> Edit:
    """``op`` behind an output, in its place."""

    def edit(model: Any) -> None:
        item = model.graph.output[output]
        model.graph.node.append(helper.make_node(op, [item.name], [f"{op}_out"], name=f"my_{op}", **attributes))
        item.CopyFrom(helper.make_tensor_value_info(f"{op}_out", kind, sizes))

    return edit


def top(model: Any) -> None:
    """The three likeliest classes of the last exit."""
    graph = model.graph
    item = graph.output[-1]
    graph.initializer.append(numpy_helper.from_array(np.array([3], np.int64), "three"))
    graph.node.append(helper.make_node("TopK", [item.name, "three"], ["values", "classes"], name="my_TopK", axis=1))
    graph.output.pop()
    graph.output.extend([helper.make_tensor_value_info("values", TensorProto.FLOAT, [1, 3]),
                         helper.make_tensor_value_info("classes", TensorProto.INT64, [1, 3])])


def turned(model: Any) -> None:
    both = list(model.graph.output)
    del model.graph.output[:]
    model.graph.output.extend(reversed(both))


def nameless(model: Any) -> None:
    for node in model.graph.node:
        node.name = ""


def replaced(op: str, other: str) -> Edit:
    """The first ``op`` becomes an ``other``, which there is no hardware for."""

    def edit(model: Any) -> None:
        node = next(item for item in model.graph.node if item.op_type == op)
        node.op_type, node.name = other, f"my_{other}"

    return edit


def one_use(model: Any) -> None:
    """Logits of the first exit go into a node more."""
    name = model.graph.output[0].name
    model.graph.node.append(helper.make_node("Relu", [name], ["more"], name="my_Relu"))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, [1, CLASSES]))


TURN = in_front(lambda image, out: [helper.make_node("Transpose", [image], [out], name="to_NCHW", perm=[0, 3, 1, 2])],
                [1, HEIGHT, WIDTH, CHANNELS])
DIVIDE = in_front(lambda image, out: [helper.make_node("Div", [image, "most"], [out], name="my_Div")], [1, CHANNELS, HEIGHT, WIDTH],
                  numpy_helper.from_array(np.array(255, np.float32), "most"))
RESHAPE = in_front(lambda image, out: [helper.make_node("Reshape", [image, "sizes"], [out], name="my_Reshape")],
                   [1, CHANNELS, HEIGHT * WIDTH, 1], numpy_helper.from_array(np.array([1, CHANNELS, HEIGHT, WIDTH], np.int64), "sizes"))

FILES: dict[str, tuple[str, str, tuple[Edit, ...] | None]] = {
    "opset 9": ("files", "1x1 at stride 2", (opset(9),)),
    "opset 11": ("files", "identity skip", (opset(11),)),
    "opset 21": ("files", "identity skip", (opset(21),)),
    "batch of 8": ("files", "grouped", (batch(8),)),
    "open batch": ("files", "grouped", (batch("N"),)),
    "channels last": ("files", "2 bits", (TURN,)),
    "Div 255 in front": ("files", "image of pixels / 255", (DIVIDE,)),
    "Reshape in front": ("open", "2 bits", (RESHAPE,)),
    "nodes without names": ("files", "identity skip", (nameless,)),
    "outputs turned": ("files", "two heads at one tensor", (turned,)),
    "Softmax of one output": ("files", "2 bits", (behind("Softmax", 1, sizes=[1, CLASSES], axis=1),)),
    "ArgMax of one output": ("files", "2 bits", (behind("ArgMax", 0, sizes=[1, 1], kind=TensorProto.INT64, axis=1),)),
    "TopK of the last output": ("files", "2 bits", (top,)),
    "QCDQ": ("files", "2 bits", None),
    "QCDQ with a skip": ("files", "identity skip", None),
    "file: Erf": ("refused", "2 bits", (replaced("Relu", "Erf"),)),
    "file: Softplus at an end": ("refused", "2 bits", (behind("Softplus", 0, sizes=[1, CLASSES]),)),
    "file: logits used further": ("refused", "2 bits", (one_use,)),
}
"""By name: its row, the module that it is made of, and what is changed (None: it is exported as QCDQ)."""


def made(name: str, path: Path) -> None:
    """Write the file called ``name`` to ``path``."""
    _, module, edits = FILES[name]
    if edits is None:
        _qcdq(module, path)
        return
    export_own(settled(module), SHAPE, path)
    model = onnx.load(str(path))
    for edit in edits:
        edit(model)
    onnx.save(model, str(path))


def _qcdq(module: str, path: Path) -> None:
    import torch
    from brevitas.export import export_onnx_qcdq

    from quant_models.integers.view import frozen

    net = settled(module)
    with frozen(net):
        export_onnx_qcdq(net, args=torch.zeros(1, CHANNELS, HEIGHT, WIDTH), export_path=str(path), opset_version=13, dynamo=False,
                         input_names=["image"], output_names=["exit0", "exit1"])
