"""What to compare: a sweep file with one table a layout, or configurations as they are; and the networks without exits beside them.

A sweep expands to plain configuration files, so that each layout can be used by itself afterwards. The layouts take their weights from
one training of all exits together.
"""

import copy
import shlex
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import tomli_w
from pydantic import Field

from build_flows.base.errors import ConfigError
from build_flows.base.owned import write_owned
from build_flows.base.toml_file import read_toml_file
from build_flows.compare.own_layouts import as_read
from build_flows.planning.pace import SLOWEST
from build_flows.project.config import Config
from build_flows.project.load import Project, parse
from build_flows.project.load import load as load_config
from build_flows.project.places import NETWORK, moved_places, relative_place
from build_flows.project.section import Section
from build_flows.project.sections import FOLDINGS, BuildSection, CalibrateSection, ExitSection, TargetSection
from build_flows.project.words import checked, toml

__all__ = [
    "LAYER_BITS", "RATE", "RESERVED", "RESOURCES", "SHARED", "Layout", "LayoutExit", "LayoutSection", "Plan", "SweepFile", "plan_configs",
    "plan_layouts", "plan_sweep",
]

SHARED, RATE, RESOURCES = "shared", "baseline-rate", "baseline-resources"
RESERVED = (SHARED, RATE, RESOURCES)
"""Folders of our own beside those of the layouts."""

TARGETS = {"accuracy_loss", "shares", "mean_cost"}
LAYER_BITS = "layers are called otherwise in another layout of exits, so bits by their names cannot be carried over"

COMMENT = "# Written by offramp compare, and written again whenever it runs: change the file it came from instead.\n\n"

FREE = tuple(
    f"{declared.alias or section}.{key}"
    for section, declared in Config.model_fields.items()
    if section not in ("project", "exits")
    for key, found in getattr(declared.annotation, "model_fields", {}).items()
    if not found.is_required()
)
"""The keys of a configuration that can be left out, which ``unset`` may name."""


class LayoutExit(ExitSection):
    """An early exit of a layout."""

    after: int = Field(ge=0, le=1000, description="Block of the backbone after which the exit stands; of a network of your own the exit.")


class LayoutSection(Section):
    """One layout: its early exits (the last exit is always added), and what differs from the base."""

    name: str = Field(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64, description="Name of the layout and of its folder.")
    exits: list[LayoutExit] = Field(default=[], description="The early exits, first exit first. Unset: the network without exits.")
    target: TargetSection = Field(default=TargetSection(), description="Keys of [target] that go before the base's.")
    calibrate: CalibrateSection = Field(default=CalibrateSection(), description="Keys of [calibrate] that go before the base's.")
    build: BuildSection = Field(default=BuildSection(), description="Keys of [build] that go before the base's.")


