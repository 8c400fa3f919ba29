"""The page of results: figures worked out by hand, targets met and missed, nothing told that was not measured."""

from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Figure
from benchmarks.results_page import figures, page, write_page
from benchmarks.results_records import Entry, Epoch, Imported, ResultsFile
from tests.benchmarks.results_samples import entry

ROOT = Path(__file__).parents[2]


def found(*entries: Entry, epoch: Epoch | None = None) -> ResultsFile:
    return ResultsFile(entries=list(entries), epoch=epoch)


def one(name: str, *entries: Entry, **more: Any) -> Figure:
    [figure] = [item for item in figures(found(*entries, **more)) if name in item.name]
    return figure


def test_seeds_are_compared_pair_by_pair() -> None:
    joint = [entry(seed=seed, exit0=0.8 + seed / 100, noisy=0.5) for seed in (1, 2)]
    own = [entry("consistent", seed=seed, exit0=0.8 + seed / 100 - 0.002, noisy=0.5 + seed / 100) for seed in (2, 1)]
    other = entry("consistent", seed=3, exit0=0.1)  # no joint run beside it
    noisy = one("Gaussian", *joint, *own, other)
    assert noisy.value == "+1.50 points (+1.00 to +2.00 over 2 seeds)"
    assert not noisy.met
    clean = one("clean images", *joint, *own, other)
    assert clean.value.startswith("-0.20 points")
    assert clean.met


def test_other_epochs_are_not_compared() -> None:
    assert not [item for item in figures(found(entry(), entry("distill", epochs=20, exit0=0.9))) if "distill" in item.name]


@pytest.mark.parametrize(("exit0", "met"), [(0.81, True), (0.79, False)])
def test_distill_is_better_or_missed(exit0: float, met: bool) -> None:
    assert one("distill", entry(), entry("distill", exit0=exit0)).met is met


def test_the_best_run_is_one_that_leaves_early_enough() -> None:
    late = entry("joint", accuracy=0.93, exit_share=[0.5, 0.5])
    early = entry("distill", accuracy=0.89, exit_share=[0.7, 0.3])
    figure = one("operating point", late, early)
    assert figure.met
    assert figure.value == "89.00 % with 70.00 % leaving at exit 0"
    assert not one("operating point", late).met


def test_every_exit_of_an_import_counts() -> None:
    row = entry("import", weight_bits=8, act_bits=8, imported={"float_accuracy": [0.9, 0.92], "quantised_accuracy": [0.9, 0.914]})
    figure = one("import", row)
    assert not figure.met
    assert "exit 1: 92.00 % to 91.40 %" in figure.value
    assert one("import", row.replace(imported=Imported(float_accuracy=[0.9, 0.92], quantised_accuracy=[0.901, 0.916]))).met


def test_memory_and_time_of_an_epoch_both_count() -> None:
    good = Epoch(seconds=20.0, command_seconds=25.0, peak_bytes=1e9, cores=2, machine="m")
    assert one("epoch", epoch=good).met
    assert not one("epoch", epoch=good.replace(peak_bytes=3.1e9)).met
    assert not one("epoch", epoch=good.replace(seconds=46.0)).met


def test_the_summary_has_mean_and_deviation_over_seeds() -> None:
    text = page(found(entry(exit0=0.80), entry(seed=2, exit0=0.82), entry("distill")))
    assert "| joint | 2 | 12 | 81.00 ± 1.41 / 90.00 ± 0.00 | 71.00 ± 0.00 |" in text
    assert "| distill | 1 | 12 | 80.00 / 90.00 | 71.00 |" in text


def test_a_user_is_told_apart_from_everybody() -> None:
    user = {"change": "contrast", "strength": 3, "samples": 50, "before": [0.5, 0.6]}
    text = page(found(entry(), entry("personal", exit0=0.7, user=user)))
    assert "| joint | 1 |" in text
    assert "| personal | 1 |" not in text
    assert "50.00 / 60.00 % before, 70.00 / 90.00 % after, from 50 labelled samples" in text


def test_what_is_lossy_is_said() -> None:
    assert "JPEG" not in page(found(entry(data="cifar10", source="cifar10", network="b_alexnet")))
    assert "JPEG" in page(found(entry(data="cifar10", source="folder", network="b_alexnet")))


def test_plots_are_where_the_page_looks_for_them(tmp_path: Path) -> None:
    write_page(found(entry(), entry("consistent")), tmp_path)
    text = (tmp_path / "RESULTS.md").read_text(encoding="utf-8")
    images = sorted(tmp_path.glob("*.png"))
    assert len(images) == 2
    for image in images:
        assert f"({image.name})" in text


def test_the_page_in_the_repository_is_that_of_its_data() -> None:
    assert (ROOT / "docs" / "RESULTS.md").read_text(encoding="utf-8") == page(ResultsFile.load(ROOT / "docs" / "results.json"))
