"""Projects from Python: loaded, put together, replaced; steps of equal identity are reused."""

import json
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tomli_w

import offramp
from build_flows.board.manifest import threshold_range
from build_flows.project.load import Project as Loaded
from build_flows.project.load import load as load_config
from build_flows.steps.engine import Build
from hw.netlist import load as load_netlist
from quant_models.exits.records import ExitsFile
from tests.build_flows.own_networks import FACTORY, own_project, two_exits
from tests.test_layering import ROOT

Copy = Callable[..., Loaded]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_loaded_project_is_the_files(here: Path) -> None:
    project = offramp.load(ROOT / "examples" / "digits.toml", ui=None)
    assert (project.name, project.file) == ("digits", ROOT / "examples" / "digits.toml")
    assert project.config == load_config(project.file).config
    assert project.folder == ROOT / "examples" / "build" / "digits"


def test_a_project_without_a_file_builds_in_the_current_folder(here: Path) -> None:
    np.savez(here / "own.npz", x_train=np.zeros((2, 8, 8, 1), np.uint8))
    project = offramp.Project("digits", data="own.npz", exits=["margin", {"policy": "margin"}, "always"], name="mine",
                              ui=None, target={"cycles_per_sample": 300})
    assert (project.folder, project.file) == (here / "build" / "mine", here / "build" / "mine" / "config.toml")
    assert [item.policy for item in project.config.exits] == ["margin", "margin", "always"]
    assert project.config.target.cycles_per_sample == 300
    assert (project.config.data.name, project.config.data.path) == ("npz", str(here / "own.npz"))
    assert not project.file.exists(), "nothing is written before a step runs"


def test_tables_merge_and_exits_are_replaced(here: Path) -> None:
    project = offramp.Project("digits", ui=None, target={"clock_mhz": 50})
    other = project.replace(target={"cycles_per_sample": 96}, exits=["entropy", "softmax", "always"])
    assert (other.config.target.clock_mhz, other.config.target.cycles_per_sample) == (50, 96)
    assert [item.policy for item in other.config.exits] == ["entropy", "softmax", "always"]
    assert other.folder.parent == project.folder.parent
    assert other.folder.name.startswith("digits-")
    assert other.replace(target={"cycles_per_sample": None}).config.target.cycles_per_sample == 1296
    assert project.replace() is project
    assert project.replace(target={"clock_mhz": 50}) is project


def test_the_same_values_make_the_same_folder(here: Path) -> None:
    project = offramp.Project("digits", ui=None)
    one = project.replace(target={"cycles_per_sample": 96}).replace(simulate={"seed": 3})
    other = project.replace(simulate={"seed": 3}, target={"cycles_per_sample": 96})
    assert one.folder == other.folder != project.folder


def test_a_new_target_of_calibration_takes_the_place_of_another(here: Path) -> None:
    project = offramp.load(ROOT / "examples" / "digits.toml", ui=None)
    assert project.config.calibrate.accuracy_loss is not None
    changed = project.replace(calibrate={"shares": [0.5, 0.2]}).config.calibrate
    assert (changed.accuracy_loss, changed.shares) == (None, [0.5, 0.2])


def test_places_hold_from_the_variants_own_folder(tmp_path: Path) -> None:
    (tmp_path / "data.npz").touch()
    values = tomllib.loads((ROOT / "examples" / "digits.toml").read_text())
    values["data"] = {"name": "npz", "path": "data.npz"}
    file = tmp_path / "config.toml"
    file.write_text(tomli_w.dumps(values))
    other = offramp.load(file, ui=None).replace(simulate={"seed": 9})
    assert other._project.data == tmp_path / "data.npz"
    assert other.config.data.path == "../../data.npz"


@pytest.mark.slow
def test_a_variant_of_a_network_of_ones_own_finds_its_modules(tiny: Loaded, tmp_path: Path) -> None:
    made = two_exits(own_project(tiny, tmp_path, 'factory = "nets:make"'))
    (tmp_path / "nets.py").write_text(FACTORY)
    project = offramp.load(made.file, ui=None)
    project.train()
    other = project.replace(target={"cycles_per_sample": 700})
    other.train()
    assert other.folder.parent == project.folder.parent
    steps = [json.loads((folder / ".steps" / "train.json").read_text()) for folder in (project.folder, other.folder)]
    assert steps[0]["identity"] == steps[1]["identity"]
    again = other.replace(target={"cycles_per_sample": 800})
    assert again._project.modules == tmp_path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: offramp.Project("nope"), 'preset = "nope": allowed: digits, b_lenet'),
        (lambda: offramp.Project(exits=["softmax", "nope", "always"], ui=None), r'exits\[1\].policy = "nope": allowed'),
        (lambda: offramp.Project(targets={"clock_mhz": 1}, ui=None), "targets"),
        (lambda: offramp.Project(target=3, ui=None), "target = 3: allowed: a table of its keys"),
        (lambda: offramp.Project(data="nowhere.npz", ui=None), 'data = "nowhere.npz": there is no such file or folder'),
        (lambda: offramp.load("nowhere.toml"), "nowhere.toml: no such file"),
    ],
)
def test_what_is_wrong_is_told_in_a_line(make, message: str, here: Path) -> None:
    with pytest.raises(offramp.ConfigError, match=message):
        make()