class SweepFile(Section):
    """The whole sweep file."""

    version: Literal[1] = Field(description="Version of this format.")
    base: str = Field(min_length=1, description="Configuration that every layout starts from, relative to this file.")
    reference: str | None = Field(default=None, description="Layout whose resources the second baseline gets. Unset: the first with exits.")
    shared_training: bool = Field(default=True, description="Train all exits of all layouts once, together; false: each layout by itself.")
    unset: list[str] = Field(default=[], description='Keys of the base that no layout takes over, such as "target.hard_share".')
    target: TargetSection = Field(default=TargetSection(), description="Keys of [target] that go before the base's in all layouts.")
    layouts: list[LayoutSection] = Field(description="The layouts, in the order of the rows.")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """One row's configuration: ``file`` is where it lies, ``text`` what is to be written there (None: the user's own file), ``config`` what
    it says, ``name`` what the row is called."""

    name: str
    file: Path
    text: str | None
    config: Config

    @property
    def early(self) -> int:
        """The number of early exits."""
        return len(self.config.exits) - 1


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What is compared.

    ``layouts`` are in the order of the rows; ``rate`` is the first baseline, one of ``layouts`` where that is the same network at the
    same rate (its :meth:`at_rate` where it :attr:`follows` the reference);
    ``reference`` names the layout whose resources the second baseline gets (None: no layout has an early exit).
    ``trainings`` are run first, since the others take their weights from them. ``output`` is the folder of the results.
    ``weights`` says in words where the weights come from.
    """

    name: str
    source: str
    layouts: tuple[Layout, ...]
    rate: Layout
    reference: str | None
    trainings: tuple[Layout, ...]
    output: Path
    weights: str
    _values: Mapping[str, Any]
    _resources: Path

    @property
    def follows(self) -> bool:
        """Whether the first baseline takes the rate that the reference finds for itself, so that it can be written after that one alone."""
        return self.reference is not None and self.rate.config.target.cycles_per_sample == "auto"

    def at_rate(self, cycles: int) -> Layout:
        """The first baseline, when it is designed for ``cycles`` a sample."""
        return self._without_exits(self.rate.name, self.rate.file, cycles)

    def at_resources(self, cycles: int) -> Layout:
        """The second baseline, when it is designed for ``cycles`` a sample."""
        return self._without_exits(RESOURCES, self._resources, cycles)

    def _without_exits(self, name: str, file: Path, cycles: int) -> Layout:
        values = copy.deepcopy(dict(self._values))
        values["project"] |= {"name": name}
        values.setdefault("target", {})["cycles_per_sample"] = cycles
        return _layout(name, file, values, self.source)

    def write(self, tell: Callable[[str], None]) -> None:
        """Write the configuration of every layout, baseline and training that is not the user's own file; ``tell`` as of :func:`write`."""
        for layout in (*self.trainings, *(() if self.follows else (self.rate,)), *self.layouts):
            write(layout, tell)


def write(layout: Layout, tell: Callable[[str], None]) -> None:
    """Write the configuration of ``layout``, unless it is the user's own file or there already. One that the user has edited is set aside,
    and ``tell`` is given a line about it."""
    if layout.text is not None:
        write_owned(layout.file.parent, "sweep", {layout.file.name: layout.text.encode()}, tell)


def plan_sweep(path: Path, data_dir: Path | None = None) -> Plan:
    """What the sweep file at ``path`` asks for; nothing is written yet.

    Everything goes to ``build/<name of the file>/`` beside it: a folder with ``config.toml`` and all artefacts for each layout and
    baseline, ``shared/`` for the training, and the results. A layout takes every key that it does not give from the base; lists with a
    value for each exit (``train.exit_weights``, ``calibrate.shares``, ``target.hard_share``) are left out where the layout has another
    number of exits. Raises :class:`ConfigError` with one line a fault, each with the file and, where there is one, the layout.
    """
    path = Path(path)
    home = path.resolve().parent
    return plan_layouts(_read(path), str(path), home, home / "build" / path.stem, data_dir)


