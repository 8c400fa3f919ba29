"""The project's configuration: one typed TOML file, every field documented where it is declared."""

import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from build_flows.base.errors import ConfigError
from build_flows.base.parts import BOARDS
from build_flows.project.own import impossible_own, impossible_source
from build_flows.project.section import Section
from build_flows.project.training import (
    ConsistentSection,
    DistillSection,
    ExitsOnlySection,
    ImportSection,
    PersonalSection,
    TrainSection,
    exit_weights,
    impossible_import,
    impossible_training,
)
from build_flows.project.words import checked, toml
from quant_models.exits.policies import POLICIES

__all__ = ["PRESETS", "Config", "Preset", "Project", "load", "parse"]

Share = Annotated[float, Field(ge=0, le=1)]
Bits = Annotated[int, Field(ge=2, le=8)]


@dataclass(frozen=True)
class Preset:
    """What the configuration has to know of a network preset: the number of blocks of its backbone (a block begins at each convolution),
    the ``places`` of its own early exits, the blocks after which they stand, the ``shape`` of images that it was published for (height,
    width, channels), and the ``least`` height and width of others that it takes."""

    blocks: int
    places: tuple[int, ...]
    shape: tuple[int, int, int]
    least: tuple[int, int]

    @property
    def exits(self) -> int:
        """The preset's own exits, the last one included."""
        return len(self.places) + 1


PRESETS = {
    "digits": Preset(blocks=3, places=(0, 1), shape=(8, 8, 1), least=(4, 4)),
    "b_lenet": Preset(blocks=3, places=(0,), shape=(28, 28, 1), least=(1, 1)),
    "triple_wins": Preset(blocks=4, places=(0,), shape=(28, 28, 1), least=(16, 16)),
    "b_alexnet": Preset(blocks=5, places=(0,), shape=(32, 32, 3), least=(15, 15)),
    "har": Preset(blocks=3, places=(0, 1), shape=(128, 1, 9), least=(16, 1)),
}
"""Shapes of the presets in ``quant_models`` (a test compares them; importing it here would load torch for every ``--help``)."""

CLASS_SCORES = tuple(row.name for row in POLICIES.values() if row.score is not None and row.unit is not None)
"""The policies that class_threshold composes with."""

HEADS = {
    "preset": "the preset's own head, after a block where it has one",
    "linear": "one linear layer over the feature map",
    "pool": "2x2 max-pool, then linear",
    "conv": "3x3 convolution to twice the channels, 2x2 max-pool, then linear (B-LeNet's form)",
    "global": "global average pool, then linear",
}
"""The heads that an early exit can have (those of ``quant_models.networks.layouts``; a test compares them)."""

GATE_HEADS = {
    "global": "global average pool, then linear",
    "pool": "2x2 max-pool, then linear",
    "linear": "one linear layer over the feature map",
}
"""The forms of a gate head (those of ``quant_models.networks.gate_layout``; a test compares them)."""

if TYPE_CHECKING:
    HeadName: TypeAlias = str
    GateHeadName: TypeAlias = str
    PolicyName: TypeAlias = str
    ScoreName: TypeAlias = str
else:
    PolicyName, ScoreName, HeadName = Literal[tuple(POLICIES)], Literal[CLASS_SCORES], Literal[tuple(HEADS)]
    GateHeadName = Literal[tuple(GATE_HEADS)]

FOLDINGS = ("optimal", "finn")
"""The values of ``build.folding`` that are no file."""


def _numbers(values: Sequence[int]) -> str:
    """``0``, ``0 or 1``, ``0 to 3``."""
    return f"{values[0]} to {values[-1]}" if len(values) > 2 else " or ".join(map(str, values))


