"""Joins the exits' results into one stream of result words, batch by batch."""

from collections.abc import Sequence

from amaranth.hdl import Cat, Const, Module, Mux, Shape, Signal, Value, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.exits.admission import BATCH_BITS
from hw.exits.router import result_layout
from hw.exits.token import STAMP_BITS
from hw.netlist import ResultField
from hw.placing import place
from hw.streams.fifo import Fifo

__all__ = ["ExitMerge"]

_FIELDS = ("id", "label", "exit", "confidence", "cycles", "final")


def _saturate(value: Value, shape: Shape) -> Value:
    """``value`` clamped to ``shape``; both are signed or both unsigned."""
    if value.shape().width <= shape.width:
        return value
    top = (1 << (shape.width - shape.signed)) - 1
    low = -top - 1 if shape.signed else 0
    clamped = Mux(value > top, Const(top, shape), value[:shape.width].as_signed() if shape.signed else value[:shape.width])
    return Mux(value < low, Const(low, shape), clamped) if shape.signed else clamped


class ExitMerge(wiring.Component):
    """Fair merge of ``exits`` result streams into words of ``bits`` bits, batch by batch.

    ``order="arrival"``: results leave as they come, round robin among exits that wait. Of several exits only those of the batch that is
    going on may be offered, which :class:`hw.exits.result_queue.ResultQueue` sees to with ``ends``; those of one come in order.
    ``order="input"``: results pass through a reorder buffer with a place for each sample in flight and leave in the order in which
    samples entered. Either way ``last`` marks the result that completes a batch.

    With ``anytime`` (order ``arrival`` alone) every exit that a sample passes gives a result, that of the exit at which it leaves being
    ``final``. Batches are counted by final results, and ``release`` and ``last`` go with those. Of exits that wait the lowest goes first,
    so that results of one sample leave in the order of the exits: at exit k + 1 it comes only after its result reached ``i[k]``, and
    results of one exit keep the order of the samples.

    Latency: two cycles (``arrival``), three (``input``). Throughput: one result a cycle. Reset: nothing held, first
    batch open. Results that arrive together leave in turn; an exit that waits is served after at most ``exits - 1`` others, but for
    ``anytime``: there it waits until no lower one does, which ends since no more than ``max_in_flight`` samples are inside. ``i.ready``
    and ``ends`` depend combinationally on ``i`` alone, ``batch_done`` on ``o.ready``; all else comes from registers. ``cycles`` counts up
    to ``release``, or, with ``order="input"``, to the cycle after the result came.

    Parameters
    ----------
    exits : number of exits, at least 1
    token : layout of a token; ``max_in_flight`` places are enough for all of them
    max_in_flight : samples that may be inside at a time
    label_bits, confidence_bits : widths of a result's fields; the latter is signed
    bits : width of the result word
    fields : where ``id``, ``label``, ``exit``, ``confidence``, ``cycles`` and, with ``anytime`` only, ``final`` stand in the word; one that
        is missing is left out. ``confidence`` and ``cycles`` saturate at their field's range, ``id`` wraps.
    order : ``"arrival"`` or ``"input"``
    anytime : results come of every exit that a sample passes

    Members
    -------
    i : results of the exits, in exit order (``arrival``, of several exits: of the batch that is going on)
    length : one batch length per batch, at least 1; no result of a batch goes before its length was taken. Two are kept at a time, each
        until its batch's last result was taken (``arrival``) or has left (``input``)
    now : free-running cycle count, the same as at admission
    o : result words, ``{word, last}``
    release : high for one cycle with each (final) result that leaves, that is, joins the two that may wait on ``o``
    release_half : with ``release``, the top bit of that sample's id; always 0 with ``order="input"``, where no sample overtakes another
    ends : high for one cycle with the last result of a batch: as it is taken (``arrival``), as it leaves (``input``)
    batch_done : high for one cycle with each result that completes a batch, as it is taken from ``o``
    """

    def __init__(self, *, exits: int, token: data.StructLayout, max_in_flight: int, label_bits: int, confidence_bits: int,
                 bits: int, fields: Sequence[ResultField], order: str, anytime: bool = False) -> None:
        if exits < 1:
            raise ValueError(f"exits must be at least 1, not {exits}")
        if order not in ("arrival", "input"):
            raise ValueError(f"order must be 'arrival' or 'input', not {order!r}")
        if anytime and order != "arrival":
            raise ValueError(f"order must be 'arrival' with anytime, not {order!r}")
        known = _FIELDS if anytime else _FIELDS[:-1]
        for item in fields:
            if item.name not in known:
                raise ValueError(f"result field must be one of {', '.join(known)}, not {item.name!r}")
            if item.offset < 0 or item.offset + item.width > bits:
                top = item.offset + item.width - 1
                raise ValueError(f"result field {item.name!r} must lie within {bits} bits, not {item.offset}..{top}")
        self.exits = exits
        self.max_in_flight = max_in_flight
        self.bits = bits
        self.fields = tuple(fields)
        self.order = order
        self.anytime = anytime
        self.result = result_layout(token, label_bits=label_bits, confidence_bits=confidence_bits, anytime=anytime)
        self.word = data.StructLayout({"word": bits, "last": 1})
        super().__init__({
            "i": In(stream.Signature(self.result)).array(exits),
            "length": In(stream.Signature(BATCH_BITS)),
            "now": In(STAMP_BITS),
            "o": Out(stream.Signature(self.word)),
            "release": Out(1),
            "release_half": Out(1),
            "ends": Out(1),
            "batch_done": Out(1),
        })

    def _pack(self, m: Module, winner: Value, result: data.View) -> Value:
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
                value = {"id": result.token.id, "label": result.label, "exit": winner}
                m.d.comb += place.eq(result.final if item.name == "final" else value[item.name])
        return word

    def _goes_before(self, j: int, k: int, previous: Signal) -> Value:
        """Of exits ``j`` and ``k`` the former comes first: after ``previous``, or in the order of the exits."""
        if self.anytime:
            return Const(int(j < k))
        return Cat(previous == p for p in range(self.exits) if (j - p - 1) % self.exits < (k - p - 1) % self.exits).any()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Of the batch, if its length is ``known``: how many results are yet to come, and whether that is one; of the next one, if its
        # length ``waits``, the same. Nothing before depends on which result is taken.
        known, waits, counted = Signal(), Signal(), Signal()
        to_send, completes = Signal(BATCH_BITS), Signal()
        next_length, next_single = Signal(BATCH_BITS, reset_less=True), Signal(reset_less=True)
        single = Signal()
        m.d.comb += [self.length.ready.eq(~waits), self.ends.eq(counted & completes), single.eq(self.length.payload == 1)]
        with m.If(~waits):
            m.d.sync += [next_length.eq(self.length.payload), next_single.eq(single)]
        # ``completes`` only where the length is known. Written as sums of products, for whether a result is taken comes last.
        load, comes = Signal(), Signal()
        m.d.comb += [load.eq(self.ends | ~known), comes.eq(waits | self.length.valid)]
        with m.If(load | counted):
            m.d.sync += to_send.eq(Mux(load, Mux(waits, next_length, self.length.payload), to_send - 1))
        m.d.sync += [
            completes.eq((load & comes & Mux(waits, next_single, single)) | (~load & counted & (to_send == 2))
                         | (~load & ~counted & completes)),
            known.eq((load & comes) | (~load & known)),
            waits.eq(~load & comes),
        ]

        # Round robin: of the candidates, the first one after the last winner. (With anytime: the first one.)
        winner_bits = max(1, ceil_log2(self.exits))
        take = Signal()
        winner, previous = Signal(winner_bits), Signal(winner_bits)
        chosen = Signal(self.result)
        m.d.comb += chosen.eq(self.i[0].payload)
        for k in range(self.exits):
            wins = Signal(name=f"wins{k}")
            beaten = [self.i[j].valid & self._goes_before(j, k, previous) for j in range(self.exits) if j != k]
            m.d.comb += [wins.eq(self.i[k].valid & ~Cat(beaten).any()), self.i[k].ready.eq(wins & take)]
            if k:
                with m.If(wins):
                    m.d.comb += [winner.eq(k), chosen.eq(self.i[k].payload)]
        taken = Signal()
        m.d.comb += taken.eq(Cat(stream.valid for stream in self.i).any() & take)
        with m.If(taken):
            m.d.sync += previous.eq(winner)

        # Choosing and packing take a cycle each.
        picked = Signal(data.StructLayout({"result": self.result, "exit": winner_bits, "last": 1}), reset_less=True)
        full, free, pick = Signal(), Signal(), Signal()
        with m.If(pick):
            m.d.sync += [picked.result.eq(chosen), picked.exit.eq(winner)]
            m.d.sync += picked.last.eq(completes & chosen.final if self.anytime else completes)
        with m.If(free):
            m.d.sync += full.eq(taken)
        word = self._pack(m, picked.exit, picked.result)

        # Two places, so that nothing here depends on ``o.ready``.
        words = place(m, "words", Fifo(self.word.size, 2))
        leave, leaving, last = Signal(), Signal(self.bits), Signal()
        if self.order == "arrival":
            # Whether a result that is held cannot leave is known from the cycle before, so that the choice begins with it.
            stuck, filled = Signal(), Signal()
            m.d.comb += filled.eq(((words.level == 2) | ((words.level == 1) & leave)) & ~(words.o.valid & self.o.ready))
            m.d.sync += stuck.eq(filled & (taken | (full & ~words.i.ready)))
            m.d.comb += [
                free.eq(~stuck), pick.eq(~full | (words.level != 2)), take.eq(free & known),
                counted.eq(taken & chosen.final if self.anytime else taken),
                leave.eq(full & words.i.ready), leaving.eq(word), last.eq(picked.last),
            ]
            if len(picked.result.token.id):
                m.d.comb += self.release_half.eq(picked.result.token.id[-1])
        else:
            places = 1 << ceil_log2(self.max_in_flight)
            m.submodules.reorder = reorder = Memory(shape=unsigned(self.bits), depth=max(2, places), init=[])
            write, read = reorder.write_port(), reorder.read_port(domain="comb")
            present = Signal(max(2, places))
            head = Signal(range(max(2, self.max_in_flight)))
            m.d.comb += [
                take.eq(1), free.eq(1), pick.eq(1), write.en.eq(full), write.addr.eq(picked.result.token.slot), write.data.eq(word),
                read.addr.eq(head), leaving.eq(read.data), last.eq(completes), counted.eq(leave),
                leave.eq(words.i.ready & known & present.bit_select(head, 1)),
            ]
            with m.If(leave):
                m.d.sync += [present.bit_select(head, 1).eq(0), head.eq(Mux(head == self.max_in_flight - 1, 0, head + 1))]
            with m.If(write.en):
                m.d.sync += present.bit_select(write.addr, 1).eq(1)

        m.d.comb += [
            words.i.valid.eq(leave),
            words.i.payload.eq(Cat(leaving, last)),
            self.o.valid.eq(words.o.valid),
            self.o.payload.eq(words.o.payload),
            words.o.ready.eq(self.o.ready),
        ]
        m.d.comb += [
            self.release.eq(leave & picked.result.final if self.anytime else leave),
            self.batch_done.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]
        return m
