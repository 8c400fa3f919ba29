"""What explorations give: the figures of ``docs/explore.md``.

``python -m benchmarks.explore [PART...]`` trains b_lenet (part ``triple_wins``: that) a little with all exits that its search file lets
choose (accuracy is no part of this), predicts its space with two processes, and verifies some of the front. Rows of parts that are not
named stay as they were.
"""

import random
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import tomli_w

from benchmarks.edited import edited
from benchmarks.explore_energy import energy_figures
from benchmarks.explore_workers import kill_figures, pair_figures
from benchmarks.figures import SEED, Figures
from build_flows.artefacts.explore import ExploreFile
from build_flows.artefacts.verdict import capacity
from build_flows.base.files import write_text
from build_flows.base.parts import find_part
from build_flows.base.ui import RichUi, SilentUi, Ui
from build_flows.explore.design_files import DesignFiles
from build_flows.explore.designs import Designs, holds
from build_flows.explore.evaluate import Known, Request, Source, evaluate
from build_flows.explore.explore import explore
from build_flows.explore.files import write_files
from build_flows.explore.objectives import Floats, chosen, front, values
from build_flows.explore.optimise import Design, optimise
from build_flows.explore.options import Options
from build_flows.explore.predict import Goal
from build_flows.explore.preparation import prepared
from build_flows.explore.search_file import SearchFile, read_search
from build_flows.explore.space import Asked, Space
from build_flows.explore.store import Store
from build_flows.explore.workers import Started, workers
from build_flows.pages.explore_figures import worth
from build_flows.planning.designs import Designs as Folded
from build_flows.planning.designs import verdict_cycles
from build_flows.planning.folding import FoldingError, stage_targets, taken
from build_flows.planning.folding_search import search as search_folding
from build_flows.planning.gate_costs import gate_costs, gates_built
from build_flows.planning.glue_costs import glue_cost, logit_beats, with_decisions
from build_flows.planning.layout_network import with_exits
from build_flows.planning.pace import planned_reach
from build_flows.planning.read_network import read_network
from build_flows.project.template import template

__all__ = ["PARTS", "explorations", "main"]

ROOT = Path(__file__).parent.parent
WORK = ROOT / "build" / "explore"
PAGE = ROOT / "docs" / "explore.md"
DATA = ROOT / "docs" / "explore_benchmark.json"
PART = "explore"
NETWORK = "b_lenet"
EPOCHS = 4
CORES = 2
RATE = 1000
"""Predicted designs a minute, warm."""
FOLDINGS = 200
SEEDS = 20
BUDGET = 0.1
"""The share of a space that an optimiser looks at."""
VERIFIED = 6
_SEARCH = {
    "version": 1, "accuracy_loss": [0.1, 0.25, 0.5, 1.0, 2.0], "policies": ["max_logit", "margin", "softmax"], "rates": 24, "seed": SEED,
}
SEARCHES: dict[str, dict[str, Any]] = {
    NETWORK: {"verify": VERIFIED, "exits": [{"after": 0, "heads": ["conv", "pool"]}, {"after": 1, "heads": ["linear", "global"]}]},
    "triple_wins": {"verify": 3, "exits": [{"after": 0, "heads": ["preset", "conv"]}, {"after": 1, "heads": ["conv", "pool"]}]},
}
"""By network what is chosen from, and how many designs are verified."""
IMAGES = {NETWORK: 10_000, "triple_wins": 2000}
"""Test images that verified designs are run with."""


@dataclass(frozen=True)
class _Prepared:
    """The search for the exits of ``network``, and what its trainings gave."""

    network: str
    file: Path
    search: SearchFile
    files: DesignFiles
    sources: list[Source]
    goal: Goal
    space: Space

    def requests(self, space: Space) -> list[Request]:
        """All designs of ``space``."""
        return [Request(self.files.bits.index(family.bits), family, tuple(space.asked(family))) for family in space.families]


def _prepare(ui: Ui, network: str = NETWORK) -> _Prepared:
    file = WORK / f"explore_{network}.toml"
    values_of = tomllib.loads(template(network))
    write_text(WORK / f"{network}.toml", tomli_w.dumps(edited(values_of, {
        ("train", "epochs"): EPOCHS, ("train", "threads"): 1, ("build", "bus_bits"): 64, ("target", "clock_mhz"): 125.0,
        ("simulate", "samples"): IMAGES[network]})))
    write_text(file, tomli_w.dumps({**_SEARCH, "base": f"{network}.toml", **SEARCHES[network]}))
    search = read_search(file)
    files = DesignFiles(search, file, None)
    return _Prepared(network, file, search, files, *prepared(search, files, ui, Options(count=CORES)))


