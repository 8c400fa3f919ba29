"""Keeps the tables of ``docs/exit_unit.md`` what policies and gateware are: ``python -m benchmarks.exit_unit_docs`` rewrites them."""

from collections.abc import Callable
from pathlib import Path

from build_flows.exit_unit.spec import UnitSpec
from hw.control.registers import markdown
from hw.exits.unit import RESULT_FIELDS
from hw.exits.unit_registers import exit_unit_registers
from quant_models.exits.policies import POLICIES

__all__ = ["PAGE", "TABLES", "marks", "with_tables"]

PAGE = Path(__file__).parent.parent / "docs" / "exit_unit.md"
SHAPES = ((10, 10), (10, 2), (10, 1), (100, 20), (1000, 8))
"""Classes and classes a beat whose latencies are shown."""


def _policies() -> str:
    lines = ["| policy | a sample leaves | threshold | `confidence` |", "|---|---|---|---|"]
    lines += [f"| `{row.name}` | {row.summary} | {row.unit or '-'} | {row.confidence} |" for row in POLICIES.values()]
    return "\n".join(lines) + "\n"


def _result() -> str:
    lines = ["| bits | field | what |", "|---|---|---|"]
    for item in RESULT_FIELDS:
        place = f"{item.lsb + item.bits - 1}:{item.lsb}" if item.bits > 1 else str(item.lsb)
        lines.append(f"| {place} | `{item.name}` | {item.doc} |")
    return "\n".join(lines) + "\n"


def _registers() -> str:
    return markdown(exit_unit_registers(policy="class_threshold", classes=10, pe=2, threshold=0, thresholds=[0] * 10, score="softmax"))


def _latency() -> str:
    heads = [f"{classes} classes, {pe} a beat" for classes, pe in SHAPES]
    intervals = [str(classes // pe) for classes, pe in SHAPES]
    lines = [f"| policy | {' | '.join(heads)} |", "|---" * (len(SHAPES) + 1) + "|", f"| (interval) | {' | '.join(intervals)} |"]
    for name in POLICIES:
        cells = [str(UnitSpec(policy=name, classes=classes, pe=pe).decision().latency) for classes, pe in SHAPES]
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


TABLES: dict[str, Callable[[], str]] = {"policies": _policies, "result": _result, "registers": _registers, "latency": _latency}
"""What is written between the marks of each name."""


def marks(name: str) -> tuple[str, str]:
    """The lines before and after a table."""
    return f"<!-- {name}: written by python -m benchmarks.exit_unit_docs -->\n", f"<!-- end of {name} -->\n"


def with_tables(text: str) -> str:
    """``text`` with every table between its :func:`marks`; :class:`ValueError` when it has not one of each."""
    for name, table in TABLES.items():
        begin, end = marks(name)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"the page must have one {begin.strip()!r} and one {end.strip()!r}")
        before, rest = text.split(begin)
        text = f"{before}{begin}{table()}{end}{rest.split(end)[1]}"
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