def plan_layouts(
    sweep: SweepFile, source: str, home: Path, folder: Path, data_dir: Path | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
) -> Plan:
    """What ``sweep`` asks for, whose paths are relative to ``home``; everything goes to ``folder``, and errors name ``source``. Keys of
    ``changes``, table by table, go before the base's. Otherwise as :func:`plan_sweep`."""
    base_file = home / sweep.base
    if not base_file.is_file():
        raise ConfigError(f"{source}: base = {toml(sweep.base)}: there is no file {base_file}")
    base = load_config(base_file, data_dir)
    raw = read_toml_file(base_file)
    for section, table in {**(changes or {}), "target": sweep.target.model_dump(exclude_unset=True)}.items():
        raw[section] = raw.get(section, {}) | table
    own = base.config.model.own
    if own and not sweep.shared_training:
        raise ConfigError(
            f"{source}: shared_training = false: a network of your own is trained, or taken, with all its exits; allowed: true"
        )
    if "build.mode" not in sweep.unset:
        _refuse_subnet(base.config, base_file)
    if base.config.model.layer_bits and "model.layer_bits" not in sweep.unset:
        raise ConfigError(f"{source}: base = {toml(sweep.base)}: {LAYER_BITS}; allowed: unset = [\"model.layer_bits\"]")
    shared = sweep.shared_training and base.checkpoint is None
    origin = _Origin(raw, base_file.parent, tuple(sweep.unset), *_made(folder / SHARED, own, shared))

    layouts, faults = [], []
    for item in sweep.layouts:
        exits = [found.model_dump(exclude_unset=True) for found in item.exits]
        keys = {key: getattr(item, key).model_dump(exclude_unset=True) for key in ("target", "calibrate", "build")}
        file = folder / item.name / "config.toml"
        values = _derived(origin, file.parent, item.name, exits, keys, home)
        try:
            layouts.append(_layout(item.name, file, values, f"{source}: layout {item.name}"))
        except ConfigError as error:
            faults.append(error.message)
    if faults:
        raise ConfigError("\n".join(faults))
    values = _without_exits(origin, folder / RATE)
    alone = _layout(RATE, folder / RATE / "config.toml", values, source)
    reference = sweep.reference or next((layout.name for layout in layouts if layout.early), None)
    return Plan(
        name=folder.name, source=source, layouts=tuple(layouts), rate=_same(alone, layouts), reference=reference,
        trainings=(_training(origin, folder / SHARED, _all_exits(base, layouts), source),) if shared else (), output=folder,
        weights=_weights(sweep, base), _values=values, _resources=folder / RESOURCES / "config.toml",
    )


def plan_configs(paths: Sequence[Path], data_dir: Path | None = None) -> Plan:
    """What comparing the configurations at ``paths`` means: each is a row as it is, and the baselines are the first one's network without
    exits, with the weights that the first one was trained to.

    Baselines lie beside the first one's output folder, the results in ``<name>_compare`` there. Raises :class:`ConfigError`, also for two
    configurations of the same name or with the same output folder.
    """
    twice = [path for path, count in Counter(path.resolve() for path in paths).items() if count > 1]
    if twice:
        raise ConfigError(f"{twice[0]} is given twice; allowed: each configuration once")
    projects = [load_config(path, data_dir) for path in paths]
    for project in projects:
        _refuse_subnet(project.config, project.file)
    for what, found in (("name", [item.name for item in projects]), ("output folder", [str(item.output) for item in projects])):
        double = [value for value, count in Counter(found).items() if count > 1]
        if double:
            files = ", ".join(str(path) for path, value in zip(paths, found, strict=True) if value == double[0])
            raise ConfigError(f"{files}: the {what} must differ, not {double[0]}", hint="change project.name or project.output")
    layouts = [Layout(name=item.name, file=item.file, text=None, config=item.config) for item in projects]
    taken = [layout.name for layout in layouts if layout.name in RESERVED]
    if taken:
        raise ConfigError(f"{layouts[0].file}: no row may be called {taken[0]}, which is a baseline's name; change project.name")
    first = projects[0]
    if first.config.model.layer_bits:
        raise ConfigError(f"{first.file}: model.layer_bits = {toml(first.config.model.layer_bits)}: {LAYER_BITS}; allowed: unset")
    raw = read_toml_file(first.file)
    origin = _Origin(raw, first.file.parent, (), *_made(first.output, first.config.model.own))
    beside = first.output.parent
    values = _without_exits(origin, beside / f"{first.name}_{RATE}")
    source = str(paths[0])
    alone = _layout(RATE, beside / f"{first.name}_{RATE}" / "config.toml", values, source)
    return Plan(
        name=first.name, source=source, layouts=tuple(layouts), rate=_same(alone, layouts),
        reference=next((layout.name for layout in layouts if layout.early), None), trainings=(layouts[0],),
        output=beside / f"{first.name}_compare", _values=values,
        weights=f"Every configuration has the weights of its own training; a baseline made for this comparison has those of {first.name}.",
        _resources=beside / f"{first.name}_{RESOURCES}" / "config.toml",
    )


