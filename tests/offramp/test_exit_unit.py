from pathlib import Path

import pytest

import offramp
from build_flows.artefacts.exit_unit import UnitManifest


def test_a_unit_is_generated(tmp_path: Path) -> None:
    unit = offramp.ExitUnit(policy="softmax", classes=10, pe=2, scale=0.0123, threshold=0.9, ui=None)
    made = unit.generate(tmp_path / "out")
    assert (tmp_path / "out" / "exit_unit.v").is_file()
    assert made.manifest == UnitManifest.load(tmp_path / "out" / "manifest.json")
    assert ("cycles a sample", 5) in made.tables()[0].rows
    with pytest.raises(offramp.OfframpError, match="holds no unit made before"):
        unit.generate(tmp_path)


@pytest.mark.slow
@pytest.mark.cosim
def test_a_unit_is_simulated(model_cache: Path) -> None:
    unit = offramp.ExitUnit("margin", 4, pe=2, logit_bits=8, ui=None)
    found = unit.simulate(samples=300, stall=0.2, out=model_cache.parent / "door_unit")
    assert (found.samples, found.agree, list(found.faults)) == (300, 300, [])
    assert "margin" in repr(found)
    assert found.latency is not None


def test_a_wrong_value_is_told() -> None:
    with pytest.raises(offramp.OfframpError, match="pe must divide classes, not pe=3, classes=10"):
        offramp.ExitUnit("softmax", 10, pe=3)
