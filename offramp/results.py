"""What a project's methods give: the artefacts' own types, which show themselves as small tables."""

import html
from dataclasses import dataclass
from pathlib import Path

from build_flows.artefacts.resources import ResourcesFile
from build_flows.artefacts.simulation import Figures
from build_flows.artefacts.sizing import SizingFile
from build_flows.artefacts.verdict import NAMES, Verdict, synthesised
from build_flows.base.interval import wilson
from build_flows.pages.html import share_told
from build_flows.pages.verdict import at_clock, clock_told, fit_told, headline
from offramp.shown import Shown, Table, count, percent
from quant_models.exits.records import ExitsFile
from quant_models.training.records import ExitMetrics, MetricsFile

__all__ = ["Compilation", "Report", "Resources", "Simulation", "TrainedExit", "Training"]


@dataclass(frozen=True)
class TrainedExit:
    """One exit on the validation split: its ``accuracy`` alone, with the 95 % interval ``accuracy_interval``, and the ``share`` of all
    samples that leave there, 0 to 1, by ``policy`` with the integer ``threshold``, which is ``real_threshold`` in the policy's own unit
    (None: the policy has none; a list: one a class)."""

    accuracy: float
    share: float
    policy: str
    threshold: int
    real_threshold: float | list[float] | None
    accuracy_interval: tuple[float, float]


@dataclass(frozen=True, repr=False)
class Training(Shown):
    """A trained and calibrated network: ``metrics.json`` and ``exits.json`` as they are, and ``alone``, how good every exit that is built
    is by itself on the validation split."""

    metrics: MetricsFile
    calibrated: ExitsFile
    alone: list[ExitMetrics]

    @property
    def accuracy(self) -> float:
        """With early exits, on the validation split, 0 to 1."""
        return self.calibrated.calibration.accuracy

    @property
    def exits(self) -> list[TrainedExit]:
        """The exits that are built, first exit first."""
        real = self.calibrated.calibration.real_thresholds
        return [
            TrainedExit(alone.accuracy, item.leave, item.policy, item.threshold, real.get(str(item.index)),
                        wilson(alone.accuracy, self.metrics.validation_samples))
            for alone, item in zip(self.alone, self.calibrated.exits, strict=True)
        ]

    def tables(self) -> list[Table]:
        """One row an exit."""
        samples = self.metrics.validation_samples
        rows = [(k, item.policy, _threshold(item.real_threshold), share_told(item.accuracy, samples), percent(item.share, 1))
                for k, item in enumerate(self.exits)]
        title = f"trained: {share_told(self.accuracy, self.calibrated.calibration.samples)} of the validation split with exits"
        return [Table(title, ("exit", "policy", "threshold", "accuracy alone (95 % interval)", "leave here"), rows)]


def _threshold(value: float | list[float] | None) -> str:
    return "-" if value is None else f"{value:.4g}" if isinstance(value, float | int) else f"{min(value):.3g} to {max(value):.3g}"


@dataclass(frozen=True, repr=False)
class Compilation(Shown):
    """Compiled RTL: ``sizing.json`` as it is, the folder ``rtl`` with ``filelist.f``, the ``folding`` that was chosen, to be read and
    edited, and the ``verdict``: whether it fits its part and keeps its clock."""

    sizing: SizingFile
    rtl: Path
    folding: Path
    verdict: Verdict

    def tables(self) -> list[Table]:
        """One row a stage, and the estimated cost."""
        rows = [(stage.index, percent(stage.reach, 1), count(stage.target), count(stage.interval), stage.limited_by)
                for stage in self.sizing.stages]
        cost = self.sizing.cost
        return [
            Table("compiled: cycles a frame", ("stage", "reach", "wanted", "measured", "limited by"), rows, _alarm(self.verdict)),
            Table("part and clock", ("", ""), _fit(self.verdict)),
            Table("estimated", ("LUT", "FF", "BRAM18", "DSP"), [(count(cost.lut), count(cost.ff), count(cost.bram18), count(cost.dsp))]),
        ]


def _fit(verdict: Verdict) -> list[tuple[str, str]]:
    return [("part", fit_told(verdict)), ("clock", clock_told(verdict))]


def _alarm(verdict: Verdict) -> str:
    """What is wrong; empty when nothing is."""
    return "" if verdict.buildable else f"cannot be built: {headline(verdict)}"


class Simulation(Shown, Figures):
    """Test images through the RTL, each checked bit for bit against the golden model: ``accuracy``, ``exits`` (``share``, ``accuracy``,
    ``latency_median``), ``cycles_per_sample`` measured at steady state, ``samples_per_second`` at the clock that can be expected
    (``verdict.expected_clock_mhz``: the lower of the one set and the one estimated), and the ``verdict``: whether it fits its part and
    keeps its clock."""

    verdict: Verdict

    def tables(self) -> list[Table]:
        """Figures of the whole, and one row an exit."""
        rows = [(k, percent(item.share, 1), share_told(item.accuracy, round(item.share * self.samples)), count(item.latency_median))
                for k, item in enumerate(self.exits)]
        whole = [
            ("images, equal to the golden model", f"{self.samples:,}, {self.agree:,}"),
            ("accuracy (95 % interval)", share_told(self.accuracy, self.samples)),
            ("cycles per sample, measured", count(self.cycles_per_sample)),
            *_fit(self.verdict), ("samples per second", f"{count(self.samples_per_second)} {at_clock(self.verdict)}"),
            ("limited by", self.limited_by),
        ]
        return [Table("simulated RTL", ("", ""), whole, _alarm(self.verdict)),
                Table("exits", ("exit", "share", "accuracy (95 % interval)", "median latency, cycles"), rows)]


class Resources(Shown, ResourcesFile):
    """What the RTL takes by Yosys, of the part, and the estimated clock: ``total``, ``shares``, ``fits``, ``short``, ``fmax_estimate_mhz``,
    ``units`` one by one."""

    def tables(self) -> list[Table]:
        """One row a resource."""
        rows = [(name, count(getattr(self.total, key)), count(getattr(self.capacity, key)), percent(getattr(self.shares, key), 1))
                for key, name in NAMES.items()]
        verdict = synthesised(ResourcesFile.model_validate(self.to_json()))
        return [Table(f"resources: {headline(verdict)}", ("", "used", "of", "share"), rows, _alarm(verdict))]


@dataclass(frozen=True, repr=False)
class Report(Shown):
    """The report at ``path``; a notebook shows it."""

    path: Path

    def tables(self) -> list[Table]:
        """Where it lies."""
        return [Table("report", ("",), [(str(self.path),)])]

    def _repr_html_(self) -> str:
        content = html.escape(self.path.read_text(encoding="utf-8"), quote=True)
        return f'<iframe srcdoc="{content}" style="width:100%;height:640px;border:1px solid #8884"></iframe>'
