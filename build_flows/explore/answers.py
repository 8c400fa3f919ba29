"""What every exit of a network that was trained once, with all exits that may be chosen, makes of images: the integers from which the
accuracy and the shares of any layout follow."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import numpy.typing as npt

from build_flows.steps.data import DataSettings, Held, data_inputs, data_settings, dataset, held_out
from build_flows.steps.engine import Step, Work
from build_flows.steps.threads import set_threads
from build_flows.steps.topology import Topology, built, topology

if TYPE_CHECKING:
    from build_flows.project.load import Project

__all__ = ["GOLDEN", "LOGITS", "Answers", "load_answers", "step"]

LOGITS, GOLDEN = "answers.npz", "candidates.npz"


@dataclass(frozen=True, kw_only=True)
class Answers:
    """By exit integer ``logits`` of the validation images (int32 ``[n, classes]``) in units of ``scales``, and the ``labels`` (int64
    ``[n]``)."""

    logits: tuple[npt.NDArray[np.int32], ...]
    labels: npt.NDArray[np.int64]
    scales: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The images, and the ``network`` (None: one of the user's own)."""

    data: DataSettings
    held: Held
    network: Topology | None
    threads: int


def step(project: "Project", network: Mapping[str, Path]) -> Step:
    """``answers.npz`` and ``candidates.npz``, a ``golden.npz`` with all exits, of the trained ``network``: its ``checkpoint``, or
    ``golden`` integers of the user's own."""
    config = project.config
    return Step(
        name="answers", run=run, outputs=(LOGITS, GOLDEN), inputs={**network, **data_inputs(project)},
        settings=Settings(
            data=data_settings(project), held=held_out(project), network=None if config.model.own else topology(project),
            threads=config.train.threads,
        ),
    )


def run(chosen: Settings, inputs: Mapping[str, Path], work: Work) -> None:
    """Writes both files."""
    from quant_models.datasets.load import split
    from quant_models.integers.export import export_golden, golden
    from quant_models.integers.view import integer_outputs
    from quant_models.networks.checkpoint import load_model
    from sim.golden import load

    set_threads(chosen.threads)
    data = dataset(chosen.data, inputs, work.caches)
    _, held = split(data, chosen.held.fraction, chosen.held.seed)
    images, labels = data.x_train[held], data.y_train[held]
    with work.ui.progress(f"answers of all exits to {len(held):,} validation images", total=len(held)) as bar:
        if chosen.network is None:
            net = load(inputs["golden"])
            logits, scales = list(net.run(images)), list(net.scales)
            shutil.copyfile(inputs["golden"], work.folder / GOLDEN)
            bar.advance(len(held))
        else:
            model = load_model(inputs["checkpoint"], built(chosen.network, data.classes, data.shape, work))
            meta, _ = golden(model)
            found, _ = integer_outputs(model, images, progress=bar.advance)
            logits, scales = list(found), [head["layers"][-1]["scale"] for head in meta["heads"]]
            export_golden(model, work.folder / GOLDEN)
    arrays: dict[str, Any] = {f"logits{k}": item.astype(np.int32) for k, item in enumerate(logits)}
    np.savez_compressed(work.folder / LOGITS, labels=labels, scales=np.array(scales), **arrays)


def load_answers(path: Path | BinaryIO) -> Answers:
    """What :func:`run` wrote to ``path``, or an open file."""
    with np.load(path, allow_pickle=False) as found:
        scales = found["scales"]
        return Answers(logits=tuple(found[f"logits{k}"] for k in range(len(scales))), labels=found["labels"],
                       scales=tuple(float(scale) for scale in scales))
