"""A network of one's own through the real flow: from a factory to the RTL, and from QONNX to the same hardware as the preset it came
from."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from build_flows.artefacts.own_layers import write_golden
from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import hash_path
from build_flows.base.ui import SilentUi
from build_flows.finn_bridge.read_qonnx import read_qonnx
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from build_flows.steps.own import compare_float, integer_view
from sim import golden
from tests.build_flows.artefacts.test_own_layers import network

pytestmark = pytest.mark.cosim

FACTORY = """
import torch
from brevitas import nn as qnn
from brevitas.inject.enum import ScalingImplType
from brevitas.quant import Int8ActPerTensorFloat, Int8WeightPerTensorFloat, Int16Bias, Uint8ActPerTensorFloat
from torch import nn


class Pixels(Uint8ActPerTensorFloat):
    scaling_impl_type = ScalingImplType.CONST
    scaling_init = 255 / 256


def logits(size):
    return qnn.QuantLinear(size, 10, bias=True, weight_quant=Int8WeightPerTensorFloat, weight_bit_width=3, bias_quant=Int16Bias)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.pixels = qnn.QuantIdentity(Pixels, return_quant_tensor=True)
        self.first = qnn.QuantConv2d(1, 4, (3, 3), stride=2, padding=1, bias=True, weight_bit_width=3)
        self.norm = nn.BatchNorm2d(4)
        self.act = qnn.QuantReLU(bit_width=3, return_quant_tensor=True)
        self.pool, self.early = nn.MaxPool2d(2), logits(16)
        self.second = qnn.QuantConv2d(4, 6, (3, 1), bias=False, weight_bit_width=4)
        self.act2 = qnn.QuantIdentity(Int8ActPerTensorFloat, bit_width=4, return_quant_tensor=True)
        self.mean, self.act3 = nn.AdaptiveAvgPool2d(1), qnn.QuantIdentity(Int8ActPerTensorFloat, bit_width=6, return_quant_tensor=True)
        self.late = logits(6)

    def forward(self, x):
        x = self.act(self.norm(self.first(self.pixels(x))))
        late = self.act3(self.mean(self.act2(self.second(x))))
        return self.early(self.pool(x).flatten(1)), self.late(late.view(late.shape[0], -1))


def make():
    torch.manual_seed(5)
    net = Net()
    with torch.no_grad():
        net.norm.weight[1] = -0.7
        net.norm.bias.uniform_(-1, 1)
        for _ in range(40):
            net(torch.randint(0, 256, (16, 1, 8, 8)) / 256)
    return net.eval()
"""

TOML = """
[project]
name = "tiny"
output = "out/tiny"
[data]
name = "npz"
path = "digits.npz"
validation = 0.2
[model]
SOURCE
[train]
threads = 1
[[exits]]
policy = "softmax"
[[exits]]
policy = "max_logit"
[[exits]]
policy = "always"
[calibrate]
shares = [0.5, 0.3]
[target]
cycles_per_sample = 512
[simulate]
samples = 40
finn_images = 4
"""


def project(tiny: Project, folder: Path, source: str, **changes: str) -> Project:
    """A project in ``folder`` with the images of ``tiny`` and a network of one's own."""
    (folder / "out").mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny.file.parent / "digits.npz", folder)
    models = folder / "out" / ".models"
    if not models.exists():
        models.symlink_to((tiny.output.parent / ".models").resolve())
    text = TOML.replace("SOURCE", source)
    for old, new in changes.items():
        assert f"{old} = " in text
        text = "\n".join(f"{old} = {new}" if line.startswith(f"{old} = ") else line for line in text.splitlines())
    (folder / "config.toml").write_text(text)
    return load_config(folder / "config.toml")


def two_exits(made: Project) -> Project:
    text = made.file.read_text().replace('[[exits]]\npolicy = "max_logit"\n', "").replace("[0.5, 0.3]", "[0.5]")
    made.file.write_text(text)
    return load_config(made.file)


