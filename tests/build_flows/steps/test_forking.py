"""Networks that fork and join, through the real flow: bit for bit in the RTL, without stalls and with many."""

from pathlib import Path

import numpy as np
import pytest

from build_flows.base.ui import SilentUi
from build_flows.project.load import load
from build_flows.steps import flow
from build_flows.steps.simulate_options import Options
from tests.build_flows.forking_networks import CLASSES, SHAPE

TOML = """
[project]
name = "forking"
output = "out/forking"
[data]
name = "npz"
path = "images.npz"
validation = 0.4
[model]
factory = "nets:make"
[train]
threads = 1
{exits}
[[exits]]
policy = "always"
[calibrate]
shares = {shares}
[target]
cycles_per_sample = {cycles}
[simulate]
samples = 40
finn_images = 4
"""

EARLY = {"two exits at one place": 2, "dense of two scales": 2, "handed on": 2}
"""Exits but the last, of networks that have several."""

NETS = """
import torch
from tests.build_flows.forking_networks import settled


def make():
    return settled({name!r})
"""


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.timeout(1200)
@pytest.mark.parametrize(("name", "cycles"), [("blocks on both sides", 200), ("across blocks", 60), ("from the images", 60),
                                              ("in a head", 100), ("of three", 40), ("side by side", 60),
                                              ("two exits at one place", 60), ("spanned by a skip", 60),
                                              ("dense of two scales", 60), ("handed on", 60), ("down and up", 60), ("of all pixels", 200)])
def test_the_rtl_is_the_golden_model(name: str, cycles: int, tmp_path: Path, model_cache: Path) -> None:
    draw = np.random.default_rng(1)
    np.savez(tmp_path / "images.npz", **{
        f"{kind}_{part}": draw.integers(0, 256, (count, *SHAPE), dtype=np.uint8) if kind == "x" else draw.integers(0, CLASSES, count)
        for part, count in (("train", 300), ("test", 60)) for kind in ("x", "y")})
    (tmp_path / "nets.py").write_text(NETS.format(name=name))
    early = EARLY.get(name, 1)
    exits = "\n".join(['[[exits]]', 'policy = "max_logit"'] * early)
    (tmp_path / "config.toml").write_text(TOML.format(cycles=cycles, exits=exits, shares=[0.4] * early))
    (tmp_path / "out").mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / ".models").symlink_to(model_cache.resolve())
    with flow.open_flow(load(tmp_path / "config.toml"), SilentUi()) as opened:
        found = opened.simulate(Options(samples=40))
        assert (found.samples, found.agree) == (40, 40)
        assert 0 < found.exits[0].share < 1
        for stall in (0.3, 0.9):
            stalled = opened.simulate(Options(samples=40, stall=stall, seed=5))
            assert (stalled.samples, stalled.agree) == (40, 40)
