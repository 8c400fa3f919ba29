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
    # Student's t of one degree of freedom, 12.706, times a standard error of 0.5
    assert noisy.value == "+1.50 points (+1.00 to +2.00 over 2 seeds; 95 % interval of the mean -4.85 to +7.85)"
    assert not noisy.met
    clean = one("clean images", *joint, *own, other)
    assert clean.value.startswith("-0.20 points")
    assert clean.met


def test_other_epochs_are_not_compared() -> None:
    assert not [item for item in figures(found(entry(), entry("distill", epochs=20, exit0=0.9))) if "distill" in item.name]


@pytest.mark.parametrize(("gains", "met"), [((0.01, 0.011, 0.012), True), ((0.03, 0.001, 0.001), False), ((-0.01,) * 3, False),
                                            ((0.01,), False)])
def test_distill_is_better_by_more_than_noise_or_missed(gains: tuple[float, ...], met: bool) -> None:
    rows = [item for seed, gain in enumerate(gains) for item in (entry(seed=seed), entry("distill", seed=seed, exit0=0.8 + gain))]
    assert one("distill", *rows).met is met


def test_noise_as_augmentation_is_a_rival_of_its_own() -> None:
    rows = [item for seed in (1, 2, 3) for item in (
        entry(seed=seed, noisy=0.5), entry(seed=seed, noisy=0.7 + seed / 1000, variant="noise"), entry("consistent", seed=seed, noisy=0.6),
    )]
    assert one("of strength 3", *rows).value.startswith("+10.00 points")
    rival = one("whose augmentation is the same noise", *rows)
    assert rival.value.startswith("-10.20 points (-10.30 to -10.10 over 3 seeds")
    assert not rival.met


def test_the_network_without_exits_is_one_trained_by_itself() -> None:
    rows = [item for seed in (1, 2) for item in (
        entry(seed=seed, accuracy=0.90), entry(seed=seed, accuracy=0.904, exit_accuracy=[0.904], exit_share=[1.0], variant="alone"),
    )]
    assert one("trained by itself", *rows).value.startswith("-0.40 points")
    assert one("trained by itself", *rows).met
    assert not one("trained by itself", rows[0], rows[1].replace(accuracy=0.906)).met


def seeds(scheme: str, validation: float, test: float, share: float = 0.71, count: int = 3) -> list[Entry]:
    """Runs of ``scheme``, and what they are worth over both splits."""
    worth = {"accuracy": validation, "exit_accuracy": [0.8, 0.9], "exit_share": [share, 1 - share]}
    return [entry(scheme, seed=seed, accuracy=test + (seed - 2) / 1000, exit_share=[share, 1 - share], validation=worth)
            for seed in range(1, count + 1)]


def test_a_scheme_is_selected_by_the_validation_split_and_reported_by_the_test_images() -> None:
    figure = one("best over the validation", *seeds("joint", 0.93, 0.892), *seeds("distill", 0.92, 0.95))
    assert figure.met
    assert figure.value == "89.20 ± 0.10 % with 71.00 ± 0.00 % leaving at exit 0, 3 seeds"
    assert not one("best over the validation", *seeds("joint", 0.93, 0.889)).met


def test_a_scheme_that_leaves_early_enough_goes_first() -> None:
    figure = one("best over the validation", *seeds("joint", 0.93, 0.93, share=0.5), *seeds("distill", 0.9, 0.9))
    assert figure.value.startswith("90.00")
    assert not one("best over the validation", *seeds("joint", 0.93, 0.93, share=0.5)).met


@pytest.mark.parametrize("rows", [seeds("joint", 0.93, 0.93, count=2), [entry(seed=seed) for seed in (1, 2, 3)]])
def test_two_seeds_or_no_validation_select_nothing(rows: list[Entry]) -> None:
    figure = one("best over the validation", *rows)
    assert (figure.value, figure.met) == ("not measured over 3 seeds", False)


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
