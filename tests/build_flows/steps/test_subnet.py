"""One exit of the trained network alone answers as it did in the whole."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.project.load import Project
from build_flows.steps import subnet
from build_flows.steps.data import project_dataset
from quant_models.integers.view import integer_logits
from quant_models.networks.checkpoint import load_checkpoint, load_model
from tests.build_flows.alone import alone
from tests.build_flows.projects import changed
from tests.build_flows.uis import Listening


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_exit_that_is_built_is_taken_out(index: int, small: Project, first: Path, tmp_path: Path) -> None:
    ui, whole = Listening(), first / "checkpoint.safetensors"
    chosen = changed(small, {"build": {"mode": "subnet", "exit": index}})
    found = alone(chosen, subnet.step(chosen, whole), tmp_path / "work", ui) / "subnet.safetensors"
    assert ui.said == [f"taking exit {index} out of the network"]
    assert load_checkpoint(found).spec.exits == 1
    images = project_dataset(small).x_test
    [logits] = integer_logits(load_model(found), images)
    assert np.array_equal(logits, integer_logits(load_model(whole), images)[index])
