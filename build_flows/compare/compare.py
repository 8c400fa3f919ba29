"""Compares layouts of exits: each is trained, compiled, simulated and synthesised, beside the same network without exits.

The first row is that network at the same target rate (that of the reference layout, where it is "auto"), the second one the fastest of it
that fits into the reference layout's resources. All steps are those of :mod:`build_flows.steps.flow`, and are skipped where nothing
changed: a comparison that was killed goes on where it was.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from build_flows.artefacts.compare import CompareFile, Failure, Matched, MatchFile, Row, Taken
from build_flows.artefacts.resources import Capacity, ResourcesFile, Sums, UnitRecord
from build_flows.artefacts.simulation import Figures, SimulationFile
from build_flows.artefacts.sizing import SizingFile
from build_flows.base.errors import OfframpError, explain
from build_flows.base.files import hash_path
from build_flows.base.owned import write_owned
from build_flows.base.parts import Part, find_part
from build_flows.base.ui import Ui
from build_flows.compare.ahead import Asked
from build_flows.compare.matching import allowance, match_file
from build_flows.compare.pareto import front
from build_flows.compare.rows import Answers, finish, make_row, to_csv
from build_flows.compare.sweep import RESOURCES, Layout, Plan, write
from build_flows.project.load import Project
from build_flows.project.load import load as load_config
from build_flows.steps.engine import Build, Step, Work
from quant_models.records import ArtefactError
from sim.tools.yosys import version

__all__ = ["OBJECTIVES", "Steps", "compare", "write_files"]

OBJECTIVES = ("accuracy", "throughput", "lut")
"""What the front weighs unless told otherwise."""

Matching = Callable[[Path, Part, Taken, str], MatchFile]
"""The fastest network without exits, of a ``golden.npz``, that fits: :func:`build_flows.compare.matching.match_file`."""


class Steps(Protocol):
    """The steps of one project, as :mod:`build_flows.steps.flow` has them."""

    def train(self, project: Project, ui: Ui, /) -> object:
        """Train and calibrate."""

    def simulate(self, project: Project, ui: Ui, /, samples: int | None, stall: float, seed: int) -> Figures:
        """All up to the simulation; its figures."""

    def synth(self, project: Project, ui: Ui, /, *, part: str | None, full: bool) -> ResourcesFile:
        """All up to ``resources.json``; what it holds."""


def compare(
    plan: Plan, ui: Ui, steps: Steps, *, part: str | None = None, data: Path | None = None, full: bool = False,
    objectives: Sequence[str] = OBJECTIVES, include_unbuildable: bool = False, matching: Matching = match_file,
    ahead: Callable[[Sequence[Asked]], None] | None = None,
) -> CompareFile:
    """What ``compare.json`` holds.

    ``part`` None: that of each configuration's board. ``include_unbuildable``: also layouts that do not fit or miss their clock may be on
    the front. ``ahead`` is given the layouts that depend on no other one, once all is trained, and may make them several at a time. A
    layout that fails is told at once, kept in ``failed`` with its error, and the others go on; an error of ours, Ctrl-C and a failing
    training pass through. Raises :class:`OfframpError` when no row is left, when the layouts' boards have different parts, and for an
    unknown part or objective, and :class:`sim.errors.ToolError` without Yosys, before anything is run.
    """
    version()
    front((), objectives)
    chosen = find_part(part) if part is not None else _part(plan)
    plan.write(ui.info)
    run = _Run(plan, ui, steps, part, data, full)
    for training in plan.trainings:
        ui.info(f"training for all: {len(training.config.exits)} exits")
        steps.train(load_config(training.file, data), ui)

    if ahead is not None:
        first = (*plan.layouts, *(() if plan.follows else (plan.rate,)))
        files = {layout.name: layout.file for layout in first}
        ahead([Asked(name=name, file=file, data=data, part=part, full=full) for name, file in files.items()])
    rows = {} if plan.follows else {plan.rate.name: run.measure(plan.rate, "rate")}
    others = [layout for layout in plan.layouts if layout is not plan.rate]
    reference = next((layout for layout in others if layout.name == plan.reference), None)
    alone: Row | None = None
    if reference is not None:
        rows[reference.name] = measured = run.measure(reference, None)
        if plan.follows:
            rows[plan.rate.name] = run.at_rate(reference.name, measured)
        alone = run.at_resources(reference.name, chosen, matching)
    rows |= {layout.name: run.measure(layout, None) for layout in others if layout is not reference}

    ordered = [rows[plan.rate.name], alone, *(rows[layout.name] for layout in others)]
    found = finish([row for row in ordered if row is not None], run.answers)
    if not found:
        raise OfframpError("no layout could be measured:\n" + "\n".join(f"{item.name}: {item.error}" for item in run.failed))
    best = front(found, objectives, include_unbuildable=include_unbuildable)
    assert run.capacity is not None
    return CompareFile(
        version=CompareFile.VERSION, name=plan.name, source=Path(plan.source).name,
        layouts=[row.replace(pareto=index in best) for index, row in enumerate(found)],
        part=run.part_name or chosen.name, capacity=run.capacity, objectives=list(objectives),
        pareto=[found[index].name for index in best], include_unbuildable=include_unbuildable,
        unbuildable=[row.name for row in found if not row.buildable], reference=plan.reference, weights=plan.weights, full=full,
        failed=run.failed,
    )


def write_files(found: CompareFile, folder: Path, tell: Callable[[str], None]) -> dict[str, Path]:
    """Write ``compare.json``, ``compare.csv``, ``compare.html`` and the plots (PNG and SVG) into ``folder``, each whole or not at all; the
    configurations' paths in them are relative to it. Returns the files by name. The same comparison gives the same bytes. Files of the
    user's in their place are set aside, and ``tell`` is given a line about each."""
    from build_flows.pages import compare_page, compare_plots

    told = found.replace(layouts=[row.replace(config=_relative(row.config, folder)) for row in found.layouts])
    files = {"json": folder / "compare.json", "csv": folder / "compare.csv", "html": folder / "compare.html"}
    drawn = {f"{name}.{kind}": content for name in compare_plots.PLOTS for kind, content in compare_plots.files(name, told).items()}
    contents = {f"compare_{name}": content for name, content in drawn.items()}
    contents |= {"compare.html": compare_page.render(told).encode(), "compare.csv": to_csv(told.layouts).encode(),
                 "compare.json": told.dump().encode()}
    write_owned(folder, "compare", contents, tell)
    files |= {name: folder / f"compare_{name}" for name in drawn}
    return files


