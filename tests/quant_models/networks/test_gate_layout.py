"""Gate heads beside the heads of any layout."""

import pytest

from quant_models.errors import QuantModelError
from quant_models.networks.gate_layout import GATE_HEADS, with_gates
from quant_models.networks.layouts import layout
from quant_models.networks.presets import preset
from quant_models.networks.spec import GlobalPool, Linear, MaxPool, NetSpec, trace


def test_forms():
    spec = with_gates(layout("digits", [(0, "linear"), (0, "global"), (1, "conv")]), GATE_HEADS, 3, 5)
    assert spec.gated == (0, 1, 2)
    assert [[type(layer) for layer in chain] for chain in spec.gates] == [[GlobalPool, Linear], [MaxPool, Linear], [Linear], []]
    assert all(chain[-1] == Linear(out=1, weight_bits=3) for chain in spec.gates[:-1])
    assert spec.gates[0][0].act.bits == 5
    names = [unit.name for _, _, unit in trace(spec)]
    assert names.index("head0_fc0") < names.index("gatehead0_gap0") < names.index("gatehead0_fc0") < names.index("head1_gap0")
    assert NetSpec.from_json(spec.to_json()) == spec
    assert spec.digest() != layout("digits", [(0, "linear"), (0, "global"), (1, "conv")]).digest()


def test_windows_of_samples_are_pooled_in_time():
    spec = with_gates(preset("har"), ["pool", None], 4, 4)
    assert spec.gates[0][0] == MaxPool(kernel=(2, 1), stride=(2, 1))
    assert spec.gated == (0,)


def test_none_is_the_network_itself():
    spec = preset("digits")
    assert with_gates(spec, [None, None], 4, 4) == spec
    assert with_gates(spec, [None, None], 4, 4).to_json() == spec.to_json()
    assert "gates" not in spec.to_json()


@pytest.mark.parametrize(("gates", "message"), [
    (["pool"], "gates must be one for every exit but the last, 2, not 1"),
    (["pool", "conv"], "exit 1: gate_head must be one of global, pool, linear, not 'conv'"),
])
def test_what_does_not_fit_is_told(gates, message):
    with pytest.raises(QuantModelError, match=message):
        with_gates(preset("digits"), gates, 4, 4)
