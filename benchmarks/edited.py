"""Configurations as tables, with other values at some places."""

import tomllib
from collections.abc import Mapping
from typing import Any

import tomli_w

__all__ = ["Place", "edited"]

Place = tuple[str | int, ...]
"""Where a value is: names of tables and keys, numbers in lists."""


def edited(values: Mapping[str, Any], changes: Mapping[Place, Any]) -> dict[str, Any]:
    """A copy of ``values`` with other values at some places, tables made where there are none; ``...`` removes a key."""
    found: dict[str, Any] = tomllib.loads(tomli_w.dumps(dict(values)))
    for place, value in changes.items():
        table: Any = found
        for part in place[:-1]:
            table = table[part] if isinstance(part, int) else table.setdefault(part, {})
        if value is ...:
            table.pop(place[-1], None)
        else:
            table[place[-1]] = value
    return found
