"""Step ``train-own``: a Brevitas network of the user's own is trained here, or a float one made a quantised one, and fine-tuned; step
``train`` (:mod:`build_flows.steps.own`) then reads it as it reads one that came trained."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.steps.data import DataSettings, Held, data_inputs, data_named, data_settings, held_out, read_data, split_off
from build_flows.steps.engine import Step, Work
from build_flows.steps.own_module import (
    TRAINING,
    WEIGHTS,
    OwnModule,
    float_module,
    key_of,
    module_named,
    own_module,
    quantised_module,
    refuse_misfit,
    seeded_module,
)
from build_flows.steps.own_source import own_source
from build_flows.steps.progress import training_bar
from build_flows.steps.threads import set_threads
from build_flows.steps.train_setup import Training, train_scheme, train_settings, training, unlabelled

if TYPE_CHECKING:
    from build_flows.artefacts.own_layers import OwnNetwork
    from build_flows.project.load import Project
    from quant_models.bring.graph_quantize import Seeing
    from quant_models.bring.own_training import OwnNet
    from quant_models.datasets.base import Dataset
    from quant_models.errors import Diverged

__all__ = ["APART", "OUTPUTS", "Settings", "run", "step"]

OUTPUTS = (WEIGHTS, TRAINING)
LAST_GOOD = "last_good.safetensors"
NEAR = 1e-6
APART = ("build_flows.artefacts", "build_flows.base.files", "build_flows.finn_bridge", "quant_models.files")
"""How files are written, and how a network is read: that tells which output is which exit and what a pixel is worth, which the reading of
what was trained checks again. Neither must cost hours of training."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is trained, on what, and how; it has ``exits`` exits, and a project's ``name``."""

    data: DataSettings
    held: Held
    module: OwnModule
    name: str
    exits: int
    training: Training


def step(project: "Project") -> Step:
    """``weights.safetensors``, the state dict of the user's network, and ``training.json``; goes on from an interrupted run."""
    samples = {} if project.samples is None else {"samples": project.samples}
    named = {"data": data_named(project), **module_named(project)}
    if project.samples is not None:
        named["samples"] = project.named("consistent.samples")
    return Step(
        name="train-own", run=partial(run, modules=project.modules), outputs=OUTPUTS, resumable=True, apart=APART,
        inputs={**data_inputs(project), **own_source(project), **samples},
        settings=Settings(
            data=data_settings(project), held=held_out(project), module=own_module(project), name=project.name,
            exits=len(project.config.exits), training=training(project),
        ),
        named=named,
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work, *, modules: Path) -> None:
    """Trains what the factory, whose modules are looked for in the folder ``modules`` first, returns.

    What could not be built is refused before it is trained: raises :class:`ConfigError` as step ``train`` does. A loss that is no number
    raises :class:`OfframpError`; the weights of the last good epoch are then in ``last_good.safetensors`` of the output folder.
    """
    from quant_models.bring.modules import importable
    from quant_models.bring.own_training import save_weights, train_own
    from quant_models.errors import Diverged, QuantModelError
    from quant_models.training.records import TrainingFile
    from quant_models.training.settings import told

    set_threads(chosen.training.train.threads)
    data = read_data(chosen.data, inputs, work)
    kept, _ = split_off(chosen.held, data, work)
    key = "samples" if "samples" in inputs else "data"
    try:
        more = unlabelled(chosen.training, inputs, data)
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named[key]}: {error}") from error
    how, scheme = train_settings(chosen.training, chosen.held), train_scheme(chosen.training)
    imported, tuned = chosen.module.imported, True
    with importable(modules):
        if imported is None:
            work.ui.info("reading your network as it is before training")
            module, told_of = seeded_module(chosen.module, inputs, work, chosen.held.seed), None
        else:
            module, told_of = _imported(chosen, inputs, work, data)
            tuned = imported.own.fine_tune > 0
        model, found = _ready(chosen, work, data, module, data.x_train[kept])
        try:
            if tuned:
                with training_bar(work.ui, chosen.name) as tell:
                    metrics = train_own(model, data, how, work.folder / OUTPUTS[0], tell, scheme=scheme, unlabelled=more)
            else:
                save_weights(model.network, work.folder / OUTPUTS[0])
                metrics = {"history": []}
        except Diverged as error:
            raise _stopped(work, error) from error
        except QuantModelError as error:
            raise ConfigError(f"{key_of(work)}: {error}") from error
    made = told(how, scheme)
    if not tuned:
        made["settings"]["epochs"] = 0
    TrainingFile.model_validate({
        **made, "fed": found.fed, **{name: metrics[name] for name in ("history", "kept_epochs") if name in metrics},
        **({} if told_of is None else {"import": told_of}),
    }).save(work.folder / OUTPUTS[1])


