"""Sweep files: what they may say, what they expand to, and what is told of those that are wrong."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from build_flows.base.errors import ConfigError
from build_flows.compare import sweep
from build_flows.compare.sweep import plan_configs, plan_sweep
from build_flows.project.load import load as load_config
from build_flows.project.load import parse

BASE: dict[str, Any] = {
    "project": {"name": "base", "output": "somewhere"}, "data": {"name": "npz", "path": "../images.npz"},
    "model": {"preset": "b_lenet"}, "train": {"epochs": 3, "exit_weights": [0.5, 1.0]},
    "exits": [{"policy": "max_logit"}, {"policy": "always"}], "calibrate": {"shares": [0.75], "epsilon": 0.01},
    "target": {"cycles_per_sample": 1300, "hard_share": [0.25]},
}
SWEEP = """
version = 1
base = "base.toml"
[[layouts]]
name = "none"
[[layouts]]
name = "early"
exits = [{ after = 0, head = "conv", policy = "softmax" }]
[[layouts]]
name = "early-pool"
exits = [{ after = 0, head = "pool", policy = "entropy" }]
target = { cycles_per_sample = 650, hard_share = [0.4] }
calibrate = { accuracy_loss = 1.0 }
[[layouts]]
name = "both"
exits = [{ after = 0, head = "conv", policy = "softmax" }, { after = 1, policy = "max_logit" }]
build = { folding = "folds/both.toml" }
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images.npz").write_bytes(b"")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "base.toml").write_text(tomli_w.dumps(BASE))
    return tmp_path / "work"


def write(folder: Path, text: str = SWEEP, **base: Any) -> Path:
    (folder / "base.toml").write_text(tomli_w.dumps(BASE | base))
    (folder / "trial.toml").write_text(text)
    return folder / "trial.toml"


def values(layout: sweep.Layout) -> dict[str, Any]:
    assert layout.text is not None
    return tomllib.loads(layout.text)


def test_it_expands_to_configurations_beside_each_other(folder: Path) -> None:
    plan = plan_sweep(write(folder))
    home = folder / "build" / "trial"
    assert [layout.name for layout in plan.layouts] == ["none", "early", "early-pool", "both"]
    assert [layout.file for layout in plan.layouts] == [home / layout.name / "config.toml" for layout in plan.layouts]
    assert plan.output == home
    assert not home.exists()
    plan.write(print)
    for layout in (*plan.layouts, *plan.trainings):
        assert layout.file.read_text() == layout.text
        assert parse(layout.file.read_text()) == layout.config
    assert load_config(plan.trainings[0].file).output == home / "shared"
    assert plan.name == "trial"


def test_a_layout_has_its_exits_and_the_bases_keys(folder: Path) -> None:
    none, early, pool, both = (values(layout) for layout in plan_sweep(write(folder)).layouts)
    always = {"policy": "always"}
    assert none["exits"] == [always]
    assert early["exits"] == [{"after": 0, "head": "conv", "policy": "softmax"}, always]
    assert both["exits"][1] == {"after": 1, "policy": "max_logit"}
    for found in (none, early, pool, both):
        assert found["data"]["path"] == "../../../../images.npz"
        assert found["train"]["checkpoint"] == "../shared/checkpoint.safetensors"
        assert found["train"]["epochs"] == 3
        assert found["project"]["output"] == "."
    assert early["target"] == {"cycles_per_sample": 1300, "hard_share": [0.25]}
    assert early["calibrate"] == {"shares": [0.75], "epsilon": 0.01}
    assert pool["target"] == {"cycles_per_sample": 650, "hard_share": [0.4]}
    assert pool["calibrate"] == {"accuracy_loss": 1.0, "epsilon": 0.01}
    assert both["build"]["folding"] == "../../../folds/both.toml"


def test_lists_by_exit_are_dropped_where_the_number_differs(folder: Path) -> None:
    none, early, _, both = (values(layout) for layout in plan_sweep(write(folder)).layouts)
    assert early["train"]["exit_weights"] == [0.5, 1.0]
    for found in (none, both):
        assert "hard_share" not in found["target"]
        assert "exit_weights" not in found["train"]
        assert found["calibrate"] == {"epsilon": 0.01, "accuracy_loss": 0.5}


