"""What a configuration with a network of the user's own must not say: its layers and exits are as they are, and it is trained here only as
far as logits are enough."""

from collections.abc import Iterable, Iterator
from typing import Any

from pydantic import BaseModel

from build_flows.project.config import Config
from build_flows.project.words import toml

__all__ = ["OWN_SCHEMES", "READ", "SOURCES", "impossible_own", "impossible_source", "trains_own"]

SOURCES = ("model.preset", "model.factory", "model.qonnx", "import.factory")
"""The keys of which one says where the network comes from."""

BITS = ("weight_bits", "act_bits", "layer_bits")

READ = ("seed", "threads", "device")
"""Keys of [train] that do not say how to train: the seed splits off the validation images."""

OWN_SCHEMES = ("joint", "distill", "consistent")
"""The schemes that need nothing of a network but the logits of its exits."""


def trains_own(config: Config) -> bool:
    """Whether the network of the user's own is trained here: what a factory returns, when [train] says how, and float networks, which are
    imported."""
    return config.import_.factory is not None or (config.model.factory is not None and bool(_training_keys(config)))


def _training_keys(config: Config) -> list[str]:
    """The keys that say how to train, of those that are set."""
    return [key for key in type(config.train).model_fields if key in config.train.model_fields_set and key not in READ]


def impossible_source(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) unless exactly one key says where the network comes from."""
    values = {"model.preset": config.model.preset, "model.factory": config.model.factory, "model.qonnx": config.model.qonnx,
              "import.factory": config.import_.factory}
    given = [key for key in SOURCES if values[key] is not None]
    if len(given) != 1:
        key = given[-1] if given else SOURCES[0]
        told = f", not {' and '.join(map(_short, given))}" if given else ""
        yield key, values[key], f"allowed: one of {', '.join(map(_short, SOURCES[:-1]))} and {SOURCES[-1]} must be given{told}"
    if config.model.weights is not None and config.model.factory is None:
        yield "model.weights", config.model.weights, "only what a factory returns takes them; allowed: unset, or with model.factory"
    if config.model.modules is not None and config.factory is None:
        yield "model.modules", config.model.modules, "only a factory has modules; allowed: unset, or with model.factory"


def _short(key: str) -> str:
    return key.removeprefix("model.")


def impossible_own(config: Config) -> Iterator[tuple[str, Any, str]]:
    """(key, value, what is wrong and allowed) of what does not go with a network of the user's own."""
    if not config.exits:
        yield "exits", [], "allowed: one [[exits]] table for each output of the network"
    yield from _impossible_exits(config)
    for index, item in enumerate(config.exits):
        if item.policy == "gate":
            yield f"exits[{index}].policy", "gate", "only presets have gate heads; allowed: any other policy"
    if config.import_.factory is None:
        yield from _unset("model", config.model, BITS, "bits are those of your network")
    else:
        for key in ("weight_bits", "act_bits"):
            if getattr(config.model, key) == 1:
                yield f"model.{key}", 1, "only presets are of 1 bit, or modules that have such quantisers themselves; allowed: 2 to 8"
        if config.model.layer_bits is not None:
            yield "model.layer_bits", config.model.layer_bits, "layers of a float network of your own have no names yet; allowed: unset"
    if config.import_.factory is not None and config.import_.mapping is not None:
        yield "import.mapping", config.import_.mapping, "what a factory returns has the layers already; allowed: unset"
    yield from _impossible_training(config)


def _impossible_exits(config: Config) -> Iterator[tuple[str, Any, str]]:
    """``after`` chooses among the exits that the network has: exit k stands after its stage k."""
    last, early = len(config.exits) - 1, [item.after for item in config.exits[:-1]]
    for index, item in enumerate(config.exits):
        if item.head is not None:
            yield f"exits[{index}].head", item.head, "exits have the heads that your network has; allowed: unset"
    if config.exits and (after := config.exits[last].after) is not None:
        yield f"exits[{last}].after", after, "the last exit is your network's last; allowed: unset"
    given = [index for index, after in enumerate(early) if after is not None]
    if given and len(given) < len(early):
        yield f"exits[{early.index(None)}].after", None, "allowed: after in every exit but the last, or in none"
        return
    for index, after in enumerate(early):
        if after is not None and trains_own(config):
            yield f"exits[{index}].after", after, "what is trained here is trained with all its exits; allowed: unset"
            return
        before = early[index - 1] if index else None
        if after is not None and before is not None and after <= before:
            yield f"exits[{index}].after", after, f"exits[{index - 1}] stands after stage {before}; allowed: {before + 1} or more"


def _impossible_training(config: Config) -> Iterator[tuple[str, Any, str]]:
    train = config.train
    for key in ("checkpoint", "start"):
        value = getattr(train, key)
        if value is not None:
            yield f"train.{key}", value, "it is of a preset; allowed: unset (a factory's network begins with model.weights)"
    if config.factory is None:
        keys = [key for key in _training_keys(config) if key not in ("checkpoint", "start")]
        yield from _unset("train", train, keys, "a QONNX file is not trained here")
        return
    if train.scheme not in OWN_SCHEMES and not (train.scheme == "import" and config.import_.factory):
        needs = "it takes a float network" if train.scheme == "import" else "it needs stages and heads, which presets have"
        yield "train.scheme", train.scheme, f"{needs}; allowed: {', '.join(toml(name) for name in OWN_SCHEMES)}"
    if train.gate_epochs is not None:
        yield "train.gate_epochs", train.gate_epochs, "only presets have gate heads; allowed: unset"


def _unset(name: str, section: BaseModel, keys: Iterable[str], why: str) -> Iterator[tuple[str, Any, str]]:
    """One fault for all ``keys`` that are set in ``section``, which is called ``name``: they come together, out of a file that
    ``offramp init`` wrote."""
    first, *others = [key for key in keys if key in section.model_fields_set] or [""]
    if first:
        more = f", and so {', '.join(others)}" if others else ""
        yield f"{name}.{first}", getattr(section, first), f"{why}; allowed: unset{more}"
