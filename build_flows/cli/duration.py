"""Times on the command line."""

import re
from typing import Any

import click

__all__ = ["Duration"]

SECONDS = {"s": 1, "min": 60, "h": 3600}


class Duration(click.ParamType):  # type: ignore[type-arg]
    """A time above 0 as 90s, 20min, 1.5h or 1h30min; in seconds."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The seconds of ``value``."""
        if isinstance(value, int | float):
            return float(value)
        if not re.fullmatch(r"(\d+(\.\d+)?(h|min|s))+", value):
            self.fail(f"{value!r} is no time; allowed: 90s, 20min, 2h or 1h30min", param, ctx)
        found = sum(float(number) * SECONDS[unit] for number, unit in re.findall(r"(\d+(?:\.\d+)?)(h|min|s)", value))
        if not found:
            self.fail(f"{value!r} must be longer than 0", param, ctx)
        return found
