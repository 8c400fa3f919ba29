"""The compiled accelerator as :mod:`build_flows.steps.evaluate` asks it: cycles a sample of any images, checked against the golden
model."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from build_flows.base.files import read_json
from build_flows.base.ui import Ui
from build_flows.steps.evaluate import Hardware
from hw.netlist import load
from sim import golden
from sim.accelerator import agreement
from sim.accelerator.run import expected_ids, simulate

__all__ = ["open_hardware"]

BATCH = 1000


def open_hardware(path: Callable[[str], Path], cache: Path, work: Path, ui: Ui) -> Hardware:
    """The accelerator whose artefacts lie at ``path(name)`` (``netlist.json``, ``rtl``, ``golden.npz``, ``exits.json``, ``sizing.json``,
    ``sim.json``, all of one state of the project). Runs go to ``work``, models built to ``cache``.

    A run raises :class:`sim.errors.AgreementError` for the first result that is not the golden model's.
    """
    net = load(path("netlist.json").read_text(encoding="utf-8"))
    figures = read_json(path("sim.json"))["figures"]
    exits = golden.load_exits(path("exits.json"))
    model = golden.load(path("golden.npz"))
    fields = {item.name: item for item in net.result.fields}

    def run(images: np.ndarray, hard: bool) -> float:
        writes = {f"ENABLE_{item.index}": 0 for item in net.exits[:-1]} if hard else {}
        batches = [min(BATCH, len(images) - start) for start in range(0, len(images), BATCH)]
        with ui.progress("simulating the RTL", total=len(images)) as bar:
            found = simulate(
                net, path("rtl"), images, work=work, cache=cache, batches=batches, writes=writes, resume=False,
                progress=lambda state: bar.update(completed=state["results"], text=f"{state['cycle']:,} cycles"),
            )
        chosen = [dataclasses.replace(item, enabled=False) for item in exits[:-1]] + list(exits[-1:]) if hard else exits
        wanted = golden.decide_images(model, chosen, images)
        agreement.compare(wanted, found, confidence=fields["confidence"], ids=expected_ids(batches, fields["id"].width))
        return float(found.cycles_per_sample)

    return Hardware(
        intervals=[item["interval"] for item in read_json(path("sizing.json"))["stages"]], cycles=figures["cycles_per_sample"],
        clock_mhz=net.clock_mhz, run=run,
    )
