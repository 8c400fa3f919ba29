"""The runs behind the results are configurations that the program takes."""

from pathlib import Path

import pytest

from benchmarks.results_runs import CIFAR10, RUNS, SEEDS, Run, config_text
from build_flows.project.load import parse


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.name)
def test_every_run_is_a_valid_configuration(run: Run) -> None:
    start = None if run.start is None else Path("start.safetensors")
    samples = None if run.user is None else Path("user.npz")
    weights = None if run.floats is None else Path("float.safetensors")
    config = parse(config_text(run, Path("some") if run.data == CIFAR10 else None, start, samples, weights))
    assert config.project.name == run.name
    assert (config.train.scheme, config.train.seed, config.model.weight_bits) == (run.scheme, run.seed, run.bits)
    for key, value in run.train.items():
        assert getattr(config.train, key) == value


def test_names_are_unique_and_what_a_run_starts_from_comes_before_it() -> None:
    names = [run.name for run in RUNS]
    assert len(set(names)) == len(names)
    for index, run in enumerate(RUNS):
        assert run.start is None or run.start in names[:index]


def test_compared_schemes_have_the_same_epochs_and_seeds() -> None:
    rows = [run for run in RUNS if run.network == "b_lenet" and not run.variant]
    for scheme in ("joint", "distill", "consistent"):
        chosen = [run for run in rows if run.scheme == scheme]
        assert [run.seed for run in chosen] == list(SEEDS)
        assert {run.train["epochs"] for run in chosen} == {rows[0].train["epochs"]}


def test_binary_files_and_image_folders_of_cifar10_are_told_apart(tmp_path: Path) -> None:
    run = next(item for item in RUNS if item.data == CIFAR10)
    assert parse(config_text(run, tmp_path)).data.name == "folder"
    (tmp_path / "data_batch_1.bin").touch()
    assert parse(config_text(run, tmp_path)).data.name == "cifar10"
