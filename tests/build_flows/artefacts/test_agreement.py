"""``agreement.json``: on how many images models agreed."""

from pathlib import Path

from build_flows.artefacts.agreement import AgreementFile
from tests.artefact_checks import checked


def test_an_agreement(tmp_path: Path) -> None:
    found = checked(AgreementFile, {"version": 1, "brevitas": 360, "finn": 256, "layers": 9, "thresholds_rounded": 0}, tmp_path)
    assert (found.brevitas, found.finn) == (360, 256)
