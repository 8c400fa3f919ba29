"""Joins the exits' results into one stream of result words, batch by batch."""

from collections.abc import Sequence

from amaranth.hdl import Array, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.admission import BATCH_BITS
from hw.exit_router import result_layout
from hw.netlist import ResultField
from hw.token import STAMP_BITS

__all__ = ["ExitMerge"]

_FIELDS = ("id", "label", "exit", "confidence", "cycles")


def _saturate(value: Value, shape: Shape) -> Value:
    """``value`` clamped to ``shape``; both are signed or both unsigned."""
    if value.shape().width <= shape.width:
        return value
    top = (1 << (shape.width - shape.signed)) - 1
    low = -top - 1 if shape.signed else 0
    clamped = Mux(value > top, Const(top, shape), value[:shape.width].as_signed() if shape.signed else value[:shape.width])
    return Mux(value < low, Const(low, shape), clamped) if shape.signed else clamped


class ExitMerge(wiring.Component):
    """Fair merge of ``exits`` result streams into words of ``bits`` bits, fenced by batch.

    ``order="arrival"``: results leave as they come, round robin among exits that wait; a result of a later batch
    waits until the batch before
    it has sent all its results. ``order="input"``: results pass through a reorder buffer with a place for each sample
    in flight and leave in the
    order in which samples entered. Either way ``last`` marks the result that completes a batch.

    Latency: one cycle (``arrival``), two (``input``). Throughput: one result a cycle. Reset: nothing held, first
    batch open. Results that
    arrive together leave in turn; an exit that waits is served after at most ``exits - 1`` others.

    Parameters
    ----------
    exits : number of exits, at least 1
    token : layout of a token; ``max_in_flight`` places are enough for all of them
    max_in_flight : samples that may be inside at a time
    label_bits, confidence_bits : widths of a result's fields; the latter is signed
    bits : width of the result word
    fields : where ``id``, ``label``, ``exit``, ``confidence`` and ``cycles`` stand in the word; one that is missing
    is left out. ``confidence``
        and ``cycles`` saturate at their field's range, ``id`` wraps.
    order : ``"arrival"`` or ``"input"``

    Members
    -------
    i : results of the exits, in exit order
    length : one batch length per batch
    now : free-running cycle count, the same as at admission
    o : result words, ``{word, last}``
    release : high for one cycle with each result that leaves
    release_half : with ``release``, the top bit of that sample's id; always 0 with ``order="input"``, where no sample overtakes another
    batch_done : high for one cycle with each result that completes a batch
    """

    def __init__(self, *, exits: int, token: data.StructLayout, max_in_flight: int, label_bits: int, confidence_bits: int,
                 bits: int, fields: Sequence[ResultField], order: str) -> None:
        if exits < 1:
            raise ValueError(f"exits must be at least 1, not {exits}")
        if order not in ("arrival", "input"):
            raise ValueError(f"order must be 'arrival' or 'input', not {order!r}")
        for item in fields:
            if item.name not in _FIELDS:
                raise ValueError(f"result field must be one of {', '.join(_FIELDS)}, not {item.name!r}")
            if item.offset < 0 or item.offset + item.width > bits:
                top = item.offset + item.width - 1
                raise ValueError(f"result field {item.name!r} must lie within {bits} bits, not {item.offset}..{top}")
        self.exits = exits
        self.max_in_flight = max_in_flight
        self.bits = bits
        self.fields = tuple(fields)
        self.order = order
        self.result = result_layout(token, label_bits=label_bits, confidence_bits=confidence_bits)
        self.word = data.StructLayout({"word": bits, "last": 1})
        super().__init__({
            "i": In(stream.Signature(self.result)).array(exits),
            "length": In(stream.Signature(BATCH_BITS)),
            "now": In(STAMP_BITS),
            "o": Out(stream.Signature(self.word)),
            "release": Out(1),
            "release_half": Out(1),
            "batch_done": Out(1),
        })

    def _pack(self, m: Module, winner: Signal, result: data.View) -> Value:
        age = Signal(STAMP_BITS)
        m.d.comb += age.eq(self.now - result.token.stamp)
        word = Signal(self.bits)
        for item in self.fields:
            place = word[item.offset:item.offset + item.width]
            if item.name == "confidence":
                m.d.comb += place.eq(_saturate(result.confidence.as_signed(), signed(item.width)))
            elif item.name == "cycles":
                m.d.comb += place.eq(_saturate(age, unsigned(item.width)))
            else:
                m.d.comb += place.eq({"id": result.token.id, "label": result.label, "exit": winner}[item.name])
        return word

    def elaborate(self, platform: object) -> Module:
        m = Module()
        batch = Signal(self.result["token"].shape["batch"].width)
        sent = Signal(BATCH_BITS)

        # Round robin: of the candidates, the first one after the last winner.
        winner_bits = max(1, ceil_log2(self.exits))
        candidate = Signal(self.exits)
        winner, previous = Signal(winner_bits), Signal(winner_bits)
        for k in range(self.exits):
            fenced = (self.i[k].payload.token.batch != batch) if self.order == "arrival" else Const(0)
            m.d.comb += candidate[k].eq(self.i[k].valid & ~fenced)
        with m.Switch(previous):
            for last_winner in range(self.exits):
                with m.Case(last_winner):
                    for distance in reversed(range(1, self.exits + 1)):
                        k = (last_winner + distance) % self.exits
                        with m.If(candidate[k]):
                            m.d.comb += winner.eq(k)
        chosen = Signal(self.result)
        m.d.comb += chosen.eq(Array(self.i[k].payload for k in range(self.exits))[winner])
        take = Signal()
        for k in range(self.exits):
            m.d.comb += self.i[k].ready.eq(take & (winner == k) & candidate[k])
        with m.If(take & candidate.any()):
            m.d.sync += previous.eq(winner)
        word = self._pack(m, winner, chosen)

        advance = Signal()
        m.d.comb += advance.eq(~self.o.valid | self.o.ready)
        completes = sent == self.length.payload - 1
        leave, leaving = Signal(), Signal(self.bits)
        if self.order == "arrival":
            m.d.comb += [take.eq(advance & self.length.valid), leave.eq(take & candidate.any()), leaving.eq(word)]
            if len(chosen.token.id):
                m.d.comb += self.release_half.eq(chosen.token.id[-1])
        else:
            places = 1 << ceil_log2(self.max_in_flight)
            m.submodules.reorder = reorder = Memory(shape=unsigned(self.bits), depth=max(2, places), init=[])
            write, read = reorder.write_port(), reorder.read_port(domain="comb")
            present = Signal(max(2, places))
            head = Signal(range(max(2, self.max_in_flight)))
            m.d.comb += [
                take.eq(1), write.en.eq(candidate.any()), write.addr.eq(chosen.token.slot), write.data.eq(word),
                read.addr.eq(head), leaving.eq(read.data),
                leave.eq(advance & self.length.valid & present.bit_select(head, 1)),
            ]
            with m.If(leave):
                m.d.sync += [present.bit_select(head, 1).eq(0), head.eq(Mux(head == self.max_in_flight - 1, 0, head + 1))]
            with m.If(write.en):
                m.d.sync += present.bit_select(write.addr, 1).eq(1)

        with m.If(self.o.ready):
            m.d.sync += self.o.valid.eq(0)
        with m.If(leave):
            m.d.sync += [self.o.valid.eq(1), self.o.payload.word.eq(leaving), self.o.payload.last.eq(completes), sent.eq(sent + 1)]
            with m.If(completes):
                m.d.sync += [sent.eq(0), batch.eq(batch + 1)]
        m.d.comb += [
            self.release.eq(leave),
            self.length.ready.eq(leave & completes),
            self.batch_done.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]
        return m