def test_a_target_of_the_sweep_goes_before_the_bases_and_behind_a_layouts_own(folder: Path) -> None:
    plan = plan_sweep(write(folder, SWEEP.replace("[[layouts]]", "target = { cycles_per_sample = 900, clock_mhz = 80 }\n[[layouts]]", 1)))
    paces = [layout.config.target.cycles_per_sample for layout in plan.layouts]
    assert (paces, plan.rate.config.target.cycles_per_sample) == ([900, 900, 650, 900], 900)
    assert plan.rate is plan.layouts[0], "the network without exits is at the sweep's rate"
    assert {layout.config.target.clock_mhz for layout in plan.layouts} == {80}
    assert plan.layouts[1].config.target.hard_share == [0.25], "what the sweep does not give is the base's"


def test_unset_keys_are_nobodys(folder: Path) -> None:
    text = SWEEP.replace("version = 1", 'version = 1\nunset = ["target.hard_share", "calibrate.shares"]')
    none, early, pool, _ = (values(layout) for layout in plan_sweep(write(folder, text)).layouts)
    assert early["target"] == {"cycles_per_sample": 1300}
    assert early["calibrate"] == {"epsilon": 0.01, "accuracy_loss": 0.5}
    assert pool["target"]["hard_share"] == [0.4]
    assert none["train"]["epochs"] == 3


def test_one_training_has_the_exits_of_all(folder: Path) -> None:
    plan = plan_sweep(write(folder))
    (training,) = plan.trainings
    assert [(item["after"], item["head"]) for item in values(training)["exits"][:-1]] == [(0, "conv"), (0, "pool"), (1, "linear")]
    assert "checkpoint" not in values(training)["train"]
    assert values(training)["train"].get("exit_weights") is None
    assert "one training" in plan.weights


def test_words_for_weights_are_everyones(folder: Path) -> None:
    train = {"epochs": 3, "exit_weights": "branchynet"}
    assert {values(layout)["train"]["exit_weights"] for layout in plan_sweep(write(folder, train=train)).layouts} == {"branchynet"}


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("scheme", ["exits_only", "distill", "consistent"])
def test_every_scheme_trains_every_layout(folder: Path, scheme: str, shared: bool) -> None:
    (folder / "start.safetensors").write_bytes(b"")
    text = SWEEP if shared else SWEEP.replace("version = 1", "version = 1\nshared_training = false")
    train = {"epochs": 3, "scheme": scheme, "start": "start.safetensors"}
    plan = plan_sweep(write(folder, text, train=train, exits_only={"exits": [0]}))
    for layout in (*plan.trainings, *plan.layouts, plan.rate):
        assert (layout.config.train.scheme, layout.config.exits_only.exits) == (scheme, None)
        assert values(layout)["train"]["start"] in ("../../../start.safetensors",)
    assert len(plan.trainings) == shared


def test_bits_by_layers_names_are_refused(folder: Path) -> None:
    model = BASE["model"] | {"layer_bits": {"stage0_conv0": {"weight": 8}}}
    why = "layers are called otherwise in another layout of exits"
    with pytest.raises(ConfigError, match=rf'base = "base\.toml": {why}.*; allowed: unset = \["model\.layer_bits"\]'):
        plan_sweep(write(folder, model=model))
    plan = plan_sweep(write(folder, SWEEP.replace("version = 1", 'version = 1\nunset = ["model.layer_bits"]'), model=model))
    assert all(not layout.config.model.layer_bits for layout in plan.layouts)
    with pytest.raises(ConfigError, match=rf"model\.layer_bits = .*: {why}.*; allowed: unset"):
        plan_configs([folder / "base.toml"])


def test_a_subnet_is_refused(folder: Path) -> None:
    build = {"mode": "subnet", "exit": 0}
    with pytest.raises(ConfigError) as caught:
        plan_sweep(write(folder, build=build))
    assert caught.value.message.endswith('base.toml: build.mode = "subnet": layouts are compared with all their exits; allowed: "all"')
    found = plan_sweep(write(folder, SWEEP.replace("[[layouts]]", 'unset = ["build.mode", "build.exit"]\n[[layouts]]', 1), build=build))
    assert all(layout.config.build.mode == "all" for layout in found.layouts)
    text = SWEEP.replace('build = { folding = "folds/both.toml" }', 'build = { mode = "subnet", exit = 0 }')
    with pytest.raises(ConfigError, match=r"layout both: build\.mode = "):
        plan_sweep(write(folder, text))
    with pytest.raises(ConfigError, match=r"one\.toml: build\.mode = "):
        plan_configs([single(folder, "one", build=build)])


def test_layouts_may_be_trained_by_themselves(folder: Path) -> None:
    plan = plan_sweep(write(folder, SWEEP.replace("version = 1", "version = 1\nshared_training = false")))
    assert plan.trainings == ()
    assert all("checkpoint" not in values(layout)["train"] for layout in plan.layouts)
    assert "by itself" in plan.weights


