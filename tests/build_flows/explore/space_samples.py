"""Made-up designs for the tests of explorations: what is known of a small space, by rules."""

from collections.abc import Callable

from build_flows.artefacts.explore import Outcome
from build_flows.explore.designs import Designs
from build_flows.explore.evaluate import Known
from build_flows.explore.objectives import chosen
from build_flows.explore.predict import Predicted, Variant
from build_flows.explore.search_file import MustSection
from build_flows.explore.space import Asked, Family
from tests.build_flows.explore.material import outcome, source

__all__ = ["ALONE", "EARLY", "NONE", "OBJECTIVES", "SOURCES", "designs", "known"]

NONE = Family((), "always", (4, 4))
EARLY = Family(((0, "conv"),), "margin", (4, 4))
SOURCES = [source(), source(seed=1, alone=True)]
OBJECTIVES = ("accuracy", "throughput", "lut")
ALONE = 1
"""The source that is the network trained without exits."""


def known(rows: dict[tuple[int, Family], dict[Asked, Outcome]]) -> Known:
    """What is known when ``rows`` were predicted."""
    found = Known(seconds=12.0)
    for key, items in rows.items():
        found.designs[key] = [
            Predicted(loss=asked.loss, cycles=asked.cycles, utilisation=asked.utilisation, folding=f"f{asked.cycles}", outcome=made)
            for asked, made in items.items()
        ]
        early = len(key[1].layout)
        found.variants[key] = {asked.loss: Variant(loss=asked.loss, thresholds=[3.5 + asked.loss] * early, hard_share=[0.25] * early)
                               for asked in items}
        found.foldings |= {(*key, item.folding) for item in found.designs[key]}
    return found


def designs(must: MustSection | None = None, change: Callable[[Asked, Outcome], Outcome] = lambda asked, made: made) -> Designs:
    """A front of six designs with an exit, the faster the less accurate and the larger, and the network without exits at three rates."""
    early = {Asked(loss, cycles, 0.8): outcome(0.9 - loss / 100 - 10 / cycles, 1e8 / cycles, 40_000 - 20 * cycles - 1000 * loss)
             for loss, cycles in ((0.5, 200), (0.5, 400), (1.0, 200), (1.0, 400), (2.0, 200), (2.0, 400))}
    none = {Asked(0.0, cycles, 1.0): outcome(0.91, 0.2e8 / cycles, 40_000 - 20 * cycles, shares=[1.0]) for cycles in (200, 400, 800)}
    rows = {(0, EARLY): early, (0, NONE): none,
            (ALONE, NONE): {asked: made.replace(accuracy=0.905) for asked, made in none.items()}}
    changed = {key: {asked: change(asked, made) for asked, made in items.items()} for key, items in rows.items()}
    return Designs(known(changed), SOURCES, chosen(OBJECTIVES), must or MustSection())
