"""A project: its configuration, read from one TOML file and checked, and the places that it speaks of."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import ConfigError
from build_flows.base.parts import BOARDS, PARTS
from build_flows.base.toml_file import parse_toml, read_text, read_toml_file
from build_flows.project.checks import impossible
from build_flows.project.config import Config
from build_flows.project.places import UNFILLED, told_place, written_there
from build_flows.project.sections import FOLDINGS, PATHS
from build_flows.project.words import checked, toml

__all__ = ["Project", "load", "parse", "resolved"]


@dataclass(frozen=True)
class Project:
    """A loaded configuration ``config`` and the places it speaks of, as absolute paths.

    ``file`` is the TOML file; ``output`` the folder of the artefacts; ``data`` the file or folder of the data set (None: the
    default place); ``folding`` the user's folding.toml (None: found as ``build.folding`` says); ``checkpoint`` where the weights come from
    (None: training), ``start`` the checkpoint that training begins with (None: new weights), ``samples`` the file of samples of the
    scheme's own (None: it has none), ``weights`` the float network's that scheme import takes (None: another scheme). ``qonnx`` is the
    user's own network, ``own_weights`` those for what their factory returns (None: there is none).
    """

    config: Config
    file: Path
    output: Path
    data: Path | None
    folding: Path | None
    checkpoint: Path | None = None
    start: Path | None = None
    samples: Path | None = None
    weights: Path | None = None
    qonnx: Path | None = None
    own_weights: Path | None = None

    @property
    def name(self) -> str:
        """The project's name."""
        return self.config.project.name

    @property
    def modules(self) -> Path:
        """The folder that the factory's modules are looked for in."""
        base = self.file.parent
        modules = self.config.model.modules
        return told_place(base, modules, f"{self.file}: {self.named('model.modules')}") if modules else base

    def named(self, key: str) -> str:
        """The ``key`` (``"train.checkpoint"``) with its value, as the file has it."""
        section, _, name = key.partition(".")
        table = next(attribute for attribute, declared in Config.model_fields.items() if (declared.alias or attribute) == section)
        return f"{key} = {toml(getattr(getattr(self.config, table), name))}"

    @property
    def dataset(self) -> tuple[str, Path | None]:
        """Name and folder of the data set, as ``quant_models.datasets.load.load`` takes them."""
        name = self.config.data.name
        return (str(self.data), None) if name == "npz" else (name.replace("-", "_"), self.data)

    def refuse_shared_places(self) -> None:
        """Raise :class:`ConfigError` when two exits are to be built that stand after the same block, which can be trained but not built."""
        places = [after for after, _ in self.config.layout] if self.config.subnet is None else []
        for index, after in enumerate(places[1:], start=1):
            if after == places[index - 1]:
                raise ConfigError(
                    f"{self.file}: exits[{index}].after = {after}: two exits after block {after} can be trained together, but not "
                    "compiled; allowed: one of them, its weights from what was trained (train.checkpoint)"
                )

    def refuse_unplanned(self) -> None:
        """Raise :class:`ConfigError` when heads are exchangeable, but what the stages are planned for is left to calibration."""
        config = self.config
        if config.exchangeable and len(config.built) > 1 and config.hard_share is None:
            told = "build.exchangeable_heads = true"
            if not config.build.exchangeable_heads:
                told = 'train.scheme = "personal": heads are exchangeable then'
            raise ConfigError(
                f"{self.file}: {told}: stages cannot be planned for what calibration finds of these heads; allowed: target.hard_share or "
                "calibrate.shares set, or build.exchangeable_heads = false"
            )


def load(path: Path, data_dir: Path | None = None) -> Project:
    """Read and check the configuration at ``path``; ``data_dir`` (the command line's ``--data``) goes before ``data.path``.

    Raises :class:`ConfigError` with one line per fault.
    """
    path = Path(path)
    if path.is_dir():
        raise ConfigError(f"{path} is a folder, not a config file", hint=f"did you mean {path / 'config.toml'}?")
    if not path.exists():
        raise ConfigError(f"{path}: no such file", hint="`offramp init DIR` writes one to start from")
    return resolved(parse(read_text(path), str(path)), path, data_dir)


