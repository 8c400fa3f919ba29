"""Rows on what exits are worth in switching, with designs that were counted by hand."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks import explore_energy as module
from benchmarks.explore_energy import energy_figures, ratio_row
from benchmarks.figures import Figures
from build_flows.artefacts.energy import Ratio
from build_flows.base.ui import SilentUi
from build_flows.pages.explore_figures import verified, worth
from tests.build_flows.energy_samples import energy
from tests.build_flows.explore_samples import counted, sample, unverified

NAMES = ("net: modelled energy a sample without exits, against with them, at equal rate", "net: the same, each at its own full rate")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The designs that were counted; those without exits take five times as much."""
    found: list[str] = []

    def measure(project: str, ui: object) -> Any:
        found.append(project)
        return energy(cycles=100, times=5.0 if project.startswith("alone") else 1.0)

    monkeypatch.setattr(module, "load", lambda path: path.parent.name)
    monkeypatch.setattr(module, "measure", measure)
    return found


def test_every_verified_design_is_counted_once(asked: list[str]) -> None:
    made, figures = counted(sample()), Figures(SilentUi())
    energy_figures(figures, "net", made, Path("folder"))
    assert sorted(asked) == sorted(point.name for point in verified(made))
    errors, equal, full = figures.found
    assert f"worst of {len(asked)}: " in errors.value
    assert (equal.name, full.name) == NAMES
    assert equal.met is full.met is True
    value = worth(made)
    assert value is not None
    assert value.base.name in full.how
    assert value.fast.name in full.how


def test_where_nothing_was_verified_nothing_is_compared(asked: list[str]) -> None:
    figures = Figures(SilentUi())
    energy_figures(figures, "net", counted(unverified(sample())), Path("folder"))
    assert asked == []
    assert [(row.value, row.met) for row in figures.found] == [("no two verified designs to compare", False)]


@pytest.mark.parametrize(("times", "least", "met"), [(2.5, 1.2, True), (2.5, 0.9, False), (1.9, 1.2, False)])
def test_what_depends_on_the_weights_is_not_met(times: float, least: float, met: bool) -> None:
    figures = Figures(SilentUi())
    ratio_row(figures, "a", 2.0, Ratio(times=times, least=least, most=4.0), "")
    assert figures.found[0].met is met
