"""One verdict on a design, from what was predicted, synthesised or routed."""

import pytest

from build_flows.artefacts.resources import Capacity, OpenRecord, ResourcesFile, Sums, VivadoRecord
from build_flows.artefacts.verdict import Shortage, capacity, decide, meets, shortages, synthesised, used
from build_flows.base.parts import find_part
from tests.build_flows.compare_samples import CAPACITY, resources

PART = find_part("pynq-z2")
FULL = {"lut": 53200, "lutram": 17400, "ff": 106400, "bram36": 140, "dsp": 220, "carry": 13300}


def vivado(*, met: bool = True, dsp: int = 219, fmax: float = 103.2, part: str = PART.name) -> VivadoRecord:
    return VivadoRecord.model_validate({
        "vivado": "2022.2", "board": "pynq-z2", "part": part, "capacity": CAPACITY,
        "utilisation": {"lut": 40000, "lutram": 299, "ff": 2999, "bram36": 2.5, "dsp": dsp},
        "timing": {"wns_ns": 0.3, "tns_ns": 0.0, "whs_ns": 0.04, "met": met, "fmax_mhz": fmax, "clock_mhz": 100.0, "path": None},
        "power": {"total_w": 1.8, "dynamic_w": 1.7, "static_w": 0.1},
    })


def test_a_part_may_be_filled_to_the_last() -> None:
    found = decide("predicted", PART.name, FULL, CAPACITY, 100.0, None)
    assert (found.fits, found.short, found.buildable) == (True, [], True)


@pytest.mark.parametrize(("key", "told"), [
    ("lut", "LUT: 53201 of 53200"), ("lutram", "LUTRAM: 17401 of 17400"), ("ff", "FF: 106401 of 106400"), ("bram36", "BRAM36: 141 of 140"),
    ("dsp", "DSP: 221 of 220"), ("carry", "CARRY4: 13301 of 13300"),
])
def test_one_more_of_anything_is_short(key: str, told: str) -> None:
    found = decide("predicted", PART.name, {**FULL, key: FULL[key] + 1}, CAPACITY, 100.0, None)
    assert not found.fits
    assert not found.buildable
    assert [item.told() for item in found.short] == [told]


def test_numbers_are_told_in_full() -> None:
    assert Shortage(resource="FF", used=1234567, available=106400).told() == "FF: 1234567 of 106400"
    assert Shortage(resource="BRAM36", used=140.5, available=140).told() == "BRAM36: 140.5 of 140"
    assert Shortage(resource="DSP", used=303, available=220).told("DSP48E1") == "DSP48E1: 303 of 220"


@pytest.mark.parametrize(("fmax", "met", "expected"), [
    (None, None, 100.0), (90.0, False, 90.0), (100.0, True, 100.0), (250.0, True, 100.0),
])
def test_the_clock_to_expect_is_the_lower_one(fmax: float | None, met: bool | None, expected: float) -> None:
    found = decide("synthesised", PART.name, FULL, CAPACITY, 100.0, fmax)
    assert found.meets_clock is met is meets(100.0, fmax)
    assert found.expected_clock_mhz == expected
    assert found.buildable is (met is not False)
    assert found.rate(128) == expected * 1e6 / 128


def test_luts_of_memory_are_luts() -> None:
    sums = Sums(lut=53000, lut_paired=53000, lutram=300, ff=1, bram36=0.5, dsp=1, carry=7)
    assert used(sums) == {"lut": 53300, "lutram": 300, "ff": 1, "bram36": 0.5, "dsp": 1, "carry": 7}
    assert [item.told() for item in shortages(used(sums), capacity(PART))] == ["LUT: 53300 of 53200"]
    assert capacity(PART) == Capacity(**FULL)


def test_a_file_from_before_carry_chains_were_counted_is_read_and_judged() -> None:
    told = resources(1).to_json()
    for record in (told["total"], told["sum_of_units"], told["capacity"], told["shares"], told["exits_add"], *told["units"]):
        record.pop("carry", None)
    old = ResourcesFile.model_validate(told)
    assert (old.total.carry, old.capacity.carry, old.units[0].carry) == (0, 0, 0)
    found = synthesised(old)
    assert (found.fits, found.shares.carry) == (True, 0)
    assert synthesised(old, PART).replace(shares=found.shares) == found


