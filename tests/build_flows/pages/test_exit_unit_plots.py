"""The plots of a sweep: files that are there, whole, for one unit as for many."""

import pytest

from build_flows.pages import exit_unit_plots as plots
from quant_models.exits.policies import POLICIES


def row(policy, classes, pe, **more):
    return {"name": policy, "policy": policy, "classes": classes, "pe": pe, "ii": classes // pe, "latency_median": classes / pe + 3, **more}


@pytest.mark.parametrize(
    "rows",
    [
        [row("softmax", 10, 2)],
        [row(policy, classes, pe) for policy in POLICIES for classes in (2, 10, 100, 1000) for pe in (1, 2, 5, 10) if classes % pe == 0],
        [row("margin", classes, 1, name=f"margin ({classes})") for classes in (2, 3, 4, 5, 6, 7)],
    ],
)
def test_files_are_written_whole(rows, tmp_path) -> None:
    plots.throughput(rows, tmp_path / "throughput.png", 100.0)
    plots.latency(rows, tmp_path / "latency.png", stall=0.4)
    for path in tmp_path.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
    assert {path.name for path in tmp_path.iterdir()} == {"throughput.png", "latency.png"}


def test_units_without_a_measured_figure_are_left_out(tmp_path) -> None:
    rows = [row("margin", 10, 1), row("softmax", 10, 1, ii=None, latency_median=None)]
    plots.throughput(rows, tmp_path / "throughput.png", 100.0)
    plots.latency(rows, tmp_path / "latency.png")
    none = [row("softmax", 10, 1, ii=None, latency_median=None)]
    plots.throughput(none, tmp_path / "none.png", 100.0)
    assert (tmp_path / "none.png").exists()


def test_both_plots_of_a_sweep_are_written(tmp_path) -> None:
    found = plots.write_plots({"units": [row("margin", 10, 1), row("softmax", 10, 1)], "stall": 0.4}, tmp_path)
    assert found == (tmp_path / "throughput.png", tmp_path / "latency.png")
    assert set(found) == set(tmp_path.iterdir())
