"""What is evaluated of a network of one's own: its integers, and what its layers cost."""

from pathlib import Path

import pytest

from build_flows.base.ui import SilentUi
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from build_flows.steps.data import project_dataset
from quant_models.judge.corruptions import CORRUPTIONS
from sim import golden
from tests.build_flows.own_networks import FACTORY
from tests.build_flows.uis import Listening

TEXT = """
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
shares = [0.5]
"""


def test_a_network_of_ones_own_is_evaluated_by_its_integers(tmp_path: Path) -> None:
    """All but the attack, which goes by gradients; costs by hand."""
    (tmp_path / "nets.py").write_text(FACTORY)
    (tmp_path / "config.toml").write_text(TEXT)
    made, ui = load_config(tmp_path / "config.toml"), Listening()
    found = flow.evaluate(made, ui)
    assert any(line.startswith("no slowdown attack: ") for line in ui.said)
    assert found.slowdown is None
    page = (made.output / "evaluation.html").read_text()
    assert "A slowdown attack is left out" in page
    assert 'id="slowdown"' not in page
    assert not list((made.output / "evaluation").glob("slowdown*"))
    data = project_dataset(made)
    logits = golden.load(made.output / "golden.npz").run(data.x_test)
    wanted = golden.decide(logits, golden.load_exits(made.output / "exits.json"))
    assert found.operating.accuracy == pytest.approx((wanted.label == data.y_test).mean())
    assert [row.accuracy for row in found.exits] == pytest.approx([(item.argmax(1) == data.y_test).mean() for item in logits])
    # 3x3 convolution of 1 to 4 channels at 4x4 places, 3 by 8 bits; a head of 16 to 10, 3 by 3; 3x1 of 4 to 6 at 2x4, 4 by 3; 6 to 10.
    first, head, second, last = 16 * 36, 160, 2 * 4 * 3 * 4 * 6, 60
    assert [item.macs for item in found.costs] == [first + head, first + head + second + last]
    assert found.costs[0].bitops == first * 3 * 8 + head * 3 * 3
    assert found.last_alone.macs == first + second + last
    assert [kind.name for kind in found.corruptions.kinds] == list(CORRUPTIONS)
    assert {curve.policy for curve in found.curves} >= {"softmax", "max_logit", "entropy"}
    assert flow.evaluate(made, SilentUi()) == found
