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
    """Fair merge of ``exits`` result streams into words of ``bits`` bits, fenced by batch.

    ``order="arrival"``: results leave as they come, round robin among exits that wait; a result of a later batch
    waits until the batch before
    it has sent all its results. ``order="input"``: results pass through a reorder buffer with a place for each sample
    in flight and leave in the
    order in which samples entered. Either way ``last`` marks the result that completes a batch.

    With ``anytime`` (order ``arrival`` alone) every exit that a sample passes gives a result, that of the exit at which it leaves being
    ``final``. Batches are counted by final results, and ``release`` and ``last`` go with those. Of exits that wait the lowest goes first,
    so that results of one sample leave in the order of the exits: at exit k + 1 it comes only after its result reached ``i[k]``, and
    results of one exit keep the order of the samples.

    Latency: two cycles (``arrival``), three (``input``). Throughput: one result a cycle. Reset: nothing held, first
    batch open. Results that
    arrive together leave in turn; an exit that waits is served after at most ``exits - 1`` others, but for ``anytime``: there it waits
    until no lower one does, which ends since no more than ``max_in_flight`` samples are inside. ``i.ready``
    depends combinationally on ``i`` alone, ``batch_done`` on ``o.ready``; all else comes from registers. ``cycles`` counts up to
    ``release``, or, with ``order="input"``, to the cycle after the result came.

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
    i : results of the exits, in exit order
    length : one batch length per batch, at least 1; no result of a batch goes before its length was taken. Two are kept at a time, each
        until its batch's last result was taken (``arrival``) or has left (``input``)
    now : free-running cycle count, the same as at admission
    o : result words, ``{word, last}``
    release : high for one cycle with each (final) result that leaves, that is, joins the two that may wait on ``o``
    release_half : with ``release``, the top bit of that sample's id; always 0 with ``order="input"``, where no sample overtakes another
    batch_done : high for one cycle with each result that completes a batch
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
        batch = Signal(self.result["token"].shape["batch"].width)
        # Two lengths wait here with what is asked first of each, so that nothing before depends on which result is taken.
        lengths = place(m, "lengths", Fifo(BATCH_BITS + 1, 2))
        length, single = lengths.o.payload[:BATCH_BITS], lengths.o.payload[BATCH_BITS]
        m.d.comb += [
            lengths.i.valid.eq(self.length.valid),
            lengths.i.payload.eq(Cat(self.length.payload, self.length.payload == 1)),
            self.length.ready.eq(lengths.i.ready),
        ]
        opens_batch = Signal(init=1)
        to_send, one_to_send = Signal(BATCH_BITS), Signal()  # results of the batch that are yet to come, once one has

        # Round robin: of the candidates, the first one after the last winner. (With anytime: the first one.)
        winner_bits = max(1, ceil_log2(self.exits))
        take = Signal()
        candidate = Signal(self.exits)
        winner, previous = Signal(winner_bits), Signal(winner_bits)
        for k in range(self.exits):
            fenced = (self.i[k].payload.token.batch != batch) if self.order == "arrival" else Const(0)
            m.d.comb += candidate[k].eq(self.i[k].valid & take & ~fenced)
        chosen = Signal(self.result)
        m.d.comb += chosen.eq(self.i[0].payload)
        for k in range(self.exits):
            wins = Signal(name=f"wins{k}")
            beaten = [candidate[j] & self._goes_before(j, k, previous) for j in range(self.exits) if j != k]
            m.d.comb += [wins.eq(candidate[k] & ~Cat(beaten).any()), self.i[k].ready.eq(wins)]
            if k:
                with m.If(wins):
                    m.d.comb += [winner.eq(k), chosen.eq(self.i[k].payload)]
        taken = Signal()
        m.d.comb += taken.eq(candidate.any())
        with m.If(taken):
            m.d.sync += previous.eq(winner)

        # Choosing and packing take a cycle each.
        of_batch, completes = Signal(BATCH_BITS), Signal()
        m.d.comb += [
            of_batch.eq(Mux(opens_batch, length, to_send)),
            completes.eq(Mux(opens_batch, single, one_to_send)),
        ]
        picked = Signal(data.StructLayout({"result": self.result, "exit": winner_bits, "last": 1}), reset_less=True)
        # Whether it holds a result is kept twice, for the wide register and for the choice: each flag alone drives less and is faster.
        full, empty = Signal(), Signal(init=1)
        move, free, load = Signal(), Signal(), Signal()
        m.d.comb += free.eq(empty | move)
        with m.If(load):
            m.d.sync += [picked.result.eq(chosen), picked.exit.eq(winner)]
            m.d.sync += picked.last.eq(completes & chosen.final if self.anytime else completes)
        with m.If(free):
            m.d.sync += [full.eq(taken), empty.eq(~taken)]
        word = self._pack(m, picked.exit, picked.result)

        # Two places, so that nothing here depends on ``o.ready``.
        words = place(m, "words", Fifo(self.word.size, 2))
        leave, leaving, last = Signal(), Signal(self.bits), Signal()
        counted = Signal()  # one of the batch
        if self.order == "arrival":
            m.d.comb += [
                move.eq(words.i.ready), load.eq(~full | (words.level != 2)), take.eq(free & lengths.o.valid),
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
                take.eq(1), move.eq(1), load.eq(1), write.en.eq(full), write.addr.eq(picked.result.token.slot), write.data.eq(word),
                read.addr.eq(head), leaving.eq(read.data), last.eq(completes), counted.eq(leave),
                leave.eq(words.i.ready & lengths.o.valid & present.bit_select(head, 1)),
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
        with m.If(counted):
            m.d.sync += [to_send.eq(of_batch - 1), one_to_send.eq(of_batch == 2), opens_batch.eq(completes)]
            with m.If(completes):
                m.d.sync += batch.eq(batch + 1)
        m.d.comb += [
            self.release.eq(leave & picked.result.final if self.anytime else leave),
            lengths.o.ready.eq(counted & completes),
            self.batch_done.eq(self.o.valid & self.o.ready & self.o.payload.last),
        ]
        return m
