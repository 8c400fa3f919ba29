import dataclasses
import json

import numpy as np
import pytest
import torch
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.core.onnx_exec import execute_onnx
from qonnx.transformation.infer_shapes import InferShapes
from qonnx.util.cleanup import cleanup_model

from quant_models.integers.export import export_golden, export_qonnx, golden
from quant_models.integers.gate_units import gate_units
from quant_models.integers.view import integer_logits, integer_outputs, logit_scales
from quant_models.networks.presets import preset
from quant_models.networks.spec import Activation, GlobalPool, Linear, MaxPool
from quant_models.networks.subnet_spec import subnet_spec
from tests.quant_models.conftest import bit_spec, build_model, build_spec, residual_spec, scales_spec, separable_spec


def both(size):
    return size if isinstance(size, list) else [size, size]


def windows(x, kernel, pad, stride):
    (above, left), (down, across) = both(pad), both(stride)
    x = np.pad(x, ((0, 0), (above, above), (left, left), (0, 0)))
    view = np.lib.stride_tricks.sliding_window_view(x, both(kernel), (1, 2))
    return view[:, ::down, ::across]


def evaluate(meta, arrays, images):
    """golden.npz read by its specification alone: plain integer numpy, NHWC."""

    def layer(item, x, *others):
        if item["kind"] == "maxpool":
            return windows(x, item["kernel"], 0, item["stride"]).max((-1, -2))
        if item["kind"] == "concat":
            return np.concatenate((x, *others), axis=-1)
        if item["kind"] == "global_sum":
            acc = x.sum((1, 2), keepdims=True)
        elif item["kind"] in ("add", "threshold"):
            acc = sum(others, x)
        elif item["kind"] == "conv":
            weight = arrays[item["weight"]].astype(np.int64)
            acc = np.einsum("nhwcyx,oyxc->nhwo", windows(x, item["kernel"], item["pad"], item["stride"]), weight)
        else:
            acc = x.reshape(len(x), -1) @ arrays[item["weight"]].astype(np.int64).T
        if "bias" in item:
            return acc + arrays[item["bias"]]
        steps = arrays[item["thresholds"]]
        assert item["out_min"] == (-(2 ** (item["out_bits"] - 1)) if item["out_signed"] else 0)
        return item["out_min"] + (acc[..., np.newaxis] >= steps).sum(-1)

    def read(item, before):
        return [given[name] for name in item["inputs"]] if "inputs" in item else [before]

    features, logits, gates = images.astype(np.int64), [], []
    given = {"image": features}
    for stage, head, gate in zip(meta["stages"], meta["heads"], meta.get("gates", [{"layers": []}] * len(meta["heads"])), strict=True):
        for item in stage["layers"]:
            features = given[item["name"]] = layer(item, *read(item, features))
        for part, found in ((head, logits), (gate, gates)):
            out = features
            for item in part["layers"]:
                out = given[item["name"]] = layer(item, *read(item, out))
            if part["layers"]:
                found.append(out)
    return logits + gates


@pytest.mark.parametrize("spec", [build_spec, residual_spec, separable_spec, scales_spec])
@pytest.mark.parametrize("bits", [(4, 4), (2, 3), (8, 8)])
def test_golden_evaluated_by_its_specification_gives_the_integer_view(tmp_path, images, spec, bits):
    model = build_model(spec(*bits))
    path = tmp_path / "golden.npz"
    export_golden(model, path)
    with np.load(path, allow_pickle=False) as file:
        meta, arrays = json.loads(str(file["meta"])), {key: file[key] for key in file if key != "meta"}
    for found, wanted in zip(evaluate(meta, arrays, images), integer_logits(model, images), strict=len(meta.get("gates", ())) == 0):
        assert np.array_equal(found, wanted)


