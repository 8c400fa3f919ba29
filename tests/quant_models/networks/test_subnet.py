"""One exit by itself computes what the whole network computes there."""

import numpy as np
import pytest

from quant_models.integers.view import integer_logits
from quant_models.networks.checkpoint import Checkpoint, load_model, save_checkpoint
from quant_models.networks.layouts import layout
from quant_models.networks.subnet import subnet
from quant_models.networks.subnet_spec import subnet_spec
from tests.quant_models.conftest import build_model, build_spec, residual_spec, scales_spec

SHARED = layout("digits", [(0, "preset"), (0, "linear"), (1, "conv")])


@pytest.mark.parametrize("spec", [build_spec(), SHARED, residual_spec(), scales_spec()],
                         ids=["every kind of layer", "two exits after one block", "residual blocks", "scales"])
def test_every_exit_by_itself(tmp_path, spec):
    model = build_model(spec)
    whole = tmp_path / "whole.safetensors"
    save_checkpoint(whole, Checkpoint(spec=spec, model=model.state_dict(), progress={"run": {"data": "x"}}))
    images = np.random.default_rng(4).integers(0, 256, (30, spec.height, spec.width, spec.channels), dtype=np.uint8)
    wanted = integer_logits(model, images)
    for index in range(spec.exits):
        found = subnet(whole, index)
        assert found.spec == subnet_spec(spec, index)
        assert found.progress == {"cut": {"digest": spec.digest(), "exits": [index]}, "run": {"data": "x"}}
        save_checkpoint(tmp_path / "alone.safetensors", found)
        [logits] = integer_logits(load_model(tmp_path / "alone.safetensors", found.spec), images)
        assert np.array_equal(logits, wanted[index])
