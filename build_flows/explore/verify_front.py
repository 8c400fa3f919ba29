"""Verifying designs of a front: the ones that say most first, and the next ones for those that turn out not to belong there."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from build_flows.artefacts.explore import Outcome, PointRecord
from build_flows.base.ui import Ui
from build_flows.explore.bundle import data_files, packed, unpacked
from build_flows.explore.choose import spread
from build_flows.explore.design_files import DesignFiles
from build_flows.explore.designs import Designs, Row, holds
from build_flows.explore.objectives import ENERGY, OBJECTIVES, front, values
from build_flows.explore.options import Options
from build_flows.explore.verify import PLAIN, Verified, Wanted, errors, verify_away, verify_here
from build_flows.explore.workers import Workers

__all__ = ["MOST", "NEAR", "Verification", "verify_front"]

NEAR = 0.005
"""Accuracies that are so near are as good as each other when the network without exits is chosen that stands beside those with them."""

MOST = 3
"""Times as many designs as are wanted that are verified at most: of a base whose clock no design keeps none would ever belong."""

SENT = "verified"
"""The folder, in that of a design, of what a worker without our disk made of it."""


@dataclass
class Verification:
    """What was ``measured``, by the names of designs, and what ``failed``; ``rows`` are those that were measured, ``configs`` the
    configurations of all, ``moved`` the names of verified designs that do not belong on the front."""

    measured: dict[str, Outcome] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    rows: list[Row] = field(default_factory=list)
    configs: dict[str, str] = field(default_factory=dict)
    moved: set[str] = field(default_factory=set)

    def told(self, row: Row) -> PointRecord:
        """The design with what was measured of it."""
        name, made = row.chosen.name, row.record
        if name in self.configs:
            made = made.replace(config=self.configs[name])
        if name not in self.measured:
            return made
        return made.replace(measured=self.measured[name], errors=errors(row.predicted.outcome, self.measured[name]))


def verify_front(
    designs: Designs, files: DesignFiles, count: int, started: Callable[[], Workers], ui: Ui, options: Options, deadline: float | None,
) -> Verification:
    """Verify ``count`` designs of the front, more where some of them turn out not to belong there (:data:`MOST` times as many at most: when
    that was not enough, it tells), and the network without exits that stands beside them; after ``deadline`` (monotonic seconds) no worker
    begins another one. All designs of the front get a configuration."""
    found = Verification()
    shown = [*designs.front, *(index for index in designs.alone if index not in designs.front)]
    paths: dict[str, Path] = {}
    for index in shown:
        row = designs.rows[index]
        paths[row.chosen.name] = files.write(files.layout(row.chosen), ui.info)
        found.configs[row.chosen.name] = Path(os.path.relpath(paths[row.chosen.name], files.folder)).as_posix()
    if not count:
        return found
    order = [designs.rows[designs.front[at]] for at in spread(designs.scale.scaled(designs.values[designs.front]))]
    beside = _beside(designs)
    extra = None if beside in order[:count] else beside
    wanted = Wanted(energy=OBJECTIVES[ENERGY] in designs.objectives, percentile=designs.must.latency_percentile)
    waiting = [*order[:count], *([] if extra is None else [extra])]
    rest = [row for row in order[count:] if row is not beside]
    with ui.progress(f"verifying {len(waiting)} designs", total=len(waiting)) as bar:
        while waiting and (deadline is None or time.monotonic() < deadline):
            # What is handed out is begun some time, and so with a deadline there is no more of it than there are workers.
            at_once = len(waiting) if deadline is None else started().count
            begin, waiting = waiting[:at_once], waiting[at_once:]
            for row, outcome in _run(begin, paths, started(), options, wanted):
                if outcome.measured is None:
                    found.failed[row.chosen.name] = outcome.error
                    ui.info(f"design {row.chosen.name} failed: {outcome.error}")
                else:
                    found.measured[row.chosen.name] = outcome.measured
                    found.rows.append(row)
                bar.advance()
            found.moved = _moved(found, designs)
            if not waiting:
                done = len(found.rows) + len(found.failed)
                missing = count - sum(row is not extra and row.chosen.name not in found.moved for row in found.rows)
                more = max(0, min(missing, MOST * count - done))
                if rest and missing > 0 and not more:
                    ui.info(f"{done} designs were verified, and {missing} more of the front are wanted: what keeps them off it is in "
                            "explore.html")
                waiting, rest = rest[:more], rest[more:]
                bar.update(total=done + len(waiting))
    return found


def _beside(designs: Designs) -> Row | None:
    """Of the designs without exits the fastest that is about as often right as the best of them."""
    rows = [designs.rows[index] for index in designs.alone]
    if not rows:
        return None
    best = max(row.predicted.outcome.accuracy for row in rows)
    near = [row for row in rows if row.predicted.outcome.accuracy >= best - NEAR]
    return max(near, key=lambda row: row.predicted.outcome.samples_per_second)


def _moved(found: Verification, designs: Designs) -> set[str]:
    """The names of those that do not fit or hold what they must, or that another one beats, by what was measured."""
    measured = found.measured
    rows = sorted(found.rows, key=lambda row: row.chosen.name)
    fitting = [row for row in rows if measured[row.chosen.name].fits and holds(measured[row.chosen.name], designs.must)]
    kept = {fitting[at].chosen.name for at in front(values([measured[row.chosen.name] for row in fitting], designs.objectives))}
    return {row.chosen.name for row in found.rows} - kept


def _run(rows: Sequence[Row], paths: Mapping[str, Path], workers: Workers, options: Options,
         wanted: Wanted) -> Iterator[tuple[Row, Verified]]:
    """The designs as they are verified: in their own folders by processes of this machine, in folders of theirs by others."""
    by_name = {row.chosen.name: row for row in rows}
    here, away = (task if wanted == PLAIN else partial(task, wanted=wanted) for task in (verify_here, verify_away))
    if options.scheduler is None:
        for name, result in workers.run({name: (here, paths[name]) for name in by_name}, options.data):
            yield by_name[name], result
        return
    shared = data_files(next(iter(paths.values())), options.data)
    for name, result in workers.run({name: (away, packed(paths[name], shared, options.data)) for name in by_name}, shared):
        unpacked(paths[name].parent / SENT, result.files or {})
        yield by_name[name], result
