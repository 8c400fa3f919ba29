"""A preset whose weights and activations are of 1 bit, trained here and taken through the real flow: bit for bit in the RTL, without stalls
and with some."""

from pathlib import Path

import pytest

from build_flows.artefacts.agreement import AgreementFile
from build_flows.base.ui import SilentUi
from build_flows.project.load import load
from build_flows.steps import flow
from build_flows.steps.simulate_options import Options
from hw.netlist import load as load_netlist
from quant_models.training.records import MetricsFile

TOML = """
[project]
name = "bits"
output = "out/bits"
[data]
name = "digits"
validation = 0.2
[model]
preset = "tfc"
weight_bits = 1
act_bits = 1
[train]
threads = 1
epochs = 6
batch_size = 64
[[exits]]
policy = "softmax"
[[exits]]
policy = "max_logit"
[[exits]]
policy = "always"
[calibrate]
shares = [0.4, 0.3]
[target]
cycles_per_sample = 400
hard_share = [0.6, 0.5]
[simulate]
samples = 40
finn_images = 4
"""


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.timeout(1200)
def test_the_rtl_is_what_was_trained(tmp_path: Path, model_cache: Path) -> None:
    (tmp_path / "config.toml").write_text(TOML)
    (tmp_path / "out").mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / ".models").symlink_to(model_cache.resolve())
    made = tmp_path / "out" / "bits"
    with flow.open_flow(load(tmp_path / "config.toml"), SilentUi()) as opened:
        found = opened.simulate(Options(samples=40))
        assert (found.samples, found.agree) == (40, 40)
        assert [0 < item.share < 1 for item in found.exits] == [True] * 3
        # Brevitas and the golden model, on every test image.
        assert AgreementFile.load(made / "agreement.json").brevitas == 360
        # It has learned: one of ten would be chance.
        assert min(item.accuracy for item in MetricsFile.load(made / "metrics.json").history[-1]) > 0.5
        assert {"stage1_fc0", "stage2_fc0"} <= {
            layer.name for layer in load_netlist((made / "netlist.json").read_text()).layers if layer.folding.get("binary")}
        stalled = opened.simulate(Options(samples=40, stall=0.3, seed=5))
        assert (stalled.samples, stalled.agree) == (40, 40)
