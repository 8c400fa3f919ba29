"""How many things are done at a time where nothing else is said."""

import os

__all__ = ["cores"]


def cores() -> int:
    """The processor cores that this process may use, at least 1."""
    return max(1, len(os.sched_getaffinity(0)))
