"""Places are told from another folder; all else stays as it is."""

import ast
import importlib
from pathlib import Path

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.places import ARTEFACTS, PLACES, moved_places, relative_place, told_place, written_there

HOME, AWAY = Path("/srv/home"), Path("/srv/home/build/other")


@pytest.mark.parametrize(("table", "key"), PLACES)
def test_every_place_is_told_from_the_new_folder(table: str, key: str) -> None:
    values = {table: {key: "some/file", "seed": 3}}
    assert moved_places(values, HOME, AWAY) == {table: {key: "../../some/file", "seed": 3}}
    assert values == {table: {key: "some/file", "seed": 3}}
    absolute = {table: {key: "/data/file"}}
    assert moved_places(absolute, HOME, AWAY) == absolute


@pytest.mark.parametrize("folding", ["optimal", "finn"])
def test_a_way_of_folding_is_no_place(folding: str) -> None:
    assert moved_places({"build": {"folding": folding}}, HOME, AWAY) == {"build": {"folding": folding}}


def test_a_board_that_is_listed_is_no_place() -> None:
    assert moved_places({"target": {"board": "zedboard"}}, HOME, AWAY) == {"target": {"board": "zedboard"}}
    assert moved_places({"target": {"board": "mine.toml"}}, HOME, AWAY) == {"target": {"board": "../../mine.toml"}}


def test_modules_of_a_factory_stay_where_they_are() -> None:
    assert moved_places({"model": {"factory": "nets:make"}}, HOME, AWAY)["model"] == {"factory": "nets:make", "modules": "../.."}
    own = {"model": {"factory": "nets:make", "modules": "src"}}
    assert moved_places(own, HOME, AWAY)["model"]["modules"] == "../../src"
    floats = {"import": {"factory": "nets:make"}}
    assert moved_places(floats, HOME, AWAY) == {**floats, "model": {"modules": "../.."}}
    assert moved_places({"model": {"preset": "digits"}, "exits": []}, HOME, AWAY) == {"model": {"preset": "digits"}, "exits": []}


def test_places_are_told_with_forward_slashes() -> None:
    assert relative_place(Path("/srv/data/x.npz"), HOME) == "../data/x.npz"


def outputs() -> set[str]:
    """The first part of every name that a ``Step(outputs=...)`` of the steps' room writes."""
    found = set()
    for path in sorted(Path("build_flows/steps").glob("*.py")):
        module = importlib.import_module(f"build_flows.steps.{path.stem}")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Step":
                names = next(ast.unparse(item.value) for item in node.keywords if item.arg == "outputs")
                if "archive" not in names:
                    for way in ("vivado", "open"):
                        found |= {name.partition("/")[0] for name in eval(names, {**vars(module), "way": way})}
    return found


def test_every_artefact_is_known() -> None:
    # Plans run in folders that are called like their flow.
    assert sorted({*outputs(), "vivado", "open"}) == list(ARTEFACTS)


def test_what_steps_write_is_told_from_what_they_leave_alone(tmp_path: Path) -> None:
    output = tmp_path / "out"
    assert written_there(output / "rtl" / "top.v", output) == "rtl"
    assert written_there(output / ".steps" / "x.json", output) == ".steps"
    assert written_there(output / "mine.toml", output) is None
    assert written_there(tmp_path / "folding.toml", output) is None
    output.mkdir()
    (tmp_path / "link.toml").symlink_to(output / "folding.toml")
    assert written_there(tmp_path / "link.toml", output) == "folding.toml", "whatever way it is named"


def test_a_home_folder_that_is_not_known_is_told() -> None:
    with pytest.raises(ConfigError, match=r"x\.toml: data\.path: could not determine home directory\.; allowed: the path"):
        told_place(HOME, "~nobody-of-this-name/x", "x.toml: data.path")
    assert moved_places({"data": {"path": "~/x"}}, HOME, AWAY) == {"data": {"path": "~/x"}}
