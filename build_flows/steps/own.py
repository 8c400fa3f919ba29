"""Step ``train`` with a network of the user's own: read, checked against itself in float, and handed on in integers. It came trained, or
was trained here by the step before (:mod:`build_flows.steps.own_train`)."""

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from build_flows.artefacts.own_layers import OwnNetwork, loose_steps, thresholds, write_golden
from build_flows.base.errors import ConfigError, OfframpError
from build_flows.project.places import NETWORK
from build_flows.project.sections import numbers
from build_flows.steps.data import DataSettings, Held, data_inputs, data_named, data_settings, held_out, read_data, split_off
from build_flows.steps.engine import Step, Work
from build_flows.steps.metrics import write_metrics
from build_flows.steps.own_module import TRAINING, WEIGHTS, OwnModule, key_of, module_named, own_module, refuse_misfit, user_module
from build_flows.steps.own_source import own_source
from build_flows.steps.threads import set_threads
from hw.exits.decision import BIAS_BITS
from sim import golden

if TYPE_CHECKING:
    from build_flows.project.config import Config
    from build_flows.project.load import Project
    from quant_models.datasets.base import Dataset
    from quant_models.training.records import TrainingFile

__all__ = ["EXECUTED", "OUTPUTS", "Settings", "compare_float", "run", "step"]

OUTPUTS = ("model.onnx", "golden.npz", "metrics.json", NETWORK)
EXECUTED = 32
"""Validation images that qonnx executes, slowly; Brevitas answers for all of them."""

NEAR = 1e-6

Logits = Sequence[npt.NDArray[Any]]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Which network: its ``module``, the project's ``name``, how many ``exits`` are configured, the stages ``after`` which they stand but
    the last (None: all that there are), and which one is built alone (``subnet``; None: all are); whether activations of -1 and 1 become
    ``bits``, which FINN's own matrix unit does not take, and whether heads are ``exchangeable``; and the images that measure it."""

    data: DataSettings
    held: Held
    module: OwnModule
    name: str
    exits: int
    after: tuple[int, ...] | None
    subnet: int | None
    threads: int
    bits: bool
    exchangeable: bool


def step(project: "Project", trained: Mapping[str, Path] | None = None) -> Step:
    """``model.onnx``, ``golden.npz`` and ``metrics.json`` of the user's network, as far as it is built, and ``network.onnx``, the QONNX
    that it was read from, with all its exits; of one that was trained here, ``trained`` is what :mod:`build_flows.steps.own_train` left,
    by names. Raises :class:`ConfigError` when there is no such module."""
    config, source = project.config, own_source(project)
    if trained:
        source = {**{key: file for key, file in source.items() if key != "weights"}, **trained}
    return Step(
        name="train", run=partial(run, modules=project.modules), outputs=OUTPUTS, inputs={**data_inputs(project), **source},
        settings=Settings(
            data=data_settings(project), held=held_out(project), module=own_module(project), name=project.name,
            exits=len(config.exits), after=_after(config), subnet=config.subnet, threads=config.train.threads,
            bits=config.build.layers == "fused", exchangeable=config.exchangeable,
        ),
        named={"data": data_named(project), **module_named(project)},
    )


def _after(config: "Config") -> tuple[int, ...] | None:
    """The stages after which early exits are said to stand; a single exit is the last one. None: nothing is said."""
    told = [item.after for item in config.exits[:-1]]
    return tuple(after for after, _ in config.layout) if not told or told[0] is not None else None


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work, *, modules: Path) -> None:
    """Writes the network in integers, as far as it is built, that of a factory whose modules are looked for in the folder ``modules``
    first, and ``metrics.json`` with ``own``, what was taken and what it was compared with, and no ``scheme`` where it was not trained here.

    Raises :class:`ConfigError` for a network that cannot be had, or read, or that does not fit data and exits configured;
    :class:`OfframpError` when its own float logits are not those of the integer network.
    """
    from build_flows.finn_bridge.write_qonnx import write_qonnx
    from quant_models.bring.modules import importable

    set_threads(chosen.threads)
    data = read_data(chosen.data, inputs, work)
    _, held = split_off(chosen.held, data, work)
    trained = None
    if TRAINING in inputs:
        from quant_models.training.records import TrainingFile

        trained = TrainingFile.load(inputs[TRAINING])
    else:
        work.ui.info("the network is your own, and is taken as it is; thresholds are calibrated on the validation split, which should be "
                     "images that it has not seen")
    work.ui.info("reading your network")
    images, labels = data.x_train[held], np.asarray(data.y_train[held], np.int64)
    if chosen.module.factory is None:
        network, found, name = _from_qonnx(chosen, inputs, work, data, images)
    else:
        with importable(modules):
            network, found, name = _from_factory(chosen, inputs, work, data, images)
    if trained is not None:
        _same_pixels(network, trained, work)
    whole = work.folder / "golden.npz"
    write_golden(network, chosen.name, whole)
    net = golden.load(whole)
    work.ui.info(f"{name} against the integer network: {len(found[0]):,} images")
    loose = compare_float(network, net, images[: len(found[0])], found, name)
    if loose:
        work.ui.info(f"{loose:,} of {len(found[0]):,} images hit a rounding boundary, where float32 may decide either way")
    kept, logits = _kept(chosen, work, len(network.heads)), net.run(images)
    built = kept if chosen.subnet is None else (kept[chosen.subnet],)
    if len(built) < len(network.heads):
        network = _cut(chosen, built, logits, images, work)
    write_qonnx(network, work.folder / "model.onnx")
    exits = [_measure(logits[k], net.scales[k], labels) for k in kept]
    weights = inputs.get(WEIGHTS, inputs.get("weights"))
    write_metrics(work, data, {
        **({"settings": None, "history": []} if trained is None else trained.told()), "exits": exits,
        "train_samples": len(data.y_train) - len(held), "validation_samples": len(held),
        "own": {
            "from": chosen.module.factory or inputs["qonnx"].name, "weights": None if weights is None else weights.name,
            "compared_with": name, "images": len(found[0]), "rounded": loose,
        },
    })


