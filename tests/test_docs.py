"""What README, help texts, examples and Makefile say is so."""

import re
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path
from urllib.parse import urlparse

import click
import pytest
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from build_flows.cli.main import cli
from build_flows.compare import sweep
from build_flows.project.load import load as load_config
from build_flows.project.template import write_examples

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
GUIDE = (ROOT / "docs" / "guide.md").read_text()
PAGES = [
    "README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/interfaces.md", "docs/accelerator.md", "docs/testplan.md", "docs/exit_unit.md",
    "docs/proofs.md", "docs/training.md", "docs/personal.md", "docs/RESULTS.md", "docs/compare.md", "docs/resources.md",
    "docs/cost_model.md", "docs/board.md", "docs/guide.md", "docs/python.md", "docs/steps.md", "docs/trust.md", "docs/networks.md",
    "docs/profile.md", "docs/zoo.md", "docs/explore.md", "docs/energy.md",
]
SWEEPS = set((ROOT / "examples").glob("layouts_*.toml"))
SEARCHES = set((ROOT / "examples").glob("explore_*.toml"))
CONFIGS = sorted(set((ROOT / "examples").glob("*.toml")) - SWEEPS - SEARCHES)


def make_targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def shell_lines(text: str) -> list[str]:
    return [line for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL) for line in block.splitlines() if line]


def commands(lines: list[str]) -> list[list[str]]:
    """``offramp ...`` commands, split into words."""
    return [words[1:] for line in lines if (words := shlex.split(line, comments=True)) and words[0] == "offramp"]


def all_commands(group: click.Group = cli, *path: str) -> dict[tuple[str, ...], click.Command]:
    """Every command by its words, those of groups too."""
    found: dict[tuple[str, ...], click.Command] = {}
    for name, command in group.commands.items():
        found[(*path, name)] = command
        if isinstance(command, click.Group):
            found |= all_commands(command, *path, name)
    return found


def examples_in_help() -> list[list[str]]:
    texts = [cli.help or "", *(command.help or "" for command in all_commands().values())]
    lines = [line.strip() for text in texts for line in text.splitlines()]
    return commands([re.sub(r"\s{3,}.*", "", line) for line in lines if line.startswith("offramp ")])


README_COMMANDS = commands(shell_lines(README + GUIDE) + re.findall(r"`(offramp [^`]*)`", README + GUIDE))


@pytest.mark.parametrize("words", README_COMMANDS + examples_in_help(), ids=" ".join)
def test_a_command_that_is_shown_can_be_given(words: list[str]) -> None:
    name, *args = words
    command: click.Command = cli.commands[name]
    while isinstance(command, click.Group) and args and not args[0].startswith("-"):
        name, *args = args
        command = command.commands[name]
    if args in ([], ["--help"]):
        return
    context = command.make_context(name, list(args))
    for value in context.params.values():
        if isinstance(value, Path) and value.parts[0] == "examples":
            assert (ROOT / value).is_file()


def test_every_command_is_shown_and_explained() -> None:
    shown = {words[0] for words in README_COMMANDS}
    assert shown == set(cli.commands)
    for path, command in all_commands().items():
        name = " ".join(path)
        result = CliRunner().invoke(cli, [*path, "--help"])
        assert result.exit_code == 0
        assert f"offramp {name}" in (command.help or ""), f"{name} --help lacks an example"
        for parameter in command.params:
            assert isinstance(parameter, click.Argument) or getattr(parameter, "help", None), f"{name} {parameter.name} lacks help"


def test_commands_that_are_told_quote_their_paths() -> None:
    """A path may hold a space: what is to be copied into a shell must have it quoted."""
    shown = re.compile(rf"offramp (?:{'|'.join(cli.commands)})(?: -[a-z-]+)* \{{(?!shlex\.)\w+")
    assert shown.search('f"now: offramp compare --sweep {path}"')
    assert not shown.search('f"offramp run {shlex.quote(path)}"')
    places = sorted((ROOT / "build_flows").rglob("*.py"))
    assert [f"{path.name}: {hit}" for path in places for hit in shown.findall(path.read_text(encoding="utf-8"))] == []