def test_bits_are_0_and_1_and_weights_of_1_bit_their_signs(images):
    model = build_model(bit_spec())
    meta, arrays = golden(model)
    wanted = integer_logits(model, images)
    for found, logits in zip(evaluate(meta, arrays, images), wanted, strict=True):
        assert np.array_equal(found, logits)
        assert np.ptp(found) > 0
    layers = {item["name"]: item for block in (*meta["stages"], *meta["heads"]) for item in block["layers"]}
    for name in ("stage0_conv0", "stage1_conv1", "head1_fc0", "head1_fc1"):
        assert (layers[name]["weight_bits"], set(np.unique(arrays[layers[name]["weight"]]))) == (1, {-1, 1})
    # The zeros between groups need a bit more.
    groups = arrays[layers["stage0_conv1"]["weight"]]
    assert (layers["stage0_conv1"]["weight_bits"], set(np.unique(groups)), (groups == 0).mean()) == (2, {-1, 0, 1}, pytest.approx(2 / 3))
    assert [(layers[name]["out_bits"], layers[name]["out_signed"], layers[name]["out_min"]) for name in ("stage0_conv0", "head0_gap0")] == [
        (1, False, 0)] * 2
    with torch.no_grad():
        real = model(torch.from_numpy(images).permute(0, 3, 1, 2) / 256)
    for logits, scale, whole in zip(real, logit_scales(model), wanted, strict=True):
        assert np.array_equal(np.rint(logits.numpy() / scale), whole)


def test_gate_heads_are_part_of_it(tmp_path, images):
    """golden.npz by its specification, and QONNX run by qonnx: outputs of the exits, then those of the gate heads."""
    relu = Activation(bits=4)
    gates = ((MaxPool(kernel=2, stride=2), Linear(out=1, weight_bits=3)), (GlobalPool(act=relu), Linear(out=1)), ())
    model = build_model(dataclasses.replace(build_spec(), gates=gates))
    export_golden(model, tmp_path / "golden.npz")
    with np.load(tmp_path / "golden.npz", allow_pickle=False) as file:
        meta, arrays = json.loads(str(file["meta"])), {key: file[key] for key in file if key != "meta"}
    logits, learned = integer_outputs(model, images)
    wanted = [*logits, learned[0][:, np.newaxis], learned[1][:, np.newaxis]]
    assert np.ptp(learned[0]) > 0
    for found, whole in zip(evaluate(meta, arrays, images), wanted, strict=True):
        assert np.array_equal(found.reshape(whole.shape), whole)
    export_qonnx(model, tmp_path / "net.onnx")
    graph = ModelWrapper(str(tmp_path / "net.onnx"))
    assert [item.name for item in graph.graph.output] == ["exit0", "exit1", "exit2", "gate0", "gate1"]
    graph = cleanup_model(graph)
    image = images[:1].transpose(0, 3, 1, 2).astype(np.float32) / 256
    found = execute_onnx(graph, {graph.graph.input[0].name: image})
    for k, unit in gate_units(model).items():
        assert np.rint(found[graph.graph.output[3 + k].name] / unit.scale).item() == learned[k][0]
    assert logit_scales(model) == logit_scales(build_model(build_spec()))


def test_a_network_along_the_time_too(tmp_path):
    model = build_model(preset("har", shape=(32, 1, 3)))
    windows = np.random.default_rng(3).integers(0, 256, (20, 32, 1, 3), dtype=np.uint8)
    meta, arrays = golden(model)
    conv, pool = meta["stages"][0]["layers"]
    assert (conv["kernel"], conv["pad"], conv["stride"], arrays[conv["weight"]].shape) == ([5, 1], [2, 0], 1, (16, 5, 1, 3))
    assert (pool["kernel"], pool["stride"]) == ([2, 1], [2, 1])
    for found, wanted in zip(evaluate(meta, arrays, windows), integer_logits(model, windows), strict=True):
        assert np.array_equal(found, wanted)


