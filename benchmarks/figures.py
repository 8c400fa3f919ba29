"""What benchmarks share: a measured figure, how it is shown, and how what users run is run."""

import json
import os
import platform
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from build_flows.base.files import write_json, write_text
from build_flows.base.ui import Ui

__all__ = ["SEED", "Figure", "Figures", "between", "machine", "run_json", "table"]

SEED = 1
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure: its ``target``, the ``value`` as measured, whether it is ``met``, and ``how``: the command, or how it was
    measured."""

    name: str
    target: str
    value: str
    met: bool
    how: str


class Figures:
    """Figures as they come; each is told at once."""

    def __init__(self, ui: Ui) -> None:
        self.ui = ui
        self.found: list[Figure] = []

    def add(self, name: str, target: str, value: str, met: bool, how: str) -> None:
        """Take a figure down."""
        self.found.append(Figure(name=name, target=target, value=value, met=met, how=how))
        self.ui.info(f"{'met   ' if met else 'MISSED'}  {name}: {value} (target: {target})")

    def write(self, page: Path, marks: tuple[str, str], data: Path) -> str:
        """The table into ``page``, between its marks, and all figures into ``data``; gives the table."""
        text = table(self.found)
        write_text(page, between(page.read_text(encoding="utf-8"), marks, text))
        write_json(data, {"version": VERSION, "machine": machine(), "seed": SEED, "figures": [asdict(item) for item in self.found]})
        return text


def machine() -> str:
    """This machine, in words."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())
    return f"{os.cpu_count()} cores, {model}, Python {platform.python_version()}"


def table(figures: Sequence[Figure]) -> str:
    """Figures as Markdown, the machine before them."""
    rows = "".join(
        f"| {item.name} | {item.target} | {item.value} | {'met' if item.met else '**missed**'} | {item.how} |\n" for item in figures
    )
    return f"{machine()}; seed {SEED}.\n\n| figure | target | measured | | how |\n|---|---|---|---|---|\n{rows}"


def between(text: str, marks: tuple[str, str], table: str) -> str:
    """``text`` with ``table`` between its two marks."""
    before, rest = text.split(marks[0])
    return f"{before}{marks[0]}\n{table}{marks[1]}{rest.split(marks[1])[1]}"


def run_json(command: Sequence[str], folder: Path, check: Callable[[int], bool] = lambda code: code == 0) -> dict[str, Any]:
    """What a command that prints JSON prints; :class:`subprocess.CalledProcessError` when ``check`` does not like its exit code."""
    ran = subprocess.run(command, cwd=folder, check=False, stdout=subprocess.PIPE, text=True)
    if not check(ran.returncode):
        raise subprocess.CalledProcessError(ran.returncode, list(command))
    found: dict[str, Any] = json.loads(ran.stdout)
    return found
