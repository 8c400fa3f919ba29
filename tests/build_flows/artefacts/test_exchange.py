"""Other weights of exchangeable heads make the same RTL with other contents of its memories."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from build_flows.artefacts.exchange import differences
from build_flows.base.errors import ConfigError
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import calibrate, compile, export, flow, simulate
from build_flows.steps.data import data_inputs, project_dataset
from build_flows.steps.simulate_options import Options
from hw.netlist import load
from quant_models.networks.checkpoint import load_checkpoint, save_checkpoint
from tests.build_flows.alone import alone, work_of


def other_heads(source: Path, target: Path) -> None:
    """The network at ``source`` with heads of quite other weights, batch norms, activations and biases."""
    found, generator = load_checkpoint(source), torch.Generator().manual_seed(5)

    def other(key: str, value: torch.Tensor) -> torch.Tensor:
        if not key.startswith("heads.") or not value.is_floating_point() or not value.dim():
            return value
        changed = 0.2 * value + 3 * value.abs().mean() * torch.randn(value.shape, generator=generator)
        return changed.abs() + 0.1 if key.endswith(("running_var", "norm.weight")) else changed

    save_checkpoint(target, dataclasses.replace(found, model={key: other(key, value) for key, value in found.model.items()}))


def compiled(project: Project, work: Path, checkpoint: Path) -> Path:
    alone(project, calibrate.step(project, {"checkpoint": checkpoint}), work)
    alone(project, export.step(project, checkpoint), work)
    return alone(project, compile.step(project, work / "model.onnx", work / "golden.npz", work / "exits.json"), work)


def with_build(project: Project, text: str) -> Project:
    project.file.write_text(project.file.read_text().replace("[build]\n", f"[build]\n{text}\n"))
    return load_config(project.file)


@pytest.mark.slow
@pytest.mark.cosim
def test_two_sets_of_heads_differ_in_memories_alone(copy: Callable[..., Project], tmp_path: Path) -> None:
    tiny = copy()
    project = with_build(tiny, "exchangeable_heads = true")
    first = project.output / "checkpoint.safetensors"
    other_heads(first, tmp_path / "other.safetensors")
    works = [compiled(project, tmp_path / name, path)
             for name, path in (("first", first), ("second", tmp_path / "other.safetensors"))]
    netlists = [load((work / "netlist.json").read_text()) for work in works]
    assert netlists[0].exchangeable
    assert [item.bias for item in netlists[0].exits] != [item.bias for item in netlists[1].exits]
    assert [item.params for item in netlists[0].exits] != [item.params for item in netlists[1].exits]
    assert [item.acc_bits for item in netlists[0].exits] == [item.acc_bits for item in netlists[1].exits]
    found = differences(*works)
    assert found.others == []
    assert {"memories/accelerator_settings.dat", "memories/decision0_bias.dat", "memories/decision0_exponents0.dat"} <= set(found.memories)
    heads = ("memories/accelerator_", "memories/decision", "memories/head")
    assert all(name.startswith(heads) for name in found.memories)
    assert (works[0] / "sizing.json").read_bytes() == (works[1] / "sizing.json").read_bytes()

    # Every result is the golden model's, and the heads do decide differently.
    figures = []
    for work in works:
        (work / "sim").mkdir()
        inputs = {**{name: work / name for name in simulate.INPUTS}, **data_inputs(project)}
        figures.append(simulate.simulate(simulate.settings(project, Options(samples=40)), inputs, work_of(project, work / "sim")))
    assert [item.agree for item in figures] == [40, 40]
    assert figures[0].accuracy != figures[1].accuracy


@pytest.mark.slow
@pytest.mark.cosim
def test_a_users_project_has_the_rtl_it_started_from(copy: Callable[..., Project]) -> None:
    everybody = with_build(copy(), "exchangeable_heads = true")
    assert flow.compile(everybody, SilentUi()).exchange is None
    data = project_dataset(everybody)
    np.savez(everybody.file.parent / "user.npz", x=data.x_train[:200], y=data.y_train[:200])
    text = everybody.file.read_text().replace("exchangeable_heads = true\n", "").replace('"tiny"', '"user"').replace("out/tiny", "out/user")
    text = text.replace("[train]\n", '[train]\nscheme = "personal"\nstart = "out/tiny/checkpoint.safetensors"\n')
    file = everybody.file.with_name("user.toml")
    file.write_text(f'{text}[personal]\nsamples = "user.npz"\n')
    user = load_config(file)
    found = flow.compile(user, SilentUi()).exchange
    assert found is not None
    assert (found.start, found.same_rtl, found.others) == (str(everybody.output), True, [])
    assert {"memories/accelerator_settings.dat", "memories/head0_fc0_mvau_memblock.dat"} <= set(found.memories)
    # Its last head is the one that all share.
    assert not any(name.startswith("memories/head2") for name in found.memories)


def test_files_that_differ_are_told(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name / "rtl" / "memories").mkdir(parents=True)
        (tmp_path / name / "rtl" / "top.v").write_text("same")
        (tmp_path / name / "rtl" / "memories" / "a.dat").write_text(name)
    one, two = tmp_path / "one", tmp_path / "two"
    found = differences(one, two)
    assert found.to_json() == {"start": str(one), "same_rtl": True, "memories": ["memories/a.dat"], "others": []}
    assert found.told() == f"the RTL is that of {one}, with other contents in these of its memories: memories/a.dat"
    (two / "rtl" / "top.v").write_text("other")
    (two / "rtl" / "memories" / "b.dat").write_text("")
    found = differences(one, two)
    assert (found.same_rtl, found.others) == (False, ["memories/b.dat", "top.v"])
    assert found.told().startswith(f"warning: the RTL is not that of {one}: memories/b.dat and 1 more differ; ")
    assert differences(one, one).told().endswith("in these of its memories: none")


def test_stages_must_be_planned_without_the_weights(copy: Callable[..., Project]) -> None:
    project = with_build(copy(), "exchangeable_heads = true")
    project.refuse_unplanned()
    assert project.config.hard_share == pytest.approx([0.5, 0.4])
    project.file.write_text(project.file.read_text().replace("shares = [0.5, 0.3]", "accuracy_loss = 1.0"))
    project = load_config(project.file)
    with pytest.raises(ConfigError) as caught:
        project.refuse_unplanned()
    assert caught.value.message == (
        f"{project.file}: build.exchangeable_heads = true: stages cannot be planned for what calibration finds of these heads; allowed: "
        "target.hard_share or calibrate.shares set, or build.exchangeable_heads = false"
    )
    project.file.write_text(project.file.read_text().replace("[target]\n", "[target]\nhard_share = [0.6, 0.5]\n"))
    load_config(project.file).refuse_unplanned()
