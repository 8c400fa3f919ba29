"""``evaluation.html``: what the exits of a network are worth, in one file that needs nothing else."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.base.files import write_bytes, write_json, write_text
from build_flows.pages import evaluate_plots

__all__ = ["render", "summary", "write_files"]

__sources__ = ("templates/evaluate.html.j2",)

MOST_CLASSES = 20
"""With more classes confusion is a list of the commonest, not a square."""
LISTED = 15
SIDE = 72
"""A picture's longer side on the page, in pixels, at least."""

Found = Mapping[str, Any]


def render(found: Found, images: np.ndarray) -> str:
    """The page on ``found`` (the content of ``evaluation.json``) as one HTML document; the same data give the same bytes.

    ``images`` are the test images in its ``pictures``, uint8 ``[n, height, width, channels]``, by rising index.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("build_flows.pages"), autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"percent": _percent, "number": _number}
    shown = sorted({row["index"] for side in found["pictures"] for kind in ("easiest", "hardest") for row in side[kind]})
    names = found["names"] or [str(k) for k in range(len(found["exits"][0]["confusion"]))]
    return environment.get_template("evaluate.html.j2").render(
        found=found, names=names, summary=summary(found), plots={name: Markup(evaluate_plots.svg(name, found)) for name in _plots(found)},
        pictures={index: _picture(image) for index, image in zip(shown, images, strict=True)},
        confusions=[_confusion(row["confusion"], names) for row in found["exits"]], square=len(names) <= MOST_CLASSES,
        best=[_best(curve, found) for curve in found["curves"]],
    )


def write_files(found: Found, images: np.ndarray, folder: Path) -> None:
    """Write ``evaluation.json``, ``evaluation.html`` and the folder ``evaluation`` of plots (PNG and SVG) into ``folder``."""
    write_json(folder / "evaluation.json", found)
    write_text(folder / "evaluation.html", render(found, images))
    for name in _plots(found):
        for suffix, data in evaluate_plots.files(name, found).items():
            write_bytes(folder / "evaluation" / f"{name}.{suffix}", data)


def _plots(found: Found) -> list[str]:
    return [name for name in evaluate_plots.PLOTS if name != "curves" or found["curves"]]


def summary(found: Found) -> list[str]:
    """What was found, in sentences made from the figures alone."""
    here, alone = found["operating"], found["last_alone"]
    lines = [
        f"At the thresholds in use {_percent(here['accuracy'], 2)} of {found['samples']['test']:,} test images are right, "
        f"{_points(here['accuracy'] - alone['accuracy'])} the last exit alone ({_percent(alone['accuracy'], 2)}), "
        f"for {_percent(here['macs'] / alone['macs'])} of its MACs and {_percent(here['bitops'] / alone['bitops'])} of its bit operations; "
        f"{_percent(1 - here['shares'][-1])} of the images leave early."
    ]
    if found["measured_cycles"] is not None:
        lines.append(f"In the RTL they take {_number(found['measured_cycles'])} cycles a sample, measured; with all early exits off the "
                     f"same hardware is predicted to take {_number(alone['cycles'])}.")
    over = found["overthinking"]
    if over["exits"]:
        lines.append(f"Overthinking: {_percent(over['destructive'], 2)} of the images are right at an early exit, wrong at the last one; "
                     f"always leaving at the right exit would give {_percent(over['any'], 2)}.")
    worst = min(found["corruptions"]["kinds"], key=lambda kind: kind["strengths"][3]["accuracy"])
    lines.append(f"Of the corruptions at middle strength, {worst['name'].replace('_', ' ')} costs most: accuracy "
                 f"{_percent(worst['strengths'][0]['accuracy'])} to {_percent(worst['strengths'][3]['accuracy'])}.")
    slow = found["slowdown"]
    lines.append(f"An attack on the exits (every pixel changed by at most {slow['eps']} of 255) raises the mean MACs of "
                 f"{slow['samples']:,} validation images by {_percent(slow['macs_rise'])}.")
    if slow["rtl"]:
        rtl = slow["rtl"]
        told = "never slower than all-hard images" if rtl["holds"] else "SLOWER than all-hard images"
        lines.append(f"In the RTL these take {_number(rtl['attacked'])} cycles a sample instead of {_number(rtl['clean'])}: {told} "
                     f"({_number(rtl['all_hard'])}).")
    return lines


def _best(curve: Mapping[str, Any], found: Found) -> dict[str, Any]:
    """The cheapest point of a policy's curve that is no less accurate than the last exit alone less half a point, if there is one."""
    good = [row for row in curve["points"] if row["accuracy"] >= found["last_alone"]["accuracy"] - 0.005]
    return {"policy": curve["policy"], "point": min(good, key=lambda row: row["macs"]) if good else None}


def _confusion(counts: list[list[int]], names: list[str]) -> dict[str, Any]:
    """Rows of cells ``{"count", "shade"}``: shade is the share of its class, in percent; and the commonest mistakes."""
    rows = []
    for row in counts:
        total = sum(row) or 1
        rows.append([{"count": item, "shade": round(100 * item / total)} for item in row])
    wrong = sorted((-item, i, j) for i, row in enumerate(counts) for j, item in enumerate(row) if i != j and item)
    return {"rows": rows, "commonest": [{"label": names[i], "predicted": names[j], "count": -item} for item, i, j in wrong[:LISTED]]}


def _picture(image: np.ndarray) -> dict[str, Any]:
    """An image as a PNG in a data URI, with its size on the page. Grey and RGB as they are; windows and other channels as a strip, a row a
    channel."""
    from PIL import Image

    height, width, channels = image.shape
    strip = width == 1 or channels not in (1, 3)
    pixels = image.reshape(height * width, channels).T if strip else image[..., 0] if channels == 1 else image
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    times = max(1, -(-SIDE // max(picture.size)))
    return {
        "uri": "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode(),
        "width": picture.size[0] * times, "height": picture.size[1] * times,
    }


def _points(difference: float) -> str:
    points = round(100 * difference, 2)
    return "as many as" if points == 0 else f"{abs(points):.2f} points {'more' if points > 0 else 'fewer'} than"


def _percent(value: float | None, digits: int = 1) -> str:
    return "-" if value is None else f"{100 * value:.{digits}f} %"


def _number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:,.0f}" if float(value).is_integer() or abs(value) >= 10_000 else f"{value:,.1f}"
