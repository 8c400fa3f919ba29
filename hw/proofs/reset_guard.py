"""Claims about ResetGuard."""

from functools import partial
from types import SimpleNamespace
from typing import Any

from amaranth.hdl import Cat, Signal, Value

from hw.proofs.contract import Harness, Proof, counted, keeps_contract, level, offers_fairly, took
from hw.zynq.reset_guard import ResetGuard

__all__ = ["PROOFS", "describe"]

_READ, _WRITTEN, _TURNED = 4, 4, 8
"""Cycles after which, if the unit and the manager are prompt, an access is answered and a reset has followed."""


def _channel(bus: Any, name: str, *members: str) -> Any:
    payload = Cat(Value.cast(getattr(bus, f"{name}{member}")) for member in members)
    return SimpleNamespace(valid=getattr(bus, f"{name}valid"), ready=getattr(bus, f"{name}ready"), payload=payload)


def describe(h: Harness, guard: ResetGuard) -> None:
    """Each access is answered once, by the unit that took it or in its place, and always; the unit goes into reset with nothing under
    way, is offered nothing in it, and follows ``hold``.

    Assumes that offers stay, and that the unit answers what it took, once each; for what is told of cycles, that unit and manager are
    prompt.
    """
    m = h.m
    members = {"ar": ("addr",), "aw": ("addr",), "w": ("data", "strb"), "r": ("data", "resp"), "b": ("resp",)}
    bus = {name: _channel(guard.bus, name, *parts) for name, parts in members.items()}
    inner = {name: _channel(guard.inner, name, *parts) for name, parts in members.items()}
    for name in ("ar", "aw", "w"):
        offers_fairly(h, bus[name], name)
        keeps_contract(h, inner[name], f"inner_{name}")
    for name in ("r", "b"):
        offers_fairly(h, inner[name], f"inner_{name}")
        keeps_contract(h, bus[name], name)

    # Of each side what was taken and is not answered.
    asks = {"ar": "r", "aw": "b", "w": "b"}
    owes = {name: level(h, took(bus[name]), took(bus[answer]), f"owes_{name}", bits=2) for name, answer in asks.items()}
    inside = {name: level(h, took(inner[name]), took(inner[answer]), f"unit_owes_{name}", bits=2) for name, answer in asks.items()}
    for name in asks:
        h.claim(f"one_{name}_at_a_time", owes[name] <= 1)
        h.claim(f"the_unit_has_no_{name}_that_was_not_taken", inside[name] <= owes[name])
        h.claim(f"no_{name}_is_under_way_in_reset", guard.rst_n | (inside[name] == 0) & ~inner[name].valid)
    for answer, asked in (("r", ("ar",)), ("b", ("aw", "w"))):
        some, whole = Cat(inside[name] != 0 for name in asked), Cat(owes[name] != 0 for name in asked)
        h.assume(~inner[answer].valid | some.all())
        h.claim(f"{answer}_is_an_answer", ~bus[answer].valid | whole.all())
        h.claim(f"{answer}_is_the_units_or_0_and_okay", ~bus[answer].valid | (
            (bus[answer].payload == inner[answer].payload) & some.all() & inner[answer].valid | (bus[answer].payload == 0) & ~some.any()))

    # A cycle in which nobody waits for the unit or the manager.
    halves = ((owes["w"] == 0) | (owes["aw"] != 0) | guard.bus.awvalid) & ((owes["aw"] == 0) | (owes["w"] != 0) | guard.bus.wvalid)
    prompt = Cat(inner[name].ready for name in asks).all() & guard.bus.rready & guard.bus.bready & (
        (inside["ar"] == 0) | guard.inner.rvalid) & ((inside["aw"] == 0) | (inside["w"] == 0) | guard.inner.bvalid) & halves
    before = Signal(name="hold_before")
    m.d.sync += before.eq(guard.hold)
    steady = guard.hold == before
    for name, pending, done, fair, bound in (
        ("a_read_is_answered", owes["ar"] != 0, took(bus["r"]), prompt, _READ),
        ("a_write_is_answered", (owes["aw"] != 0) & (owes["w"] != 0), took(bus["b"]), prompt, _WRITTEN),
        ("the_reset_follows", steady & (guard.rst_n == guard.hold), ~steady, prompt, _TURNED),
    ):
        waited = Signal(range(bound + 2), name=f"{name}_waited")
        with m.If(~pending | done):
            m.d.sync += waited.eq(0)
        with m.Elif(fair & (waited <= bound)):
            m.d.sync += waited.eq(waited + 1)
        h.claim(f"{name}_after_at_most_{bound}_prompt_cycles", waited <= bound)

    in_reset = counted(h, ~guard.rst_n & took(bus["r"]), "reads_in_reset")
    h.cover("a_read_and_a_write_in_reset", ~guard.rst_n & (in_reset == 1) & took(bus["b"]))
    h.cover("a_read_of_the_unit_after_a_reset", took(inner["r"]) & (in_reset == 1))


PROOFS = tuple(
    Proof(unit="reset_guard", variant=f"2 bits{', reset' if reset else ''}", reset=reset, depth=14,
          text="every access is answered, none reaches a unit in reset", make=partial(ResetGuard, 2), describe=describe)
    for reset in (False, True)
)
