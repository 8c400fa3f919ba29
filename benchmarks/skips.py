"""FIFOs of skips in the networks of the zoo: what the rule asks of each, how deep it is built, the least depth that keeps the rate, and
that none is stuck over many stalled samples: ``python -m benchmarks.skips`` writes a part of ``docs/zoo.md``.

Of each network the stages are simulated alone, as when it is compiled, with one FIFO less deep and all others as they are built; and the
whole accelerator with random stalls on its input and output, every result compared with the golden model's.
"""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import tomli_w
from amaranth.back import verilog

from benchmarks.figures import machine
from benchmarks.tables import fill, table
from benchmarks.zoo import DATA as ZOO
from benchmarks.zoo import PAGE, config, names, prepare
from build_flows.artefacts.sizing import SizingFile
from build_flows.base.errors import OfframpError
from build_flows.base.files import read_json, write_json, write_text
from build_flows.base.ui import RichUi, SilentUi, Ui
from build_flows.planning.fifo_sizing import SMALLEST, holds
from build_flows.planning.skip_rule import skip_streams
from hw.netlist import Netlist
from hw.netlist import load as load_netlist
from hw.stage_probe import StageProbe
from sim.accelerator.probe import VerilatedProbe, build_probe

__all__ = ["WRITER", "Network", "Skip", "least_depth", "measured", "skips", "text"]

WRITER = "benchmarks.skips"
DATA = ZOO.parent / "skips.json"
WORK = ZOO.parent.parent / "build" / "skips"
SAMPLES, TOTAL, STALL, SEED = 8000, 100_000, 0.3, 7
"""Stalled samples of each network, and wanted of all together; the share of cycles that either side stalls."""
NEAR = 1.1
"""What is built may be so many times the least depth; a beat more counts as none."""


@dataclass(frozen=True, kw_only=True)
class Skip:
    """A FIFO between a fork and where its paths join, in the stream ``name``, in beats: what the ``rule`` asks (0: nothing), how deep it is
    ``built``, and the ``least`` depth that keeps its stage's rate."""

    name: str
    rule: int
    built: int
    least: int

    @property
    def near(self) -> bool:
        """Whether no more is built than a tenth above the larger of what the rate and the rule need."""
        return self.built <= max(NEAR * max(self.least, self.rule), max(self.least, self.rule) + 1)


@dataclass(frozen=True, kw_only=True)
class Network:
    """The ``skips`` of the network ``name``, and how many of its ``samples`` with stalls had the ``right`` result."""

    name: str
    skips: tuple[Skip, ...]
    samples: int
    right: int


def least_depth(keeps: Callable[[int], bool], built: int) -> int:
    """The least depth, from that which passes a beat every cycle up to ``built``, for which ``keeps`` is true, as it is for ``built`` and
    from there on."""
    low, high = SMALLEST - 1, built
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


def measured(folder: Path, cache: Path) -> tuple[Skip, ...]:
    """The skips of the accelerator whose ``netlist.json``, ``sizing.json`` and ``rtl/`` are in ``folder``; models are kept in ``cache``."""
    netlist, sizing = load_netlist((folder / "netlist.json").read_text(encoding="utf-8")), SizingFile.load(folder / "sizing.json")
    names = skip_streams(netlist)
    if not names:
        return ()
    depths = {name: item.depth for name, item in sizing.fifos.items()}
    most = {item.index: item.interval for item in sizing.stages}
    harness, text = StageProbe(netlist), folder / "stage_probe.v"
    write_text(text, str(verilog.convert(harness, name="stage_probe", emit_src=False, strip_internal_attrs=True)))
    listed = (folder / "rtl" / "filelist.f").read_text(encoding="utf-8").split()
    sources = [*(folder / "rtl" / name for name in listed if name != "accelerator.v"), text]
    with VerilatedProbe(build_probe(sources, (), ("*",), cache), folder / "rtl") as probe:

        def keeps(name: str) -> Callable[[int], bool]:
            stage = _stage(netlist, name)
            return lambda depth: holds(netlist, harness, probe, stage, {**depths, name: depth}, most[stage])

        return tuple(Skip(name=name, rule=sizing.fifos[name].rule or 0, built=depths[name], least=least_depth(keeps(name), depths[name]))
                     for name in sorted(names))


