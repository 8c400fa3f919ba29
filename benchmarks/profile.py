"""Where the accuracy of an imported network goes, and whether it is there: ``python -m benchmarks.profile`` writes ``docs/profile.md``.

A float b_lenet is trained shortly, imported to 4 bits without fine-tuning and profiled. The quantisers that the profile names are then
given 8 bits, and nothing else; and, beside that, all those that it does not name. Chosen by validation images, measured on test images.
"""

import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np
import tomli_w

from benchmarks.figures import SEED, machine
from benchmarks.tables import fill, table
from build_flows.base.files import write_json, write_text
from build_flows.base.interval import Difference, paired
from build_flows.base.ui import RichUi, Ui
from build_flows.pages.html import share_told
from build_flows.pages.profile_words import Part, advice, change, costliest, parts
from build_flows.project.load import Project, load
from build_flows.steps import flow
from build_flows.steps.data import project_dataset

if TYPE_CHECKING:
    from quant_models.judge.profile_records import ProfileFile

__all__ = ["WRITER", "Row", "layer_bits", "named", "profiled", "text", "unnamed"]

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "profile.md"
DATA = ROOT / "docs" / "profile_benchmark.json"
WORK = ROOT / "build" / "profile"
WRITER = "benchmarks.profile"
EPOCHS = 3
BITS, WIDE = 4, 8

