"""Images through the driver on simulated boards whose memory answers by errors on both channels that can, while Ctrl-C comes at any access:
what is answered must be right, always.

``python -m benchmarks.board_storm`` draws everything from ``--seed``; ``--count`` says how many images must be answered.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.figures import SEED, Figure
from benchmarks.trust_storm import emitted, model_of
from benchmarks.trust_storm_script import SHAPES
from build_flows.base.files import write_json
from build_flows.base.ui import RichUi, Ui
from build_flows.board.design import FCLK_MAX_MHZ
from build_flows.board.package import Samples, write_package
from build_flows.board.platforms import find_platform
from build_flows.board.stand_in import write_stand_in
from sim import golden
from sim.board.link import BoardJob, environment
from sim.board.model import build_board
from sim.result_word import saturate
from tests import toy

__all__ = ["NAMES", "board_storm", "main"]

ROOT = Path(__file__).parent.parent
PROGRAM = Path(__file__).with_name("board_storm_program.py")
COUNT = 100_000
POOL = 512
"""Images that a storm draws from."""
RUN = 2_500
"""Images to be answered on one board."""
TOGETHER = 2
PACES = 1, 5, 20, 100
"""Cycles that an access of the program takes: the fewer, the finer are the moments at which it can be interrupted."""
NAMES = ("arrival", "input order", "anytime", "three words an image, one inside")
"""Which of :data:`~benchmarks.trust_storm_script.SHAPES`: whatever the DMA sees differently."""
READ_ERRORS, WRITE_ERRORS = 1_500, 150
"""One beat that memory gives, and one burst that it takes, in so many is answered by an error."""


class Stormed:
    """A board of the toy accelerator ``name`` in folder ``work``, to be run many times."""

    def __init__(self, name: str, work: Path, cache: Path, seed: int) -> None:
        netlist = emitted(work / "rtl", **SHAPES[name])
        self.work, self.rtl = work, work / "rtl"
        self.model = build_board(netlist, self.rtl, cache)
        images = toy.images(POOL, classes=netlist.classes, size=netlist.input.height, seed=seed)
        exits = [golden.Exit(index=item.index, policy=item.policy, params=item.params, threshold=item.threshold, enabled=item.enabled)
                 for item in netlist.exits]
        logits, gates = model_of(netlist)(images)
        found = golden.decide(logits, exits, gates)
        confidence = saturate(found.confidence, next(item for item in netlist.result.fields if item.name == "confidence"))
        self.pool = work / "pool.npz"
        with self.pool.open("wb") as file:
            np.savez(file, allow_pickle=False, images=images, label=found.label, exit=found.exit, confidence=confidence)
        board = find_platform("pynq-z2")
        bit = write_stand_in(work, netlist, board)
        known = Samples(images=images[:8], labels=found.label[:8], expected_label=found.label[:8], expected_exit=found.exit[:8],
                        expected_confidence=confidence[:8])
        self.manifest = write_package(work / "package", netlist=netlist, board=board, bit=bit, samples=known)
        self.bit = bit.name

    def run(self, count: int, seed: int) -> dict[str, Any]:
        """What became of the images of one board."""
        plan = self.work / f"plan-{seed}.json"
        write_json(plan, {"package": str(self.work / "package"), "bit": self.bit, "pool": str(self.pool), "count": count, "seed": seed})
        job = BoardJob(model=self.model, rtl=self.rtl, accelerator_base=self.manifest.accelerator.base, built=self.manifest.clock_mhz,
                       fclk0=FCLK_MAX_MHZ, seed=seed, access_cycles=PACES[seed % len(PACES)],
                       faults={"read_errors": READ_ERRORS, "write_errors": WRITE_ERRORS})
        ran = subprocess.run([sys.executable, str(PROGRAM), str(plan)], env=os.environ | environment(job), capture_output=True, text=True,
                             check=False)
        if ran.returncode:
            last = [line for line in ran.stderr.splitlines() if line.strip()][-1:]
            return {"wrong": 1, "reasons": [f"seed {seed}: {last[0] if last else f'exit code {ran.returncode}'}"]}
        told: dict[str, Any] = json.loads(ran.stdout.splitlines()[-1])
        return told


def board_storm(ui: Ui, seed: int = SEED, *, count: int = COUNT, names: tuple[str, ...] = NAMES, cache: Path | None = None) -> Figure:
    """The figure of images through driver, DMA and accelerators in a storm: ``count`` answered, as many of each accelerator."""
    began = time.monotonic()
    each, draw = -(-count // len(names)), random.Random(seed)
    total: Counter[str] = Counter()
    with tempfile.TemporaryDirectory(prefix="storm-") as folder, ui.progress("images on boards in a storm", count) as bar:
        for number, name in enumerate(names):
            board = Stormed(name, Path(folder) / str(number), cache or ROOT / "build" / "models", seed)
            sizes = [min(RUN, each - at) for at in range(0, each, RUN)]
            with ThreadPoolExecutor(TOGETHER) as pool:
                for size, told in zip(sizes, pool.map(board.run, sizes, [draw.getrandbits(31) for _ in sizes]), strict=True):
                    bar.advance(size)
                    for reason in told.pop("reasons"):
                        ui.info(f"{name}, {reason}")
                    total.update(told)
    took = time.monotonic() - began
    return Figure(
        name="images with errors of memory on R and B, and aborts at any access", target=f"at least {COUNT:,} answered; 0 wrong",
        value=f"{total['answered']:,} answered, {total['wrong']} wrong; {total['errors']:,} transfers ended by an error, "
              f"{total['interruptions']:,} by Ctrl-C",
        met=total["answered"] >= COUNT and not total["wrong"],
        how=f"`python -m benchmarks.board_storm --seed {seed} --count {count}`, {took:.0f} s: {len(names)} toy accelerators; "
            f"{total['forgotten']:,} images forgotten in calls that were ended, all told; {total['refused']:,} accesses of GP0 to "
            "nothing, answered by DECERR; AW, W and AR carry no errors in AXI")


@click.command()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Draws images, errors and interruptions.")
@click.option("--count", type=click.IntRange(1), default=COUNT, show_default=True, help="How many images are to be answered.")
def main(seed: int, count: int) -> None:
    """Classify images on simulated boards in a storm of errors and interruptions; exit code 1 when an answer is wrong."""
    from rich.console import Console

    figure = board_storm(RichUi(Console(file=sys.stderr)), seed, count=count)
    click.echo(f"{figure.name}: {figure.value} ({figure.how})")
    sys.exit(0 if figure.met else 1)


if __name__ == "__main__":
    main()
