"""``evaluation.json``: every figure has a type."""

from pathlib import Path

from build_flows.artefacts.evaluation import EvaluationFile
from tests.artefact_checks import checked
from tests.build_flows.evaluate_samples import content


def test_an_evaluation(tmp_path: Path) -> None:
    found = checked(EvaluationFile, content(), tmp_path)
    assert found.exits[0].calibration_scaled.bins[0].samples == 100
    assert (found.costs[1].macs, found.last_alone.cycles, found.overthinking.any) == (9000, 400, 0.934)
    assert found.corruptions.kinds[0].amounts == [1, 2, 3.5, 5, 8]
    assert found.overthinking.pairs == [(0, 1, 0.0217)]


def test_what_was_not_simulated_has_no_cycles(tmp_path: Path) -> None:
    found = checked(EvaluationFile, content(compiled=False), tmp_path)
    assert found.slowdown.rtl is None
    assert {found.operating.cycles, found.last_alone.cycles, found.curves[0].points[0].cycles} == {None}


def test_the_images_that_are_shown_are_named_once_by_rising_index() -> None:
    found = EvaluationFile.parse(content(), "evaluation.json")
    assert found.shown == [2, 5, 12, 15]
    twice = [side.replace(hardest=found.pictures[0].hardest) for side in found.pictures]
    assert found.replace(pictures=twice).shown == [2, 5, 12]