def test_version_2_says_what_integers_are_worth():
    model = build_model(residual_spec())
    meta, _ = golden(model)
    assert meta["version"] == 2
    assert meta["input"] == {"shape": [9, 7, 2], "bits": 8, "signed": False, "encoding": "integer", "scale": 2**-8, "offset": 0.0}
    layers = {item["name"]: item for block in (*meta["stages"], *meta["heads"]) for item in block["layers"]}
    total = model.stages[0]["stage0_add0"]
    same, own = (float(item(torch.zeros(1, 1)).scale) for item in (total.same, total.act))
    assert (layers["stage0_conv2"]["scale"], layers["stage0_act0"]["scale"], layers["stage0_add0"]["scale"]) == (same, same, own)
    assert same != own
    assert {"scale" in item for item in layers.values() if item["kind"] != "maxpool"} == {True}


def test_golden_holds_what_the_contract_says(model):
    meta, arrays = golden(model)
    assert (meta["version"], meta["classes"]) == (1, 4)
    assert meta["input"] == {"height": 9, "width": 7, "channels": 2, "bits": 8, "signed": False}
    layers = [item for block in (*meta["stages"], *meta["heads"]) for item in block["layers"]]
    assert len({item["name"] for item in layers}) == len(layers)
    named = [item[key] for item in layers for key in ("weight", "bias", "thresholds") if key in item]
    assert sorted(named) == sorted(arrays)
    for item in layers:
        if "weight" in item:
            weight = arrays[item["weight"]]
            assert weight.dtype == np.int8
            # Narrow range: the multiplier's packing counts on it.
            assert np.abs(weight.astype(int)).max() <= 2 ** (item["weight_bits"] - 1) - 1
        if "thresholds" in item:
            assert arrays[item["thresholds"]].dtype == np.int64
    last = meta["heads"][0]["layers"][-1]
    assert arrays[last["bias"]].dtype == np.int64
    assert last["scale"] == logit_scales(model)[0]


def test_equal_models_give_equal_bytes(tmp_path, model):
    for name in ("a", "b"):
        export_golden(model, tmp_path / f"{name}.npz")
        export_qonnx(model, tmp_path / f"{name}.onnx")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert (tmp_path / "a.onnx").read_bytes() == (tmp_path / "b.onnx").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "a.onnx", "b.npz", "b.onnx"]


@pytest.mark.parametrize("spec", [build_spec(), dataclasses.replace(separable_spec(), gates=()), bit_spec(),
                                  subnet_spec(scales_spec(), 0)], ids=["every kind of layer", "groups", "bits", "scales"])
def test_qonnx_has_an_output_per_exit_and_computes_the_same(tmp_path, spec, images):
    path, model = tmp_path / "model.onnx", build_model(spec)
    export_qonnx(model, path)
    graph = cleanup_model(ModelWrapper(str(path))).transform(InferShapes())
    assert [item.name for item in graph.graph.input] == ["global_in"]  # the name qonnx gives
    outputs = [item.name for item in graph.graph.output]
    assert len(outputs) == spec.exits
    # As FINN takes them: of all channels.
    assert {attribute.i for node in graph.graph.node for attribute in node.attribute if attribute.name == "group"} <= {1}
    assert "BipolarQuant" not in {node.op_type for node in graph.graph.node}
    wanted = integer_logits(model, images[:4])
    for i in range(4):
        found = execute_onnx(graph, {"global_in": (images[i : i + 1].transpose(0, 3, 1, 2) / 256).astype(np.float32)})
        for k, scale in enumerate(logit_scales(model)):
            assert np.array_equal(np.round(found[outputs[k]][0] / scale), wanted[k][i])


def test_export_leaves_the_model_usable(tmp_path, model, images):
    x = torch.from_numpy(images).permute(0, 3, 1, 2) / 256
    with torch.no_grad():
        before = model(x)
        export_qonnx(model, tmp_path / "model.onnx")
        after = model(x)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
