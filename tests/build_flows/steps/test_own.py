"""A network of one's own through the real flow: from a factory to the RTL, and from QONNX to the same hardware as the preset it came
from."""

import json
import shutil
from collections.abc import Callable, Sequence
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
from build_flows.steps.own import compare_float
from sim import golden
from tests.build_flows.artefacts.test_own_layers import network
from tests.build_flows.finn_bridge.small_graphs import Builder, Op, act, conv, fc, flat, logits, pool, write
from tests.build_flows.own_networks import FACTORY, own_project, two_exits
from tests.build_flows.uis import Listening

pytestmark = pytest.mark.cosim

COUNTS = (("train", 200), ("test", 40))

@pytest.mark.slow
def test_a_presets_qonnx_gives_the_presets_hardware(tiny: Project, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    shutil.copy(tiny.output / "model.onnx", mine / "net.onnx")
    made = own_project(tiny, mine, 'qonnx = "net.onnx"')
    made.file.write_text(made.file.read_text() + '[build]\nlayers = "finn"\n')
    made = load_config(made.file)
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


@pytest.mark.slow
def test_a_factorys_network_runs_in_the_rtl_bit_for_bit(tiny: Project, tmp_path: Path) -> None:
    made = own_project(tiny, tmp_path, 'factory = "nets:make"', samples="12")
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


def signed(b: Builder) -> None:
    b.quant(1 / 128, 8, signed=True)
    b.scale = 1 / 128


@pytest.mark.slow
@pytest.mark.parametrize(
    ("shape", "begin", "start"),
    [
        ((6, 5, 3), (flat, fc(8), act()), None),
        ((8, 6, 2), (pool(), conv(4), act()), None),
        ((6, 6, 1), (conv(3), act()), signed),
    ],
    ids=["a linear layer first", "a pool first", "signed images"],
)
def test_what_may_stand_first_runs_in_the_rtl_bit_for_bit(
    shape: tuple[int, int, int], begin: Sequence[Op], start: Op | None, tiny: Project, tmp_path: Path
) -> None:
    head = (logits,) if begin[0] is flat else (flat, logits)
    write(tmp_path / "net.onnx", shape, begin, head, (*head[:-1], fc(6), act()), (logits,), start=start)
    made = own_project(tiny, tmp_path, 'qonnx = "net.onnx"', samples="12")
    rng = np.random.default_rng(0)
    np.savez(tmp_path / "digits.npz", **{f"x_{part}": rng.integers(0, 256, (count, *shape), np.uint8) for part, count in COUNTS},
             **{f"y_{part}": np.arange(count) % 3 for part, count in COUNTS})
    found = flow.simulate(two_exits(made), SilentUi(), samples=12, stall=0.2)
    assert found.agree == found.samples == 12


def test_a_softmax_at_the_end_and_outputs_in_another_order_are_the_same_network(tiny: Project, tmp_path: Path) -> None:
    """Brevitas is compared before the softmax, and told which output is which exit."""
    (tmp_path / "nets.py").write_text(FACTORY)
    ends = "return self.early(self.pool(x).flatten(1)), self.late(late.view(late.shape[0], -1))"
    assert ends in FACTORY
    (tmp_path / "other.py").write_text(FACTORY.replace(
        ends, "return self.late(late.view(late.shape[0], -1)).softmax(1), nn.functional.log_softmax(self.early(self.pool(x).flatten(1)), 1)"
    ))
    made = two_exits(own_project(tiny, tmp_path, 'factory = "nets:make"'))
    flow.train(made, SilentUi())
    wanted = hash_path(made.output / "golden.npz")
    ui = Listening()
    made.file.write_text(made.file.read_text().replace("nets:make", "other:make"))
    flow.train(load_config(made.file), ui)
    assert hash_path(made.output / "golden.npz") == wanted
    assert any(line.startswith("cut off: Softmax ") for line in ui.said)
    assert any(line.endswith("exit 0 is number 2 (exit1), exit 1 is number 1 (exit0)") for line in ui.said)


@pytest.fixture
def steps_of() -> Callable[[Project], set[str]]:
    """``steps_of(project)``: the steps of ``offramp train`` that ran."""

    def train(made: Project) -> set[str]:
        with flow.open_flow(made, SilentUi()) as opened:
            opened.train()
            return set(opened.build.ran)

    return train


Ran = Callable[[Project], set[str]]


def test_a_changed_module_or_helper_is_taken_anew(tiny: Project, tmp_path: Path, steps_of: Ran) -> None:
    made = own_project(tiny, tmp_path, 'factory = "nets:make"')
    (tmp_path / "nets.py").write_text(f"from helper import SEED\n{FACTORY.replace('manual_seed(5)', 'manual_seed(SEED)')}")
    (tmp_path / "helper.py").write_text("from deeper import SEED\n")
    (tmp_path / "deeper.py").write_text("SEED = 5\n")
    (tmp_path / "other.py").write_text("SEED = 5\n")
    made = two_exits(made)
    assert steps_of(made) == {"train", "calibrate"}
    assert steps_of(made) == set()
    for file, text in (("deeper", "SEED = 66\n"), ("nets", FACTORY)):
        before = hash_path(made.output / "golden.npz")
        (tmp_path / f"{file}.py").write_text(text)
        assert steps_of(made) == {"train", "calibrate"}, file
        assert hash_path(made.output / "golden.npz") != before
    (tmp_path / "other.py").write_text("SEED = 6\n")
    assert steps_of(made) == set()


def test_another_seed_holds_other_images_out(tiny: Project, tmp_path: Path, steps_of: Ran) -> None:
    """Of those both the accuracies and the thresholds are."""
    shutil.copy(tiny.output / "model.onnx", tmp_path / "net.onnx")
    made = own_project(tiny, tmp_path, 'qonnx = "net.onnx"')
    assert steps_of(made) == {"train", "calibrate"}
    before = {name: hash_path(made.output / name) for name in ("golden.npz", "metrics.json", "tradeoff.json")}
    made.file.write_text(made.file.read_text().replace("threads = 1\n", "threads = 1\nseed = 2\n"))
    other = load_config(made.file)
    assert steps_of(other) == {"train", "calibrate"}
    same = {name for name, found in before.items() if hash_path(made.output / name) == found}
    assert same == {"golden.npz"}
    other.file.write_text(other.file.read_text().replace('policy = "softmax"', 'policy = "margin"'))
    # How samples leave is nothing that is taken.
    assert steps_of(load_config(other.file)) == {"calibrate"}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ('factory = "gone:make"', 'config.toml: model.factory = "gone:make": there is no module gone in .*; allowed: module:function; '),
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
        flow.train(own_project(tiny, tmp_path, source), SilentUi())


def test_images_and_classes_must_be_those_of_the_data(tiny: Project, tmp_path: Path) -> None:
    shutil.copy(tiny.output / "model.onnx", tmp_path / "net.onnx")
    made = own_project(tiny, tmp_path, 'qonnx = "net.onnx"')
    with np.load(tmp_path / "digits.npz") as held:
        arrays = dict(held)
    few = {key: value[arrays[f"y_{key[2:]}"] < 9] for key, value in arrays.items()}
    np.savez(tmp_path / "digits.npz", **few)
    with pytest.raises(ConfigError, match=r'model\.qonnx = "net\.onnx": has 10 classes, but data set .* 9; allowed: as many'):
        flow.train(made, SilentUi())
    np.savez(tmp_path / "digits.npz", **{key: value[:, :7] if key[0] == "x" else value for key, value in arrays.items()})
    told = r'model\.qonnx = "net\.onnx": takes images of 8x8x1 \(height x width x channels\), but those of .* are 7x8x1; allowed: the'
    with pytest.raises(ConfigError, match=told):
        flow.train(made, SilentUi())


def test_other_logits_stop_it_and_name_the_first(tiny: Project, tmp_path: Path) -> None:
    read = read_qonnx(tiny.output / "model.onnx")
    write_golden(read, "tiny", tmp_path / "golden.npz")
    net = golden.load(tmp_path / "golden.npz")
    images = np.random.default_rng(1).integers(0, 256, (6, 8, 8, 1), dtype=np.uint8)
    logits, scales = net.run(images), net.scales
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
