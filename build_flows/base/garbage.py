"""Python's collector of cyclic garbage, kept from looking again and again at what is no garbage."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["rare_collection"]

YOUNG = 200_000
"""Objects that may be new before it looks at them, in place of Python's 700."""


@contextmanager
def rare_collection() -> Iterator[None]:
    """For work that makes millions of objects most of which stay, as converting a unit to Verilog does: what is there already is not looked
    at, and what is new seldom. All is as it was afterwards, and garbage is then found as ever."""
    young, *older = gc.get_threshold()
    # Somebody else may have had things set aside, which nobody but they may take back.
    ours = gc.get_freeze_count() == 0
    if ours:
        gc.freeze()
    gc.set_threshold(YOUNG, *older)
    try:
        yield
    finally:
        gc.set_threshold(young, *older)
        if ours:
            gc.unfreeze()