DATA_SHAPES = {"digits": (8, 8, 1), "fashion-mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
"""Shapes of the data sets whose images are always the same."""

PATHS = {
    "npz": ("an .npz file", ("file",)),
    "folder": ("a folder with train/<class>/ and test/<class>/, or a tar file of one", ("file", "folder")),
    "cifar10": ("the folder of CIFAR-10's binary files", ("folder",)),
    "sensors": ("an .npz file", ("file",)),
}
"""What ``data.path`` must be, in words and in kind, for each data set that needs it."""


class ProjectSection(Section):
    """What the project is called and where its artefacts go."""

    name: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=64, description="Name of the project and of the generated accelerator."
    )
    output: str | None = Field(
        default=None, min_length=1, description="Output folder, relative to this file. Unset: build/<name> beside this file."
    )


class DataSection(Section):
    """The images: a training set, of which a share validates, and a test set that only measures."""

    name: Literal["digits", "fashion-mnist", "npz", "folder", "cifar10", "sensors"] = Field(
        description="Data set: digits ships with scikit-learn; fashion-mnist is read from IDX files; npz is your own file with "
        "x_train, y_train, x_test, y_test (uint8 images in NHWC order, integer labels); folder holds train/<class>/*.png or *.jpg and "
        "test/<class>/*; cifar10 is its binary version; sensors is an .npz as above whose windows [n, time, channels] are of any number "
        "type, and run as time x 1 x channels. Classes: 2 to 1000, each in training and test set."
    )
    path: str | None = Field(
        default=None,
        min_length=1,
        description="The .npz file, the folder of the IDX or binary files, or the image folder (also as one .tar, .tar.xz or .tar.gz), "
        "relative to this file. Unset: for fashion-mnist, where Debian's dataset-fashion-mnist puts them.",
    )
    resize: list[Annotated[int, Field(ge=1, le=4096)]] | None = Field(
        default=None,
        description="Images of a folder: height and width that all are resized to. Unset: as they are; they must then be of one size.",
    )
    channels: Literal["auto", "grey", "rgb"] = Field(
        default="auto", description="Images of a folder: 1 channel (grey) or 3 (rgb); auto takes grey when all images are."
    )
    validation: float = Field(
        default=0.1,
        gt=0,
        lt=0.5,
        description="Share of the training set kept for validation; it calibrates the thresholds, the test set never does.",
    )


class ModelSection(Section):
    """The network and how it is quantised."""

    preset: Literal["digits", "b_lenet", "triple_wins", "b_alexnet", "har"] | None = Field(
        default=None,
        description="Topology: digits (8x8x1) and har (windows of sensor samples, 128x1x9, with 1-D convolutions) have three exits, "
        "b_lenet and triple_wins (28x28x1) and b_alexnet (32x32x3) two. "
        "Images of other sizes and channels are taken as long as every layer fits. Unset: a network of your own, factory or qonnx.",
    )
    factory: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        description="Or: your own trained network, package.module:function. The function takes nothing and returns a Brevitas module whose "
        "forward takes images [n, channels, height, width] of pixels / 256 and gives a tuple of logits, one for each exit. It is your code "
        "and is run; modules are looked for beside this file first. docs/training.md says what layers it may have.",
    )
    weights: str | None = Field(
        default=None,
        min_length=1,
        description="A state dict (safetensors, or as torch.save writes it) for the factory's network, relative to this file. "
        "Unset: the factory returns it trained.",
    )
    qonnx: str | None = Field(
        default=None, min_length=1, description="Or: your own trained network, a QONNX file with an output for each exit, relative to this."
    )
    weight_bits: Bits = Field(default=4, description="Bits of every weight.")
    act_bits: Bits = Field(default=4, description="Bits of every activation; the image itself is 8 bits.")
    layer_bits: dict[str, dict[Literal["weight", "act"], Bits]] | None = Field(
        default=None,
        description="Other bits in some layers, by their names in the report, as { stage0_conv0 = { weight = 8, act = 4 } }. Unset: none.",
    )

    @property
    def own(self) -> bool:
        """Whether the network is the user's own, which is not trained here."""
        return self.preset is None


