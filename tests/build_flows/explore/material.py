"""A training for the tests of explorations that nothing was trained for: answers that are drawn so that sure ones are right more often,
and a network with two places for exits, the first with two heads."""

import io
import json
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from build_flows.artefacts.explore import Outcome
from build_flows.explore.answers import Answers, load_answers
from build_flows.explore.evaluate import Source
from build_flows.explore.predict import Goal, Material
from build_flows.planning.network import Network
from build_flows.planning.read_network import read_network
from tests.build_flows.networks import described

__all__ = [
    "CLASSES", "GOAL", "PLACES", "SCALES", "InProcess", "answers", "golden_bytes", "material", "network", "outcome", "source",
    "write_source",
]

PLACES = ((0, "conv"), (0, "pool"), (1, "linear"))
"""The early exits, in the network's order; two of them stand after one block, as candidates do."""

CLASSES, SAMPLES = 10, 1200
SCALES = (0.031, 0.027, 0.043, 0.05)
SKILL = (3.0, 2.5, 4.0, 7.0)
"""By exit, how far the right class is ahead in the mean."""

GOAL = Goal(part="xc7z020clg400-1", clock_mhz=125.0, bus_bits=64, layers="fused", exchangeable=False, epsilon=0.001, seed=1)

HEADS: list[list[tuple[Any, ...]]] = [
    [("conv", 3, 1, 1, 4), ("maxpool", 2, 2), ("linear", CLASSES)], [("maxpool", 2, 2), ("linear", CLASSES)], [("linear", CLASSES)],
    [("linear", CLASSES)],
]
STAGES: list[list[tuple[Any, ...]]] = [
    [("conv", 3, 1, 1, 2), ("maxpool", 2, 2)], [], [("conv", 3, 1, 1, 4)], [("conv", 3, 1, 1, 6), ("maxpool", 2, 2)],
]


@lru_cache(maxsize=4)
def answer_bytes(seed: int = 0, samples: int = SAMPLES) -> bytes:
    """``answers.npz``: logits whose winner is the right class the more surely, the easier an image is to all exits."""
    draw = np.random.default_rng(seed)
    labels = draw.integers(CLASSES, size=samples)
    easy = draw.gamma(2.0, 0.7, size=samples)
    arrays = {}
    for k, (scale, skill) in enumerate(zip(SCALES, SKILL, strict=True)):
        real = draw.normal(0, 1, (samples, CLASSES))
        real[np.arange(samples), labels] += skill * easy
        arrays[f"logits{k}"] = np.round(real / scale).astype(np.int32)
    file = io.BytesIO()
    np.savez_compressed(file, labels=labels, scales=np.array(SCALES), **arrays)
    return file.getvalue()


def answers(seed: int = 0, samples: int = SAMPLES) -> Answers:
    return load_answers(io.BytesIO(answer_bytes(seed, samples)))


@lru_cache(maxsize=4)
def golden_bytes(bits: int = 4) -> bytes:
    """``golden.npz`` of the network, with weights that are drawn."""
    meta, shapes = described((8, 8, 1), STAGES, HEADS, bits=bits)
    draw = np.random.default_rng(bits)
    most = (1 << bits - 1) - 1
    arrays: dict[str, Any] = {key: draw.integers(-most, most + 1, shape).astype(np.int8) for key, shape in shapes.items()}
    for part in (*meta["stages"], *meta["heads"]):
        for layer in part["layers"]:
            if "thresholds" in layer:
                steps = np.sort(draw.integers(-500, 500, (shapes[layer["name"]][0], (1 << bits) - 1)), axis=1)
                arrays[layer["thresholds"]] = steps.astype(np.int32)
    file = io.BytesIO()
    np.savez(file, meta=np.array(json.dumps(meta)), **arrays)
    return file.getvalue()


def material(seed: int = 0) -> Material:
    return Material(answer_bytes(seed), golden_bytes())


def source(seed: int = 0, alone: bool = False) -> Source:
    """A training; ``alone``: the network that has no early exits."""
    return Source(material=material(seed), digest=f"training {seed}", exits={} if alone else {place: k for k, place in enumerate(PLACES)},
                  alone=alone)


class InProcess:
    """Workers that do everything here, in the order that ``order`` gives tasks, and fail in the middle where they are told to."""

    def __init__(self, count: int = 1, order: Any = list, stop_after: int | None = None) -> None:
        self.count, self.order, self.stop_after = count, order, stop_after
        self.ran: list[str] = []
        self.handed_out: list[list[str]] = []

    def run(self, tasks: Any, shared: Any) -> Any:
        self.handed_out.append(list(tasks))
        for key in self.order(list(tasks)):
            if len(self.ran) == self.stop_after:
                raise KeyboardInterrupt
            function, own = tasks[key]
            result = function(shared, own)
            self.ran.append(key)
            yield key, result


def write_source(folder: Path) -> None:
    """What a training leaves that explorations read afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "checkpoint.safetensors").write_bytes(b"")
    (folder / "answers.npz").write_bytes(answer_bytes())
    (folder / "candidates.npz").write_bytes(golden_bytes())


def network() -> Network:
    """As predictions read it: with fused layers, and sums as wide as its weights can make them."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "golden.npz").write_bytes(golden_bytes())
        return read_network(Path(folder) / "golden.npz", layers="fused")


def outcome(accuracy: float, rate: float, lut: float = 1000, **changes: Any) -> Outcome:
    """What a design might reach and take."""
    values: dict[str, Any] = {
        "accuracy": accuracy, "accuracy_interval": (accuracy - 0.01, accuracy + 0.01), "samples": 600, "shares": [0.75, 0.25],
        "cycles_per_sample": 125e6 / rate, "samples_per_second": rate, "clock_mhz": 125.0, "lut": lut, "ff": 2000, "bram36": 4, "dsp": 10,
        "fits": True, "short": [],
    }
    return Outcome(**values | changes)
