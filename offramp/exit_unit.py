"""The exit decision as a product of its own."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import gettempdir
from typing import Any

from build_flows.artefacts.exit_unit import UnitManifest
from build_flows.base.ui import Ui
from build_flows.exit_unit.generate import generate
from build_flows.exit_unit.simulate import COLUMNS, Sweep, row_cells, simulate
from build_flows.exit_unit.spec import UnitSpec
from offramp.notebook import chosen_ui
from offramp.shown import Shown, Table
from sim.tools.cache import scratch

__all__ = ["ExitUnit", "UnitFiles", "UnitSimulation"]


@dataclass(frozen=True, repr=False)
class UnitFiles(Shown):
    """A generated unit: the ``folder`` with Verilog, README, golden vectors and a bench that needs no Python, and its ``manifest``."""

    folder: Path
    manifest: UnitManifest

    def tables(self) -> list[Table]:
        """What a designer has to know first."""
        unit = self.manifest
        rows: list[tuple[object, ...]] = [
            ("module", unit.module), ("policy", unit.policy),
            ("classes, a beat", f"{unit.classes}, {unit.pe}"),
            ("cycles a sample", unit.initiation_interval),
            ("cycles from the last beat to the result", unit.latency.last_beat_to_result),
        ]
        return [Table(str(self.folder), ("", ""), rows)]


@dataclass(frozen=True, repr=False)
class UnitSimulation(Shown):
    """Samples played through the unit's RTL in Verilator, every result checked: ``samples`` that ``agree``; cycles between results at full
    rate (``interval``) and from a sample's first beat to its result (least, median, most); ``faults`` in words, of which there should be
    none."""

    samples: int
    agree: int
    interval: float | None
    latency: tuple[int, float, int] | None
    faults: Sequence[str]
    row: Sequence[object]

    def tables(self) -> list[Table]:
        """The unit's row."""
        return [Table("simulated exit-decision unit", COLUMNS, [self.row])]


class ExitUnit:
    """One exit-decision unit, for a design of your own.

    Parameters
    ----------
    policy : max_logit, margin, softmax, entropy, patience, class_threshold, gate, always or never
    classes : 2 to 1000 logits a sample
    pe : logits a beat; it divides ``classes``
    scale : what one unit of the logits is worth
    threshold : in the policy's own unit; None: a usual one
    ui : how progress is told: ``"auto"``, None (quiet) or a :class:`offramp.Ui`
    more : other values of a unit: ``logit_bits``, ``score`` and ``class_thresholds`` (of class_threshold), ``bias``, ``epsilon``, ...

    Raises :class:`offramp.OfframpError` with one line that names the value that is wrong.
    """

    def __init__(
        self, policy: str, classes: int, pe: int = 1, *, scale: float = 0.0123, threshold: float | None = None,
        ui: Ui | str | None = "auto", **more: Any,
    ) -> None:
        self.spec = UnitSpec(policy=policy, classes=classes, pe=pe, scale=scale, threshold=threshold, **more)
        self._ui = chosen_ui(ui)

    def __repr__(self) -> str:
        return f"<offramp.ExitUnit {self.spec.name}>"

    def generate(self, out: str | Path, *, name: str = "exit_unit", control: str = "axi4lite", force: bool = False) -> UnitFiles:
        """Write the unit into the folder ``out``: Verilog, README, golden vectors, a bench. ``control``: ``"axi4lite"`` registers or
        ``"plain"`` ports. A folder that holds something else needs ``force``."""
        folder = Path(out)
        return UnitFiles(folder, generate(self.spec, folder, name=name, control=control, force=force, tell=self._ui.info))

    def simulate(self, samples: int = 1000, *, stall: float = 0.0, seed: int = 1, out: str | Path | None = None) -> UnitSimulation:
        """Play ``samples`` random samples through the unit's RTL in Verilator and check every result. ``stall``: the probability that an
        end of a stream is not ready in a cycle. ``out``: a folder that keeps the built model and ``sweep.json``; None: nothing is kept."""
        sweep = Sweep(specs=[self.spec], samples=samples, stall=stall, seed=seed)
        with scratch(Path(gettempdir()), "offramp-unit-") as folder:
            found = simulate(sweep, Path(out or folder / "unit"), self._ui)
        (row,) = found.units
        latency = None
        if row.latency_min is not None and row.latency_median is not None and row.latency_max is not None:
            latency = (row.latency_min, row.latency_median, row.latency_max)
        return UnitSimulation(samples, row.agree, row.ii, latency, found.faults, row_cells(row))
