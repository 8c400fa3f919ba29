"""The part of the configuration that says how to train: ``[train]``, and a table for each scheme that has settings of its own."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias

from pydantic import Field

from build_flows.project.section import Section
from build_flows.project.words import toml
from quant_models.training.names import PerturbationName, SchemeName

__all__ = [
    "ConsistentSection", "DistillSection", "ExitsOnlySection", "ImportSection", "PersonalSection", "TrainSection",
    "exit_weights", "impossible_import", "impossible_training",
]

if TYPE_CHECKING:
    Scheme: TypeAlias = str
    Perturbation: TypeAlias = str
else:
    Scheme, Perturbation = Literal[tuple(map(str, SchemeName))], Literal[tuple(map(str, PerturbationName))]

FACTORY = r"^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$"
"""package.module:function."""

FIRST, LAST = 1.0, 0.3
"""Weights of the first and of the last exit in BranchyNet (Teerapittayanon 2016); exits between lie on a line."""


class TrainSection(Section):
    """How the network is trained. Schemes with settings of their own have a table of their name below."""

    scheme: Scheme = Field(
        default="joint", description=f"Training scheme. {'; '.join(f'{item}: {item.summary}' for item in SchemeName)}."
    )
    epochs: int = Field(
        default=20, ge=1, le=10_000,
        description="Passes over the training set; with exits_only those of the heads; import has fine_tune instead.",
    )
    gate_epochs: int | None = Field(
        default=None,
        ge=1,
        le=10_000,
        description="Passes for the gate heads of exits with policy gate, after all else. Unset: as many as epochs.",
    )
    batch_size: int = Field(default=128, ge=2, le=65_536, description="Images in one step of the optimiser.")
    learning_rate: float = Field(default=0.004, gt=0, lt=1, description="Highest learning rate.")
    schedule: Literal["cosine", "constant", "step"] = Field(
        default="cosine", description="How the learning rate goes after its rise: along a cosine to zero, not at all, or down in steps."
    )
    weight_decay: float = Field(default=0.0001, ge=0, le=1, description="Decoupled weight decay.")
    clip: float | None = Field(default=None, gt=0, description="Greatest norm of the gradients of a step. Unset: as they are.")
    exit_weights: list[Annotated[float, Field(gt=0, le=100)]] | Literal["equal", "branchynet"] = Field(
        default="equal",
        description="Weight of each exit's loss: a number each, first exit first; equal; or branchynet, 1.0 for the first to 0.3 for the "
        "last.",
    )
    early_stop: int | None = Field(
        default=None,
        ge=1,
        description="Epochs without a better mean accuracy of the exits after which training ends; the best weights are kept. It looks at "
        "the sixth of the validation split that proves no thresholds. Unset: all epochs, the last weights.",
    )
    shift: int = Field(default=0, ge=0, le=8, description="Augmentation: move images by up to so many pixels each way, windows in time.")
    flip: bool = Field(default=False, description="Augmentation: mirror each image left to right half of the time.")
    perturb: list[Perturbation] | None = Field(
        default=None,
        min_length=1,
        description="Augmentation: perturbations, one of which, drawn at random, changes each image half of the time. Unset: none.",
    )
    perturb_strength: float = Field(default=0.5, gt=0, le=1, description="Strength of the perturbations.")
    seed: int = Field(default=1, ge=0, lt=2**32, description="Seed of the weights, the order of the images and the validation split.")
    threads: int = Field(default=0, ge=0, le=1024, description="CPU threads; 0 takes what torch takes by itself.")
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="Where to train; auto takes a GPU when torch sees one.")
    start: str | None = Field(
        default=None,
        min_length=1,
        description="Begin with the weights of this checkpoint (relative to this file), of the same backbone and heads, whatever their bit "
        "widths; train.checkpoint goes before it. Unset: new weights.",
    )
    checkpoint: str | None = Field(
        default=None,
        min_length=1,
        description="Take the backbone, and the heads of these exits, from this checkpoint (relative to this file) instead of training: "
        "one of the same backbone and bit widths, trained with at least these exits. Unset: train.",
    )


class ExitsOnlySection(Section):
    """Scheme exits_only (HAPI, 2020): heads on a frozen backbone, each by itself; the last exit is not touched."""

    backbone_epochs: int | None = Field(
        default=None,
        ge=0,
        le=10_000,
        description="Epochs for the backbone with the last head, before the early heads. Unset: as many as train.epochs, or none when "
        "train.start gives a trained backbone.",
    )
    exits: list[Annotated[int, Field(ge=0, le=1000)]] | None = Field(
        default=None,
        description="The early exits whose heads are trained, all beginning anew; other heads are then those of train.start. Unset: all.",
    )


class DistillSection(Section):
    """Scheme distill (Zhang 2019, Phuong 2019): (1 - alpha) of the labels' loss, alpha of the teacher's."""

    teacher: Literal["last", "next"] = Field(default="last", description="The exit that an early exit learns from.")
    temperature: float = Field(default=3.0, gt=0, le=1000, description="Softens both predictions.")
    alpha: float = Field(default=0.5, ge=0, le=1, description="Share of the teacher in the loss.")
    ramp: int = Field(default=0, ge=0, le=10_000, description="Epochs over which that share rises from 0: the teacher learns too.")


class ConsistentSection(Section):
    """Scheme consistent (Saeed 2021, arXiv 2109.13192): an exit's answer on the clean input is the weak label of the perturbed one."""

    weight: float = Field(default=1.0, ge=0, le=1000, description="Weight of the consistency loss beside the labels'.")
    ramp: int = Field(default=0, ge=0, le=10_000, description="Epochs over which that weight rises from 0.")
    perturb: list[Perturbation] | None = Field(
        default=None, description="Perturbations, of which each sample gets one at random. Unset: all for this kind of data."
    )
    strength: float = Field(default=0.5, gt=0, le=1, description="Strength of the perturbations.")
    unlabelled: float = Field(
        default=0.0, ge=0, le=0.95, description="Share of the training samples whose labels are not used: they take part by consistency."
    )
    samples: str | None = Field(
        default=None,
        min_length=1,
        description="An .npz file with further samples without labels, x_unlabelled, relative to this file. Unset: none.",
    )


