"""The folding that FINN's own ``SetFolding`` chooses, stage by stage: what the search is compared with.

``SetFolding`` knows one target for a whole graph, so it runs once for each different target, and every layer takes what it was given in
the run of its own stage. Nodes are folded independently of each other there (depthwise layers apart, which we have none of), so this is
the same as running it on each stage and head by itself.
"""

from collections.abc import Sequence
from pathlib import Path

from finn.transformation.fpgadataflow.set_folding import SetFolding
from finn.util.basic import MAX_ALLOWED_AP_INT_W
from qonnx.core.modelwrapper import ModelWrapper
from qonnx.custom_op.registry import getCustomOp

from build_flows.finn_bridge.cut_tail import cut_tails
from build_flows.finn_bridge.golden_file import read_golden
from build_flows.finn_bridge.import_graph import import_graph
from build_flows.finn_bridge.name_layers import Unit, name_layers
from build_flows.finn_bridge.quiet import quiet_finn
from build_flows.planning.layer_costs import Fold, divisors, fold_error, layer_units
from build_flows.planning.network import Layer
from build_flows.planning.read_network import read_network

__all__ = ["WEIGHT_STREAM_BITS", "finn_folding"]

WEIGHT_STREAM_BITS = MAX_ALLOWED_AP_INT_W
"""``SetFolding``'s ``mvau_wwidth_max``, bits of weights a PE and beat: the widest it allows. Its default, 36, stops SIMD at 9 weights of 4
bits, and then a layer such as b_lenet's second convolution is told to be too slow at any PE."""


def finn_folding(
    model_onnx: Path, golden_npz: Path, targets: Sequence[int], part: str, *, weight_stream_bits: int = WEIGHT_STREAM_BITS
) -> dict[str, Fold]:
    """The folding of every layer, by name in the network's order, when ``SetFolding`` is given ``targets[k]`` cycles a frame for stage k
    and head k.

    ``conv`` and ``linear`` take the PE and SIMD it chooses for their matrix-vector unit, and the parallel window it chooses for their
    sliding window. Three things are not its choice here. Padding and window take the least channels a beat that feed that SIMD
    (:func:`build_flows.planning.layer_costs.window_simd`), and thresholds the PE of the unit before them, as in every folding of this
    project. A convolution takes the other kind of window where the chosen one misses the target or cannot be had, and the other does and
    can. Pools are units that ``SetFolding`` does not know, and skips: they take the least PE that keeps to the target.

    A target that ``SetFolding`` misses stays missed: no second pass relaxes the others. Raises
    :class:`~build_flows.finn_bridge.errors.CompileError` for a network that FINN cannot stream or that is not the golden model's.
    """
    golden, network = read_golden(golden_npz), read_network(golden_npz)
    if len(targets) != len(network.stages):
        raise ValueError(f"targets must have one value a stage, {len(network.stages)}, not {len(targets)}")
    with quiet_finn():
        model = import_graph(model_onnx, part)
        cut_tails(model, golden)
        units = name_layers(model, golden)
        chosen = {target: _set_folding(model, units, target, weight_stream_bits) for target in sorted(set(targets))}
    return {layer.name: _fold(layer, targets[layer.stage], chosen[targets[layer.stage]]) for layer in network.layers}


def _set_folding(model: ModelWrapper, units: tuple[Unit, ...], target: int, weight_stream_bits: int) -> dict[str, dict[str, int]]:
    """What ``SetFolding`` sets of each unit, by the unit's name. It renames nodes, but keeps their order."""
    names = [node.name for node in model.graph.node]
    folded = model.transform(
        SetFolding(target_cycles_per_frame=target, mvau_wwidth_max=weight_stream_bits, two_pass_relaxation=False), make_deepcopy=True,
    )
    known = {unit.name for unit in units}
    found = {}
    for name, node in zip(names, folded.graph.node, strict=True):
        assert name in known, name
        op = getCustomOp(node)
        types = op.get_nodeattr_types()
        found[name] = {key: int(op.get_nodeattr(key)) for key in ("PE", "SIMD", "parallel_window") if key in types}
    return found


def _fold(layer: Layer, target: int, chosen: dict[str, dict[str, int]]) -> Fold:
    if not layer.weight_bits:
        options = [Fold(pe) for pe in divisors(layer.target.channels)]
        return next((fold for fold in options if _meets(layer, fold, target)), options[-1])
    matrix = chosen[f"{layer.name}_mvau"]
    window = bool(chosen.get(f"{layer.name}_swg", {}).get("parallel_window", 0))
    wanted = [Fold(matrix["PE"], matrix["SIMD"], parallel) for parallel in ((window, not window) if layer.kind == "conv" else (False,))]
    possible = [fold for fold in wanted if fold_error(layer, fold) is None]
    return next((fold for fold in possible if _meets(layer, fold, target)), possible[0])


def _meets(layer: Layer, fold: Fold, target: int) -> bool:
    return all(unit.meets(target) for unit in layer_units(layer, fold))
