"""Policy ``class_threshold``: another policy's score, compared with a threshold of the winning class."""

from typing import Any

from amaranth.hdl import Module, Shape, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from hw.exchangeable import exchangeable_memory
from hw.exits.scores.base import Score

__all__ = ["ClassThreshold"]


class ClassThreshold(Score, policy="class_threshold"):
    """Leaves when the score of another policy reaches the threshold of the class that wins (thresholds per class: Gormez and Koyuncu,
    "Class Means as an Early Exit Decision Mechanism", 2021).

    ``params``: ``score``, the other policy's name; ``score_params``, its constants; ``thresholds``, the initial ones, one per class, each
    within the other's ``threshold_range``. ``confidence`` and latency are the other's, and so are its own ports.

    A sample's threshold is read once, ``lead`` cycles before its result: a write holds for all samples that are compared after it, and none
    is compared with anything between. (With a policy that gives tokens: in the first cycle in which the sample could be compared, however
    long it waits then.) A reset leaves the thresholds as they are.

    Members
    -------
    class_write : In(1)
        Makes ``class_value`` the threshold of class ``class_index``, whether the pipeline moves or not.
    class_index : In(range(classes))
        The class.
    class_value : In(threshold_range)
        Its new threshold.
    """

    required = ("score", "thresholds")
    optional = ("score_params",)

    def own_ports(self) -> dict[str, wiring.Member]:
        """Those of the other policy, and a way to write thresholds."""
        return {**self.inner.ports, "class_write": In(1), "class_index": In(range(self.classes)), "class_value": In(self.value_range)}

    def prepare(self) -> None:
        """Makes the other policy's score."""
        name = self.params["score"]
        if name not in Score.registry or name == "class_threshold":
            others = sorted(set(Score.registry) - {"class_threshold"})
            raise ValueError(f"score must be one of {', '.join(others)}, not {name!r}")
        self.inner = Score.registry[name](
            classes=self.classes, pe=self.pe, logit_bits=self.logit_bits, params=self.params.get("score_params", {}),
            confidence_bits=self.confidence_bits, exchangeable=self.exchangeable,
        )
        self.latency, self.lead = self.inner.latency, self.inner.lead
        self.value_range: range = self.inner.threshold_range
        values = self.params["thresholds"]
        if len(values) != self.classes:
            raise ValueError(f"thresholds must be one per class, not {len(values)} for {self.classes} classes")
        for value in values:
            if value not in self.value_range:
                raise ValueError(f"thresholds must be from {self.value_range[0]} to {self.value_range[-1]}, not {value}")
        self._lookup = Signal(Shape.cast(self.value_range))
        self._gives = any(member.is_signature and member.flow is Out for member in self.inner.ports.values())

    def outside(self, m: Module) -> None:
        """The thresholds: they can be written at any time."""
        self.inner.outside(m)
        shape, init = Shape.cast(self.value_range), list(self.params["thresholds"])
        table = exchangeable_memory("thresholds", shape, init) if self.exchangeable else Memory(shape=shape, depth=self.classes, init=init)
        m.submodules.class_thresholds = table
        write, read = table.write_port(), table.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.class_write),
            write.addr.eq(self.class_index),
            write.data.eq(self.class_value),
            read.addr.eq(self.inner.winner),
            self._lookup.eq(read.data),
        ]
        if self._gives:
            # What is on offer follows from the threshold, so the sample keeps the one that it had first.
            waits, kept = Signal(), Signal.like(self._lookup, reset_less=True)
            m.d.sync += [waits.eq(~self.advance), kept.eq(self._lookup)]
            with m.If(waits):
                m.d.comb += self._lookup.eq(kept)

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.score = inner = self.inner
        m.d.comb += inner.threshold.eq(self._lookup)
        wiring.connect(m, wiring.flipped(self.i), inner.i)
        for name in inner.ports:
            wiring.connect(m, wiring.flipped(getattr(self, name)), getattr(inner, name))
        m.d.comb += [getattr(self, name).eq(getattr(inner, name)) for name in
                     ("take", "winner", "valid", "label", "leave", "confidence", "hold")]
        m.d.comb += [getattr(inner, name).eq(getattr(self, name)) for name in ("left", "advance")]
        return m