def _part(plan: Plan) -> Part:
    boards = {layout.config.part: layout.name for layout in (plan.rate, *plan.layouts)}
    if len(boards) > 1:
        told = ", ".join(f"{name} is for {part}" for part, name in boards.items())
        raise OfframpError(f"all layouts must be for one part, but {told}", hint="--part chooses one for all")
    return find_part(next(iter(boards)))


def _relative(path: str, folder: Path) -> str:
    return Path(os.path.relpath(path, folder)).as_posix()


class _Run:
    """One comparison under way: what its rows have in common, and what failed so far."""

    def __init__(self, plan: Plan, ui: Ui, steps: Steps, part: str | None, data: Path | None, full: bool) -> None:
        self.ui, self.steps, self.part, self.data, self.full = ui, steps, part, data, full
        self.plan = plan
        self.count = len({plan.rate.name, *(layout.name for layout in plan.layouts)}) + (plan.reference is not None)
        self.done = 0
        self.failed: list[Failure] = []
        self.units: Sequence[UnitRecord] | None = None
        self.totals: dict[str, Sums] = {}
        self.answers: dict[str, Answers] = {}
        self.part_name: str | None = None
        self.capacity: Capacity | None = None

    def measure(self, layout: Layout, baseline: str | None) -> Row | None:
        """The row of ``layout``; None, with its error told and kept, when it fails."""
        self.done += 1
        self.ui.info(f"layout {self.done} of {self.count}: {layout.name}{', without exits at the same target rate' if baseline else ''}")
        return self._caught(layout.name, lambda: self._measure(layout, baseline))

    def _caught(self, name: str, work: Callable[[], Row]) -> Row | None:
        try:
            return work()
        except Exception as error:
            told = explain(error)
            if told is None:
                raise
            hint = {"hint": told.hint} if told.hint else {}
            self.failed.append(Failure(name=name, error=told.message, **hint))
            self.ui.info(f"layout {name} failed: {told.message}")
            return None

    def _measure(self, layout: Layout, baseline: str | None) -> Row:
        project = load_config(layout.file, self.data)
        chosen = project.config.simulate
        figures = self.steps.simulate(project, self.ui, samples=chosen.samples, stall=chosen.stall, seed=chosen.seed)
        if figures.agree != figures.samples:
            raise OfframpError(f"only {figures.agree} of {figures.samples} samples agree with the golden model")
        resources = self.steps.synth(project, self.ui, part=self.part, full=self.full)
        self.part_name, self.capacity = resources.part, resources.capacity
        self.totals[layout.name] = resources.total
        if baseline == "rate":
            self.units = resources.units
        answers = _answers(project.output / "sim.json", figures)
        if answers is not None:
            self.answers[layout.name] = answers
        rtl = hash_path(project.output / "rtl")
        return make_row(
            layout.name, baseline, project.config, figures, resources, str(layout.file), _pace(project), None if rtl == "absent" else rtl
        )

    def at_rate(self, reference: str, measured: Row | None) -> Row | None:
        """The row of the network without exits at the rate that layout ``reference``, ``measured`` before, found for itself."""
        self.done += 1
        self.ui.info(f"layout {self.done} of {self.count}: {self.plan.rate.name}, without exits at the target rate of {reference}")
        return self._caught(self.plan.rate.name, lambda: self._at_rate(reference, measured))

    def _at_rate(self, reference: str, measured: Row | None) -> Row:
        if measured is None:
            raise OfframpError(f"it is made from layout {reference}, which failed")
        layout = self.plan.at_rate(measured.target_cycles_per_sample)
        write(layout, self.ui.info)
        return self._measure(layout, "rate")

    def at_resources(self, reference: str, part: Part, matching: Matching) -> Row | None:
        """The row of the network without exits in the resources of layout ``reference``."""
        self.done += 1
        self.ui.info(f"layout {self.done} of {self.count}: {RESOURCES}, without exits in the resources of {reference}")
        return self._caught(RESOURCES, lambda: self._at_resources(reference, part, matching))

    def _at_resources(self, reference: str, part: Part, matching: Matching) -> Row:
        for needed, known in ((self.plan.rate.name, self.units), (reference, self.totals.get(reference))):
            if known is None:
                raise OfframpError(f"it is made from layout {needed}, which failed")
        assert self.units is not None
        allowed = allowance(self.totals[reference], self.units)
        rate = load_config(self.plan.rate.file, self.data)
        folder = self.plan.at_resources(1).file.parent
        chosen = MatchSettings(part=part, allowed=allowed, layers=rate.config.build.layers)
        found = _match(folder, self.ui, rate.output / "golden.npz", chosen, matching)
        if not found.fits:
            self.ui.info(f"warning: without exits, even the slowest design takes more than {reference} by the cost model")
        layout = self.plan.at_resources(found.cycles)
        write(layout, self.ui.info)
        return self._measure(layout, "resources").replace(matched=Matched(
            layout=reference, total=self.totals[reference], fits=found.fits, predicted=found.predicted, allowed=found.allowed,
        ))


