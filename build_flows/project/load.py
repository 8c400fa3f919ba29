"""A project: its configuration, read from one TOML file and checked, and the places that it speaks of."""

import tomllib
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import ConfigError
from build_flows.project.checks import impossible
from build_flows.project.config import Config
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
        return _told(base, self.config.model.modules) if self.config.model.modules else base

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

    def refuse_for_board(self) -> None:
        """Raise :class:`ConfigError` when the board's driver could not use what would be built."""
        if self.config.build.mode == "anytime":
            raise ConfigError(
                f'{self.file}: build.mode = "anytime": the board\'s driver takes one result an image, not one of every exit; '
                'allowed: "all", "subnet", "budgeted"'
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
    try:
        text = path.read_bytes().decode("utf-8")
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file", hint="`offramp init DIR` writes one to start from") from None
    except IsADirectoryError:
        raise ConfigError(f"{path} is a folder, not a config file", hint=f"did you mean {path / 'config.toml'}?") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 text ({error.reason} at byte {error.start})") from None
    return resolved(parse(text, str(path)), path, data_dir)


def resolved(config: Config, path: Path, data_dir: Path | None = None) -> Project:
    """The project of a checked ``config`` whose file is, or is to be, ``path``; otherwise as :func:`load`."""
    base = path.resolve().parent
    data = Path(data_dir).resolve() if data_dir is not None else _told(base, config.data.path) if config.data.path else None
    if data is not None and not data.exists():
        source = "--data" if data_dir is not None else "data.path"
        raise ConfigError(f"{path}: {source} = {str(data_dir or config.data.path)!r}: there is no {data}")
    if config.data.name in PATHS and data is not None:
        words, kinds = PATHS[config.data.name]
        kind = "folder" if data.is_dir() else "file"
        if kind not in kinds:
            raise ConfigError(f"{path}: data.path = {str(data_dir or config.data.path)!r}: must be {words}, not a {kind}")
    folding = None if config.build.folding in FOLDINGS else _told(base, config.build.folding)
    if folding is not None and not folding.is_file():
        allowed = " or ".join(f'"{name}"' for name in FOLDINGS)
        raise ConfigError(f'{path}: build.folding = "{config.build.folding}": there is no {folding}; allowed: {allowed}, or a file')
    train = config.train
    own = {"consistent": config.consistent.samples, "personal": config.personal.samples}.get(train.scheme)
    files: dict[str, Path | None] = {}
    # What a training would begin with is not needed where there is none.
    start, own = (None, None) if train.checkpoint else (train.start, own)
    weights = config.import_.weights if train.scheme == "import" and not train.checkpoint else None
    for key, place in (
        ("train.checkpoint", train.checkpoint), ("train.start", start), (f"{train.scheme}.samples", own), ("import.weights", weights),
    ):
        files[key] = _file(path, base, key, place or None)
    qonnx, own_weights = (_file(path, base, f"model.{key}", getattr(config.model, key)) for key in ("qonnx", "weights"))
    modules = config.model.modules
    if modules is not None and not _told(base, modules).is_dir():
        raise ConfigError(f"{path}: model.modules = {toml(modules)}: there is no folder {_told(base, modules)}")
    output = base / (config.project.output or Path("build", config.project.name))
    places = (*files.values(), qonnx, own_weights)
    return Project(config, path.resolve(), output.resolve(), data, folding, *places)


def _file(path: Path, base: Path, key: str, place: str | None) -> Path | None:
    """The file that ``key`` names, relative to the folder ``base``; raises :class:`ConfigError` when there is none."""
    if place is None:
        return None
    found = _told(base, place)
    if not found.is_file():
        raise ConfigError(f"{path}: {key} = {toml(place)}: there is no file {found}")
    return found


def _told(base: Path, place: str) -> Path:
    """``place`` as it is told from the folder ``base``, which need not be there yet. What it names itself may be a link, and stays one."""
    path = base / place
    return path.resolve() if path.name == ".." else path.parent.resolve() / path.name


def parse(text: str, name: str = "config.toml") -> Config:
    """Check configuration ``text``; ``name`` is what messages call it. Raises :class:`ConfigError` with one line per fault."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from None
    if "layouts" in raw and "project" not in raw:
        raise ConfigError(f"{name} is a sweep file, not a configuration", hint=f"offramp compare --sweep {name} compares its layouts")
    return checked(Config, raw, name, impossible)
