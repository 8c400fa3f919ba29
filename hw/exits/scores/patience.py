"""Policy ``patience``: leaves when enough exits in a row agree."""

from typing import Any

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from hw.exits.scores.arg_max import ArgMax
from hw.exits.scores.base import Score, saturate_unsigned

__all__ = ["Patience", "run_token"]


def run_token(*, id_bits: int, classes: int, run_bits: int) -> data.StructLayout:
    """What one exit tells the next of a sample.

    Members
    -------
    id : number of the sample, modulo ``2**id_bits``
    label : the class that the exit found
    run : how many exits in a row, that one included, found this class; stops at ``2**run_bits - 1``
    """
    return data.StructLayout({"id": id_bits, "label": range(classes), "run": run_bits})


class Patience(Score, policy="patience"):
    """Leaves when at least ``threshold`` exits in a row, this one included, find the same class (Zhou et al., "BERT Loses Patience",
    NeurIPS 2020). ``confidence`` is how many do. ``params``: ``id_bits`` 1 to 32, ``run_bits`` 1 to 8, and ``first``: whether this is the
    first exit of its kind, to which no tokens come; it numbers the samples itself, from 0 after a reset.

    One token of ``token_i`` belongs to each sample, in the same order, and one of ``token_o`` to each sample that does not leave. A
    decision waits for either of them. A token is taken when its sample's result goes into the output register, and given then or before.
    Put a FIFO between an exit's ``token_o`` and the next one's ``token_i``, as deep as samples can be on the way.

    Latency: that of :class:`~hw.exits.scores.arg_max.ArgMax`.

    Members
    -------
    token_i : In(stream.Signature(run_token))
        From the exit before, unless this is the first.
    token_o : Out(stream.Signature(run_token))
        To the next exit. ``valid`` depends on ``token_i.valid``, on no ready.
    """

    required = ("id_bits", "run_bits")
    optional = ("first",)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.arg_max = ArgMax(classes=self.classes, pe=self.pe, bits=self.logit_bits)
        self.latency = self.arg_max.latency

    def prepare(self) -> None:
        """Checks the widths."""
        for name, most in (("id_bits", 32), ("run_bits", 8)):
            if not 1 <= self.params[name] <= most:
                raise ValueError(f"{name} must be from 1 to {most}, not {self.params[name]}")
        self.first = bool(self.params.get("first", False))
        self.token = run_token(id_bits=self.params["id_bits"], classes=self.classes, run_bits=self.params["run_bits"])
        self._sent = Signal()

    def own_ports(self) -> dict[str, wiring.Member]:
        """The token streams."""
        ports = {} if self.first else {"token_i": In(stream.Signature(self.token))}
        return {**ports, "token_o": Out(stream.Signature(self.token))}

    def thresholds(self) -> range:
        """Every run, and one more that none reaches."""
        return range((1 << self.params["run_bits"]) + 1)

    def outside(self, m: Module) -> None:
        """Remembers that a sample's token was given while its result still waits for the output register."""
        with m.If(self.advance):
            m.d.sync += self._sent.eq(0)
        with m.Elif(self.token_o.valid & self.token_o.ready):
            m.d.sync += self._sent.eq(1)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        arg_max = self.arg_max
        self.one_pass(m, arg_max)
        run = Signal(self.params["run_bits"], init=1)
        there = Signal(init=1)
        goes_on = Signal()
        m.d.comb += [
            self.token_o.p.label.eq(arg_max.label),
            self.token_o.p.run.eq(run),
            self.token_o.valid.eq(arg_max.valid & there & goes_on & ~self._sent),
            self.hold.eq(arg_max.valid & (~there | (goes_on & ~self._sent & ~self.token_o.ready))),
            goes_on.eq(~self.left),
            self.leave.eq(run >= self.threshold),
            self.confidence.eq(saturate_unsigned(run, self.confidence_bits - 1)),
        ]
        if self.first:
            number = Signal(self.params["id_bits"])
            with m.If(arg_max.valid):
                m.d.sync += number.eq(number + 1)
            m.d.comb += self.token_o.p.id.eq(number)
            return m
        token = self.token_i.p
        agrees = (token.label == arg_max.label) & (token.run != 0)
        m.d.comb += [
            there.eq(self.token_i.valid),
            run.eq(Mux(agrees, Mux(token.run.all(), token.run, token.run + 1), 1)),
            self.token_i.ready.eq(arg_max.valid & self.advance),
            self.token_o.p.id.eq(token.id),
        ]
        return m
