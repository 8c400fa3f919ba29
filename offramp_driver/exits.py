"""What every exit does, while it runs: whether it is enabled, and whether its policy is asked."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from offramp_driver import registers as at
from offramp_driver.control import Control
from offramp_driver.errors import ExitError, InputError

__all__ = ["Enabled", "Modes", "PerExit"]


class PerExit(Mapping[Any, Any]):
    """A value for every exit, by its number from 0 up."""

    def __init__(self, control: Control, exits: int) -> None:
        self._control, self._exits = control, exits

    def __len__(self) -> int:
        return self._exits

    def __iter__(self) -> Iterator[int]:
        return iter(range(self._exits))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({dict(self)!r})"

    def _number(self, key: object) -> int:
        """``key`` as the number of an exit; :class:`ExitError` when there is none of it."""
        try:
            k = operator.index(key)  # type: ignore[arg-type]
        except TypeError:
            k = -1
        if not 0 <= k < self._exits:
            raise ExitError(f"exit must be a number from 0 to {self._exits - 1}, not {key!r}")
        return k


class Enabled(PerExit):
    """``enabled[k]`` says whether images may leave at exit k; write True or False. The last exit lets them leave in any case.

    A write holds from the next image on that reaches the exit.
    """

    def __getitem__(self, key: object) -> bool:
        return bool(self._control.read(at.ENABLE + self._number(key) * at.ENABLE_STRIDE))

    def __setitem__(self, key: object, value: bool) -> None:
        self._control.write(at.ENABLE + self._number(key) * at.ENABLE_STRIDE, int(bool(value)))


class Modes(PerExit):
    """``modes[k]`` is what exit k does: ``"policy"`` (its policy decides), ``"all"`` (every image leaves, as far as the exit is enabled) or
    ``"none"`` (none does). A write holds from the next image on that reaches the exit; other texts are an :class:`InputError`.
    """

    NAMES: ClassVar = {"policy": at.MODE_MODE_POLICY, "all": at.MODE_MODE_ALWAYS, "none": at.MODE_MODE_NEVER}

    def __getitem__(self, key: object) -> str:
        value = self._control.read(at.MODE + self._number(key) * at.MODE_STRIDE) & at.MODE_MODE
        return next((name for name, number in self.NAMES.items() if number == value), "none")

    def __setitem__(self, key: object, value: str) -> None:
        offset = at.MODE + self._number(key) * at.MODE_STRIDE
        if value not in self.NAMES:
            raise InputError(f"a mode must be one of {', '.join(map(repr, self.NAMES))}, not {value!r}")
        self._control.write(offset, self._control.read(offset) & ~at.MODE_MODE | self.NAMES[value] << at.MODE_MODE_LSB)
