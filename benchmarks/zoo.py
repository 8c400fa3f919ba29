"""A zoo of small networks and files, each equal in integers to what Brevitas or qonnx makes of it, or refused in a line that names a node:
``python -m benchmarks.zoo`` writes ``docs/zoo.md``; with ``--rtl`` it builds them too, and runs their RTL with stalls.
"""

import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click
import numpy as np
import tomli_w

from benchmarks.figures import machine
from benchmarks.tables import fill, table
from benchmarks.zoo_files import FILES, made
from benchmarks.zoo_modules import CLASSES, MODULES, SHAPE, settled
from build_flows.artefacts.own_layers import OwnNetwork, write_golden
from build_flows.base.errors import OfframpError
from build_flows.base.files import read_json, write_json, write_text
from build_flows.base.ui import RichUi, SilentUi, Ui

__all__ = ["WRITER", "Found", "config", "look", "names", "prepare", "rtl", "text", "zoo"]

ROOT = Path(__file__).parent.parent
PAGE, DATA = ROOT / "docs" / "zoo.md", ROOT / "docs" / "zoo.json"
WORK = ROOT / "build" / "zoo"
WRITER = "benchmarks.zoo"
IMAGES, EXECUTED, SIMULATED = 64, 12, 60
STALL, SEED = 0.2, 3
EQUAL, REFUSED, WRONG = "equal", "refused", "WRONG"

NAMED = {
    "tanh": "Tanh /onward/onward.1/", "sigmoid at the ends": "Sigmoid /Sigmoid", "instance norm": "InstanceNormalization /onward/onward.1/",
    "no quantiser between two convolutions": "Conv /onward/onward.0/", "transposed convolution": "ConvTranspose /onward/onward.0/",
    "float weights": "Conv /onward/onward.0/", "skip of another scale": "Scaling factors are different", "file: Erf": "my_Erf",
    "upsampling between pixels": "Resize /onward/onward.1/", "upsampling by one and a half": "Resize /onward/onward.1/",
    "file: Softplus at an end": "my_Softplus", "file: logits used further": "my_Relu",
    "quantised logits": "output exit0 is quantised", "batch norm behind the logits": "BatchNormalization /early/early.1/",
    "batch norm of a vector": "BatchNormalization /onward/onward.1/",
}
"""What the line that refuses a network must hold: its node; or Brevitas' own words, where the module does not even run."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What became of the network ``name``, of the ``row`` of what people bring: its ``state``, ``told`` in a line, and how it came (a
    ``module`` or a "file"). ``rtl`` says how many of how many results of the RTL are right (None: not built)."""

    name: str
    kind: str
    row: str
    state: str
    told: str
    rtl: str | None = None

    @property
    def good(self) -> bool:
        """Whether it is as it must be: equal; or refused with its node named."""
        if self.row == "refused":
            return self.state == REFUSED and NAMED[self.name] in self.told
        return self.state == EQUAL or (self.row == "open" and self.state == REFUSED)


def names() -> dict[str, tuple[str, str]]:
    """Kind and row of every network, by name."""
    return {name: ("module", row) for name, (row, _) in MODULES.items()} | {name: ("file", row) for name, (row, *_) in FILES.items()}


def _images(count: int) -> np.ndarray:
    found: np.ndarray = np.random.default_rng(SEED).integers(0, 256, (count, *SHAPE), dtype=np.uint8)
    return found


def look(name: str, folder: Path) -> Found:
    """Read the network called ``name`` and compare it on random images; ``folder`` is for its files."""
    from build_flows.finn_bridge.errors import CompileError
    from build_flows.steps.own import compare_float
    from quant_models.errors import QuantModelError
    from sim import golden

    kind, row = names()[name]
    try:
        network, logits, by = _module(name, folder) if kind == "module" else _file(name, folder)
        write_golden(network, "zoo", folder / "golden.npz")
        loose = compare_float(network, golden.load(folder / "golden.npz"), _images(len(logits[0])), logits, by)
    except (CompileError, QuantModelError) as error:
        return Found(name=name, kind=kind, row=row, state=REFUSED, told=" ".join(str(error).split()))
    except OfframpError as error:
        return Found(name=name, kind=kind, row=row, state=WRONG, told=error.message)
    notes = "; ".join(network.notes)
    boundary = f"; {loose} on a rounding boundary" if loose else ""
    return Found(name=name, kind=kind, row=row, state=EQUAL, told=f"{len(logits[0])} images, {by}{boundary}{f'; {notes}' if notes else ''}")


def _module(name: str, folder: Path) -> tuple[OwnNetwork, Sequence[np.ndarray], str]:
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from quant_models.bring.own import export_own, float_logits

    module = settled(name)
    export_own(module, SHAPE, folder / "net.onnx")
    network = read_qonnx(folder / "net.onnx")
    found = float_logits(module, _images(IMAGES), network.fed, bare=network.cut)
    return network, [found[place] for place in network.places], "Brevitas"


def _file(name: str, folder: Path) -> tuple[OwnNetwork, Sequence[np.ndarray], str]:
    from build_flows.finn_bridge.read_qonnx import read_qonnx
    from build_flows.finn_bridge.run_qonnx import run_qonnx

    made(name, folder / "net.onnx")
    network = read_qonnx(folder / "net.onnx")
    return network, run_qonnx(folder / "net.onnx", _images(EXECUTED), network.fed, channels_last=network.channels_last), "qonnx"