class ExitSection(Section):
    """One exit, first exit first; the last one, which every sample leaves, has policy always and stands after the whole backbone.

    One table for each exit of the preset gives its own layout, a single one the network without early exits; `after` in every table
    but the last gives any other.
    """

    policy: PolicyName = Field(
        description="When a sample leaves here. " + " ".join(f"{name}: {POLICIES[name].summary}." for name in POLICIES)
    )
    score: ScoreName | None = Field(
        default=None, description="The policy whose score class_threshold compares; other policies do not read it. Unset: softmax."
    )
    after: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Block of the backbone after which the exit stands; a block is a convolution and what follows up to the next one. "
        f"{'; '.join(f'{name}: {_numbers(range(row.blocks - 1))}' for name, row in PRESETS.items())}. "
        "Two exits with different heads after the same block can be trained together, but not compiled. Unset: the preset's own place.",
    )
    head: HeadName | None = Field(
        default=None,
        description=f"The exit's head. {'; '.join(f'{name}: {told}' for name, told in HEADS.items())}. "
        "Unset: preset where that is possible, else linear.",
    )
    gate_head: GateHeadName | None = Field(
        default=None,
        description="Policy gate: the small head beside the exit's own that learns, after all else was trained, whether leaving here is "
        f"fine. {'; '.join(f'{name}: {told}' for name, told in GATE_HEADS.items())}. Unset: pool where the policy is gate, else none.",
    )


class CalibrateSection(Section):
    """How the thresholds are found on the validation split: give one of accuracy_loss, shares and mean_cost."""

    accuracy_loss: float | None = Field(
        default=None,
        ge=0,
        le=100,
        description="Accuracy that may be lost against the last exit alone, in percentage points; as many samples as possible leave early.",
    )
    shares: list[Share] | None = Field(
        default=None,
        description="Or: share of all samples that leave at each exit but the last, first exit first. They may sum to 1 at most.",
    )
    mean_cost: float | None = Field(
        default=None,
        gt=0,
        le=1,
        description="Or: what a sample may cost on the whole, as a share of what it costs without early exits; the thresholds of all exits "
        "with the most right answers at that cost.",
    )
    cost: Literal["macs", "bit_ops"] = Field(
        default="macs", description="What mean_cost counts: multiply-accumulates, or those times the bits of weight and input."
    )
    epsilon: float = Field(
        default=0.001,
        ge=1e-6,
        le=0.1,
        description="How near to the threshold the real softmax probability, or entropy in nats, may be when the integer decision of "
        "softmax or entropy differs from the real one. Smaller takes wider tables.",
    )
    temperature: bool = Field(
        default=False,
        description="Divide each exit's logits by a temperature found on the validation split (Guo et al., 2017), so that its softmax "
        "probability is nearer to how often it is right; softmax and entropy then compare that one. The hardware has other constants, "
        "no more logic.",
    )


class TargetSection(Section):
    """What the accelerator is designed for."""

    board: Literal["pynq-z1", "pynq-z2"] = Field(default="pynq-z2", description="Board; it decides the part and what fits.")
    clock_mhz: float = Field(default=100.0, ge=1, le=300, description="Clock of the accelerator in MHz.")
    cycles_per_sample: int = Field(
        default=1296,
        ge=1,
        le=100_000_000,
        description="Cycles per sample (initiation interval) wanted of stage 0; later stages get it divided by their reach.",
    )
    hard_share: list[Annotated[float, Field(gt=0, le=1)]] | None = Field(
        default=None,
        description="Share of the samples at each exit but the last that it passes on, first exit first; the later stages are "
        "sized for it. "
        "Unset: what calibration found.",
    )
    utilisation: float = Field(
        default=0.8,
        gt=0,
        le=1,
        description="How busy a later stage is planned to be. At 1 it stalls the ones before it whenever hard samples come in a row.",
    )


