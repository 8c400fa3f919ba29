"""Writes ``docs/python.md``, the page of the package ``offramp``, from its docstrings: ``python -m benchmarks.python_docs``."""

import inspect
import re
from pathlib import Path
from typing import Any

import offramp
from build_flows.base.files import write_text

__all__ = ["ORDER", "PAGE", "text"]

PAGE = Path(__file__).parent.parent / "docs" / "python.md"

ORDER = (
    "load", "Project", "ExitUnit", "Training", "TrainedExit", "Compilation", "Simulation", "Resources", "Report", "UnitFiles",
    "UnitSimulation", "OfframpError", "ConfigError", "Busy", "Ui",
)
"""The public names, in the order in which a reader meets them."""

EXAMPLE = '''
import offramp
project = offramp.load("examples/digits.toml")              # or offramp.Project(preset="digits", data=..., exits=[...])
faster = project.replace(target={"cycles_per_sample": 104})  # its own folder; what is the same is taken over, nothing retrains
result = faster.simulate(samples=200)                       # runs what is needed; result.accuracy, result.exits[0].share
result = faster.simulate(thresholds={0: 0.95})              # thresholds are registers: nothing is built again
faster.report()                                             # shows itself in a notebook, as all results do

unit = offramp.ExitUnit(policy="softmax", classes=10, pe=2, scale=0.0123, threshold=0.9)
unit.generate("out/")
unit.simulate(samples=100_000)
'''


def text() -> str:
    """The page."""
    lines = [
        "# offramp from Python", "",
        "The package `offramp` runs the same steps as the command line, with typed results. `examples/tour.ipynb` is a walk",
        "through it. This page is written by `python -m benchmarks.python_docs` from the docstrings.", "", "```python",
        *EXAMPLE.strip().splitlines(), "```",
    ]
    for name in ORDER:
        item: Any = getattr(offramp, name)
        lines += ["", f"## {name}", ""]
        if inspect.isfunction(item):
            lines += ["```python", f"offramp.{name}{_signature(item)}", "```", "", *_words(item.__doc__)]
            continue
        if name in ("Project", "ExitUnit"):
            lines += ["```python", f"offramp.{name}{_signature(item.__init__)}", "```", ""]
        lines += _words(item.__doc__)
        for member, found in vars(item).items():
            if member.startswith("_") or member == "tables":
                continue
            if isinstance(found, property):
                lines += ["", f"**`.{member}`**", "", *_words(found.__doc__)]
            elif inspect.isfunction(found) and not issubclass(item, BaseException):
                lines += ["", f"**`.{member}{_signature(found)}`**", "", *_words(found.__doc__)]
    return "\n".join(lines) + "\n"


def _signature(function: Any) -> str:
    """The parameters, with the names of types alone and without ``self``."""
    found = inspect.signature(function)
    parameters = [item for item in found.parameters.values() if item.name != "self"]
    shown = str(found.replace(parameters=parameters, return_annotation=inspect.Signature.empty))
    return re.sub(r"\b(?:[a-z_]+\.)+(?=[A-Z])", "", shown)


def _words(doc: str | None) -> list[str]:
    """A docstring as Markdown: headings of sections become bold words, roles and double backticks single ones."""
    told = inspect.cleandoc(doc or "")
    told = re.sub(r":(?:class|func|meth|mod|data):`~?([^`]+)`", lambda found: f"`{found[1].rpartition('.')[2]}`", told).replace("``", "`")
    told = re.sub(r"^(\w+)\n-+$", r"**\1**\n", told, flags=re.M)
    return re.sub(r"^(\w[\w, ]*) : ", r"- `\1`: ", told, flags=re.M).splitlines()


if __name__ == "__main__":
    write_text(PAGE, text())
