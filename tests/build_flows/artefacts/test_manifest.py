"""The manifest of a package: what is written is what the driver reads."""

from pathlib import Path
from typing import Any

from build_flows.artefacts.manifest import ManifestFile
from offramp_driver.manifest import load_manifest
from tests.artefact_checks import checked, text_of

EXIT: dict[str, Any] = {"classes": 3, "threshold": 0, "enabled": True, "scale": 0.01, "threshold_range": None, "params": {}}
CONTENT: dict[str, Any] = {
    "version": 2, "name": "toy", "offramp": "0.2.0", "board": "pynq-z2", "board_label": "Pynq-Z2", "part": "xc7z020clg400-1",
    "clock_mhz": 100.0, "build": 0x1234, "design": "toy_00001234", "register_map": 1, "files": {"toy.bit": "ab"},
    "input": {"height": 4, "width": 4, "channels": 3, "bits": 8, "signed": False, "bus_bits": 32, "words": 12, "scale": None},
    "result": {"bits": 64, "fields": [{"name": name, "offset": 10 * at, "width": 10, "signed": name == "confidence"}
                                      for at, name in enumerate(("id", "label", "exit", "confidence"))]},
    "order": "arrival", "classes": 3, "max_in_flight": 8, "cycles_per_sample": 16.0, "cycles_all_hard": 16,
    "streams": ["input", "output"], "gates": 1, "anytime": False,
    "dma": {"base": 0x4040_0000, "range": 0x1000, "register_map": 1, "length_bits": 26},
    "accelerator": {"base": 0x43C0_0000, "range": 0x1000},
    "exits": [{**EXIT, "policy": "gate", "threshold": 5, "threshold_range": [-8, 7], "params": {"gate_bits": 4}, "gate_scale": 0.25},
              {**EXIT, "policy": "always"}],
}


def test_a_manifest(tmp_path: Path) -> None:
    found = checked(ManifestFile, CONTENT, tmp_path)
    assert found.exits[0].threshold_range == (-8, 7)
    assert "gate_scale" not in found.exits[1].to_json()


def test_the_driver_reads_it(tmp_path: Path) -> None:
    (tmp_path / "toy.json").write_text(text_of(CONTENT))
    told, read = ManifestFile.load(tmp_path / "toy.json"), load_manifest(tmp_path / "toy.bit")
    assert (read.build, read.clock_mhz, [item.policy for item in read.exits]) == (told.build, told.clock_mhz, ["gate", "always"])
    assert [item.threshold_range for item in read.exits] == [item.threshold_range for item in told.exits]
