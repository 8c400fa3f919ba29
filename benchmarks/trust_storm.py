"""Images through whole accelerators in Verilator under random stalls, resets and register writes: each must be answered once and right, or
be forgotten by a reset that may do so.

``python -m benchmarks.trust_storm`` draws everything from ``--seed``; ``--count`` says how many images.
"""

import random
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import click
from amaranth.back import verilog
from amaranth.hdl import UnusedElaboratable

from benchmarks.figures import SEED, Figure
from benchmarks.trust_storm_script import SHAPES, Values, script
from build_flows.base.ui import RichUi, Ui
from hw.accelerator import Accelerator
from hw.netlist import Netlist
from sim.accelerator.ledger import Ledger, Model, audit
from sim.accelerator.rulings import Pool
from sim.accelerator.traffic import Traffic
from sim.errors import SimulationError
from tests import toy

__all__ = ["emitted", "main", "model_of", "storm", "trust_storm"]

ROOT = Path(__file__).parent.parent
COUNT = 1_000_000
POOL = 512
"""Images that a storm draws from."""
RUN = 25_000
"""Images in a run; each is judged by itself."""
TOGETHER = 2


def emitted(folder: Path, **shape: Any) -> Netlist:
    """The netlist of a toy accelerator, its Verilog in ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    netlist = toy.build(folder, **shape)
    text = verilog.convert(Accelerator(netlist), name="accelerator", emit_src=False, strip_internal_attrs=True)
    (folder / "accelerator.v").write_text(text, encoding="utf-8")
    (folder / "filelist.f").write_text("".join(f"{path.name}\n" for path in sorted(folder.glob("*.v"))), encoding="utf-8")
    return netlist


def model_of(netlist: Netlist) -> Model:
    """What a toy's layers make of images."""
    gated = [item.index for item in netlist.exits if item.policy == "gate"]
    return lambda images: (toy.logits(images, netlist), {index: toy.gates(images) for index in gated})


def storm(traffic: Traffic, count: int, seed: int, work: Path) -> Ledger:
    """A run of at least ``count`` images, in folder ``work``; what the model of the ports complains of is wrong too."""
    netlist = traffic.netlist
    images = toy.images(POOL, classes=netlist.classes, size=netlist.input.height, seed=seed)
    model = model_of(netlist)
    values = Values.of(netlist, Pool(netlist, *model(images)), *([(300, 700, 900)] if netlist.result.bits == 32 and seed % 2 else []))
    try:
        log = traffic.run(images, script(values, count, seed), work=work, seed=seed, power_up=seed)
    except SimulationError as error:
        return Ledger(wrong=1, reasons=[str(error)])
    return audit(netlist, log, images, model)


def trust_storm(ui: Ui, seed: int = SEED, *, count: int = COUNT, only: Sequence[str] = ()) -> list[Figure]:
    """The figure of images under a storm: ``count`` of them, as many of each accelerator (of those in ``only``, where that is given)."""
    # Units are asked for the ranges of their thresholds alone.
    warnings.simplefilter("ignore", UnusedElaboratable)
    began = time.monotonic()
    names = [name for name in SHAPES if not only or name in only]
    total, draw = Ledger(), random.Random(seed)
    each = -(-count // len(names))
    with tempfile.TemporaryDirectory(prefix="trust-") as folder, ui.progress("images under a storm", count) as bar:
        for number, name in enumerate(names):
            netlist = emitted(Path(folder) / str(number), **SHAPES[name])
            traffic = Traffic(netlist, Path(folder) / str(number), ROOT / "build" / "models")
            sizes = [min(RUN, each - at) for at in range(0, each, RUN)]
            seeds = [draw.getrandbits(31) for _ in sizes]
            with ThreadPoolExecutor(TOGETHER) as pool:
                runs = pool.map(storm, [traffic] * len(sizes), sizes, seeds, [Path(folder) / f"{number}-{at}" for at in range(len(sizes))])
                for size, its, book in zip(sizes, seeds, runs, strict=True):
                    bar.advance(size)
                    for reason in book.reasons:
                        ui.info(f"{name}, seed {its}: {reason}")
                    total.add(book)
    took = time.monotonic() - began
    how = (f"`python -m benchmarks.trust_storm --seed {seed} --count {count}`, {took:.0f} s: {len(names)} accelerators, {total.cycles:,} "
           f"cycles, {total.resets:,} resets, {total.writes:,} writes, {total.readings:,} reads; {total.answered:,} images answered, "
           f"{total.forgotten:,} forgotten in resets ({total.withdrawn:,} of them on offer, taken back where that is allowed); one rule "
           f"alone in force for {total.exact:,} of {total.decisions:,} decisions")
    return [Figure(
        name="images through RTL under random stalls, resets, register writes", target=f"at least {COUNT:,}; 0 lost, doubled or wrong",
        value=f"{total.sent:,}; {total.lost} lost, {total.doubled} doubled, {total.wrong} wrong",
        met=total.sent >= COUNT and total.clean, how=how)]


@click.command()
@click.option("--seed", type=int, default=SEED, show_default=True, help="Draws images and events.")
@click.option("--count", type=click.IntRange(1), default=COUNT, show_default=True, help="How many images.")
@click.option("--only", multiple=True, type=click.Choice(list(SHAPES)), help="Only this accelerator (several times).")
def main(seed: int, count: int, only: tuple[str, ...]) -> None:
    """Send images through accelerators under a storm of stalls, resets and writes; exit code 1 when one is lost, doubled or wrong."""
    from rich.console import Console

    figures = trust_storm(RichUi(Console(file=sys.stderr)), seed, count=count, only=only)
    for figure in figures:
        click.echo(f"{figure.name}: {figure.value} ({figure.how})")
    sys.exit(0 if all(figure.met for figure in figures) else 1)


if __name__ == "__main__":
    main()
