"""What offramp 0.1 left behind: its checkpoints are kept or it is told why not, and its packages are whole.

``fixtures/offramp-0.1.tar.xz`` is a project that version 0.1 trained (300 of scikit-learn's digits, two epochs), compiled, simulated and
packaged, with stand-ins for Vivado's files.
"""

import json
import tarfile
from pathlib import Path

import pytest

from build_flows.base.files import hash_path
from build_flows.base.ui import SilentUi
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps import flow
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


def test_a_package_is_whole(old: Path) -> None:
    """Its driver is that of its bitstream; neither is simulated any more."""
    folder = old / "build" / "old" / "package"
    sums = (folder / "SHA256SUMS").read_text().splitlines()
    assert any(line.endswith("offramp_driver/dma.py") for line in sums)
    for line in sums:
        digest, name = line.split(maxsplit=1)
        assert hash_path(folder / name.lstrip("*")) == digest