def _speed(figures: Figures, made: _Prepared) -> None:
    """Designs a minute with fresh processes, and with the same ones at other rates."""
    told = []
    shifted = Space(made.space.families, made.space.losses, tuple(cycles + 1 for cycles in made.space.cycles), made.space.utilisations)
    with ExitStack() as stack, tempfile.TemporaryDirectory() as folder:
        started = Started(stack, lambda: workers(SilentUi(), None, CORES))
        for space in (made.space, shifted):
            known, begun = Known(), time.monotonic()
            with SilentUi().progress("") as bar:
                evaluate(made.requests(space), made.sources, made.goal, Store(Path(folder)), str(space.cycles[0]), started, known, bar,
                         lambda: False)
            told.append((60 * len(known.foldings) / (time.monotonic() - begun), len(known.foldings), known.thresholds))
    (cold, points, variants), (warm, _, _) = told
    figures.add("predicted designs a minute, two processes", f"at least {RATE:,} warm",
                f"{cold:,.0f} with fresh processes, {warm:,.0f} at other rates with the same ones ({points:,} designs, {variants:,} with "
                "their thresholds)", warm >= RATE,
                f"`python -m benchmarks.explore speed`; the space of {made.network}, {made.space.size:,} designs")


def _foldings(figures: Figures, made: _Prepared) -> None:
    """Random designs against the search that compile does."""
    draw, part = random.Random(SEED), find_part(made.goal.part)
    network = read_network(made.files.trainings[made.files.bits[0]].folder / "candidates.npz", layers=made.goal.layers)
    kept: dict[tuple[int, ...], Folded] = {}
    same, worst, tried = 0, 0.0, 0
    while tried < FOLDINGS:
        family = draw.choice(made.space.families)
        exits = tuple(made.sources[0].exits[place] for place in family.layout)
        designs = kept.setdefault(exits, Folded(with_exits(network, exits), part, made.goal.bus_bits))
        reach = planned_reach([draw.uniform(0.05, 0.8) ** (at + 1) for at in range(len(exits))])
        cycles, busy = draw.choice(made.space.cycles), draw.choice(made.space.utilisations) if exits else 1.0
        try:
            found = designs.at(cycles, reach, busy, [family.policy] * len(exits))
        except FoldingError:
            continue
        tried += 1
        wanted = search_folding(designs.network, stage_targets(cycles, reach, busy), part, reach=reach)
        stages = tuple(wanted.stage_cycles(stage) for stage in range(len(reach)))
        gates = [gate.frames for gate in gates_built(cycles, stages, verdict_cycles(wanted), tuple(reach))]
        cost = wanted.layer_cost + gate_costs(designs.network, wanted.widths, gates)
        takes = taken(cost, with_decisions(glue_cost(wanted, made.goal.bus_bits), logit_beats(wanted), [family.policy] * len(exits)))
        same += found.takes == takes
        scarce = max(found.takes, key=lambda key: found.takes[key] / getattr(capacity(part), key))
        worst = max(worst, found.takes[scarce] / max(1, takes[scarce]) - 1)
    figures.add("foldings against those of the full search", f"the same for {FOLDINGS} random designs, or at most 1 % worse",
                f"{same} of {tried} the same, worst {100 * worst:.2f} %", same == tried or worst <= 0.01,
                "`python -m benchmarks.explore foldings`; the scarcest resource")


def _optimiser(figures: Figures, made: _Prepared) -> None:
    """The optimiser, and designs at random, against the whole space."""
    known, objectives = Known(), chosen(made.search.objectives)
    with ExitStack() as stack, SilentUi().progress("") as bar:
        started = Started(stack, lambda: workers(SilentUi(), None, CORES))
        evaluate(made.requests(made.space), made.sources, made.goal, Store(WORK / "whole"), "whole", started, known, bar, lambda: False)
    table: dict[Design, Floats] = {}
    for (_, family), found in known.designs.items():
        for item in found:
            if item.outcome.fits and holds(item.outcome, made.search.must):
                table[family, Asked(item.loss, item.cycles, item.utilisation)] = values([item.outcome], objectives)[0]
    designs = Designs(known, made.sources, objectives, made.search.must)
    every = np.array(list(table.values()))
    whole = designs.scale.hypervolume(every[front(every)])
    names = [(family, asked) for family in made.space.families for asked in made.space.asked(family)]
    places = [[(place.after, head) for head in heads] for place, heads in zip(made.search.exits, made.files.heads, strict=True)]

    def volume(looked: Sequence[Design]) -> float:
        rows = np.array([table[item] for item in looked if item in table])
        return designs.scale.hypervolume(rows[front(rows)]) / whole if len(rows) else 0.0

    def run(seed: int) -> float:
        looked: list[Design] = []

        def look(asked: Sequence[Design]) -> list[Floats | None]:
            looked.extend(asked)
            return [table.get(item) for item in asked]

        optimise(made.space, places, len(places), look, len(objectives), int(BUDGET * made.space.size), seed)
        return volume(looked)

    ours = [run(seed) for seed in range(SEEDS)]
    chance = [volume(random.Random(seed).sample(names, int(BUDGET * made.space.size))) for seed in range(SEEDS)]
    middle = statistics.median(ours)
    figures.add("optimiser against enumeration",
                f"at least 0.99 of the hypervolume in the median, with {100 * BUDGET:.0f} % of the designs",
                f"{middle:.4f} (worst {min(ours):.4f}); "
                f"at random {statistics.median(chance):.4f} (worst {min(chance):.4f})", middle >= 0.99,
                f"`python -m benchmarks.explore optimiser`; {made.space.size:,} designs, {SEEDS} seeds")