class BuildSection(Section):
    """How the hardware is put together."""

    folding: str = Field(
        default="optimal",
        min_length=1,
        description='"optimal" searches for the folding that leaves most of the part free; "finn" takes what FINN\'s own SetFolding '
        "chooses for the same cycles, for comparison; anything else is a folding.toml to use, relative to this file.",
    )
    order: Literal["arrival", "input"] = Field(
        default="arrival", description="Results as they come, or in the order of the images (reorder buffer)."
    )
    bus_bits: Literal[8, 16, 32, 64, 128] = Field(default=32, description="Width of the image bus; each image starts on a bus word.")
    result_bits: Literal[32, 64] = Field(default=64, description="Width of the result word (id, label, exit, confidence, cycles).")
    max_in_flight: int | None = Field(
        default=None, ge=2, le=1024, description="Samples that may be inside the accelerator at a time. Unset: as many as it can use."
    )
    mode: Literal["all", "subnet", "anytime", "budgeted"] = Field(
        default="all",
        description="What of the trained network is built: all exits; or, as a subnet, one exit alone, without what stands behind it and "
        "the other heads; or, for answers at any time, all exits, each of which gives a result for every sample that passes it, marked as "
        "final or not; or, budgeted, all exits with thresholds for a mean cost (calibrate.mean_cost).",
    )
    exchangeable_heads: bool | None = Field(
        default=None,
        description="Heads that may be exchanged: they are sized from data types, not from the weights' values, so that other weights of "
        "theirs make the same RTL with other memory files, for some LUTs more. The later stages are then planned for target.hard_share, "
        "else for calibrate.shares, never for what calibration finds. Unset: true when train.scheme is personal.",
    )
    exit: int | None = Field(default=None, ge=0, le=1000, description="The exit that mode subnet builds. Unset: none.")


class SimulateSection(Section):
    """The run of the whole accelerator in Verilator. Options of `offramp simulate` go before these."""

    samples: int | None = Field(default=None, ge=1, le=10_000_000, description="Test images to run. Unset: all of them.")
    stall: float = Field(default=0.0, ge=0, lt=1, description="Probability that input or output stalls in a cycle.")
    seed: int = Field(default=1, ge=0, lt=2**32, description="Seed of the stalls.")
    finn_images: int = Field(
        default=256, ge=1, le=100_000, description="Images on which FINN's own (slow) execution is compared, layer by layer."
    )