@dataclass(frozen=True)
class _Origin:
    """Where configurations come from: the base as read, its folder, the keys not to take over, and the checkpoint to take (None: train), or
    the network of the user's own that was read."""

    raw: Mapping[str, Any]
    home: Path
    unset: tuple[str, ...]
    weights: Path | None
    network: Path | None = None


def _made(folder: Path, own: bool, there: bool = True) -> tuple[Path | None, Path | None]:
    """What a training in ``folder`` (``there``: if there is one) leaves to take: a checkpoint, or a network of the user's ``own``."""
    return (None, folder / NETWORK) if own else (folder / "checkpoint.safetensors" if there else None, None)


def _refuse_subnet(found: Config, source: object) -> None:
    if found.subnet is not None:
        raise ConfigError(f'{source}: build.mode = "subnet": layouts are compared with all their exits; allowed: "all"')


def _weights(sweep: SweepFile, base: Project) -> str:
    if base.checkpoint is not None:
        return "All layouts and baselines take their weights from the checkpoint that the base names."
    if base.config.model.own:
        return "All layouts and baselines are one network with some of its exits left out, as it was read once with all of them."
    if sweep.shared_training:
        return "All layouts and baselines take their weights from one training of all their exits together."
    return "Every layout, and the network without exits, is trained by itself."


def _read(path: Path) -> SweepFile:
    if not path.exists():
        raise ConfigError(f"{path}: no such file", hint="docs/compare.md says what a sweep file holds")
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a sweep file")
    raw = read_toml_file(path)
    if "project" in raw and not raw.keys() & {"base", "layouts"}:
        raise ConfigError(
            f"{path} is a configuration, not a sweep file (base, and a table [[layouts]] for each layout)",
            hint=f"offramp compare {shlex.quote(str(path))} ... compares configurations as they are; docs/compare.md says what a sweep "
            "file holds",
        )
    return checked(SweepFile, raw, str(path), _impossible)


def _impossible(sweep: SweepFile) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of every fault that no single field shows."""
    names = [layout.name for layout in sweep.layouts]
    if not names:
        yield "layouts", [], "nothing to compare; allowed: one [[layouts]] table or more"
    for index, name in enumerate(names):
        # Case is not told apart by every file system.
        earlier = [other.lower() for other in names[:index]]
        if name.lower() in earlier:
            other = f"layouts[{earlier.index(name.lower())}] has that name"
            yield f"layouts[{index}].name", name, f"{other}; allowed: one that differs in more than case"
        if name.lower() in RESERVED:
            yield f"layouts[{index}].name", name, f"folders of that name are made here; allowed: anything but {', '.join(RESERVED)}"
    early = [layout.name for layout in sweep.layouts if layout.exits]
    if sweep.reference is not None and sweep.reference not in early:
        what = "it has no early exit" if sweep.reference in names else "there is no such layout"
        yield "reference", sweep.reference, f"{what}; allowed: {', '.join(early) or 'unset'}"
    for index, key in enumerate(sweep.unset):
        if key not in FREE:
            yield f"unset[{index}]", key, f"allowed: keys that a configuration can do without: {', '.join(FREE)}"


def _layout(name: str, file: Path, values: Mapping[str, Any], source: str) -> Layout:
    text = COMMENT + tomli_w.dumps(values)
    found = parse(text, source)
    _refuse_subnet(found, source)
    return Layout(name=name, file=file, text=text, config=found)


def _same(alone: Layout, layouts: Sequence[Layout]) -> Layout:
    """The layout that is ``alone`` already, else ``alone``: training and calibration do not matter without early exits. One that finds
    its own rate is not at that of the others."""
    if alone.config.target.cycles_per_sample == "auto" and any(layout.early for layout in layouts):
        return alone

    def built(item: Layout) -> dict[str, Any]:
        # The path of the data is told from another folder; the same name is the same data.
        apart = {"target": {"hard_share"}, "data": {"path"}}
        return item.config.model_dump(include={"data", "model", "target", "build", "simulate"}, exclude=apart)

    return next((layout for layout in layouts if layout.early == 0 and built(layout) == built(alone)), alone)


def _all_exits(base: Project, layouts: Sequence[Layout]) -> list[dict[str, Any]]:
    """The early exits that are trained: every one of every ``layout``; or those of the ``base``, whose network is the user's own."""
    if base.config.model.own:
        return [{"policy": "max_logit", **({} if item.after is None else {"after": item.after})} for item in base.config.exits[:-1]]
    places = sorted({place for layout in layouts for place in layout.config.layout})
    return [{"after": after, "head": head, "policy": "max_logit"} for after, head in places]


