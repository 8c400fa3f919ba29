"""The files that an exploration leaves."""

import json

import pytest

from build_flows.artefacts.explore import ExploreFile
from build_flows.explore.files import write_files
from tests.build_flows.explore_samples import sample


@pytest.mark.usefixtures("any_drawing")
def test_configurations_are_told_from_where_the_files_are(tmp_path):
    found, home = sample(), tmp_path / "build" / "explore_b_lenet"
    files = write_files(found, home, tmp_path / "else where", lambda line: None)
    assert {"json", "csv", "html"} < set(files)
    assert all(path.is_file() and path.parent == tmp_path / "else where" for path in files.values())
    told = ExploreFile.load(files["json"])
    for key in ("front", "alone", "moved"):
        for one, other in zip(getattr(told, key), getattr(found, key), strict=True):
            assert (tmp_path / "else where" / one.config).resolve() == (home / other.config).resolve()
            assert one.replace(config=None) == other.replace(config=None)
    assert "../build/explore_b_lenet/" in files["csv"].read_text()


@pytest.mark.usefixtures("any_drawing")
def test_what_the_user_has_changed_is_set_aside(tmp_path):
    write_files(sample(), tmp_path, tmp_path, lambda line: None)
    (tmp_path / "explore.csv").write_text("mine")
    said = []
    write_files(sample(), tmp_path, tmp_path, said.append)
    [line] = said
    assert "explore.csv" in line
    assert (tmp_path / "explore.csv.kept-1").read_text() == "mine"
    assert json.loads((tmp_path / "explore.json").read_text())["version"] == 1
