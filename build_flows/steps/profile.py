"""Step ``profile``: where a network's accuracy goes, layer by layer: ``profile.json`` (docs/interfaces.md, section 19) and its page."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from build_flows.base.errors import ConfigError, OfframpError
from build_flows.project.training import ImportSection
from build_flows.steps.data import DataSettings, Held, data_inputs, data_named, data_settings, held_out, read_data, split_off
from build_flows.steps.engine import Step, Work
from build_flows.steps.own_source import own_source
from build_flows.steps.threads import set_threads
from quant_models.judge.profile_records import ProfileFile

if TYPE_CHECKING:
    from torch import Tensor, nn

    from build_flows.project.load import Project
    from quant_models.datasets.base import Dataset

__all__ = ["MOST", "OUTPUTS", "Settings", "own_step", "run", "step"]

OUTPUTS = ("profile.json", "profile.html", "profile")
MOST = 4000
"""Validation images that are looked at, at most: each runs through the network several times a layer."""

TWIN = "the same network with its quantisers switched off (same weights, nothing rounded)"
TUNED = "the fine-tuned network with its quantisers switched off: fine-tuning moved its weights away from those that were imported"


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, the project's ``name``, and where the network comes from: a ``factory`` of the user's (None: trained here), or float
    weights that were taken over by ``own`` and not tuned since (None: other ones); ``tuned``: they were tuned."""

    data: DataSettings
    held: Held
    name: str
    threads: int
    factory: str | None = None
    own: ImportSection | None = None
    tuned: bool = False


@dataclass(frozen=True, kw_only=True)
class _Nets:
    """The quantised ``network`` and the ``reference``, ``told`` in words, that is float beside it; how ``logits`` are had of either; what
    a unit at a path is called; and what images hold where a pixel is 1."""

    network: "nn.Module"
    reference: "nn.Module"
    told: str
    logits: "Callable[[nn.Module, Tensor], Sequence[Tensor]]"
    named: Callable[[str], str]
    pixel: float


def step(project: "Project", checkpoint: Path) -> Step:
    """``profile.json``, ``profile.html`` and plots of the network trained here that is in ``checkpoint``, all its exits."""
    config = project.config
    imported = config.train.scheme == "import" and project.checkpoint is None
    tuned = imported and config.import_.fine_tune > 0
    inputs = {"checkpoint": checkpoint, **data_inputs(project)}
    named = {"data": data_named(project)}
    own = None
    if imported and not tuned:
        assert project.weights is not None
        inputs["import"], named["import"] = project.weights, project.named("import.weights")
        own = config.import_.model_copy(update={"weights": None})
    return Step(name="profile", run=run, outputs=OUTPUTS, inputs=inputs, named=named,
                settings=Settings(**_shared(project), own=own, tuned=tuned))


def own_step(project: "Project") -> Step:
    """The same of the network that the user's factory makes; raises :class:`OfframpError` for a QONNX file, whose graph has no float
    network in it."""
    if project.config.model.factory is None:
        raise OfframpError(f"{project.file}: {project.named('model.qonnx')}: offramp profile runs a network as a PyTorch module; allowed: "
                           "model.preset or model.factory")
    return Step(
        name="profile", run=partial(run, modules=project.modules), outputs=OUTPUTS,
        inputs={**data_inputs(project), **own_source(project)},
        settings=Settings(**_shared(project), factory=project.config.model.factory),
        named={"data": data_named(project), "network": project.named("model.factory"),
               **({"weights": project.named("model.weights")} if project.config.model.weights else {})},
    )


