"""From ``model.onnx`` and ``golden.npz`` to hardware layers in Verilog: the one entry of the bridge."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy.typing as npt

from build_flows.finn_bridge.apply_folding import apply_folding, read_folds
from build_flows.finn_bridge.codegen import generate
from build_flows.finn_bridge.cut_tail import cut_tails
from build_flows.finn_bridge.describe import ExitLogits, GateLogits, describe
from build_flows.finn_bridge.execute import Execution, execute
from build_flows.finn_bridge.fuse_layers import fuse_layers
from build_flows.finn_bridge.golden_file import read_golden
from build_flows.finn_bridge.import_graph import import_graph
from build_flows.finn_bridge.name_layers import Unit, name_layers
from build_flows.finn_bridge.quiet import quiet_finn
from build_flows.finn_bridge.thresholds import reconcile
from build_flows.planning.read_network import read_network
from hw.netlist import Gate, Layer, Stream

__all__ = ["CompiledGraph", "compile_graph"]


@dataclass(frozen=True, kw_only=True)
class CompiledGraph:
    """A network as hardware layers.

    ``layers``, ``streams`` and ``gates`` are in streaming order (:class:`~build_flows.finn_bridge.describe.Netting` says more),
    ``exits`` in exit order, and so are the gate heads, ``learned``. ``files`` are Verilog, in compile order, and ``memories`` what it
    reads, relative to ``rtl/``. ``rounded`` thresholds were one off in FINN's float arithmetic and are the golden model's now.
    """

    layers: tuple[Layer, ...]
    streams: tuple[Stream, ...]
    gates: tuple[Gate, ...]
    exits: tuple[ExitLogits, ...]
    learned: tuple[GateLogits, ...]
    files: tuple[str, ...]
    memories: tuple[str, ...]
    rounded: int
    model: Any = field(repr=False)
    units: tuple[Unit, ...] = field(repr=False)

    def execute(self, images: npt.NDArray[Any]) -> Execution:
        """FINN's Python execution of integer ``images`` ``[n, height, width, channels]``: logits of all exits, output of every layer."""
        return execute(self.model, self.last_units, images, tuple(item.index for item in self.learned))

    @property
    def last_units(self) -> dict[str, str]:
        """The unit that a golden layer ends with, by layer."""
        return {layer.name: unit.name for unit in self.units if unit.layer is not None and unit.role != "_dwc"
                for layer in (unit.layer, *unit.inside)}

    @property
    def last_layers(self) -> tuple[str, ...]:
        """The layers whose outputs are the logits, in exit order, then those of the gate heads."""
        ends = {unit: layer for layer, unit in self.last_units.items()}
        sources = {stream.dst: stream.src[0] for stream in self.streams}
        wanted = [*((f"exit{item.index}", 0) for item in self.exits), *((f"exit{item.index}", 1) for item in self.learned)]
        return tuple(ends[sources[place]] for place in wanted)


def compile_graph(
    model_onnx: Path, golden_npz: Path, folding: Mapping[str, Mapping[str, int | str]], part: str, clock_mhz: float, rtl_dir: Path,
    exchangeable: bool = False,
) -> CompiledGraph:
    """Compile a network for ``part`` at ``clock_mhz`` (FINN looks at it for DSP58 only) and write its units to ``rtl_dir``.

    ``folding`` is by golden layer name: ``pe``, and for ``conv`` and ``linear`` also ``simd`` and ``parallel_window``, or ``body`` and
    ``pixels`` (:class:`build_flows.planning.unit.Fold` says what they are). With ``exchangeable`` heads, what is written but memories is
    the same for all weights of theirs. Raises :class:`~build_flows.finn_bridge.errors.CompileError` for a network
    that FINN cannot stream, that is not the golden model's, or that cannot be folded so.
    """
    golden, network = read_golden(golden_npz), read_network(golden_npz, exchangeable, "fused")
    folds = read_folds(folding, network)
    with quiet_finn():
        model = import_graph(model_onnx, part)
        cut_tails(model, golden)
        units = name_layers(model, golden)
        rounded = reconcile(model, units, exchangeable)
        units = fuse_layers(model, units, folds, network)
        model, units, plans = apply_folding(model, units, folds, network)
        generated = generate(model, units, part, clock_mhz, rtl_dir)
        netting = describe(model, units, plans, golden, generated, part, rtl_dir)
    return CompiledGraph(
        layers=netting.layers, streams=netting.streams, gates=netting.gates, exits=netting.exits, learned=netting.learned,
        files=tuple(dict.fromkeys(name for unit in units for name in generated.sources[unit.name])),
        memories=tuple(name for unit in units for name in generated.memories[unit.name]),
        rounded=rounded, model=model, units=units,
    )
