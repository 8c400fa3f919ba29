"""What all proofs share: a harness around a unit, and the words in which claims are made."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Assert, Assume, ClockDomain, Elaboratable, Module, Mux, ShapeLike, Signal, Value, ValueCastable
from amaranth.lib import wiring
from amaranth.lib.wiring import In

__all__ = ["Harness", "Proof", "counted", "keeps_contract", "kept", "level", "offers_fairly", "took"]

_COUNT_BITS = 4
"""Width of the covers' counters, which wrap."""


class Harness(Elaboratable):
    """A unit with free inputs, an environment, and claims that a prover shall check in every cycle.

    Every input of the unit may have any value in any cycle unless the environment drives it or an assumption limits it. The first cycle
    is the one after configuration: all registers have their initial values. With ``reset`` the reset is free too, and strikes unit,
    environment and claims together, so that claims speak of what came since.

    ``claims`` and ``covers`` hold one single-bit signal for each name; names are identifiers.
    """

    def __init__(self, unit: wiring.Component, *, reset: bool = False) -> None:
        self.m = Module()
        self.domain = ClockDomain("sync", reset_less=not reset)
        self.m.domains += self.domain
        self.m.submodules.unit = unit
        # PDR gives no answer where all claims are plainly true, so there is always one that is true for a reason.
        beat = Signal(2, name="heartbeat")
        self.m.d.sync += beat.eq(Mux(beat == 2, 0, beat + 1))
        self.m.d.comb += Assert(beat != 3)
        self.claims: dict[str, Signal] = {}
        self.covers: dict[str, Signal] = {}
        self._free: dict[str, Value] = {}
        self._shown: dict[str, Value] = {}
        for path, member, value in unit.signature.flatten(unit):
            inputs = self._free if member.flow is In else self._shown
            inputs["__".join(map(str, path))] = value.as_value() if isinstance(value, ValueCastable) else value

    def free(self, name: str, shape: ShapeLike) -> Signal:
        """A value that may be another one in each cycle."""
        self._free[name] = signal = Signal(shape, name=name)
        return signal

    def constant(self, name: str, shape: ShapeLike) -> Signal:
        """A value that may be any, but is the same in all cycles, across resets too: what holds for it holds for all."""
        signal = self.free(name, shape)
        before, later = Signal.like(signal, reset_less=True), Signal(reset_less=True)
        self.m.d.sync += [before.eq(signal), later.eq(1)]
        self.assume(~later | (signal == before))
        return signal

    def drive(self, port: Any, value: Any) -> None:
        """The environment gives the unit's input ``port`` this value."""
        target = port.as_value() if isinstance(port, ValueCastable) else port
        name = next(name for name, value in self._free.items() if value is target or repr(value) == repr(target))
        self._shown[name] = self._free.pop(name)
        self.m.d.comb += target.eq(value)

    def claim(self, name: str, condition: Any) -> None:
        """``condition`` holds in every cycle: to be proven."""
        self.claims[name] = signal = Signal(name=f"claim_{name}")
        self.m.d.comb += [signal.eq(Value.cast(condition).bool()), Assert(signal)]

    def assume(self, condition: Any) -> None:
        """``condition`` holds in every cycle: the environment sees to it."""
        self.m.d.comb += Assume(Value.cast(condition).bool())

    def cover(self, name: str, condition: Any) -> None:
        """``condition`` holds in some cycle of some run: else the assumptions are too narrow or the proof is too shallow."""
        self.covers[name] = signal = Signal(name=f"cover_{name}")
        self.m.d.comb += signal.eq(Value.cast(condition).bool())

    @property
    def ports(self) -> dict[str, tuple[Value, None]]:
        """The harness's ports by name: free values, what is shown of the unit, claims and covers. None: whether in or out is plain."""
        named = {"clk": self.domain.clk, **({} if self.domain.rst is None else {"rst": self.domain.rst}), **self._free, **self._shown}
        named |= {signal.name: signal for signal in (*self.claims.values(), *self.covers.values())}
        return {name: (value, None) for name, value in named.items()}

    def elaborate(self, platform: object) -> Module:
        return self.m


@dataclass(frozen=True, kw_only=True)
class Proof:
    """What is to be proven of a unit at one size.

    ``make`` makes the unit; ``describe(harness, unit)`` says what is assumed and claimed of it. In ``depth`` cycles all that the covers
    name can happen. ``reset`` is that of :class:`Harness`. ``enumerated``: all states that can be reached are enumerated. That suits
    pipelines and counts of what is in them, where few combinations happen but PDR has to exclude each of the others by itself.
    """

    unit: str
    variant: str
    text: str
    depth: int
    make: Callable[[], wiring.Component]
    describe: Callable[[Harness, Any], None]
    reset: bool = False
    enumerated: bool = False

    @property
    def name(self) -> str:
        return f"{self.unit}/{self.variant}"

    def harness(self, unit: wiring.Component | None = None) -> Harness:
        """The harness around a new unit, or around ``unit``, which has the same ports."""
        unit = self.make() if unit is None else unit
        harness = Harness(unit, reset=self.reset)
        self.describe(harness, unit)
        return harness


def took(stream: Any) -> Value:
    """A transfer happens in this cycle."""
    value: Value = stream.valid & stream.ready
    return value


def counted(h: Harness, event: Any, name: str) -> Signal:
    """How often ``event`` was high in the cycles before this one, modulo 16."""
    count = Signal(_COUNT_BITS, name=name)
    h.m.d.sync += count.eq(count + Value.cast(event).bool())
    return count


def level(h: Harness, up: Any, down: Any, name: str, *, bits: int = 3) -> Signal:
    """The sum of ``up`` less the sum of ``down`` over the cycles before this one. Few ``bits``: counts are what solvers find hardest."""
    value = Signal(bits, name=name)
    h.m.d.sync += value.eq(value + up - down)
    return value


def kept(h: Harness, when: Any, value: Any, name: str) -> Signal:
    """``value`` as it was in the last cycle before this one in which ``when`` was high."""
    store = Signal.like(value, name=name, reset_less=True)
    with h.m.If(when):
        h.m.d.sync += store.eq(value)
    return store


def _contract(h: Harness, stream: Any, name: str) -> tuple[Value, Value]:
    waits = Signal(name=f"{name}_waits")
    h.m.d.sync += waits.eq(stream.valid & ~stream.ready)
    payload = Value.cast(stream.payload)
    before = kept(h, 1, payload, f"{name}_before")
    return ~waits | stream.valid, ~waits | (payload == before)


def keeps_contract(h: Harness, stream: Any, name: str) -> None:
    """Claims that a beat on offer on the unit's output stays as it is until it is taken."""
    holds, stable = _contract(h, stream, name)
    h.claim(f"{name}_valid_holds_until_ready", holds)
    h.claim(f"{name}_payload_is_stable_until_ready", stable)


def offers_fairly(h: Harness, stream: Any, name: str) -> None:
    """Assumes that a beat on offer on the unit's input stays as it is until it is taken."""
    for condition in _contract(h, stream, name):
        h.assume(condition)
