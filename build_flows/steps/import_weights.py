"""Scheme import's beginning: a float network's weights into a checkpoint of the quantised network."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_flows.base.errors import ConfigError
from build_flows.base.ui import Ui
from build_flows.project.load import Project
from build_flows.project.words import toml

if TYPE_CHECKING:
    from quant_models.bring.importing import Seen
    from quant_models.datasets.load import Dataset
    from quant_models.networks.spec import NetSpec

__all__ = ["import_weights", "seen"]


def seen(project: Project, data: "Dataset") -> "Seen":
    """What the float network saw of ``data``, as ``[import]`` says it."""
    from quant_models.bring.importing import seen_pixels, seen_values

    own = project.config.import_
    if own.divisor is None and data.scale is not None:
        return seen_values(data.scale.low, data.scale.step, own.mean, own.std)
    return seen_pixels(data.shape[2], 255.0 if own.divisor is None else own.divisor, own.mean, own.std)


def import_weights(project: Project, ui: Ui, spec: "NetSpec", data: "Dataset", told: dict[str, Any], target: Path) -> dict[str, Any]:
    """Writes the checkpoint ``target``, of ``spec`` with the project's float weights; ``told`` (``quant_models.training.train.told``) is
    what it says of how it was made.

    Returns ``{"metrics", "import"}``: metrics as a training without epochs has them, and what ``metrics.json`` says of the float network:
    ``float``, its exits' accuracy and loss over the validation split, ``quantised``, those before fine-tuning, ``layers``, the module of
    the file that each layer was made of, ``calibration_images``. Raises :class:`ConfigError` for weights that do not fit.
    """
    import numpy as np

    from quant_models.bring.importing import import_network
    from quant_models.bring.weights_file import read_weights
    from quant_models.datasets.load import split
    from quant_models.errors import QuantModelError
    from quant_models.networks.checkpoint import Checkpoint, save_checkpoint
    from quant_models.training.train import data_digest

    own, source = project.config.import_, project.weights
    assert source is not None
    ui.info(f"importing float weights from {source}")
    kept, held = split(data, project.config.data.validation, project.config.train.seed)
    chosen = np.sort(np.random.default_rng(project.config.train.seed).permutation(kept)[: own.calibration_images])
    try:
        found = import_network(
            spec, read_weights(source), data.x_train[chosen], (data.x_train[held], data.y_train[held]), mapping=own.mapping,
            seen=seen(project, data), bias_correction=own.bias_correction,
        )
    except QuantModelError as error:
        raise ConfigError(f"{project.file}: import.weights = {toml(own.weights)}: {error}") from error
    ui.info("layers: " + ", ".join(f"{layer} from {modules}" for layer, modules in found.layers.items()))
    for note in found.notes:
        ui.info(f"warning: {note}")
    for name, exits in (("float", found.float_exits), (f"{spec.name} quantised", found.exits)):
        ui.info(f"{name}: " + "  ".join(f"{100 * item['accuracy']:.2f} %" for item in exits))
    ui.info("warning: where the float network was trained on the validation split too, thresholds are calibrated on images that it knows")
    metrics = {"exits": found.exits, "history": [], "train_samples": len(kept), "validation_samples": len(held)}
    run = {**told, "data": data_digest(data), "start": hashlib.sha256(source.read_bytes()).hexdigest()}
    save_checkpoint(target, Checkpoint(spec=spec, model=found.model.state_dict(), progress={"run": run, "metrics": metrics}))
    more = {"float": found.float_exits, "quantised": found.exits, "layers": found.layers, "calibration_images": len(chosen)}
    return {"metrics": metrics, "import": more}