def test_a_checkpoint_of_the_base_is_everyones(folder: Path) -> None:
    (folder / "weights.safetensors").write_bytes(b"")
    plan = plan_sweep(write(folder, train={"checkpoint": "weights.safetensors"}))
    assert plan.trainings == ()
    assert {values(layout)["train"]["checkpoint"] for layout in plan.layouts} == {"../../../weights.safetensors"}


def test_the_first_baseline_is_the_layout_without_exits_where_there_is_one(folder: Path) -> None:
    plan = plan_sweep(write(folder))
    assert plan.rate is plan.layouts[0]
    assert plan.reference == "early"
    slower = SWEEP.replace('name = "none"', 'name = "none"\ntarget = { cycles_per_sample = 2600 }')
    plan = plan_sweep(write(folder, slower))
    assert plan.rate.name == "baseline-rate"
    assert plan.rate.file == folder / "build" / "trial" / "baseline-rate" / "config.toml"
    assert values(plan.rate)["exits"] == [{"policy": "always"}]
    assert values(plan.rate)["target"] == {"cycles_per_sample": 1300}


def test_the_second_baseline_differs_in_its_target_alone(folder: Path) -> None:
    plan = plan_sweep(write(folder, SWEEP.replace('name = "none"', 'name = "none"\ntarget = { cycles_per_sample = 2600 }')))
    found = plan.at_resources(2222)
    assert found.file == folder / "build" / "trial" / "baseline-resources" / "config.toml"
    assert values(found)["target"] == {"cycles_per_sample": 2222}
    rate = values(plan.rate)
    assert {key: item for key, item in values(found).items() if key not in ("target", "project")} == {
        key: item for key, item in rate.items() if key not in ("target", "project")
    }
    assert values(plan.at_resources(3))["target"] == {"cycles_per_sample": 3}


def test_a_folding_of_the_base_is_not_the_baselines(folder: Path) -> None:
    (folder / "folding.toml").write_text("version = 1\n")
    plan = plan_sweep(write(folder, SWEEP.replace('name = "none"', 'name = "none"\ntarget = { cycles_per_sample = 2 }'),
                            build={"folding": "folding.toml"}))
    assert "folding" not in values(plan.rate)["build"]
    assert values(plan.layouts[1])["build"]["folding"] == "../../../folding.toml"


def test_files_that_are_as_they_should_be_are_left_alone(folder: Path) -> None:
    plan = plan_sweep(write(folder))
    said: list[str] = []
    plan.write(said.append)
    before = plan.layouts[0].file.stat()
    plan.write(print)
    assert plan.layouts[0].file.stat().st_ino == before.st_ino
    plan.layouts[0].file.write_text("changed")
    plan.write(said.append)
    assert said == ["warning: config.toml is not as offramp left it: kept as config.toml.kept-1"]
    assert plan.layouts[0].file.with_name("config.toml.kept-1").read_text() == "changed"
    assert plan.layouts[0].file.read_text() == plan.layouts[0].text


@pytest.mark.parametrize(("old", "new", "message"), [
    ("version = 1", "version = 2", "trial.toml: version = 2: allowed: 1"),
    ("version = 1\n", "", "trial.toml: version is missing; allowed: 1"),
    ("version = 1", "version = 1\nbasis = 3", "trial.toml: basis = 3: unknown key (did you mean base?); allowed: version, base, reference"),
    ('"base.toml"', '"gone.toml"', 'trial.toml: base = "gone.toml": there is no file'),
    ("version = 1", 'version = 1\nreference = "nix"', 'reference = "nix": there is no such layout; allowed: early, early-pool, both'),
    ("version = 1", 'version = 1\nreference = "none"', 'reference = "none": it has no early exit; allowed: early, early-pool, both'),
    ("version = 1", 'version = 1\nunset = ["data.name"]', 'unset[0] = "data.name": allowed: keys that a configuration'),
    ('name = "both"', 'name = "Early"', 'layouts[3].name = "Early": layouts[1] has that name'),
    ('name = "both"', 'name = "a/b"', 'layouts[3].name = "a/b": allowed: text that matches ^[A-Za-z]'),
    ('name = "both"', 'name = "shared"', 'layouts[3].name = "shared": folders of that name are made here; allowed: anything but shared,'),
    ('policy = "entropy"', 'policy = "entropie"', 'layouts[2].exits[0].policy = "entropie": allowed: "max_logit"'),
    ('head = "pool"', 'head = "pol"', 'layouts[2].exits[0].head = "pol": allowed: "preset", "linear", "pool", "conv", "global"'),
    ("after = 1, ", "", "layouts[3].exits[1].after is missing; allowed: whole number"),
    ("cycles_per_sample = 650", "cycles = 650", "layouts[2].target.cycles = 650: unknown key"),
    ("cycles_per_sample = 650", "cycles_per_sample = 0", "layouts[2].target.cycles_per_sample = 0: allowed: whole number from 1"),
    ("after = 1, policy", "after = 7, policy", "trial.toml: layout both: exits[1].after = 7: b_lenet's backbone has blocks 0 to 2"),
    ("hard_share = [0.4]", "hard_share = [0.4, 0.3]", "trial.toml: layout early-pool: target.hard_share = [0.4, 0.3]: allowed: 1 values"),
    ('policy = "entropy"', 'policy = "always"', "trial.toml: layout early-pool: exits[0].policy"),
    ("version = 1", "version = ", "trial.toml: not valid TOML"),
])
def test_faults_are_told(folder: Path, old: str, new: str, message: str) -> None:
    assert old in SWEEP
    with pytest.raises(ConfigError) as caught:
        plan_sweep(write(folder, SWEEP.replace(old, new, 1)))
    assert message in caught.value.message
    assert "\n" not in caught.value.message
    assert not (folder / "build").exists()


