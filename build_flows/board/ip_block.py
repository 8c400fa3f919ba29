"""What is known of a block of a block design: parameters and their values, pins, interfaces, address segments."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

__all__ = ["FLAG", "Interface", "Ip", "Parameters", "Pin", "Segment", "Values", "clock_pin", "reset_pin"]


@dataclass(frozen=True)
class Values:
    """What a parameter may be: one of ``choices``, or a number from ``low`` to ``high`` (whole unless ``real``)."""

    choices: tuple[str, ...] = ()
    low: float = 0
    high: float = 0
    real: bool = False

    def allow(self, value: str) -> bool:
        if self.choices:
            return value in self.choices
        pattern = r"-?\d+(\.\d+)?" if self.real else r"-?\d+"
        return re.fullmatch(pattern, value) is not None and self.low <= float(value) <= self.high

    def __str__(self) -> str:
        return ", ".join(self.choices) if self.choices else f"{self.low:g} to {self.high:g}"


@dataclass(frozen=True, kw_only=True)
class Pin:
    """A pin that belongs to no interface. ``kind`` is clock, reset, interrupt or data; ``bits`` None: as wide as what drives it.

    One that is ``needed`` must be connected; others have a default inside, or are outputs nobody must listen to.
    """

    name: str
    output: bool
    bits: int | None = 1
    kind: str = "data"
    active_low: bool = True
    needed: bool = True


@dataclass(frozen=True, kw_only=True)
class Interface:
    """An interface pin. ``protocol`` is axi3, axi4, axi4lite, axis, ``any`` (an interconnect takes all of the first three), or that of an
    external port; ``bits`` the data width (None: any); ``clock`` the pin whose clock it runs on; ``signals`` what a stream's master has
    (or its slave cannot do without)."""

    name: str
    master: bool
    protocol: str
    bits: int | None = None
    clock: str = ""
    needed: bool = True
    signals: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True)
class Segment:
    """An address segment behind slave ``interface``: where in the segment's own range it may be seen, and the least range it takes."""

    name: str
    interface: str
    least: int = 0x1000
    low: int = 0
    high: int = 1 << 32


Parameters = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Ip:
    """A block: its parameters with their defaults and values; its pins and interfaces, which depend on them; its address ``spaces`` (name:
    master interface and the window it sees) and ``segments``; ``passes``: every slave port reaches every master port."""

    parameters: Mapping[str, tuple[str, Values]]
    pins: Callable[[Parameters], list[Pin]]
    interfaces: Callable[[Parameters], list[Interface]]
    spaces: Mapping[str, tuple[str, int, int]]
    segments: tuple[Segment, ...] = ()
    passes: bool = False
    conflicts: Callable[[Parameters], list[str]] = lambda _: []


FLAG = Values(("0", "1"))


def clock_pin(name: str, *, output: bool = False) -> Pin:
    """A clock, driven by the block when it is an ``output``."""
    return Pin(name=name, output=output, kind="clock")


def reset_pin(name: str, *, output: bool = False, active_low: bool = True, needed: bool = True) -> Pin:
    """A reset, likewise."""
    return Pin(name=name, output=output, kind="reset", active_low=active_low, needed=needed)