def _pace(project: Project) -> int:
    """Cycles a sample that the compiled ``project`` was designed for."""
    wanted = project.config.target.cycles_per_sample
    if wanted != "auto":
        return wanted
    found = SizingFile.load(project.output / "sizing.json").cycles_per_sample
    if found is None:
        raise OfframpError(f"{project.output / 'sizing.json'} does not tell the cycles a sample that \"auto\" found",
                           hint="an earlier version wrote it: remove it, and run this again")
    return found


def _answers(file: Path, figures: Figures) -> Answers | None:
    """Which images were classified right in the run that ``figures`` are of, by ``sim.json``; None where that is of another."""
    try:
        found = SimulationFile.load(file)
    except ArtefactError:
        return None
    if found.figures != figures:
        return None
    right = [sample.label == label for sample, label in zip(found.samples, found.labels, strict=True)]
    return Answers(labels=found.labels, right=np.asarray(right, bool))


@dataclass(frozen=True, kw_only=True)
class MatchSettings:
    """What the network without exits has to fit into, and what layers it may be made of (``build.layers``)."""

    part: Part
    allowed: Taken
    layers: str


def _match(folder: Path, ui: Ui, golden: Path, chosen: MatchSettings, matching: Matching) -> MatchFile:
    """:func:`build_flows.compare.matching.match_file` as a step in ``folder``, skipped when nothing changed."""
    with Build(folder, ui) as build:
        build.run(Step(
            name="match", run=partial(run_match, matching), outputs=("match.json",), inputs={"golden": golden},
            settings=chosen, apart=("build_flows.pages", "build_flows.steps"),
        ))
        return MatchFile.load(build.path("match.json"))


def run_match(matching: Matching, chosen: MatchSettings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``match.json``."""
    matching(inputs["golden"], chosen.part, chosen.allowed, chosen.layers).save(work.folder / "match.json")
