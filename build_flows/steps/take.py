"""Step ``train`` with ``train.checkpoint``: the weights are cut out of a network that was trained before."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.steps.data import DataSettings, Held, data_inputs, data_named, data_settings, held_out, read_data, split_off
from build_flows.steps.engine import Step, Work
from build_flows.steps.metrics import OUTPUTS, warn_of_other_split, write_metrics
from build_flows.steps.threads import set_threads
from build_flows.steps.topology import Topology, topology, whole

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["Settings", "run", "step"]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which network is taken, and the images that measure it. Of how to train only the validation split is left."""

    data: DataSettings
    held: Held
    network: Topology
    threads: int


def step(project: "Project") -> Step:
    """``checkpoint.safetensors`` and ``metrics.json``, out of the project's checkpoint."""
    assert project.checkpoint is not None
    net = topology(project)
    return Step(
        name="train", run=run, outputs=OUTPUTS, inputs={**data_inputs(project), "weights": project.checkpoint},
        settings=Settings(
            data=data_settings(project), held=held_out(project), network=Topology(**{**vars(net), "subnet": None}),
            threads=project.config.train.threads,
        ),
        named={"data": data_named(project), "weights": project.named("train.checkpoint")},
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes the weights, and ``metrics.json`` with an empty ``history``, the ``settings`` of that training (null when the checkpoint does
    not tell) and ``taken``, ``{"digest", "exits"}``: the network it is of, and which of its exits these are.

    A checkpoint that lacks something, or weights that do not fit, raise :class:`build_flows.base.errors.ConfigError`.
    """
    from quant_models.errors import QuantModelError
    from quant_models.networks.checkpoint import load_model, save_checkpoint
    from quant_models.networks.cut import cut
    from quant_models.training.evaluate import evaluate

    set_threads(chosen.threads)
    data = read_data(chosen.data, inputs, work)
    kept, held = split_off(chosen.held, data, work)
    spec, source = whole(chosen.network, data.classes, data.shape, work), inputs["weights"]
    work.ui.info(f"taking the weights from {source}")
    try:
        taken = cut(source, spec)
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named['weights']}: {error}") from error
    run = taken.progress["run"] or {"settings": None, "data": None}
    warn_of_other_split(chosen.held, run, data, work)
    target = work.folder / OUTPUTS[0]
    save_checkpoint(target, taken)
    found = evaluate(load_model(target, spec), data.x_train[held], data.y_train[held])
    metrics = {"exits": found, "history": [], "train_samples": len(kept), "validation_samples": len(held)}
    save_checkpoint(target, replace(taken, progress={**taken.progress, "metrics": metrics}))
    write_metrics(work, data, {"settings": run["settings"], "taken": taken.progress["cut"], **metrics})
