"""``sizing.json``: what was measured of stages, and how deep FIFOs and gates are."""

from pathlib import Path

from build_flows.artefacts.sizing import FifoRecord, SizingFile
from tests.artefact_checks import checked

STAGE = {
    "index": 0, "interval": 101, "verdict_latency": 140, "target": 128, "predicted": 100, "limited_by": "stage0_conv0 (mvau)", "reach": 1.0,
}


def test_a_sizing(tmp_path: Path) -> None:
    content = {
        "version": 1, "stages": [STAGE, {**STAGE, "index": 1, "verdict_latency": None, "reach": 0.35}],
        "fifos": {"a_to_b": {"depth": 2, "reached": 34}}, "gates": [{"frames": 6, "loss": 0.0, "utilisation": 0.8}],
        "cost": {"lut": 1000, "lutram": 100, "ff": 1500, "bram18": 3, "dsp": 12},
    }
    found = checked(SizingFile, content, tmp_path)
    assert found.fifos["a_to_b"] == FifoRecord(depth=2, reached=34)
    assert [stage.verdict_latency for stage in found.stages] == [140, None]
