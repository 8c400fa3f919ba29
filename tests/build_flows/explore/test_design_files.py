"""The configurations behind an exploration: what is trained, what a design says, and what cannot be explored."""

import tomllib
from itertools import accumulate
from operator import mul

import pytest
import tomli_w

from build_flows.base.errors import ConfigError
from build_flows.explore.design_files import Chosen, DesignFiles, name_of
from build_flows.explore.search_file import SearchFile
from build_flows.explore.space import Asked, Family, space
from build_flows.planning.pace import planned_reach
from build_flows.project.load import parse

BASE = {
    "project": {"name": "base"}, "data": {"name": "npz", "path": "images.npz"}, "model": {"preset": "b_lenet"},
    "train": {"exit_weights": [1.0, 1.0], "epochs": 7}, "calibrate": {"shares": [0.5]},
    "exits": [{"policy": "max_logit"}, {"policy": "always"}], "target": {"cycles_per_sample": 1300, "hard_share": [0.25]},
}
SEARCH = {"version": 1, "base": "base.toml", "exits": [{"after": 0, "heads": ["conv", "pool"]}, {"after": 1}], "confidence": 0.95}
OWN = {"project": {"name": "base"}, "data": {"name": "npz", "path": "images.npz"}, "model": {"factory": "nets:make"},
       "exits": [{"policy": "max_logit"}, {"policy": "max_logit"}, {"policy": "always"}]}


def files(folder, configuration=BASE, /, **changes):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "images.npz").write_bytes(b"")
    (folder / "base.toml").write_text(tomli_w.dumps(configuration))
    return DesignFiles(SearchFile.model_validate({**SEARCH, **changes}), folder / "trial.toml", None)


def with_keys(**tables):
    return {**BASE, **{name: {**BASE.get(name, {}), **table} for name, table in tables.items()}}


FAMILY = Family(((0, "conv"), (1, "linear")), "softmax", (4, 4))


def test_all_exits_that_may_be_chosen_are_trained_together_and_the_network_without_them_by_itself(tmp_path):
    found = files(tmp_path)
    [training] = found.trainings.values()
    assert training.exits == ((0, "conv"), (0, "pool"), (1, "linear"))
    assert training.layout.config.layout == training.exits
    assert training.folder == tmp_path / "build" / "trial" / "w4a4" / "shared"
    assert training.layout.config.train.epochs == 7
    assert training.layout.config.train.exit_weights == "equal", "those of the base are of its own exits"
    assert found.heads == [["conv", "pool"], ["linear"]]
    assert found.alone is not None
    assert (found.alone.exits, found.alone.alone) == ((), True)
    assert found.alone.layout.config.layout == ()
    assert found.alone.layout.config.train.checkpoint is None
    assert files(tmp_path, alone=False).alone is None
    assert not (tmp_path / "build").exists(), "nothing is written yet"


def test_other_bits_are_fine_tuned_from_the_first(tmp_path):
    found = files(tmp_path, bits=[{"weight": 3, "act": 4}, {"weight": 2, "act": 2}], fine_tune=2)
    assert found.bits == ((3, 4), (2, 2))
    first, second = found.trainings.values()
    assert (first.layout.config.model.weight_bits, first.layout.config.train.epochs, first.layout.config.train.start) == (3, 7, None)
    model, train = second.layout.config.model, second.layout.config.train
    assert (model.weight_bits, model.act_bits, train.epochs) == (2, 2, 2)
    assert (second.folder / train.start).resolve() == first.folder / "checkpoint.safetensors"


@pytest.mark.parametrize("hard", [(0.25, 0.4), (0.0, 1.0), (1.0, 0.123456789012345)])
def test_a_design_says_exactly_what_was_predicted(tmp_path, hard):
    found = files(tmp_path)
    chosen = Chosen(family=FAMILY, asked=Asked(0.5, 321, 0.95), thresholds=(0.8765432109876543, 0.5), hard_share=hard)
    layout = found.layout(chosen)
    config = parse(layout.text)
    assert config == layout.config
    assert [item.threshold for item in config.exits] == [0.8765432109876543, 0.5, None]
    assert [item.policy for item in config.exits] == ["softmax", "softmax", "always"]
    assert config.layout == FAMILY.layout
    assert (config.target.cycles_per_sample, config.target.utilisation) == (321, 0.95)
    assert planned_reach(accumulate(config.hard_share, mul)) == planned_reach(accumulate(hard, mul)), "stages are planned for the same"
    assert (config.calibrate.confidence, config.calibrate.shares) == (0.95, None)
    assert (layout.file.parent / config.train.checkpoint).resolve() == found.trainings[4, 4].folder / "checkpoint.safetensors"
    assert (config.model.weight_bits, config.model.act_bits) == (4, 4)
    assert layout.file == tmp_path / "build" / "trial" / "w4a4" / chosen.name / "config.toml"


