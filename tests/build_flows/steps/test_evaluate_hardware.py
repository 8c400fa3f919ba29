"""The accelerator as an evaluation asks it."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.base.files import read_json, write_json
from build_flows.project.load import Project
from build_flows.steps import evaluate, evaluate_hardware
from build_flows.steps.data import project_dataset
from build_flows.steps.evaluate_hardware import open_hardware
from sim.errors import AgreementError
from tests.build_flows.alone import work_of

pytestmark = pytest.mark.cosim


def artefacts(tiny: Project) -> dict[str, Path]:
    return {name: tiny.output / name for name in (*evaluate_hardware.INPUTS, "exits.json")}


@pytest.mark.slow
def test_cycles_of_any_images_with_and_without_early_exits(tiny: Project, tmp_path: Path) -> None:
    hardware = open_hardware(artefacts(tiny), work_of(tiny, tmp_path))
    figures = read_json(tiny.output / "sim.json")["figures"]
    images = project_dataset(tiny).x_test[:40]
    assert hardware.run(images, False) == hardware.cycles == figures["cycles_per_sample"]
    # More of them, until how the gates fill at first plays no part.
    hard = hardware.run(project_dataset(tiny).x_train[:200], True)
    assert hard == pytest.approx(max(hardware.intervals), rel=0.02)
    assert hard > hardware.cycles
    assert hardware.clock_mhz == figures["clock_mhz"]


def test_a_result_that_is_not_the_golden_models_is_found(tiny: Project, tmp_path: Path) -> None:
    exits = read_json(tiny.output / "exits.json")
    exits["exits"][0]["threshold"] = 1  # softmax: nothing is that sure
    write_json(tmp_path / "exits.json", exits)
    images = np.ascontiguousarray(project_dataset(tiny).x_test[:40])
    with pytest.raises(AgreementError, match="sample"):
        open_hardware({**artefacts(tiny), "exits.json": tmp_path / "exits.json"}, work_of(tiny, tmp_path)).run(images, False)


def test_the_step_with_hardware_is_another_one_than_that_without(tiny: Project) -> None:
    bare = evaluate.step(tiny, {"checkpoint": tiny.output / "checkpoint.safetensors"}, tiny.output / "exits.json")
    step = evaluate_hardware.step(bare, {name: tiny.output / name for name in evaluate_hardware.INPUTS})
    assert (step.name, step.outputs, step.settings) == (bare.name, bare.outputs, bare.settings)
    assert set(step.inputs) == {*bare.inputs, *evaluate_hardware.INPUTS}
    assert (bare.run.__module__, step.run.__module__) == (evaluate.__name__, evaluate_hardware.__name__)
