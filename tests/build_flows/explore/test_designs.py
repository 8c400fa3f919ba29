"""Designs side by side: what holds, what is best, and what is told of each."""

import pytest

from build_flows.explore import designs as module
from build_flows.explore.designs import Designs, holds
from build_flows.explore.evaluate import Known
from build_flows.explore.objectives import chosen
from build_flows.explore.search_file import MustSection
from build_flows.explore.space import Asked
from tests.build_flows.explore.material import outcome
from tests.build_flows.explore.space_samples import ALONE, EARLY, NONE, OBJECTIVES, SOURCES, designs, known


def test_what_must_hold():
    item = outcome(0.85, 1e5)
    assert holds(item, MustSection())
    assert holds(item, MustSection(accuracy=85, samples_per_second=1e5))
    assert not holds(item, MustSection(accuracy=85.01))
    assert not holds(item, MustSection(latency_us=9.0)), "nobody knows"
    assert holds(item.replace(latency_us=9.0), MustSection(latency_us=9.0))
    assert not holds(item.replace(latency_us=9.1), MustSection(latency_us=9.0))
    assert not holds(item, MustSection(samples_per_second=1e5 + 1))


def test_only_what_fits_and_holds_what_it_must_is_there():
    found = designs(MustSection(samples_per_second=3e5), change=lambda asked, made: made.replace(fits=asked.loss != 2.0))
    assert {(row.chosen.asked.loss, row.chosen.asked.cycles) for row in found.rows} == {(0.5, 200), (1.0, 200)}


def test_of_the_networks_without_exits_the_better_one_stands_for_both():
    without = [row for row in designs().rows if not row.chosen.family.layout]
    assert {(row.source, row.chosen.alone) for row in without} == {(0, False)}, "the last exit of all is right more often here"

    def trained_alone_is_better(asked, made):
        return made.replace(accuracy=0.95) if made.accuracy == 0.905 else made

    without = [row for row in designs(change=trained_alone_is_better).rows if not row.chosen.family.layout]
    assert {(row.source, row.chosen.alone) for row in without} == {(ALONE, True)}


def test_the_front_and_those_without_exits_on_it():
    found = designs()
    for index, row in enumerate(found.rows):
        made = row.predicted.outcome
        beaten = any(
            other.accuracy >= made.accuracy and other.samples_per_second >= made.samples_per_second and other.lut <= made.lut
            and other != made for other in (item.predicted.outcome for item in found.rows))
        assert (index in found.front) is (not beaten)
    assert [found.rows[index].chosen.asked.cycles for index in found.alone] == [200, 400, 800], "slower is smaller"
    assert 0 < found.hypervolume < 1


def test_a_row_is_told_as_it_is():
    row = next(row for row in designs().rows if row.chosen.asked == Asked(1.0, 400, 0.8))
    told = row.record
    assert (told.name, told.cycles, told.utilisation, told.loss) == ("exits-0conv-margin-w4a4-400-u80-l1000", 400, 0.8, 1.0)
    [placed] = told.exits
    assert (placed.after, placed.head, placed.policy, placed.threshold) == (0, "conv", "margin", 4.5)
    assert (told.predicted, told.measured, told.config) == (row.predicted.outcome, None, None)
    none = next(row for row in designs().rows if not row.chosen.family.layout)
    assert (none.record.exits, none.record.loss) == ([], None)


def test_rows_are_in_an_order_of_their_own():
    rows = {Asked(loss, cycles, 0.8): outcome(0.9, 1e8 / cycles) for loss in (2.0, 0.5) for cycles in (400, 200)}
    one = Designs(known({(0, NONE): {}, (0, EARLY): rows}), SOURCES, chosen(OBJECTIVES), MustSection())
    other = Designs(known({(0, EARLY): dict(reversed(rows.items())), (0, NONE): {}}), SOURCES, chosen(OBJECTIVES), MustSection())
    assert one.rows == other.rows
    assert one.front == other.front == [0], "of equal ones the first, whatever came first"


def test_a_plot_shows_a_part_of_many(monkeypatch):
    found = designs()
    assert len(found.cloud.lut) == len(found.rows) == 9
    assert found.cloud.exits.count(1) == 6
    monkeypatch.setattr(module, "CLOUD", 4)
    assert len(found.cloud.accuracy) == 3
    assert found.cloud.accuracy == [row.predicted.outcome.accuracy for row in found.rows[::3]]


@pytest.mark.parametrize("must", [MustSection(), MustSection(accuracy=99)])
def test_there_may_be_none(must):
    found = Designs(Known(), SOURCES, chosen(OBJECTIVES), must)
    assert (found.rows, found.front, found.alone, found.hypervolume) == ([], [], [], 0.0)
