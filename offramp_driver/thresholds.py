"""Thresholds, while it runs."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence

from offramp_driver import registers as at
from offramp_driver import units
from offramp_driver.control import Control
from offramp_driver.errors import DriverError, ExitError, InputError
from offramp_driver.exits import PerExit
from offramp_driver.manifest import Exit

__all__ = ["Thresholds"]


class Thresholds(PerExit):
    """``thresholds[k]`` is what exit k compares its score with, as an integer; read from the hardware, and written to it.

        acc.thresholds[0]                    # 18452
        acc.thresholds[0] = 20000
        acc.thresholds.real(0)               # 0.819..., in the unit of its policy
        acc.thresholds.unit(0)               # 'probability'
        acc.thresholds.set_real(0, 0.9)      # leave when the network is 90 % sure
        acc.thresholds.range(0)              # (least, greatest) integer that may be written
        acc.thresholds.restore()             # all as they were built

    With policy ``class_threshold`` every class has its own: ``thresholds[k, c]``, ``real(k, c)``, ``set_real(k, value, c)``;
    ``thresholds[k]`` is the list of all, and takes such a list or one integer for all. The hardware does not tell these, so what is read
    is what was built or written last; where the bitstream was not loaded by this ``Accelerator``, a class must be written before it can be
    read.

    A write holds from the next image on that reaches the exit, also while images flow; no image sees half a change. Values out of range
    and exits without a threshold are an :class:`InputError`, exits that are not there an :class:`ExitError`.
    """

    def __init__(self, control: Control, exits: Sequence[Exit], *, as_built: bool) -> None:
        super().__init__(control, len(exits))
        self._specs = tuple(exits)
        self._by_class: dict[int, list[int | None]] = {
            k: list(spec.params["thresholds"]) if as_built else [None] * spec.classes
            for k, spec in enumerate(exits) if spec.policy == "class_threshold"
        }

    def _split(self, key: object) -> tuple[int, int | None]:
        """Exit and class of a key, which is ``k`` or ``(k, class)``."""
        if not isinstance(key, tuple):
            return self._number(key), None
        if len(key) != 2:
            raise ExitError(f"thresholds are thresholds[exit] or thresholds[exit, class], not {key!r}")
        k = self._number(key[0])
        if k not in self._by_class:
            raise InputError(f"exit {k} has one threshold for all classes (policy {self._specs[k].policy}): thresholds[{k}]")
        classes = self._specs[k].classes
        try:
            which = operator.index(key[1])
        except TypeError:
            which = -1
        if not 0 <= which < classes:
            raise ExitError(f"class must be a number from 0 to {classes - 1}, not {key[1]!r}")
        return k, which

    def __getitem__(self, key: object) -> int | list[int]:
        k, which = self._split(key)
        if k in self._by_class:
            return [self._of_class(k, c) for c in range(self._specs[k].classes)] if which is None else self._of_class(k, which)
        value = self._control.read(at.THRESHOLD + k * at.THRESHOLD_STRIDE)
        return value - (1 << 32) if value >> 31 else value

    def __setitem__(self, key: object, value: int | Iterable[int]) -> None:
        k, which = self._split(key)
        if k not in self._by_class:
            self._control.write(at.THRESHOLD + k * at.THRESHOLD_STRIDE, self._checked(k, value))
            return
        classes = self._specs[k].classes
        if which is not None:
            self._write_class(k, which, self._checked(k, value))
            return
        values = list(value) if isinstance(value, Iterable) else [value] * classes
        if len(values) != classes:
            raise InputError(f"thresholds[{k}] takes one integer a class, {classes}, not {len(values)}")
        for c, item in enumerate([self._checked(k, item) for item in values]):
            self._write_class(k, c, item)

    def __contains__(self, key: object) -> bool:
        try:
            self._split(key)
        except InputError:
            return False
        return True

    def __repr__(self) -> str:
        known = {k: list(self._by_class[k]) if k in self._by_class else self[k] for k in self}
        return f"{type(self).__name__}({known!r})"

    def unit(self, k: int) -> str | None:
        """What real thresholds of exit ``k`` are: ``"probability"``, ``"logit"``, ``"difference of logits"``, ``"nats"``, ``"exits"``,
        ``"logit of the gate head"``; None when its policy compares with none."""
        return units.unit(self._specs[self._number(k)])

    def range(self, k: int) -> tuple[int, int]:
        """Least and greatest integer threshold of exit ``k``, both allowed."""
        spec = self._specs[self._number(k)]
        if units.unit(spec) is None or spec.threshold_range is None:
            raise InputError(f"exit {k} compares with no threshold (policy {spec.policy})")
        return spec.threshold_range

    def real(self, k: int, c: int | None = None) -> float:
        """The threshold of exit ``k`` (and class ``c``) in the unit of its policy: see :meth:`unit`."""
        k, which = self._split(k if c is None else (k, c))
        if which is None and k in self._by_class:
            raise InputError(f"exit {k} has a threshold for every class: real({k}, class)")
        self.range(k)
        value = self[k] if which is None else self[k, which]
        assert isinstance(value, int)
        return units.real(self._specs[k], value)

    def set_real(self, k: int, value: float, c: int | None = None) -> None:
        """Write the threshold of exit ``k`` (of class ``c``; without it of all) that stands for the real ``value``, in the unit of its
        policy: see :meth:`unit`. What :meth:`real` says then may differ by rounding to what the hardware can tell apart."""
        k, which = self._split(k if c is None else (k, c))
        self.range(k)
        self[k if which is None else (k, which)] = units.integer(self._specs[k], value)

    def restore(self) -> None:
        """Write all thresholds as they were built."""
        for k, spec in enumerate(self._specs):
            if k in self._by_class:
                self[k] = spec.params["thresholds"]
            elif units.unit(spec) is not None:
                self[k] = spec.threshold

    def _checked(self, k: int, value: object) -> int:
        least, most = self.range(k)
        try:
            number = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            what = self.unit(k)
            hint = f": set_real({k}, {value!r}) takes a real one ({what})" if isinstance(value, float) else ""
            raise InputError(f"a threshold must be an integer, not {value!r}{hint}") from None
        if not least <= number <= most:
            raise InputError(f"threshold of exit {k} must be from {least} to {most} (policy {self._specs[k].policy}), not {number}")
        return number

    def _of_class(self, k: int, c: int) -> int:
        value = self._by_class[k][c]
        if value is None:
            raise DriverError(f"what the threshold of class {c} at exit {k} is cannot be read, since the bitstream was loaded before: "
                              f"write thresholds[{k}, {c}] first, or call thresholds.restore()")
        return value

    def _write_class(self, k: int, c: int, value: int) -> None:
        mode = at.MODE + k * at.MODE_STRIDE
        self._control.write(mode, self._control.read(mode) & ~at.MODE_CLASS | c << at.MODE_CLASS_LSB)
        self._control.write(at.THRESHOLD + k * at.THRESHOLD_STRIDE, value)
        self._by_class[k][c] = value
