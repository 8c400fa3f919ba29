"""The network that is trained and built follows the configuration and the user's images."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.files import read_json
from build_flows.project.load import Project
from build_flows.steps import calibrate, export, train
from build_flows.steps.data import project_dataset
from build_flows.steps.topology import Topology, built, topology, whole
from quant_models.networks.checkpoint import load_checkpoint
from tests.build_flows.alone import alone, golden_meta, work_of
from tests.build_flows.projects import changed, configured, with_data


def test_bits_of_single_layers(small: Project, tmp_path: Path) -> None:
    chosen = changed(small, {"model": {"layer_bits": {"stage0_conv0": {"weight": 8, "act": 3}}}})
    work = alone(chosen, train.step(chosen), tmp_path / "work")
    first, second = load_checkpoint(work / "checkpoint.safetensors").spec.stages[:2]
    assert (first[0].weight_bits, first[0].act.bits, second[0].weight_bits) == (8, 3, small.config.model.weight_bits)
    wrong = changed(small, {"model": {"layer_bits": {"stage9_conv0": {"weight": 8}}}})
    with pytest.raises(ConfigError, match=r"model\.layer_bits = \{stage9_conv0 = \{weight = 8\}\}: digits has no layer 'stage9_conv0'"):
        alone(wrong, train.step(wrong), tmp_path / "wrong")


def test_places_heads_bits_and_gate_heads_are_those_of_the_configuration(small: Project) -> None:
    assert topology(small) == Topology(
        preset="digits", exits=((0, "preset"), (1, "preset")), gates=(None, None), weight_bits=3, act_bits=3, layer_bits={}, subnet=None
    )
    other = changed(configured(small.file.parent, [(0, "conv")], policy='"gate"'), {"model": {"layer_bits": {"head0_fc0": {"weight": 7}}}})
    found = topology(other)
    assert (found.exits, found.gates, found.layer_bits) == (((0, "conv"),), ("pool",), {"head0_fc0": {"weight": 7}})


def test_the_network_has_as_many_classes_as_the_users_images(small: Project, tmp_path: Path) -> None:
    classes = 12
    labels = np.arange(760) % classes
    made = with_data(small, y_train=labels[:700], y_test=labels[700:])
    checkpoint = alone(made, train.step(made), tmp_path / "work") / "checkpoint.safetensors"
    alone(made, calibrate.step(made, {"checkpoint": checkpoint}), tmp_path)
    alone(made, export.step(made, checkpoint), tmp_path)
    assert golden_meta(tmp_path)["classes"] == classes


def test_the_network_takes_the_shape_of_the_users_images(small: Project, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    images = {f"x_{part}": rng.integers(0, 256, (count, 6, 5, 2), np.uint8) for part, count in (("train", 700), ("test", 60))}
    made = configured(with_data(small, **images).file.parent, epochs="1")
    work = alone(made, train.step(made), tmp_path / "work")
    assert read_json(work / "metrics.json")["input"] == {"shape": [6, 5, 2], "names": [], "scale": None}
    alone(made, calibrate.step(made, {"checkpoint": work / "checkpoint.safetensors"}), work)
    alone(made, export.step(made, work / "checkpoint.safetensors"), work)
    assert golden_meta(work)["input"] == {"height": 6, "width": 5, "channels": 2, "bits": 8, "signed": False}


def test_images_that_the_preset_does_not_take_are_told_with_file_key_and_value(small: Project, tmp_path: Path) -> None:
    tiny = {f"x_{part}": np.zeros((count, 3, 8), np.uint8) for part, count in (("train", 700), ("test", 60))}
    made = with_data(small, **tiny)
    with pytest.raises(ConfigError) as caught:
        alone(made, train.step(made), tmp_path / "work")
    assert caught.value.message == (
        f'{small.file}: model.preset = "digits": its layers do not fit images of 3x8x1: head0_pool0: kernel must fit into the padded '
        "input, not kernel=4, input=3, pad=0; allowed: 4x4 at least with the preset's own heads"
    )


def test_a_subnet_is_built_of_the_whole_network_that_is_trained(small: Project, tmp_path: Path) -> None:
    chosen = changed(small, {"build": {"mode": "subnet", "exit": 1}})
    net, data, work = topology(chosen), project_dataset(small), work_of(chosen, tmp_path)
    trained, alone_ = (make(net, data.classes, data.shape, work) for make in (whole, built))
    assert (trained.exits, alone_.exits) == (3, 1)
    assert alone_.heads == (trained.heads[1],)
    # What is trained does not follow from what is built of it.
    assert train.settings(chosen) == train.settings(small)
    assert whole(topology(small), data.classes, data.shape, work) == built(topology(small), data.classes, data.shape, work) == trained