def _imported(
    chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset"
) -> "tuple[Seeing, dict[str, Any]]":
    """The float module quantised and calibrated, and what ``training.json`` says of it: every exit's metrics over the validation split, in
    float and quantised, and how many images ranges were found on."""
    import numpy as np

    from quant_models.bring.graph_quantize import calibrate
    from quant_models.bring.own_training import OwnNet, OwnSpec
    from quant_models.datasets.load import split
    from quant_models.errors import QuantModelError
    from quant_models.training.evaluate import evaluate

    assert chosen.module.imported is not None
    own = chosen.module.imported.own
    work.ui.info("quantising your float network")
    seeing = float_module(chosen.module, work, seeded_module(chosen.module, inputs, work, chosen.held.seed), data)
    found = quantised_module(chosen.module, work, seeing)
    kept, held = split(data, chosen.held.fraction, chosen.held.seed)
    shown = np.sort(np.random.default_rng(chosen.held.seed).permutation(kept)[: own.calibration_images])
    height, width, channels = data.shape
    exits = chosen.exits
    spec = OwnSpec(name=chosen.name, height=height, width=width, channels=channels, classes=data.classes, exits=exits)
    try:
        calibrate(found, data.x_train[shown], bias_correction=own.bias_correction)
        before, after = (
            evaluate(OwnNet(item, spec, fed=item.fed, places=tuple(range(exits)), bare=False), data.x_train[held], data.y_train[held])
            for item in (seeing, found)
        )
    except (QuantModelError, RuntimeError, IndexError) as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error
    for name, rows in (("float", before), ("quantised", after)):
        work.ui.info(f"{name}: " + "  ".join(f"{100 * row['accuracy']:.2f} %" for row in rows))
    return found, {"float": before, "quantised": after, "layers": {}, "calibration_images": len(shown)}


def _ready(
    chosen: Settings, work: Work, data: "Dataset", module: Any, images: Any
) -> "tuple[OwnNet, OwnNetwork]":
    """``module`` as it is before the first step, its ranges settled on training ``images``, and how its graph is read."""
    from quant_models.bring.own_training import OwnNet, OwnSpec, settle

    height, width, channels = data.shape
    spec = OwnSpec(name=chosen.name, height=height, width=width, channels=channels, classes=data.classes, exits=chosen.exits)
    for settled in (False, True):
        found = _read(chosen, work, data, module)
        model = OwnNet(module, spec, fed=found.fed, places=found.places, bare=found.cut)
        # What a pixel is worth may follow from the range of the images' quantiser.
        if settled or not settle(model, images, chosen.held.seed):
            break
    for note in found.notes:
        work.ui.info(note)
    if chosen.module.imported is not None and abs(found.fed / module.fed - 1) > NEAR:
        raise ConfigError(
            f"{work.file}: [import]: images are read as pixels times {found.fed:g}, where the float network was given pixels times "
            f"{module.fed:g}; allowed: import.mean and std of pixels over divisor"
        )
    return model, found


def _read(chosen: Settings, work: Work, data: "Dataset", module: Any) -> "OwnNetwork":
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from quant_models.bring.own import export_own
    from quant_models.errors import QuantModelError

    exported = work.folder / "exported.onnx"
    try:
        export_own(module, data.shape, exported)
        network = read_qonnx(exported)
    except (QuantModelError, CompileError) as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error
    finally:
        exported.unlink(missing_ok=True)
    refuse_misfit(chosen.exits, work, network, data)
    return network


def _stopped(work: Work, error: "Diverged") -> OfframpError:
    """What to say of a training that diverged; its last good weights go into the output folder, where no later run removes them."""
    from safetensors.torch import save

    from build_flows.base.files import write_bytes
    from quant_models.bring.own_training import kept_weights

    if error.kept is None:
        return OfframpError(str(error))
    kept = work.output / LAST_GOOD
    write_bytes(kept, save(kept_weights(error.kept)))
    return OfframpError(str(error), hint=f"{kept} holds the last good weights; model.weights begins with them")
