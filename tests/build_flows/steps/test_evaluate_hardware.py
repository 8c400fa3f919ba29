"""The accelerator as an evaluation asks it."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.base.files import read_json, write_json
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.steps import training
from build_flows.steps.evaluate_hardware import open_hardware
from sim.errors import AgreementError

pytestmark = pytest.mark.cosim


def test_cycles_of_any_images_with_and_without_early_exits(tiny: Project, model_cache: Path, tmp_path: Path) -> None:
    hardware = open_hardware(lambda name: tiny.output / name, model_cache, tmp_path, SilentUi())
    figures = read_json(tiny.output / "sim.json")["figures"]
    images = training.dataset(tiny).x_test[:40]
    assert hardware.run(images, False) == hardware.cycles == figures["cycles_per_sample"]
    # More of them, until how the gates fill at first plays no part.
    hard = hardware.run(training.dataset(tiny).x_train[:200], True)
    assert hard == pytest.approx(max(hardware.intervals), rel=0.02)
    assert hard > hardware.cycles
    assert hardware.clock_mhz == figures["clock_mhz"]


def test_a_result_that_is_not_the_golden_models_is_found(tiny: Project, model_cache: Path, tmp_path: Path) -> None:
    exits = read_json(tiny.output / "exits.json")
    exits["exits"][0]["threshold"] = 1  # softmax: nothing is that sure
    write_json(tmp_path / "exits.json", exits)

    def path(name: str) -> Path:
        return tmp_path / name if name == "exits.json" else tiny.output / name

    images = np.ascontiguousarray(training.dataset(tiny).x_test[:40])
    with pytest.raises(AgreementError, match="sample"):
        open_hardware(path, model_cache, tmp_path / "run", SilentUi()).run(images, False)
