"""Step ``train`` with scheme import: a float network's weights become the quantised network's, and may be fine-tuned."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_flows.base.errors import ConfigError
from build_flows.project.training import ImportSection
from build_flows.steps import train
from build_flows.steps.data import data_inputs, data_named, read_data, split_off
from build_flows.steps.engine import Step, Work
from build_flows.steps.metrics import OUTPUTS, write_metrics
from build_flows.steps.seen import seen
from build_flows.steps.threads import set_threads
from build_flows.steps.topology import whole
from build_flows.steps.train_setup import train_scheme, train_settings

if TYPE_CHECKING:
    from build_flows.project.load import Project
    from quant_models.datasets.base import Dataset
    from quant_models.networks.spec import NetSpec

__all__ = ["Settings", "import_weights", "run", "step"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The training that follows, and how weights are taken over (``[import]`` without the place of the weights)."""

    train: train.Settings
    own: ImportSection


def step(project: "Project") -> Step:
    """``checkpoint.safetensors`` and ``metrics.json``, from the float network's weights."""
    assert project.weights is not None
    return Step(
        name="train", run=run, outputs=OUTPUTS, inputs={**data_inputs(project), "import": project.weights},
        settings=Settings(train=train.settings(project), own=project.config.import_.model_copy(update={"weights": None})), resumable=True,
        apart=train.APART, adopt=adopt,
        named={"data": data_named(project), "import": project.named("import.weights"), "project": project.name},
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes checkpoint and ``metrics.json``, in which ``import`` says what became of the float network (:func:`import_weights`)."""
    from quant_models.training.train import told

    job, tuned = chosen.train, chosen.own.fine_tune
    set_threads(job.training.train.threads)
    data = read_data(job.data, inputs, work)
    split_off(job.held, data, work)
    how = told(train_settings(job.training, job.held), train_scheme(job.training))
    how["settings"]["epochs"] = tuned
    start = work.folder / ("imported.safetensors" if tuned else OUTPUTS[0])
    found = import_weights(chosen, inputs, work, whole(job.network, data.classes, data.shape, work), data, how, start)
    metrics = {**how, **found["metrics"]}
    if tuned:
        metrics = train.fit(job, inputs, work, data, start)
        metrics["settings"] = how["settings"]
        start.unlink()
    write_metrics(work, data, {**metrics, "import": found["import"]})


def adopt(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> str:
    """Why an import of offramp 0.1 is made anew: after fine-tuning a checkpoint does not tell of which float weights it was."""
    return "float weights are imported again"


def import_weights(
    chosen: Settings, inputs: Mapping[str, Path], work: Work, spec: "NetSpec", data: "Dataset", told: dict[str, Any], target: Path
) -> dict[str, Any]:
    """Writes the checkpoint ``target``, of ``spec`` with the float weights; ``told`` (``quant_models.training.train.told``) is
    what it says of how it was made.

    Returns ``{"metrics", "import"}``: metrics as a training without epochs has them, and what ``metrics.json`` says of the float network:
    ``float``, its exits' accuracy and loss over the validation split, ``quantised``, those before fine-tuning, ``layers``, the module of
    the file that each layer was made of, ``calibration_images``. Raises :class:`ConfigError` for weights that do not fit.
    """
    import numpy as np

    from quant_models.bring.importing import import_network
    from quant_models.bring.weights_file import read_weights
    from quant_models.datasets.digest import data_digest
    from quant_models.datasets.load import split
    from quant_models.errors import QuantModelError
    from quant_models.networks.checkpoint import Checkpoint, save_checkpoint

    own, source, ui, part = chosen.own, inputs["import"], work.ui, chosen.train.held
    ui.info(f"importing float weights from {source}")
    try:
        shown_as = seen(own, data)
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: [import] {error}") from error
    kept, held = split(data, part.fraction, part.seed)
    shown = np.sort(np.random.default_rng(part.seed).permutation(kept)[: own.calibration_images])
    try:
        found = import_network(
            spec, read_weights(source), data.x_train[shown], (data.x_train[held], data.y_train[held]), mapping=own.mapping,
            seen=shown_as, bias_correction=own.bias_correction,
        )
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named['import']}: {error}") from error
    ui.info("layers: " + ", ".join(f"{layer} from {modules}" for layer, modules in found.layers.items()))
    for note in found.notes:
        ui.info(f"warning: {note}")
    for name, exits in (("float", found.float_exits), (f"{spec.name} quantised", found.exits)):
        ui.info(f"{name}: " + "  ".join(f"{100 * item['accuracy']:.2f} %" for item in exits))
    ui.info("warning: where the float network was trained on the validation split too, thresholds are calibrated on images that it knows")
    metrics = {"exits": found.exits, "history": [], "train_samples": len(kept), "validation_samples": len(held)}
    run = {**told, "data": data_digest(data), "start": hashlib.sha256(source.read_bytes()).hexdigest()}
    save_checkpoint(target, Checkpoint(spec=spec, model=found.model.state_dict(), progress={"run": run, "metrics": metrics}))
    more = {"float": found.float_exits, "quantised": found.exits, "layers": found.layers, "calibration_images": len(shown)}
    return {"metrics": metrics, "import": more}
