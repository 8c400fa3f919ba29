"""Weights are cut out of a network that was trained with more exits, and what was not trained is told."""

from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.files import read_json
from build_flows.project.load import Project
from build_flows.steps import calibrate, export, take, train
from quant_models.networks.checkpoint import load_checkpoint
from tests.build_flows.alone import alone, golden_meta
from tests.build_flows.projects import configured
from tests.build_flows.uis import Listening

ALL = [(0, "preset"), (0, "conv"), (1, "linear")]


def trained(folder: Path, **changes: str) -> Path:
    """A checkpoint with all exits of ALL, of the project in ``folder``."""
    made = configured(folder, ALL, epochs="1", **changes)
    return alone(made, train.step(made), folder / "all") / "checkpoint.safetensors"


def test_a_layout_is_cut_out_of_a_training_of_all_heads(small: Project, tmp_path: Path) -> None:
    source, ui = trained(small.file.parent), Listening()
    part = configured(small.file.parent, [(0, "conv")], checkpoint='"all/checkpoint.safetensors"')
    work = alone(part, take.step(part), tmp_path / "work", ui)
    assert ui.said == [f"taking the weights from {source}"]
    whole, metrics = (read_json(folder / "metrics.json") for folder in (source.parent, work))
    assert metrics["exits"] == [whole["exits"][1], whole["exits"][3]]
    assert (metrics["history"], metrics["taken"]["exits"], metrics["settings"]["epochs"]) == ([], [1, 3], 1)
    checkpoint = work / "checkpoint.safetensors"
    assert load_checkpoint(checkpoint).progress["metrics"]["exits"] == metrics["exits"]
    alone(part, calibrate.step(part, {"checkpoint": checkpoint}), work)
    assert len(read_json(work / "exits.json")["exits"]) == 2
    alone(part, export.step(part, checkpoint), work)
    heads = [[layer["kind"] for layer in head["layers"]] for head in golden_meta(work)["heads"]]
    assert heads == [["conv", "maxpool", "linear"], ["global_sum", "linear"]]


def test_a_layout_that_was_not_trained_is_told_with_file_key_and_value(small: Project, tmp_path: Path) -> None:
    source = trained(small.file.parent)
    other = configured(small.file.parent, [(1, "pool")], checkpoint='"all/checkpoint.safetensors"')
    with pytest.raises(ConfigError) as caught:
        alone(other, take.step(other), tmp_path / "work")
    assert caught.value.message.startswith(
        f'{small.file}: train.checkpoint = "all/checkpoint.safetensors": checkpoint {source} was not trained with the head of exit 0, '
        "after block 1: max-pool, linear 10; it has after block 0: "
    )


def test_weights_that_have_seen_the_validation_split_are_told(small: Project, tmp_path: Path) -> None:
    trained(small.file.parent, validation="0.3")
    part, ui = configured(small.file.parent, [], checkpoint='"all/checkpoint.safetensors"'), Listening()
    alone(part, take.step(part), tmp_path / "work", ui)
    assert ui.said[1].startswith("warning: the weights were trained with other images, data.validation or train.seed")


def test_how_to_train_does_not_matter(small: Project) -> None:
    (small.file.parent / "net").write_bytes(b"1")
    one, other = (take.step(configured(small.file.parent, checkpoint='"net"', epochs=epochs)).settings for epochs in "12")
    assert one == other
    assert one != take.step(configured(small.file.parent, checkpoint='"net"', validation="0.3")).settings
