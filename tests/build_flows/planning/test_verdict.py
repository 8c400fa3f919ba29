"""The verdict before synthesis: the layers' cost, and what is kept free for the rest."""

import pytest

from build_flows.artefacts.sizing import CostRecord, SizingFile
from build_flows.base.parts import find_part
from build_flows.planning.folding import RESERVE
from build_flows.planning.verdict import predicted

PART = find_part("pynq-z2")
ROOM = {"lut": PART.lut - RESERVE.occupied, "lutram": PART.lutram - RESERVE.lutram, "ff": PART.ff - RESERVE.ff,
        "bram18": PART.bram18 - RESERVE.bram18, "dsp": PART.dsp - RESERVE.dsp, "carry": PART.carry - RESERVE.carry}


def sizing(**more: int) -> SizingFile:
    return SizingFile(stages=[], fifos={}, gates=[], cost=CostRecord(**{key: ROOM[key] + more.get(key, 0) for key in ROOM}))


def test_what_fills_the_part_with_its_reserve_fits() -> None:
    found = predicted(sizing(), PART, 100.0)
    assert (found.fits, found.basis, found.part, found.clock_mhz) == (True, "predicted", PART.name, 100.0)
    assert found.fmax_estimate_mhz is None
    assert found.meets_clock is None
    assert found.expected_clock_mhz == 100.0


@pytest.mark.parametrize(("key", "told"), [
    ("lut", "LUT: 53201 of 53200"), ("lutram", "LUTRAM: 17401 of 17400"), ("ff", "FF: 106401 of 106400"),
    ("bram18", "BRAM36: 140.5 of 140"), ("dsp", "DSP: 221 of 220"),
    ("carry", "CARRY4: 13301 of 13300"),
])
def test_one_more_does_not(key: str, told: str) -> None:
    found = predicted(sizing(**{key: 1}), PART, 100.0)
    assert not found.fits
    assert [item.told() for item in found.short] == [told]
