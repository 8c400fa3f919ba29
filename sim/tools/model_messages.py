"""What a Verilated model says of itself while it runs."""

import re
from collections.abc import Iterable

__all__ = ["first_error"]

_ERROR = re.compile(r"\[\d+\] %(?:Error|Fatal): [^:]*:\d+: Assertion failed in [^:]*: (.*)")


def first_error(lines: Iterable[str]) -> str | None:
    """What the first ``$error`` or ``$fatal`` said in ``lines`` of a model's output; None when there was none."""
    return next((found[1].strip() for found in map(_ERROR.search, lines) if found), None)
