"""Places are told from another folder; all else stays as it is."""

from pathlib import Path

import pytest

from build_flows.project.places import PLACES, moved_places, relative_place

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


def test_modules_of_a_factory_stay_where_they_are() -> None:
    assert moved_places({"model": {"factory": "nets:make"}}, HOME, AWAY)["model"] == {"factory": "nets:make", "modules": "../.."}
    own = {"model": {"factory": "nets:make", "modules": "src"}}
    assert moved_places(own, HOME, AWAY)["model"]["modules"] == "../../src"
    assert moved_places({"model": {"preset": "digits"}, "exits": []}, HOME, AWAY) == {"model": {"preset": "digits"}, "exits": []}


def test_places_are_told_with_forward_slashes() -> None:
    assert relative_place(Path("/srv/data/x.npz"), HOME) == "../data/x.npz"
