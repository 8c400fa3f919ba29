"""``offramp init --from``: a configuration for a network of the user's own, and what of it can be built."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from build_flows.base.errors import OfframpError
from build_flows.base.ui import Ui
from build_flows.project.own_template import Source, own_template

if TYPE_CHECKING:
    from build_flows.steps.survey import FoundExit, Survey
    from quant_models.datasets.base import Dataset

__all__ = ["Brought", "bring", "chosen_source"]

Shape = tuple[int, int, int]
FACTORY = re.compile(r"(?P<module>.+):(?P<function>[A-Za-z_][A-Za-z0-9_]*)")


@dataclass(frozen=True, kw_only=True)
class Brought:
    """The configuration's ``text``, the network that was ``found`` in ``source``, and why it cannot be built (None: it can)."""

    text: str
    source: str
    found: "Survey"
    refusal: str | None

    def to_json(self) -> dict[str, Any]:
        """What ``--json`` publishes beside the configuration's path."""
        found = self.found
        return {
            "from": self.source, "shape": list(found.shape), "classes": found.classes, "notes": list(found.notes), "layers": found.rows(),
            "exits": [{"output": item.output, "leaves": item.leaves} for item in found.exits],
            "buildable": self.refusal is None, "refusal": self.refusal,
        }

    def show(self, ui: Ui, line: Callable[[str], None]) -> None:
        """The layers as a table on ``ui``, and what can be built in a ``line``."""
        found, rows = self.found, self.found.rows()
        if rows:
            shown = [(row["part"], row["name"], row["kind"], "x".join(map(str, row["shape"])), row["weight_bits"] or "-", _bits(row),
                      row["node"]) for row in rows]
            ui.table(f"{self.source}: {found.classes} classes, images of {_told(found.shape)}",
                     ("part", "layer", "kind", "gives", "weight\nbits", "bits", "made of"), shown)
        for note in found.notes:
            line(f"note: {note}")
        if self.refusal is None:
            line(f"all of it can be built: {len(found.exits)} exits, {len(rows)} layers")
        else:
            line(f"cannot be built: {self.refusal}")


def bring(folder: Path, source: str, shape: str | None, weights: Path | None, data: Path | None, ui: Ui) -> Brought:
    """The configuration ``folder``/config.toml for the network that ``source`` (a file, or module:function) names, which is read or made
    here; ``shape`` ("28x28x1"), ``weights`` and ``data`` are the command's options.

    Raises :class:`OfframpError` for what is no network, or whose images or classes are not those of ``data``.
    """
    from build_flows.steps.survey import buildable, survey

    chosen = chosen_source(source, weights, folder)
    images = None if data is None else _read(data)
    size = _shape(shape)
    if size is not None and chosen.qonnx is not None:
        raise OfframpError(f"--shape {shape}: the file {source} says what images it takes; allowed: unset")
    if size is not None and images is not None and size != tuple(images.shape):
        raise OfframpError(f"--shape {shape}: the images of --data {data} are {_told(images.shape)}; allowed: the same, or unset")
    found = survey(chosen, size or (None if images is None else images.shape))
    if images is not None:
        _refuse_other(found, images, source, data)
    text = own_template(
        chosen, folder, data=data, network=_network(found), images=_images(found),
        exits=[_exit(k, item, found) for k, item in enumerate(found.exits)],
    )
    return Brought(text=text, source=source, found=found, refusal=buildable(text, folder / "config.toml", found, ui))


