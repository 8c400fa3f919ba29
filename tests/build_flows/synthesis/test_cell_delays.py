"""Delays are those of Yosys' models, as one reads them there; what is mended holds against the vendor's figures at speed grade -1."""

from importlib import util
from pathlib import Path

import pytest

from build_flows.synthesis import cell_delays as module
from build_flows.synthesis import cell_models
from build_flows.synthesis.cell_delays import CellDelays, UnknownCellError, cell_delays
from build_flows.synthesis.cell_models import Pin
from build_flows.synthesis.resources import MEMORY_LUTS
from sim.errors import ToolError

NONE = dict.fromkeys(("ACASCREG", "ADREG", "ALUMODEREG", "AREG", "BCASCREG", "BREG", "CARRYINREG", "CARRYINSELREG", "CREG", "DREG",
                      "INMODEREG", "MREG", "OPMODEREG", "PREG"), "0" * 32)
ONE = f"{1:032b}"


def arc(cell: CellDelays, source: Pin, target: Pin) -> float:
    (ns,) = [found.ns for found in cell.arcs if source in found.sources and target in found.targets]
    return ns


def dsp(*registers: str, **parameters: str) -> CellDelays:
    return cell_delays("DSP48E1", {**NONE, **dict.fromkeys(registers, ONE), "USE_DPORT": "FALSE", **parameters})


def test_tables_pin_by_pin() -> None:
    assert [arc(cell_delays("LUT6", {}), (f"I{pin}", 0), ("O", 0)) for pin in range(6)] == [0.642, 0.631, 0.472, 0.407, 0.238, 0.127]
    assert [arc(cell_delays("LUT2", {"INIT": "0110"}), (f"I{pin}", 0), ("O", 0)) for pin in range(2)] == [0.238, 0.127]
    both = cell_delays("LUT6_2", {})
    assert arc(both, ("I0", 0), ("O6", 0)) == 0.642
    assert arc(both, ("I0", 0), ("O5", 0)) == 0.631
    assert not any(("I5", 0) in found.sources and ("O5", 0) in found.targets for found in both.arcs)


def test_the_slice_s_other_cells() -> None:
    carry = cell_delays("CARRY4", {})
    assert arc(carry, ("CI", 0), ("CO", 3)) == 0.114
    assert arc(carry, ("DI", 0), ("O", 3)) == 0.615
    assert arc(cell_delays("MUXF7", {}), ("S", 0), ("O", 0)) == 0.296
    assert carry.falling is None
    assert not carry.launches
    assert not carry.setups


@pytest.mark.parametrize("kind", ["FDRE", "FDSE", "FDCE", "FDPE", "FDRE_1", "FDSE_1", "FDCE_1", "FDPE_1"])
def test_flip_flops(kind: str) -> None:
    found = cell_delays(kind, {})
    assert found.launches == {("Q", 0): 0.303}
    assert sorted(found.setups.values()) == [0, 0.109, 0.404]
    assert found.setups["D", 0] == 0
    assert found.arcs == ()  # an asynchronous reset is not followed to Q
    assert found.falling == kind.endswith("_1")


def test_the_edge_is_a_parameter_too() -> None:
    assert cell_delays("FDRE", {"IS_C_INVERTED": "1"}).falling is True
    assert cell_delays("FDRE", {"IS_C_INVERTED": "0", "IS_D_INVERTED": "1"}).falling is False
    assert cell_delays("RAM32M", {"IS_WCLK_INVERTED": "1"}).falling is True
    assert cell_delays("FDRE", {"IS_C_INVERTED": "1"}).launches == {("Q", 0): 0.303}


def test_latches() -> None:
    found = cell_delays("LDCE", {})
    assert found.launches == {("Q", 0): 0.443}
    assert found.setups == {("D", 0): 0, ("GE", 0): 0.109, ("CLR", 0): 0.404}


def test_memories_and_shift_registers_of_tables() -> None:
    srl = cell_delays("SRL16E", {})
    assert srl.launches == {("Q", 0): 1.472}
    assert srl.setups == {("D", 0): 0.173, ("CE", 0): 0.109}
    assert arc(srl, ("A0", 0), ("Q", 0)) == 0.631
    long = cell_delays("SRLC32E", {})
    assert long.launches == {("Q", 0): 1.472, ("Q31", 0): 1.114}
    assert arc(long, ("A", 4), ("Q", 0)) == 0.238
    ram = cell_delays("RAM32M", {})
    assert ram.launches["DOB", 1] == 1.187
    assert ram.setups["WE", 0] == 0.654
    assert arc(ram, ("ADDRC", 0), ("DOC", 1)) == 0.642
    assert not any(("ADDRA", 0) in found.sources and ("DOC", 0) in found.targets for found in ram.arcs)
    assert arc(cell_delays("RAM64M", {}), ("ADDRB", 5), ("DOB", 0)) == 0.127
    # Yosys' model lets each of these outputs change on one edge only.
    assert cell_delays("RAM128X1D", {}).launches == {("SPO", 0): 1.545, ("DPO", 0): 1.55}