def _training(origin: _Origin, folder: Path, exits: Sequence[Mapping[str, Any]], source: str) -> Layout:
    """The training of all early ``exits`` with the last one; where the thresholds lie does not matter here."""
    unset = (*origin.unset, "calibrate.shares", "target.hard_share")
    values = _derived(_Origin(origin.raw, origin.home, unset, None), folder, SHARED, exits, {}, folder)
    # It is never built, so no pace is too fast for it, and a folding.toml of the base is for other layers.
    values.setdefault("target", {})["cycles_per_sample"] = SLOWEST
    values.get("build", {}).pop("folding", None)
    kept = {key: item for key, item in values.get("calibrate", {}).items() if key not in TARGETS}
    values["calibrate"] = {**kept, "shares": [0.0] * len(exits)}
    return _layout(SHARED, folder / "config.toml", values, source)


def _without_exits(origin: _Origin, folder: Path) -> dict[str, Any]:
    """The base without exits. A folding.toml of the base is for other layers: the folding is searched for."""
    values = _derived(origin, folder, RATE, [], {}, folder)
    if values.get("build", {}).get("folding", FOLDINGS[0]) not in FOLDINGS:
        del values["build"]["folding"]
    return values


def _derived(
    origin: _Origin, folder: Path, name: str, exits: Sequence[Mapping[str, Any]], own: Mapping[str, Mapping[str, Any]], own_home: Path
) -> dict[str, Any]:
    """The base's values with ``exits`` and, table by table, with ``own`` keys before the base's; for a file that lies in ``folder``."""
    values = moved_places(copy.deepcopy(dict(origin.raw)), origin.home, folder)
    values["project"] = {"name": name, "output": "."}
    for key in origin.unset:
        section, _, field = key.partition(".")
        values.get(section, {}).pop(field, None)
    for section, field, count in (
        ("train", "exit_weights", len(exits) + 1), ("calibrate", "shares", len(exits)), ("target", "hard_share", len(exits)),
    ):
        found = values.get(section, {}).get(field)
        if isinstance(found, list) and len(found) != count:
            values.get(section, {}).pop(field, None)
    # Numbers of the base's own exits say nothing here.
    values.get("exits_only", {}).pop("exits", None)
    moved = moved_places({section: dict(table) for section, table in own.items() if table}, own_home, folder)
    if TARGETS & moved.get("calibrate", {}).keys():
        values["calibrate"] = {key: item for key, item in values.get("calibrate", {}).items() if key not in TARGETS}
    for section, table in moved.items():
        values[section] = values.get(section, {}) | table
    if "calibrate" in values and not TARGETS & values["calibrate"].keys():
        values["calibrate"]["accuracy_loss"] = Config.model_fields["calibrate"].default.accuracy_loss
    if origin.network is not None:
        as_read(values, origin.network, folder)
    if origin.weights is not None:
        values.setdefault("train", {})["checkpoint"] = relative_place(origin.weights, folder)
    values["exits"] = [*({**item} for item in exits), {"policy": "always"}]
    return values