def _verify(figures: Figures, made: _Prepared) -> None:
    """The whole command, and what its predictions and exits were worth."""
    command = f"`python -m benchmarks.explore {figures.part}`"
    found, folder = explore(made.search, made.file, figures.ui, Options(count=CORES))
    write_files(found, folder, folder, figures.ui.info)
    _errors(figures, found, made.network, command)
    told = worth(found)
    value = "none to compare: of one kind there is no design that fits and keeps its clock, or none with exits is as accurate"
    if told is not None:
        fast, base = told.figures(told.fast), told.figures(told.base)
        value = (f"{told.times:.2f} times the samples a second, {'measured' if told.measured else 'predicted'}: "
                 f"{fast.samples_per_second:,.0f} at {100 * fast.accuracy:.2f} % against {base.samples_per_second:,.0f} at "
                 f"{100 * base.accuracy:.2f} %")
    figures.add(f"{made.network}: best design with exits against best without, same part, accuracy within half a point",
                "at least 3 times", value, told is not None and told.times >= 3, command)
    if told is not None and told.share is not None:
        figures.add(f"{made.network}: with exits at the rate of the best without, of what limits that",
                    "at most 35 % of it", f"{100 * told.share:.0f} % of its {told.resource.upper()}", told.share <= 0.35, command)


def _errors(figures: Figures, found: ExploreFile, network: str, command: str) -> None:
    rows = [item for item in (*found.front, *found.alone, *found.moved) if item.errors is not None]
    rows = list({item.name: item for item in rows}.values())
    errors = [item.errors for item in rows if item.errors is not None]
    if not errors:
        return

    worst = {key: max((float(getattr(item, key)) for item in errors), key=abs)
             for key in ("cycles", "lut", "ff", "bram36", "dsp", "shares")}
    inside = sum(item.inside for item in errors)
    good = (abs(worst["cycles"]) <= 0.02 and abs(worst["lut"]) <= 0.1 and not worst["bram36"] and not worst["dsp"]
            and abs(worst["shares"]) <= 0.01 and inside == len(errors))
    told = (f"cycles {100 * worst['cycles']:+.1f} %, LUT {100 * worst['lut']:+.1f} %, FF {100 * worst['ff']:+.1f} %, "
            f"BRAM36 {worst['bram36']:+g}, DSP {worst['dsp']:+g}, a share {100 * worst['shares']:+.1f} points")
    figures.add(f"{network}: prediction against verification", "cycles 2 %, LUT 10 %, BRAM and DSP exact, shares 1 point, accuracy inside",
                f"worst of {len(errors)}: {told}; accuracy inside its interval in {inside}", good,
                f"{command}; all verified designs, {IMAGES[network]:,} test images")


def _early(made: _Prepared) -> list[Request]:
    """Requests of like size: those of families with an early exit."""
    return [item for item in made.requests(made.space) if item.family.layout]


def _workers(figures: Figures, made: _Prepared) -> None:
    pair_figures(figures, _early(made), made.sources, made.goal)


def _kills(figures: Figures, made: _Prepared) -> None:
    kill_figures(figures, _early(made), made.sources, made.goal)


def _energy(figures: Figures, made: _Prepared) -> None:
    """Of the last verification."""
    folder = made.files.folder
    if not (folder / "explore.json").is_file():
        raise click.UsageError("energy counts what verify left: run that first, or both")
    energy_figures(figures, made.network, ExploreFile.load(folder / "explore.json"), folder)


PARTS = {"speed": _speed, "foldings": _foldings, "optimiser": _optimiser, "verify": _verify, "energy": _energy, "workers": _workers,
         "kills": _kills, "triple_wins": _verify}
"""What is measured by part: of b_lenet, or of the network that the part is called after."""


def explorations(ui: RichUi, parts: Sequence[str] = ()) -> str:
    """Measure ``parts`` (none: all), and write docs/explore.md and docs/explore_benchmark.json; gives the table."""
    figures = Figures(ui)
    made: dict[str, _Prepared] = {}
    for name, measure in PARTS.items():
        figures.part = name
        if name in parts or not parts:
            network = name if name in SEARCHES else NETWORK
            made[network] = made.get(network) or _prepare(ui, network)
            measure(figures, made[network])
        else:
            figures.keep(name, DATA)
    return figures.write(PAGE, PART, DATA)


@click.command()
@click.argument("parts", nargs=-1, type=click.Choice(list(PARTS)))
def main(parts: Sequence[str]) -> None:
    """Measure PARTS (none: all), and write docs/explore.md and docs/explore_benchmark.json."""
    from rich.console import Console

    click.echo(explorations(RichUi(Console(file=sys.stderr)), parts))


if __name__ == "__main__":
    main()
