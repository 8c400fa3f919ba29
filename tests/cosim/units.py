"""Our streaming units with their vectors, the one list that the Verilated model and its bench share."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from amaranth.hdl import ClockDomain, Module, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from hw.bus_unpack import BusUnpack
from hw.exit_decision import ExitDecision
from hw.fifo import Fifo
from hw.frame_gate import FrameGate
from hw.global_acc_pool import GlobalAccPool
from hw.max_pool import MaxPool
from hw.stream_fork import StreamFork
from sim.golden import POLICIES, layers
from tests.cosim.bare_units import BARE

Beats = dict[str, list[int]]


@dataclass(frozen=True, kw_only=True)
class Unit:
    """``make()`` gives the component and its input and output streams by port name; ``vectors(rng)`` beats in and beats expected."""

    make: Callable[[], tuple[Any, dict[str, Any], dict[str, Any]]]
    vectors: Callable[[np.random.Generator], tuple[Beats, Beats]]


def pack(values: np.ndarray, pe: int, bits: int) -> list[int]:
    """Beats of ``pe`` values of ``bits`` bits, lowest first, from values in streaming order."""
    rows = np.asarray(values).reshape(-1, pe).tolist()
    return [sum((value & ((1 << bits) - 1)) << (bits * lane) for lane, value in enumerate(row)) for row in rows]


def plain(component: Any) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    return component, {"i": component.i}, {"o": component.o}


def words(rng: np.random.Generator, count: int, bits: int) -> list[int]:
    return [int(value) for value in rng.integers(0, 1 << bits, count)]


def fifo(depth: int) -> Unit:
    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        beats = words(rng, 150, 12)
        return {"i": beats}, {"o": beats}

    return Unit(make=lambda: plain(Fifo(12, depth)), vectors=vectors)


def fork() -> Unit:
    def make() -> tuple[Any, dict[str, Any], dict[str, Any]]:
        unit = StreamFork(9, 3)
        return unit, {"i": unit.i}, {f"o{n}": unit.o[n] for n in range(3)}

    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        beats = words(rng, 150, 9)
        return {"i": beats}, {f"o{n}": beats for n in range(3)}

    return Unit(make=make, vectors=vectors)


def frame_gate(beats: int, frames: int) -> Unit:
    def make() -> tuple[Any, dict[str, Any], dict[str, Any]]:
        unit = FrameGate(10, beats, frames)
        return unit, {"i": unit.i, "keep": unit.keep}, {"o": unit.o}

    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        values = np.array(words(rng, 40 * beats, 10)).reshape(40, beats)
        keep = rng.integers(0, 2, 40)
        return {"i": values.ravel().tolist(), "keep": keep.tolist()}, {"o": values[keep == 1].ravel().tolist()}

    return Unit(make=make, vectors=vectors)


def max_pool(height: int, width: int, channels: int, pe: int, bits: int, signed: bool, kernel: int, stride: int) -> Unit:
    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        low = -(1 << (bits - 1)) if signed else 0
        frames = rng.integers(low, low + (1 << bits), (4, height, width, channels))
        return {"i": pack(frames, pe, bits)}, {"o": pack(layers.maxpool(frames, kernel, stride), pe, bits)}

    return Unit(make=lambda: plain(MaxPool(height, width, channels, pe, bits, signed, kernel, stride)), vectors=vectors)


def acc_pool(pixels: int, channels: int, pe: int, bits: int, signed: bool) -> Unit:
    out_bits = bits + math.ceil(math.log2(pixels))

    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        low = -(1 << (bits - 1)) if signed else 0
        frames = rng.integers(low, low + (1 << bits), (8, 1, pixels, channels))
        return {"i": pack(frames, pe, bits)}, {"o": pack(layers.global_sum(frames), pe, out_bits)}

    return Unit(make=lambda: plain(GlobalAccPool(pixels, channels, pe, bits, signed, out_bits)), vectors=vectors)


def bus_unpack(bus: int, beat: int, frame_beats: int) -> Unit:
    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        frame_words = -(-frame_beats * beat // bus)
        frames = rng.integers(0, 256, (10, frame_words * bus // 8))
        used = frames[:, : frame_beats * beat // 8]
        return {"i": pack(frames, bus // 8, 8)}, {"o": pack(used, beat // 8, 8)}

    return Unit(make=lambda: plain(BusUnpack(bus, beat, frame_beats)), vectors=vectors)


SOFTMAX = {"frac_bits": 12, "mult": round(0.01 / math.log(2) * 2**16), "mult_frac": 16, "table_bits": 5,
           "table": [round(2**12 * 2 ** (-f / 32)) for f in range(32)]}


def decision(policy: str, threshold: int, classes: int, pe: int, params: dict[str, Any] | None = None) -> Unit:
    params = params or {}
    acc_bits, bias = 11, [(-3) ** (k % 4) for k in range(classes)]

    def make() -> tuple[Any, dict[str, Any], dict[str, Any]]:
        unit = ExitDecision(classes=classes, pe=pe, acc_bits=acc_bits, bias=bias, policy=policy, params=params)
        return Tied(unit, threshold), {"logits": unit.logits}, {"o": unit.o}

    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        acc = rng.integers(-1024, 1024, (60, classes))
        acc[::5] //= 256  # many ties
        logits = acc + np.array(bias)
        score = POLICIES[policy](logits, threshold, params)
        label_bits = max(1, (classes - 1).bit_length())
        low, high = -(1 << 15), (1 << 15) - 1
        # where no sample leaves nobody asks for the class
        labels = logits.argmax(axis=1) * (policy != "never")
        expected = [label | leaves << label_bits | (min(max(conf, low), high) & 0xFFFF) << (label_bits + 1)
                    for label, leaves, conf in zip(labels.tolist(), score.leaves.astype(int).tolist(),
                                                   score.confidence.tolist(), strict=True)]
        return {"logits": pack(acc, pe, acc_bits)}, {"o": expected}

    return Unit(make=make, vectors=vectors)


class Tied(wiring.Component):
    """A decision that is enabled, with a fixed threshold."""

    def __init__(self, unit: ExitDecision, threshold: int) -> None:
        super().__init__({})
        self.unit = unit
        self.threshold = threshold

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = self.unit
        m.d.comb += [self.unit.threshold.eq(self.threshold), self.unit.enable.eq(1)]
        return m


UNITS: dict[str, Unit] = {
    "fifo1": fifo(1), "fifo2": fifo(2), "fifo7": fifo(7), "fifo70": fifo(70),
    "fork": fork(),
    "gate1": frame_gate(1, 2), "gate7": frame_gate(7, 3),
    "pool_2x2": max_pool(7, 6, 4, 2, 4, False, 2, 2), "pool_3x3_overlap": max_pool(9, 8, 3, 3, 5, True, 3, 2),
    "pool_3x3_dense": max_pool(5, 6, 2, 1, 4, False, 3, 1),
    "sum": acc_pool(12, 6, 3, 4, False), "sum_signed": acc_pool(9, 4, 1, 6, True),
    "unpack_wide": bus_unpack(64, 24, 5), "unpack_narrow": bus_unpack(32, 48, 3), "unpack_same": bus_unpack(32, 32, 4),
    "max_logit": decision("max_logit", 700, 10, 2), "always": decision("always", 0, 3, 3), "never": decision("never", 0, 4, 1),
    "softmax": decision("softmax", 6000, 10, 5, SOFTMAX), "softmax_wide": decision("softmax", 5000, 10, 10, SOFTMAX),
}


class AllUnits(wiring.Component):
    """Every unit side by side, each stream as three ports ``<unit>_<port>_data``, ``_valid``, ``_ready``, and each port of a unit
    of ``BARE`` as ``<unit>_<path>``."""

    def __init__(self) -> None:
        super().__init__({})
        self.clk = Signal(name="clk")
        self.rst = Signal(name="rst")
        self.made = {name: unit.make() for name, unit in UNITS.items()}
        self.pins: dict[tuple[str, str], tuple[Signal, Signal, Signal]] = {}
        for name, (_, inputs, outputs) in self.made.items():
            for port, end in (inputs | outputs).items():
                pin = f"{name}_{port}"
                self.pins[name, port] = (Signal(len(Value.cast(end.payload)), name=f"{pin}_data"), Signal(name=f"{pin}_valid"),
                                         Signal(name=f"{pin}_ready"))
        self.bare = {name: make() for name, make in BARE.items()}
        self.wires = [(Signal(len(Value.cast(value)), name="_".join(map(str, (name, *path)))), member.flow, Value.cast(value))
                      for name, unit in self.bare.items() for path, member, value in unit.signature.flatten(unit)]
        self.ports = [self.clk, self.rst, *(pin for pins in self.pins.values() for pin in pins), *(pin for pin, _, _ in self.wires)]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = domain = ClockDomain()
        domain.clk = self.clk
        m.d.comb += domain.rst.eq(self.rst)
        for name, (component, inputs, outputs) in self.made.items():
            m.submodules[name] = component
            for port, end in inputs.items():
                data, valid, ready = self.pins[name, port]
                m.d.comb += [Value.cast(end.payload).eq(data), end.valid.eq(valid), ready.eq(end.ready)]
            for port, end in outputs.items():
                data, valid, ready = self.pins[name, port]
                m.d.comb += [data.eq(Value.cast(end.payload)), valid.eq(end.valid), end.ready.eq(ready)]
        for name, unit in self.bare.items():
            m.submodules[name] = unit
        m.d.comb += [end.eq(pin) if flow is In else pin.eq(end) for pin, flow, end in self.wires]
        return m
