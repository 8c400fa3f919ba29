"""Step ``agree``: Brevitas' integer view and FINN's graph against the golden model, on test images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from build_flows.artefacts.agreement import AgreementFile
from build_flows.finn_bridge.saved_graph import load_graph
from build_flows.steps.agreement import compare_gates, compare_layers, compare_logits
from build_flows.steps.data import DataSettings, data_inputs, data_settings, dataset
from build_flows.steps.engine import Step, Work
from sim import golden

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["Settings", "run", "step"]

CHUNK = 16


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, and on how many of them FINN's slow execution is compared."""

    data: DataSettings
    finn_images: int


def step(project: "Project", network: Mapping[str, Path], golden_file: Path, dataflow: Path) -> Step:
    """``agreement.json`` of the ``network`` (its ``checkpoint``; of the user's own its ``golden`` integers alone, which were compared when
    it was taken), its integers and FINN's graph."""
    return Step(
        name="agree", run=run, outputs=("agreement.json",),
        inputs={**network, "golden": golden_file, "dataflow": dataflow, **data_inputs(project)},
        settings=Settings(data=data_settings(project), finn_images=project.config.simulate.finn_images),
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes ``agreement.json``; raises :class:`build_flows.base.errors.OfframpError` with the first sample, layer and value that differ.

    Brevitas' integer view answers for all test images, FINN's slow execution for every layer of the first ``finn_images``. Without a
    ``checkpoint`` Brevitas is not asked.
    """
    from quant_models.integers.view import integer_outputs
    from quant_models.networks.checkpoint import load_model

    ui, checkpoint = work.ui, inputs.get("checkpoint")
    images = dataset(chosen.data, inputs, work.caches).x_test
    net = golden.load(inputs["golden"])
    gates: dict[int, np.ndarray] = {}
    if checkpoint is not None:
        ui.info(f"Brevitas against the golden model: {len(images):,} images")
        wanted = net.run(images, gates=gates)
        logits, learned = integer_outputs(load_model(checkpoint), images)
        compare_logits(wanted, logits, ("the golden model", "Brevitas' integer view"))
        compare_gates(gates, learned, ("the golden model", "Brevitas' integer view"))

    few = images[: chosen.finn_images]
    graph = load_graph(inputs["dataflow"])
    compared = 0
    with ui.progress("FINN against the golden model, every layer", total=len(few)) as bar:
        for start in range(0, len(few), CHUNK):
            some = few[start : start + CHUNK]
            layers: dict[str, np.ndarray] = {}
            some_gates: dict[int, np.ndarray] = {}
            some_logits = net.run(some, collect=layers, gates=some_gates)
            found = graph.execute(some)
            biased = [item + np.asarray(bias) for item, bias in zip(found.logits, graph.biases, strict=True)]
            compare_logits(some_logits, biased, ("the golden model", "FINN's graph"))
            biased_gates = {k: found.gates[k] + bias for k, bias in graph.gate_biases.items()}
            compare_gates(some_gates, biased_gates, ("the golden model", "FINN's graph"))
            # The last layer of a head is its logits, compared above with the bias that FINN's graph does not have.
            inner = {name: value for name, value in layers.items() if name not in graph.last_layers}
            compared = compare_layers(inner, found.layers, ("the golden model", "FINN's graph")) + len(some_logits) + len(some_gates)
            bar.advance(len(some))
    AgreementFile(
        brevitas=len(images) if checkpoint is not None else 0, finn=len(few), layers=compared, thresholds_rounded=graph.rounded
    ).save(work.folder / "agreement.json")
