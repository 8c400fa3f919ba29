"""Whether what offramp says is true and nothing is lost: the figures of ``docs/trust.md``. Each has a file of its own, ``trust_*.py``."""

from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, Figures
from benchmarks.tables import fill
from benchmarks.trust_config import trust_config
from benchmarks.trust_damage import trust_damage
from benchmarks.trust_full_disk import trust_full_disk
from benchmarks.trust_kills import trust_kills
from benchmarks.trust_promise import promises
from benchmarks.trust_storm import trust_storm
from build_flows.base.files import read_json, write_json, write_text
from build_flows.base.ui import Ui

__all__ = ["MEASURES", "trust"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "trust.md"
DATA = ROOT / "docs" / "trust_benchmark.json"
PART = "trust"


def _alone(measure: Callable[[Ui], list[Figure]]) -> Callable[[Figures], None]:
    """What takes down the figures that ``measure`` gives, and has nothing else for the page."""
    def take(figures: Figures) -> None:
        for item in measure(figures.ui):
            figures.add(item.name, item.target, item.value, item.met, item.how)

    return take


MEASURES: dict[str, Callable[[Figures], str | None]] = {
    "promises": promises, "configurations": _alone(trust_config), "damage": _alone(trust_damage), "full disk": _alone(trust_full_disk),
    "kills": _alone(trust_kills), "storm": _alone(trust_storm),
}
"""By name what takes figures down, and gives the text of the part of that name on the page, None where there is no such part."""


def trust(ui: Ui, *names: str) -> str:
    """Measure (``names`` of :data:`MEASURES`; all when none is given), and write figures and parts into ``docs/trust.md`` and
    ``docs/trust_benchmark.json``, where figures that are not measured now stay as they are, and what never
    was is named; gives the table."""
    figures = Figures(ui)
    parts = {name: text for name in (names or MEASURES) if (text := MEASURES[name](figures)) is not None}
    new = {item.name for item in figures.found}
    before = read_json(DATA) if DATA.exists() else {"figures": [], "measures": []}
    figures.found = [*(Figure(**item) for item in before["figures"] if item["name"] not in new), *figures.found]
    done = [name for name in MEASURES if name in (names or MEASURES) or name in before["measures"]]
    left = [name for name in MEASURES if name not in done]
    parts["left"] = f"**Not measured yet**: {', '.join(left)}.\n" if left else ""
    write_text(PAGE, fill(PAGE.read_text(encoding="utf-8"), parts))
    text = figures.write(PAGE, PART, DATA)
    write_json(DATA, read_json(DATA) | {"measures": done})
    return text + parts["left"]
