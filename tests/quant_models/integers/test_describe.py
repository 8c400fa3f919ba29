"""What is said of a network before it is trained is what its export says of it then."""

import subprocess
import sys

import pytest

from quant_models.integers.describe import describe
from quant_models.integers.export import golden
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.layouts import layout
from quant_models.networks.net import MultiExitNet
from quant_models.networks.presets import preset
from tests.quant_models.conftest import bit_spec, residual_spec, scales_spec, separable_spec


@pytest.mark.parametrize("spec", [
    preset("digits"), preset("har", 3, 5), preset("triple_wins", 2, 2, shape=(16, 20, 3)),
    with_gates(layout("b_lenet", [(0, "conv"), (1, "global")]), ("pool", None), 4, 4),
    residual_spec(), separable_spec(), bit_spec(), scales_spec(),
], ids=["digits", "har", "triple_wins", "gates", "residual blocks", "groups", "bits", "scales"])
def test_it_is_what_the_export_writes(spec):
    meta, shapes = describe(spec)
    exported, arrays = golden(MultiExitNet(spec))
    for part in ("stages", "heads", "gates"):
        for layer in (layer for block in exported.get(part, ()) for layer in block["layers"]):
            # Of layers with thresholds where the description says what each of them reads.
            if "bias" in layer or ("thresholds" in layer and meta["version"] > 1):
                assert layer.pop("scale") > 0
    assert meta == exported
    assert shapes == {key: array.shape for key, array in arrays.items()}


def test_it_needs_no_torch():
    told = "import sys; import quant_models.integers.describe; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True).stdout == "False\n"
