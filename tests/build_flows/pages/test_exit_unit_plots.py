"""The plots of a sweep: files that are there, whole, for one unit as for many."""

from pathlib import Path

import pytest

from build_flows.artefacts.exit_unit import SweepFile, SweepRow, SweepSeconds
from build_flows.pages import exit_unit_plots as plots
from quant_models.exits.policies import POLICIES


def row(policy: str, classes: int, pe: int, **more: object) -> SweepRow:
    return SweepRow(
        name=policy, policy=policy, classes=classes, pe=pe, samples=100, agree=100, ii=classes // pe, latency_min=1,
        latency_median=classes / pe + 3, latency_max=100, latency_bound=100, bubbles=0, coverage={}, logit_bits=16, scale=0.01,
        epsilon=None, threshold=None, cycles=1000, sim_cycles_per_second=1000,
    ).replace(**more)


@pytest.mark.parametrize(
    "rows",
    [
        [row("softmax", 10, 2)],
        [row(policy, classes, pe) for policy in POLICIES for classes in (2, 10, 100, 1000) for pe in (1, 2, 5, 10) if classes % pe == 0],
        [row("margin", classes, 1, name=f"margin ({classes})") for classes in (2, 3, 4, 5, 6, 7)],
    ],
)
def test_files_are_written_whole(rows: list[SweepRow], tmp_path: Path) -> None:
    plots.throughput(rows, tmp_path / "throughput.png", 100.0)
    plots.latency(rows, tmp_path / "latency.png", stall=0.4)
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"throughput.png", "latency.png"}


def test_units_without_a_measured_figure_are_left_out(tmp_path: Path) -> None:
    without = row("softmax", 10, 1, ii=None, latency_median=None)
    for name, rows in (("all", [row("margin", 10, 1), without]), ("measured", [row("margin", 10, 1)]), ("none", [without])):
        plots.throughput(rows, tmp_path / f"{name}.png", 100.0)
        plots.latency(rows, tmp_path / f"{name} latency.png")
    for what in ("", " latency"):
        assert (tmp_path / f"all{what}.png").read_bytes() == (tmp_path / f"measured{what}.png").read_bytes()
        assert (tmp_path / f"none{what}.png").read_bytes() != (tmp_path / f"measured{what}.png").read_bytes()


def test_the_files_of_a_sweep(tmp_path: Path) -> None:
    found = SweepFile(units=[row("margin", 10, 1)], faults=[], seed=1, stall=0.5, cycles=10, sim_cycles_per_second=10,
                      seconds=SweepSeconds(build=1, draw=1, simulate=1))
    throughput, latency = plots.write_plots(found, tmp_path)
    assert (throughput.name, latency.name) == ("throughput.png", "latency.png")
    plots.latency(found.units, tmp_path / "alone.png", 0.5)
    assert latency.read_bytes() == (tmp_path / "alone.png").read_bytes()