def test_no_memory_is_faster_than_the_timed_one_it_is_like() -> None:
    timed = cell_delays("RAM128X1D", {})
    for kind in ("RAM32X1S", "RAM64X1S_1", "RAM128X1S", "RAM256X1S"):
        found = cell_delays(kind, {})
        assert found.launches["O", 0] >= timed.launches["DPO", 0]
        assert min(item.ns for item in found.arcs) >= max(item.ns for item in timed.arcs)
        assert found.setups["WE", 0] == timed.setups["WE", 0]
    # Those of 256 words go through a multiplexer more.
    deep = cell_delays("RAM256X1S", {})
    assert (deep.launches["O", 0], arc(deep, ("A", 0), ("O", 0))) == (1.846, 1.335)


@pytest.mark.parametrize("kind", ["RAMB18E1", "RAMB36E1"])
def test_block_memories(kind: str) -> None:
    found = cell_delays(kind, {"DOA_REG": ONE, "DOB_REG": "0" * 32})
    assert found.launches["DOADO", 3] == 0.882
    assert found.launches["DOPBDOP", 1] == 2.454
    assert found.setups["ADDRARDADDR", 13] == 0.566
    assert found.setups["DIADI", 0] == 0.737
    assert found.setups["ENBWREN", 0] == 0.443
    assert not any(pin[0].startswith("CLK") for pin in found.setups)
    assert cell_delays(kind, {}).launches["DOADO", 0] == 2.454
    other = cell_delays(kind, {"DOA_REG": "0" * 32, "DOB_REG": ONE})
    assert [other.launches[port, 0] for port in ("DOADO", "DOPADOP", "DOBDO", "DOPBDOP")] == [2.454, 2.454, 0.882, 0.882]


# Project X-Ray's figures of a part of speed grade -1: the cell, what is asked, ns.
@pytest.mark.parametrize(("found", "ns"), [
    (arc(dsp(), ("A", 0), ("P", 47)), 3.841), (arc(dsp(), ("B", 17), ("P", 0)), 3.656), (arc(dsp(), ("C", 1), ("P", 1)), 1.820),
    (arc(dsp(), ("PCIN", 0), ("P", 0)), 1.518), (arc(dsp(), ("A", 0), ("PCOUT", 0)), 4.036),
    (arc(dsp(USE_MULT="NONE"), ("A", 0), ("P", 0)), 2.077), (arc(dsp(USE_DPORT="TRUE"), ("D", 0), ("P", 0)), 5.070),
    (dsp("PREG").setups["A", 0], 3.722), (dsp("PREG").setups["C", 0], 1.701), (dsp("PREG").setups["PCIN", 0], 1.400),
    (dsp("MREG", "PREG").setups["A", 0], 1.928), (dsp("MREG").setups["B", 0], 1.743),
    (dsp("AREG", "MREG", "PREG").setups["A", 0], 0.362), (dsp("CREG", "PREG").setups["C", 0], 0.233),
    (dsp("ADREG", "MREG", "PREG", USE_DPORT="TRUE").setups["A", 0], 1.756),
    (dsp("ADREG", "MREG", "PREG", USE_DPORT="TRUE").setups["D", 0], 1.626),
    (dsp("PREG").launches["P", 0], 0.434), (dsp("MREG").launches["P", 0], 2.305), (dsp("AREG").launches["P", 0], 4.009),
    (dsp("AREG", "CREG").launches["P", 0], 4.009), (dsp("AREG", "ADREG", USE_DPORT="TRUE").launches["P", 0], 3.684),
    (dsp("OPMODEREG", "PREG").setups["OPMODE", 0], 0.449), (dsp("PREG").setups["OPMODE", 0], 2.209), (dsp("PREG").setups["CEP", 0], 0.524),
])
def test_a_dsp_slice_is_one_of_speed_grade_1(found: float, ns: float) -> None:
    assert found == pytest.approx(ns, rel=0.12, abs=0.03)


def test_an_unused_pre_adder_hides_no_path() -> None:
    # ADREG is 1 by default, even where it is not on the way.
    assert arc(dsp("ADREG", "DREG"), ("A", 0), ("P", 0)) == pytest.approx(3.841, rel=0.02)
    assert dsp("ADREG", "DREG", "MREG").internal is None


def test_without_the_multiplier_its_register_is_not_there_and_a_dynamic_one_is() -> None:
    assert dsp("MREG", "PREG", USE_MULT="NONE") == dsp("PREG", USE_MULT="NONE")
    assert dsp("MREG", "PREG", USE_MULT="DYNAMIC") == dsp("MREG", "PREG")
    assert dsp("MREG", "PREG", USE_MULT="NONE", USE_DPORT="TRUE") == dsp("PREG", USE_MULT="NONE")


