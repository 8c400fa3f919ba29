"""What the gates between stages take of a part, before anything is built.

A gate holds whole frames of the stream between two stages, as many as the queue model of :mod:`build_flows.planning.gate_model` asks for.
Large feature maps make that the largest memory of a design.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import ceil

from build_flows.planning.cost_model import Cost
from build_flows.planning.gate_model import GatePlan, plan_gates
from build_flows.planning.memory_map import place
from build_flows.planning.network import IMAGE, Network

__all__ = ["frame_bits", "gate_cost", "gate_costs", "gates_built", "planned_frames", "planned_gates"]

LATENCY = 1.3
"""Cycles from a frame's last beat in a gate to its verdict, over the cycles a frame that its stage is planned for, where nothing is
measured yet. In nine designs of digits and b_lenet at 128 to 1296 cycles 0.65 to 1.26 were measured; too many make a gate a frame
too large."""


@lru_cache(maxsize=4096)
def planned_gates(targets: tuple[int, ...], reach: tuple[float, ...]) -> tuple[GatePlan, ...]:
    """What each gate is predicted to be when stage k takes a frame every ``targets[k]`` cycles and ``reach[k]`` of the samples reach it.
    Raises :class:`build_flows.planning.gate_model.GateModelError` for values out of range."""
    return plan_gates(targets[0], reach, targets, [ceil(LATENCY * cycles) for cycles in targets[:-1]])


@lru_cache(maxsize=65536)
def gates_built(ii: int, stage_cycles: tuple[int, ...], latencies: tuple[int, ...], reach: tuple[float, ...]) -> tuple[GatePlan, ...]:
    """What each gate is predicted to be once stages were folded for ``ii`` cycles a sample: stage k takes a frame every
    ``stage_cycles[k]``, and verdicts come ``latencies`` after it. Raises :class:`build_flows.planning.gate_model.GateModelError` for
    values out of range."""
    return plan_gates(max(ii, stage_cycles[0]), reach, stage_cycles, latencies)


def planned_frames(targets: Sequence[int], reach: Sequence[float]) -> tuple[int, ...]:
    """The frames that :func:`planned_gates` hold."""
    return tuple(gate.frames for gate in planned_gates(tuple(targets), tuple(reach)))


def frame_bits(network: Network, name: str) -> int:
    """Bits of a frame that the layer called ``name`` gives (``image``: of an image)."""
    if name == IMAGE:
        return network.source.values * network.in_bits
    layer = network.layer(name)
    return layer.target.values * layer.out_bits


def gate_cost(frames: int, bits: int, width: int) -> Cost:
    """The memory of a gate of ``frames`` frames of ``bits`` each, in a stream ``width`` bits wide (its logic is small)."""
    found = place(frames * ceil(bits / width), width)
    return Cost(lut=found.lutram, lutram=found.lutram, ff=found.registers, bram18=found.bram18)


def gate_costs(network: Network, widths: Mapping[str, int], frames: Sequence[int]) -> Cost:
    """All gates' memories, for so many ``frames`` each, one for each tensor of a cut, where the layer (or ``image``) called so gives
    ``widths`` bits a beat."""
    total = Cost()
    for stage, count in enumerate(frames):
        for name in network.cut(stage):
            total += gate_cost(count, frame_bits(network, name), widths[name])
    return total
