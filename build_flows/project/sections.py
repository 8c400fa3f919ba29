"""The tables of the configuration, every field documented where it is declared; how to train has a file of its own
(:mod:`build_flows.project.training`)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

from pydantic import Field, PrivateAttr

from build_flows.base.parts import BOARDS
from build_flows.project.section import Section
from quant_models.exits.policies import POLICIES
from quant_models.networks.gate_layout import GATE_HEADS
from quant_models.networks.layouts import HEADS, outline
from quant_models.networks.presets import PRESETS

__all__ = [
    "DATA_SHAPES", "FOLDINGS", "PATHS", "BuildSection", "CalibrateSection", "DataSection", "ExitSection", "ModelSection", "ProjectSection",
    "SimulateSection", "TargetSection", "numbers",
]

BoardFile: TypeAlias = Annotated[str, Field(pattern=r"\.toml$", title="the path of a board's own file, as board.toml")]
Share = Annotated[float, Field(ge=0, le=1)]
Bits = Annotated[int, Field(ge=1, le=8)]

FOLDINGS = ("optimal", "finn")
"""The values of ``build.folding`` that are no file."""


DATA_SHAPES = {"digits": (8, 8, 1), "fashion-mnist": (28, 28, 1), "cifar10": (32, 32, 3)}
"""Shapes of the data sets whose images are always the same."""

PATHS = {
    "npz": ("an .npz file", ("file",)),
    "folder": ("a folder with train/<class>/ and test/<class>/, or a tar file of one", ("file", "folder")),
    "cifar10": ("the folder of CIFAR-10's binary files", ("folder",)),
    "sensors": ("an .npz file", ("file",)),
}
"""What ``data.path`` must be, in words and in kind, for each data set that needs it."""


def numbers(values: Sequence[int]) -> str:
    """``0``, ``0 or 1``, ``0 to 3``."""
    return f"{values[0]} to {values[-1]}" if len(values) > 2 else " or ".join(map(str, values))


CLASS_SCORES = tuple(row.name for row in POLICIES.values() if row.score is not None and row.unit is not None)
"""The policies that class_threshold composes with."""

if TYPE_CHECKING:
    HeadName: TypeAlias = str
    PresetName: TypeAlias = str
    GateHeadName: TypeAlias = str
    PolicyName: TypeAlias = str
    BoardName: TypeAlias = str
    ScoreName: TypeAlias = str
else:
    PolicyName, ScoreName, HeadName = Literal[tuple(POLICIES)], Literal[CLASS_SCORES], Literal[tuple(HEADS)]
    GateHeadName, PresetName, BoardName = Literal[GATE_HEADS], Literal[tuple(PRESETS)], Literal[tuple(BOARDS)]

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

    preset: PresetName | None = Field(
        default=None,
        description="Topology: digits (8x8x1) and har (windows of sensor samples, 128x1x9, with 1-D convolutions) have three exits, "
        "b_lenet and triple_wins (28x28x1) and b_alexnet (32x32x3) two; resnet8 (32x32x3, residual blocks), "
        "mobilenet_tiny (32x32x3, depthwise separable blocks), cnv (32x32x3), msdnet_tiny (32x32x3, two scales, dense) and tfc (28x28x1, "
        "linear layers alone) three. "
        "Images of other sizes and channels are taken as long as every layer fits. Unset: a network of your own, "
        "factory or qonnx, or import.factory.",
    )
    factory: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        description="Or: your own trained network, package.module:function. The function takes nothing and returns a Brevitas module whose "
        "forward takes images [n, channels, height, width] of pixels / 256 and gives a tuple of logits, one for each exit. It is your code "
        "and is run; modules are looked for beside this file first. docs/training.md says what layers it may have.",
    )
    modules: str | None = Field(
        default=None,
        min_length=1,
        description="Folder that the factory's modules are looked for in, relative to this file. Unset: this file's own.",
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
    weight_bits: Bits = Field(default=4, description="Bits of every weight; 1: -1 and 1.")
    act_bits: Bits = Field(default=4, description="Bits of every activation (of signed ones 2 at least); the image itself is 8 bits.")
    layer_bits: dict[str, dict[Literal["weight", "act"], Bits]] | None = Field(
        default=None,
        description="Other bits in some layers, by their names in the report, as { stage0_conv0 = { weight = 8, act = 4 } }. Unset: none.",
    )

    @property
    def own(self) -> bool:
        """Whether the network is the user's own."""
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
    threshold: float | None = Field(
        default=None,
        description="A threshold that is not to be found but fixed, in the policy's unit: "
        + "; ".join(f"{row.name}: {row.unit}" for row in POLICIES.values() if row.unit)
        + ". All classes have the same. Set in every early exit, or in none. Unset: calibrated.",
    )
    after: int | None = Field(
        default=None,
        ge=0,
        le=1000,
        description="Block of the backbone after which the exit stands; a block is a convolution (a depthwise one and the next are one "
        "block), residual block or linear layer and what follows up to the next. "
        f"{'; '.join(f'{name}: {numbers(range(outline(name).blocks - 1))}' for name in PRESETS)}. "
        "Two exits with different heads after the same block can be trained together, but not compiled. Unset: the preset's own place. "
        "Of a network of your own exit k stands after block k, and those that are not named are left out; unset: it has as many exits as "
        "there are tables, or a single one.",
    )
    head: HeadName | None = Field(
        default=None,
        description=f"The exit's head. {'; '.join(f'{name}: {form.summary}' for name, form in HEADS.items())}. "
        "Unset: preset where that is possible, else linear.",
    )
    gate_head: GateHeadName | None = Field(
        default=None,
        description="Policy gate: the small head beside the exit's own that learns, after all else was trained, whether leaving here is "
        f"fine. {'; '.join(f'{name}: {HEADS[name].summary}' for name in GATE_HEADS)}. Unset: pool where the policy is gate, else none.",
    )


