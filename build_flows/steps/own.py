"""A user's own network in place of a trained preset: read, checked against itself in float, and handed on in integers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnNetwork, loose_steps, thresholds, write_golden
from build_flows.base.errors import ConfigError, OfframpError
from build_flows.base.files import write_json
from build_flows.base.ui import Ui
from build_flows.project.load import Project
from build_flows.project.words import toml
from sim import golden

if TYPE_CHECKING:
    from torch import nn

    from quant_models.datasets.load import Dataset

__all__ = ["EXECUTED", "compare_float", "integer_view", "source", "take"]

EXECUTED = 32
"""Validation images that qonnx executes, slowly; Brevitas answers for all of them."""

Logits = Sequence[npt.NDArray[Any]]


def _key(project: Project) -> str:
    """The key that names the network, with its value."""
    model = project.config.model
    key, value = ("factory", model.factory) if model.factory else ("qonnx", model.qonnx)
    return f"{project.file}: model.{key} = {toml(value)}"


def source(project: Project) -> dict[str, Path]:
    """The files that a step which makes the network depends on, by name; raises :class:`ConfigError` when there is no such module."""
    from quant_models.bring.own import find_source
    from quant_models.errors import QuantModelError

    model = project.config.model
    if model.factory is None:
        assert project.qonnx is not None
        return {"qonnx": project.qonnx}
    try:
        found = {"factory": find_source(model.factory, project.file.parent)}
    except QuantModelError as error:
        raise ConfigError(f"{_key(project)}: {error}; allowed: module:function, the module beside this file or on Python's path") from error
    return found if project.own_weights is None else {**found, "weights": project.own_weights}


def take(project: Project, ui: Ui, data: "Dataset", held: npt.NDArray[np.int64], record: dict[str, Any], work: Path) -> None:
    """Writes ``model.onnx``, ``golden.npz`` and ``metrics.json`` (``record``, and what is measured on the validation images ``held`` of
    ``data``) into ``work``.

    Raises :class:`ConfigError` for a network that cannot be had, or read, or that does not fit ``data`` and the exits configured;
    :class:`OfframpError` when its own float logits are not those of the integer network.
    """
    from build_flows.finn_bridge.write_qonnx import write_qonnx

    ui.info("reading your network")
    images, labels = data.x_train[held], np.asarray(data.y_train[held], np.int64)
    # Nothing of the user's is kept but what the integer network says.
    factory = project.config.model.factory
    network, found, name = _from_factory(project, data, images, work) if factory else _from_qonnx(project, data, images)
    write_golden(network, project.name, work / "golden.npz")
    write_qonnx(network, work / "model.onnx")
    net = golden.load(work / "golden.npz")
    ui.info(f"{name} against the integer network: {len(found[0]):,} images")
    loose = compare_float(network, net, images[: len(found[0])], found, name)
    if loose:
        ui.info(f"{loose:,} of {len(found[0]):,} images hit a rounding boundary, where float32 may decide either way")
    logits = net.run(images)
    exits = [_measure(item, scale, labels) for item, scale in zip(logits, net.scales, strict=True)]
    model = project.config.model
    write_json(work / "metrics.json", {
        **record, "history": [], "exits": exits, "train_samples": len(data.y_train) - len(held), "validation_samples": len(held),
        "own": {
            "from": model.factory or Path(str(model.qonnx)).name, "weights": None if model.weights is None else Path(model.weights).name,
            "compared_with": name, "images": len(found[0]), "rounded": loose,
        },
    })


def integer_view(golden_file: Path, images: npt.NDArray[np.uint8]) -> tuple[tuple[npt.NDArray[np.int64], ...], tuple[float, ...]]:
    """Integer logits (int64 ``[n, classes]``) of every exit for ``images`` (uint8 NHWC), and what one unit of each is worth."""
    net = golden.load(golden_file)
    return tuple(net.run(images)), tuple(net.scales)


def _from_qonnx(project: Project, data: "Dataset", images: npt.NDArray[np.uint8]) -> tuple[OwnNetwork, Logits, str]:
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from build_flows.finn_bridge.run_qonnx import run_qonnx

    assert project.qonnx is not None
    try:
        network = read_qonnx(project.qonnx)
        _fits(project, network, data)
        found = run_qonnx(project.qonnx, images[:EXECUTED], network.scale, channels_last=network.channels_last)
    except CompileError as error:
        raise ConfigError(f"{_key(project)}: {error}") from error
    return network, found, "qonnx"


def _from_factory(
    project: Project, data: "Dataset", images: npt.NDArray[np.uint8], work: Path
) -> tuple[OwnNetwork, Logits, str]:
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from quant_models.bring.own import export_own, float_logits, importable
    from quant_models.errors import QuantModelError

    try:
        with importable(project.file.parent):
            module = _module(project)
            exported = work / "exported.onnx"
            export_own(module, data.shape, exported)
            network = read_qonnx(exported)
            exported.unlink()
            _fits(project, network, data)
            return network, float_logits(module, images, network.scale), "Brevitas"
    except (QuantModelError, CompileError) as error:
        raise ConfigError(f"{_key(project)}: {error}") from error


def _module(project: Project) -> "nn.Module":
    """The network that the user's function returns, with its weights; its modules must be importable."""
    from quant_models.bring.own import load_weights, make_network
    from quant_models.errors import QuantModelError

    assert project.config.model.factory is not None
    module = make_network(project.config.model.factory)
    if project.own_weights is not None:
        try:
            load_weights(module, project.own_weights)
        except QuantModelError as error:
            raise ConfigError(f"{project.file}: model.weights = {toml(project.config.model.weights)}: {error}") from error
    return module


