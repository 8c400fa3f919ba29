"""The exit decision as a module of its own, with ports as Verilog designs have them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Cat, ClockDomain, Const, Module, ResetInserter, Shape, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.axi_lite import AxiLiteRegisters, AxiLiteSignature
from hw.control.clamp import clamp
from hw.control.registers import Field, Register
from hw.exits.decision import ExitDecision
from hw.exits.unit_registers import ADDR_WIDTH, exit_unit_registers
from hw.streams.interface_attributes import interface_attributes
from hw.streams.offer_hold import OfferHold

__all__ = ["CONFIDENCE_BITS", "CONTROLS", "RESULT_BITS", "RESULT_FIELDS", "ExitUnit", "Port"]

CONTROLS = ("axi4lite", "plain")
"""How thresholds, enable and mode are set: through registers, or by ports of their own."""

CONFIDENCE_BITS = 16
RESULT_BITS = 32
RESULT_FIELDS = (
    Field(name="label", lsb=0, bits=15, doc="the class with the greatest logit, the lowest of equals"),
    Field(name="exit", lsb=15, bits=1, doc="1: the sample may leave here"),
    Field(name="confidence", lsb=16, bits=CONFIDENCE_BITS, doc="the policy's score, signed and saturated"),
)
"""The result word: a little-endian pair of a 16-bit word and a signed 16-bit word."""


@dataclass(frozen=True, kw_only=True)
class Port:
    """A port of the Verilog module; ``direction`` is ``"in"`` or ``"out"``. ``signed`` ones are two's complement."""

    name: str
    direction: str
    bits: int
    signed: bool = False
    doc: str


@dataclass(frozen=True, kw_only=True)
class _Stream:
    """A stream ``inner`` of the decision, outside called ``name``."""

    name: str
    inner: str
    is_input: bool
    bits: int
    padded: int
    doc: str


_STREAM_DOCS = {
    "gate": "the gate head's logit, signed, one beat a sample in the samples' order",
    "token_i": "what the exit before found, one beat a sample in the samples' order",
    "token_o": "to the next exit, one beat for each sample that does not leave",
}
_CONTROL_DOCS = {
    "threshold": "what the policy compares with; beyond its range like the nearest value in it",
    "enable": "0: the sample does not leave",
    "mode": "0: the policy decides, 1: every sample leaves, 2 and 3: none does",
    "class_write": "makes `class_value` the threshold of class `class_index`",
    "class_index": "the class; there is no write when there is no such class",
    "class_value": "its new threshold; beyond the score's range like the nearest value in it",
}