class Config(Section):
    """The whole file."""

    # `import` is a word of Python's.
    model_config = ConfigDict(serialize_by_alias=True)

    project: ProjectSection
    data: DataSection
    model: ModelSection
    train: TrainSection = TrainSection()
    exits_only: ExitsOnlySection = ExitsOnlySection()
    distill: DistillSection = DistillSection()
    consistent: ConsistentSection = ConsistentSection()
    personal: PersonalSection = PersonalSection()
    import_: ImportSection = Field(default=ImportSection(), alias="import")
    exits: list[ExitSection]
    calibrate: CalibrateSection = CalibrateSection(accuracy_loss=0.5)
    target: TargetSection = TargetSection()
    build: BuildSection = BuildSection()
    simulate: SimulateSection = SimulateSection()

    @property
    def exit_weights(self) -> tuple[float, ...]:
        """Weight of every exit's loss."""
        return exit_weights(self.train.exit_weights, len(self.exits))

    @property
    def preset(self) -> Preset:
        """What has to be known of the network's preset; a network of the user's own has none."""
        assert self.model.preset is not None
        return PRESETS[self.model.preset]

    @property
    def layout(self) -> tuple[tuple[int, str], ...]:
        """(block after which it stands, head) of every exit but the last, nothing left unset; empty for a network of the user's own."""
        if self.model.own:
            return ()
        places = self.preset.places
        found = []
        for index, item in enumerate(self.exits[:-1]):
            after = places[index] if item.after is None else item.after
            found.append((after, item.head or ("preset" if after in places else "linear")))
        return tuple(found)

    @property
    def subnet(self) -> int | None:
        """The exit that is built alone; None: all are."""
        return self.build.exit if self.build.mode == "subnet" else None

    @property
    def built(self) -> tuple[ExitSection, ...]:
        """The exits that are built. One that is built alone lets every sample leave."""
        return tuple(self.exits) if self.subnet is None else (ExitSection(policy="always"),)

    @property
    def exchangeable(self) -> bool:
        """Whether heads are sized from data types alone."""
        chosen = self.build.exchangeable_heads
        return self.train.scheme == "personal" if chosen is None else chosen

    @property
    def hard_share(self) -> list[float] | None:
        """Share of the samples at each exit but the last that is planned to go on; None: what calibration finds."""
        if self.target.hard_share is not None or not self.exchangeable or self.calibrate.shares is None:
            return self.target.hard_share
        reach = [1.0]
        for share in self.calibrate.shares:
            reach.append(max(0.0, reach[-1] - share))
        return [after / before if before else 0.0 for before, after in pairwise(reach)]

    @property
    def gates(self) -> tuple[str | None, ...]:
        """The gate head of every exit but the last, nothing left unset; None where there is none."""
        return tuple((item.gate_head or "pool") if item.policy == "gate" else None for item in self.exits[:-1])

    @property
    def topology(self) -> dict[str, Any]:
        """Where exits stand, with which heads and gate heads, as plain data for a step's identity."""
        return {"layout": self.layout, **({"gates": self.gates} if any(self.gates) else {})}

    @property
    def part(self) -> str:
        """The FPGA part on the board."""
        return BOARDS[self.target.board]


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

    def values(self, *sections: str) -> dict[str, Any]:
        """The named sections (``"model"``, ``"train"``, ...) as plain data, for a step's identity."""
        fields = {key for key, declared in Config.model_fields.items() if (declared.alias or key) in sections}
        return self.config.model_dump(mode="json", include=fields)


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
    config = parse(text, str(path))
    base = path.resolve().parent
    data = Path(data_dir).resolve() if data_dir is not None else base / config.data.path if config.data.path else None
    if data is not None and not data.exists():
        source = "--data" if data_dir is not None else "data.path"
        raise ConfigError(f"{path}: {source} = {str(data_dir or config.data.path)!r}: there is no {data}")
    if config.data.name in PATHS and data is not None:
        words, kinds = PATHS[config.data.name]
        kind = "folder" if data.is_dir() else "file"
        if kind not in kinds:
            raise ConfigError(f"{path}: data.path = {str(data_dir or config.data.path)!r}: must be {words}, not a {kind}")
    folding = None if config.build.folding in FOLDINGS else base / config.build.folding
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
        files[key] = base / place if place else None
        if place and not (base / place).is_file():
            raise ConfigError(f"{path}: {key} = {toml(place)}: there is no file {base / place}")
    qonnx, own_weights = (_file(path, base, f"model.{key}", getattr(config.model, key)) for key in ("qonnx", "weights"))
    output = base / (config.project.output or Path("build", config.project.name))
    places = (*files.values(), qonnx, own_weights)
    return Project(config, path.resolve(), output.resolve(), data, folding, *places)


def _file(path: Path, base: Path, key: str, place: str | None) -> Path | None:
    """The file that ``key`` names, relative to the folder ``base``; raises :class:`ConfigError` when there is none."""
    if place is not None and not (base / place).is_file():
        raise ConfigError(f"{path}: {key} = {toml(place)}: there is no file {base / place}")
    return base / place if place else None


