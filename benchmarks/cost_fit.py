"""Fits the cost model to synthesised units, and writes ``cost_model.json``: ``python -m benchmarks.cost_fit``.

Networks of several kinds and bit widths are exported untrained (their weights are drawn with a seed), folded at random, compiled by the
bridge, and their units synthesised as those of a project are. Of each kind of unit some are taken at random, small and middle ones, a few
large; every fifth is held out. Coefficients are those of least squared relative error (of pairable LUTs, which only sums tell of, relative
to the root of the size), none below zero (Lawson and Hanson's NNLS). What was synthesised stays in the cache, so that an interrupted fit
goes on where it was, and a change of the terms alone takes no synthesis.
"""

import argparse
import random
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from amaranth.back import verilog
from amaranth.hdl import Module, Value
from scipy.optimize import nnls

from benchmarks.add_samples import draw_adds, draw_concats
from benchmarks.bit_samples import draw_bits
from benchmarks.depthwise_samples import draw_depthwise
from benchmarks.pool_samples import draw_pools
from benchmarks.shared_samples import draw_shared
from benchmarks.static_samples import draw_static
from benchmarks.upsample_samples import draw_upsamplings
from build_flows.base.files import write_text
from build_flows.base.parts import PARTS, Part
from build_flows.finn_bridge.compile_graph import CompiledGraph, compile_graph
from build_flows.planning.cost_model import FILE, FITTED, CostModel, Fit, FitError, FitRow, memory_luts, read_model, weigh
from build_flows.planning.folding import Folding, evaluate
from build_flows.planning.layer_costs import Fold, Unit, fold_options, unit_names
from build_flows.planning.network import Layer, Network
from build_flows.planning.read_network import read_network
from build_flows.planning.unit_terms import Terms
from build_flows.synthesis.synthesise import Synthesised, synthesise_all
from build_flows.synthesis.units import project_units
from hw.layers.layer_unit import LayerUnit
from hw.netlist import Input, Netlist, Result
from quant_models.networks.spec import NetSpec
from sim.tools.yosys import version

__all__ = ["CASES", "QUOTA", "Case", "Row", "errors", "fit", "main", "samples", "synthesise_rows", "write_model"]

SEED = 1
HELD_OUT = 5
FLOOR = {"lut": 24.0, "pairable": 24.0, "ff": 24.0, "carry": 6.0}
"""Errors of units smaller than this count as if they were of this size."""
LARGEST = 2600
"""Units of which any term is larger are not synthesised: they take minutes."""

QUOTA = {
    "padding": 5, "window": 10, "window_parallel": 10, "converter_up": 9, "converter_serial": 9, "converter_down": 10,
    "mvau": 30, "threshold": 15, "maxpool": 7, "global_sum": 4, "static": 20, "shared": 18,
    "shared_lut": 15, "shared_bits": 15, "depthwise": 15, "pixel_pool": 30, "add": 12, "concat": 8,
    "upsample": 30,
}
"""Units of each kind that are synthesised."""
OURS: dict[str, tuple[Callable[[Path, random.Random, int], Iterable[tuple[str, Unit, Any]]], int]] = {
    "static": (draw_static, 3), "shared": (draw_shared, 4), "shared_lut": (partial(draw_shared, body="shared_lut"), 3),
    "shared_bits": (draw_bits, 2), "depthwise": (draw_depthwise, 2), "pixel_pool": (draw_pools, 5),
    "add": (draw_adds, 3), "concat": (draw_concats, 2),
    "upsample": (draw_upsamplings, 6),
}
"""What draws units of ours, which need no folding of the whole network, and how many of each network, to be chosen among."""


@dataclass(frozen=True)
class Case:
    """A network to draw units from: a preset or ``odd`` (every kind of layer), its bit widths and the number of foldings."""

    network: str
    weight_bits: int
    act_bits: int
    foldings: int


