"""``offramp compare``: what it prints, and how it ends."""

import importlib.util
import json
from contextlib import contextmanager
from pathlib import Path

import pytest
import tomli_w
from click.testing import CliRunner

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.cli import compare as compare_command
from build_flows.cli.main import cli
from build_flows.steps import flow
from tests.build_flows.compare.test_compare import BASE, SWEEP, Fake, Matching, TooLarge


@pytest.fixture
def sweep(tmp_path, monkeypatch):
    (tmp_path / "images.npz").write_bytes(b"")
    (tmp_path / "base.toml").write_text(tomli_w.dumps(BASE))
    (tmp_path / "trial.toml").write_text(SWEEP)
    faked(monkeypatch, Fake())
    return tmp_path / "trial.toml"


def faked(monkeypatch, steps):
    from build_flows.compare.compare import compare

    for name in ("train", "simulate", "synth"):
        monkeypatch.setattr(flow, name, getattr(steps, name), raising=False)
    defaults = compare.__kwdefaults__ | {"matching": Matching()}
    monkeypatch.setattr(compare, "__kwdefaults__", defaults)


def run(*words):
    return CliRunner().invoke(cli, ["compare", *map(str, words)])


def test_help_shows_how():
    result = run("--help")
    assert result.exit_code == 0
    assert "offramp compare --sweep examples/layouts_b_lenet.toml" in result.stdout


def test_a_table_and_the_page(sweep):
    result = run("--sweep", sweep)
    assert result.exit_code == 0, result.exception
    lines = result.stdout.splitlines()
    assert lines[-1].endswith("compare.html")
    assert Path(lines[-1]).is_file()
    for told in ("none", "early", "both"):
        assert told in result.stdout


@pytest.mark.usefixtures("any_drawing")
def test_json_is_all_of_stdout(sweep, tmp_path):
    result = run("--sweep", sweep, "--json", "-o", tmp_path / "here")
    assert result.exit_code == 0, result.exception
    found = json.loads(result.stdout)
    assert {"layouts", "part", "capacity", "files", "pareto"} <= set(found)
    assert [row["name"] for row in found["layouts"]] == ["none", "baseline-resources", "early", "both"]
    assert all(Path(path).parent == tmp_path / "here" and Path(path).is_file() for path in found["files"].values())
    assert json.loads(Path(found["files"]["json"]).read_text())["pareto"] == found["pareto"]


@pytest.mark.usefixtures("any_drawing")
def test_pareto_prunes_the_table_and_not_the_files(sweep, tmp_path):
    result = run("--sweep", sweep, "--pareto", "accuracy, lut", "-o", tmp_path / "here")
    assert result.exit_code == 0, result.exception
    assert "2 rows are not shown: others beat them in accuracy, lut" in result.stdout
    found = json.loads((tmp_path / "here" / "compare.json").read_text())
    assert found["objectives"] == ["accuracy", "lut"]
    assert len(found["layouts"]) == 4


@pytest.mark.usefixtures("any_drawing")
def test_a_failing_layout_is_a_line_and_an_error_code(sweep, tmp_path, monkeypatch):
    faked(monkeypatch, Fake(fail="early"))
    result = run("--sweep", sweep, "--json", "-o", tmp_path / "here")
    assert isinstance(result.exception, OfframpError)
    assert result.exception.message == "layout early: no folding"
    assert result.exception.hint == "raise the target"
    assert [row["name"] for row in json.loads(result.stdout)["layouts"]] == ["none", "baseline-resources", "both"]
    assert (tmp_path / "here" / "compare.html").is_file()


