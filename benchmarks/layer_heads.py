"""What early heads cost, and what other heads would give: rows of ``docs/layers.md``, by the cost model alone.

Networks are not trained here: of static units the size moves a little with their weights, of the others not at all.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.figures import SEED, Figures
from build_flows.base.parts import find_part
from build_flows.planning.folding import stage_targets, taken
from build_flows.planning.folding_search import search
from build_flows.planning.network import Network
from build_flows.planning.pace import UTILISATIONS, fastest, least_pace
from build_flows.planning.read_network import read_network

__all__ = ["HEADS", "PART", "Head", "head_figures", "planned_network", "without_exits"]

PART = "heads"
BOARD = "pynq-z2"
BUS_BITS = 64
HARD = 0.25
BITS = 4
EXCHANGED_AT = 518
"""Cycles a sample at which exchangeable heads are looked at."""


@dataclass(frozen=True, kw_only=True)
class Head:
    """An early head of b_alexnet: its form (:data:`quant_models.networks.layouts.HEADS`), and layers of it with other weight bits."""

    name: str
    form: str = "preset"
    bits: Mapping[str, int] = field(default_factory=dict)


HEADS = (
    Head(name="as published"),
    Head(name="2-bit weights in its first convolution", bits={"head0_conv0": 2}),
    Head(name="one max-pool and one linear layer", form="pool"),
    Head(name="a global average pool and one linear layer", form="global"),
)


def planned_network(preset: str, exits: Sequence[tuple[int, str]] | None = None, bits: Mapping[str, int] | None = None, *,
                    exchangeable: bool = False) -> Network:
    """The network ``preset`` of 4 bits as planning sees it, with weights drawn, not trained. ``exits``: as
    :func:`quant_models.networks.layouts.layout` takes them (None: the preset's own); ``bits``: other weight bits, by layer."""
    import torch

    from quant_models.integers.export import export_golden
    from quant_models.networks.layer_bits import with_bits
    from quant_models.networks.layouts import layout
    from quant_models.networks.net import MultiExitNet
    from quant_models.networks.presets import preset as named

    spec = named(preset, BITS, BITS) if exits is None else layout(preset, exits, BITS, BITS)
    spec = with_bits(spec, {name: (width, None) for name, width in (bits or {}).items()})
    with torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(SEED)
        model = MultiExitNet(spec).eval()
        file = Path(folder) / "golden.npz"
        export_golden(model, file)
        return read_network(file, exchangeable, layers="fused")


def without_exits(network: Network) -> Network:
    """``network`` as one stage, with its last head alone."""
    layers = [replace(layer, stage=0) for stage in network.stages for layer in stage]
    last = tuple(replace(layer, stage=0) for layer in network.heads[-1])
    return replace(network, stages=(tuple(layers),), heads=(last,), gates=())


def head_figures(figures: Figures) -> None:
    """Add the rows to ``figures``."""
    part = find_part(BOARD)

    def pace(network: Network, reach: tuple[float, ...], utilisation: float) -> int | None:
        return fastest(network, reach, utilisation, part, least_pace(network, reach, utilisation, BUS_BITS).cycles)

    busy = max(UTILISATIONS)
    alone = pace(without_exits(planned_network("b_alexnet")), (1.0,), 1.0)
    for head in HEADS:
        found = pace(planned_network("b_alexnet", [(0, head.form)], head.bits), (1.0, HARD), busy)
        ratio = alone / found if alone and found else 0.0
        figures.add(f"b_alexnet, fastest, early head: {head.name}", "above 1: exits pay",
                    f"{found:,} cycles a sample, {ratio:.2f} times the rate without exits ({alone:,})" if found else "nothing fits",
                    ratio > 1, f"predicted, {100 * HARD:.0f} % hard, later stages {100 * busy:.0f} % busy, not trained; `python -m "
                    "benchmarks.layers heads`")
    reach = (1.0, HARD)
    targets = stage_targets(EXCHANGED_AT, reach)
    costs = [taken(search(planned_network("b_lenet", exchangeable=exchangeable), targets, part, reach=reach).cost)
             for exchangeable in (False, True)]
    told = ["{lut:,.0f} LUT, {dsp} DSP, {bram36:g} BRAM36".format(**cost) for cost in costs]
    figures.add(f"b_lenet at {EXCHANGED_AT}, heads exchangeable", "its cost is told", f"{told[1]}, and {told[0]} with heads fixed", True,
                "predicted, what is no layer included, not trained; `python -m benchmarks.layers heads`")
