"""Sums and concatenations of streams, for the fit of the cost model: each as one module, of as many channels as networks have."""

import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from build_flows.planning.layer_costs import Fold, divisors, layer_units
from build_flows.planning.read_network import read_network
from build_flows.planning.unit import Unit
from build_flows.synthesis.synthesise import Unit as Module
from build_flows.synthesis.units import ALIAS
from hw.layers.stream_add import StreamAdd, sum_bits
from hw.layers.stream_concat import StreamConcat
from hw.streams.axis import axis_verilog

__all__ = ["add_module", "draw_adds", "draw_concats"]


def draw_adds(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` sums of two or three maps as wide as those that the network in ``golden`` has, types and values a beat at random. With
    each what describes it and what is to be synthesised."""
    layers = [layer for layer in read_network(golden).layers if layer.activation and layer.weight_bits]
    for _ in range(most):
        layer, signed = draw.choice(layers), draw.random() < 0.5
        kinds = [(draw.randint(2, 8), signed or draw.random() < 0.3) for _ in range(draw.choice((2, 2, 2, 3)))]
        lanes = draw.choice(divisors(layer.target.channels))
        (bits, first), bits_out = kinds[0], sum_bits(kinds)[0]
        added = replace(layer, kind="add", source=layer.target, in_bits=bits, in_signed=first, others=tuple(kinds[1:]), sum_bits=bits_out,
                        acc_bits=bits_out, weight_bits=0, kernel=(1, 1), stride=(1, 1), pad=(0, 0), constants=None)
        unit = next(unit for unit in layer_units(added, Fold(pe=lanes)) if unit.kind == "add")
        told = "_".join(f"{bits}{'s' if signed else 'u'}" for bits, signed in kinds)
        yield f"{layer.name}_{lanes}_{told}", unit, add_module(lanes, kinds)


def draw_concats(golden: Path, draw: random.Random, most: int) -> Iterator[tuple[str, Unit, Module]]:
    """Up to ``most`` concatenations of maps that the network in ``golden`` has, with some channels beside them."""
    layers = [layer for layer in read_network(golden).layers if layer.activation and layer.weight_bits]
    for _ in range(most):
        layer, more = draw.choice(layers), draw.choice((4, 8, 24))
        source, bits = layer.target, layer.out_bits
        joined = replace(layer, kind="concat", source=source, target=replace(source, channels=source.channels + more), in_bits=bits,
                         others=((bits, layer.out_signed),), more=(more,), weight_bits=0, activation=False, constants=None)
        (unit,) = layer_units(joined, Fold(pe=joined.target.channels))
        component = StreamConcat([source.channels * bits, more * bits])
        inputs = {f"in{n}_V": stream for n, stream in enumerate(component.i)}
        yield f"{layer.name}_{more}_concat", unit, Module(
            top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs=inputs, outputs={"out0_V": component.o}))


def add_module(lanes: int, kinds: list[tuple[int, bool]]) -> Module:
    """The unit as a module to synthesise."""
    component = StreamAdd(lanes, kinds)
    inputs = {f"in{n}_V": stream for n, stream in enumerate(component.i)}
    return Module(top=ALIAS, verilog=axis_verilog(component, ALIAS, inputs=inputs, outputs={"out0_V": component.o}))