def test_pattern_detection_takes_time_before_p() -> None:
    plain, detecting = dsp("PREG"), dsp("PREG", USE_PATTERN_DETECT="PATDET")
    assert {port: round((detecting.setups[port, 0] - plain.setups[port, 0]) / 1.37, 3) for port in ("A", "B", "C", "PCIN")} == {
        "A": 0.291, "B": 0.29, "C": 0.29, "PCIN": 0.29}


@pytest.mark.parametrize(("registers", "name", "ns"), [
    (("AREG", "BREG", "PREG"), "AREG to PREG", 3.89), (("AREG", "BREG", "MREG", "PREG"), "MREG to PREG", 2.19),
    (("AREG", "BREG", "MREG"), "AREG to MREG", 2.10), (("BREG", "MREG"), "BREG to MREG", 2.10), (("CREG", "PREG"), "CREG to PREG", 2.17),
])
def test_ways_inside_a_dsp_slice(registers: tuple[str, ...], name: str, ns: float) -> None:
    found = dsp(*registers)
    assert found.internal_name == name
    assert found.internal == pytest.approx(ns, rel=0.03)


# By hand: a register is left as AREG is for the multiplier (2952 - 2823 ps), then the setup of A at the next one, scaled.
@pytest.mark.parametrize(("registers", "name", "ps"), [
    (("AREG", "DREG", "ADREG", "MREG"), "ADREG to MREG", 129 + 1416), (("AREG", "DREG", "MREG"), "AREG to MREG", 129 + 2400),
    (("DREG", "ADREG"), "DREG to ADREG", 129 + 1283), (("BREG", "MREG"), "BREG to MREG", 129 + 1416),
])
def test_ways_inside_a_dsp_slice_with_its_pre_adder(registers: tuple[str, ...], name: str, ps: int) -> None:
    found = dsp(*registers, USE_DPORT="TRUE")
    assert found.internal_name == name
    assert found.internal == pytest.approx(1.37 * ps / 1000)


def test_cascades_of_dsp_slices() -> None:
    found = dsp("AREG", "PREG", A_INPUT="CASCADE")
    assert found.setups["ACIN", 0] == dsp("AREG", "PREG").setups["A", 0]
    assert found.launches["ACOUT", 29] == 0.864
    assert arc(dsp("PREG"), ("B", 0), ("BCOUT", 0)) == 0.735


def test_every_register_and_memory_that_is_counted_has_delays() -> None:
    for kind in {*MEMORY_LUTS} - {"CFGLUT5"}:
        found = cell_delays(kind, {})
        assert found.launches, kind
        assert found.setups, kind
        assert min(*found.launches.values(), *found.setups.values()) >= 0


@pytest.mark.parametrize(("kind", "message"), [
    ("DSP48E2", "no delays are known of cell DSP48E2"), ("$add", "no delays are known of cell $add"),
    ("MUXCY", "Yosys' models have no delays of cell MUXCY"), ("CFGLUT5", "Yosys' models have no delays of cell CFGLUT5"),
])
def test_a_cell_without_delays_is_named(kind: str, message: str) -> None:
    with pytest.raises(UnknownCellError) as raised:
        cell_delays(kind, {})
    assert raised.value.message == message
    assert raised.value.hint


def test_what_has_no_timing() -> None:
    assert cell_delays("GND", {}) == cell_delays("$scopeinfo", {"TYPE": "module"}) == CellDelays()


@pytest.fixture
def nothing_kept() -> None:
    for kept in (module._models, module._dsp_models, module._delays):
        kept.cache_clear()


def test_yosys_runs_once_for_all_cells_and_once_for_each_kind_of_dsp_slice(nothing_kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    runs: list[list[str]] = []
    run = cell_models.run_yosys

    def counted(commands: list[str], folder: Path) -> str:
        runs.append(commands)
        return run(commands, folder)

    monkeypatch.setattr(cell_models, "run_yosys", counted)
    for kind in ("RAMB36E1", "CARRY4", "FDRE"):
        cell_delays(kind, {})
    assert len(runs) == 1
    for register in ("AREG", "MREG", "PREG", "CREG"):
        dsp(register)
    assert len(runs) == 2
    dsp("AREG", USE_MULT="NONE")  # without the multiplier
    assert len(runs) == 3
    assert cell_delays("CARRY4", {}) is cell_delays("CARRY4", {"ANY": "1"})


def test_without_yosys(nothing_kept: None, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cell_delays("GND", {}) == CellDelays()
    monkeypatch.setattr(util, "find_spec", lambda name: None)
    with pytest.raises(ToolError, match="pip install pyosys"):
        cell_delays("LUT1", {})