def _shared(project: "Project") -> dict[str, Any]:
    return {"data": data_settings(project), "held": held_out(project), "name": project.name, "threads": project.config.train.threads}


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work, *, modules: Path | None = None) -> None:
    """Writes where the accuracy goes; a factory's modules are looked for in the folder ``modules``."""
    import torch

    from build_flows.pages.profile_page import write_files
    from quant_models.bring.modules import importable
    from quant_models.judge.profile import profile

    set_threads(chosen.threads)
    data = read_data(chosen.data, inputs, work)
    kept, held = split_off(chosen.held, data, work)
    # Evenly spread: sets may be sorted by class.
    some = held[np.linspace(0, len(held) - 1, min(len(held), MOST)).round().astype(np.int64)]
    with nullcontext() if modules is None else importable(modules):
        nets = _trained(chosen, inputs, work, data, kept) if chosen.factory is None else _own(chosen, inputs, work, data)
        work.ui.info(f"float: {nets.told}")
        x = torch.from_numpy(np.ascontiguousarray(data.x_train[some].transpose(0, 3, 1, 2))).to(torch.float32) * nets.pixel
        with work.ui.progress(f"profiling {chosen.name} on {len(some):,} validation images") as bar:
            found = profile(nets.network, nets.reference, nets.logits, x, np.asarray(data.y_train[some], np.int64), named=nets.named,
                            tell=lambda done, total: bar.update(completed=done, total=total))
    write_files(ProfileFile(
        project=chosen.name, preset=chosen.factory is None, reference=nets.told, samples=len(some), float_accuracy=found.float_accuracy,
        accuracy=found.accuracy, whole=found.whole, units=found.units,
    ), work.folder)


def _trained(chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset", kept: np.ndarray) -> _Nets:
    from quant_models.networks.checkpoint import load_model

    network = load_model(inputs["checkpoint"])
    reference, told = network, TUNED if chosen.tuned else TWIN
    if chosen.own is not None:
        reference, told = _imported(chosen, inputs, work, data, kept, network), f"the float weights of {inputs['import'].name}"
    return _Nets(network=network, reference=reference, told=told, logits=lambda net, x: net(x), named=_layer, pixel=1 / 256)


def _imported(
    chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset", kept: np.ndarray, network: Any
) -> "nn.Module":
    """The imported network as it was before its biases were corrected for what quantisation does: with its quantisers off it is the float
    network."""
    from build_flows.steps.seen import seen
    from quant_models.bring.importing import import_network
    from quant_models.bring.weights_file import read_weights
    from quant_models.errors import QuantModelError

    own = chosen.own
    assert own is not None
    shown = np.sort(np.random.default_rng(chosen.held.seed).permutation(kept)[: own.calibration_images])
    few = data.x_train[shown[:1]], data.y_train[shown[:1]]
    try:
        return import_network(
            network.spec, read_weights(inputs["import"]), data.x_train[shown], few, mapping=own.mapping, seen=seen(own, data),
            bias_correction=False,
        ).model
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named['import']}: {error}") from error


def _own(chosen: Settings, inputs: Mapping[str, Path], work: Work, data: "Dataset") -> _Nets:
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from quant_models.bring.bare import BareLogits
    from quant_models.bring.own import export_own, load_weights, make_network, run_network
    from quant_models.errors import QuantModelError

    assert chosen.factory is not None
    try:
        module = make_network(chosen.factory)
        if "weights" in inputs:
            load_weights(module, inputs["weights"])
        exported = work.folder / "exported.onnx"
        export_own(module, data.shape, exported)
        read = read_qonnx(exported)
        exported.unlink()
    except (QuantModelError, CompileError) as error:
        raise ConfigError(f"{work.file}: {work.named['network']}: {error}") from error

    def logits(network: "nn.Module", x: "Tensor") -> list["Tensor"]:
        with BareLogits() if read.cut else nullcontext():
            found = run_network(network, x)
        return [found[place] for place in read.places]

    return _Nets(network=module, reference=module, told=TWIN, logits=logits, named=str, pixel=read.fed)


def _layer(path: str) -> str:
    """The name that the report has of the layer whose module is at ``path`` of a network trained here."""
    parts = path.split(".")
    return parts[2] if parts[0] in ("stages", "heads") else "image"
