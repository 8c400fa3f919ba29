"""Some of the exits of a network of one's own, one of them alone, or none but the last: what is left answers as it did."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from build_flows.base.errors import ConfigError
from build_flows.base.ui import SilentUi
from build_flows.planning.read_network import read_network
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from hw.netlist import load
from quant_models.exits.records import ExitsFile
from sim import golden
from tests.build_flows.forking_networks import CLASSES, SHAPE
from tests.build_flows.uis import Listening

TOML = """
[project]
name = "some"
output = "out/some"
[data]
name = "npz"
path = "images.npz"
validation = 0.12
[model]
{source}
[train]
threads = 1
{exits}
[calibrate]
shares = {shares}
[target]
cycles_per_sample = 60
[build]
{build}
"""
NETS = """
from tests.build_flows.forking_networks import settled


def make():
    return settled("handed on")
"""


def project(folder: Path, after: Sequence[int] | None, early: int = 2, build: str = "", source: str = 'factory = "nets:make"') -> Project:
    """Of a network with three exits, the first of whose cuts has two tensors, those that stand ``after`` some stages (None: all)."""
    draw = np.random.default_rng(1)
    np.savez(folder / "images.npz", **{
        f"{kind}_{part}": draw.integers(0, 256, (count, *SHAPE), dtype=np.uint8) if kind == "x" else draw.integers(0, CLASSES, count)
        for part, count in (("train", 100), ("test", 20)) for kind in ("x", "y")})
    (folder / "nets.py").write_text(NETS)
    tables = [f'[[exits]]\npolicy = "max_logit"\nafter = {stage}' for stage in after or ()]
    tables = tables if after is not None else ['[[exits]]\npolicy = "max_logit"'] * early
    (folder / "config.toml").write_text(TOML.format(
        source=source, exits="\n".join([*tables, '[[exits]]\npolicy = "always"']), build=build, shares=[0.4] * len(tables)))
    return load_config(folder / "config.toml")


def trained(made: Project) -> tuple[list[np.ndarray], Listening]:
    """Integer logits of the exits that are built, of the test images."""
    ui = Listening()
    flow.train(made, ui)
    with np.load(made.file.parent / "images.npz") as data:
        return list(golden.load(made.output / "golden.npz").run(data["x_test"])), ui


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Project, list[np.ndarray]]:
    """The network with all its exits, as a factory returns it."""
    made = project(tmp_path_factory.mktemp("whole"), None)
    return made, trained(made)[0]


@pytest.mark.many(50)
@pytest.mark.parametrize(("after", "build", "kept"), [
    ([1], 'mode = "subnet"\nexit = 0', (1,)), ([1], "", (1, 2)), ([], "", (2,)), ([0, 1], "", (0, 1, 2)),
    (None, 'mode = "subnet"\nexit = 1', (1,)), (None, 'mode = "subnet"\nexit = 2', (2,)),
])
def test_what_is_left_answers_as_it_did(
    after: list[int] | None, build: str, kept: tuple[int, ...], whole: tuple[Project, list[np.ndarray]], tmp_path: Path
) -> None:
    """Read again from the QONNX that the whole network was read from."""
    (tmp_path / "net.onnx").write_bytes((whole[0].output / "network.onnx").read_bytes())
    made = project(tmp_path, after, build=build, source='qonnx = "net.onnx"')
    found, ui = trained(made)
    assert len(found) == len(kept)
    for k, logits in zip(kept, found, strict=True):
        assert np.array_equal(logits, whole[1][k])
    network, everything = (read_network(folder / "golden.npz") for folder in (made.output, whole[0].output))
    assert (len(network.layers) < len(everything.layers)) is (len(kept) < 3), "heads that are left out leave nothing behind"
    assert (f"taking exit{'s' * (len(kept) > 1)} {', '.join(map(str, kept))} out of the network's 3" in ui.said) is (len(kept) < 3)
    files = [json.loads((folder / "metrics.json").read_text())["exits"] for folder in (made.output, whole[0].output)]
    configured = (*(range(2) if after is None else after), 2)
    assert [row["accuracy"] for row in files[0]] == [files[1][k]["accuracy"] for k in configured]
    assert len(ExitsFile.load(made.output / "exits.json").exits) == len(kept)
    assert (made.output / "network.onnx").read_bytes() == (tmp_path / "net.onnx").read_bytes()


@pytest.mark.slow
@pytest.mark.cosim
@pytest.mark.timeout(1200)
def test_some_exits_run_in_the_rtl_bit_for_bit(tmp_path: Path, model_cache: Path) -> None:
    """The exit in the middle is left out; the cut of the first has two tensors still."""
    (tmp_path / "out").mkdir()
    model_cache.mkdir(parents=True, exist_ok=True)
    (tmp_path / "out" / ".models").symlink_to(model_cache.resolve())
    made = project(tmp_path, [0])
    figures = flow.simulate(made, SilentUi(), samples=20, stall=0.3)
    assert (figures.samples, figures.agree, len(figures.exits)) == (20, 20, 2)
    assert len(load((made.output / "netlist.json").read_text()).gates) == 2


@pytest.mark.slow
@pytest.mark.parametrize(("after", "early", "message"), [
    ([2], 0, r"exits\[0\]\.after = 2: the network has 3 exits, the last of which .*; allowed: an early exit after stage 0 or 1"),
    (None, 1, r'exits = \["max_logit", "always"\]: the network has 3 outputs, not 2; allowed: one .* for each; .* a single one'),
])
def test_exits_that_are_not_there(
    after: list[int] | None, early: int, message: str, whole: tuple[Project, list[np.ndarray]], tmp_path: Path
) -> None:
    (tmp_path / "net.onnx").write_bytes((whole[0].output / "network.onnx").read_bytes())
    with pytest.raises(ConfigError, match=message):
        trained(project(tmp_path, after, early, source='qonnx = "net.onnx"'))