def parse(text: str, name: str = "config.toml") -> Config:
    """Check configuration ``text``; ``name`` is what messages call it. Raises :class:`ConfigError` with one line per fault."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{name}: not valid TOML: {error}") from None
    return checked(Config, raw, name, _impossible)


def _impossible(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of every fault that no single field shows."""
    faults = list(impossible_source(config))
    if faults:
        yield from faults
        return
    own, count = config.model.own, len(config.exits)
    policies = [item.policy for item in config.exits]
    early_policies = [name for name in POLICIES if name != "always"]
    if own:
        yield from impossible_own(config)
    if not own and count not in (1, config.preset.exits) and all(item.after is None for item in config.exits):
        yield (
            "exits",
            policies,
            f"{config.model.preset} has {config.preset.exits} exits, not {count}; allowed: one [[exits]] table for each, a single one, or "
            "any "
            "number with after in each but the last",
        )
    elif count:
        if policies[-1] != "always":
            yield f"exits[{count - 1}].policy", policies[-1], 'the last exit must let every sample leave; allowed: "always"'
        for index, policy in enumerate(policies[:-1]):
            if policy == "always":
                yield (
                    f"exits[{index}].policy",
                    policy,
                    f"no sample would get past it; allowed before the last exit: {', '.join(early_policies)}",
                )
        if not own:
            yield from _impossible_layout(config)
        yield from _impossible_counts(config)
    yield from _impossible_data(config)
    yield from _impossible_mode(config.build, count)
    yield from _impossible_gates(config)
    yield from _impossible_anytime(config)
    if config.build.folding == "search":
        yield "build.folding", "search", 'the search is called "optimal" now; allowed: "optimal" (the default), "finn" or a file'
    for key, place in (
        ("project.output", config.project.output), ("data.path", config.data.path), ("build.folding", config.build.folding),
        ("train.checkpoint", config.train.checkpoint), ("train.start", config.train.start),
        ("consistent.samples", config.consistent.samples), ("personal.samples", config.personal.samples),
        ("import.weights", config.import_.weights), ("model.qonnx", config.model.qonnx), ("model.weights", config.model.weights),
    ):
        if place is not None and "\0" in place:
            yield key, place, "no path can hold a NUL character; allowed: a path"
    yield from impossible_training(config.train, config.exits_only, config.consistent, config.personal, count)
    yield from impossible_import(config.train, config.import_, DATA_SHAPES.get(config.data.name, (None,))[-1])
    yield from _impossible_calibration(config, policies)


def _impossible_mode(build: BuildSection, count: int) -> Iterator[tuple[str, Any, str]]:
    if build.mode == "subnet" and (build.exit is None or build.exit >= count):
        there = f"there are {count} exits" if count > 1 else "there is one exit"
        why = "mode subnet builds one exit" if build.exit is None else there
        yield "build.exit", build.exit, f"{why}; allowed: {_numbers(range(count))}"
    if build.mode != "subnet" and build.exit is not None:
        yield "build.exit", build.exit, f'mode {build.mode} builds every exit; allowed: unset, or mode = "subnet"'


def _impossible_gates(config: Config) -> Iterator[tuple[str, Any, str]]:
    first = next((k for k, item in enumerate(config.exits) if item.policy == "gate"), None)
    if first is None:
        return
    key, others = f"exits[{first}].policy", ", ".join(toml(name) for name in POLICIES if name not in ("gate", "always"))
    if config.exchangeable:
        why = "gate heads are sized from their weights, so with exchangeable heads they could not stay as they are built"
        yield key, "gate", f"{why}; allowed: {others}, or build.exchangeable_heads = false"
    if config.train.scheme == "import" and not config.import_.fine_tune and config.train.checkpoint is None:
        yield key, "gate", f"gate heads are trained, and import.fine_tune = 0 trains nothing; allowed: {others}, or fine_tune of 1 or more"


def _impossible_anytime(config: Config) -> Iterator[tuple[str, Any, str]]:
    if config.build.mode != "anytime":
        return
    if config.build.order != "arrival":
        yield "build.order", config.build.order, 'mode anytime gives results as they come; allowed: "arrival"'
    for index, item in enumerate(config.exits):
        if item.policy == "never":
            yield f"exits[{index}].policy", "never", "it finds no class, and in mode anytime every exit answers; allowed: any other policy"


def _impossible_data(config: Config) -> Iterator[tuple[str, Any, str]]:
    data, least = config.data, (1, 1) if config.model.own else config.preset.least
    shape = DATA_SHAPES.get(data.name)
    if shape is not None and (shape[0] < least[0] or shape[1] < least[1]):
        fitting = [name for name, found in DATA_SHAPES.items() if found[0] >= least[0] and found[1] >= least[1]]
        yield (
            "data.name",
            data.name,
            f"its images are {_by(shape)}, but {config.model.preset} takes {_by(least)} at least; allowed: "
            f"{', '.join([*fitting, *(name for name in PATHS if name not in DATA_SHAPES)])}",
        )
    if data.name in PATHS and data.path is None:
        yield "data.path", None, f"data set {data.name} needs its place; allowed: path of {PATHS[data.name][0]}"
    if data.resize is not None and len(data.resize) != 2:
        yield "data.resize", data.resize, f"allowed: 2 values, height and width, not {len(data.resize)}"
    for key, value, unset in (("resize", data.resize, None), ("channels", data.channels, "auto")):
        if value != unset and data.name != "folder":
            yield f"data.{key}", value, f"only images of a folder are converted, not data set {data.name}; allowed: {toml(unset)}"


