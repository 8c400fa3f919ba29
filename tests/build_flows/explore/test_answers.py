"""What all exits make of the validation images, against the golden model of what was exported."""

from pathlib import Path

import numpy as np
import pytest
import tomli_w

from build_flows.base.ui import SilentUi
from build_flows.explore import answers
from build_flows.explore.answers import GOLDEN, LOGITS, load_answers
from build_flows.project.load import load
from build_flows.steps.data import data_settings, dataset, held_out
from build_flows.steps.engine import Work
from build_flows.steps.topology import built, topology
from quant_models.datasets.load import split
from sim import golden


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """A network that was not trained, with two heads after one block, and its answers."""
    from quant_models.networks.checkpoint import Checkpoint, save_checkpoint
    from quant_models.networks.net import MultiExitNet

    folder = tmp_path_factory.mktemp("answers")
    draw = np.random.default_rng(1)
    np.savez(folder / "images.npz", x_train=draw.integers(0, 256, (120, 8, 8, 1), dtype=np.uint8), y_train=np.arange(120) % 10,
             x_test=draw.integers(0, 256, (10, 8, 8, 1), dtype=np.uint8), y_test=np.arange(10))
    (folder / "config.toml").write_text(tomli_w.dumps({
        "project": {"name": "a", "output": "out"}, "data": {"name": "npz", "path": "images.npz", "validation": 0.25},
        "model": {"preset": "digits", "weight_bits": 3, "act_bits": 3}, "train": {"threads": 1},
        "exits": [*({"policy": "max_logit", "after": 0, "head": head} for head in ("linear", "pool")), {"policy": "always"}]}))
    project = load(folder / "config.toml")
    work = Work(folder=folder / "work", ui=SilentUi(), output=folder / "out", file=project.file)
    work.folder.mkdir()
    model = MultiExitNet(built(topology(project), 10, (8, 8, 1), work))
    save_checkpoint(folder / "trained", Checkpoint(spec=model.spec, model=model.state_dict(), progress={}))
    step = answers.step(project, {"checkpoint": folder / "trained"})
    step.run(step.settings, step.inputs, work)
    return project, work


def test_the_integers_are_those_of_the_golden_model(answered):
    project, work = answered
    found = load_answers(work.folder / LOGITS)
    data = dataset(data_settings(project), {"data": project.data}, work.caches)
    _, held = split(data, held_out(project).fraction, held_out(project).seed)
    assert len(held) == 30
    assert (found.labels == data.y_train[held]).all()
    net = golden.load(work.folder / GOLDEN)
    wanted = net.run(data.x_train[held])
    assert len(found.logits) == len(wanted) == 3
    for one, other in zip(found.logits, wanted, strict=True):
        assert one.dtype == np.int32
        assert (one == other).all()
    assert found.scales == tuple(net.scales)


def test_it_says_what_it_writes(answered):
    project, _ = answered
    step = answers.step(project, {"checkpoint": Path("x")})
    assert (step.name, step.outputs) == ("answers", (LOGITS, GOLDEN))
    assert set(step.inputs) == {"checkpoint", "data"}


def test_a_network_of_ones_own_answers_by_its_integers(answered, tmp_path):
    """The golden model is the network then: what was exported here is taken for one."""
    from dataclasses import replace

    project, work = answered
    step = answers.step(project, {"golden": work.folder / GOLDEN})
    own = replace(work, folder=tmp_path)
    step.run(replace(step.settings, network=None), step.inputs, own)
    one, other = load_answers(tmp_path / LOGITS), load_answers(work.folder / LOGITS)
    assert all((a == b).all() for a, b in zip(one.logits, other.logits, strict=True))
    assert one.scales == other.scales
    assert (tmp_path / GOLDEN).read_bytes() == (work.folder / GOLDEN).read_bytes()
