"""The first steps of a project: training, calibration and export, each from files to files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import write_bytes, write_json
from build_flows.base.ui import Ui
from build_flows.project.load import Project
from build_flows.project.words import toml
from quant_models.networks.layouts import outline

if TYPE_CHECKING:
    from quant_models.datasets.load import Dataset
    from quant_models.errors import Diverged
    from quant_models.exits.calibrate import ExitLogits
    from quant_models.exits.price import Price
    from quant_models.networks.spec import NetSpec

__all__ = ["calibrate", "dataset", "deploy", "export", "take_own", "train"]

METRICS_VERSION = 1
FAR = 0.02
"""A share that differs by more from the one wanted is told."""
LAST_GOOD = "last_good.safetensors"


def dataset(project: Project) -> "Dataset":
    """The project's data set; raises ``quant_models.errors.QuantModelError`` with one line when it is missing or unfit.

    Decoded images of a folder are kept in ``.data`` beside the output folder, for all projects there.
    """
    from quant_models.datasets import load as data

    chosen = project.config.data
    if chosen.name == "npz":
        assert project.data is not None
        return data.load_npz(project.data)
    resize = None if chosen.resize is None else (chosen.resize[0], chosen.resize[1])
    return data.load(
        chosen.name.replace("-", "_"), project.data, resize=resize, channels=chosen.channels, cache=project.output.parent / ".data"
    )


def _input(data: "Dataset") -> dict[str, Any]:
    """What ``metrics.json`` says of what the network takes and tells."""
    scale = None if data.scale is None else {"low": list(data.scale.low), "step": list(data.scale.step)}
    return {"shape": list(data.shape), "names": list(data.names), "scale": scale}


def _check_split(project: Project, data: "Dataset") -> None:
    """Every class must be in both parts of the training set, or nothing can be said of it."""
    from quant_models.datasets.load import split

    fraction = project.config.data.validation
    parts = zip(("training", "validation"), split(data, fraction, project.config.train.seed), strict=True)
    for part, index in parts:
        missing = np.setdiff1d(data.y_train, data.y_train[index])
        if len(missing):
            label = int(missing[0])
            raise ConfigError(
                f"{project.file}: data.validation = {fraction}: none of the {np.count_nonzero(data.y_train == label)} training samples of "
                f"class {data.names[label] if data.names else label} is in the {part} split; allowed: another share, or more samples"
            )


def _spec(project: Project, classes: int, shape: tuple[int, int, int]) -> Any:
    """The network for images of ``shape`` in ``classes``; raises :class:`build_flows.base.errors.ConfigError` when a layer does not fit
    them."""
    from quant_models.errors import QuantModelError
    from quant_models.networks.gate_layout import with_gates
    from quant_models.networks.layer_bits import with_bits
    from quant_models.networks.layouts import layout

    model = project.config.model
    assert model.preset is not None
    try:
        found = layout(
            model.preset, project.config.layout, weight_bits=model.weight_bits, act_bits=model.act_bits, classes=classes, shape=shape
        )
        found = with_gates(found, project.config.gates, model.weight_bits, model.act_bits)
    except QuantModelError as error:
        least, told = outline(model.preset).least, "x".join(map(str, shape))
        raise ConfigError(
            f'{project.file}: model.preset = "{model.preset}": its layers do not fit images of {told}: {error}; '
            f"allowed: {least[0]}x{least[1]} at least with the preset's own heads"
        ) from error
    try:
        return with_bits(found, {name: (item.get("weight"), item.get("act")) for name, item in (model.layer_bits or {}).items()})
    except QuantModelError as error:
        raise ConfigError(f"{project.file}: model.layer_bits = {toml(model.layer_bits)}: {error}") from error


def _built(project: Project, classes: int, shape: tuple[int, int, int]) -> Any:
    """The network that is built: that of :func:`_spec`, or the part of it that ``build.mode`` leaves."""
    from quant_models.networks.subnet import subnet_spec

    found = _spec(project, classes, shape)
    return found if project.config.subnet is None else subnet_spec(found, project.config.subnet)


def _threads(project: Project) -> None:
    import torch

    if project.config.train.threads:
        torch.set_num_threads(project.config.train.threads)


def train(project: Project, ui: Ui, work: Path) -> None:
    """Writes ``checkpoint.safetensors`` and ``metrics.json`` into ``work``; goes on from an interrupted run found there.

    With ``train.checkpoint`` the weights are cut out of that instead: ``metrics.json`` then has an empty ``history``, the ``settings`` of
    that training (null when the checkpoint does not tell) and ``taken``, ``{"digest", "exits"}``: the network it is of, and which of its
    exits these are. With scheme import ``import`` says what became of the float network
    (:func:`build_flows.steps.import_weights.import_weights`). A checkpoint that lacks something, or weights that do not fit, raise
    :class:`build_flows.base.errors.ConfigError`. A loss that is no number raises :class:`build_flows.base.errors.OfframpError`; the weights
    of the last good epoch are then in ``last_good.safetensors`` of the output folder.
    """
    from build_flows.steps.import_weights import import_weights
    from build_flows.steps.train_setup import train_scheme, train_settings, trained_on, unlabelled
    from quant_models.errors import Diverged
    from quant_models.networks.checkpoint import load_checkpoint
    from quant_models.training.gate_head import GateHeads
    from quant_models.training.train import Progress, told
    from quant_models.training.train import train as run

    _threads(project)
    settings, scheme = train_settings(project), train_scheme(project)
    data = dataset(project)
    _check_split(project, data)
    spec = _spec(project, data.classes, data.shape)
    if project.checkpoint is not None:
        _take(project, ui, project.checkpoint, spec, data, work)
        return
    if project.start is not None:
        _warn_of_other_split(project, ui, load_checkpoint(project.start).progress.get("run") or {}, data)
    start, target, how, more = project.start, work / "checkpoint.safetensors", told(settings, scheme), {}
    if project.weights is not None:
        tuned = project.config.import_.fine_tune
        how["settings"]["epochs"] = tuned
        start = work / "imported.safetensors" if tuned else target
        found = import_weights(project, ui, spec, data, how, start)
        metrics, more = found["metrics"], {"import": found["import"]}
        if not tuned:
            _write_metrics(work, data, {**how, **metrics, **more})
            return
    with ui.progress(f"training {spec.name}") as bar:
        def tell(step: Progress) -> None:
            text = f"loss {step.loss:.3f}"
            if step.accuracy is not None:
                text += "  exits " + "  ".join(f"{100 * share:.1f} %" for share in step.accuracy)
            bar.update(completed=step.epoch * step.steps + step.step + 1, total=step.epochs * step.steps, text=text)

        try:
            metrics = run(spec, trained_on(project, data, spec), settings, target, tell, scheme=scheme, start=start,
                          unlabelled=unlabelled(project, data), gates=GateHeads(epochs=project.config.train.gate_epochs))
        except Diverged as error:
            raise _stopped(project, error) from error
    _write_metrics(work, data, {**how, **metrics, **more})
    if start is not None and start != project.start:
        start.unlink()


def _write_metrics(work: Path, data: "Dataset", found: Mapping[str, Any]) -> None:
    write_json(work / "metrics.json", {"version": METRICS_VERSION, "data": data.name, "input": _input(data), **found})


def _stopped(project: Project, error: "Diverged") -> OfframpError:
    """What to say of a training that diverged; its last good weights are copied into the output folder, where no later run removes them."""
    if error.kept is None:
        return OfframpError(str(error))
    kept = project.output / LAST_GOOD
    write_bytes(kept, error.kept.read_bytes())
    return OfframpError(str(error), hint=f"{kept} holds the last good weights; train.start goes on from them")


def _warn_of_other_split(project: Project, ui: Ui, run: Mapping[str, Any], data: "Dataset") -> None:
    """Say so when weights of the training ``run`` may have seen what calibrates."""
    from quant_models.training.train import data_digest

    settings = run.get("settings") or {}
    here = (data_digest(data), project.config.data.validation, project.config.train.seed)
    if (run.get("data"), settings.get("validation"), settings.get("seed")) != here:
        ui.info(
            "warning: the weights were trained with other images, data.validation or train.seed; thresholds may be calibrated on images "
            "that they were trained on"
        )


def _take(project: Project, ui: Ui, source: Path, spec: Any, data: "Dataset", work: Path) -> None:
    """What :func:`train` writes, from the checkpoint ``source``."""
    from quant_models.datasets.load import split
    from quant_models.errors import QuantModelError
    from quant_models.networks.checkpoint import load_model, save_checkpoint
    from quant_models.networks.cut import cut
    from quant_models.training.train import evaluate

    ui.info(f"taking the weights from {source}")
    try:
        taken = cut(source, spec)
    except QuantModelError as error:
        raise ConfigError(f"{project.file}: train.checkpoint = {toml(project.config.train.checkpoint)}: {error}") from error
    run = taken.progress["run"] or {"settings": None, "data": None}
    _warn_of_other_split(project, ui, run, data)
    target = work / "checkpoint.safetensors"
    kept, held = split(data, project.config.data.validation, project.config.train.seed)
    save_checkpoint(target, taken)
    found = evaluate(load_model(target, spec), data.x_train[held], data.y_train[held])
    metrics = {"exits": found, "history": [], "train_samples": len(kept), "validation_samples": len(held)}
    save_checkpoint(target, replace(taken, progress={**taken.progress, "metrics": metrics}))
    _write_metrics(work, data, {"settings": run["settings"], "taken": taken.progress["cut"], **metrics})


def deploy(project: Project, ui: Ui, checkpoint: Path, work: Path) -> None:
    """Writes ``subnet.safetensors``: of the trained network in ``checkpoint`` what mode subnet builds."""
    from quant_models.networks.checkpoint import save_checkpoint
    from quant_models.networks.subnet import subnet

    assert project.config.subnet is not None
    ui.info(f"taking exit {project.config.subnet} out of the network")
    save_checkpoint(work / "subnet.safetensors", subnet(checkpoint, project.config.subnet))


def take_own(project: Project, ui: Ui, work: Path) -> None:
    """Writes ``model.onnx``, ``golden.npz`` and ``metrics.json`` of the user's own network into ``work``; training it is theirs.

    ``metrics.json`` has ``own``, what was taken and what it was compared with, and no ``scheme``. Errors are those of
    :func:`build_flows.steps.own.take`.
    """
    from build_flows.steps.own import take
    from quant_models.datasets.load import split

    _threads(project)
    data = dataset(project)
    _check_split(project, data)
    _, held = split(data, project.config.data.validation, project.config.train.seed)
    ui.info("the network is your own: training it is yours, so nothing is trained here; thresholds are calibrated on the validation split, "
            "which should be images that it has not seen")
    take(project, ui, data, held, {"version": METRICS_VERSION, "data": data.name, "input": _input(data), "settings": None}, work)


def calibrate(project: Project, ui: Ui, checkpoint: Path, work: Path) -> None:
    """Writes ``exits.json``, integer thresholds found on the validation split with the exact integer logits, and ``tradeoff.json``,
    what other thresholds would give (:func:`quant_models.judge.tradeoff.tradeoff`). Of a user's own network ``checkpoint`` is its
    ``golden.npz``.
    """
    from quant_models.datasets.load import split
    from quant_models.errors import Unreachable
    from quant_models.exits.calibrate import calibrate as run
    from quant_models.exits.calibrate import dump_exits
    from quant_models.judge.tradeoff import VERSION, tradeoff

    _threads(project)
    ui.info("calibrating thresholds on the validation split")
    data = dataset(project)
    _, held = split(data, project.config.data.validation, project.config.train.seed)
    exits, gates = _exit_logits(project, data, checkpoint, data.x_train[held])
    chosen = project.config.calibrate
    loss = None if chosen.accuracy_loss is None else chosen.accuracy_loss / 100
    shares, mean_cost, price = chosen.shares, chosen.mean_cost, None
    if project.config.subnet is not None and loss is None:
        # Shares and costs are of early exits, of which a subnet has none.
        shares, mean_cost = [], None
    elif mean_cost is not None:
        price = _price(_built(project, data.classes, data.shape), chosen.cost)
    try:
        found = run(
            exits, data.y_train[held], accuracy_loss=loss, shares=shares, mean_cost=mean_cost, price=price, epsilon=chosen.epsilon,
            temperature=chosen.temperature,
        )
    except Unreachable as error:
        raise ConfigError(
            f"{project.file}: calibrate.mean_cost = {mean_cost:g}: {error}; allowed: {ceil(error.least * 1e4) / 1e4:g} to 1"
        ) from error
    if shares:
        _warn_of_shares(ui, shares, [item["leave"] for item in found["exits"]])
    if mean_cost is not None:
        told = found["calibration"]
        ui.info(f"mean cost: {100 * told['mean_cost']:.1f} % of the whole network's {told['wanted']['cost']}")
    dump_exits(found, work / "exits.json")
    curves = tradeoff(found, [item.logits for item in exits], data.y_train[held], gates=gates)
    write_json(work / "tradeoff.json", {"version": VERSION, "curves": curves})


def _warn_of_shares(ui: Ui, wanted: Sequence[float], reached: Sequence[float]) -> None:
    """Say so when samples of equal scores, which leave together or not at all, keep the ``reached`` shares from those ``wanted``."""
    if any(abs(one - other) > FAR for one, other in zip(wanted, reached, strict=False)):
        shown = [", ".join(f"{share:.3f}" for share in shares) for shares in (wanted, reached[: len(wanted)])]
        ui.info(
            f"warning: calibrate.shares wants {shown[0]}; the nearest that thresholds can give is {shown[1]}: samples of equal "
            "scores leave together"
        )


def _price(spec: "NetSpec", cost: str) -> "Price":
    """What samples cost in ``calibrate.cost``, exit by exit, beside the network without early exits."""
    from quant_models.exits.price import Price
    from quant_models.networks.cost import exit_costs, last_alone

    key, unit = ("macs", "MACs") if cost == "macs" else ("bitops", "bit operations")
    upto = [getattr(item, key) for item in exit_costs(spec)]
    steps = tuple(float(now - before) for before, now in pairwise([0, *upto]))
    return Price(steps=steps, whole=float(getattr(last_alone(spec), key)), unit=unit)


def _exit_logits(
    project: Project, data: "Dataset", checkpoint: Path, images: np.ndarray
) -> "tuple[list[ExitLogits], dict[int, np.ndarray]]":
    """What every exit makes of ``images`` in exact integers, and by exit the gate heads' logits."""
    from build_flows.steps.own import integer_view
    from quant_models.exits.calibrate import ExitLogits
    from quant_models.integers.export import golden
    from quant_models.integers.view import integer_outputs
    from quant_models.networks.checkpoint import load_model
    from quant_models.networks.exchange import logit_bits
    from quant_models.training.gate_head import gate_units

    built = project.config.built
    if project.config.model.own:
        return [
            ExitLogits(policy=item.policy, logits=logits, scale=scale, score=item.score or "softmax")
            for item, logits, scale in zip(built, *integer_view(checkpoint, images), strict=True)
        ], {}
    model = load_model(checkpoint, _built(project, data.classes, data.shape))
    meta, _ = golden(model)
    widths = logit_bits(model.spec) if project.config.exchangeable else (None,) * model.spec.exits
    found, gates = integer_outputs(model, images)
    exits = [
        ExitLogits(policy=item.policy, logits=logits, scale=head["layers"][-1]["scale"], score=item.score or "softmax", fixed_bits=bits)
        for item, logits, head, bits in zip(built, found, meta["heads"], widths, strict=True)
    ]
    for k, unit in gate_units(model).items():
        exits[k] = replace(exits[k], gate=gates[k], gate_bits=unit.bits, gate_scale=unit.scale)
    return exits, gates


def export(project: Project, ui: Ui, checkpoint: Path, work: Path) -> None:
    """Writes ``model.onnx`` (QONNX) and ``golden.npz``."""
    from quant_models.integers.export import export_golden, export_qonnx
    from quant_models.networks.checkpoint import load_checkpoint, load_model

    ui.info("exporting QONNX and integer parameters")
    found = load_checkpoint(checkpoint).spec
    model = load_model(checkpoint, _built(project, found.classes, (found.height, found.width, found.channels)))
    export_golden(model, work / "golden.npz")
    export_qonnx(model, work / "model.onnx")
