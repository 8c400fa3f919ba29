"""What the configuration says of training, as the trainer takes it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.project.training import ConsistentSection, DistillSection, ExitsOnlySection, PersonalSection, TrainSection

if TYPE_CHECKING:
    import numpy as np

    from build_flows.project.load import Project
    from build_flows.steps.data import Held
    from quant_models.datasets.base import Dataset
    from quant_models.networks.spec import NetSpec
    from quant_models.training.schemes import Scheme
    from quant_models.training.train import TrainSettings

__all__ = ["Training", "train_scheme", "train_settings", "trained_on", "training", "unlabelled"]


@dataclass(frozen=True, kw_only=True)
class Training:
    """How to train: ``[train]`` and the table of the scheme's own, without the places of files, and whatever follows from other tables:
    ``exit_weights`` one by exit, whether weights are begun with (``started``), epochs of training for the trainer and of gate heads."""

    train: TrainSection
    own: ConsistentSection | DistillSection | ExitsOnlySection | PersonalSection | None
    exit_weights: tuple[float, ...]
    started: bool
    epochs: int
    gate_epochs: int | None


def training(project: "Project") -> Training:
    """What the configuration says of how to train."""
    config = project.config
    tables: dict[str, ConsistentSection | DistillSection | ExitsOnlySection | PersonalSection] = {
        "consistent": config.consistent, "distill": config.distill, "exits_only": config.exits_only, "personal": config.personal,
    }
    own, imported = tables.get(config.train.scheme), config.train.scheme == "import" or config.import_.factory is not None
    if isinstance(own, ConsistentSection | PersonalSection):
        own = own.model_copy(update={"samples": None})
    return Training(
        # What files hold counts, not where they lie; and threads and device only make it faster.
        train=config.train.model_copy(update={"checkpoint": None, "start": None, "exit_weights": "equal"}), own=own,
        exit_weights=config.exit_weights, started=project.start is not None,
        # Without fine-tuning nothing is trained, for any number of epochs.
        epochs=max(1, config.import_.fine_tune) if imported else config.train.epochs,
        gate_epochs=config.train.gate_epochs,
    )


def train_settings(chosen: Training, held: "Held") -> "TrainSettings":
    """How to train, whatever the scheme."""
    from quant_models.training.train import TrainSettings

    train = chosen.train
    return TrainSettings(
        epochs=chosen.epochs, batch=train.batch_size, learning_rate=train.learning_rate, schedule=train.schedule,
        weight_decay=train.weight_decay, clip=train.clip, shift=train.shift, flip=train.flip, early_stop=train.early_stop,
        perturb=tuple(train.perturb or ()), perturb_strength=train.perturb_strength, validation=held.fraction, seed=held.seed,
        device=train.device,
    )


def train_scheme(chosen: Training) -> "Scheme":
    """The training scheme with its settings."""
    from quant_models.training.schemes import Consistent, Distill, ExitsOnly, Import, Joint, Personal

    own, weights = chosen.own, chosen.exit_weights
    if isinstance(own, ExitsOnlySection):
        epochs = (0 if chosen.started else chosen.epochs) if own.backbone_epochs is None else own.backbone_epochs
        return ExitsOnly(backbone_epochs=epochs, exits=None if own.exits is None else tuple(own.exits))
    if isinstance(own, DistillSection):
        return Distill(exit_weights=weights, **own.model_dump())
    if isinstance(own, ConsistentSection):
        return Consistent(exit_weights=weights, weight=own.weight, ramp=own.ramp, strength=own.strength, unlabelled=own.unlabelled,
                          perturb=None if own.perturb is None else tuple(own.perturb))
    if isinstance(own, PersonalSection):
        return Personal(labels=own.labels)
    return (Import if chosen.train.scheme == "import" else Joint)(exit_weights=weights)


def trained_on(chosen: Training, inputs: Mapping[str, Path], data: "Dataset", spec: "NetSpec") -> "Dataset":
    """What is trained on: one user's samples with scheme personal, else ``data``.

    Raises ``quant_models.errors.QuantModelError`` for samples or a starting checkpoint that do not fit.
    """
    from quant_models.datasets.npz import read_npz
    from quant_models.datasets.samples import as_samples
    from quant_models.networks.checkpoint import restore
    from quant_models.networks.cut import cut
    from quant_models.networks.net import MultiExitNet
    from quant_models.training.schemes import personal_data

    if not isinstance(chosen.own, PersonalSection):
        return data
    samples, start, labels = inputs["samples"], inputs["start"], chosen.own.labels
    arrays = read_npz(samples, ("x", "y") if labels == "true" else ("x",))
    x = as_samples(arrays["x"], data, f"{samples}: x")
    bare = replace(spec, gates=())
    model = MultiExitNet(bare)
    restore(model, cut(start, bare, other_bits=True).model, start)
    return personal_data(data, model.eval(), x, arrays.get("y"), labels)


def unlabelled(chosen: Training, inputs: Mapping[str, Path], data: "Dataset") -> "np.ndarray | None":
    """Further samples of the kind of ``data`` without labels, of scheme consistent; None when there are none.

    Raises ``quant_models.errors.QuantModelError`` for samples that do not fit.
    """
    from quant_models.datasets.npz import read_npz
    from quant_models.datasets.samples import as_samples

    samples = inputs.get("samples")
    if not isinstance(chosen.own, ConsistentSection) or samples is None:
        return None
    return as_samples(read_npz(samples, ("x_unlabelled",))["x_unlabelled"], data, f"{samples}: x_unlabelled")