class PersonalSection(Section):
    """Scheme personal (PersEPhonEE, Leontiadis 2021): train.start names the network; the RTL is the same, with other head weights."""

    samples: str | None = Field(
        default=None, min_length=1, description="An .npz file with the user's samples, x and, with true labels, y; relative to this file."
    )
    labels: Literal["true", "last_exit"] = Field(
        default="true", description="Where labels come from: the file, or the last exit's predictions."
    )


class ImportSection(Section):
    """Scheme import: a float PyTorch network of the preset's layers, or any other (factory), becomes a quantised one, by calibration and
    bias correction."""

    factory: str | None = Field(
        default=None,
        pattern=FACTORY,
        description="In place of a preset: any float PyTorch module with a tuple of logits, one for each exit, as package.module:function "
        "returns it. Brevitas quantises it, to model.weight_bits and act_bits; train.scheme fine-tunes it. It is your code, and is run.",
    )
    weights: str | None = Field(
        default=None,
        min_length=1,
        description="The float network's state dict (.safetensors, .pt or .pth; tensors only), relative to this file. Unset, with a "
        "factory: "
        "what that returns is trained.",
    )
    mapping: dict[str, str] | None = Field(
        default=None,
        description="Which of its modules a layer is (names as in the report), as { stage0_conv0 = \"features.0\", \"stage0_conv0.norm\" = "
        "\"features.1\" }. Unset: those of equal names, else by order and shapes.",
    )
    divisor: float | None = Field(
        default=None,
        gt=0,
        description="What its pixels were divided by: 255 by torchvision's ToTensor, 256 by offramp itself. Unset: 255; sensor windows are "
        "in their own units.",
    )
    mean: list[float] | None = Field(
        default=None, description="Subtracted from its inputs after that, one for each channel or one for all. Unset: nothing was."
    )
    std: list[Annotated[float, Field(gt=0)]] | None = Field(
        default=None, description="What they were divided by after that, one for each channel or one for all. Unset: nothing."
    )
    calibration_images: int = Field(default=512, ge=1, le=1_000_000, description="Training images on which ranges and biases are found.")
    bias_correction: bool = Field(default=True, description="Correct biases for what quantised weights change on average.")
    fine_tune: int = Field(
        default=0, ge=0, le=10_000, description="Epochs of quantised training afterwards, joint or, with a factory, by train.scheme."
    )


def exit_weights(chosen: list[float] | str, exits: int) -> tuple[float, ...]:
    """``train.exit_weights`` as one number per exit."""
    if isinstance(chosen, list):
        return tuple(chosen)
    if chosen == "equal" or exits == 1:
        return (1.0,) * exits
    last = exits - 1
    return tuple(((last - k) * FIRST + k * LAST) / last for k in range(exits))


def _numbers(count: int) -> str:
    return "of which there are none" if count == 0 else "0" if count == 1 else f"0 to {count - 1}"


def impossible_training(
    train: TrainSection, exits_only: ExitsOnlySection, consistent: ConsistentSection, personal: PersonalSection, exits: int
) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of what no single field shows."""
    needs = f"scheme {train.scheme} trains heads of a network that was trained before; allowed: a checkpoint"
    if train.checkpoint is not None:
        # Nothing is trained; the rest may be what that checkpoint was trained with.
        return
    if train.scheme == "personal" and train.start is None:
        yield "train.start", None, needs
    if train.scheme == "personal" and personal.samples is None:
        yield "personal.samples", None, "scheme personal needs the user's samples; allowed: an .npz file"
    if train.scheme == "exits_only" and exits_only.backbone_epochs == 0 and train.start is None:
        yield "train.start", None, needs
    if train.scheme == "personal" and exits == 1:
        others = ", ".join(toml(name) for name in SchemeName if name != "personal")
        yield "train.scheme", train.scheme, f"there are no early exits to train; allowed: {others}"
    chosen = exits_only.exits if train.scheme == "exits_only" else None
    if chosen is not None and (len(set(chosen)) != len(chosen) or any(k >= exits - 1 for k in chosen)):
        yield "exits_only.exits", chosen, f"allowed: early exits, each once, {_numbers(exits - 1)}"
    if consistent.samples is not None and train.scheme != "consistent":
        yield "consistent.samples", consistent.samples, f"scheme {train.scheme} has no use for samples without labels; allowed: unset"


def impossible_import(train: TrainSection, own: ImportSection, channels: int | None) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of scheme import; ``channels`` of the images, None where the file does not tell."""
    if (train.scheme != "import" and own.factory is None) or train.checkpoint is not None:
        return
    if own.weights is None and own.factory is None:
        yield "import.weights", None, "scheme import needs the float network's weights; allowed: a .safetensors, .pt or .pth file"
    if train.start is not None:
        yield "train.start", train.start, "scheme import begins with import.weights; allowed: unset"
    for key, values in (("mean", own.mean), ("std", own.std)):
        if values is not None and len(values) != 1 and len(values) != (channels or len(values)):
            yield f"import.{key}", values, f"allowed: 1 value or {channels}, one for each channel, not {len(values)}"
