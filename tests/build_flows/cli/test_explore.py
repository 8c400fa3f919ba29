"""``offramp explore``: what it prints, and how it ends."""

import json
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner

from build_flows.artefacts.explore import Failed
from build_flows.base.errors import ConfigError, OfframpError
from build_flows.cli.explore import SHOWN
from build_flows.cli.main import cli
from build_flows.explore import explore as module
from tests.build_flows.explore.test_design_files import BASE, SEARCH
from tests.build_flows.explore_samples import counted, sample, unverified


class Explore:
    """An exploration that is there already; notes what was asked for."""

    def __init__(self, found):
        self.found, self.asked = found, None

    def __call__(self, search, source, ui, options):
        self.asked = search, options
        return self.found, source.parent / "build" / source.stem


@pytest.fixture
def search(tmp_path):
    (tmp_path / "base.toml").write_text(tomli_w.dumps(BASE))
    path = tmp_path / "my search.toml"
    path.write_text(tomli_w.dumps({**SEARCH, "objectives": ["accuracy", "lut"], "verify": 3}))
    return path


@pytest.fixture
def made(monkeypatch):
    def make(found):
        stand_in = Explore(found)
        monkeypatch.setattr(module, "explore", stand_in)
        return stand_in

    return make


def run(*words):
    return CliRunner().invoke(cli, ["explore", *map(str, words)])


def test_help_shows_how():
    result = run("--help")
    assert result.exit_code == 0
    assert "offramp explore examples/explore_b_lenet.toml" in result.stdout
    assert "TLS" in result.stdout


@pytest.mark.usefixtures("any_drawing")
def test_a_table_commands_and_the_page(search, made):
    found = sample().replace(failed=[])
    made(found)
    result = run(search)
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert lines[-1] == str(search.parent / "build" / "my search" / "explore.html")
    assert Path(lines[-1]).is_file()
    rows = [line for line in lines if line.strip().startswith(("measured", "predicted"))]
    assert len(rows) == SHOWN < len(found.front)
    assert all("%" in line and len(line) <= 80 for line in rows), "a row is one line of 80 columns"
    for told in ("most accurate, measured: offramp run ", "fastest, measured: offramp run ", "smallest, measured: offramp run "):
        [line] = [line for line in lines if line.startswith(told)]
        assert "/my search/" in line
        assert line.count("'") == 2, "the path holds a space"
    assert any(line.startswith(found.moved[0].name) and "is on the front no more" in line for line in lines)
    best = max((item for item in found.front if item.measured), key=lambda item: item.measured.accuracy)
    assert best.config in next(line for line in lines if line.startswith("most accurate"))


@pytest.mark.usefixtures("any_drawing")
def test_what_switches_least_is_told_where_it_is_weighed(search, made):
    made(sample().replace(failed=[]))
    assert "switches least" not in run(search).stdout
    found = counted(sample().replace(failed=[]))
    least = min((item for item in found.front if item.measured), key=lambda item: item.measured.energy)
    for front in (found.front, found.front[::-1]):
        made(found.replace(front=front))
        [line] = [line for line in run(search).stdout.splitlines() if line.startswith("switches least a sample, measured: offramp run ")]
        assert least.config in line


@pytest.mark.usefixtures("any_drawing")
def test_what_was_not_verified_is_called_predicted(search, made):
    made(unverified(sample()))
    result = run(search)
    assert "most accurate, predicted: offramp run " in result.stdout
    assert "measured" not in result.stdout


@pytest.mark.usefixtures("any_drawing")
def test_json_is_all_of_stdout(search, made, tmp_path):
    found = sample().replace(failed=[])
    made(found)
    result = run(search, "--json", "-o", tmp_path / "here")
    assert result.exit_code == 0, result.exception
    told = json.loads(result.stdout)
    assert set(told) == {"points", "points_per_minute", "hypervolume", "front", "moved", "failed", "files"}
    assert (told["points"], told["hypervolume"]) == (4320, found.hypervolume)
    assert [item["name"] for item in told["front"]] == [item.name for item in found.front]
    for item, point in zip(told["front"], found.front, strict=True):
        assert set(item) == {"name", "config", "predicted", "verified", "errors"}
        assert item["predicted"]["lut"] == point.predicted.lut
        assert (item["verified"] is None) is (point.measured is None) is (item["errors"] is None)
    assert all(Path(path).parent == tmp_path / "here" and Path(path).is_file() for path in told["files"].values())


@pytest.mark.usefixtures("any_drawing")
def test_options_go_before_the_file(search, made):
    asked = made(sample().replace(failed=[]))
    run(search)
    found, options = asked.asked
    assert (found.objectives, found.verify) == (["accuracy", "lut"], 3)
    assert (options.scheduler, options.count, options.budget, options.data) == (None, None, None, None)
    run(search, "--objectives", "accuracy, throughput,accuracy", "--verify", "0", "--budget", "20min", "--workers", "2")
    found, options = asked.asked
    assert (found.objectives, found.verify) == (["accuracy", "throughput"], 0)
    assert (options.count, options.budget) == (2, 1200.0)
    run(search, "--scheduler", "tls://host:8786", "--data", search.parent)
    assert (asked.asked[1].scheduler, asked.asked[1].data) == ("tls://host:8786", search.parent)


@pytest.mark.usefixtures("any_drawing")
def test_what_failed_is_an_error_code(search, made):
    made(sample().replace(failed=[Failed(name="a", error="no FIFOs")]))
    result = run(search, "--json")
    assert isinstance(result.exception, OfframpError)
    assert result.exception.message == "design a: no FIFOs"
    assert json.loads(result.stdout)["failed"] == [{"name": "a", "error": "no FIFOs"}]
    assert Path(json.loads(result.stdout)["files"]["html"]).is_file()


@pytest.mark.parametrize(("words", "message"), [
    (["--budget", "12parsecs"], "'12parsecs' is no time; allowed: 90s, 20min, 2h or 1h30min"),
    (["--budget", "0s"], "must be longer than 0"), (["--verify", "-1"], "--verify"), (["--workers", "0"], "--workers"),
    (["--workers", "2", "--scheduler", "tcp://host:1"], "give one of them"),
])
def test_usage(search, made, words, message):
    asked = made(sample())
    result = run(search, *words)
    assert result.exit_code == 2
    assert message in result.output
    assert asked.asked is None


def test_mishaps_are_told_before_anything_is_done(search, made, tmp_path):
    asked = made(sample())
    for words, message in (
        ([tmp_path / "gone.toml"], "gone.toml: no such file"), ([tmp_path], "is a folder, not a search file"),
        ([tmp_path / "base.toml"], "is a configuration, not a search file"),
        ([search, "--objectives", "accuracy,speed"], "no objective is called 'speed'; known are accuracy"),
        ([search, "--objectives", ""], "no objective is called ''"),
    ):
        result = run(*words)
        assert isinstance(result.exception, OfframpError | ConfigError)
        assert message in result.exception.message
    assert asked.asked is None