def test_a_folder_in_use_is_busy(here: Path) -> None:
    project = offramp.Project("digits", ui=None)
    with Build(project.folder), pytest.raises(offramp.Busy, match="in use by another run"):
        project.train()


@pytest.mark.cosim
def test_a_finished_project_answers_with_types(copy: Copy) -> None:
    tiny = copy()
    project = offramp.load(tiny.file, ui=None)
    trained, found = project.train(), project.simulate(samples=40)
    assert [item.policy for item in trained.exits] == ["softmax", "max_logit", "always"]
    assert (found.samples, found.agree) == (40, 40)
    assert found.exits[0].share == pytest.approx(json.loads((tiny.output / "sim.json").read_text())["figures"]["exits"][0]["share"])
    for shown in (trained, found, project.compile()):
        assert "exit" in repr(shown) or "stage" in repr(shown)
        assert "<table>" in shown._repr_html_()


@pytest.mark.cosim
def test_thresholds_move_while_nothing_is_built_again(copy: Copy) -> None:
    tiny = copy()
    project = offramp.load(tiny.file, ui=None)
    before = project.simulate(samples=40)
    # The ends of what a threshold may be are that every sample leaves, and that none does.
    with pytest.raises(offramp.ConfigError, match=r"thresholds: exit 0: threshold of softmax must be from 0\.1 to 1 \(a .*\), not 0\.09"):
        project.simulate(thresholds={0: 0.09})
    item = load_netlist((tiny.output / "netlist.json").read_text()).exits[1]
    most = item.scale * threshold_range(item)[1]
    with pytest.raises(offramp.ConfigError, match=rf"exit 1: threshold of max_logit must be from -{most:.6g} to {most:.6g} \(a logit\)"):
        project.simulate(thresholds={1: 1e4})
    none = project.simulate(samples=40, thresholds={0: 1.0, 1: most})
    all_ = project.simulate(samples=40, thresholds={0: 0.1})
    assert all_.exits[0].share == 1.0
    assert none.exits[0].share < before.exits[0].share
    assert none.exits[1].share == 0
    assert none.agree == all_.agree == 40
    with pytest.raises(offramp.ConfigError, match="exit 2 has none; allowed: 0 to 1"):
        project.simulate(thresholds={2: 0.5})
    assert json.loads((tiny.output / "sim.json").read_text())["figures"] == {
        key: item for key, item in before.to_json().items() if key != "verdict"
    }


@pytest.mark.cosim
@pytest.mark.parametrize("policy", ["always", "never"])
def test_an_exit_that_compares_nothing_takes_no_threshold(copy: Copy, policy: str) -> None:
    own = copy()
    found = json.loads((own.output / "exits.json").read_text())
    found["exits"][0]["policy"] = policy
    (own.output / "exits.json").write_text(json.dumps(found))
    with pytest.raises(offramp.ConfigError, match=f"exit 0 has policy {policy}, which compares nothing; allowed: exits of other policies"):
        offramp.load(own.file, ui=None)._integer(0, 0.5)


@pytest.mark.cosim
def test_a_variant_takes_what_is_the_same_and_trains_nothing(copy: Copy) -> None:
    own = copy()
    project = offramp.load(own.file, ui=None)
    faster = project.replace(target={"cycles_per_sample": 400})
    faster.train()
    for name in ("checkpoint.safetensors", "metrics.json", "exits.json"):
        assert (faster.folder / name).read_bytes() == (own.output / name).read_bytes()
    assert {path.stem for path in (faster.folder / ".steps").glob("*.json")} == {"door", "train", "calibrate", "sources"}
    stamp = json.loads((faster.folder / ".steps" / "train.json").read_text())
    assert stamp["seconds"] == json.loads((own.output / ".steps" / "train.json").read_text())["seconds"]
    assert load_config(faster.file).config == faster.config
    again = faster.replace(calibrate={"shares": [0.1, 0.1]})
    again.train()
    assert ExitsFile.load(again.folder / "exits.json") != ExitsFile.load(faster.folder / "exits.json")
    assert (again.folder / "checkpoint.safetensors").read_bytes() == (own.output / "checkpoint.safetensors").read_bytes()
