"""A toy accelerator made of our own units only: small, quick to build, and easy to predict in a few lines of numpy.

Images are ``size`` x ``size`` x ``classes`` bytes. Stage 0 max-pools 2x2; head 0 sums every channel: its logits. Each later stage
passes the frame at a slower pace and its head sums again, so that every exit gives the same logits (plus its own bias) and thresholds
alone decide where samples leave.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from hw.exits.result_word import result_word
from hw.layers.global_acc_pool import GlobalAccPool
from hw.layers.max_pool import MaxPool
from hw.layers.stream_fork import StreamFork
from hw.netlist import Exit, Gate, Input, Instance, Layer, Netlist, Port, Stage, Stream
from hw.streams.axis import axis_verilog


class Throttle(wiring.Component):
    """Passes a beat every ``pace`` cycles at most."""

    def __init__(self, width: int, pace: int) -> None:
        self.pace = pace
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        wait = Signal(range(self.pace + 1))
        go = wait == 0
        m.d.comb += [self.o.payload.eq(self.i.payload), self.o.valid.eq(self.i.valid & go), self.i.ready.eq(self.o.ready & go)]
        with m.If(wait != 0):
            m.d.sync += wait.eq(wait - 1)
        with m.Elif(self.i.valid & self.o.ready):
            m.d.sync += wait.eq(self.pace - 1)
        return m


class Same(wiring.Component):
    """Passes the beats of ``i`` that are those of ``other``, the others upside down; takes one of both at a time."""

    def __init__(self, width: int) -> None:
        super().__init__({"i": In(stream.Signature(width)), "other": In(stream.Signature(width)), "o": Out(stream.Signature(width))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        both = self.i.valid & self.other.valid
        m.d.comb += [
            self.o.valid.eq(both), self.i.ready.eq(both & self.o.ready), self.other.ready.eq(both & self.o.ready),
            self.o.payload.eq(Mux(self.i.payload == self.other.payload, self.i.payload, ~self.i.payload)),
        ]
        return m


class GateHead(wiring.Component):
    """A gate head: the sum of the first channel, one beat a frame."""

    def __init__(self, pixels: int, width: int, out_bits: int) -> None:
        self.pixels = pixels
        self.out_bits = out_bits
        super().__init__({"i": In(stream.Signature(width)), "o": Out(stream.Signature(out_bits))})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.sum = total = GlobalAccPool(self.pixels, 1, 1, 8, False, self.out_bits)
        m.d.comb += [total.i.payload.eq(self.i.payload[:8]), total.i.valid.eq(self.i.valid), self.i.ready.eq(total.i.ready)]
        wiring.connect(m, total.o, wiring.flipped(self.o))
        return m


def _layer(rtl: Path | None, name: str, unit: Any, *, stage: int, head: bool, in_bits: int, out_bits: Sequence[int],
           in_beats: int, out_beats: int, cycles: int, outputs: Sequence[object]) -> Layer:
    ends = {"in0_V": unit.i} | ({"in1_V": unit.other} if hasattr(unit, "other") else {})
    if rtl is not None:
        ports = {f"out{n}_V": end for n, end in enumerate(outputs)}
        (rtl / f"{name}.v").write_text(axis_verilog(unit, name, ends, ports))

    def port(prefix: str, bits: int) -> Port:
        return Port(data=f"{prefix}_TDATA", valid=f"{prefix}_TVALID", ready=f"{prefix}_TREADY", bits=bits, tdata=-(-bits // 8) * 8)

    instance = Instance(name="unit", module=name, clocks=("ap_clk",), resets_n=("ap_rst_n",),
                        inputs={end: port(end, in_bits) for end in ends},
                        outputs={f"out{n}_V": port(f"out{n}_V", bits) for n, bits in enumerate(out_bits)})
    return Layer(name=name, op=type(unit).__name__, stage=stage, head=head, instances=(instance,),
                 inputs=tuple(("unit", end) for end in ends), outputs=tuple(("unit", f"out{n}_V") for n in range(len(out_bits))),
                 files=(f"{name}.v",), cycles=cycles, in_beats=in_beats, out_beats=out_beats)


def build(rtl: Path | None, *, exits: int = 2, classes: int = 3, size: int = 4, paces: Sequence[int] = (4, 8, 8, 8), frames: int = 2,
          order: str = "arrival", thresholds: Sequence[int] = (500,) * 8, policies: Sequence[str] = ("max_logit",) * 8,
          params: Sequence[dict[str, Any]] = ({},) * 8, biases: Sequence[Sequence[int]] | None = None, max_in_flight: int = 8,
          bus_bits: int = 32, result_bits: int = 64, anytime: bool = False, spans: bool = False,
          units: dict[str, object] | None = None) -> Netlist:
    """The netlist, and its layers' Verilog in folder ``rtl`` (None: netlist only). ``units`` takes the layers' units by name. With
    ``spans`` the last stage reads what stage 0 gives once more (:class:`Same`): all gates hold it, and the stages between hand it on."""
    pooled = size // 2
    pixels, bits = pooled * pooled, 8 * classes
    acc_bits = 8 + ceil_log2(pixels) + 1
    layers, streams, gates, decisions = [], [], [], []

    def add(name: str, unit: object, outputs: Sequence[object], src: tuple[str, int] | None, **shape: Any) -> None:
        layers.append(_layer(rtl, name, unit, outputs=outputs, **shape))
        if units is not None:
            units[name] = unit
        if src is not None:
            streams.append(Stream(name=f"{src[0]}__{name}", src=src, dst=(name, 0), bits=shape["in_bits"],
                                  frame_beats=shape["in_beats"], depth=2))

    pool = MaxPool(size, size, classes, classes, 8, False, 2, 2)
    add("stage0_pool0", pool, [pool.o], ("input", 0), stage=0, head=False, in_bits=bits, out_bits=[bits], in_beats=size * size,
        out_beats=pixels, cycles=size * size)
    trunk: tuple[str, int] = ("stage0_pool0", 0)
    span = trunk
    for k in range(exits):
        last = k == exits - 1
        if k:
            slow = Throttle(bits, paces[k - 1])
            add(f"stage{k}_slow0", slow, [slow.o], None, stage=k, head=False, in_bits=bits, out_bits=[bits], in_beats=pixels,
                out_beats=pixels, cycles=pixels * paces[k - 1])
            gates.append(Gate(exit=k - 1, src=trunk, dst=(f"stage{k}_slow0", 0), bits=bits, frame_beats=pixels, frames=frames))
            trunk = (f"stage{k}_slow0", 0)
            if spans:
                gates.append(Gate(exit=k - 1, src=span, dst=(f"stage{k}_same0" if last else f"gate{k}", 1), bits=bits, frame_beats=pixels,
                                  frames=frames))
                span = (f"gate{k - 1}", 1)
            if spans and last:
                same = Same(bits)
                add(f"stage{k}_same0", same, [same.o], trunk, stage=k, head=False, in_bits=bits, out_bits=[bits], in_beats=pixels,
                    out_beats=pixels, cycles=pixels)
                trunk = (f"stage{k}_same0", 0)
        if not last:
            ways = (3 if policies[k] == "gate" else 2) + (spans and k == 0)
            span = ("fork0", ways - 1) if k == 0 else span
            fork = StreamFork(bits, ways)
            add(f"fork{k}", fork, list(fork.o), trunk, stage=k, head=False, in_bits=bits, out_bits=[bits] * ways, in_beats=pixels,
                out_beats=pixels, cycles=pixels)
            trunk = (f"fork{k}", 0)
            if policies[k] == "gate":
                learned = GateHead(pixels, bits, acc_bits)
                add(f"head{k}_gate0", learned, [learned.o], (f"fork{k}", 2), stage=k, head=True, in_bits=bits, out_bits=[acc_bits],
                    in_beats=pixels, out_beats=1, cycles=pixels)
                streams.append(Stream(name=f"head{k}_gate0__exit{k}", src=(f"head{k}_gate0", 0), dst=(f"exit{k}", 1), bits=acc_bits,
                                      frame_beats=1, depth=2))
        head = GlobalAccPool(pixels, classes, classes, 8, False, acc_bits)
        add(f"head{k}_sum0", head, [head.o], trunk, stage=k, head=True, in_bits=bits, out_bits=[classes * acc_bits], in_beats=pixels,
            out_beats=1, cycles=pixels)
        trunk = (f"fork{k}", 1)
        streams.append(Stream(name=f"head{k}_sum0__exit{k}", src=(f"head{k}_sum0", 0), dst=(f"exit{k}", 0), bits=classes * acc_bits,
                              frame_beats=1, depth=2))
        bias = tuple(biases[k]) if biases else (0,) * classes
        decisions.append(Exit(index=k, policy="always" if last else policies[k], classes=classes, pe=classes, acc_bits=acc_bits, bias=bias,
                              threshold=0 if last else thresholds[k], enabled=True, scale=0.01, params={} if last else params[k]))
    return Netlist(
        name="toy", part="xc7z020clg400-1", clock_mhz=100.0, classes=classes, order=order, max_in_flight=max_in_flight,
        input=Input(height=size, width=size, channels=classes, bits=8, signed=False, bus_bits=bus_bits, beat_bits=bits,
                    frame_beats=size * size),
        result=result_word(bits=result_bits, classes=classes, exits=exits, max_in_flight=max_in_flight, anytime=anytime),
        stages=tuple(Stage(index=k, reach=0.5**k, target_cycles=size * size << k) for k in range(exits)),
        layers=tuple(layers), streams=tuple(streams), gates=tuple(gates), exits=tuple(decisions),
    )


def images(count: int, *, classes: int = 3, size: int = 4, seed: int = 0) -> np.ndarray:
    """Random images, uint8 ``[count, size, size, classes]``."""
    return np.random.default_rng(seed).integers(0, 256, (count, size, size, classes), dtype=np.uint8)


def gates(batch: np.ndarray) -> np.ndarray:
    """What each gate head's logit must be, int64 ``[count]``."""
    count, height, width, classes = batch.shape
    pooled = batch.reshape(count, height // 2, 2, width // 2, 2, classes).max(axis=(2, 4)).astype(np.int64)
    first: np.ndarray = pooled[..., 0].sum(axis=(1, 2))
    return first


def logits(batch: np.ndarray, netlist: Netlist) -> list[np.ndarray]:
    """What each exit's logits must be, int64 ``[count, classes]`` per exit."""
    count, height, width, classes = batch.shape
    pooled = batch.reshape(count, height // 2, 2, width // 2, 2, classes).max(axis=(2, 4)).astype(np.int64)
    sums = pooled.sum(axis=(1, 2))
    return [sums + np.array(item.bias, dtype=np.int64) for item in netlist.exits]