def test_make_targets_that_are_shown_exist() -> None:
    told = [line for page in PAGES for line in shell_lines((ROOT / page).read_text())]
    told += re.findall(r"`(make [^`]*)`", README)
    wanted = {
        word for line in told if line.startswith("make") for word in shlex.split(line, comments=True)[1:] if re.fullmatch("[a-z-]+", word)
    }
    assert {"demo", "test", "setup"} <= wanted <= make_targets()


def test_make_shows_every_target() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True, check=True).stdout
    assert {line.split()[0] for line in shown.splitlines()} == make_targets()


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", (ROOT / page).read_text()):
        if not urlparse(target).scheme:
            assert (ROOT / page).parent.joinpath(target.partition("#")[0]).exists(), target


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_examples_are_valid(path: Path, tmp_path: Path) -> None:
    wanted = tomllib.loads(path.read_text())["data"].get("path")
    if wanted == "cifar-10-batches-bin":
        # Data that anyone can get, but that does not lie here.
        (tmp_path / wanted).mkdir()
        path = Path(shutil.copy(path, tmp_path))
    assert load_config(path).name == path.stem


def test_examples_are_what_init_writes(tmp_path: Path) -> None:
    written = {path.name: path.read_text() for path in write_examples(tmp_path)}
    assert written == {path.name: path.read_text() for path in CONFIGS if not path.name.startswith("own_")}


def test_the_sweep_has_what_is_asked_of_it() -> None:
    (path,) = SWEEPS
    plan = sweep.plan_sweep(path)
    layouts = [layout.config for layout in plan.layouts]
    assert len(layouts) >= 8
    assert {tuple(after for after, _ in config.layout) for config in layouts} == {(), (0,), (1,), (0, 1)}
    assert len({head for config in layouts for _, head in config.layout}) >= 2
    assert len({item.policy for config in layouts for item in config.exits} - {"always"}) >= 3
    assert all(config.target.hard_share is None and config.calibrate.shares is None for config in layouts)
    assert plan.rate.name == plan.layouts[0].name


def test_readme_ci_and_makefile_ask_for_the_same_system_packages() -> None:
    told = re.search(r"`apt-get install ([^`]*)`", README)
    assert told is not None
    packages = set(told[1].split())
    assert {"libpython3-dev", "python3-venv"} <= packages
    for name in (".ci/run", "Makefile"):
        text = (ROOT / name).read_text()
        assert {package for package in packages if package not in text} <= ({"make"} if name == "Makefile" else set())


def test_the_b_lenet_example_asks_for_what_it_is_measured_against() -> None:
    project = load_config(ROOT / "examples" / "b_lenet_fashion.toml").config
    assert (project.target.cycles_per_sample, project.target.hard_share, project.target.clock_mhz) == (256, [0.25], 125.0)
    assert [item.policy for item in project.exits] == ["max_logit", "always"]


def test_the_lock_holds_every_dependency_at_an_allowed_version_and_nothing_local() -> None:
    lines = [line for line in (ROOT / "requirements.lock").read_text().splitlines() if line and not line.startswith("#")]
    pinned = {canonicalize_name(name): version for name, version in (line.split("==") for line in lines)}
    assert len(pinned) == len(lines)
    assert all(re.fullmatch(r"[0-9][0-9a-z.]*", version) for version in pinned.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for text in project["dependencies"] + project["optional-dependencies"]["dev"]:
        requirement = Requirement(text)
        assert requirement.specifier.contains(pinned[canonicalize_name(requirement.name)]), text


def test_every_dependency_has_its_reason() -> None:
    section = (ROOT / "pyproject.toml").read_text().split("dependencies = [")[1].split("\n]")[0]
    assert all("#" in line for line in section.strip().splitlines())


def test_the_picture_needs_nothing_else() -> None:
    picture = (ROOT / "docs" / "dataflow.svg").read_text()
    assert "href" not in picture
    assert "docs/dataflow.svg" in README
