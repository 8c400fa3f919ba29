"""offramp from Python: the same steps as the command line, with typed results.

>>> import offramp
>>> project = offramp.load("examples/digits.toml")
>>> project.simulate(samples=200).exits[0].share

A project is loaded from its TOML file (:func:`load`) or put together here (:class:`Project`); its methods run the steps that are still
needed and give results that show themselves as small tables in a notebook. :class:`ExitUnit` is the exit decision alone. What the user can
mend is an :class:`OfframpError` or a ``ValueError`` of one line.
"""

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from offramp.rooms import hidden

if TYPE_CHECKING:
    from build_flows.base.errors import Busy, ConfigError, OfframpError
    from build_flows.base.ui import Ui
    from offramp.exit_unit import ExitUnit, UnitFiles, UnitSimulation
    from offramp.project import Project, load
    from offramp.results import Compilation, Report, Resources, Simulation, TrainedExit, Training

__all__ = [
    "Busy", "Compilation", "ConfigError", "ExitUnit", "OfframpError", "Project", "Report", "Resources", "Simulation", "TrainedExit",
    "Training", "Ui", "UnitFiles", "UnitSimulation", "load",
]

_HOMES = {
    "build_flows.base.errors": ("Busy", "ConfigError", "OfframpError"),
    "build_flows.base.ui": ("Ui",),
    "offramp.exit_unit": ("ExitUnit", "UnitFiles", "UnitSimulation"),
    "offramp.project": ("Project", "load"),
    "offramp.results": ("Compilation", "Report", "Resources", "Simulation", "TrainedExit", "Training"),
}
"""Where the public names live. They are loaded when they are first asked for: the command line has no use for them."""


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'offramp' has no attribute {name!r}")
    told = hidden()
    if told is not None:
        raise ImportError(told)
    # Units are made to be asked for their latency too, and then Amaranth says at the end that they were never built.
    warnings.filterwarnings("ignore", message=r"<hw\..* created but never used")
    found = globals()[name] = getattr(importlib.import_module(home), name)
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
