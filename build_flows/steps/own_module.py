"""The torch module of a network of the user's own, as the steps that train and read it make it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.project.words import toml

if TYPE_CHECKING:
    from torch import nn

    from build_flows.artefacts.own_layers import OwnNetwork
    from build_flows.project.load import Project
    from build_flows.steps.engine import Work
    from quant_models.datasets.base import Dataset

__all__ = ["TRAINING", "WEIGHTS", "OwnModule", "key_of", "module_named", "own_module", "refuse_misfit", "seeded_module", "user_module"]


WEIGHTS, TRAINING = "weights.safetensors", "training.json"
"""What a training of it here leaves: the state dict of the user's module, and how it was made."""


@dataclass(frozen=True, kw_only=True)
class OwnModule:
    """Which module: ``factory``, the function that makes it (None: a QONNX file, of which there is none)."""

    factory: str | None


def own_module(project: "Project") -> OwnModule:
    """What the configuration says of it."""
    return OwnModule(factory=project.config.model.factory)


def module_named(project: "Project") -> dict[str, str]:
    """How the configuration names the network, its weights and its exits."""
    config = project.config
    named = {
        "network": project.named(f"model.{'factory' if config.model.factory else 'qonnx'}"),
        "exits": f"exits = {toml([item.policy for item in config.exits])}",
    }
    return named | ({"weights": project.named("model.weights")} if config.model.weights else {})


def key_of(work: "Work") -> str:
    """The key that names the network, with its value."""
    return f"{work.file}: {work.named['network']}"


def user_module(chosen: OwnModule, inputs: Mapping[str, Path], work: "Work", weights: Path | None) -> "nn.Module":
    """The network that the user's function returns, with ``weights`` (None: its own); its modules must be importable."""
    from quant_models.bring.own import load_weights, make_network
    from quant_models.errors import QuantModelError

    assert chosen.factory is not None
    try:
        module = make_network(chosen.factory)
    except QuantModelError as error:
        raise ConfigError(f"{key_of(work)}: {error}") from error
    if weights is not None:
        try:
            load_weights(module, weights)
        except QuantModelError as error:
            raise ConfigError(f"{work.file}: {work.named['weights']}: {error}") from error
    return module


def seeded_module(chosen: OwnModule, inputs: Mapping[str, Path], work: "Work", seed: int) -> "nn.Module":
    """:func:`user_module` with the weights that the project names; what its function draws at random follows from ``seed``."""
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return user_module(chosen, inputs, work, inputs.get("weights"))


def refuse_misfit(exits: int, work: "Work", network: "OwnNetwork", data: "Dataset") -> None:
    """Raise :class:`ConfigError` unless the images, classes and exits of ``network`` are those of data set and configuration."""
    if len(network.heads) != exits:
        raise ConfigError(
            f"{work.file}: {work.named['exits']}: the network has {len(network.heads)} outputs, not {exits}; "
            "allowed: one [[exits]] table for each"
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
