"""Gate heads in integers: wide enough for every logit, and worth what the real logit is."""

import numpy as np
import pytest
import torch

from quant_models.integers.gate_units import gate_units
from quant_models.integers.view import integer_outputs
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.presets import preset
from tests.quant_models.conftest import build_model

IMAGES = np.random.default_rng(6).integers(0, 256, (200, 8, 8, 1), dtype=np.uint8)


@pytest.mark.parametrize("heads", [("pool", "linear"), ("global", "pool"), ("linear", None)])
@pytest.mark.parametrize("bits", [2, 4, 8])
def test_widths_hold_every_logit(heads, bits):
    model = build_model(with_gates(preset("digits"), heads, bits, bits))
    _, gates = integer_outputs(model, IMAGES)
    with torch.no_grad():
        features = list(model.features(torch.from_numpy(IMAGES).permute(0, 3, 1, 2) / 256))
    units = gate_units(model)
    assert set(units) == {k for k, head in enumerate(heads) if head}
    for k, unit in units.items():
        assert -(1 << (unit.bits - 1)) <= gates[k].min() < gates[k].max() < 1 << (unit.bits - 1)
        with torch.no_grad():
            real = model.gate(k, features[k])[:, 0].numpy()
        # Float32 decides either way where an activation lies on a rounding boundary, as means over a whole map often do.
        assert np.median(np.abs(real / unit.scale - gates[k])) < 0.01


def test_there_are_none_without_gate_heads(model):
    assert gate_units(model) == {}