def test_a_presets_qonnx_gives_the_presets_hardware(tiny: Project, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(tiny.output / "model.onnx", mine / "net.onnx")
    made = project(tiny, mine, 'qonnx = "net.onnx"')
    flow.compile(made, SilentUi())
    with np.load(made.output / "golden.npz") as found, np.load(tiny.output / "golden.npz") as wanted:
        metas = [{**json.loads(str(item["meta"])), "name": ""} for item in (found, wanted)]
        assert metas[0] == metas[1]
        assert all((found[key] == wanted[key]).all() for key in set(wanted.files) - {"meta"})
    for name in ("exits.json", "netlist.json", "folding.toml", "rtl"):
        assert hash_path(made.output / name) == hash_path(tiny.output / name), name
    metrics = json.loads((made.output / "metrics.json").read_text())
    assert metrics["own"] == {"from": "net.onnx", "weights": None, "compared_with": "qonnx", "images": 32, "rounded": 0}
    theirs = json.loads((tiny.output / "metrics.json").read_text())
    assert [item["accuracy"] for item in metrics["exits"]] == pytest.approx([item["accuracy"] for item in theirs["exits"]], abs=0.02)


def test_a_factorys_network_runs_in_the_rtl_bit_for_bit(tiny: Project, tmp_path: Path) -> None:
    made = project(tiny, tmp_path, 'factory = "nets:make"', samples="12")
    (tmp_path / "nets.py").write_text(FACTORY)
    page = flow.report(two_exits(made), SilentUi()).read_text()
    metrics, simulated, agreed = (
        json.loads((made.output / name).read_text()) for name in ("metrics.json", "sim.json", "agreement.json")
    )
    assert (metrics["own"]["compared_with"], metrics["own"]["images"]) == ("Brevitas", metrics["validation_samples"])
    figures = simulated["figures"]
    assert (figures["samples"], figures["agree"], agreed["finn"]) == (12, 12, 4)
    assert 0 < figures["exits"][0]["share"] < 1
    assert "nets:make" in page
    assert "Brevitas = golden model" in page
    stages = json.loads(str(np.load(made.output / "golden.npz")["meta"]))["stages"]
    assert [[layer["name"] for layer in stage["layers"]] for stage in stages] == [["stage0_conv0"], ["stage1_conv0"]]


def test_a_changed_module_is_taken_anew(tiny: Project, tmp_path: Path) -> None:
    made = project(tiny, tmp_path, 'factory = "nets:make"')
    (tmp_path / "nets.py").write_text(FACTORY)
    made = two_exits(made)
    flow.train(made, SilentUi())
    before = (made.output / "metrics.json").stat().st_mtime_ns
    flow.train(made, SilentUi())
    assert (made.output / "metrics.json").stat().st_mtime_ns == before
    (tmp_path / "nets.py").write_text(FACTORY.replace("manual_seed(5)", "manual_seed(6)"))
    flow.train(made, SilentUi())
    assert (made.output / "metrics.json").stat().st_mtime_ns != before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('factory = "gone:make"', 'config.toml: model.factory = "gone:make": there is no module gone in .*; allowed: module:function, '),
        ('factory = "other:number"', 'config.toml: model.factory = "other:number": number must be a function without parameters'),
        (
            'factory = "nets:make"',
            r'config.toml: exits = \["softmax", "max_logit", "always"\]: the network has 2 outputs, not 3; allowed: one ',
        ),
        (
            'factory = "nets:make"\nweights = "wrong.pt"',
            r'config.toml: model.weights = "wrong.pt": wrong.pt lacks tensor act.act_quant',
        ),
        ('qonnx = "wrong.pt"', 'config.toml: model.qonnx = "wrong.pt": wrong.pt is not a QONNX model'),
    ],
)
def test_what_cannot_be_taken_is_one_line(source: str, message: str, tiny: Project, tmp_path: Path) -> None:
    import torch

    (tmp_path / "nets.py").write_text(FACTORY)
    (tmp_path / "other.py").write_text("number = 3\n")
    torch.save({}, tmp_path / "wrong.pt")
    with pytest.raises(ConfigError, match=message):
        flow.train(project(tiny, tmp_path, source), SilentUi())


def test_images_and_classes_must_be_those_of_the_data(tiny: Project, tmp_path: Path) -> None:
    shutil.copy(tiny.output / "model.onnx", tmp_path / "net.onnx")
    made = project(tiny, tmp_path, 'qonnx = "net.onnx"')
    with np.load(tmp_path / "digits.npz") as held:
        arrays = dict(held)
    few = {key: value[arrays[f"y_{key[2:]}"] < 9] for key, value in arrays.items()}
    np.savez(tmp_path / "digits.npz", **few)
    with pytest.raises(ConfigError, match=r'model\.qonnx = "net\.onnx": has 10 classes, but data set .* 9; allowed: as many'):
        flow.train(made, SilentUi())
    np.savez(tmp_path / "digits.npz", **{key: value[:, :7] if key[0] == "x" else value for key, value in arrays.items()})
    told = r'model\.qonnx = "net\.onnx": takes images of 8x8x1, but those of data set .* are 7x8x1; allowed: the same'
    with pytest.raises(ConfigError, match=told):
        flow.train(made, SilentUi())


def test_other_logits_stop_it_and_name_the_first(tiny: Project, tmp_path: Path) -> None:
    read = read_qonnx(tiny.output / "model.onnx")
    write_golden(read, "tiny", tmp_path / "golden.npz")
    net = golden.load(tmp_path / "golden.npz")
    images = np.random.default_rng(1).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    logits, scales = integer_view(tmp_path / "golden.npz", images)
    real = [item * scale for item, scale in zip(logits, scales, strict=True)]
    assert compare_float(read, net, images, real, "Brevitas") == 0
    real[1][4, 7] += scales[1]
    real[2][5, 0] += scales[2]
    here = logits[1][4, 7]
    wanted = f"logits of exit 1, validation image 4, class 7: the integer network has {here}, Brevitas {here + 1}.000 "
    with pytest.raises(OfframpError, match=rf"{wanted}\(2 of 6 images differ\)"):
        compare_float(read, net, images, real, "Brevitas")


def test_a_rounding_boundary_may_be_decided_either_way(tmp_path: Path) -> None:
    tied = network(slope=np.array([0.5]), offset=np.zeros(1))
    write_golden(tied, "tied", tmp_path / "golden.npz")
    net = golden.load(tmp_path / "golden.npz")
    images = np.array([[1, 0, 0, 0], [0, 0, 0, 0]], np.uint8).reshape(2, 2, 2, 1)
    (wanted,) = net.run(images)
    # A weight of 3 makes a half of the pixel 1 (1.5 steps, to even: 2); rounded down it is 1.
    assert wanted.tolist() == [[2, 0], [0, 2]]
    assert compare_float(tied, net, images, [np.array([[1, 1], [0, 2]]) * 0.25], "Brevitas") == 1
    sharp = replace(tied, stages=((replace(tied.stages[0][0], offset=np.array([0.1])),),))
    with pytest.raises(OfframpError, match="validation image 0"):
        compare_float(sharp, net, images, [np.array([[1, 1], [0, 2]]) * 0.25], "Brevitas")