def test_seven_tenths_of_what_pairing_could_save_do_not_count() -> None:
    sums = Sums(lut=60000, lut_paired=40000, lutram=300, ff=1, bram36=0, dsp=0)
    assert used(sums)["lut"] == 46300
    assert shortages(used(sums), capacity(PART)) == []
    assert used(Capacity(**{**FULL, "lutram": 300}))["lut"] == 53500, "Vivado's count is after pairing"


def test_of_another_part_it_is_decided_anew() -> None:
    found = resources(1)
    here = synthesised(found)
    assert (here.part, here.basis, here.fits, here.fmax_estimate_mhz) == (found.part, "synthesised", True, found.fmax_estimate_mhz)
    small = synthesised(found, find_part("xc7z010clg400-1"))
    assert small.part == "xc7z010clg400-1"
    assert {item.resource: item.available for item in small.short}.items() <= {"LUT": 17600, "LUTRAM": 6000, "FF": 35200, "BRAM36": 60,
                                                                            "DSP": 80}.items()
    assert not small.fits
    assert synthesised(resources(2, 41000)).short == [
        Shortage(resource="LUT", used=85814, available=53200), Shortage(resource="FF", used=122019, available=106400),
        Shortage(resource="DSP", used=875, available=220),
    ]


def test_what_vivado_routed_goes_before_estimates() -> None:
    slow = resources(1).replace(fmax_estimate_mhz=80.0)
    assert synthesised(slow).meets_clock is False
    routed = synthesised(slow.replace(vivado=vivado()))
    assert (routed.basis, routed.meets_clock, routed.expected_clock_mhz, routed.fmax_estimate_mhz) == ("routed", True, 100.0, 103.2)
    # The clock really given is not always the one that is set.
    near = synthesised(slow.replace(vivado=vivado(fmax=99.99)))
    assert (near.meets_clock, near.expected_clock_mhz) == (True, 100.0)
    missed = synthesised(slow.replace(vivado=vivado(met=False, fmax=91.0)))
    assert (missed.meets_clock, missed.expected_clock_mhz, missed.buildable) == (False, 91.0, False)
    assert [item.told() for item in synthesised(slow.replace(vivado=vivado(dsp=221))).short] == ["DSP: 221 of 220"]
    # Its reports do not count CARRY4: what is placed has room for them.
    assert (routed.fits, routed.shares.carry) == (True, 0)
    assert synthesised(slow.replace(total=slow.total.replace(carry=13301), vivado=vivado())).fits
    # Of another part Vivado says nothing.
    assert synthesised(slow.replace(vivado=vivado(part="xc7z010clg400-1"))).basis == "synthesised"


def test_what_nextpnr_routed_goes_before_estimates_where_it_tells_of_timing() -> None:
    slow = resources(1).replace(fmax_estimate_mhz=80.0)

    def placed(fmax: float | None, part: str = PART.name, dsp: int = 219) -> OpenRecord:
        timing = None if fmax is None else {"clock_mhz": 100.0, "fmax_mhz": fmax, "met": fmax >= 100}
        return OpenRecord.model_validate({
            "tools": {}, "board": "pynq-z2", "part": part, "capacity": CAPACITY, "timing": timing,
            "utilisation": {"lut": 60000, "lutram": 0, "ff": 100, "bram36": 1, "dsp": dsp, "carry": 0}})

    routed = synthesised(slow.replace(open=placed(104.0)))
    assert (routed.basis, routed.meets_clock, routed.expected_clock_mhz, routed.fmax_estimate_mhz) == ("routed", True, 100.0, 104.0)
    # What was placed fits, though its LUTs are counted before any is shared.
    assert (routed.fits, routed.short) == (True, [])
    missed = synthesised(slow.replace(open=placed(91.0)))
    assert (missed.meets_clock, missed.expected_clock_mhz, missed.buildable) == (False, 91.0, False)
    assert synthesised(slow.replace(open=placed(None))).basis == "synthesised"
    assert synthesised(slow.replace(open=placed(104.0, part="xc7z010clg400-1"))).basis == "synthesised"
