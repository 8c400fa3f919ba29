"""What is trained, and what is refused before; the training itself is made up."""

from contextlib import contextmanager
from types import SimpleNamespace

import pytest

from build_flows.base.errors import ConfigError
from build_flows.explore import preparation as module
from build_flows.explore.options import Options
from build_flows.explore.preparation import prepared
from build_flows.explore.search_file import SearchFile
from tests.build_flows.explore.material import PLACES, write_source
from tests.build_flows.explore.test_design_files import SEARCH, files, with_keys
from tests.build_flows.uis import Listening


@pytest.fixture
def trained(monkeypatch):
    """The projects that were trained, in order."""
    found = []

    @contextmanager
    def open_flow(project, ui):
        def train(warn):
            assert not warn, "what is trained with all exits is not built"
            found.append(project)
            write_source(project.output)

        build = SimpleNamespace(run=lambda step: step)
        yield SimpleNamespace(train=train, build=build, network={}, path=lambda name: project.output / name)

    monkeypatch.setattr(module, "open_flow", open_flow)
    monkeypatch.setattr(module.answers, "step", lambda project, network: None)
    return found


def prepare(folder, base, **changes):
    made, ui = files(folder, base, **changes), Listening()
    search = SearchFile.model_validate({**SEARCH, **changes})
    return prepared(search, made, ui, Options()), ui


def test_each_number_of_bits_is_trained_once_and_the_network_without_exits_last(tmp_path, trained):
    (sources, goal, space), ui = prepare(tmp_path, with_keys(target={"clock_mhz": 100.0}, calibrate={"epsilon": 0.01}), rates=3, seed=5,
                                         bits=[{"weight": 4, "act": 4}, {"weight": 2, "act": 2}])
    assert [project.output.relative_to(tmp_path / "build" / "trial").as_posix() for project in trained] == [
        "w4a4/shared", "w2a2/shared", "w4a4/alone"]
    assert [source.alone for source in sources] == [False, False, True]
    assert sources[0].exits == {place: index for index, place in enumerate(PLACES)}
    assert sources[2].exits == {}
    assert sources[0].material.answers == (trained[0].output / "answers.npz").read_bytes()
    assert (goal.clock_mhz, goal.epsilon, goal.seed, goal.part) == (100.0, 0.01, 5, "xc7z020clg400-1")
    assert len(space.cycles) == 3
    assert {family.bits for family in space.families} == {(4, 4), (2, 2)}
    assert ui.said == ["training 3 early exits in 4-bit weights and 4-bit activations",
                       "training 3 early exits in 2-bit weights and 2-bit activations", "training the network without early exits"]


@pytest.mark.parametrize(("tables", "told"), [
    ({"target": {"keep_free": {"dsp": 10}}}, "target.keep_free: designs are weighed against the whole part; allowed: unset"),
    ({"build": {"folding": "finn"}}, 'build.folding = "finn": every design has its own; allowed: "optimal"'),
    ({"build": {"mode": "subnet", "exit": 0}}, 'build.mode = "subnet": allowed: "all"'),
    ({"build": {"mode": "anytime"}}, 'build.mode = "anytime": allowed: "all"'),
    ({"build": {"order": "input"}}, 'build.order = "input": pace and latency are predicted for results as they come; allowed: "arrival"'),
    ({"simulate": {"stall": 0.3}}, "simulate.stall = 0.3: designs are measured at full rate; allowed: 0"),
    ({"calibrate": {"temperature": True}}, "calibrate.temperature = true: thresholds are searched for without temperatures"),
])
def test_what_cannot_be_explored_is_refused_before_anything_is_trained(tmp_path, trained, tables, told):
    with pytest.raises(ConfigError) as caught:
        prepare(tmp_path, with_keys(**tables))
    assert told in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path / 'trial.toml'}: the base's ")
    assert trained == []
    assert not (tmp_path / "build").exists()


def test_a_file_as_folding_is_refused_too(tmp_path, trained):
    (tmp_path / "mine.toml").write_text("")
    with pytest.raises(ConfigError, match=r'build\.folding = "mine\.toml": every design has its own'):
        prepare(tmp_path, with_keys(build={"folding": "mine.toml"}))
    assert trained == []