Bits = dict[str, dict[str, int]]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A variant of the network: what has 8 bits, in words, and which test images its last exit gets ``right`` (bool ``[n]``)."""

    name: str
    right: np.ndarray

    def below(self, other: "Row") -> Difference:
        """How much less accurate it is than ``other``, image by image."""
        return paired(other.right, self.right)


def named(found: "ProfileFile") -> list[Part]:
    """The quantisers that alone cost the last exit something for certain, the costliest first."""
    return costliest(found, len(found.accuracy) - 1)


def unnamed(found: "ProfileFile", chosen: Sequence[Part]) -> list[Part]:
    """The quantisers of fewer than 8 bits that the last exit depends on and that are not ``chosen``."""
    last = len(found.accuracy) - 1
    heads = tuple(f"head{k}_" for k in range(last))
    taken = {(part.unit.name, part.what) for part in chosen}
    return [part for part in parts(found) if part.bits < WIDE and not part.unit.name.startswith(heads)
            and (part.unit.name, part.what) not in taken]


def layer_bits(chosen: Sequence[Part]) -> Bits:
    """``model.layer_bits`` that gives them 8 bits."""
    found: Bits = {}
    for part in chosen:
        found.setdefault(part.unit.name, {})["weight" if part.what == "weight" else "act"] = WIDE
    return found


def _config(name: str, weights: Path, bits: Mapping[str, object]) -> str:
    return tomli_w.dumps({
        "project": {"name": name, "output": name}, "data": {"name": "fashion-mnist"},
        "model": {"preset": "b_lenet", "weight_bits": BITS, "act_bits": BITS, **({"layer_bits": bits} if bits else {})},
        "train": {"scheme": "import", "seed": SEED, "threads": 1},
        "import": {"weights": str(weights), "divisor": 256, "fine_tune": 0}, "calibrate": {"shares": [0.7]},
        "exits": [{"policy": "softmax"}, {"policy": "always"}],
    })


def _project(name: str, weights: Path, bits: Mapping[str, object]) -> Project:
    file = WORK / f"{name}.toml"
    write_text(file, _config(name, weights, bits))
    return load(file)


def _float(weights: Path, project: Project, ui: Ui) -> None:
    """A float b_lenet in the file ``weights``, unless it is there."""
    from quant_models.bring.float_net import train_float
    from quant_models.networks.presets import preset
    from quant_models.training.train import TrainSettings

    if weights.is_file():
        return
    ui.info(f"training b_lenet in float, {EPOCHS} epochs")
    data = project_dataset(project)
    settings = TrainSettings(epochs=EPOCHS, seed=SEED, validation=project.config.data.validation, flip=True)
    train_float(preset("b_lenet", BITS, BITS, data.classes, data.shape), data, settings, weights)


def _float_right(weights: Path, project: Project) -> np.ndarray:
    from safetensors.torch import load_file

    from quant_models.bring.float_net import FloatNet
    from quant_models.networks.presets import preset

    data = project_dataset(project)
    model = FloatNet(preset("b_lenet", BITS, BITS, data.classes, data.shape))
    model.load_state_dict(load_file(weights))
    return _right(model, project)


def _right(model: object, project: Project) -> np.ndarray:
    """Which test images the last exit of ``model`` gets right."""
    import torch

    from quant_models.integers.view import frozen
    from quant_models.networks.net import MultiExitNet
    from quant_models.training.evaluate import images_of

    assert isinstance(model, MultiExitNet)
    data = project_dataset(project)
    with frozen(model):
        found = [model(x.to(torch.float32) / 256)[-1].argmax(1) for x in images_of(data.x_test).split(500)]
    right: np.ndarray = torch.cat(found).numpy() == data.y_test
    return right


def _variant(name: str, bits: Bits, weights: Path, ui: Ui) -> np.ndarray:
    from quant_models.networks.checkpoint import load_model

    project = _project(name, weights, bits)
    flow.train(project, ui)
    return _right(load_model(project.output / "checkpoint.safetensors"), project)


def text(found: "ProfileFile", rows: Sequence[Row], seconds: float) -> str:
    """What goes into the page: the costs that the profile found, its advice, and what became of the last exit; ``rows`` begin with the
    float network and the one of 4 bits throughout."""
    last = len(found.accuracy) - 1
    costs = [(f"`{part.unit.name}`", "weights" if part.what == "weight" else "activations", str(part.bits), *_cost(found, part))
             for part in sorted(parts(found), key=lambda part: part.costs[last].gained - part.costs[last].lost) if part.costs[last].lost]
    float_row, narrow, *_ = rows
    whole = narrow.below(float_row).value
    lines = []
    for row in rows:
        below = row.below(float_row)
        back = "-" if row in (float_row, narrow) or whole <= 0 else f"{100 * (1 - below.value / whole):.0f} %"
        lines.append((row.name, share_told(float(row.right.mean()), len(row.right)), "-" if row is float_row else _points(below), back))
    return (
        f"{machine()}; seed {SEED}; profiled on {found.samples:,} validation images in {seconds:.0f} s.\n\n"
        + table(("layer", "of its", "bits", *(f"exit {k}: points it alone costs (95 %)" for k in range(last + 1))), costs)
        + f"\nThe line that `offramp profile` prints: *{advice(found)}*\n\n"
        + table(("b_lenet, imported, no fine-tuning", f"last exit, {len(float_row.right):,} test images (95 %)",
                 "points below float (95 %)", "of what 4 bits cost, back"), lines)
    )


def _cost(found: "ProfileFile", part: Part) -> list[str]:
    return [_points(change(item, found.samples)) for item in part.costs]


def _points(item: Difference) -> str:
    return f"{100 * item.value:.2f} ({100 * item.low:.2f} to {100 * item.high:.2f})"


def measure(ui: Ui) -> tuple["ProfileFile", list[Row], float]:
    """The profile, the variants, and the seconds that profiling took."""
    weights = WORK / "float.safetensors"
    WORK.mkdir(parents=True, exist_ok=True)
    if not weights.is_file():
        # The data set is opened by a configuration, which wants a file of weights.
        write_text(WORK / "data.toml", _config("data", weights, {}).replace(f'weights = "{weights}"', "").replace('"import"', '"joint"'))
        _float(weights, load(WORK / "data.toml"), ui)
    narrow = _project("narrow", weights, {})
    flow.train(narrow, ui)
    started = time.monotonic()
    found = flow.profile(narrow, ui)
    seconds = time.monotonic() - started
    chosen = named(found)
    others = unnamed(found, chosen)
    told = ", ".join(f"{part.unit.name} {'weights' if part.what == 'weight' else 'activations'}" for part in chosen)
    rows = [Row(name="float", right=_float_right(weights, narrow)), Row(name="4 bits", right=_variant("narrow", {}, weights, ui))]
    for name, words, some in (
        ("first", "8 bits for the costliest alone", chosen[:1]), ("named", f"8 bits for those that the profile names ({told})", chosen),
        ("others", f"8 bits for all others ({len(others)}), not for those", others), ("all", "8 bits for both", [*chosen, *others]),
    ):
        rows.append(Row(name=words, right=_variant(name, layer_bits(some), weights, ui)))
    return found, rows, seconds


def profiled(ui: Ui) -> str:
    """Measure and write docs/profile.md and docs/profile_benchmark.json; gives what went into the page."""
    found, rows, seconds = measure(ui)
    part = text(found, rows, seconds)
    write_text(PAGE, fill(PAGE.read_text(encoding="utf-8"), {"profile": part}, WRITER))
    write_json(DATA, {
        "version": 1, "machine": machine(), "seed": SEED, "epochs": EPOCHS, "profile": found.to_json(), "advice": advice(found),
        "seconds": seconds, "accuracy": {row.name: float(row.right.mean()) for row in rows}, "test": len(rows[0].right),
    })
    return part


@click.command()
def main() -> None:
    """Measure and write docs/profile.md and docs/profile_benchmark.json."""
    from rich.console import Console

    click.echo(profiled(RichUi(Console(file=sys.stderr))))


if __name__ == "__main__":
    main()
