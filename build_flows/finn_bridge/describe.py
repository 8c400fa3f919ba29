"""The compiled graph as netlist data: layers with the ports their Verilog really has, streams, gates and exits."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.codegen import Generated
from build_flows.finn_bridge.errors import CompileError
from build_flows.finn_bridge.golden_file import GoldenFile
from build_flows.finn_bridge.name_layers import Unit
from build_flows.finn_bridge.rtl_layers.fused_conv import FusedConv
from build_flows.finn_bridge.rtl_layers.pixel_pool import PixelPool_rtl
from build_flows.finn_bridge.verilog_ports import Pin, module_pins
from build_flows.planning.layer_costs import Unit as Plan
from hw.netlist import Gate, Instance, Layer, Link, Port, Stream

__all__ = ["ExitLogits", "GateLogits", "Netting", "describe"]

CLOCKS, RESETS = ("ap_clk", "ap_clk2x"), ("ap_rst_n",)
DEPTH = 2
FRAMES = 2
FOLDED = ("PE", "SIMD", "parallel_window", "Pixels", "Inputs", "Outputs", "Lanes", "Lut", "Binary", "Depthwise")


@dataclass(frozen=True, kw_only=True)
class ExitLogits:
    """What exit ``index`` gets: ``pe`` of ``classes`` accumulators a beat, each signed and ``acc_bits`` wide; ``bias`` in accumulator
    units is still to be added; ``scale`` is one logit unit."""

    index: int
    classes: int
    pe: int
    acc_bits: int
    bias: tuple[int, ...]
    scale: float


@dataclass(frozen=True, kw_only=True)
class GateLogits:
    """What exit ``index`` gets from its gate head: one signed accumulator a sample, ``acc_bits`` wide; ``bias`` is still to be added."""

    index: int
    acc_bits: int
    bias: int


@dataclass(frozen=True, kw_only=True)
class Netting:
    """Layers and streams in streaming order. A stream from ``("input", 0)`` feeds the first layer, those to ``("exit<k>", 0)`` carry
    logits, those to ``("exit<k>", 1)`` the gate heads'. Where a stream would go from a stage to a later one there are gates instead, one at
    each exit between them."""

    layers: tuple[Layer, ...]
    streams: tuple[Stream, ...]
    gates: tuple[Gate, ...]
    exits: tuple[ExitLogits, ...]
    learned: tuple[GateLogits, ...]


def describe(
    model: ModelWrapper, units: tuple[Unit, ...], plans: Mapping[str, Plan], golden: GoldenFile, generated: Generated, part: str,
    rtl_dir: Path,
) -> Netting:
    """Describe every unit and stream; cycles and cost are those of ``plans``.

    FIFOs have 2 beats and gates 2 frames, to be replaced by what simulation finds.

    Raises :class:`CompileError` naming the module and port where the Verilog in ``rtl_dir`` is not what the graph says.
    """
    nodes = {node.name: node for node in model.graph.node}
    layers = tuple(_layer(model, unit, nodes[unit.name], plans.get(unit.name), generated, part, rtl_dir) for unit in units)
    streams, gates = _streams(model, units, nodes, golden)
    return Netting(layers=layers, streams=streams, gates=gates, exits=_exits(model, golden), learned=_learned(model, golden))


def _layer(model: ModelWrapper, unit: Unit, node: Any, plan: Plan | None, generated: Generated, part: str, rtl_dir: Path) -> Layer:
    op = getCustomOp(node)
    sources = generated.sources[unit.name]
    text = "\n".join((rtl_dir / source).read_text(encoding="utf-8") for source in sources if source.startswith("units/"))
    given = [index for index, tensor in enumerate(node.input) if model.get_initializer(tensor) is None]
    inputs = {f"in{index}_V": op.get_instream_width(index) for index in given}
    outputs = {f"out{index}_V": op.get_outstream_width(index) for index in range(len(node.output))}
    instances, links = [], []
    if node.op_type == "MVAU_rtl":
        weights = f"{unit.name}_weights"
        wide = op.get_instream_width(1)
        memory = f"{unit.name}_memstream_wrapper"
        instances.append(_instance(weights, memory, module_pins(text, memory), {}, {"m_axis_0": wide}))
        links.append(Link(src=(weights, "m_axis_0"), dst=(unit.name, "in1_V")))
        inputs["in1_V"] = wide
    instances.append(_instance(unit.name, unit.name, module_pins(text, unit.name), inputs, outputs))
    beats = _beats(op.get_folded_input_shape()), _beats(op.get_folded_output_shape())
    if plan and (plan.in_beats, plan.out_beats) != beats:
        planned = f"{plan.in_beats} beats in and {plan.out_beats} out a frame"
        raise CompileError(f"{unit.name} was planned for {planned}, but has {beats[0]} and {beats[1]}")
    bits = inputs["in0_V"], outputs["out0_V"]
    # Of FINN's units some sums are a bit narrower than the plan, which goes by data types alone.
    if plan and isinstance(op, (FusedConv, PixelPool_rtl)) and (plan.in_bits, plan.out_bits) != bits:
        planned = f"beats of {plan.in_bits} bits in and {plan.out_bits} out"
        raise CompileError(f"{unit.name} was planned for {planned}, but has {bits[0]} and {bits[1]}")
    return Layer(
        name=unit.name, op=node.op_type, stage=unit.stage, head=unit.head, instances=tuple(instances), links=tuple(links),
        inputs=tuple((unit.name, f"in{index}_V") for index in given), outputs=tuple((unit.name, name) for name in outputs), files=sources,
        folding={name.lower(): int(op.get_nodeattr(name)) for name in FOLDED if name in op.get_nodeattr_types()},
        cycles=plan.cycles if plan else beats[0], in_beats=beats[0], out_beats=beats[1],
        cost={key: float(value) for key, value in dataclasses.asdict(plan.cost).items()} if plan else {}, finn=_estimates(op, part),
    )


def _instance(name: str, module: str, pins: Mapping[str, Pin], inputs: Mapping[str, int], outputs: Mapping[str, int]) -> Instance:
    """``inputs`` and ``outputs`` are widths in bits by stream; every other input but clocks and resets is tied to 0, which is idle."""
    used: set[str] = set()

    def port(stream: str, bits: int, output: bool) -> Port:
        lower = stream.startswith("m_axis")
        data, valid, ready = (f"{stream}_{pin.lower() if lower else pin}" for pin in ("TDATA", "TVALID", "TREADY"))
        tdata = -(-bits // 8) * 8
        for pin, wanted in ((data, Pin(output, tdata)), (valid, Pin(output, 1)), (ready, Pin(not output, 1))):
            if pins.get(pin) != wanted:
                raise CompileError(f"port {pin} of module {module} must be {wanted}, not {pins.get(pin, 'missing')}")
            used.add(pin)
        return Port(data=data, valid=valid, ready=ready, bits=bits, tdata=tdata)

    ports_in = {stream: port(stream, bits, False) for stream, bits in inputs.items()}
    ports_out = {stream: port(stream, bits, True) for stream, bits in outputs.items()}
    clocks, resets = (tuple(pin for pin in group if pin in pins) for group in (CLOCKS, RESETS))
    if "ap_clk" not in clocks or not resets:
        raise CompileError(f"module {module} must have ap_clk and ap_rst_n")
    ties = {
        pin: (0, found.width) for pin, found in sorted(pins.items()) if not found.output and pin not in {*used, *clocks, *resets}
    }
    return Instance(name=name, module=module, clocks=clocks, resets_n=resets, inputs=ports_in, outputs=ports_out, ties=ties)


def _beats(shape: tuple[int, ...]) -> int:
    return int(np.prod(shape[:-1]))


def _estimates(op: Any, part: str) -> dict[str, float]:
    """FINN's estimates, for the record; zeros are FINN's word for "no model", and left out."""
    found = {
        "lut": op.lut_estimation(part), "bram18": op.bram_estimation(part), "dsp": op.dsp_estimation(part), "cycles": op.get_exp_cycles(),
    }
    return {key: float(value) for key, value in found.items() if value}


def _streams(
    model: ModelWrapper, units: tuple[Unit, ...], nodes: Mapping[str, Any], golden: GoldenFile
) -> tuple[tuple[Stream, ...], tuple[Gate, ...]]:
    places = [*((f"exit{k}", 0) for k in range(len(golden.heads))), *((f"exit{k}", 1) for k in golden.gates)]
    ends = dict(zip((item.name for item in model.graph.output), places, strict=True))
    readers = {tensor: (name, index) for name, node in nodes.items() for index, tensor in enumerate(node.input)
               if model.get_initializer(tensor) is None}
    first = units[0].name
    op = getCustomOp(nodes[first])
    streams = [Stream(name=f"input_to_{first}", src=("input", 0), dst=(first, 0), bits=op.get_instream_width(0),
                      frame_beats=_beats(op.get_folded_input_shape()), depth=DEPTH)]
    gates: list[list[Gate]] = [[] for _ in golden.heads[1:]]
    stages = {unit.name: unit.stage for unit in units}
    for unit in units:
        node = nodes[unit.name]
        op = getCustomOp(node)
        for index, tensor in enumerate(node.output):
            src, bits, beats = (unit.name, index), op.get_outstream_width(index), _beats(op.get_folded_output_shape(index))
            dst = ends[tensor] if tensor in ends else readers[tensor]
            name = f"{unit.name}_to_{dst[0]}"
            if dst[0] in nodes and getCustomOp(nodes[dst[0]]).get_instream_width(dst[1]) != bits:
                raise CompileError(f"stream {name} is {bits} bits wide at one end only")
            end = stages.get(dst[0], unit.stage)
            for k in range(unit.stage, end):
                # What stages between the two only hand on goes from gate to gate.
                before = src if k == unit.stage else (f"gate{k - 1}", len(gates[k - 1]) - 1)
                after = dst if k == end - 1 else (f"gate{k + 1}", len(gates[k + 1]))
                gates[k].append(Gate(exit=k, src=before, dst=after, bits=bits, frame_beats=beats, frames=FRAMES))
            if end == unit.stage:
                streams.append(Stream(name=name, src=src, dst=dst, bits=bits, frame_beats=beats, depth=DEPTH))
    return tuple(streams), tuple(gate for group in gates for gate in group)


def _exits(model: ModelWrapper, golden: GoldenFile) -> tuple[ExitLogits, ...]:
    exits = []
    for index, (output, head) in enumerate(zip(model.graph.output, golden.heads, strict=False)):
        op = getCustomOp(model.find_producer(output.name))
        exits.append(ExitLogits(
            index=index, classes=golden.classes, pe=op.get_folded_output_shape()[-1], acc_bits=op.get_output_datatype().bitwidth(),
            bias=tuple(int(value) for value in head[-1].arrays["bias"]), scale=float(head[-1].spec["scale"]),
        ))
    return tuple(exits)


def _learned(model: ModelWrapper, golden: GoldenFile) -> tuple[GateLogits, ...]:
    found = []
    for output, (index, gate) in zip(list(model.graph.output)[len(golden.heads) :], golden.gates.items(), strict=True):
        op = getCustomOp(model.find_producer(output.name))
        found.append(GateLogits(index=index, acc_bits=op.get_output_datatype().bitwidth(), bias=int(gate[-1].arrays["bias"][0])))
    return tuple(found)
