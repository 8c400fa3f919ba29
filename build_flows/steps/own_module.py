"""The torch module of a network of the user's own, as the steps that train and read it make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.project.training import ImportSection
from build_flows.project.words import toml

if TYPE_CHECKING:
    from torch import nn

    from build_flows.artefacts.own_layers import OwnNetwork
    from build_flows.project.load import Project
    from build_flows.steps.engine import Work
    from quant_models.bring.graph_quantize import Seeing
    from quant_models.datasets.base import Dataset

__all__ = [
    "TRAINING", "WEIGHTS", "Imported", "OwnModule", "float_module", "key_of", "module_named", "own_module", "quantised_module",
    "refuse_misfit", "seeded_module", "user_module",
]


WEIGHTS, TRAINING = "weights.safetensors", "training.json"
"""What a training of it here leaves: the state dict of the user's module, and how it was made."""


@dataclass(frozen=True, kw_only=True)
class Imported:
    """How a float module becomes a quantised one: ``[import]`` without places, and the bits of weights and activations."""

    own: ImportSection
    weight_bits: int
    act_bits: int


@dataclass(frozen=True, kw_only=True)
class OwnModule:
    """Which module: ``factory``, the function that makes it (None: a QONNX file, of which there is none); ``imported`` where that gives a
    float one."""

    factory: str | None
    imported: Imported | None = None


def own_module(project: "Project") -> OwnModule:
    """What the configuration says of it."""
    config = project.config
    if config.import_.factory is None:
        return OwnModule(factory=config.model.factory)
    own = config.import_.model_copy(update={"weights": None, "factory": None})
    return OwnModule(factory=config.import_.factory,
                     imported=Imported(own=own, weight_bits=config.model.weight_bits, act_bits=config.model.act_bits))


def module_named(project: "Project") -> dict[str, str]:
    """How the configuration names the network, its weights and its exits."""
    config = project.config
    key = "import.factory" if config.import_.factory else f"model.{'factory' if config.model.factory else 'qonnx'}"
    named = {"network": project.named(key), "exits": f"exits = {toml([item.policy for item in config.exits])}"}
    for told, place in (("model.weights", config.model.weights), ("import.weights", config.import_.weights)):
        named |= {"weights": project.named(told)} if place else {}
    return named


def key_of(work: "Work") -> str:
    """The key that names the network, with its value."""
    return f"{work.file}: {work.named['network']}"


def user_module(chosen: OwnModule, work: "Work", weights: Path | None, data: "Dataset") -> "nn.Module":
    """The Brevitas network that the user's function returns, or the float one with quantisers, with ``weights`` (None: its own); its
    modules must be importable."""
    if chosen.imported is None:
        return _made(chosen, work, weights)
    found = quantised_module(chosen, work, float_module(chosen, work, None, data))
    return found if weights is None else _loaded(found, work, weights)


def seeded_module(chosen: OwnModule, inputs: Mapping[str, Path], work: "Work", seed: int) -> "nn.Module":
    """What the user's function returns, with the weights that the project names; what it draws at random follows from ``seed``."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _made(chosen, work, inputs.get("weights"))


def float_module(chosen: OwnModule, work: "Work", module: "nn.Module | None", data: "Dataset") -> "Seeing":
    """The float ``module`` (None: made anew) as it is given images of ``data``."""
    from build_flows.steps.seen import seen
    from quant_models.bring.graph_quantize import Seeing
    from quant_models.errors import QuantModelError

    assert chosen.imported is not None
    try:
        return Seeing(module or _made(chosen, work, None), seen(chosen.imported.own, data))
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: [import] {error}") from error


def quantised_module(chosen: OwnModule, work: "Work", seeing: "Seeing") -> "Seeing":
    """``seeing`` with quantisers, whose ranges are not known yet."""
    from quant_models.bring.graph_quantize import quantised
    from quant_models.errors import QuantModelError

    assert chosen.imported is not None
    try:
        return quantised(seeing, chosen.imported.weight_bits, chosen.imported.act_bits)
    except QuantModelError as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error


def _made(chosen: OwnModule, work: "Work", weights: Path | None) -> "nn.Module":
    from quant_models.bring.own import make_network
    from quant_models.errors import QuantModelError

    assert chosen.factory is not None
    try:
        module = make_network(chosen.factory)
    except QuantModelError as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error
    return module if weights is None else _loaded(module, work, weights)


def _loaded(module: "nn.Module", work: "Work", weights: Path) -> "nn.Module":
    from quant_models.bring.own import load_weights
    from quant_models.errors import QuantModelError

    try:
        load_weights(module, weights)
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: {work.named.get('weights', work.named['network'])}: {error}") from error
    return module


def refuse_misfit(exits: int, work: "Work", network: "OwnNetwork", data: "Dataset") -> None:
    """Raise :class:`ConfigError` unless the images, classes and exits of ``network`` are those of data set and configuration."""
    if len(network.heads) != exits:
        raise ConfigError(
            f"{work.file}: {work.named['exits']}: the network has {len(network.heads)} outputs, not {exits}; "
            "allowed: one [[exits]] table for each; of one that is not trained here also a single one, or after in each but the last"
        )
    if network.shape != tuple(data.shape):
        shapes = ["x".join(map(str, shape)) for shape in (network.shape, data.shape)]
        other = sorted(network.shape) == sorted(data.shape)
        order = " (its axes in another order: a network takes [n, channels, height, width], data are [n, height, width, channels])"
        raise ConfigError(
            f"{key_of(work)}: takes images of {shapes[0]} (height x width x channels), but those of data set {data.name} are {shapes[1]}"
            f"{order if other else ''}; allowed: the same"
        )
    if network.classes != data.classes:
        raise ConfigError(f"{key_of(work)}: has {network.classes} classes, but data set {data.name} {data.classes}; allowed: as many")