def test_every_fault_has_its_line(folder: Path) -> None:
    text = SWEEP.replace("after = 1, policy", "after = 7, policy").replace("[0.4]", "[0.4, 0.3]")
    with pytest.raises(ConfigError) as caught:
        plan_sweep(write(folder, text))
    assert len(caught.value.message.splitlines()) == 2


def test_mishaps_with_files_are_told(folder: Path) -> None:
    for path, message in ((folder / "gone.toml", "no such file"), (folder, "is a folder")):
        with pytest.raises(ConfigError, match=message):
            plan_sweep(path)
    (folder / "bytes.toml").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        plan_sweep(folder / "bytes.toml")
    with pytest.raises(ConfigError, match="nothing to compare"):
        plan_sweep(write(folder, 'version = 1\nbase = "base.toml"\nlayouts = []'))


def test_a_configuration_is_no_sweep_file_and_told_as_what_it_is(folder: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        plan_sweep(folder / "base.toml")
    assert caught.value.message == (
        f"{folder / 'base.toml'} is a configuration, not a sweep file (base, and a table [[layouts]] for each layout)"
    )
    assert f"offramp compare {folder / 'base.toml'} ... compares configurations as they are" in (caught.value.hint or "")


def single(folder: Path, name: str, **changes: Any) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(tomli_w.dumps(BASE | {"project": {"name": name}} | changes))
    return path


def test_configurations_are_rows_as_they_are(folder: Path) -> None:
    paths = [single(folder, "one"), single(folder, "two", exits=[{"policy": "softmax"}, {"policy": "always"}])]
    plan = plan_configs(paths)
    assert [(layout.name, layout.file, layout.text) for layout in plan.layouts] == [
        ("one", paths[0], None), ("two", paths[1], None),
    ]
    assert plan.rate.name == "baseline-rate"
    assert plan.rate.file == folder / "build" / "one_baseline-rate" / "config.toml"
    assert values(plan.rate)["exits"] == [{"policy": "always"}]
    assert values(plan.rate)["train"]["checkpoint"] == "../one/checkpoint.safetensors"
    assert values(plan.rate)["data"]["path"] == "../../../images.npz"
    assert plan.at_resources(9).file == folder / "build" / "one_baseline-resources" / "config.toml"
    assert plan.output == folder / "build" / "one_compare"
    assert [training.name for training in plan.trainings] == ["one"]
    assert plan.reference == "one"


def test_a_configuration_without_exits_is_the_first_baseline(folder: Path) -> None:
    alone = single(folder, "alone", exits=[{"policy": "always"}], calibrate={"accuracy_loss": 0.5}, target={"cycles_per_sample": 1300},
                   train={"epochs": 3})
    plan = plan_configs([single(folder, "one"), alone])
    assert plan.rate is plan.layouts[1]
    assert plan_configs([alone]).reference is None


def test_configurations_must_differ(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"one\.toml is given twice; allowed: each configuration once"):
        plan_configs([single(folder, "one"), folder / "sub" / ".." / "one.toml"])
    other = single(folder, "other", project={"name": "one"})
    with pytest.raises(ConfigError, match="the name must differ, not one"):
        plan_configs([folder / "one.toml", other])
    both = [single(folder, name, project={"name": name, "output": "x"}) for name in ("a", "b")]
    with pytest.raises(ConfigError, match="the output folder must differ"):
        plan_configs(both)
    with pytest.raises(ConfigError, match="no row may be called shared"):
        plan_configs([single(folder, "shared")])


OWN: dict[str, Any] = {
    "project": {"name": "base", "output": "somewhere"}, "data": {"name": "npz", "path": "../images.npz"},
    "model": {"factory": "nets:make"}, "train": {"epochs": 3, "seed": 7, "scheme": "distill"}, "distill": {"temperature": 2.0},
    "exits": [{"policy": "softmax"}, {"policy": "margin"}, {"policy": "always"}], "calibrate": {"shares": [0.5, 0.2]},
    "target": {"cycles_per_sample": 1300, "hard_share": [0.5, 0.6]}, "build": {"folding": "folds.toml"},
}
OWN_SWEEP = """
version = 1
base = "base.toml"
unset = ["build.folding"]
[[layouts]]
name = "none"
[[layouts]]
name = "late"
exits = [{ after = 1, policy = "softmax" }]
[[layouts]]
name = "both"
exits = [{ after = 0, policy = "softmax" }, { after = 1, policy = "max_logit" }]
"""


def test_layouts_of_a_network_of_ones_own_leave_some_of_its_exits_out(folder: Path) -> None:
    """One training of all, as the base has them; the layouts take what it read, and train nothing."""
    (folder / "folds.toml").write_text("")
    (folder / "base.toml").write_text(tomli_w.dumps(OWN))
    (folder / "trial.toml").write_text(OWN_SWEEP)
    plan = plan_sweep(folder / "trial.toml")
    (training,) = plan.trainings
    made = values(training)
    assert made["model"] == {"factory": "nets:make", "modules": "../../.."}
    assert (made["train"], made["distill"], made["exits"]) == (
        OWN["train"], OWN["distill"], [{"policy": "max_logit"}, {"policy": "max_logit"}, {"policy": "always"}])
    assert training.config.layout == ((0, "own"), (1, "own"))
    for layout, early in zip((plan.rate, *plan.layouts), ((), (), (1,), (0, 1)), strict=True):
        found = values(layout)
        assert found["model"] == {"qonnx": "../shared/network.onnx"}
        assert found["train"] == {"seed": 7}
        assert "distill" not in found
        assert layout.config.layout == tuple((after, "own") for after in early)
    assert values(plan.layouts[2])["calibrate"] == {"shares": [0.5, 0.2]}
    assert plan.reference == "late"
    assert plan.rate is plan.layouts[0]
    assert "some of its exits left out" in plan.weights
    (folder / "trial.toml").write_text(OWN_SWEEP.replace("version = 1", "version = 1\nshared_training = false"))
    with pytest.raises(ConfigError, match=r"trial\.toml: shared_training = false: a network of your own is trained, or taken, with all "):
        plan_sweep(folder / "trial.toml")
    (folder / "trial.toml").write_text(OWN_SWEEP.replace('after = 1, policy = "softmax"', 'after = 1, head = "conv", policy = "softmax"'))
    with pytest.raises(ConfigError, match=r'layout late: exits\[0\]\.head = "conv": exits have the heads that your network has'):
        plan_sweep(folder / "trial.toml")


def test_the_baselines_of_a_configuration_with_a_network_of_ones_own(folder: Path) -> None:
    (folder / "folds.toml").write_text("")
    (folder / "one.toml").write_text(tomli_w.dumps(OWN | {"project": {"name": "one", "output": "build/one"}}))
    plan = plan_configs([folder / "one.toml"])
    assert [training.name for training in plan.trainings] == ["one"]
    found = values(plan.rate)
    assert (found["model"], found["exits"], found["train"]) == ({"qonnx": "../one/network.onnx"}, [{"policy": "always"}], {"seed": 7})
    assert plan.reference == "one"


def test_a_float_network_of_ones_own_is_quantised_once_for_all_layouts(folder: Path) -> None:
    base = {key: item for key, item in OWN.items() if key not in ("build", "distill")}
    base |= {"model": {"weight_bits": 3}, "import": {"factory": "nets:make"}, "train": {"seed": 7}}
    (folder / "base.toml").write_text(tomli_w.dumps(base))
    (folder / "trial.toml").write_text(OWN_SWEEP.replace('unset = ["build.folding"]\n', ""))
    plan = plan_sweep(folder / "trial.toml")
    made, layout = values(plan.trainings[0]), values(plan.layouts[1])
    assert (made["model"], made["import"]) == ({"weight_bits": 3, "modules": "../../.."}, {"factory": "nets:make"})
    assert (layout["model"], "import" in layout) == ({"qonnx": "../shared/network.onnx"}, False)
