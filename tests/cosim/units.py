"""Our streaming units with their vectors, the one list that the Verilated model and its bench share."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from amaranth.hdl import Cat, ClockDomain, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In

from build_flows.exit_unit.simulate import plain_unit
from build_flows.exit_unit.spec import UnitSpec
from hw.exits.decision import ExitDecision
from hw.exits.frame_gate import FrameGate
from hw.layers.global_acc_pool import GlobalAccPool
from hw.layers.max_pool import MaxPool
from hw.layers.stream_fork import StreamFork
from hw.streams.bus_unpack import BusUnpack
from hw.streams.fifo import Fifo
from quant_models.exits.policies import POLICIES
from sim.golden import layers
from sim.units.cases import draw
from sim.units.unit import expect
from sim.units.verilog import make as make_decision
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


def max_pool(height: int, width: int, channels: int, pe: int, bits: int, signed: bool, kernel: layers.Size, stride: layers.Size) -> Unit:
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


def decision(policy: str, classes: int, pe: int, *, first: bool = False, **more: Any) -> Unit:
    """An exit decision with biases, and the list of cases that all simulators share. What holds for a sample, threshold, enable and mode,
    comes with its first beat; with the others comes noise."""
    bias = [(-3) ** (k % 4) for k in range(classes)]
    spec = UnitSpec(policy=policy, classes=classes, pe=pe, logit_bits=11, scale=0.02, bias=bias, **more)
    if first:
        spec = replace(spec, made=({**spec.params, "first": True}, spec.integer))
    unit = plain_unit(spec)
    samples = draw(unit, 60, 11)
    # Thresholds of classes are in from the start: this bench has only streams.
    thresholds = dict(samples.class_thresholds.tolist())
    if thresholds:
        table = [thresholds.get(index, value) for index, value in enumerate(unit.params["thresholds"])]
        unit = replace(unit, params={**unit.params, "thresholds": table})

    def make() -> tuple[Any, dict[str, Any], dict[str, Any]]:
        ruled = Ruled(make_decision(unit))
        streams = {"logits": ruled.logits} | ({unit.side: getattr(ruled.unit, unit.side)} if unit.side else {})
        return ruled, streams, {"o": ruled.unit.o} | ({"token_o": ruled.unit.token_o} if unit.gives_tokens else {})

    def vectors(rng: np.random.Generator) -> tuple[Beats, Beats]:
        count, bits, width = len(samples), unit.bits * unit.pe, len(make_decision(unit).threshold)
        logits = pack(samples.take(np.arange(count)), unit.pe, unit.bits)
        beats = []
        for at, word in enumerate(logits):
            threshold, enable, mode = samples.rules[at // unit.beats if at % unit.beats == 0 else rng.integers(count)].tolist()
            if at % unit.beats:
                enable, mode = rng.integers(2), rng.integers(3)
            beats.append(word | (threshold & ((1 << width) - 1)) << bits | int(enable) << (bits + width) | int(mode) << (bits + width + 1))
        side = {"gate": samples.gate}
        if samples.label is not None:
            side["token_i"] = unit.pack_token(np.arange(count), samples.label, samples.run)
        given = {"logits": beats} | ({unit.side: [value & 0xFFFF if unit.side == "gate" else value for value in side[unit.side].tolist()]}
                                     if unit.side else {})
        wanted = expect(unit, samples)
        return given, {"o": wanted.words.tolist()} | ({"token_o": wanted.tokens.tolist()} if unit.gives_tokens else {})

    return Unit(make=make, vectors=vectors)


class Ruled(wiring.Component):
    """A decision whose logits bring threshold, enable and mode with them, above the logits themselves."""

    def __init__(self, unit: ExitDecision) -> None:
        rule = len(unit.threshold) + 3
        super().__init__({"logits": In(stream.Signature(unit.pe * unit.acc_bits + rule))})
        self.unit = unit

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.unit = unit = self.unit
        m.d.comb += [
            Cat(unit.logits.payload, unit.threshold, unit.enable, unit.mode).eq(self.logits.payload),
            unit.logits.valid.eq(self.logits.valid),
            self.logits.ready.eq(unit.logits.ready),
        ]
        return m


def decisions() -> dict[str, Unit]:
    """Every policy in a few shapes, and the variants that have ports of their own."""
    found = {f"{policy}_{classes}_{pe}": decision(policy, classes, pe) for policy in POLICIES for classes, pe in ((4, 1), (10, 5))}
    found |= {f"{policy}_6_6": decision(policy, 6, 6) for policy in ("margin", "softmax", "entropy", "patience")}
    for score in ("entropy", "patience", "gate"):
        found[f"class_threshold_{score}"] = decision("class_threshold", 6, 2, score=score)
    found["patience_first"] = decision("patience", 6, 2, first=True)
    return found


UNITS: dict[str, Unit] = {
    "fifo1": fifo(1), "fifo2": fifo(2), "fifo7": fifo(7), "fifo70": fifo(70),
    "fork": fork(),
    "gate1": frame_gate(1, 2), "gate7": frame_gate(7, 3),
    "pool_2x2": max_pool(7, 6, 4, 2, 4, False, 2, 2), "pool_3x3_overlap": max_pool(9, 8, 3, 3, 5, True, 3, 2),
    "pool_3x3_dense": max_pool(5, 6, 2, 1, 4, False, 3, 1), "pool_2x1_column": max_pool(12, 1, 4, 2, 4, False, (2, 1), (2, 1)),
    "sum": acc_pool(12, 6, 3, 4, False), "sum_signed": acc_pool(9, 4, 1, 6, True),
    "unpack_wide": bus_unpack(64, 24, 5), "unpack_narrow": bus_unpack(32, 48, 3), "unpack_same": bus_unpack(32, 32, 4),
    **decisions(),
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
