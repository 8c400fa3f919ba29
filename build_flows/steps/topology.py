"""The network that a project trains and builds, as the steps that need it are told of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from build_flows.base.errors import ConfigError
from build_flows.project.words import toml
from quant_models.errors import QuantModelError
from quant_models.networks.gate_layout import with_gates
from quant_models.networks.layer_bits import with_bits
from quant_models.networks.layouts import layout, outline
from quant_models.networks.presets import Shape
from quant_models.networks.spec import NetSpec
from quant_models.networks.subnet_spec import subnet_spec

if TYPE_CHECKING:
    from build_flows.project.load import Project
    from build_flows.steps.engine import Work

__all__ = ["Topology", "built", "topology", "whole"]


@dataclass(frozen=True, kw_only=True)
class Topology:
    """A ``preset`` with its early exits, (block after which it stands, head) each, and gate heads; bits of weights and activations, and
    other ones by layer (keys ``weight`` and ``act``); ``subnet``, the exit that is built alone (None: all are)."""

    preset: str
    exits: tuple[tuple[int, str], ...]
    gates: tuple[str | None, ...]
    weight_bits: int
    act_bits: int
    layer_bits: Mapping[str, Mapping[str, int]]
    subnet: int | None


def topology(project: "Project") -> Topology:
    """What the configuration says of the network; it has a preset."""
    config, model = project.config, project.config.model
    assert model.preset is not None
    return Topology(
        preset=model.preset, exits=config.layout, gates=config.gates, weight_bits=model.weight_bits, act_bits=model.act_bits,
        layer_bits={name: {str(key): bits for key, bits in item.items()} for name, item in (model.layer_bits or {}).items()},
        subnet=config.subnet,
    )


def whole(net: Topology, classes: int, shape: Shape, work: "Work") -> NetSpec:
    """The network that is trained, for images of ``shape`` in ``classes``; raises :class:`build_flows.base.errors.ConfigError` when a layer
    does not fit them."""
    try:
        found = layout(net.preset, net.exits, weight_bits=net.weight_bits, act_bits=net.act_bits, classes=classes, shape=shape)
        found = with_gates(found, net.gates, net.weight_bits, net.act_bits)
    except QuantModelError as error:
        least, told = outline(net.preset).least, "x".join(map(str, shape))
        raise ConfigError(
            f'{work.file}: model.preset = "{net.preset}": its layers do not fit images of {told}: {error}; '
            f"allowed: {least[0]}x{least[1]} at least with the preset's own heads"
        ) from error
    try:
        return with_bits(found, {name: (item.get("weight"), item.get("act")) for name, item in net.layer_bits.items()})
    except QuantModelError as error:
        raise ConfigError(f"{work.file}: model.layer_bits = {toml(net.layer_bits)}: {error}") from error


def built(net: Topology, classes: int, shape: Shape, work: "Work") -> NetSpec:
    """The network that is built: that of :func:`whole`, or the part of it that ``subnet`` leaves."""
    found = whole(net, classes, shape, work)
    return found if net.subnet is None else subnet_spec(found, net.subnet)