@pytest.mark.usefixtures("any_drawing")
def test_what_cannot_be_built_is_red_and_with_strict_an_error(sweep, tmp_path, monkeypatch):
    faked(monkeypatch, TooLarge())
    words = ["compare", "--sweep", str(sweep), "-o", str(tmp_path / "here")]
    result = CliRunner().invoke(cli, words, color=True)
    assert result.exit_code == 0, result.exception
    line = next(line for line in result.stdout.splitlines() if "early does not fit" in line)
    assert line.startswith("\x1b[31m\x1b[1mearly does not fit: LUT: ")
    assert "raise its target.cycles_per_sample (now 1300)" in line
    found = json.loads((tmp_path / "here" / "compare.json").read_text())
    assert (found["unbuildable"], found["include_unbuildable"]) == (["early"], False)
    result = CliRunner().invoke(cli, [*words, "--strict", "--include-unbuildable"])
    assert isinstance(result.exception, OfframpError)
    assert result.exception.message.startswith("--strict: layout early does not fit: LUT: ")
    assert json.loads((tmp_path / "here" / "compare.json").read_text())["include_unbuildable"] is True


@pytest.mark.usefixtures("any_drawing")
def test_strict_leaves_baselines_alone(sweep, tmp_path, monkeypatch):
    class Large(Fake):
        def synth(self, project, ui, *, part, full):
            found = super().synth(project, ui, part=part, full=full)
            return found.replace(fmax_estimate_mhz=90.0) if project.name.startswith(("none", "baseline")) else found

    faked(monkeypatch, Large())
    result = run("--sweep", sweep, "--strict", "-o", tmp_path / "here")
    assert result.exit_code == 0, result.exception
    assert "none misses its clock: 90.0 MHz estimated of 100; lower target.clock_mhz" in result.stdout.splitlines()


@pytest.mark.parametrize(("words", "message"), [
    ([], "give either configurations or --sweep FILE"), (["a.toml", "--sweep", "b.toml"], "not both"),
])
def test_usage(words, message):
    result = run(*words)
    assert result.exit_code == 2
    assert message in result.output


def test_mishaps_are_told(sweep, tmp_path):
    result = run("--sweep", tmp_path / "gone.toml")
    assert isinstance(result.exception, ConfigError)
    assert "gone.toml: no such file" in result.exception.message
    result = run("--sweep", sweep, "--pareto", "accuracy,speed")
    assert "no objective is called 'speed'; known are accuracy" in result.exception.message
    result = run(tmp_path / "base.toml", "--part", "nix")
    assert "no board or part is called 'nix'" in result.exception.message


def test_a_baseline_at_another_rate_is_not_called_the_same():
    from tests.build_flows.compare_samples import sample

    found = sample()
    base = found.layouts[0]
    assert "none: same target rate" in compare_command._speed(base, found)
    slower = found.replace(layouts=[*found.layouts[:-1], found.layouts[-1].replace(target_cycles_per_sample=2000)])
    assert "none: for 1,296 cycles a sample" in compare_command._speed(base, slower)


def test_the_columns_fit_the_rows():
    from tests.build_flows.compare_samples import sample

    for row in sample().layouts:
        assert len(compare_command._speed(row, sample())) == len(compare_command.SPEED)
        assert len(compare_command._cost(row)) == len(compare_command.COST)


def test_several_layouts_at_a_time(sweep, monkeypatch):
    """The processes are made up; one of their layouts fails, as it does again with its row."""
    from build_flows.explore import workers as module

    asked = []

    class Pool:
        count = 2

        def run(self, tasks, shared):
            asked.extend((name, function.__module__, item.name) for name, (function, item) in tasks.items())
            yield from ((name, "no folding" if name == "both" else None) for name in tasks)

    @contextmanager
    def workers(ui, scheduler, count):
        assert (scheduler, count) == (None, 2)
        yield Pool()

    monkeypatch.setattr(module, "workers", workers)
    result = run("--sweep", sweep, "--workers", 2)
    assert result.exit_code == 0, result.exception
    assert sorted(asked) == [(name, "build_flows.compare.ahead", name) for name in ("both", "early", "none")]
    assert "layout both failed: no folding" in result.stderr
    assert run("--sweep", sweep, "--workers", 0).exit_code == 2


def test_a_missing_yosys_is_told_before_anything_is_trained(sweep, monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *more: None if name == "pyosys" else find(name, *more))
    steps = Fake()
    faked(monkeypatch, steps)
    result = run("--sweep", sweep)
    assert "Yosys is missing; get it with: pip install pyosys" in str(result.exception)
    assert steps.calls == []