def chosen_source(source: str, weights: Path | None, folder: Path) -> Source:
    """What ``--from`` names: a file, or a function in a module that lies in ``folder``, in the folder in which the command runs, or is
    installed; or in a module's file (``net.py:make``)."""
    from quant_models.bring.modules import find_source
    from quant_models.errors import QuantModelError

    file = Path(source).expanduser()
    match = FACTORY.fullmatch(source)
    if match is None or file.is_file():
        if not file.is_file():
            raise OfframpError(f"--from {source}: there is no such file; allowed: a QONNX file, or MODULE:FUNCTION")
        if weights is not None:
            raise OfframpError(f"--weights {weights}: the file {source} has its own; allowed: unset")
        return Source(qonnx=file)
    if weights is not None and not weights.is_file():
        raise OfframpError(f"--weights {weights}: there is no such file; allowed: safetensors, or what torch.save wrote")
    module, function = match["module"], match["function"]
    if module.endswith(".py"):
        place = Path(module).expanduser()
        if not place.is_file():
            raise OfframpError(f"--from {source}: there is no file {place}; allowed: a module's file, or its name")
        return Source(factory=f"{place.stem}:{function}", modules=place.parent, weights=weights)
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_.]*", module):
        raise OfframpError(f"--from {source}: {module} is no module's name; allowed: package.module:function, net.py:function, or a file")
    factory, why = f"{module}:{function}", ""
    for place in dict.fromkeys((folder.resolve(), Path.cwd())):
        try:
            found = find_source(factory, place)
        except QuantModelError as error:
            why = f"{error}; allowed: a module in the folder that this runs in, in DIR, or installed"
            continue
        if found.resolve().is_relative_to(place):
            return Source(factory=factory, modules=place, weights=weights)
        why = ""
    if why:
        raise OfframpError(f"--from {source}: {why}")
    return Source(factory=factory, weights=weights)


def _read(data: Path) -> "Dataset":
    from quant_models.datasets.npz import load_npz
    from quant_models.errors import QuantModelError

    try:
        return load_npz(data)
    except QuantModelError as error:
        raise OfframpError(f"--data {data}: {error}") from error


def _shape(text: str | None) -> Shape | None:
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,4})[x,](\d{1,4})[x,](\d{1,4})", text.strip().lower())
    sizes = tuple(map(int, match.groups())) if match else (0,)
    if 0 in sizes:
        raise OfframpError(f"--shape {text}: allowed: height x width x channels, each from 1 to 9999, as 28x28x1")
    height, width, channels = sizes
    return height, width, channels


def _refuse_other(found: "Survey", data: "Dataset", source: str, place: Path | None) -> None:
    shape = tuple(data.shape)
    if found.shape != shape:
        other = sorted(found.shape) == sorted(shape)
        order = " (its axes in another order: images are [n, height, width, channels])"
        raise OfframpError(f"--data {place}: its images are {_told(shape)} (height x width x channels), but {source} takes "
                           f"{_told(found.shape)}{order if other else ''}; allowed: the same")
    if found.classes != data.classes:
        raise OfframpError(f"--data {place}: has {data.classes} classes, but {source} {found.classes}; allowed: as many")


def _network(found: "Survey") -> list[str]:
    lines = [f"Found: {len(found.exits)} exits, {found.classes} classes, images of {_told(found.shape)} (height x width x channels), "
             "8 bits a channel."]
    lines += [f"Note: {note}." for note in found.notes]
    return [*lines, *([f"NOT BUILDABLE YET: {found.refusal}"] if found.refusal else [])]


def _images(found: "Survey") -> str:
    return (f"The network takes images of {_told(found.shape)} (height x width x channels): x_train and x_test are uint8 "
            f"[n, {', '.join(map(str, found.shape))}], y_train and y_test integers from 0 to {found.classes - 1}.")


def _exit(k: int, item: "FoundExit", found: "Survey") -> str:
    where = "where it leaves the trunk was not found" if item.leaves is None else f"leaves at {item.leaves}"
    return f"Exit {k}{' (the last)' if k == len(found.exits) - 1 else ''}: output {item.output}; {where}."


def _told(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))


def _bits(row: dict[str, Any]) -> str:
    return "-" if row["bits"] is None else f"{row['bits']} {'signed' if row['signed'] else ''}".strip()