def _same_pixels(network: OwnNetwork, trained: "TrainingFile", work: Work) -> None:
    """Raise :class:`ConfigError` when a pixel is worth something else to the trained network than it was trained with."""
    if abs(network.fed / trained.fed - 1) > NEAR:
        raise ConfigError(
            f"{key_of(work)}: training moved the range of the images' quantiser: a pixel was worth {trained.fed:g}, and is read as "
            f"{network.fed:g} now; allowed: a quantiser of images with a constant scale (scaling_impl_type CONST)"
        )


def _kept(chosen: Settings, work: Work, count: int) -> tuple[int, ...]:
    """The exits of a network with ``count`` that the configuration has tables of; the last one is always among them."""
    if chosen.after is None:
        return tuple(range(count))
    for index, after in enumerate(chosen.after):
        if after > count - 2:
            allowed = f"an early exit after stage {numbers(range(count - 1))}" if count > 1 else "a single [[exits]] table"
            raise ConfigError(f"{work.file}: exits[{index}].after = {after}: the network has {count} exit{'s' * (count > 1)}, the last of "
                              f"which stands at its end; allowed: {allowed}")
    return (*chosen.after, count - 1)


def _cut(chosen: Settings, built: Sequence[int], logits: Logits, images: npt.NDArray[np.uint8], work: Work) -> OwnNetwork:
    """The network with the exits ``built`` alone, its ``golden.npz`` written; these must answer as they do in the whole one, whose
    ``logits`` are those of ``images``. Raises :class:`ConfigError` for what cannot be built without the others."""
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx

    told = f"exit {built[0]}" if len(built) == 1 else f"exits {', '.join(map(str, built))}"
    work.ui.info(f"taking {told} out of the network's {len(logits)}")
    try:
        network = read_qonnx(work.folder / NETWORK, bits=chosen.bits, exchangeable=chosen.exchangeable, keep=built)
    except CompileError as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error
    write_golden(network, chosen.name, work.folder / "golden.npz")
    for k, found in zip(built, golden.load(work.folder / "golden.npz").run(images), strict=True):
        if not np.array_equal(found, logits[k]):
            raise OfframpError(f"exit {k} by itself has other logits than in the whole network, of {len(images)} validation images")
    return network


def _from_qonnx(
    chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset", images: npt.NDArray[np.uint8]
) -> tuple[OwnNetwork, Logits, str]:
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from build_flows.finn_bridge.run_qonnx import run_qonnx

    try:
        shutil.copyfile(inputs["qonnx"], work.folder / NETWORK)
        network = read_qonnx(inputs["qonnx"], bits=chosen.bits, exchangeable=chosen.exchangeable)
        _fits(chosen, work, network, data)
        found = run_qonnx(inputs["qonnx"], images[:EXECUTED], network.fed, channels_last=network.channels_last)
    except CompileError as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error
    return network, found, "qonnx"


def _from_factory(
    chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset", images: npt.NDArray[np.uint8]
) -> tuple[OwnNetwork, Logits, str]:
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from quant_models.bring.own import export_own, float_logits
    from quant_models.errors import QuantModelError

    try:
        module = user_module(chosen.module, work, inputs.get(WEIGHTS, inputs.get("weights")), data)
        exported = work.folder / NETWORK
        export_own(module, data.shape, exported)
        network = read_qonnx(exported, bits=chosen.bits, exchangeable=chosen.exchangeable)
        _fits(chosen, work, network, data)
        found = float_logits(module, images, network.fed, bare=network.cut)
        return network, [found[place] for place in network.places], "Brevitas"
    except (QuantModelError, CompileError) as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error


def _fits(chosen: Settings, work: Work, network: OwnNetwork, data: "Dataset") -> None:
    """Tells what was taken otherwise than given, and refuses what does not fit."""
    for note in network.notes:
        work.ui.info(note)
    refuse_misfit(chosen.exits if chosen.after is None else len(network.heads), work, network, data)
    if chosen.exchangeable:
        _refuse_biases(network, work)


def _refuse_biases(network: OwnNetwork, work: Work) -> None:
    """Raise :class:`ConfigError` for biases of logits that an exchangeable head has no room for."""
    limit = 1 << (BIAS_BITS - 1)
    for k, head in enumerate(network.heads):
        assert head[-1].bias is not None
        most = int(head[-1].bias[np.argmax(abs(head[-1].bias))])
        if not -limit <= most < limit:
            raise ConfigError(
                f"{work.file}: build.exchangeable_heads = true: {head[-1].node} (exit {k}) has a bias of {most} units of its logits, and "
                f"exchangeable heads have biases of {BIAS_BITS} bits; allowed: {-limit} to {limit - 1}, of larger units (scales of its "
                "weights or inputs)"
            )


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
    ours = [np.rint(item / scale - (0.0 if head[-1].rest is None else head[-1].rest)).astype(np.int64)
            for item, scale, head in zip(found, net.scales, network.heads, strict=True)]
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