class ExitUnit(wiring.Component):
    """:class:`~hw.exits.decision.ExitDecision` with AXI-Stream ports and a control port: one result word a sample, in order.

    A new sample may start every ``beats`` = classes / pe cycles, with no bubble. A last beat taken in cycle t gives a result in cycle
    t + ``latency``, as long as nothing waits. While a result is not taken everything waits and nothing is lost.

    Threshold, enable and mode hold for every sample whose first beat is taken while they are there; in the middle of a sample a change is
    for the next one. Through AXI4-Lite that is from the cycle on in which ``bvalid`` rises. A class's threshold is looked up once for each
    sample, when its winner is known: a write holds for all samples whose results come at least the decision's own latency later.

    ``aresetn`` is synchronous and clears all but the thresholds of classes; ``CONTROL.soft_reset`` clears all but what the host writes.
    Samples inside are forgotten. In a cycle of either no stream takes a beat, nor gives one with ``aresetn``, so what was taken after it
    comes out whole. A beat that is on offer when a soft reset comes stays on offer until it is taken or ``CONTROL.discard`` is written
    (:class:`~hw.streams.offer_hold.OfferHold`); no stream takes a beat meanwhile.

    Parameters
    ----------
    classes, pe, acc_bits, bias, policy, params
        As :class:`~hw.exits.decision.ExitDecision` has them.
    threshold : int
        Initial threshold, within the decision's ``threshold_range``; with control ``plain`` it is not looked at.
    enable : bool
        Initial enable.
    control : str
        ``"axi4lite"`` or ``"plain"``.

    Raises :class:`ValueError` that names the value when a parameter is out of range.

    Members
    -------
    aclk, aresetn : In(1)
        Clock; synchronous reset, active low.
    s_axis_logits_tdata, s_axis_logits_tvalid, s_axis_logits_tready
        Logits, ``pe * acc_bits`` bits a beat, the lowest class in the least significant bits, filled up to whole bytes.
    m_axis_result_tdata, m_axis_result_tvalid, m_axis_result_tready
        Results: ``RESULT_FIELDS``.
    s_axis_gate_*, s_axis_token_*, m_axis_token_*
        The policy's own streams, if it has any, packed from bit 0 up and filled up to whole bytes.
    s_axilite_*
        With control ``axi4lite``: the registers of :mod:`hw.exits.unit_registers`.
    threshold, enable, mode, class_write, class_index, class_value
        With control ``plain``, as far as the policy has them.
    """

    def __init__(
        self, *, classes: int, pe: int, acc_bits: int, bias: Sequence[int], policy: str, params: Mapping[str, Any], threshold: int = 0,
        enable: bool = True, control: str = "axi4lite",
    ) -> None:
        if control not in CONTROLS:
            raise ValueError(f"control must be one of {', '.join(CONTROLS)}, not {control!r}")
        self.decision = decision = ExitDecision(classes=classes, pe=pe, acc_bits=acc_bits, bias=bias, policy=policy, params=params,
                                                confidence_bits=CONFIDENCE_BITS)
        limits = decision.threshold_range
        if threshold not in limits:
            raise ValueError(f"threshold of {policy} must be from {limits[0]} to {limits[-1]}, not {threshold}")
        self.control = control
        self.beats = decision.beats
        self.latency = decision.latency
        self.has_threshold = len(limits) > 1
        self.has_classes = "class_write" in decision.score.ports
        self.registers: tuple[Register, ...] = ()
        if control == "axi4lite":
            self.registers = tuple(exit_unit_registers(
                policy=policy, classes=classes, pe=pe, threshold=threshold if self.has_threshold else None, enable=enable,
                thresholds=params["thresholds"] if self.has_classes else (), score=params["score"] if self.has_classes else ""))
        self._streams = self._all_streams()
        self._axi = {} if control == "plain" else dict(AxiLiteSignature(ADDR_WIDTH).members)
        self.pins = tuple(self._all_pins())
        streams_and_bus = ("s_axis_", "m_axis_", "s_axilite_", "aclk", "aresetn")
        self._control_pins = {pin.name for pin in self.pins if not pin.name.startswith(streams_and_bus)}
        super().__init__({pin.name: (In if pin.direction == "in" else Out)(Shape(pin.bits, pin.signed)) for pin in self.pins})
        names = [pin.name for pin in self.pins]
        attributes = interface_attributes(names, clock="aclk", reset="aresetn", plain=self._control_pins)
        for name, values in attributes.items():
            getattr(self, name).attrs.update(values)

    def _all_streams(self) -> list[_Stream]:
        decision = self.decision
        found = [("s_axis_logits", "logits", True, decision.pe * decision.acc_bits,
                  f"{decision.pe} signed logits of {decision.acc_bits} bits, the lowest class in the least significant bits")]
        for name, member in decision.score.ports.items():
            if member.is_signature:
                is_input = member.flow is In
                outer = f"{'s' if is_input else 'm'}_axis_{name.removesuffix('_i').removesuffix('_o')}"
                bits = len(Value.cast(getattr(decision, name).payload))
                found.append((outer, name, is_input, bits, _STREAM_DOCS.get(name, f"`{name}` of the policy")))
        streams = [_Stream(name=name, inner=inner, is_input=is_input, bits=bits, padded=-(-bits // 8) * 8, doc=doc)
                   for name, inner, is_input, bits, doc in found]
        return [*streams, _Stream(name="m_axis_result", inner="o", is_input=False, bits=RESULT_BITS, padded=RESULT_BITS,
                                  doc="the result word, one a sample")]

    def _all_pins(self) -> list[Port]:
        pins = [Port(name="aclk", direction="in", bits=1, doc="clock"),
                Port(name="aresetn", direction="in", bits=1, doc="synchronous reset, active low; one cycle is enough")]
        for stream in self._streams:
            there, back = ("in", "out") if stream.is_input else ("out", "in")
            filling = "not looked at" if stream.is_input else "0"
            doc = stream.doc + (f"; bits from {stream.bits} up are {filling}" if stream.padded > stream.bits else "")
            pins += [Port(name=f"{stream.name}_tdata", direction=there, bits=stream.padded, doc=doc),
                     Port(name=f"{stream.name}_tvalid", direction=there, bits=1, doc=""),
                     Port(name=f"{stream.name}_tready", direction=back, bits=1, doc="")]
        if self._axi:
            pins += [Port(name=f"s_axilite_{name}", direction="in" if member.flow is Out else "out", bits=Shape.cast(member.shape).width,
                          doc="") for name, member in self._axi.items()]
            return pins
        members = {name: member for name, member in self.decision.signature.members.items()
                   if name in ("threshold", "enable", "mode", *self.decision.score.ports) and not member.is_signature}
        for name, member in members.items():
            shape = Shape.cast(member.shape)
            if shape.width:
                pins.append(Port(name=name, direction="in" if member.flow is In else "out", bits=shape.width, signed=shape.signed,
                                 doc=_CONTROL_DOCS.get(name, f"`{name}` of the policy")))
        return pins

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain()
        domain.clk = self.aclk
        m.d.comb += domain.rst.eq(~self.aresetn)
        soft, discard, closed, held_back = Signal(), Signal(), Signal(), Signal()
        m.submodules.decision = ResetInserter(soft)(self.decision)

        # A beat offered in a cycle of a reset would be forgotten: it is not taken. In that of a soft reset it is still seen, since what is
        # on offer at an output may depend on it.
        holds: list[OfferHold] = []
        for item in self._streams:
            inner, valid = getattr(self.decision, item.inner), getattr(self, f"{item.name}_tvalid")
            data, ready = getattr(self, f"{item.name}_tdata"), getattr(self, f"{item.name}_tready")
            if item.is_input:
                m.d.comb += [Value.cast(inner.payload).eq(data), inner.valid.eq(valid & ~held_back), ready.eq(inner.ready & ~closed)]
                continue
            word = self._result(m) if item.inner == "o" else Value.cast(inner.payload)
            if not self._axi:
                m.d.comb += [data.eq(word), valid.eq(inner.valid & ~held_back), inner.ready.eq(ready & ~held_back)]
                continue
            m.submodules[f"hold_{item.inner}"] = hold = OfferHold(len(word))
            holds.append(hold)
            m.d.comb += [
                hold.i.payload.eq(word), hold.i.valid.eq(inner.valid), inner.ready.eq(hold.i.ready), data.eq(hold.o.payload),
                valid.eq(hold.o.valid & self.aresetn), hold.o.ready.eq(ready & self.aresetn), hold.cut.eq(soft), hold.discard.eq(discard),
            ]
        pending = Cat(hold.pending for hold in holds).any() if holds else Const(0)
        m.d.comb += [held_back.eq(~self.aresetn | pending), closed.eq(held_back | soft)]
        if self._axi:
            self._by_registers(m, soft, discard, pending)
        else:
            self._by_ports(m)
        return m

    def _result(self, m: Module) -> Value:
        word, payload = Signal(RESULT_BITS), self.decision.o.p
        m.d.comb += [word[item.lsb:item.lsb + item.bits].eq(payload[item.name]) for item in RESULT_FIELDS]
        return word

    def _by_registers(self, m: Module, soft: Signal, discard: Signal, pending: Value) -> None:
        decision = self.decision
        m.submodules.registers = bank = AxiLiteRegisters(self.registers, ADDR_WIDTH)
        for name, member in self._axi.items():
            inside, outside = getattr(bank.bus, name), getattr(self, f"s_axilite_{name}")
            m.d.comb += inside.eq(outside) if member.flow is Out else outside.eq(inside)
        m.d.comb += [soft.eq(bank.control_soft_reset), discard.eq(bank.control_discard),
                     decision.enable.eq(bank.enable), Value.cast(decision.mode).eq(bank.mode)]
        if self.has_threshold:
            m.d.comb += decision.threshold.eq(clamp(bank.threshold, decision.threshold_range))
        if self.has_classes:
            self._class_write(m, bank.class_threshold_written, bank.class_index, bank.class_threshold)
        samples, left, bad_address = Signal(32), Signal(32), Signal()
        with m.If(soft):
            m.d.sync += [samples.eq(0), left.eq(0), bad_address.eq(0)]
        with m.Else():
            m.d.sync += bad_address.eq(bad_address | bank.unmapped)
            # What is left of before a reset counts no more.
            with m.If(decision.o.valid & decision.o.ready):
                m.d.sync += [samples.eq(samples + 1), left.eq(left + decision.o.p.exit)]
        m.d.comb += [bank.samples.eq(samples), bank.left.eq(left), bank.status_output_pending.eq(pending),
                     bank.status_bad_address.eq(bad_address)]

    def _by_ports(self, m: Module) -> None:
        decision = self.decision
        m.d.comb += [decision.enable.eq(self.enable), Value.cast(decision.mode).eq(self.mode)]
        if self.has_threshold:
            m.d.comb += decision.threshold.eq(clamp(self.threshold, decision.threshold_range))
        if self.has_classes:
            self._class_write(m, self.class_write, self.class_index, self.class_value)

    def _class_write(self, m: Module, write: Value, index: Value, value: Value) -> None:
        score: Any = self.decision.score
        m.d.comb += [
            self.decision.class_write.eq(write & (index < self.decision.classes)),
            self.decision.class_index.eq(index),
            self.decision.class_value.eq(clamp(value, score.value_range)),
        ]

