"""The step that compares Brevitas' integer view and FINN's graph with the golden model, on test images."""

from pathlib import Path

import numpy as np

from build_flows.base.files import write_json
from build_flows.base.ui import Ui
from build_flows.finn_bridge.saved_graph import load_graph
from build_flows.project.load import Project
from build_flows.steps import training
from build_flows.steps.agreement import compare_gates, compare_layers, compare_logits
from sim import golden

__all__ = ["verify"]

VERSION = 1
CHUNK = 16


def verify(project: Project, ui: Ui, *, checkpoint: Path | None, golden_file: Path, dataflow: Path, work: Path) -> None:
    """Writes ``agreement.json``; raises :class:`build_flows.base.errors.OfframpError` with the first sample, layer and value that differ.

    Brevitas' integer view answers for all test images, FINN's slow execution for every layer of the first ``simulate.finn_images``. Without
    a ``checkpoint`` (a user's own network) Brevitas is not asked.
    """
    from quant_models.integers.view import integer_outputs
    from quant_models.networks.checkpoint import load_model

    images = training.dataset(project).x_test
    net = golden.load(golden_file)
    gates: dict[int, np.ndarray] = {}
    if checkpoint is not None:
        ui.info(f"Brevitas against the golden model: {len(images):,} images")
        wanted = net.run(images, gates=gates)
        logits, learned = integer_outputs(load_model(checkpoint), images)
        compare_logits(wanted, logits, ("the golden model", "Brevitas' integer view"))
        compare_gates(gates, learned, ("the golden model", "Brevitas' integer view"))

    few = images[: project.config.simulate.finn_images]
    graph = load_graph(dataflow)
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
    write_json(work / "agreement.json", {
        "version": VERSION, "brevitas": len(images) if checkpoint is not None else 0, "finn": len(few), "layers": compared,
        "thresholds_rounded": graph.rounded,
    })
