"""A commented configuration to start from, written from the declarations in :mod:`build_flows.project`, so that the two never
disagree."""

import json
import textwrap
import typing
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from build_flows.base.errors import ConfigError
from build_flows.base.files import write_text
from build_flows.project.config import Config
from build_flows.project.section import Section
from build_flows.project.sections import ProjectSection
from build_flows.project.words import allowed, toml

__all__ = ["TEMPLATES", "template", "valid_name", "write_examples", "written"]

Values = Mapping[str, Any]

TEMPLATES: dict[str, dict[str, Any]] = {
    "digits": {
        "project": {"name": "digits"},
        "data": {"name": "digits", "validation": 0.2},
        "model": {"preset": "digits"},
        "train": {"epochs": 40, "batch_size": 64},
        "exits": [{"policy": "softmax"}, {"policy": "max_logit"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 0.5},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.4, 0.375]},
    },
    "b_lenet": {
        "project": {"name": "b_lenet_fashion"},
        "data": {"name": "fashion-mnist"},
        "model": {"preset": "b_lenet"},
        "train": {"epochs": 12},
        "exits": [{"policy": "max_logit"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 0.5},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.25]},
    },
    "triple_wins": {
        "project": {"name": "triple_wins_fashion"},
        "data": {"name": "fashion-mnist"},
        "model": {"preset": "triple_wins"},
        "train": {"epochs": 12},
        "exits": [{"policy": "max_logit"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 0.5},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.25]},
    },
    "b_alexnet": {
        "project": {"name": "b_alexnet"},
        "data": {"name": "cifar10", "path": "cifar-10-batches-bin"},
        "model": {"preset": "b_alexnet"},
        "train": {"epochs": 60},
        "exits": [{"policy": "max_logit"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 0.5},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.35]},
    },
    "resnet8": {
        "project": {"name": "resnet8"},
        "data": {"name": "cifar10", "path": "cifar-10-batches-bin"},
        "model": {"preset": "resnet8"},
        "train": {"epochs": 60, "shift": 2, "flip": True},
        "exits": [{"policy": "softmax"}, {"policy": "softmax"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 1.0},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.5, 0.5]},
    },
    "mobilenet_tiny": {
        "project": {"name": "mobilenet_tiny"},
        "data": {"name": "cifar10", "path": "cifar-10-batches-bin"},
        "model": {"preset": "mobilenet_tiny"},
        "train": {"epochs": 60, "shift": 2, "flip": True},
        "exits": [{"policy": "softmax"}, {"policy": "softmax"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 1.0},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.5, 0.5]},
    },
    "cnv": {
        "project": {"name": "cnv"},
        "data": {"name": "cifar10", "path": "cifar-10-batches-bin"},
        "model": {"preset": "cnv", "weight_bits": 1, "act_bits": 1},
        "train": {"epochs": 60, "shift": 2, "flip": True},
        "exits": [{"policy": "max_logit"}, {"policy": "max_logit"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 1.0},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.5, 0.5]},
    },
    "msdnet_tiny": {
        "project": {"name": "msdnet_tiny"},
        "data": {"name": "cifar10", "path": "cifar-10-batches-bin"},
        "model": {"preset": "msdnet_tiny"},
        "train": {"epochs": 60, "shift": 2, "flip": True},
        "exits": [{"policy": "softmax"}, {"policy": "softmax"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 1.0},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.5, 0.5]},
    },
    "tfc": {
        "project": {"name": "tfc_fashion"},
        "data": {"name": "fashion-mnist"},
        "model": {"preset": "tfc", "weight_bits": 2, "act_bits": 2},
        "train": {"epochs": 20},
        "exits": [{"policy": "max_logit"}, {"policy": "max_logit"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 1.0},
        "target": {"cycles_per_sample": "auto", "hard_share": [0.5, 0.5]},
    },
    "har": {
        "project": {"name": "har"},
        "data": {"name": "sensors", "path": "windows.npz"},
        "model": {"preset": "har"},
        "train": {"epochs": 40},
        "exits": [{"policy": "softmax"}, {"policy": "softmax"}, {"policy": "always"}],
        "calibrate": {"accuracy_loss": 0.5},
        "target": {"cycles_per_sample": "auto"},
    },
}
"""What :func:`template` writes for each preset where it is not the default."""

