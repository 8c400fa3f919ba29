"""Registers behind AXI4-Lite."""

from collections.abc import Collection, Sequence
from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from hw.control.registers import Register, check

__all__ = ["AxiLiteRegisters", "AxiLiteSignature"]

OKAY = 0b00


class AxiLiteSignature(wiring.Signature):
    """AXI4-Lite with 32-bit data, as the manager sees it. There are no ``prot`` signals: they may be left open."""

    def __init__(self, addr_width: int) -> None:
        self.addr_width = addr_width
        super().__init__({
            "awaddr": Out(addr_width), "awvalid": Out(1), "awready": In(1),
            "wdata": Out(32), "wstrb": Out(4), "wvalid": Out(1), "wready": In(1),
            "bresp": In(2), "bvalid": In(1), "bready": Out(1),
            "araddr": Out(addr_width), "arvalid": Out(1), "arready": In(1),
            "rdata": In(32), "rresp": In(2), "rvalid": In(1), "rready": Out(1),
        })


class AxiLiteRegisters(wiring.Component):
    """An AXI4-Lite subordinate with the given registers.

    Write address and write data may come in any order. One write and one read are worked on at a time, independently; the answer is
    there two cycles after the later of address and data was taken. The low two address bits are ignored. Every answer is OKAY, also to a
    write of a ``ro`` register (which changes nothing) and a read of a ``pulse`` (which gives 0). Addresses without a register read as 0,
    change nothing, and are told by ``unmapped``: an error on the bus may stop the whole processor. A byte whose ``wstrb`` is 0 is left as
    it was, and gives no pulse. A register changes in the cycle in which ``bvalid`` rises. Reset: registers take their initial values, what
    is under way on the bus is forgotten.

    Parameters
    ----------
    registers : sequence of Register
        Names and words must not collide (:class:`ValueError`).
    addr_width : int
        Address bits, 2 to 32.
    preset : collection of str
        Registers (``rw``, without fields) whose initial values come from members of their own: they are 0 until the end of the first cycle
        after reset, which takes the values from there.

    Members
    -------
    bus : In(AxiLiteSignature(addr_width))
        The bus.
    *name* : Out or In
        One per register, in lower case, or one per field of a register that has fields, as ``register_field``. ``rw``: ``Out``, the value.
        ``ro``: ``In``, what is read. ``pulse``: ``Out``, the ones that were written, for one cycle.
    <name>_written : Out(1)
        Of a register with a ``strobe``: high for the one cycle in which a write's value is first there, if the write had any byte.
    <name>_preset : In
        Of a register in ``preset``: its initial value.
    unmapped : Out(1)
        High for one cycle, that in which an access to an address without a register is answered first; two that end together give one.
    """

    def __init__(self, registers: Sequence[Register], addr_width: int, preset: Collection[str] = ()) -> None:
        if not 2 <= addr_width <= 32:
            raise ValueError(f"addr_width must be from 2 to 32, not {addr_width}")
        check(registers, addr_width)
        self.registers = tuple(registers)
        self.addr_width = addr_width
        kinds = {item.name: item.access for item in self.registers if not item.fields}
        wrong = [name for name in preset if kinds.get(name) != "rw"]
        if wrong:
            raise ValueError(f"preset must be rw registers without fields, not {wrong[0]}")
        self.preset = tuple(item.name for item in self.registers if item.name in preset)
        members: dict[str, Any] = {"bus": In(AxiLiteSignature(addr_width))}
        for item in self.registers:
            for name, lsb, shape, access in self._parts(item):
                if name in members:
                    raise ValueError(f"two registers have the member {name!r}")
                mask = (1 << shape.width) - 1
                init = 0 if item.name in self.preset else item.init if not item.fields else item.init >> lsb & mask
                if item.name in self.preset:
                    members[f"{name}_preset"] = In(shape)
                members[name] = In(shape, init=init) if access == "ro" else Out(shape, init=init)
            if item.strobe:
                name = self._strobe(item)
                if name in members:
                    raise ValueError(f"two registers have the member {name!r}")
                members[name] = Out(1)
        super().__init__(members | {"unmapped": Out(1)})

    @staticmethod
    def _parts(item: Register) -> list[tuple[str, int, Shape, str]]:
        """Member name, lowest bit, shape and access of a register's parts."""
        name = item.name.lower()
        if item.fields:
            return [(f"{name}_{part.name}", part.lsb, unsigned(part.bits), part.access or item.access) for part in item.fields]
        return [(name, 0, signed(item.bits) if item.signed else unsigned(item.bits), item.access)]

    @staticmethod
    def _strobe(item: Register) -> str:
        return f"{item.name.lower()}_written"

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        bus = self.bus

        # Write: address and data wait for each other, then act at once.
        awaddr, have_address = Signal(self.addr_width), Signal()
        wdata, wstrb, have_data = Signal(32), Signal(4), Signal()
        write = Signal()
        m.d.comb += [bus.awready.eq(~have_address), bus.wready.eq(~have_data), write.eq(have_address & have_data & ~bus.bvalid)]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [awaddr.eq(bus.awaddr), have_address.eq(1)]
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += [wdata.eq(bus.wdata), wstrb.eq(bus.wstrb), have_data.eq(1)]
        with m.If(bus.bvalid & bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(write):
            m.d.sync += [have_address.eq(0), have_data.eq(0), bus.bvalid.eq(1)]

        # Read: the address is registered before the wide multiplexer, the data after it.
        araddr, have_read = Signal(self.addr_width), Signal()
        m.d.comb += bus.arready.eq(~have_read & ~bus.rvalid)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += [araddr.eq(bus.araddr), have_read.eq(1)]
        with m.If(bus.rvalid & bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        kept = {item.name: Signal(item.bits, name=f"{item.name.lower()}_kept") for item in self.registers if item.read_with}
        words = {item.offset >> 2: kept.get(item.name, self._value(item)) for item in self.registers}
        mapped, known = Signal(), Signal()
        # Registers, though they never change: Amaranth gives ports that are one constant each other's attributes.
        m.d.sync += [bus.bresp.eq(OKAY), bus.rresp.eq(OKAY)]
        with m.Switch(araddr[2:]), m.Case(*words):
            m.d.comb += mapped.eq(1)
        with m.Switch(awaddr[2:]), m.Case(*words):
            m.d.comb += known.eq(1)
        m.d.sync += self.unmapped.eq((have_read & ~mapped) | (write & ~known))
        with m.If(have_read):
            m.d.sync += [have_read.eq(0), bus.rvalid.eq(1), bus.rdata.eq(Mux(mapped, _select(words, araddr[2:]), 0))]
            at = {item.name: item.offset >> 2 for item in self.registers}
            for item in self.registers:
                if item.read_with:
                    with m.If(araddr[2:] == at[item.read_with]):
                        m.d.sync += kept[item.name].eq(self._value(item))

        mask = Cat(strobe.replicate(8) for strobe in wstrb)
        pulses = [getattr(self, name) for item in self.registers for name, _, _, access in self._parts(item) if access == "pulse"]
        m.d.sync += [pulse.eq(0) for pulse in pulses]
        m.d.sync += [getattr(self, self._strobe(item)).eq(0) for item in self.registers if item.strobe]
        with m.If(write), m.Switch(awaddr[2:]):
            for item in self.registers:
                with m.Case(item.offset >> 2):
                    m.d.sync += [self._written(access, name, lsb, shape, wdata, mask)
                                 for name, lsb, shape, access in self._parts(item) if access != "ro"]
                    if item.strobe:
                        m.d.sync += getattr(self, self._strobe(item)).eq(wstrb.any())

        if self.preset:
            # No write is through in this cycle: address and data are taken in it at the earliest.
            first = Signal(init=1)
            m.d.sync += first.eq(0)
            with m.If(first):
                m.d.sync += [getattr(self, name.lower()).eq(getattr(self, f"{name.lower()}_preset")) for name in self.preset]
        return m

    def _written(self, access: str, name: str, lsb: int, shape: Shape, wdata: Value, mask: Value) -> Any:
        """The assignment that a write makes to one part of a register."""
        member: Any = getattr(self, name)
        new, strobed = wdata[lsb:lsb + shape.width], mask[lsb:lsb + shape.width]
        return member.eq(new & strobed | (member & ~strobed if access == "rw" else 0))

    def _value(self, item: Register) -> Value:
        """What a register reads as, its sign or zeros not yet extended to 32 bits."""
        if not item.fields:
            value: Value = Const(0) if item.access == "pulse" else getattr(self, item.name.lower())
            return value
        bits: list[Value] = [Const(0, 1)] * item.bits
        for name, lsb, shape, access in self._parts(item):
            if access != "pulse":
                bits[lsb:lsb + shape.width] = list(getattr(self, name))
        return Cat(*bits)


def _select(words: dict[int, Value], address: Value) -> Value:
    """The word at ``address``, by one two-way choice per address bit: a third of the LUTs of comparing with every address. Any
    word may come where there is none."""
    if len(words) < 2:
        return next(iter(words.values()), Const(0))
    top = len(address) - 1
    low = {at: word for at, word in words.items() if not at >> top & 1}
    high = {at: word for at, word in words.items() if at >> top & 1}
    if not (low and high):
        return _select(low or high, address[:top])
    return Mux(address[top], _select(high, address[:top]), _select(low, address[:top]))
