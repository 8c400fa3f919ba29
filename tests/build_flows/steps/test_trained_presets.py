"""Presets trained here and taken through the real flow: bit for bit in the RTL, without stalls and with some."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from build_flows.artefacts.agreement import AgreementFile
from build_flows.base.ui import SilentUi
from build_flows.project.load import load
from build_flows.steps import flow
from build_flows.steps.simulate_options import Options
from hw.netlist import load as load_netlist
from quant_models.training.records import MetricsFile

TESTED = 360


def config(model: Mapping[str, Any], epochs: int, cycles: int) -> str:
    """A project that trains the ``model`` on digits."""
    return tomli_w.dumps({
        "project": {"name": "trained", "output": "out/trained"}, "data": {"name": "digits", "validation": 0.2}, "model": model,
        "train": {"threads": 1, "epochs": epochs, "batch_size": 64},
        "exits": [{"policy": "softmax"}, {"policy": "max_logit"}, {"policy": "always"}], "calibrate": {"shares": [0.4, 0.3]},
        "target": {"cycles_per_sample": cycles, "hard_share": [0.6, 0.5]}, "simulate": {"samples": 40, "finn_images": 4},
    })


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.parametrize(("model", "epochs", "cycles", "stalls", "body"), [
    pytest.param({"preset": "resnet8"}, 3, 8000, (0.3, 0.9), "", id="residual blocks", marks=(pytest.mark.long, pytest.mark.timeout(2400))),
    pytest.param({"preset": "msdnet_tiny"}, 3, 8000, (0.3, 0.9), "", id="two scales", marks=(pytest.mark.long, pytest.mark.timeout(2400))),
    pytest.param({"preset": "tfc", "weight_bits": 1, "act_bits": 1}, 6, 400, (0.3,), "binary", id="1 bit", marks=pytest.mark.timeout(1200)),
])
def test_the_rtl_is_what_was_trained(
    model: Mapping[str, Any], epochs: int, cycles: int, stalls: tuple[float, ...], body: str, tmp_path: Path, model_cache: Path
) -> None:
    (tmp_path / "config.toml").write_text(config(model, epochs, cycles))
    made = tmp_path / "out" / "trained"
    made.parent.mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (made.parent / ".models").symlink_to(model_cache.resolve())
    with flow.open_flow(load(tmp_path / "config.toml"), SilentUi()) as opened:
        found = opened.simulate(Options(samples=40))
        assert (found.samples, found.agree) == (40, 40)
        assert [0 < item.share < 1 for item in found.exits] == [True] * 3
        # Brevitas and the golden model, on every test image.
        assert AgreementFile.load(made / "agreement.json").brevitas == TESTED
        # It has learned: one of ten would be chance.
        assert min(item.accuracy for item in MetricsFile.load(made / "metrics.json").history[-1]) > 0.5
        layers = load_netlist((made / "netlist.json").read_text()).layers
        assert not body or {"stage1_fc0", "stage2_fc0"} <= {layer.name for layer in layers if layer.folding.get(body)}
        for stall in stalls:
            stalled = opened.simulate(Options(samples=40, stall=stall, seed=5))
            assert (stalled.samples, stalled.agree) == (40, 40)
