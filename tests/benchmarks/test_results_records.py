"""``docs/results.json``: every entry has a type."""

from pathlib import Path

from benchmarks.results_records import ResultsFile
from tests.artefact_checks import checked
from tests.benchmarks.results_samples import content

ROOT = Path(__file__).parents[2]


def test_results(tmp_path: Path) -> None:
    user = {"change": "contrast", "strength": 3, "samples": 50, "before": [0.5, 0.6]}
    imported = {"float_accuracy": [0.9], "quantised_accuracy": [0.89]}
    epoch = {"seconds": 20.0, "command_seconds": 25.0, "peak_bytes": 683679744, "cores": 2, "machine": "m"}
    entries = [content(), {**content("personal"), "user": user}, {**content("import"), "imported": imported}]
    found = checked(ResultsFile, {"version": 1, "entries": entries, "epoch": epoch}, tmp_path)
    assert found.entries[1].user is not None
    assert (found.entries[1].user.before, found.entries[2].user) == ([0.5, 0.6], None)


def test_an_entry_under_noise_and_without() -> None:
    found = ResultsFile.parse({"version": 1, "entries": [content(exit0=0.8, noisy=0.5)]}, "results.json").entries[0]
    assert found.at(0).exit_accuracy[0] == 0.8
    assert found.at(2) is found.noisy[1]


def test_the_file_in_the_repository_stays_as_it_is() -> None:
    file = ROOT / "docs" / "results.json"
    assert ResultsFile.load(file).dump() == file.read_text(encoding="utf-8")
