"""What a configuration with a network of the user's own must not say: the network is as it is, trained already."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from build_flows.project.config import Config

__all__ = ["SOURCES", "impossible_own", "impossible_source"]

SOURCES = ("preset", "factory", "qonnx")
"""The keys of [model] of which one says where the network comes from."""

BITS = ("weight_bits", "act_bits", "layer_bits")

READ = ("seed", "threads", "device")
"""Keys of [train] that do not say how to train: the seed splits off the validation images."""


def impossible_source(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) unless exactly one key says where the network comes from."""
    given = [key for key in SOURCES if getattr(config.model, key) is not None]
    if len(given) != 1:
        key = given[-1] if given else SOURCES[0]
        told = f", not {' and '.join(given)}" if given else ""
        yield f"model.{key}", getattr(config.model, key), f"allowed: one of {', '.join(SOURCES[:-1])} and {SOURCES[-1]} must be given{told}"
    if config.model.weights is not None and config.model.factory is None:
        yield "model.weights", config.model.weights, "only what a factory returns takes them; allowed: unset, or with model.factory"
    if config.model.modules is not None and config.model.factory is None:
        yield "model.modules", config.model.modules, "only a factory has modules; allowed: unset, or with model.factory"


def impossible_own(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of what does not go with a network of the user's own."""
    if not config.exits:
        yield "exits", [], "allowed: one [[exits]] table for each output of the network"
    for index, item in enumerate(config.exits):
        for key in ("after", "head"):
            if getattr(item, key) is not None:
                yield f"exits[{index}].{key}", getattr(item, key), "exits stand where your network has them; allowed: unset"
        if item.policy == "gate":
            yield f"exits[{index}].policy", "gate", "only networks trained here have gate heads; allowed: any other policy"
    yield from _unset("model", config.model, BITS, "bits are those of your network")
    for key in ("checkpoint", "start"):
        value = getattr(config.train, key)
        if value is not None:
            yield f"train.{key}", value, "your network is not trained here; allowed: unset (its weights: model.weights)"
    training = [key for key in type(config.train).model_fields if key not in (*READ, "checkpoint", "start", "scheme")]
    yield from _unset("train", config.train, training, "your network is not trained here")
    if config.train.scheme != "joint":
        yield "train.scheme", config.train.scheme, 'your network is not trained here; allowed: "joint", the default'
    if config.calibrate.mean_cost is not None:
        yield "calibrate.mean_cost", config.calibrate.mean_cost, "costs are those of networks trained here; allowed: another target"
    if config.build.mode == "subnet":
        yield "build.mode", "subnet", "only networks trained here are cut; allowed: any other mode"
    if config.build.exchangeable_heads:
        yield "build.exchangeable_heads", True, "only networks trained here have exchangeable heads; allowed: false or unset"


def _unset(name: str, section: BaseModel, keys: Iterable[str], why: str) -> Iterator[tuple[str, Any, str]]:
    """One fault for all ``keys`` that are set in ``section``, which is called ``name``: they come together, out of a file that
    ``offramp init`` wrote."""
    first, *others = [key for key in keys if key in section.model_fields_set] or [""]
    if first:
        more = f", and so {', '.join(others)}" if others else ""
        yield f"{name}.{first}", getattr(section, first), f"{why}; allowed: unset{more}"