class CalibrateSection(Section):
    """How the thresholds are found on the validation split: give one of accuracy_loss, shares and mean_cost. It is not read where every
    early exit has a threshold of its own."""

    accuracy_loss: float | None = Field(
        default=None,
        gt=0,
        le=100,
        description="Accuracy that may be lost against the last exit alone, in percentage points; as many samples as possible leave early. "
        "It holds for new images too, with the confidence below; how many validation images that takes is in docs/training.md.",
    )
    confidence: float = Field(
        default=0.9,
        ge=0.5,
        lt=1,
        description="How sure it is to be that no more accuracy is lost than accuracy_loss. With too few validation images for that, no "
        "more is lost on average, and exits.json says so. Of shares, mean_cost and fixed thresholds it is that of the bound told there.",
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

    board: BoardName | BoardFile = Field(
        default="pynq-z2",
        description="Board; it decides the part and what fits. `offramp boards` lists them; another one is a file, board.toml, with its "
        "name and part.",
    )
    clock_mhz: float = Field(
        default=125.0, ge=1, le=300,
        description="Clock of the accelerator in MHz. What it can be expected to keep is estimated when it is synthesised: some 130 with "
        "fused layers, 90 where FINN's sliding windows are.",
    )
    cycles_per_sample: Annotated[int, Field(ge=1, le=100_000_000)] | Literal["auto"] = Field(
        default=1296,
        description="Cycles per sample (initiation interval) wanted of stage 0; later stages get it divided by their reach. auto: the "
        "fewest whose folding fits the board's part by the estimate, a tenth of its LUTs and flip-flops left free; compile shows them, and "
        "sizing.json holds them.",
    )
    keep_free: dict[Literal["lut", "lutram", "ff", "bram36", "dsp"], Annotated[int, Field(ge=0)]] | None = Field(
        default=None,
        description="What of the board's part is not to be taken, as { dsp = 220, lut = 10000 }: the folding is searched for within the "
        "rest (with four LUTs one CARRY4 stays free, as a slice has them); the verdict is on the whole part. Unset: nothing.",
    )
    hard_share: list[Annotated[float, Field(gt=0, le=1)]] | None = Field(
        default=None,
        description="Share of the samples at each exit but the last that it passes on, first exit first; the later stages are "
        "sized for it. "
        "Unset: what calibration found.",
    )
    utilisation: Annotated[float, Field(gt=0, le=1)] | Literal["auto"] = Field(
        default=0.8,
        description="How busy a later stage is planned to be. At 1 it stalls the ones before it whenever hard samples come in a row. A "
        "busier one is smaller, and needs a larger gate before it. auto: of 0.8, 0.85, 0.9 and 0.95 what makes the fastest design, or at "
        "given cycles the one that leaves most of the part free.",
    )

    _part: str | None = PrivateAttr(default=None)

    @property
    def part(self) -> str:
        """The FPGA part on the board; of a board that is a file, from when that was read (:meth:`on`)."""
        return BOARDS[self.board] if self._part is None else self._part

    def on(self, part: str) -> "TargetSection":
        """The same, for a board that is a file, with the part that stands there."""
        found = self.model_copy()
        found._part = part
        return found


class BuildSection(Section):
    """How the hardware is put together."""

    folding: str = Field(
        default="optimal",
        min_length=1,
        description='"optimal" searches for the folding that leaves most of the part free; "finn" takes what FINN\'s own SetFolding '
        "chooses for the same cycles, for comparison; anything else is a folding.toml to use, relative to this file.",
    )
    layers: Literal["fused", "finn"] = Field(
        default="fused",
        description="fused: a layer may be one unit of ours, its weights constants in its logic, or in memories before multipliers (DSPs "
        "or look-up tables), where the folding finds that better than FINN's chain of units; finn: FINN's units alone. Heads that may be "
        "exchanged have no constant weights in any case.",
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