CASES = (
    Case("digits", 4, 4, 2), Case("triple_wins", 4, 4, 2), Case("b_alexnet", 4, 4, 2), Case("digits", 2, 3, 1), Case("odd", 4, 4, 2),
    Case("triple_wins", 3, 2, 1), Case("digits", 8, 8, 1), Case("odd", 3, 6, 2),
)
"""b_lenet is not among them: it is what the fit is judged by."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A unit: ``kind`` as the cost model knows it, its ``terms``; ``found`` by synthesis and FINN's estimates ``finn`` (keys ``lut``,
    ``lutram``, ``ff``, ``bram18``, ``dsp``; ``lut`` is logic alone), and ``lutram``, ``bram18`` and ``dsp`` as the model has them."""

    name: str
    kind: str
    terms: Terms
    found: dict[str, float]
    finn: dict[str, float]
    lutram: int
    bram18: int
    dsp: int
    held_out: bool


@dataclass(frozen=True)
class _Sample:
    name: str
    plan: Unit
    unit: Any
    finn: dict[str, float]


def main(arguments: Sequence[str] | None = None) -> None:
    """The command: draw, synthesise, fit, write; prints the errors of each kind."""
    parser = argparse.ArgumentParser(description="Fit the cost model to synthesised units.")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps what was synthesised")
    parser.add_argument("--output", type=Path, default=FILE, help="the file to write")
    parser.add_argument("--seed", type=int, default=SEED, help="draws networks, foldings and units")
    parser.add_argument("--only", nargs="+", choices=sorted(QUOTA), help="fit these kinds, and keep what was found of the others")
    options = parser.parse_args(arguments)
    only = options.only or list(QUOTA)
    kept = [Row(**row.to_json()) for row in read_model().rows if row.kind not in only] if options.only else []
    quota = {kind: size for kind, size in QUOTA.items() if kind in only}
    rows = sorted([*kept, *synthesise_rows(samples(options.seed, quota=quota), options.cache)], key=lambda row: row.kind)
    write_model(rows, options.output, options.seed)
    for kind, found in errors(rows, fit(rows)).items():
        print(f"{kind:16}", *(f"{name} {row.model:.1%} of {row.units} units" for name, row in found.items()))


def samples(seed: int, cases: Sequence[Case] = CASES, quota: Mapping[str, int] = QUOTA) -> dict[str, "_Sample"]:
    """Units drawn from ``cases``, at most ``quota`` of each kind, no two of the same terms; the same for the same ``seed``."""
    draw = random.Random(seed)
    pool: dict[str, list[_Sample]] = {}
    with tempfile.TemporaryDirectory(prefix="offramp-fit-") as scratch:
        for number, case in enumerate(cases):
            folder = Path(scratch) / str(number)
            _export(folder, case, seed + number)
            for turn in range(case.foldings if set(quota) - set(OURS) else 0):
                for item in _units(folder, f"{case.network}_{case.weight_bits}{case.act_bits}_{turn}", draw):
                    pool.setdefault(item.plan.model, []).append(item)
            for kind in sorted(set(OURS) & set(quota)):
                few, (drawn, most) = random.Random(f"{seed + number} {kind}"), OURS[kind]
                for name, plan, unit in drawn(folder / "golden.npz", few, most):
                    pool.setdefault(kind, []).append(_Sample(f"{case.network}_{case.weight_bits}{case.act_bits}.{name}", plan, unit, {}))
    chosen: dict[str, _Sample] = {}
    for kind, items in sorted(pool.items()):
        # By kind, so that a change of one leaves the others as they were drawn.
        random.Random(f"{seed} {kind}").shuffle(items)
        seen: set[tuple[float, ...]] = set()
        for item in items:
            terms = tuple(item.plan.terms.values())
            if len(seen) < quota.get(kind, 0) and terms not in seen and (kind in OURS or max(terms) <= LARGEST):
                seen.add(terms)
                chosen[item.name] = item
    return chosen


def synthesise_rows(drawn: Mapping[str, "_Sample"], cache: Path, jobs: int = 2) -> list[Row]:
    """What ``drawn`` take, in their order; every fifth of a kind is held out."""
    def told(name: str, found: Synthesised) -> None:
        print(f"{name}: {found.resources.lut} LUT, {found.resources.ff} FF", flush=True)

    synthesised = synthesise_all({name: item.unit for name, item in drawn.items()}, cache, progress=told, jobs=jobs)
    rows: list[Row] = []
    for name, item in drawn.items():
        taken = synthesised[name].resources
        place = sum(row.kind == item.plan.model for row in rows)
        rows.append(Row(
            name=name, kind=item.plan.model, terms=item.plan.terms, finn=item.finn, lutram=memory_luts(item.plan.terms),
            bram18=item.plan.bram18, dsp=item.plan.dsp,
            found={"lut": taken.lut, "pairable": taken.lut - taken.lut_paired, "lutram": taken.lutram, "ff": taken.ff,
                   "bram18": round(2 * taken.bram36), "dsp": taken.dsp, "carry": taken.carry},
            held_out=place % HELD_OUT == HELD_OUT - 1,
        ))
    return rows


