"""The page of a design's energy: one file, its figures, nothing else."""

from pathlib import Path

import pytest

from build_flows.artefacts.energy import EnergyFile, Ratio
from build_flows.pages.energy_page import TOLD, ratio_told, render, write_files
from build_flows.pages.energy_plots import PLOTS
from tests.build_flows.cli.stand_in import TOO_SLOW
from tests.build_flows.energy_samples import energy
from tests.build_flows.html_balance import stands_alone

pytestmark = pytest.mark.usefixtures("drawings")


@pytest.fixture(scope="module")
def html() -> str:
    return render(energy())


def test_it_is_one_well_formed_file_that_needs_nothing_else(html: str) -> None:
    stands_alone(html)
    assert html.count("<svg") == len(PLOTS)


def test_the_figures_are_there(html: str) -> None:
    """Weighed, a sample is 1,800: 600 + 300 + 100 + 50 + 200 of the first stage, 200 + 100 + 100 of the second one, and 50 + 50 + 50."""
    for told in ("small &lt;net&gt;", "69.4 %", "22.2 %", "8.3 %", "17.8 %", "8.9 %",
                 "5.3 %", "90.0 %", "25.0 %", "stage 1 and its head", "in no stage", "0.2100",
                 "no joules", "head 1"):
        assert told in html, told
    assert "<net>" not in html


def test_what_cannot_be_built_is_said_above_all_else(html: str) -> None:
    assert "The design fits xc7z020clg400-1" in html
    slow = render(energy().replace(verdict=TOO_SLOW))
    assert slow.index("misses its clock of 100 MHz: 92.4 MHz") < slow.index("<figure")
    assert "at 92.4 MHz" in slow
    assert slow.count('class="box bad"') == 1


def test_units_that_switch_most_come_first() -> None:
    found = energy()
    many = found.replace(units=[found.units[2].replace(name=f"u{k}", switches=found.units[2].switches.times(k)) for k in range(1, 40)])
    page = render(many)
    assert page.index(">u39<") < page.index(">u38<") < page.index(f">u{40 - TOLD}<")
    assert ">u1<" not in page
    assert f"{39 - TOLD} more are in energy.json" in page


def test_all_is_written(tmp_path: Path) -> None:
    write_files(energy(), tmp_path)
    assert EnergyFile.load(tmp_path / "energy.json") == energy()
    made = sorted(path.name for path in (tmp_path / "energy").iterdir())
    assert made == sorted(f"{name}.{kind}" for name in PLOTS for kind in ("png", "svg"))


def test_an_order_that_depends_on_the_weights_is_told() -> None:
    assert ratio_told(Ratio(times=2.04, least=1.5, most=2.5)) == "2.04 times (1.50 to 2.50: for all weights)"
    assert ratio_told(Ratio(times=1.1, least=0.9, most=1.5)) == (
        "1.10 times (0.90 to 1.50: which of the two takes less depends on the weights)")
