"""docs/exit_unit.md says what the unit is."""

import re
from collections.abc import Iterator
from functools import cache

import pytest

from benchmarks import exit_unit
from benchmarks.exit_unit_docs import PAGE, TABLES, WRITER, with_tables
from benchmarks.figures import Figure, figure_table
from benchmarks.tables import marks
from build_flows.base.files import read_json
from build_flows.exit_unit.spec import UnitSpec
from hw.exits.unit import CONTROLS, ExitUnit
from quant_models.exits.policies import POLICIES

TEXT = PAGE.read_text(encoding="utf-8")


@pytest.fixture(scope="module", autouse=True)
def written_once() -> Iterator[None]:
    """Every table for all tests."""
    with pytest.MonkeyPatch.context() as patched:
        for name, write in TABLES.items():
            patched.setitem(TABLES, name, cache(write))
        yield


def test_the_tables_are_what_the_code_has() -> None:
    assert with_tables(TEXT) == TEXT, "run python -m benchmarks.exit_unit_docs"
    for part in ("| `softmax` | when its greatest softmax", "| 31:16 | `confidence` |", "| 0x028 | `CLASS_THRESHOLD` | 32, signed |"):
        assert part in TEXT


def test_a_page_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="must have one '<!-- policies"):
        with_tables("nothing")
    filled = with_tables("".join("".join(marks(name, WRITER)) for name in TABLES))
    assert all(f"{marks(name, WRITER)[0]}| " in filled for name in TABLES)


def test_every_port_is_told() -> None:
    for policy in POLICIES:
        for control in CONTROLS:
            spec = UnitSpec(policy=policy, classes=4, pe=2)
            unit = ExitUnit(classes=4, pe=2, acc_bits=16, bias=[0] * 4, policy=policy, params=spec.params, control=control,
                            threshold=spec.integer)
            for pin in unit.pins:
                group = re.sub(r"_[^_]+$", "_*", pin.name)
                assert f"`{pin.name}`" in TEXT or f"`{group}`" in TEXT, pin.name


def test_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        assert (PAGE.parent / target).exists(), target
    for path in re.findall(r"`(tests/[\w/.]+)`", TEXT):
        assert (PAGE.parent.parent / path).exists(), path


def test_the_page_has_the_marks_and_the_figures_of_the_last_run() -> None:
    assert [TEXT.count(mark) for mark in marks(exit_unit.PART)] == [1, 1]
    assert figure_table([Figure(**row) for row in read_json(exit_unit.DATA)["figures"]]) in TEXT
