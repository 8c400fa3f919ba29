"""``cosim.json``: what the driver made of the images."""

from pathlib import Path
from typing import Any

from build_flows.artefacts.cosim import CosimFile
from build_flows.artefacts.simulation import StreamRecord
from tests.artefact_checks import checked

CONTENT: dict[str, Any] = {
    "version": 1, "samples": 1300, "agree": 1300, "board": "pynq-z2", "seed": 1, "build": 0x1234, "exits": [900, 400],
    "checks": [{"name": "selftest.py", "told": "fine"}], "cycles_per_sample": 138.25, "batch": 500, "simulated_cycles_per_sample": 130.4,
    "counters": {"samples_in": 1300, "samples_out": 1300, "cycles": 170000, "exits": [900, 400], "gates": [3],
                 "streams": {"input": {"stall": 12, "occupancy": 4}}},
    "dma": [
        {"name": "images in", "bits": 32, "words": 16, "least": 16, "payload": 1.0, "mb_per_second": 46.0, "stream_mb_per_second": 400.0,
         "port_mb_per_second": 800.0, "used": 0.115, "most_samples": 6.25e6},
        {"name": "results out", "bits": 64, "words": 1, "least": 1, "payload": 0.97, "mb_per_second": 5.8, "stream_mb_per_second": 800.0,
         "port_mb_per_second": 800.0, "used": 0.007, "most_samples": 1e8},
    ],
    "seconds": 21.84,
}


def sample() -> CosimFile:
    """A co-simulation that went as it should."""
    return CosimFile.parse(CONTENT, "cosim.json")


def test_a_co_simulation(tmp_path: Path) -> None:
    found = checked(CosimFile, CONTENT, tmp_path)
    assert found.counters.streams == {"input": StreamRecord(stall=12, occupancy=4)}
    assert [row.words for row in found.dma] == [16, 1]