def resolved(config: Config, path: Path, data_dir: Path | None = None) -> Project:
    """The project of a checked ``config`` whose file is, or is to be, ``path``; otherwise as :func:`load`."""
    base = path.resolve().parent
    data = None
    told = f"--data = {toml(str(data_dir))}" if data_dir is not None else f"data.path = {toml(config.data.path)}"
    if data_dir is not None:
        data = told_place(Path.cwd(), str(data_dir), f"{path}: {told}").resolve()
    elif config.data.path:
        data = told_place(base, config.data.path, f"{path}: {told}")
    if data is not None:
        _check_data(config, path, data, told)
    way = config.build.folding
    folding = None if way in FOLDINGS else told_place(base, way, f"{path}: build.folding = {toml(way)}")
    if folding is not None and not folding.is_file():
        allowed = " or ".join(f'"{name}"' for name in FOLDINGS)
        raise ConfigError(f'{path}: build.folding = "{config.build.folding}": {_lacking(folding)}; allowed: {allowed}, or a file')
    config = _on_board(config, path, base)
    train = config.train
    own = {"consistent": config.consistent.samples, "personal": config.personal.samples}.get(train.scheme)
    # What a training would begin with is not needed where there is none.
    start, own = (None, None) if train.checkpoint else (train.start, own)
    imports = train.scheme == "import" or config.import_.factory is not None
    weights = config.import_.weights if imports and not train.checkpoint else None
    given = {
        "train.checkpoint": train.checkpoint, "train.start": start, f"{train.scheme}.samples": own, "import.weights": weights,
        "model.qonnx": config.model.qonnx, "model.weights": config.model.weights,
    }
    files = {key: _file(path, base, key, place or None) for key, place in given.items()}
    modules = config.model.modules
    if modules is not None:
        told_modules = f"{path}: model.modules = {toml(modules)}"
        if not (place := told_place(base, modules, told_modules)).is_dir():
            raise ConfigError(f"{told_modules}: there is no folder {place}")
    output = _output(config, path, base)
    if data is not None and output.parent.is_relative_to(data.resolve()):
        # What is written there would be other data for the next run.
        raise ConfigError(f"{path}: {told}: holds {output.parent}, where the project writes; allowed: a folder of the data alone")
    named = [("the configuration itself", path.resolve()), (told, data), (f"build.folding = {toml(config.build.folding)}", folding)]
    for told, named_file in [*named, *((f"{key} = {toml(given[key])}", file) for key, file in files.items())]:
        artefact = written_there(named_file, output) if named_file is not None else None
        if artefact is not None:
            raise ConfigError(
                f"{path}: {told}: {output / artefact} is what the project itself writes; allowed: a copy of it outside the output folder"
            )
    return Project(config, path.resolve(), output, data, folding, *files.values())


def _check_data(config: Config, path: Path, data: Path, told: str) -> None:
    if not data.exists() and data.name == UNFILLED:
        raise ConfigError(f"{path}: {told}: is where your images are to be named; allowed: an .npz file with x_train, y_train, x_test and "
                          "y_test (the comment above the key says of what shape), or another data.name and its path")
    if not data.exists():
        raise ConfigError(f"{path}: {told}: there is no {data}")
    if not (data.is_dir() or data.is_file()):
        raise ConfigError(f"{path}: {told}: must be a file or a folder, not a pipe or a device")
    if config.data.name == "digits":
        raise ConfigError(f"{path}: {told}: data set digits ships with scikit-learn; allowed: unset, or another data.name")
    places = PATHS | {"fashion-mnist": ("the folder of its IDX files", ("folder",))}
    if config.data.name in places:
        words, kinds = places[config.data.name]
        kind = "folder" if data.is_dir() else "file"
        if kind not in kinds:
            raise ConfigError(f"{path}: {told}: must be {words}, not a {kind}")


def _output(config: Config, path: Path, base: Path) -> Path:
    """The output folder, which need not be there yet."""
    given = config.project.output
    told = f"{path}: project.output = {toml(given)}"
    output = told_place(base, given or str(Path("build", config.project.name)), told).resolve()
    if output == output.parent:
        raise ConfigError(f"{told}: must be a folder of its own, not {output}")
    there = next(folder for folder in (output, *output.parents) if folder.exists())
    if not there.is_dir():
        raise ConfigError(f"{told}: must be a folder, but {there} is a file")
    return output


def _on_board(config: Config, path: Path, base: Path) -> Config:
    """``config`` with the part of its board, where that is a file."""
    board = config.target.board
    if board in BOARDS:
        return config
    file = _file(path, base, "target.board", board)
    assert file is not None
    part = read_toml_file(file).get("part")
    if not isinstance(part, str) or part not in PARTS:
        told = "part is missing" if part is None else f"part = {toml(part)}"
        raise ConfigError(f"{path}: target.board = {toml(board)}: {file}: {told}; allowed: {', '.join(sorted(PARTS))}")
    return config.model_copy(update={"target": config.target.on(part)})


def _file(path: Path, base: Path, key: str, place: str | None) -> Path | None:
    """The file that ``key`` names, relative to the folder ``base``; raises :class:`ConfigError` when there is none."""
    if place is None:
        return None
    found = told_place(base, place, f"{path}: {key} = {toml(place)}")
    if not found.is_file():
        raise ConfigError(f"{path}: {key} = {toml(place)}: {_lacking(found)}")
    return found


def _lacking(place: Path) -> str:
    return f"{place} is no plain file; allowed: a file" if place.exists() else f"there is no file {place}"


def parse(text: str, name: str = "config.toml") -> Config:
    """Check configuration ``text``; ``name`` is what messages call it. Raises :class:`ConfigError` with one line per fault."""
    raw = parse_toml(text, name)
    if "layouts" in raw and "project" not in raw:
        raise ConfigError(
            f"{name} is a sweep file, not a configuration", hint=f"offramp compare --sweep {shlex.quote(name)} compares its layouts"
        )
    if "project" not in raw and any(isinstance(table, dict) and {"pe", "pixels", "body"} & set(table) for table in raw.values()):
        raise ConfigError(f"{name} is a folding of layers, not a configuration", hint="a configuration names it as build.folding")
    return checked(Config, raw, name, impossible)