def test_networks_without_exits_take_one_of_two_trainings(tmp_path):
    found = files(tmp_path)
    family = Family((), "always", (4, 4))
    shared, alone = (found.layout(Chosen(family=family, asked=Asked(0.0, 300, 1.0), alone=alone)) for alone in (False, True))
    for layout, folder in ((shared, found.trainings[4, 4].folder), (alone, found.alone.folder)):
        assert layout.config.layout == ()
        assert (layout.file.parent / layout.config.train.checkpoint).resolve() == folder / "checkpoint.safetensors"
        assert layout.config.target.cycles_per_sample == 300
    assert shared.file != alone.file


def test_a_design_of_other_bits_takes_those_weights(tmp_path):
    found = files(tmp_path, bits=[{"weight": 4, "act": 4}, {"weight": 2, "act": 3}])
    layout = found.layout(Chosen(family=Family(((0, "pool"),), "margin", (2, 3)), asked=Asked(0.5, 300, 0.8), thresholds=(1.0,),
                                 hard_share=(0.5,)))
    assert (layout.config.model.weight_bits, layout.config.model.act_bits, layout.config.train.start) == (2, 3, None)
    assert (layout.file.parent / layout.config.train.checkpoint).resolve() == found.trainings[2, 3].folder / "checkpoint.safetensors"


def test_what_the_user_has_edited_is_set_aside(tmp_path):
    found, said = files(tmp_path), []
    layout = found.layout(Chosen(family=Family((), "always", (4, 4)), asked=Asked(0.0, 300, 1.0)))
    path = found.write(layout, said.append)
    assert tomllib.loads(path.read_text())["target"]["cycles_per_sample"] == 300
    found.write(layout, said.append)
    assert said == []
    path.write_text("mine")
    found.write(layout, said.append)
    assert len(said) == 1
    assert (path.parent / "config.toml.kept-1").read_text() == "mine"


def test_every_design_has_a_name_of_its_own():
    search = SearchFile.model_validate({**SEARCH, "accuracy_loss": [0.1, 0.1001, 1e-5, 1.0], "utilisation": [0.8, 0.801, 0.80101],
                                        "exits": [{"after": after} for after in (0, 1, 2, 3, 4)], "rates": 2})
    heads = [["linear", "global", "conv"]] * 5
    every = space(search, heads, [(4, 4), (2, 16)], 99_999_998)
    names = [name_of(family, asked) for family in every.families for asked in every.asked(family)]
    assert len(set(names)) == len(names) == every.size
    assert max(map(len, names)) <= 64
    assert all(name.replace("-", "").replace("_", "").isalnum() for name in names)
    assert len({name.lower() for name in names}) == len(names), "case is not told apart by every file system"


@pytest.mark.parametrize(("base", "changes", "told"), [
    (with_keys(train={"checkpoint": "images.npz"}), {}, "the base's train.checkpoint: exits are trained together here; allowed: unset"),
    (with_keys(model={"layer_bits": {"stage0_conv0": {"weight": 8}}}), {}, "the base's model.layer_bits: layers are called otherwise"),
    (OWN, {"exits": [{"after": 0}], "bits": [{"weight": 4, "act": 4}]}, "bits: those of a network of your own are its module's"),
    (OWN, {"exits": [{"after": 0, "heads": ["conv"]}]}, r"exits\[0\]\.heads: those of a network of your own are its module's"),
    (BASE, {"base": "gone.toml"}, 'base = "gone.toml": there is no file'),
    (BASE, {"base": "."}, 'base = ".": there is no file'),
    (BASE, {"exits": [{"after": 9}]}, r"exits\[0\]\.after = 9"),
    (BASE, {"exits": [{"after": 0, "heads": ["preset", "conv"]}, {"after": 1, "heads": ["preset"]}]}, "head"),
])
def test_what_cannot_be_explored_is_told(tmp_path, base, changes, told):
    with pytest.raises(ConfigError, match=told) as caught:
        files(tmp_path, base, **changes)
    assert "trial.toml: " in caught.value.message
    assert len(caught.value.message.splitlines()) == 1
    assert not (tmp_path / "build").exists()


def test_a_network_of_ones_own_has_its_own_heads_and_is_read_once(tmp_path):
    (tmp_path / "nets.py").write_text("")
    found = files(tmp_path, OWN, exits=[{"after": 0}, {"after": 1}])
    assert (found.heads, found.alone) == ([["own"], ["own"]], None)
    [training] = found.trainings.values()
    assert training.exits == ((0, "own"), (1, "own"))
    layout = found.layout(Chosen(family=Family(((1, "own"),), "margin", found.bits[0]), asked=Asked(0.5, 300, 0.8), thresholds=(2.0,),
                                 hard_share=(0.5,)))
    assert layout.config.layout == ((1, "own"),)
    assert (layout.file.parent / layout.config.model.qonnx).resolve() == training.folder / "network.onnx"
