"""The chart of an exploration: every design where its figures are, hollow where predicted, and nothing unescaped."""

import re
from xml.etree import ElementTree

import pytest

from build_flows.artefacts.explore import Cloud, ExploreFile
from build_flows.pages.explore_chart import chart, exits_told, faintness, ticks
from build_flows.pages.explore_figures import designs, worth
from tests.build_flows.explore_samples import changed, sample


def drawn(found: ExploreFile) -> ElementTree.Element:
    return ElementTree.fromstring(chart(found))


def groups(found: ExploreFile) -> dict[str, ElementTree.Element]:
    return {str(group.get("data-id")): group for group in drawn(found).iter("g")}


def marks(group: ElementTree.Element) -> dict[str, ElementTree.Element]:
    return {str(mark.get("class")): mark for mark in group if mark.tag in ("circle", "rect")}


def test_every_design_can_be_pointed_at_and_reached_by_one_tab() -> None:
    found = sample()
    assert chart(found) == chart(found)
    points = groups(found)
    assert list(points) == [row.id for row in designs(found)]
    value = worth(found)
    assert value is not None
    assert [name for name, group in points.items() if group.get("tabindex") == "0"] == [value.fast.name]
    for row in designs(found):
        group, title = points[row.id], points[row.id].find("title")
        assert title is not None
        assert title.text == group.get("aria-label")
        assert f"{row.id}, {exits_told(len(row.point.exits))}: " in str(title.text)
        assert str(title.text).endswith("predicted" if row.state == "predicted" else "measured")
        assert set(marks(group)) == {"hit", "predicted"} | ({"measured"} if row.state == "verified" else set())
        assert (group.find("rect") is not None) is (not row.point.exits)
        assert ("moved" in str(group.get("class")).split()) is row.moved


def test_designs_stand_where_their_figures_are() -> None:
    found = sample()
    points = groups(found)
    rows = [row for row in designs(found) if row.point.exits]
    at = {row.id: (float(marks(points[row.id])["hit"].get("cx", "")), float(marks(points[row.id])["hit"].get("cy", ""))) for row in rows}
    one, other = rows[0], rows[-1]
    across = (at[one.id][0] - at[other.id][0]) / (one.shown.samples_per_second - other.shown.samples_per_second)
    for row in rows:
        ahead = row.shown.samples_per_second - one.shown.samples_per_second
        assert at[row.id][0] == pytest.approx(at[one.id][0] + across * ahead, abs=0.2)
    ranked = sorted(rows, key=lambda row: row.shown.accuracy)
    heights = [at[row.id][1] for row in ranked]
    assert heights == sorted(heights, reverse=True)
    verified = next(row for row in rows if row.point.measured is not None)
    place = marks(points[verified.id])
    assert place["measured"].get("cy") == place["hit"].get("cy") != place["predicted"].get("cy")


def test_rates_that_lie_far_apart_are_logarithmic() -> None:
    assert "samples a second</text>" in chart(sample())
    slow = sample().front[0].predicted.replace(samples_per_second=900.0)
    text = chart(changed(sample(), sample().front[0].name, predicted=slow, measured=None, errors=None))
    assert "samples a second, logarithmic</text>" in text
    labels = re.findall(r'class="middle"[^>]*>([\d,]+)<', text)
    assert {"1,000", "2,000", "5,000", "10,000", "100,000"} <= set(labels)


def test_dots_of_the_cloud_that_fall_together_are_one_and_those_below_are_left_out() -> None:
    cloud = Cloud(accuracy=[0.9, 0.9, 0.9, 0.1], samples_per_second=[1e5, 1e5, 2e5, 1e5], lut=[1, 1, 1, 1], exits=[1, 1, 6, 1])
    paths = {str(path.get("data-exits")): path for path in drawn(sample().replace(cloud=cloud)).iter("path") if path.get("data-exits")}
    assert {exits: str(path.get("d")).count("M") for exits, path in paths.items()} == {"1": 1, "6": 1}
    assert paths["6"].get("class") == "cloud e4"


def test_dots_are_fainter_the_more_there_are() -> None:
    assert faintness(0) == faintness(800) > faintness(5000) > faintness(100_000) > 0.05


def test_fronts_are_steps() -> None:
    paths = {str(path.get("class")): str(path.get("d")) for path in drawn(sample()).iter("path") if "steps" in str(path.get("class"))}
    assert set(paths) == {"steps early", "steps alone"}
    assert all(re.fullmatch(r"M[\d.]+ [\d.]+(H[\d.]+V[\d.]+)+", path) for path in paths.values())
    assert paths["steps alone"].count("H") == 3


def test_names_are_escaped() -> None:
    found = changed(sample(), sample().front[0].name, name='"><b>&')
    assert "<b>" not in chart(found)
    assert '"><b>&' in groups(found)


def test_there_may_be_little_to_draw() -> None:
    nothing = Cloud(accuracy=[], samples_per_second=[], lut=[], exits=[])
    empty = sample().replace(front=[], alone=[], moved=[], cloud=nothing)
    assert groups(empty) == {}
    one = groups(empty.replace(front=sample().front[:1]))
    assert [group.get("tabindex") for group in one.values()] == ["0"]


@pytest.mark.parametrize(("low", "high", "values"), [
    (0.0, 60.0, [0, 10, 20, 30, 40, 50, 60]), (88.1, 91.2, [88.5, 89, 89.5, 90, 90.5, 91]), (0.0, 0.5, [0, 0.1, 0.2, 0.3, 0.4, 0.5]),
    (0.0, 170_000.0, [0, 25_000, 50_000, 75_000, 100_000, 125_000, 150_000]), (90.0, 90.06, [90, 90.01, 90.02, 90.03, 90.04, 90.05, 90.06]),
])
def test_ticks_are_round(low: float, high: float, values: list[float]) -> None:
    assert ticks(low, high) == values
