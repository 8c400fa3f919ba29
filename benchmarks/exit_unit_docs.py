"""Keeps the tables of ``docs/exit_unit.md`` what policies and gateware are: ``python -m benchmarks.exit_unit_docs`` rewrites them."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.tables import fill, table
from build_flows.base.files import write_text
from build_flows.exit_unit.spec import UnitSpec
from hw.control.registers import markdown
from hw.exits.unit import RESULT_FIELDS
from hw.exits.unit_registers import exit_unit_registers
from quant_models.exits.policies import POLICIES

__all__ = ["PAGE", "TABLES", "WRITER", "with_tables"]

PAGE = Path(__file__).parent.parent / "docs" / "exit_unit.md"
WRITER = "benchmarks.exit_unit_docs"
SHAPES = ((10, 10), (10, 2), (10, 1), (100, 20), (1000, 8))
"""Classes and classes a beat whose latencies are shown."""


def _policies() -> str:
    return table(("policy", "a sample leaves", "threshold", "`confidence`"),
                 [(f"`{row.name}`", row.summary, row.unit or "-", row.confidence) for row in POLICIES.values()])


def _result() -> str:
    rows = [(f"{item.lsb + item.bits - 1}:{item.lsb}" if item.bits > 1 else str(item.lsb), f"`{item.name}`", item.doc)
            for item in RESULT_FIELDS]
    return table(("bits", "field", "what"), rows)


def _registers() -> str:
    return markdown(exit_unit_registers(policy="class_threshold", classes=10, pe=2, threshold=0, thresholds=[0] * 10, score="softmax"))


def _latency() -> str:
    rows = [["(interval)", *(str(classes // pe) for classes, pe in SHAPES)]]
    rows += [[f"`{name}`", *(str(UnitSpec(policy=name, classes=classes, pe=pe).decision().latency) for classes, pe in SHAPES)]
             for name in POLICIES]
    return table(["policy", *(f"{classes} classes, {pe} a beat" for classes, pe in SHAPES)], rows)


TABLES: dict[str, Callable[[], str]] = {"policies": _policies, "result": _result, "registers": _registers, "latency": _latency}
"""What writes each part of the page."""


def with_tables(text: str) -> str:
    """``text`` with every table of :data:`TABLES` in its part; otherwise as :func:`benchmarks.tables.fill`."""
    return fill(text, {name: write() for name, write in TABLES.items()}, WRITER)


if __name__ == "__main__":
    write_text(PAGE, with_tables(PAGE.read_text(encoding="utf-8")))
