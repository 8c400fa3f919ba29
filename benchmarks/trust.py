"""Whether what offramp says is true and nothing is lost: the figures of ``docs/trust.md``. Each has a file of its own, ``trust_*.py``."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, Figures
from benchmarks.tables import fill
from benchmarks.trust_promise import promises
from build_flows.base.files import read_json, write_text
from build_flows.base.ui import Ui

__all__ = ["MEASURES", "trust"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "trust.md"
DATA = ROOT / "docs" / "trust_benchmark.json"
PART = "trust"

MEASURES: dict[str, Callable[[Figures], str]] = {"promises": promises}
"""By name what takes figures down and gives the text of the part of that name on the page."""


def trust(ui: Ui, *names: str) -> str:
    """Measure (``names`` of :data:`MEASURES`; all when none is given), and write figures and parts into ``docs/trust.md`` and
    ``docs/trust_benchmark.json``, where figures that are not measured now stay as they are; gives the table."""
    figures = Figures(ui)
    parts = {name: MEASURES[name](figures) for name in (names or MEASURES)}
    new = {item.name for item in figures.found}
    before = read_json(DATA)["figures"] if DATA.exists() else []
    figures.found = [*(Figure(**item) for item in before if item["name"] not in new), *figures.found]
    write_text(PAGE, fill(PAGE.read_text(encoding="utf-8"), parts))
    return figures.write(PAGE, PART, DATA)
