"""The pages about the accelerator say what the gateware and the tests are, and so do the driver's constants."""

import re
import runpy
from pathlib import Path

import pytest
from amaranth.lib.wiring import In

from benchmarks import register_docs
from benchmarks.register_docs import (
    BOARD_PAGE,
    BOARD_TABLES,
    DMA_DRIVER,
    DRIVER,
    FIELDS,
    PAGE,
    PORTS,
    TABLES,
    WRITER,
    dma_driver_registers,
    driver_registers,
    example,
    with_tables,
)
from benchmarks.tables import marks
from hw.accelerator import Accelerator
from hw.control.register_map import ADDR_WIDTH, MAGIC, VERSION, accelerator_registers
from hw.exits.decision import Mode
from hw.zynq import dma_map
from hw.zynq.transfer import Fault
from tests.build_flows.report_samples import netlist

ROOT = PAGE.parent.parent
PLAN = (PAGE.parent / "testplan.md").read_text(encoding="utf-8")
SECTIONS = [part for part in PLAN.split("\n## ")[1:] if "`tests/" in part]


def constants(path: Path = DRIVER) -> dict[str, int]:
    """What the driver's module holds, as Python reads it."""
    return {name: value for name, value in runpy.run_path(str(path)).items() if name.isupper()}


def test_the_pages_tables_are_the_gatewares() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page), "run python -m benchmarks.register_docs"
    for part in ("| 0x014 | `BATCH_LENGTH` |", "| 0x110 | `THRESHOLD_1` | 32, signed |", "`.soft_reset` | [0]", "`OCCUPANCY_MAX_4`"):
        assert part in page


def test_the_boards_pages_table_is_the_gatewares() -> None:
    page = BOARD_PAGE.read_text(encoding="utf-8")
    assert page == with_tables(page, BOARD_TABLES), "run python -m benchmarks.register_docs"
    for part in ("| 0x00c | `CONTROL` | 5 | pulse |", "`.writer_abort` | [3]", "`.reader_error` | [9:8]", "| 0x06c | `WRITER_WORDS` |"):
        assert part in page


@pytest.mark.parametrize("name", TABLES)
def test_a_page_without_marks_is_refused(name: str) -> None:
    page = "".join("".join(marks(other, WRITER)) for other in TABLES)
    begin, end = marks(name, WRITER)
    assert f"{begin}| " in with_tables(page)
    with pytest.raises(ValueError, match=f"must have one '<!-- {name}"):
        with_tables(page.replace(begin, ""))
    with pytest.raises(ValueError, match=f"and one '<!-- end of {name}"):
        with_tables(page + end)


def test_every_port_is_told_with_its_direction_and_width() -> None:
    told = PAGE.read_text(encoding="utf-8").split("## Images in")[0]
    rows = dict(re.findall(r"^\| `(\w+)` \| (\w+ \| [^|]+) \|", told, re.MULTILINE))
    parameters = {"s_axis_tdata": "`input.bus_bits`", "m_axis_tdata": "`result.bits` (32 or 64)"}
    top = Accelerator(netlist())
    assert rows == {
        name: f"{'in' if member.flow == In else 'out'} | {parameters.get(name, str(member.shape))}"
        for name, member in top.signature.members.items()
    }


def test_a_port_that_nobody_tells_of_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    without = {name: what for name, what in PORTS.items() if name != "irq"}
    monkeypatch.setattr(register_docs, "PORTS", without)
    with pytest.raises(ValueError, match="port irq of the accelerator is not told in PORTS"):
        TABLES["ports"]()
    monkeypatch.setattr(register_docs, "PORTS", {**PORTS, "s_axis_tkeep": "which bytes count"})
    with pytest.raises(ValueError, match="PORTS tells of s_axis_tkeep, which is no port"):
        TABLES["ports"]()


