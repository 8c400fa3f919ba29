"""``selftest.json``: what a board says is kept as it is."""

from pathlib import Path

from build_flows.artefacts.selftest import Selftest, SelftestFile
from tests.artefact_checks import text_of

SAID = {"ok": False, "samples": 40, "agree": 39, "errors": ["image 3: label 1 instead of 2"], "name": "toy", "build": 4660, "board": None,
        "python": "3.10.4", "numpy": "1.26", "newer": [1, {"a": None}]}


def test_what_a_board_says_is_kept_whatever_it_is(tmp_path: Path) -> None:
    found = Selftest.model_validate(SAID)
    assert found.to_json() == SAID
    SelftestFile(host="root@pynq", **found.to_json()).save(tmp_path / "selftest.json")
    assert (tmp_path / "selftest.json").read_text() == text_of({"version": 1, "host": "root@pynq", **SAID})
    assert SelftestFile.load(tmp_path / "selftest.json").errors == SAID["errors"]


def test_what_it_does_not_say_is_not_told() -> None:
    found = Selftest.model_validate({"errors": []})
    assert found.to_json() == {"errors": []}
    assert (found.ok, found.samples, found.python) == (False, None, None)
