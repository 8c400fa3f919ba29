"""Parameters combined in pairs: any two values of two parameters come together in some case, in far fewer cases than all combinations."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from allpairspy import AllPairs

__all__ = ["in_pairs"]


def in_pairs(values: Mapping[str | tuple[str, ...], Sequence[Any]]) -> Callable[[Any], Any]:
    """A mark that runs a test with arguments drawn from ``values`` so that each two values of two of them meet in one case or more; several
    arguments that belong together stand under a tuple of their names. The cases are the same in every run.

    Kuhn, Kacker and Lei, "Practical Combinatorial Testing", NIST SP 800-142, 2010.
    """
    cases = []
    for row in AllPairs([list(found) for found in values.values()]):
        case: list[Any] = []
        for names, value in zip(values, row, strict=True):
            case += value if isinstance(names, tuple) else [value]
        cases.append(tuple(case))
    return pytest.mark.parametrize([name for names in values for name in ([names] if isinstance(names, str) else names)], cases)
