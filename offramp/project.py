"""A project: one configuration, its output folder, and the steps between."""

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import tomli_w

from build_flows.base.errors import ConfigError
from build_flows.base.owned import write_owned
from build_flows.base.toml_file import read_toml_file
from build_flows.base.ui import Ui
from build_flows.project.config import Config
from build_flows.project.load import load as load_config
from build_flows.project.load import parse, resolved
from build_flows.project.places import moved_places
from build_flows.project.template import template
from build_flows.steps.flow import Flow, open_flow
from build_flows.steps.simulate_options import Options
from hw.exits.exit_path import exit_decision
from hw.netlist import load as load_netlist
from offramp.notebook import chosen_ui
from offramp.results import Compilation, Report, Resources, Simulation, Training
from quant_models.errors import QuantModelError
from quant_models.exits.policies import Head, integer_threshold
from quant_models.exits.records import ExitsFile
from quant_models.networks.presets import PRESETS

__all__ = ["Project", "load"]

_TARGETS = ("accuracy_loss", "shares", "mean_cost")
"""Keys of [calibrate] of which one is given: a new one takes the place of another."""
_FILES = {".npz": "npz", ".tar": "folder", ".xz": "folder", ".gz": "folder"}

Tables = Mapping[str, Any]


def load(path: str | Path, *, data: str | Path | None = None, ui: Ui | str | None = "auto") -> "Project":
    """The project that the TOML file at ``path`` describes; ``data`` (a file or folder) goes before its ``data.path``.

    ``ui`` tells how far steps are: ``"auto"`` draws bars in a notebook and on a terminal, None is quiet. Raises :class:`ConfigError` with
    one line a fault.
    """
    file = Path(path)
    found = load_config(file, None if data is None else Path(data))
    values = read_toml_file(file)
    if data is not None:
        values.setdefault("data", {})["path"] = str(Path(data).resolve())
    return Project._of(values, found.file, ui, written=True)


