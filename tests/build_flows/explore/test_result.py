"""``explore.json`` out of made-up designs."""

from types import SimpleNamespace

import pytest

from build_flows.explore.look import Looked
from build_flows.explore.predict import scoring
from build_flows.explore.result import Explored
from build_flows.explore.search_file import SearchFile
from build_flows.explore.setting import Setting
from build_flows.explore.space import space
from build_flows.explore.verify_front import Verification
from tests.build_flows.explore.material import GOAL, network, write_source
from tests.build_flows.explore.space_samples import EARLY, SOURCES, designs, known
from tests.build_flows.explore.test_design_files import SEARCH


@pytest.fixture
def explored(tmp_path):
    write_source(tmp_path / "shared")
    search = SearchFile.model_validate({**SEARCH, "must": {"accuracy": 50.0}})
    files = SimpleNamespace(folder=tmp_path, trainings={(4, 4): SimpleNamespace(folder=tmp_path / "shared")})
    setting = Setting(search=search, files=files, sources=SOURCES, goal=GOAL, space=space(search, [["conv"], ["linear"]], [(4, 4)], 100))
    found = designs()

    def make(verified=None, looked=None):
        rows = {(0, EARLY): {row.chosen.asked: row.predicted.outcome for row in found.rows if row.chosen.family.layout}}
        return Explored(setting=setting, known=known(rows), looked=looked or Looked(True), designs=found,
                        verified=verified or Verification(), workers=2)

    return make


def test_nothing_verified(explored):
    made = explored()
    found = made.file("trial.toml")
    assert [item.name for item in found.front] == [made.designs.rows[index].chosen.name for index in made.designs.front]
    assert all(item.measured is None and item.harm_bound is None for item in found.front)
    assert (found.must, found.part, found.source) == ({"accuracy": 50.0}, GOAL.part, "trial.toml")
    assert (found.evaluated.complete, found.evaluated.points, found.evaluated.thresholds, found.evaluated.workers) == (True, 2, 6, 2)
    assert found.evaluated.points_per_minute == pytest.approx(60 * 2 * 2 / 12)
    assert len(found.reference) == len(found.ideal) == 3
    assert explored(looked=Looked(False, "an optimiser")).file("a").evaluated.optimiser == "an optimiser"


def test_a_bound_is_for_each_of_the_verified_designs_with_exits(explored):
    made = explored()
    rows = [made.designs.rows[index] for index in made.designs.front]
    early, none = [row for row in rows if row.chosen.family.layout], [row for row in rows if not row.chosen.family.layout]
    done = [*early[:2], *none[:1]]
    verified = Verification(measured={row.chosen.name: row.predicted.outcome for row in done}, rows=done)
    made = explored(verified)
    assert made._confidence == pytest.approx(1 - 0.05 / 2)
    found = made.file("a")
    assert {item.name for item in found.front if item.harm_bound is not None} == {row.chosen.name for row in early[:2]}
    assert [item.measured is not None for item in found.front] == sorted((item.measured is not None for item in found.front), reverse=True)
    assert {item.point for item in found.pays} == {row.chosen.name for row in early}


def test_scores_of_the_bound_are_of_the_network_that_was_trained(explored):
    made = explored()
    row = next(row for row in made.designs.rows if row.chosen.family.layout)
    assert made._exits(row) == [0]
    assert scoring(made._network(row), GOAL) == scoring(network(), GOAL)
    assert len(made._network(row).stages) == len(network().stages)
