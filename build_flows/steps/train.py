"""Step ``train``: a preset's network is trained here.

Of other networks the step has other work: weights that are cut out of a checkpoint (:mod:`build_flows.steps.take`), those of a float
network (:mod:`build_flows.steps.import_weights`), and the user's own network (:mod:`build_flows.steps.own`), which may have been trained
by a step before it (:mod:`build_flows.steps.own_train`). All leave ``metrics.json``.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import write_bytes
from build_flows.steps.data import DataSettings, Held, data_inputs, data_named, data_settings, dataset, held_out, read_data, split_off
from build_flows.steps.engine import Step, Work
from build_flows.steps.metrics import OUTPUTS, warn_of_other_split, write_metrics
from build_flows.steps.progress import training_bar
from build_flows.steps.threads import set_threads
from build_flows.steps.topology import Topology, topology, whole
from build_flows.steps.train_setup import Training, train_scheme, train_settings, trained_on, training, unlabelled

if TYPE_CHECKING:
    from build_flows.project.load import Project
    from quant_models.datasets.base import Dataset
    from quant_models.errors import Diverged

__all__ = ["APART", "Settings", "fit", "run", "settings", "step"]

LAST_GOOD = "last_good.safetensors"
APART = ("build_flows.base.files", "quant_models.files", "quant_models.networks.checkpoint")
"""How files are written must not cost hours of training."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained, on what, and how."""

    data: DataSettings
    held: Held
    network: Topology
    training: Training


def settings(project: "Project") -> Settings:
    """What the configuration says of training."""
    # How much of the network is built does not matter to what is trained.
    net = topology(project)
    return Settings(
        data=data_settings(project), held=held_out(project), network=Topology(**{**vars(net), "subnet": None}), training=training(project)
    )


def step(project: "Project") -> Step:
    """``checkpoint.safetensors`` and ``metrics.json``; goes on from an interrupted run."""
    files = {"start": project.start, "samples": project.samples}
    return Step(
        name="train", run=run, outputs=OUTPUTS, inputs={**data_inputs(project), **{key: file for key, file in files.items() if file}},
        settings=settings(project), resumable=True, adopt=adopt, apart=APART, named=_named(project),
    )


def _named(project: "Project") -> dict[str, str]:
    """How the configuration names what a training reads."""
    found = {"data": data_named(project), "project": project.name}
    if project.start is not None:
        found["start"] = project.named("train.start")
    if project.samples is not None:
        found["samples"] = project.named(f"{project.config.train.scheme}.samples")
    return found


@contextmanager
def _told_of(work: Work, key: str) -> Iterator[None]:
    """What is wrong with ``key`` of ``work.named`` is told with it."""
    from quant_models.errors import QuantModelError

    try:
        yield
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named[key]}: {error}") from error


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Train, or go on from an interrupted run found in the work folder.

    A loss that is no number raises :class:`build_flows.base.errors.OfframpError`; the weights of the last good epoch are then in
    ``last_good.safetensors`` of the output folder.
    """
    from quant_models.networks.checkpoint import load_checkpoint

    set_threads(chosen.training.train.threads)
    data = read_data(chosen.data, inputs, work)
    split_off(chosen.held, data, work)
    start = inputs.get("start")
    if start is not None:
        with _told_of(work, "start"):
            begun = load_checkpoint(start)
        warn_of_other_split(chosen.held, begun.progress.get("run") or {}, data, work)
    write_metrics(work, data, fit(chosen, inputs, work, data, start))


def fit(chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset", start: Path | None) -> dict[str, Any]:
    """Writes ``checkpoint.safetensors``, trained from the checkpoint ``start`` (None: new weights); what ``metrics.json`` says of it."""
    from quant_models.errors import Diverged
    from quant_models.networks.cut import cut
    from quant_models.training.gate_head import GateHeads
    from quant_models.training.train import told, train

    how, scheme = train_settings(chosen.training, chosen.held), train_scheme(chosen.training)
    spec = whole(chosen.network, data.classes, data.shape, work)
    if start is not None and "start" in work.named:
        with _told_of(work, "start"):
            cut(start, replace(spec, gates=()), scheme.taken(spec), other_bits=True)
    key = "samples" if "samples" in inputs else "data"
    with _told_of(work, key):
        shown, more = trained_on(chosen.training, inputs, data, spec), unlabelled(chosen.training, inputs, data)
    try:
        with training_bar(work.ui, work.named["project"]) as tell:
            metrics = train(
                spec, shown, how, work.folder / OUTPUTS[0], tell, scheme=scheme, start=start, unlabelled=more,
                gates=GateHeads(epochs=chosen.training.gate_epochs),
            )
    except Diverged as error:
        raise _stopped(work, error) from error
    return {**told(how, scheme), **metrics}


def adopt(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> str | None:
    """Whether offramp 0.1 trained the checkpoint as :func:`run` would: None, or what was otherwise then."""
    from quant_models.errors import QuantModelError
    from quant_models.networks.checkpoint import load_checkpoint
    from quant_models.training.gate_head import GateHeads
    from quant_models.training.train import run_identity

    how, start = chosen.training, inputs.get("start")
    try:
        found = load_checkpoint(work.output / OUTPUTS[0])
        data = dataset(chosen.data, inputs, work.caches)
        spec = whole(chosen.network, data.classes, data.shape, work)
        wanted = run_identity(
            spec, trained_on(how, inputs, data, spec), train_settings(how, chosen.held), train_scheme(how), start=start,
            unlabelled=unlabelled(how, inputs, data), gates=GateHeads(epochs=how.gate_epochs),
        )
    except (QuantModelError, OfframpError) as error:
        return str(error)
    other = [] if spec == found.spec else ["another network"]
    other += _otherwise(wanted, found.progress.get("run") or {})
    return f"it was trained with {', '.join(other)}" if other else None


def _otherwise(wanted: Mapping[str, Any], trained: Mapping[str, Any]) -> list[str]:
    """What of the training ``trained`` is not as ``wanted``, in words; both as a checkpoint holds them."""
    told = {"data": "other images", "start": "another train.start", "unlabelled": "other samples without labels"}
    found: dict[str, str] = {}
    for part in dict.fromkeys((*wanted, *trained)):
        now, then = wanted.get(part), trained.get(part)
        if now == then:
            continue
        if isinstance(now, dict) and isinstance(then, dict):
            # What stands in both the settings and the scheme is told once.
            found |= {key: f"{key} = {then.get(key)}, not {now.get(key)}" for key in (*now, *then) if now.get(key) != then.get(key)}
        else:
            found[part] = told.get(part, f"other {part}")
    return list(found.values())


def _stopped(work: Work, error: "Diverged") -> OfframpError:
    """What to say of a training that diverged; its last good weights are copied into the output folder, where no later run removes them."""
    if error.kept is None:
        return OfframpError(str(error))
    kept = work.output / LAST_GOOD
    write_bytes(kept, error.kept.read_bytes())
    return OfframpError(str(error), hint=f"{kept} holds the last good weights; train.start goes on from them")
