"""``evaluation.html``: what the exits of a network are worth, in one file that needs nothing else."""

import base64
import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from build_flows.artefacts.evaluation import Corruptions, EvaluationFile
from build_flows.base.files import write_bytes, write_text
from build_flows.base.interval import wilson
from build_flows.pages import evaluate_plots, html
from build_flows.pages.html import number, percent, share_told
from quant_models.judge.records import Curve, CurvePoint

__all__ = ["render", "summary", "widest", "write_files"]

__sources__ = ("templates/evaluate.html.j2", "templates/wide.html.j2")

MOST_CLASSES = 20
"""With more classes confusion is a list of the commonest, not a square."""
LISTED = 15
SIDE = 72
"""A picture's longer side on the page, in pixels, at least."""

@dataclass(frozen=True)
class Best:
    """The cheapest ``point`` of a policy's curve that is no less accurate than the last exit alone less half a point, if there is one."""

    policy: str
    point: CurvePoint | None


@dataclass(frozen=True)
class Cell:
    """A cell of a confusion: how many, and the share of its class, in whole percent."""

    count: int
    shade: int


@dataclass(frozen=True)
class Mistake:
    """Samples of class ``label`` that were taken for ``predicted``."""

    label: str
    predicted: str
    count: int


@dataclass(frozen=True)
class Confusion:
    """By label the counts of each class, and the ``commonest`` mistakes."""

    rows: list[list[Cell]]
    commonest: list[Mistake]


@dataclass(frozen=True)
class Shown:
    """An image as a data URI, with its size on the page in pixels."""

    uri: str
    width: int
    height: int


def render(found: EvaluationFile, images: np.ndarray) -> str:
    """The page on ``found`` as one HTML document; the same data give the same bytes.

    ``images`` are the test images ``found.shown``, uint8 ``[n, height, width, channels]``.
    """
    names = found.names or [str(k) for k in range(len(found.exits[0].confusion))]
    return html.render(
        "evaluate.html.j2", found=found, names=names, summary=summary(found),
        plots={name: html.markup(evaluate_plots.svg(name, found)) for name in _plots(found)},
        pictures={index: _picture(image) for index, image in zip(found.shown, images, strict=True)},
        confusions=[_confusion(row.confusion, names) for row in found.exits], square=len(names) <= MOST_CLASSES,
        best=[_best(curve, found) for curve in found.curves], share_told=share_told, widest=100 * widest(found.corruptions),
    )


def write_files(found: EvaluationFile, images: np.ndarray, folder: Path) -> None:
    """Write ``evaluation.json``, ``evaluation.html`` and the folder ``evaluation`` of plots (PNG and SVG) into ``folder``."""
    found.save(folder / "evaluation.json")
    write_text(folder / "evaluation.html", render(found, images))
    for name in _plots(found):
        for suffix, data in evaluate_plots.files(name, found).items():
            write_bytes(folder / "evaluation" / f"{name}.{suffix}", data)


def _plots(found: EvaluationFile) -> list[str]:
    there = {"curves": bool(found.curves), "slowdown": found.slowdown is not None}
    return [name for name in evaluate_plots.PLOTS if there.get(name, True)]


def summary(found: EvaluationFile) -> list[str]:
    """What was found, in sentences made from the figures alone."""
    here, alone = found.operating, found.last_alone
    lines = [
        f"At the thresholds in use {share_told(here.accuracy, found.samples.test)} of {found.samples.test:,} test images are right, "
        f"{_points(here.accuracy - alone.accuracy)} the last exit alone ({percent(alone.accuracy, 2)}), "
        f"for {percent(here.macs / alone.macs)} of its MACs and {percent(here.bitops / alone.bitops)} of its bit operations; "
        f"{percent(1 - here.shares[-1])} of the images leave early."
    ]
    if found.measured_cycles is not None:
        lines.append(f"In the RTL they take {number(found.measured_cycles)} cycles a sample, measured; with all early exits off the "
                     f"same hardware is predicted to take {number(alone.cycles)}.")
    over = found.overthinking
    if over.exits:
        lines.append(f"Overthinking: {percent(over.destructive, 2)} of the images are right at an early exit, wrong at the last one; "
                     f"always leaving at the right exit would give {percent(over.any, 2)}.")
    worst = min(found.corruptions.kinds, key=lambda kind: kind.strengths[3].accuracy)
    lines.append(f"Of the corruptions at middle strength, {worst.name.replace('_', ' ')} costs most: accuracy "
                 f"{percent(worst.strengths[0].accuracy)} to {percent(worst.strengths[3].accuracy)}.")
    slow = found.slowdown
    if slow is None:
        return lines
    lines.append(f"An attack on the exits (every pixel changed by at most {slow.eps} of 255) raises the mean MACs of "
                 f"{slow.samples:,} validation images by {percent(slow.macs_rise)}.")
    if slow.rtl is not None:
        told = "never slower than all-hard images" if slow.rtl.holds else "SLOWER than all-hard images"
        lines.append(f"In the RTL these take {number(slow.rtl.attacked)} cycles a sample instead of {number(slow.rtl.clean)}: {told} "
                     f"({number(slow.rtl.all_hard)}).")
    return lines


def widest(found: Corruptions) -> float:
    """The farthest that the end of a 95 % interval lies from the accuracy told, 0 to 1, of all corruptions and strengths."""
    told = {row.accuracy for kind in found.kinds for row in kind.strengths}
    return max(max(high - share, share - low) for share in told for low, high in [wilson(share, found.samples)])


def _best(curve: Curve, found: EvaluationFile) -> Best:
    good = [row for row in curve.points if row.accuracy >= found.last_alone.accuracy - 0.005]
    return Best(curve.policy, min(good, key=lambda row: row.macs) if good else None)


def _confusion(counts: list[list[int]], names: list[str]) -> Confusion:
    rows = []
    for row in counts:
        total = sum(row) or 1
        rows.append([Cell(item, round(100 * item / total)) for item in row])
    wrong = sorted((-item, i, j) for i, row in enumerate(counts) for j, item in enumerate(row) if i != j and item)
    return Confusion(rows, [Mistake(names[i], names[j], -item) for item, i, j in wrong[:LISTED]])


def _picture(image: np.ndarray) -> Shown:
    """An image as a PNG. Grey and RGB as they are; windows and other channels as a strip, a row a channel."""
    from PIL import Image

    height, width, channels = image.shape
    strip = width == 1 or channels not in (1, 3)
    pixels = image.reshape(height * width, channels).T if strip else image[..., 0] if channels == 1 else image
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    times = max(1, -(-SIDE // max(picture.size)))
    uri = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    return Shown(uri, picture.size[0] * times, picture.size[1] * times)


def _points(difference: float) -> str:
    points = round(100 * difference, 2)
    return "as many as" if points == 0 else f"{abs(points):.2f} points {'more' if points > 0 else 'fewer'} than"
