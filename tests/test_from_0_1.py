"""What offramp 0.1 left behind: its checkpoints are kept or it is told why not, and its packages work with the driver that is in them.

``fixtures/offramp-0.1.tar.xz`` is a project that version 0.1 trained (300 of scikit-learn's digits, two epochs), compiled, simulated and
packaged, with stand-ins for Vivado's files.
"""

import json
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from build_flows.base.files import hash_path
from build_flows.base.ui import SilentUi
from build_flows.board import design
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
from hw.netlist import load
from sim.board.link import BoardJob, environment
from sim.board.model import build_board
from tests.test_layering import ROOT

ARCHIVE = ROOT / "tests" / "fixtures" / "offramp-0.1.tar.xz"


class Listening(SilentUi):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def info(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The folder that 0.1 left."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    return tmp_path / "offramp-0.1"


def stamp(project: Project, step: str) -> dict[str, object]:
    found: dict[str, object] = json.loads((project.output / ".steps" / f"{step}.json").read_text())
    return found


def test_a_checkpoint_of_the_same_data_and_settings_is_kept(old: Path) -> None:
    project, ui = load_config(old / "config.toml"), Listening()
    before = {name: hash_path(project.output / name) for name in ("checkpoint.safetensors", "metrics.json", "tradeoff.json")}
    exits = json.loads((project.output / "exits.json").read_text())
    seconds = stamp(project, "train")["seconds"]
    flow.train(project, ui)
    assert "checkpoint.safetensors, metrics.json: kept from offramp 0.1" in ui.said
    assert (stamp(project, "train")["version"], stamp(project, "train")["seconds"]) == (2, seconds)
    # Calibrated anew: the same, and beside it what is promised.
    assert {name: hash_path(project.output / name) for name in before} == before
    now = json.loads((project.output / "exits.json").read_text())
    assert {key: now["calibration"].pop(key) for key in ("promise", "confidence", "proof_samples")} == {
        "promise": "none", "confidence": 0.9, "proof_samples": 30}
    del now["calibration"]["harms"], now["calibration"]["bound"]
    assert now == exits
    ui.said.clear()
    flow.train(project, ui)
    assert ui.said == []


@pytest.mark.parametrize(("line", "told"), [("learning_rate = 0.002", "learning_rate"), ("seed = 5", "seed")])
def test_a_checkpoint_of_other_settings_is_not_and_it_is_told_before_training(old: Path, line: str, told: str) -> None:
    file = old / "config.toml"
    file.write_text(file.read_text().replace("[train]\n", f"[train]\n{line}\n"))
    project, ui = load_config(file), Listening()
    before = (project.output / "checkpoint.safetensors").read_bytes()
    flow.train(project, ui)
    warned = next(text for text in ui.said if text.startswith("warning: what offramp 0.1 left of step train is not kept"))
    assert told in warned
    assert (project.output / "checkpoint.safetensors").read_bytes() != before


@pytest.mark.slow
@pytest.mark.cosim
def test_a_package_works_with_the_driver_that_is_in_it(old: Path, tmp_path: Path, model_cache: Path) -> None:
    """Its own self-test, unchanged, on a simulated board with the RTL that it was made with."""
    folder = old / "build" / "old"
    netlist = load((folder / "netlist.json").read_text(encoding="utf-8"))
    model = build_board(netlist, folder / "rtl", model_cache, QUIET=17)  # its resets took a cycle more
    job = BoardJob(model=model, rtl=folder / "rtl", dma_base=design.DMA_BASE, accelerator_base=design.ACCELERATOR_BASE, seed=1, faults={})
    ran = subprocess.run(
        [sys.executable, str(folder / "package" / "selftest.py"), "--json"], env=environment(job), capture_output=True, text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert told["agree"] == told["samples"] > 0
    sums = (folder / "package" / "SHA256SUMS").read_text().splitlines()
    for line in sums:
        digest, name = line.split(maxsplit=1)
        assert hash_path(folder / "package" / name.lstrip("*")) == digest