def test_every_field_of_the_result_word_is_told_in_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for bits, column in ((64, 1), (32, 2)):
        fields = {field.name: field for field in example(result_bits=bits).result.fields}
        for name in FIELDS:
            cells = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |")).split(" | ")
            if name not in fields:
                assert cells[column] == "none"
                continue
            high, _, low = cells[column].partition(":")
            assert (int(low or high), int(high) - int(low or high) + 1) == (fields[name].offset, fields[name].width)
            assert cells[3].startswith("signed") is fields[name].signed
    monkeypatch.setattr(register_docs, "FIELDS", {name: what for name, what in FIELDS.items() if name != "exit"})
    with pytest.raises(ValueError, match="FIELDS must tell of id, label, exit"):
        TABLES["result word"]()


def test_the_drivers_constants_are_the_gatewares() -> None:
    assert DRIVER.read_text(encoding="utf-8") == driver_registers(), "run python -m benchmarks.register_docs"


@pytest.mark.parametrize(("exits", "streams", "gates"), [(1, 3, 0), (3, 7, 2), (32, 384, 32)])
def test_the_drivers_constants_lead_to_every_register_and_field(exits: int, streams: int, gates: int) -> None:
    found = constants()
    assert (found["MAGIC"], found["MAP_VERSION"], found["SPAN"]) == (MAGIC, VERSION, 1 << ADDR_WIDTH)
    declared = accelerator_registers(exits=exits, streams=streams, gates=gates)
    for register in declared:
        name, _, number = register.name.rpartition("_")
        many = number.isdigit()
        name = name if many else register.name
        assert found[name] + (int(number) * found[f"{name}_STRIDE"] if many else 0) == register.offset, register.name
        for field in register.fields:
            constant = f"{name}_{field.name.upper()}"
            assert found[constant] == ((1 << field.bits) - 1) << field.lsb
            assert found[f"{constant}_LSB"] == field.lsb


def test_the_drivers_constants_of_the_dma_are_the_gatewares() -> None:
    assert DMA_DRIVER.read_text(encoding="utf-8") == dma_driver_registers(), "run python -m benchmarks.register_docs"
    found = constants(DMA_DRIVER)
    assert (found["MAGIC"], found["MAP_VERSION"], found["SPAN"]) == (dma_map.MAGIC, dma_map.VERSION, 1 << dma_map.ADDR_WIDTH)
    for register in dma_map.dma_registers(8, 32):
        assert found[register.name] == register.offset
        for field in register.fields:
            constant = f"{register.name}_{field.name.upper()}"
            assert (found[constant], found[f"{constant}_LSB"]) == (((1 << field.bits) - 1) << field.lsb, field.lsb)
    assert {name: found[f"ERROR_{name}"] for name in Fault.__members__} == {name: fault.value for name, fault in Fault.__members__.items()}


def test_the_drivers_modes_are_the_decisions() -> None:
    modes = {name: value for name, value in constants().items() if name.startswith("MODE_MODE_") and name != "MODE_MODE_LSB"}
    assert modes == {f"MODE_MODE_{mode.name}": mode.value for mode in Mode}


@pytest.mark.parametrize("section", SECTIONS, ids=lambda text: text.split("\n")[0])
def test_every_test_of_the_plan_exists(section: str) -> None:
    files = re.findall(r"`(tests/[\w/]+\.py)`", section)
    source = "".join((ROOT / name).read_text(encoding="utf-8") for name in files)
    names = re.findall(r"`(test_\w+)`", section)
    assert names
    for name in names:
        assert re.search(rf"^def {name}\(", source, re.MULTILINE), name


def test_every_component_of_the_gateware_is_in_the_plan() -> None:
    paths = sorted((ROOT / "tests" / "hw").rglob("test_*.py"))
    assert len(paths) > 30
    for path in paths:
        assert f"`{path.relative_to(ROOT).as_posix()}`" in PLAN, path.name


@pytest.mark.parametrize("page", ["accelerator.md", "board.md", "testplan.md"])
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", (PAGE.parent / page).read_text(encoding="utf-8")):
        assert (PAGE.parent / target).exists(), target
