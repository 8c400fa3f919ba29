"""Going through a space: whole where it is small enough, else by an optimiser."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from build_flows.base.ui import Progress, Ui
from build_flows.explore.designs import Designs, holds
from build_flows.explore.evaluate import Known, Request, evaluate
from build_flows.explore.objectives import Floats, Objective, chosen, values
from build_flows.explore.optimise import NAME, Design, optimise
from build_flows.explore.search_file import MustSection
from build_flows.explore.setting import Setting
from build_flows.explore.space import Asked, Family
from build_flows.explore.store import Store, key_of
from build_flows.explore.workers import Workers
from build_flows.steps.sources import Sources

__all__ = ["POINTS", "Looked", "look"]

POINTS = "points"
"""The folder of predictions, beside the trainings."""

TOLD = 2.0
"""Seconds from one word about the front to the next."""


@dataclass(frozen=True)
class Looked:
    """How a space was gone through: whether ``complete``, or by which ``optimiser`` (None: one design after another)."""

    complete: bool
    optimiser: str | None = None


def look(setting: Setting, known: Known, started: Callable[[], Workers], ui: Ui, deadline: float | None) -> Looked:
    """Predict designs of the space into ``known``, until ``deadline`` (monotonic seconds; None: as long as it takes), with the processes
    that ``started`` gives when they are needed."""
    search, files, sources, whole = setting.search, setting.files, setting.sources, setting.space
    store, objectives = Store(files.folder / POINTS), chosen(search.objectives)
    code = key_of(dict(Sources(cache=files.folder / POINTS / "sources.json").closure("build_flows.explore.predict").files))
    late, told = False, time.monotonic()

    def requests(family: Family, asked: Sequence[Asked]) -> list[Request]:
        own = [Request(files.bits.index(family.bits), family, tuple(asked))]
        if not family.layout and files.alone is not None and family.bits == files.bits[0]:
            own.append(Request(len(sources) - 1, family, tuple(asked)))
        return own

    def work(wanted: Sequence[Request], bar: Progress) -> None:
        def enough() -> bool:
            nonlocal told, late
            if time.monotonic() - told > TOLD:
                told = time.monotonic()
                now = Designs(known, sources, objectives, search.must)
                if now.rows:
                    bar.update(text=f"front {len(now.front)}, hypervolume {now.hypervolume:.4f}")
            late = deadline is not None and time.monotonic() > deadline
            return late

        evaluate(wanted, sources, setting.goal, store, code, started, known, bar, enough)

    if whole.size <= search.enumerate_up_to:
        wanted = [request for family in whole.families for request in requests(family, whole.asked(family))]
        with ui.progress(f"predicting {whole.size:,} designs", total=sum(len(item.asked) for item in wanted)) as bar:
            work(wanted, bar)
        return Looked(not late)

    places = [[(place.after, head) for head in heads] for place, heads in zip(search.exits, files.heads, strict=True)]
    most = len(places) if search.most_exits is None else search.most_exits
    with ui.progress(f"looking at {search.enumerate_up_to:,} of {whole.size:,} designs", total=search.enumerate_up_to) as bar:

        def weigh(designs: Sequence[Design]) -> list[Floats | None]:
            families: dict[Family, list[Asked]] = {}
            for family, asked in designs:
                families.setdefault(family, []).append(asked)
            work([request for family, asked in families.items() for request in requests(family, asked)], bar)
            return [_weighed(known, design, len(sources), search.must, objectives) for design in designs]

        optimise(whole, places, most, weigh, len(objectives), search.enumerate_up_to, search.seed, lambda: late)
    return Looked(False, NAME)


def _weighed(known: Known, design: Design, sources: int, must: MustSection, objectives: Sequence[Objective]) -> Floats | None:
    """The objectives of a design, of the weights with which it is right most often; None where it cannot be, or does not hold what it
    must."""
    family, asked = design
    found = [
        item.outcome for source in range(sources) for item in known.designs.get((source, family), ())
        if Asked(item.loss, item.cycles, item.utilisation) == asked and item.outcome.fits and holds(item.outcome, must)
    ]
    return values([max(found, key=lambda item: item.accuracy)], objectives)[0] if found else None