def _fits(project: Project, network: OwnNetwork, data: "Dataset") -> None:
    """Images, classes and exits must be those of data set and configuration."""
    count = len(project.config.exits)
    if len(network.heads) != count:
        raise ConfigError(
            f"{project.file}: exits = {toml([item.policy for item in project.config.exits])}: the network has {len(network.heads)} "
            "outputs, "
            f"not {count}; allowed: one [[exits]] table for each"
        )
    if network.shape != tuple(data.shape):
        shapes = ["x".join(map(str, shape)) for shape in (network.shape, data.shape)]
        raise ConfigError(
            f"{_key(project)}: takes images of {shapes[0]}, but those of data set {data.name} are {shapes[1]}; allowed: the same"
        )
    if network.classes != data.classes:
        raise ConfigError(f"{_key(project)}: has {network.classes} classes, but data set {data.name} {data.classes}; allowed: as many")


def _measure(logits: npt.NDArray[np.int64], scale: float, labels: npt.NDArray[np.int64]) -> dict[str, float]:
    """Accuracy and cross-entropy of one exit alone."""
    real = logits * scale
    real = real - real.max(axis=1, keepdims=True)
    chosen = real[np.arange(len(labels)), labels]
    loss = np.log(np.exp(real).sum(axis=1)) - chosen
    return {"accuracy": float((logits.argmax(1) == labels).mean()), "loss": float(loss.mean())}


def compare_float(network: OwnNetwork, net: golden.GoldenNet, images: npt.NDArray[np.uint8], found: Logits, name: str) -> int:
    """The network's own float logits ``found`` (by exit, ``[n, classes]``), which ``name`` computed, must be the integer ones of ``net``.

    Float32 sums in any order, so it may decide either way where an activation lies on a rounding boundary. An image with other logits is
    let pass only if the steps that lie so near (:func:`build_flows.artefacts.own_layers.loose_steps`), moved one way or the other, change
    its logits too; how many there were is returned. Any other raises :class:`OfframpError` with the first exit, image and class that
    differ.
    """
    wanted = net.run(images)
    ours = [np.rint(item / scale).astype(np.int64) for item, scale in zip(found, net.scales, strict=True)]
    differs = np.any([(a != b).any(axis=1) for a, b in zip(wanted, ours, strict=True)], axis=0)
    if not differs.any():
        return 0
    some = np.flatnonzero(differs)
    moved = np.zeros(len(some), bool)
    for sign in (-1, 1):
        other = _moved(network, net, sign).run(images[some])
        moved |= np.any([(a[some] != b).any(axis=1) for a, b in zip(wanted, other, strict=True)], axis=0)
    if not moved.all():
        sample = int(some[np.argmin(moved)])
        k, c = next((k, int(np.argmax(a[sample] != b[sample]))) for k, (a, b) in enumerate(zip(wanted, ours, strict=True))
                    if (a[sample] != b[sample]).any())
        raise OfframpError(
            f"logits of exit {k}, validation image {sample}, class {c}: the integer network has {wanted[k][sample, c]}, {name} "
            f"{found[k][sample, c] / net.scales[k]:.3f} ({int((~moved).sum())} of {len(images)} images differ)",
            hint="the network does something else than its exported graph says; a forward that is not the same in every run, perhaps",
        )
    return len(some)


def _moved(network: OwnNetwork, net: golden.GoldenNet, sign: int) -> golden.GoldenNet:
    """``net`` with every step that lies on a rounding boundary taken earlier (-1) or later (1)."""
    moves = {}
    for chain in (*network.stages, *network.heads):
        for layer in chain:
            if layer.act_bits:
                steps = thresholds(layer)
                moves[layer.name] = np.sort(steps + sign * loose_steps(layer, steps), axis=1)

    def chains(found: tuple[tuple[Any, ...], ...]) -> tuple[tuple[Any, ...], ...]:
        return tuple(tuple(replace(layer, steps=moves.get(layer.name, layer.steps)) for layer in chain) for chain in found)

    return replace(net, stages=chains(net.stages), heads=chains(net.heads))