class Project:
    """A network with early exits, from training to RTL: the same steps as the command line, run when they are needed.

    Put together here it begins with what ``offramp init --preset`` writes. ``exits`` are one table for each exit, the last one included,
    or names of policies; other keyword arguments are tables of the configuration, key by key (``target={"cycles_per_sample": 104}``).

    Parameters
    ----------
    preset : the network: digits, b_lenet, triple_wins, b_alexnet, har, resnet8, tfc, mobilenet_tiny, cnv or msdnet_tiny
    data : the data set, by name (``"digits"``, ``"fashion-mnist"``), as a file or folder, or as a table (``{"name": ..., "path": ...}``);
        None: that of the preset's template
    exits : the exits; None: those of the preset's template
    name : the project's name; None: the preset's
    output : the output folder; None: ``build/<name>`` in the current folder
    ui : how progress is told: ``"auto"``, None (quiet) or a :class:`Ui`

    Raises :class:`ConfigError` with one line a fault.

    Attributes
    ----------
    name, folder, file : the project's name, its output folder, its TOML file
    config : the whole configuration, typed
    """

    def __init__(
        self, preset: str = "digits", *, data: str | Path | Tables | None = None, exits: Sequence[str | Tables] | None = None,
        name: str | None = None, output: str | Path | None = None, ui: Ui | str | None = "auto", **tables: Tables,
    ) -> None:
        if preset not in PRESETS:
            raise ConfigError(f'preset = "{preset}": allowed: {", ".join(PRESETS)}')
        values = tomllib.loads(template(preset, name=name))
        changes: dict[str, Any] = dict(tables)
        if data is not None:
            changes["data"] = _data_table(data)
            values["data"] = {}
        if exits is not None:
            changes["exits"] = exits
            # What the template plans its own exits for says nothing of others.
            values["target"].pop("hard_share", None)
        values = _merged(values, changes)
        folder = Path.cwd() / (output or Path("build", values["project"]["name"]))
        self._begin(_told_from(values, Path.cwd(), folder), folder / "config.toml", ui, written=False)

    @classmethod
    def _of(cls, values: dict[str, Any], file: Path, ui: Ui | str | None, *, written: bool, reuse: Sequence[Path] = ()) -> "Project":
        made = cls.__new__(cls)
        made._begin(values, file, ui, written=written, reuse=reuse)
        return made

    def _begin(self, values: dict[str, Any], file: Path, ui: Ui | str | None, *, written: bool, reuse: Sequence[Path] = ()) -> None:
        self._values = values
        self._project = resolved(parse(tomli_w.dumps(values), str(file)), file)
        self._asked, self._ui = ui, chosen_ui(ui)
        self._written = written
        self._reuse = tuple(reuse)

    @property
    def name(self) -> str:
        """The project's name."""
        return self._project.name

    @property
    def folder(self) -> Path:
        """The output folder."""
        return self._project.output

    @property
    def file(self) -> Path:
        """The TOML file; that of a project which was put together here, or by :meth:`replace`, is written when a step runs."""
        return self._project.file

    @property
    def config(self) -> Config:
        """The whole configuration, typed."""
        return self._project.config

    def __repr__(self) -> str:
        return f"<offramp.Project {self.name} in {self.folder}>"

    def replace(self, *, exits: Sequence[str | Tables] | None = None, **tables: Tables) -> "Project":
        """The project with other values: tables merge key by key (None removes a key), ``exits`` replaces all exits.

        Its output folder is its own, ``<name>-<hash>`` beside this one's, with its configuration as ``config.toml``. Steps that are the
        same are not done again: their outputs are taken from this project's folder and those of its other variants. Raises
        :class:`ConfigError`.
        """
        changes: dict[str, Any] = dict(tables) | ({} if exits is None else {"exits": exits})
        values = _merged(self._values, changes)
        if values == self._values:
            return self
        origin = self._reuse[0] if self._reuse else self.folder
        # The same values make the same folder, whichever variant they were reached from.
        digest = hashlib.sha256(json.dumps(_told_from(values, self.file.parent, origin), sort_keys=True).encode()).hexdigest()[:8]
        folder = origin.parent / f"{self.name}-{digest}"
        moved = _told_from(values, self.file.parent, folder)
        return Project._of(moved, folder / "config.toml", self._asked, written=False, reuse=(origin,))

    def train(self) -> Training:
        """Train the network and calibrate its thresholds."""
        with self._steps() as flow:
            found = flow.train()
        return Training(found.metrics, found.exits, found.alone)

    def compile(self) -> Compilation:
        """All up to RTL, and the agreement of Brevitas, FINN and the golden model."""
        with self._steps() as flow:
            found = flow.compile()
            verdict = flow.verdict()
        return Compilation(found.sizing, self.folder / "rtl", self.folder / "folding.toml", verdict)

    def simulate(
        self, samples: int | None = None, *, stall: float | None = None, seed: int | None = None,
        thresholds: Mapping[int, float] | None = None, waves: str | Path | None = None,
    ) -> Simulation:
        """Run test images through the RTL, cycle by cycle, each result checked against the golden model.

        ``samples``: how many; ``stall``: the probability, 0 to below 1, that input or output sits out a cycle; ``seed`` of that. None: as
        configured. ``thresholds``: by exit, in the policy's own unit, written to the accelerator's registers first, as a driver would.
        ``waves``: a file that ends in .fst. Raises ``sim.errors.AgreementError`` for the first result that differs, :class:`ConfigError`
        for a threshold that its exit cannot have.
        """
        own = self.config.simulate
        with self._steps() as flow:
            flow.compile()
            moved = {k: self._integer(k, value) for k, value in (thresholds or {}).items()}
            found = flow.simulate(Options(
                samples=own.samples if samples is None else samples, stall=own.stall if stall is None else stall,
                seed=own.seed if seed is None else seed, thresholds=moved, waves=None if waves is None else Path(waves),
            ))
            verdict = flow.verdict()
        rate = verdict.rate(found.cycles_per_sample)
        return Simulation.model_validate({**found.to_json(), "samples_per_second": rate, "verdict": verdict})

    def synthesise(self, *, part: str | None = None, full: bool = False) -> Resources:
        """Synthesise the RTL with Yosys: what it takes of ``part`` (a part or board; None: that of the configured board), and how fast it
        may be clocked, estimated. ``full``: the complete top as well."""
        with self._steps() as flow:
            found = flow.synth(part, full)
        return Resources.model_validate(found.to_json())

    def report(self) -> Report:
        """All steps up to ``report.html``, which a notebook shows."""
        with self._steps() as flow:
            return Report(flow.report())

    @contextmanager
    def _steps(self) -> Iterator[Flow]:
        """The project's steps, its folder locked; :class:`build_flows.base.errors.Busy` when somebody else works in it."""
        variants = sorted(self.folder.parent.glob(f"{self.name}-????????")) if self._reuse else []
        reuse = [*self._reuse, *(folder for folder in variants if folder != self.folder)]
        with open_flow(self._project, self._ui, reuse) as flow:
            if not self._written:
                write_owned(self.file.parent, "door", {self.file.name: tomli_w.dumps(self._values).encode()}, flow.ui.info)
                self._written = True
            yield flow

    def _integer(self, index: int, real: float) -> int:
        """The integer that the register of exit ``index`` takes for the threshold ``real``."""
        exits = ExitsFile.load(self.folder / "exits.json").exits
        if not 0 <= index < len(exits) - 1:
            raise ConfigError(f"thresholds: exit {index} has none; allowed: 0 to {len(exits) - 2}")
        item = exits[index]
        if item.policy == "class_threshold":
            raise ConfigError(f"thresholds: exit {index} has one for each class; allowed: exits of other policies")
        if item.policy in ("always", "never"):
            told = f"exit {index} has policy {item.policy}, which compares nothing"
            raise ConfigError(f"thresholds: {told}; allowed: exits of other policies")
        unit = exit_decision(load_netlist((self.folder / "netlist.json").read_text(encoding="utf-8")), index)
        head = Head(
            classes=unit.classes, scale=item.scale, logit_bits=unit.logit_bits, gate_scale=item.gate_scale,
            gate_bits=item.params.get("gate_bits", 16), temperature=item.temperature,
        )
        try:
            return integer_threshold(item.policy, real, head, item.params)
        except QuantModelError as error:
            raise ConfigError(f"thresholds: exit {index}: {error}") from None


