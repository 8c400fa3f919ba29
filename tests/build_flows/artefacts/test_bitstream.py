"""``bitstream.json``: whose a bitstream is."""

from pathlib import Path

from build_flows.artefacts.bitstream import BitstreamFile
from tests.artefact_checks import checked


def test_a_description(tmp_path: Path) -> None:
    content = {"version": 2, "design": "toy_00001234", "build": 0x1234, "board": "pynq-z2", "part": "xc7z020clg400-1", "flow": "vivado",
               "tools": {"vivado": "2022.2"}, "clock_mhz": 100.0, "files": {"toy.bit": "ab", "reports/timing.rpt": "cd"}}
    assert checked(BitstreamFile, content, tmp_path).files["toy.bit"] == "ab"