def _impossible_layout(config: Config) -> Iterator[tuple[str, Any, str]]:
    name, preset, last = config.model.preset, config.preset, len(config.exits) - 1
    for key in ("after", "head"):
        value = getattr(config.exits[last], key)
        if value is not None:
            why = "the last exit stands after the whole backbone, with the preset's last head; allowed: unset"
            yield f"exits[{last}].{key}", value, why
    for index, item in enumerate(config.exits):
        if item.gate_head is not None and item.policy != "gate":
            yield f"exits[{index}].gate_head", item.gate_head, f"policy {item.policy} has no gate head; allowed: unset"
    early = config.exits[:-1]
    unset = [index for index, item in enumerate(early) if item.after is None]
    if unset and len(unset) < len(early):
        yield f"exits[{unset[0]}].after", None, "allowed: after in every exit but the last, or in none"
        return
    for index, (after, head) in enumerate(config.layout):
        key, before = f"exits[{index}]", config.layout[:index]
        if after > preset.blocks - 2:
            blocks = f"{name}'s backbone has blocks 0 to {preset.blocks - 1}"
            yield f"{key}.after", after, f"{blocks}; an early exit comes after block {_numbers(range(preset.blocks - 1))}"
        elif before and after < before[-1][0]:
            least = before[-1][0]
            yield f"{key}.after", after, f"exits[{index - 1}] stands after block {least}; allowed: {least} or more, the backbone's order"
        elif head == "preset" and after not in preset.places:
            others = ", ".join(toml(item) for item in HEADS if item != "preset")
            yield f"{key}.head", head, f"{name} has a head of its own after block {_numbers(preset.places)} only; allowed: {others}"
        elif (after, head) in before:
            others = ", ".join(toml(item) for item in HEADS if (after, item) not in before and (item != "preset" or after in preset.places))
            told = f"exits[{before.index((after, head))}] stands after block {after} with this head already"
            yield f"{key}.head", head, f"{told}; allowed: {others or 'another place'}"


def _impossible_counts(config: Config) -> Iterator[tuple[str, Any, str]]:
    for key, values, count, what in (
        ("train.exit_weights", None if isinstance(config.train.exit_weights, str) else config.train.exit_weights, len(config.exits),
         "one for each exit"),
        ("calibrate.shares", config.calibrate.shares, len(config.exits) - 1, "one for each exit but the last"),
        ("target.hard_share", config.target.hard_share, len(config.exits) - 1, "one for each exit but the last"),
    ):
        if values is not None and len(values) != count:
            yield key, values, f"allowed: {count} values, {what}, not {len(values)}"


def _impossible_calibration(config: Config, policies: Sequence[str]) -> Iterator[tuple[str, Any, str]]:
    shares, cost = config.calibrate.shares, config.calibrate.mean_cost
    given = [key for key in ("accuracy_loss", "shares", "mean_cost") if getattr(config.calibrate, key) is not None]
    if not given:
        yield "calibrate.accuracy_loss", None, "allowed: one of accuracy_loss, shares and mean_cost must be given"
    if len(given) > 1:
        yield f"calibrate.{given[-1]}", getattr(config.calibrate, given[-1]), f"allowed: either {' or '.join(given)}, not both"
    if config.build.mode == "budgeted" and cost is None:
        yield "calibrate.mean_cost", None, "mode budgeted keeps to a mean cost; allowed: a number above 0 up to 1"
    if shares is None:
        return
    if sum(shares) > 1 + 1e-9:
        yield "calibrate.shares", shares, f"they sum to {sum(shares):g}; allowed: 1 at most"
    for index, (share, policy) in enumerate(zip(shares, policies, strict=False)):
        if policy == "never" and share > 0:
            yield f"calibrate.shares[{index}]", share, f"exits[{index}] has policy never; allowed: 0"


def _by(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
