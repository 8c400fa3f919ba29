"""``compare.json`` and ``match.json``: every row has a type."""

from pathlib import Path

from build_flows.artefacts.compare import CompareFile, Failure, MatchFile
from tests.artefact_checks import checked
from tests.build_flows.compare_samples import sample


def test_a_comparison(tmp_path: Path) -> None:
    content = {**sample().to_json(), "failed": [{"name": "a", "error": "no"}, {"name": "b", "error": "no", "hint": "try"}]}
    found = checked(CompareFile, content, tmp_path)
    assert found.layouts == sample().layouts
    assert found.failed == [Failure(name="a", error="no"), Failure(name="b", error="no", hint="try")]
    assert found.layouts[1].matched is not None
    assert (found.layouts[1].matched.layout, found.layouts[1].matched.allowed.bram36) == ("early-conv-max-logit", 4.0)


def test_all_luts_are_those_used_as_memory_too() -> None:
    row = sample().layouts[0]
    assert row.luts == row.lut + row.lutram > row.lut


def test_a_match_keeps_whole_numbers_whole(tmp_path: Path) -> None:
    taken = {"lut": 1200, "bram36": 3.5, "dsp": 29}
    content = {"version": 1, "cycles": 2600, "fits": True, "predicted": {"lut": 700.0, "bram36": 2.0, "dsp": 20.0}, "allowed": taken}
    assert checked(MatchFile, content, tmp_path).allowed.to_json() == taken