def _told_from(values: Tables, home: Path, folder: Path) -> dict[str, Any]:
    """``values``, whose places are relative to ``home``, for a configuration in ``folder``, which is its output folder."""
    project = {key: item for key, item in values["project"].items() if key != "output"}
    moved = moved_places({**values, "project": project}, home, folder)
    moved["project"]["output"] = "."
    return moved


def _data_table(data: str | Path | Tables) -> dict[str, Any]:
    if isinstance(data, Mapping):
        return dict(data)
    if isinstance(data, str) and data in ("digits", "fashion-mnist"):
        return {"name": data}
    path = Path(data).expanduser()
    if not path.exists():
        raise ConfigError(f'data = "{data}": there is no such file or folder; allowed: digits, fashion-mnist, a file or folder, or a table')
    return {"name": "folder" if path.is_dir() else _FILES.get(path.suffix, "npz"), "path": str(path.resolve())}


def _merged(values: Tables, changes: Tables) -> dict[str, Any]:
    """``values`` with the tables of ``changes`` merged in, key by key; ``exits`` takes the place of all."""
    found: dict[str, Any] = {table: dict(keys) if isinstance(keys, Mapping) else list(keys) for table, keys in values.items()}
    for table, keys in changes.items():
        if table == "exits":
            found["exits"] = [{"policy": item} if isinstance(item, str) else dict(item) for item in keys]
            continue
        if not isinstance(keys, Mapping):
            raise ConfigError(f"{table} = {keys!r}: allowed: a table of its keys, as {{'key': value}}")
        merged = found.get(table, {})
        if table == "calibrate" and any(keys.get(key) is not None for key in _TARGETS):
            merged = {key: item for key, item in merged.items() if key not in _TARGETS}
        merged = {**merged, **keys}
        found[table] = {key: _plain(item) for key, item in merged.items() if item is not None}
    return found


def _plain(value: Any) -> Any:
    """``value`` as TOML holds it."""
    if isinstance(value, Path):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