def rtl(name: str, folder: Path, ui: Ui) -> str:
    """Compile the network called ``name`` in ``folder`` and simulate it with stalls: how many results are the golden model's, of how many.

    FINN's own execution is compared on the way. Raises :class:`OfframpError` where something differs or cannot be built.
    """
    from build_flows.project.load import load
    from build_flows.steps import flow

    write_text(folder / "config.toml", tomli_w.dumps(config(prepare(name, folder, SIMULATED))))
    figures = flow.simulate(load(folder / "config.toml"), ui, samples=SIMULATED, stall=STALL, seed=SEED)
    return f"{figures.agree} of {figures.samples}"


def prepare(name: str, folder: Path, count: int) -> int:
    """Write ``net.onnx`` of the network called ``name`` and ``images.npz``, with ``count`` random test images, into ``folder``; the number
    of its exits."""
    from build_flows.finn_bridge.read_qonnx import read_qonnx

    folder.mkdir(parents=True, exist_ok=True)
    if names()[name][0] == "module":
        _module(name, folder)
    else:
        made(name, folder / "net.onnx")
    x = _images(240 + count)
    y = np.arange(len(x)) % CLASSES
    np.savez(folder / "images.npz", x_train=x[count:], y_train=y[count:], x_test=x[:count], y_test=y[:count])
    return len(read_qonnx(folder / "net.onnx").heads)


def config(exits: int) -> dict[str, Any]:
    """The configuration of a network of so many ``exits``, ``net.onnx``, with its images in ``images.npz``."""
    return {
        "project": {"name": "zoo"}, "data": {"name": "npz", "path": "images.npz", "validation": 0.3}, "model": {"qonnx": "net.onnx"},
        "exits": [*[{"policy": "max_logit"}] * (exits - 1), {"policy": "always"}],
        "calibrate": {"shares": [0.4 / (exits - 1)] * (exits - 1)},
        "target": {"cycles_per_sample": 400, "hard_share": [0.5] * (exits - 1)}, "simulate": {"finn_images": 4},
    }


def text(found: Sequence[Found], seconds: float) -> str:
    """What goes into the page."""
    equal, refused = (sum(item.state == state for item in found) for state in (EQUAL, REFUSED))
    wrong = [item.name for item in found if not item.good]
    told = f"not as they must be: {', '.join(wrong)}" if wrong else "all as they must be"
    built = [item for item in found if item.rtl is not None]
    rows = [(item.name, item.kind, item.row, item.state, item.rtl or "-", item.told) for item in found]
    return (f"{len(found)} networks: {equal} equal, {refused} refused; {told}. RTL with stalls: {len(built)} of them. {seconds:.0f} s; "
            f"{machine()}.\n\n{table(('network', 'came as', 'row', '', 'RTL', 'compared on, or what is told'), rows)}")


def _kept() -> dict[str, str]:
    """What was built before, by name."""
    return {row["name"]: row["rtl"] for row in read_json(DATA)["networks"] if row["rtl"]} if DATA.is_file() else {}


def zoo(ui: Ui, *, build: bool = False, only: Sequence[str] = ()) -> tuple[str, bool]:
    """Look at every network and write docs/zoo.md and docs/zoo.json; ``build`` those that are equal, and whose names are in ``only`` (none:
    all), too. Gives what went into the page, and whether all are as they must be."""
    warnings.filterwarnings("ignore")
    kept = _kept()
    started, rows = time.monotonic(), list[Found]()
    for name in names():
        with tempfile.TemporaryDirectory(prefix="offramp-") as folder:
            item = look(name, Path(folder))
        ui.info(f"{item.state:8} {name}: {item.told}")
        rows.append(item)
    seconds = time.monotonic() - started
    for index, item in enumerate(rows):
        result = kept.get(item.name)
        if build and item.state == EQUAL and (not only or item.name in only):
            try:
                result = rtl(item.name, WORK / item.name.replace(" ", "_").replace("/", "_"), SilentUi())
            except OfframpError as error:
                result = f"NOT BUILT: {error.message}"
            ui.info(f"RTL {item.name}: {result}")
        rows[index] = Found(**{**asdict(item), "rtl": result if item.state == EQUAL else None})
    part = text(rows, seconds)
    write_text(PAGE, fill(PAGE.read_text(encoding="utf-8"), {"zoo": part}, WRITER))
    write_json(DATA, {"version": 1, "machine": machine(), "seconds": seconds, "networks": [asdict(item) for item in rows]})
    return part, all(item.good for item in rows)


@click.command()
@click.option("--rtl", "build", is_flag=True, help="Compile and simulate those that are equal, too (a minute or two each).")
@click.option("--only", multiple=True, metavar="NAME", help="With --rtl: build only these; figures of others are kept.")
def main(build: bool, only: tuple[str, ...]) -> None:
    """Look at every network of the zoo and write docs/zoo.md and docs/zoo.json; fails when one is not as it must be."""
    from rich.console import Console

    part, good = zoo(RichUi(Console(file=sys.stderr)), build=build, only=only)
    click.echo(part)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