def fit(rows: Iterable[Row]) -> dict[str, dict[str, dict[str, float]]]:
    """Coefficients by kind, resource and term, of the ``rows`` that are not held out. Terms without weight are left out."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        if not row.held_out:
            kinds.setdefault(row.kind, []).append(row)
    return {kind: {name: _weights(found, name) for name in FITTED} for kind, found in sorted(kinds.items())}


def _weights(rows: list[Row], resource: str) -> dict[str, float]:
    names = [name for name in rows[0].terms if name not in ("memory", "shift")]
    wanted = np.array([row.found[resource] for row in rows], dtype=float)
    scale = 1 / np.maximum(wanted, FLOOR[resource])
    if resource == "pairable":
        # Told of no unit, only summed over designs: large units count more.
        scale **= 0.5
    weights, _ = nnls(np.array([[row.terms[name] for name in names] for row in rows]) * scale[:, None], wanted * scale)
    return {name: float(f"{weight:.4g}") for name, weight in zip(names, weights, strict=True) if weight > 1e-6}


def errors(rows: Iterable[Row], units: Mapping[str, Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, FitError]]:
    """By kind and resource, over the held-out units; mean errors are the sum of absolute ones over the sum found."""
    kinds: dict[str, list[Row]] = {}
    for row in rows:
        if row.held_out:
            kinds.setdefault(row.kind, []).append(row)
    found: dict[str, dict[str, FitError]] = {}
    for kind, held in sorted(kinds.items()):
        for name in FITTED:
            sizes = [row.found[name] for row in held]
            if not sum(sizes):
                continue
            off = [abs(weigh(row.terms, units[kind][name]) - row.found[name]) for row in held]
            # FINN counts LUTs that are memory among the others.
            finn = [abs(row.finn[name] - row.found[name] - row.found["lutram"] * (name == "lut")) for row in held if name in row.finn]
            found.setdefault(kind, {})[name] = FitError(
                units=len(held), model=round(sum(off) / sum(sizes), 4),
                worst=round(max(error / max(size, FLOOR[name]) for error, size in zip(off, sizes, strict=True)), 4),
                finn=round(sum(finn) / sum(sizes), 4) if len(finn) == len(held) else None,
            )
    return found


def write_model(rows: list[Row], path: Path, seed: int) -> None:
    """Write coefficients, how they were fitted, errors and all rows to ``path``."""
    units = fit(rows)
    CostModel(
        units=units,
        fit=Fit(
            command=f"python -m benchmarks.cost_fit --cache FOLDER --seed {seed}",
            method="non-negative least squares, kind by kind, of the relative error (of pairable LUTs: relative to the root of the size); "
                   "every fifth unit of a kind held out",
            synthesis=f"{version()}, synth_xilinx -family xc7, unit by unit", finn=metadata.version("finn-plus"),
            networks=[f"{case.network}, {case.weight_bits} bit weights, {case.act_bits} bit activations, {case.foldings} foldings"
                      for case in CASES],
            units={kind: sum(row.kind == kind for row in rows) for kind in units},
            errors=errors(rows, units),
        ),
        rows=[
            FitRow(name=row.name, kind=row.kind, held_out=row.held_out, terms=dict(row.terms), found=dict(row.found), finn=dict(row.finn),
                   lutram=row.lutram, bram18=row.bram18, dsp=row.dsp)
            for row in rows
        ],
    ).save(path)


def _export(folder: Path, case: Case, seed: int) -> None:
    """``model.onnx`` and ``golden.npz`` of the untrained network, its batch norms and activations having seen some noise."""
    import torch

    from quant_models.integers.export import export_golden, export_qonnx
    from quant_models.networks.net import MultiExitNet
    from quant_models.networks.presets import PRESETS

    spec = _odd(case.weight_bits, case.act_bits) if case.network == "odd" else PRESETS[case.network](case.weight_bits, case.act_bits, 10)
    torch.manual_seed(seed)
    model = MultiExitNet(spec)
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "scaling_impl" not in name:
                value.add_(0.1 * torch.randn(value.shape))
        model.clamp()
        for _ in range(30):  # running means near those of the noise: thresholds spread as a trained network's do
            model(torch.rand(8, spec.channels, spec.height, spec.width))
    model.eval()
    folder.mkdir(parents=True)
    export_golden(model, folder / "golden.npz")
    export_qonnx(model, folder / "model.onnx")


def _odd(weight_bits: int, act_bits: int) -> NetSpec:
    """Three exits: forks behind a pool and behind thresholds, strides, overlapping pools, a 1x1 kernel, a global sum."""
    from quant_models.networks.spec import Activation, Conv, GlobalPool, Linear, MaxPool

    relu = Activation(bits=act_bits)

    def conv(out: int, kernel: int, pad: int = 0, stride: int = 1) -> Conv:
        return Conv(out=out, kernel=kernel, pad=pad, stride=stride, act=relu, weight_bits=weight_bits)

    def linear(out: int, act: Activation | None = None) -> Linear:
        return Linear(out=out, act=act, weight_bits=weight_bits)

    return NetSpec(
        name="odd", height=15, width=13, channels=3, classes=6,
        stages=((conv(12, 3, 1), MaxPool(kernel=3, stride=2)), (conv(18, 2, 1, 2),), (MaxPool(kernel=2, stride=1), conv(20, 1))),
        heads=((GlobalPool(act=relu), linear(6)), (linear(14, relu), linear(6)), (GlobalPool(act=relu), linear(6))),
    )


def _units(folder: Path, name: str, draw: random.Random) -> list[_Sample]:
    part = next(iter(PARTS.values()))
    network = read_network(folder / "golden.npz")
    folding = _folding(network, part, draw)
    rtl = folder / name
    graph = compile_graph(folder / "model.onnx", folder / "golden.npz", folding.as_dict(), part.name, 100.0, rtl)
    netlist = _netlist(name, graph, part)
    write_text(rtl / "accelerator.v", _top(netlist))
    plans = {unit_name: unit for plan in folding.plans.values() for unit_name, unit in unit_names(plan.name, plan.units)}
    return [
        _Sample(f"{name}.{item.name}", plans[item.name], item.unit, {
            key: value for key, value in item.layer.finn.items() if key != "cycles"
        })
        for item in project_units(netlist, rtl) if item.layer is not None and item.name in plans
    ]


def _folding(network: Network, part: Part, draw: random.Random) -> Folding:
    """Foldings drawn so that every size is as likely as every other, up to some hundred products a cycle."""

    def pick(layer: Layer) -> Fold:
        sizes: dict[int, list[Fold]] = {}
        for fold in fold_options(layer):
            if fold.pe * fold.simd <= 256:
                sizes.setdefault((fold.pe * fold.simd).bit_length(), []).append(fold)
        return draw.choice(sizes[draw.choice(sorted(sizes))])

    folds = {layer.name: pick(layer) for layer in network.layers}
    return evaluate(network, folds, [1] * len(network.stages), part)


def _netlist(name: str, graph: CompiledGraph, part: Part) -> Netlist:
    """As much of a netlist as says which layers there are."""
    entry = Input(height=1, width=1, channels=1, bits=8, signed=False, bus_bits=8, beat_bits=8, frame_beats=1)
    return Netlist(
        name=name, part=part.name, clock_mhz=100.0, classes=2, order="arrival", max_in_flight=2, input=entry,
        result=Result(bits=32, fields=()), stages=(), layers=graph.layers, streams=(), gates=(), exits=(),
    )


def _top(netlist: Netlist) -> str:
    """A top in which every layer stands by itself."""
    m = Module()
    ports: list[Value] = []
    for layer in netlist.layers:
        m.submodules[layer.name] = unit = LayerUnit(layer)
        ports.append(unit.rst_n)
        for name in unit.signature.members:
            if name != "rst_n":
                port = getattr(unit, name)
                ports += [port.payload, port.valid, port.ready]
    return str(verilog.convert(m, ports=ports, name="accelerator", emit_src=False, strip_internal_attrs=True))


if __name__ == "__main__":
    main()
