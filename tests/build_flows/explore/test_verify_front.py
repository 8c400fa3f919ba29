"""Which designs are verified, and what that makes of the front; the verification of each is made up."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from build_flows.explore import verify_front as module
from build_flows.explore.objectives import OBJECTIVES
from build_flows.explore.options import Options
from build_flows.explore.search_file import MustSection
from build_flows.explore.verify import PLAIN, Bundle, Verified
from tests.build_flows.explore.material import InProcess
from tests.build_flows.explore.space_samples import designs
from tests.build_flows.uis import Listening


class Files:
    """Configurations that are paths alone."""

    def __init__(self, folder):
        self.folder, self.written = folder, []

    def layout(self, chosen):
        return SimpleNamespace(file=self.folder / "w4a4" / chosen.name / "config.toml")

    def write(self, layout, tell):
        self.written.append(layout.file)
        return layout.file


class Run:
    """One verification of made-up designs: ``change`` says, by name, what is measured instead of what was predicted (text: it fails)."""

    def __init__(self, folder, monkeypatch, change=lambda name, made: made, must=None, workers=None):
        self.designs, self.files, self.ui = designs(must), Files(folder), Listening()
        self.workers = workers or InProcess(count=2)
        rows = {row.chosen.name: row.predicted.outcome for row in self.designs.rows}

        def verified(data, path):
            found = change(path.parent.name, rows[path.parent.name])
            return Verified(None, found) if isinstance(found, str) else Verified(found)

        monkeypatch.setattr(module, "verify_here", verified)
        self.front = [self.designs.rows[index].chosen.name for index in self.designs.front]

    def __call__(self, count, deadline=None, options=None):
        return module.verify_front(self.designs, self.files, count, lambda: self.workers, self.ui, options or Options(), deadline)


def test_all_of_the_front_get_a_configuration_and_some_are_verified(tmp_path, monkeypatch):
    run = Run(tmp_path, monkeypatch)
    found = run(3)
    alone = {run.designs.rows[index].chosen.name for index in run.designs.alone}
    assert set(found.configs) == set(run.front) | alone
    assert len(run.files.written) == len(set(run.files.written)) == len(found.configs)
    assert all((tmp_path / place) in run.files.written for place in found.configs.values())
    assert len(found.measured) in (3, 4), "and one without exits beside them"
    assert (found.moved, found.failed) == (set(), {})
    [bests] = [max(rows, key=lambda row: row.predicted.outcome.accuracy).chosen.name
               for rows in [[run.designs.rows[index] for index in run.designs.front]]]
    assert bests in found.measured


def test_what_is_switched_is_counted_where_it_is_weighed(tmp_path, monkeypatch):
    asked = []
    run = Run(tmp_path, monkeypatch)
    rows = {row.chosen.name: row.predicted.outcome for row in run.designs.rows}

    def verified(data, path, wanted=PLAIN):
        asked.append(wanted.energy)
        return Verified(rows[path.parent.name])

    monkeypatch.setattr(module, "verify_here", verified)
    run(1)
    assert not any(asked)
    assert asked
    asked.clear()
    run.designs.objectives = [*run.designs.objectives, OBJECTIVES["energy"]]
    run(1)
    assert all(asked)
    assert asked


def test_nothing_is_verified_where_none_is_wanted(tmp_path, monkeypatch):
    run = Run(tmp_path, monkeypatch)
    found = run(0)
    assert (found.measured, run.workers.handed_out) == ({}, [])
    assert found.configs


def test_the_fastest_without_exits_that_is_as_right_stands_beside(tmp_path, monkeypatch):
    run = Run(tmp_path, monkeypatch)
    beside = module._beside(run.designs)
    assert (beside.chosen.family.layout, beside.chosen.asked.cycles) == ((), 200)
    assert beside.chosen.name in run(1).measured


def test_for_a_design_that_is_beaten_the_next_one_is_verified(tmp_path, monkeypatch):
    first = Run(tmp_path, monkeypatch)(2)
    worse = next(row.chosen.name for row in first.rows if row.chosen.family.layout)

    run = Run(tmp_path, monkeypatch, lambda name, made: made.replace(accuracy=0.1, samples_per_second=1.0, lut=90_000)
              if name == worse else made)
    found = run(2)
    assert found.moved == {worse}
    assert set(first.measured) < set(found.measured)
    assert [len(batch) for batch in run.workers.handed_out] == [len(first.measured), 1], "the first ones, and one more"


@pytest.mark.parametrize("change", [
    lambda made: made.replace(fits=False, short=["LUT: 1 of 0"]), lambda made: made.replace(accuracy=0.5),
], ids=["does not fit", "does not hold what it must"])
def test_what_does_not_fit_or_hold_is_moved_though_none_beats_it(tmp_path, monkeypatch, change):
    run = Run(tmp_path, monkeypatch, lambda name, made: change(made), must=MustSection(accuracy=80))
    found = run(2)
    assert found.moved == set(found.measured)
    tried = len(set(found.measured) & set(run.front))
    assert 2 < tried <= len(found.measured) == module.MOST * 2 < len(run.front) + 1, "the next ones were tried, but not for ever"
    assert run.ui.said == ["6 designs were verified, and 2 more of the front are wanted: what keeps them off it is in explore.html"]


def test_failures_are_told_and_the_next_ones_taken(tmp_path, monkeypatch):
    broken = Run(tmp_path, monkeypatch)(1).rows[0].chosen.name
    run = Run(tmp_path, monkeypatch, lambda name, made: "the FIFOs were not found" if name == broken else made)
    found = run(1)
    assert found.failed == {broken: "the FIFOs were not found"}
    assert broken not in found.measured
    assert f"design {broken} failed: the FIFOs were not found" in run.ui.said
    assert sum(name in run.front for name in found.measured) >= 1


def test_nothing_is_begun_after_the_deadline(tmp_path, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(module.time, "monotonic", lambda: now[0])

    def slow(name, made):
        now[0] += 10.0
        return made

    run = Run(tmp_path, monkeypatch, slow)
    found = run(4, deadline=15.0)
    assert len(found.measured) == 2, "as many as there are workers were begun before it"
    assert Run(tmp_path, monkeypatch, slow)(4, deadline=0.0).measured == {}


def test_the_order_in_which_they_end_changes_nothing(tmp_path, monkeypatch):
    def alike(name, made):
        return made.replace(accuracy=0.9, samples_per_second=1e5, lut=1000)

    found = [Run(tmp_path, monkeypatch, alike, workers=InProcess(order=order))(3) for order in (list, lambda keys: keys[::-1])]
    assert found[0].moved == found[1].moved
    assert found[0].measured == found[1].measured
    assert len(found[0].measured) - len(found[0].moved) == 1, "of equal ones one is left"


def test_what_is_told_of_a_design(tmp_path, monkeypatch):
    run = Run(tmp_path, monkeypatch, lambda name, made: made.replace(lut=made.lut * 1.25))
    found = run(2)
    for index in run.designs.front:
        row = run.designs.rows[index]
        told = found.told(row)
        assert told.config == f"w4a4/{row.chosen.name}/config.toml"
        if row.chosen.name in found.measured:
            assert told.errors.lut == pytest.approx(-0.2)
            assert told.measured == found.measured[row.chosen.name]
        else:
            assert (told.measured, told.errors) == (None, None)


def test_workers_elsewhere_get_bundles_and_send_artefacts(tmp_path, monkeypatch):
    run = Run(tmp_path, monkeypatch)
    rows = {row.chosen.name: row.predicted.outcome for row in run.designs.rows}
    asked = []

    def packed(path, shared, data):
        asked.append((shared, data))
        return Bundle({"design/config.toml": b""}, path.parent.name)

    monkeypatch.setattr(module, "data_files", lambda path, data: {"data/x": b"1"})
    monkeypatch.setattr(module, "packed", packed)
    monkeypatch.setattr(module, "verify_away", lambda shared, bundle: Verified(rows[bundle.config], "", {"sim.json": b"{}"}))
    found = run(1, options=Options(scheduler="tcp://host:8786", data=Path("images.npz")))
    assert asked[0] == ({"data/x": b"1"}, Path("images.npz"))
    for name in found.measured:
        assert (tmp_path / "w4a4" / name / "verified" / "sim.json").read_bytes() == b"{}"
