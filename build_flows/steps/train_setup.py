"""What the configuration says of training, as the trainer takes it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from build_flows.project.load import Project

if TYPE_CHECKING:
    import numpy as np

    from quant_models.datasets.load import Dataset
    from quant_models.networks.spec import NetSpec
    from quant_models.training.schemes import Scheme
    from quant_models.training.train import TrainSettings

__all__ = ["train_scheme", "train_settings", "trained_on", "unlabelled"]


def train_settings(project: Project) -> "TrainSettings":
    """How to train, whatever the scheme."""
    from quant_models.training.train import TrainSettings

    chosen = project.config.train
    # Without fine-tuning nothing is trained, for any number of epochs.
    epochs = max(1, project.config.import_.fine_tune) if chosen.scheme == "import" else chosen.epochs
    return TrainSettings(
        epochs=epochs, batch=chosen.batch_size, learning_rate=chosen.learning_rate, schedule=chosen.schedule,
        weight_decay=chosen.weight_decay, clip=chosen.clip, shift=chosen.shift, flip=chosen.flip, early_stop=chosen.early_stop,
        validation=project.config.data.validation, seed=chosen.seed, device=chosen.device,
    )


def train_scheme(project: Project) -> "Scheme":
    """The training scheme with its settings."""
    from quant_models.training.schemes import Consistent, Distill, ExitsOnly, Import, Joint, Personal

    config, weights = project.config, project.config.exit_weights
    name = config.train.scheme
    if name == "exits_only":
        heads = config.exits_only
        epochs = (0 if project.start else config.train.epochs) if heads.backbone_epochs is None else heads.backbone_epochs
        return ExitsOnly(backbone_epochs=epochs, exits=None if heads.exits is None else tuple(heads.exits))
    if name == "distill":
        return Distill(exit_weights=weights, **config.distill.model_dump())
    if name == "consistent":
        own = config.consistent
        return Consistent(exit_weights=weights, weight=own.weight, ramp=own.ramp, strength=own.strength, unlabelled=own.unlabelled,
                          perturb=None if own.perturb is None else tuple(own.perturb))
    if name == "personal":
        return Personal(labels=config.personal.labels)
    if name == "import":
        return Import(exit_weights=weights)
    return Joint(exit_weights=weights)


def trained_on(project: Project, data: "Dataset", spec: "NetSpec") -> "Dataset":
    """What is trained on: one user's samples with scheme personal, else ``data``.

    Raises ``quant_models.errors.QuantModelError`` for samples or a starting checkpoint that do not fit.
    """
    from quant_models.datasets.npz import read_npz
    from quant_models.datasets.samples import as_samples
    from quant_models.networks.checkpoint import restore
    from quant_models.networks.cut import cut
    from quant_models.networks.net import MultiExitNet
    from quant_models.training.schemes import personal_data

    if project.config.train.scheme != "personal":
        return data
    assert project.samples is not None
    assert project.start is not None
    labels = project.config.personal.labels
    arrays = read_npz(project.samples, ("x", "y") if labels == "true" else ("x",))
    x = as_samples(arrays["x"], data, f"{project.samples}: x")
    bare = replace(spec, gates=())
    model = MultiExitNet(bare)
    restore(model, cut(project.start, bare, other_bits=True).model, project.start)
    return personal_data(data, model.eval(), x, arrays.get("y"), labels)


def unlabelled(project: Project, data: "Dataset") -> "np.ndarray | None":
    """Further samples of the kind of ``data`` without labels, of scheme consistent; None when there are none.

    Raises ``quant_models.errors.QuantModelError`` for samples that do not fit.
    """
    from quant_models.datasets.npz import read_npz
    from quant_models.datasets.samples import as_samples

    if project.config.train.scheme != "consistent" or project.samples is None:
        return None
    return as_samples(read_npz(project.samples, ("x_unlabelled",))["x_unlabelled"], data, f"{project.samples}: x_unlabelled")
