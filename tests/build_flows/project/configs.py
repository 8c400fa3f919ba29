"""Configurations to be spoilt, and what is told of them."""

import pytest

from build_flows.base.errors import ConfigError
from build_flows.project.load import parse
from build_flows.project.template import template

__all__ = ["B_LENET", "DIGITS", "faults", "placed"]

DIGITS = template("digits").replace("\nhard_share = [0.4, 0.375]", "\n# hard_share =")
B_LENET = template("b_lenet")


def faults(text: str) -> list[str]:
    """The lines that are told of the configuration ``text``."""
    with pytest.raises(ConfigError) as caught:
        parse(text, "x.toml")
    return caught.value.message.splitlines()


def placed(preset: str, *exits: tuple[int | None, str | None], last: str = "", extra: str = "") -> str:
    """A configuration of ``preset`` with early exits at the (after, head) given."""
    tables = ""
    for after, name in exits:
        tables += '[[exits]]\npolicy = "max_logit"\n' + ("" if after is None else f"after = {after}\n")
        tables += "" if name is None else f'head = "{name}"\n'
    data = "digits" if preset == "digits" else "fashion-mnist"
    start = f'[project]\nname = "x"\n[data]\nname = "{data}"\n[model]\npreset = "{preset}"\n{extra}'
    return f'{start}{tables}[[exits]]\npolicy = "always"\n{last}'