def _stage(netlist: Netlist, name: str) -> int:
    return netlist.layer(next(item for item in netlist.streams if item.name == name).src[0]).stage


def _network(name: str, ui: Ui) -> Network:
    """Build the network called ``name`` of the zoo and measure it; raises :class:`OfframpError` where a result is wrong or none comes."""
    from build_flows.project.load import load
    from build_flows.steps import flow

    folder = WORK / name.replace(" ", "_").replace(",", "")
    exits = prepare(name, folder, SAMPLES)
    write_text(folder / "config.toml", tomli_w.dumps(config(exits)))
    figures = flow.simulate(load(folder / "config.toml"), ui, samples=SAMPLES, stall=STALL, seed=SEED)
    built = next((folder / "build").glob("*/netlist.json")).parent
    return Network(name=name, skips=measured(built, WORK / ".models"), samples=figures.samples, right=figures.agree)


def text(found: Sequence[Network]) -> str:
    """What goes into the page."""
    every = [item for network in found for item in network.skips]
    samples, right = sum(network.samples for network in found), sum(network.right for network in found)
    ruled = [item for item in every if item.rule > item.least]
    rate = [item for item in every if item.rule <= item.least]
    told = [
        f"{len(every)} FIFOs between forks and joins in {len(found)} networks; {sum(item.rule <= item.built for item in every)} are as "
        "deep as the rule asks.",
        f"{right:,} of {samples:,} samples with stalls on both sides have the golden model's result (wanted: {TOTAL:,}).",
        f"Of {len(rate)} whose depth the rate sets, {sum(item.near for item in rate)} are within 10 % (or a beat) of the least that keeps "
        "it; "
        f"of {len(ruled)} the rule asks more than the rate, and {sum(item.near for item in ruled)} are within 10 % (or a beat) of that.",
    ]
    rows = [(network.name, item.name, str(item.rule), str(item.least), str(item.built)) for network in found for item in network.skips]
    return f"{' '.join(told)} {machine()}.\n\n{table(('network', 'stream', 'rule', 'least for the rate', 'built'), rows)}"


def _kept() -> dict[str, Network]:
    """What was measured before, by name."""
    rows = read_json(DATA)["networks"] if DATA.is_file() else []
    return {row["name"]: Network(**{**row, "skips": tuple(Skip(**item) for item in row["skips"])}) for row in rows}


def skips(ui: Ui, only: Sequence[str] = ()) -> str:
    """Measure the networks of the zoo whose paths fork (of those ``only`` the named, where there are names; others stay as they were) and
    write the part of docs/zoo.md, and docs/skips.json; gives what went into the page."""
    graphs = [name for name, (kind, row) in names().items() if kind == "module" and row == "graphs"]
    found = _kept()
    for name in only or graphs:
        started = time.monotonic()
        found[name] = _network(name, SilentUi())
        ui.info(f"{name}: {len(found[name].skips)} skips, {found[name].right} of {found[name].samples}, {time.monotonic() - started:.0f} s")
        rows = [found[item] for item in graphs if item in found]
        write_json(DATA, {"version": 1, "machine": machine(), "networks": [asdict(item) for item in rows]})
        write_text(PAGE, fill(PAGE.read_text(encoding="utf-8"), {"skips": text(rows)}, WRITER))
    return text([found[item] for item in graphs if item in found])


@click.command()
@click.argument("only", nargs=-1, metavar="[NAME]...")
def main(only: tuple[str, ...]) -> None:
    """Measure the FIFOs of skips in the networks of the zoo that fork, NAMEs or all, and write docs/zoo.md and docs/skips.json."""
    from rich.console import Console

    try:
        click.echo(skips(RichUi(Console(file=sys.stderr)), only))
    except OfframpError as error:
        raise click.ClickException(error.message) from error


if __name__ == "__main__":
    main()
