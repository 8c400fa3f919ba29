"""Thresholds are found on the validation split with the exact integer logits, and what cannot be had is told."""

import json
from pathlib import Path

import numpy as np
import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.files import read_json
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import calibrate, flow
from build_flows.steps.data import project_dataset
from quant_models.exits.calibrate import calibrate as find_thresholds
from quant_models.exits.deciding import ExitLogits, apply
from sim import golden
from tests.build_flows.alone import alone
from tests.build_flows.own_networks import FACTORY
from tests.build_flows.projects import changed
from tests.build_flows.uis import Listening

OWN = """
[project]
name = "mine"
[data]
name = "digits"
validation = 0.2
[model]
factory = "nets:make"
[train]
threads = 1
[[exits]]
policy = "softmax"
[[exits]]
policy = "always"
[calibrate]
mean_cost = 0.9
"""


def test_exits_leave_as_wanted(small: Project, first: Path, tmp_path: Path) -> None:
    work = alone(small, calibrate.step(small, {"checkpoint": first / "checkpoint.safetensors"}), tmp_path / "work")
    assert sorted(item.name for item in work.iterdir()) == ["exits.json", "tradeoff.json"]
    exits = read_json(work / "exits.json")["exits"]
    assert [item["policy"] for item in exits] == ["softmax", "max_logit", "always"]
    assert sum(item["leave"] for item in exits) == pytest.approx(1)
    assert exits[0]["leave"] == pytest.approx(0.5, abs=0.05)
    assert len(read_json(work / "tradeoff.json")["curves"]) == 2


@pytest.mark.cosim
def test_a_temperature_reaches_exits_json(tiny: Project, small: Project, tmp_path: Path) -> None:
    chosen = changed(small, {"calibrate": {"temperature": True}})
    alone(chosen, calibrate.step(chosen, {"checkpoint": tiny.output / "checkpoint.safetensors"}), tmp_path)
    found, before = (read_json(folder / "exits.json") for folder in (tmp_path, tiny.output))
    assert all(0.1 < entry["temperature"] < 10 for entry in found["exits"])
    assert not any("temperature" in entry for entry in before["exits"])
    for told in found["calibration"]["temperature"]:
        assert told["log_loss_scaled"] < told["log_loss"]
    assert found["exits"][0]["params"] != before["exits"][0]["params"]


SCORED = ("max_logit", "margin", "softmax", "entropy")


@pytest.mark.cosim
@pytest.mark.parametrize(("policy", "score"), [*((name, "softmax") for name in (*SCORED, "patience")),
                                               *(("class_threshold", name) for name in SCORED)])
def test_the_golden_model_decides_the_same_of_a_trained_network_s_logits(policy: str, score: str, tiny: Project) -> None:
    """Every policy, and thresholds by class of every score, on logits of images that calibrated nothing."""
    data, network = project_dataset(tiny), golden.load(tiny.output / "golden.npz")
    seen, logits = network.run(data.x_train[:200]), network.run(data.x_test)
    scales = [entry["scale"] for entry in read_json(tiny.output / "exits.json")["exits"]]
    exits = [
        ExitLogits(policy=policy if k < 2 else "always", logits=item, scale=scale, score=score)
        for k, (item, scale) in enumerate(zip(seen, scales, strict=True))
    ]
    for temperature in (False, True):
        found = find_thresholds(exits, np.asarray(data.y_train[:200], np.int64), shares=[0.4, 0.3], temperature=temperature)
        told = golden.decide(logits, golden.parse_exits(json.loads(found.dump())))
        label, taken = apply(found.exits, logits)
        assert (told.label == label).all()
        assert (told.exit == taken).all()
        assert policy == "patience" or len(set(taken)) > 1


def test_a_mean_cost_is_calibrated_and_one_out_of_reach_is_told(small: Project, first: Path, tmp_path: Path) -> None:
    text, ui = small.file.read_text(), Listening()

    def calibrated(share: str) -> None:
        small.file.write_text(text.replace("shares = [0.5, 0.3]", f'mean_cost = {share}\ncost = "bit_ops"'))
        wanted = load_config(small.file)
        alone(wanted, calibrate.step(wanted, {"checkpoint": first / "checkpoint.safetensors"}), tmp_path, ui)

    calibrated("0.6")
    told = read_json(tmp_path / "exits.json")["calibration"]
    assert told["wanted"] == {"cost": "bit operations", "mean_cost": 0.6}
    assert 0.3 < told["mean_cost"] <= 0.6
    assert f"mean cost: {100 * told['mean_cost']:.1f} % of the whole network's bit operations" in ui.said
    with pytest.raises(
        ConfigError, match=r"config\.toml: calibrate\.mean_cost = 0\.01: .* the best is (0\.\d+), .*; allowed: 0\.\d+ to 1"
    ) as caught:
        calibrated("0.01")
    least = caught.value.message.rsplit("allowed: ", 1)[1].removesuffix(" to 1")
    calibrated(least)


def test_a_network_of_ones_own_costs_what_its_layers_cost(tmp_path: Path) -> None:
    """Convolution of 3x3 over 1 to 4 channels at 16 places and a head of 16 to 10; 3x1 over 4 to 6 at 8 places and a head of 6 to 10."""
    (tmp_path / "nets.py").write_text(FACTORY)
    (tmp_path / "config.toml").write_text(OWN)
    made, ui = load_config(tmp_path / "config.toml"), Listening()
    flow.train(made, ui)
    told = read_json(made.output / "exits.json")
    first, rest, whole = 16 * 36 + 160, 8 * 72 + 60, 16 * 36 + 8 * 72 + 60
    reach = told["exits"][1]["reach"]
    assert 0 < reach < 1
    assert told["calibration"]["wanted"] == {"cost": "MACs", "mean_cost": 0.9}
    assert told["calibration"]["mean_cost"] == pytest.approx((first + reach * rest) / whole)
    assert f"mean cost: {100 * told['calibration']['mean_cost']:.1f} % of the whole network's MACs" in ui.said
    made.file.write_text(OWN.replace("mean_cost = 0.9", "mean_cost = 0.6").replace("threads = 1", "threads = 1\nseed = 3"))
    with pytest.raises(ConfigError, match=rf"mean_cost = 0\.6: a sample that leaves at exit 0 costs {first / whole:.4f} of the whole"):
        flow.train(load_config(made.file), ui)


def test_shares_that_ties_do_not_allow_are_told() -> None:
    ui = Listening()
    calibrate._warn_of_shares(ui, [0.4, 0.2], [0.41, 0.19, 0.4])
    assert ui.said == []
    calibrate._warn_of_shares(ui, [0.4, 0.2], [0.0, 0.2, 0.8])
    assert "wants 0.400, 0.200; the nearest that thresholds can give is 0.000, 0.200" in ui.said[0]


def test_a_subnet_has_no_early_exit_to_calibrate(small: Project, first: Path, tmp_path: Path) -> None:
    from build_flows.steps import subnet

    chosen = changed(small, {"build": {"mode": "subnet", "exit": 1}})
    alone(chosen, subnet.step(chosen, first / "checkpoint.safetensors"), tmp_path)
    alone(chosen, calibrate.step(chosen, {"checkpoint": tmp_path / "subnet.safetensors"}), tmp_path)
    [only] = read_json(tmp_path / "exits.json")["exits"]
    assert (only["policy"], only["leave"]) == ("always", 1.0)
