"""Step ``cosim``: the board's own driver against all that is in the programmable logic, Verilated."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from build_flows.artefacts.cosim import CosimFile
from build_flows.board.cosim import cosimulate
from build_flows.board.platforms import BoardPlatform
from build_flows.steps.data import DataSettings, data_inputs, data_settings, dataset
from build_flows.steps.engine import Step, Work
from build_flows.steps.flow import Flow
from build_flows.steps.scale import scale_record
from build_flows.steps.simulate_options import options

__all__ = ["Settings", "cosim", "run"]

INPUTS = ("netlist.json", "rtl", "golden.npz", "exits.json", "sim.json")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, the ``board``, how many ``samples`` (None: all that were simulated), and the ``seed`` of memory latencies."""

    data: DataSettings
    board: BoardPlatform
    samples: int | None
    seed: int


def cosim(flow: Flow, board: BoardPlatform, *, samples: int | None = None, seed: int = 1) -> CosimFile:
    """All up to ``<output>/cosim.json``, and what it holds (docs/interfaces.md): the first ``samples`` test images (None: all that were
    simulated), memory latencies drawn from ``seed``.

    Raises :class:`build_flows.board.cosim.CosimError` unless every result is that of the simulation and every check went as it should.
    """
    flow.simulate(options(flow.project))
    flow.build.run(Step(
        name="cosim", run=run, outputs=("cosim.json",), inputs={**{name: flow.path(name) for name in INPUTS}, **data_inputs(flow.project)},
        settings=Settings(data=data_settings(flow.project), board=board, samples=samples, seed=seed),
    ))
    return CosimFile.load(flow.path("cosim.json"))


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``cosim.json``."""
    data = dataset(chosen.data, inputs, work.caches)
    cosimulate(
        netlist=inputs["netlist.json"], rtl=inputs["rtl"], golden_file=inputs["golden.npz"], exits=inputs["exits.json"],
        simulated=inputs["sim.json"], images=data.x_test, labels=np.asarray(data.y_test, np.int64), board=chosen.board,
        samples=chosen.samples, seed=chosen.seed, ui=work.ui, work=work.folder / "run", cache=work.models,
        scale=scale_record(data),
    ).save(work.folder / "cosim.json")
