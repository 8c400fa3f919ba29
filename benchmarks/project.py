"""A compiled project as benchmarks run it: its artefacts opened, images through its RTL, hard samples at a wanted share."""

import itertools
import operator
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.figures import SEED
from build_flows.project.load import Project
from build_flows.steps.data import project_dataset
from hw.netlist import Netlist
from hw.netlist import load as load_netlist
from sim import golden
from sim.accelerator import agreement
from sim.accelerator.result import SimResult
from sim.accelerator.run import expected_ids, simulate

__all__ = ["MOST_CYCLES", "HardRun", "ProjectFiles", "passed", "run_hard"]

MOST_CYCLES = 260
"""Cycles a sample that the b_lenet example, planned at 256, may take."""

RANDOM_SAMPLES = 4000


class ProjectFiles:
    """A project's artefacts, opened."""

    def __init__(self, project: Project) -> None:
        self.folder = project.output
        self.rtl = self.folder / "rtl"
        self.cache = self.folder.parent / ".models"
        self.netlist: Netlist = load_netlist((self.folder / "netlist.json").read_text(encoding="utf-8"))
        self.exits = golden.load_exits(self.folder / "exits.json")
        self.net = golden.load(self.folder / "golden.npz")

    def logits(self, images: npt.NDArray[np.uint8]) -> list[npt.NDArray[np.int64]]:
        """Integer logits ``[n, classes]`` of ``images`` ``[n, height, width, channels]``, by exit."""
        return self.net.run(images)

    def simulate(self, images: npt.NDArray[np.uint8], batches: list[int], **options: Any) -> tuple[SimResult, float]:
        """The result, and the seconds it took with the model built."""
        with tempfile.TemporaryDirectory() as folder:
            simulate(self.netlist, self.rtl, images[:2], work=Path(folder) / "warm", cache=self.cache)
            started = time.monotonic()
            result = simulate(
                self.netlist, self.rtl, images, work=Path(folder) / "run", cache=self.cache, seed=SEED, batches=batches, **options)
            return result, time.monotonic() - started

    def agreed(self, images: npt.NDArray[np.uint8], result: SimResult, batches: list[int]) -> int:
        """How many results are those of the golden model."""
        fields = {item.name: item for item in self.netlist.result.fields}
        wanted = golden.decide_images(self.net, self.exits, images)
        ids = expected_ids(batches, fields["id"].width)
        return int(agreement.agree(wanted, result, confidence=fields["confidence"], ids=ids).sum())


@dataclass(frozen=True)
class HardRun:
    """Hard samples drawn at random at the planned ``share``: what came out."""

    share: float
    cycles_per_sample: float
    hard: float
    agreed: int
    samples: int

    def describe(self) -> str:
        """What was measured, in words."""
        return (f"{self.cycles_per_sample:.1f} cycles a sample ({100 * self.hard:.1f} % hard, {self.agreed:,} of {self.samples:,} agree)")


def run_hard(project: Project, samples: int = RANDOM_SAMPLES) -> HardRun:
    """Test images drawn with :data:`benchmarks.figures.SEED`, such that of those that reach an exit the share ``target.hard_share`` gets
    past it."""
    files = ProjectFiles(project)
    wanted = project.config.target.hard_share
    shares = wanted or [0.25]
    images = project_dataset(project).x_test
    exits = golden.decide_images(files.net, files.exits, images).exit
    rng = np.random.default_rng(SEED)
    leaves = passed(rng.random(samples), shares)
    pools = [rng.choice(np.flatnonzero(exits == place), samples) for place in range(len(shares), -1, -1)]
    drawn = np.choose(leaves, pools[::-1])
    result, _ = files.simulate(images[drawn], [samples])
    agreed = files.agreed(images[drawn], result, [samples])
    return HardRun(shares[0], result.cycles_per_sample, float((leaves > 0).mean()), agreed, samples)


def passed(draws: npt.NDArray[np.float64], shares: Sequence[float]) -> npt.NDArray[np.int64]:
    """How many exits each of ``draws``, from 0 to 1, gets past, when of those that reach exit k the share ``shares[k]`` does."""
    found = np.zeros(len(draws), np.int64)
    for reach in itertools.accumulate(shares, operator.mul):
        found += draws < reach
    return found