EXAMPLES = {"digits": 128, "b_lenet": 256, "resnet8": None}
"""The networks that have a data set anyone can get, and the cycles a sample at which their published figures are measured (None: the
fewest that fit)."""


def template(preset: str, name: str | None = None, cycles: int | None = None) -> str:
    """A commented configuration for ``preset``, with every key; ``name`` replaces the project's name, ``cycles`` the pace, which is "auto"
    else. An unknown preset raises :class:`ConfigError`."""
    if preset not in TEMPLATES:
        raise ConfigError(f"preset {preset!r} is unknown; allowed: {', '.join(TEMPLATES)}")
    values = TEMPLATES[preset] | ({"project": {"name": name}} if name is not None else {})
    if cycles is not None:
        values |= {"target": values["target"] | {"cycles_per_sample": cycles}}
    return written(values)


def written(values: Values, quiet: Mapping[str, Collection[str]] | None = None, remarks: Mapping[str, Sequence[str]] | None = None) -> str:
    """A commented configuration with ``values`` by table and key, and every other key with its default, or, those that ``quiet`` names by
    table, commented out. ``remarks`` are lines about a table, by its name: those of [[exits]] one for each, others together."""
    quiet, remarks = quiet or {}, remarks or {}
    lines = ["# An offramp project. Keys that are commented out show what holds when they are unset."]
    for field, declared in Config.model_fields.items():
        key = declared.alias or field
        many = typing.get_origin(declared.annotation) is list
        section: type[Section] = cast(Any, typing.get_args(declared.annotation)[0] if many else declared.annotation)
        told = remarks.get(key, ())
        lines += ["", *_comment(section.__doc__ or ""), *([] if many else [part for line in told for part in _comment(line)])]
        for index, item in enumerate(values.get(key, []) if many else [values.get(key, {})]):
            lines += ["", *(_comment(told[index]) if told else ()), f"[[{key}]]"] if many else [f"[{key}]"]
            for field_name, field_info in section.model_fields.items():
                hidden = field_name in quiet.get(key, ()) and field_name not in item
                lines += _entry(field_name, field_info, item, commented=index == 0, hidden=hidden)
    return "\n".join(lines) + "\n"


def _entry(key: str, declared: FieldInfo, values: Values, *, commented: bool, hidden: bool) -> list[str]:
    value = values.get(key, None if declared.is_required() else declared.default)
    lines = _comment(f"{declared.description} Allowed: {allowed(declared.annotation, declared.metadata)}.") if commented else []
    # Unlike in a message, a path is never cut short.
    told = json.dumps(value, ensure_ascii=False) if isinstance(value, str) else toml(value)
    return [*lines, f"# {key} =" if value is None else f"{'# ' if hidden else ''}{key} = {told}"]


def _comment(text: str) -> list[str]:
    return textwrap.wrap(" ".join(text.split()), width=110, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def valid_name(name: str) -> bool:
    """Whether ``name`` may be a project's name."""
    try:
        ProjectSection(name=name)
    except ValidationError:
        return False
    return True


def write_examples(folder: Path) -> list[Path]:
    """Write ``examples/``: one template for each of :data:`EXAMPLES`."""
    written = []
    for preset, cycles in EXAMPLES.items():
        written.append(folder / f"{TEMPLATES[preset]['project']['name']}.toml")
        write_text(written[-1], template(preset, cycles=cycles))
    return written


if __name__ == "__main__":
    for path in write_examples(Path(__file__).parent.parent.parent / "examples"):
        print(path)
