"""Places units in a module so that what a waveform shows there is called after the unit: ``gate0_o_valid``."""

from collections.abc import Callable
from typing import Any

from amaranth.hdl import Elaboratable, Fragment, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["Ports", "name_signals", "place"]


def name_signals(name: str, signature: wiring.Signature, interface: Any) -> None:
    """Calls the signals of ``interface``, which has ``signature``, by ``name`` and what they are in it, as in ``gate0_o_valid``."""
    for path, _, value in signature.flatten(interface):
        signal = Value.cast(value)
        if isinstance(signal, Signal):
            signal.name = "_".join(map(str, (name, *path)))


class _Bound(Elaboratable):
    """A unit with further statements of its own."""

    def __init__(self, unit: Any) -> None:
        self._unit = unit
        self.statements: list[Any] = []

    def elaborate(self, platform: object) -> Fragment:
        fragment = Fragment.get(self._unit, platform)
        fragment.add_statements("comb", *self.statements)
        return fragment


class Ports:
    """A unit's members as they are to be used in the module where :func:`place` placed it.

    A member that nobody asks for stays inside: an input keeps its initial value, an output gets no port.
    """

    def __init__(self, m: Module, name: str, unit: wiring.Component, bound: _Bound) -> None:
        self._m, self._name, self._unit, self._bound = m, name, unit, bound

    def __getattr__(self, key: str) -> Any:
        members = self._unit.signature.members
        if key not in members:
            raise AttributeError(f"{self._name} has no member {key!r}")
        signature = wiring.Signature({key: members[key]})
        ports = signature.create()
        name_signals(self._name, signature, ports)
        for (_, member, own), (_, _, port) in zip(signature.flatten(self._unit), signature.flatten(ports), strict=True):
            inner, outer = Value.cast(own), Value.cast(port)
            # A nameless signal goes through the wall between the two, so that neither side has the other's names.
            across = Signal(outer.shape(), name="")
            if member.flow is In:
                self._m.d.comb += across.eq(outer)
                self._bound.statements.append(inner.eq(across))
            else:
                self._m.d.comb += outer.eq(across)
                self._bound.statements.append(across.eq(inner))
        value = self.__dict__[key] = getattr(ports, key)
        return value


def place(m: Module, name: str, unit: wiring.Component, wrap: Callable[[Any], Any] = lambda unit: unit) -> Any:
    """Makes ``unit`` the submodule ``name`` of ``m`` and gives its :class:`Ports`: the members that ``m`` is to use, not the unit's own.

    In ``m`` the port ``o.valid`` of ``gate0`` is the net ``gate0_o_valid``; within the unit, and in the Verilog of its module, it stays
    ``o__valid``, so a unit's text does not depend on its name. (Amaranth calls a signal the same in every module that uses it, and numbers
    those of one name: the ports of a dozen FIFOs are ``o__valid$N`` to whoever connects them.) ``wrap`` is applied to the unit, to give
    it a reset, say.
    """
    bound = _Bound(unit)
    m.submodules[name] = wrap(bound)
    return Ports(m, name, unit, bound)
