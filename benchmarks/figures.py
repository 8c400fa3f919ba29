"""What benchmarks share: a measured figure, how it is shown, and how what users run is run."""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables import fill, table
from build_flows.base.files import read_json, write_json, write_text
from build_flows.base.interval import wilson
from build_flows.base.ui import Ui

__all__ = ["SEED", "Figure", "Figures", "figure_table", "machine", "run_json", "step_seconds", "sure_share"]

SEED = 1
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure: its ``target``, the ``value`` as measured, whether it is ``met``, and ``how``: the command, or how it was
    measured. ``part`` is what of the benchmark measured it, where its parts can be run by themselves."""

    name: str
    target: str
    value: str
    met: bool
    how: str
    part: str = ""


class Figures:
    """Figures as they come, each told at once, those of ``part`` while that is set."""

    def __init__(self, ui: Ui) -> None:
        self.ui = ui
        self.part = ""
        self.found: list[Figure] = []

    def add(self, name: str, target: str, value: str, met: bool, how: str) -> None:
        """Take a figure down."""
        self.found.append(Figure(name=name, target=target, value=value, met=met, how=how, part=self.part))
        self.ui.info(f"{'met   ' if met else 'MISSED'}  {name}: {value} (target: {target})")

    def keep(self, part: str, data: Path) -> None:
        """Take down the figures of ``part`` as ``data`` has them, when they were last measured."""
        rows = [Figure(**row) for row in read_json(data)["figures"]] if data.is_file() else []
        self.found += [row for row in rows if row.part == part]

    def write(self, page: Path, part: str, data: Path) -> str:
        """The machine and the table into the ``part`` of ``page`` (:func:`benchmarks.tables.fill`), and all figures into ``data``; gives
        what went into the page."""
        text = f"{machine()}; seed {SEED}.\n\n{figure_table(self.found)}"
        write_text(page, fill(page.read_text(encoding="utf-8"), {part: text}))
        write_json(data, {"version": VERSION, "machine": machine(), "seed": SEED, "figures": [asdict(item) for item in self.found]})
        return text


def machine() -> str:
    """This machine, in words."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def figure_table(figures: Sequence[Figure]) -> str:
    """Figures as a Markdown table."""
    return table(("figure", "target", "measured", "", "how"),
                 [(item.name, item.target, item.value, "met" if item.met else "**missed**", item.how) for item in figures])


def run_json(command: Sequence[str], folder: Path, check: Callable[[int], bool] = lambda code: code == 0) -> dict[str, Any]:
    """What a command that prints JSON prints; :class:`subprocess.CalledProcessError` when ``check`` does not like its exit code."""
    ran = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.PIPE, text=True)
    if not check(ran.returncode):
        raise subprocess.CalledProcessError(ran.returncode, list(command))
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def step_seconds(output: Path, *steps: str) -> float:
    """Seconds that the named steps of the project in ``output`` took when they last ran; raises
    :class:`build_flows.base.errors.OfframpError` for one that never did."""
    return sum(float(read_json(output / ".steps" / f"{step}.json", version=None)["seconds"]) for step in steps)


def sure_share(share: float, count: int) -> str:
    """A ``share`` (0 to 1) of ``count`` samples in percent, with its 95 % interval: ``98.06 % (96.03 to 99.06)``."""
    low, high = wilson(share, count)
    return f"{100 * share:.2f} % ({100 * low:.2f} to {100 * high:.2f})"
