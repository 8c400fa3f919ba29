"""The manifest beside a bitstream, ``NAME.json``: what the accelerator takes, gives and is made of."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offramp_driver.errors import ManifestError

__all__ = ["Exit", "Field", "Input", "Manifest", "Page", "Scale", "check_files", "load_manifest"]

VERSION = 2
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Scale:
    """How values of sensors become those of the network: of channel c, value v is ``round((v - low[c]) / step[c])``, kept within 0 to 255.
    One finite ``low`` and one finite ``step`` above 0 per channel."""

    low: tuple[float, ...]
    step: tuple[float, ...]


@dataclass(frozen=True)
class Input:
    """Images: ``height`` x ``width`` x ``channels`` values of ``bits`` bits, one byte each, in ``words`` bus words of ``bus_bits``.

    With a ``scale`` they are windows of sensors' values, with the time as height and a width of 1."""

    height: int
    width: int
    channels: int
    bits: int
    signed: bool
    bus_bits: int
    words: int
    scale: Scale | None = None


@dataclass(frozen=True)
class Page:
    """Where registers lie: ``range`` bytes from the physical address ``base`` on."""

    base: int
    range: int


@dataclass(frozen=True)
class Field:
    """A field of the result word: ``width`` bits from bit ``offset`` on, two's complement where ``signed``."""

    name: str
    offset: int
    width: int
    signed: bool


@dataclass(frozen=True)
class Exit:
    """An exit: its policy, its threshold as built and what that may be (both ends included; None when it compares with nothing).

    ``params`` are the policy's integer constants; ``scale`` is one unit of its integer logits; ``gate_scale`` that of its gate head's, None
    when there is none or it is not known.
    """

    policy: str
    classes: int
    threshold: int
    enabled: bool
    scale: float
    threshold_range: tuple[int, int] | None
    params: dict[str, Any]
    gate_scale: float | None


@dataclass(frozen=True)
class Manifest:
    """What ``NAME.json`` holds (docs/interfaces.md of offramp). ``build`` is the number that the BUILD register reads, ``clock_mhz`` the
    fastest clock that the bitstream is for, ``cycles_per_sample`` the pace planned and ``cycles_all_hard`` that of the slowest stage when
    every image gets there. Transfers have fewer than ``2**length_bits`` words. ``anytime``: every exit that an image passes answers."""

    name: str
    offramp: str
    board: str
    board_label: str
    part: str
    clock_mhz: float
    build: int
    design: str
    register_map: int
    files: dict[str, str]
    input: Input
    result_bits: int
    fields: tuple[Field, ...]
    order: str
    classes: int
    max_in_flight: int
    cycles_per_sample: float
    cycles_all_hard: float
    streams: tuple[str, ...]
    gates: int
    anytime: bool
    dma: Page
    dma_register_map: int
    length_bits: int
    accelerator: Page
    exits: tuple[Exit, ...]


class _Reader:
    """Takes values out of decoded JSON, and says where one is missing or of another type."""

    def __init__(self, value: Any, where: str) -> None:
        if not isinstance(value, dict):
            raise ManifestError(f"{where} must be an object, not {value!r}")
        self.value, self.where = value, where

    def take(self, key: str, *kinds: type) -> Any:
        """The value of ``key``, which must be of one of ``kinds``; whole numbers do for real ones."""
        if key not in self.value:
            raise ManifestError(f"{self.where} lacks {key!r}")
        value = self.value[key]
        good = isinstance(value, kinds) or (float in kinds and isinstance(value, int))
        if not good or (isinstance(value, bool) and bool not in kinds):
            raise ManifestError(f"{self.where}: {key} must be {' or '.join(kind.__name__ for kind in kinds)}, not {value!r}")
        return float(value) if float in kinds else value

    def part(self, key: str) -> _Reader:
        """The object under ``key``."""
        return _Reader(self.take(key, dict), f"{self.where}: {key}")

    def parts(self, key: str) -> list[_Reader]:
        """The objects in the list under ``key``."""
        return [_Reader(item, f"{self.where}: {key}[{index}]") for index, item in enumerate(self.take(key, list))]

    def texts(self, key: str) -> tuple[str, ...]:
        """The texts in the list under ``key``."""
        found = self.take(key, list)
        if not all(isinstance(item, str) for item in found):
            raise ManifestError(f"{self.where}: {key} must be a list of texts, not {found!r}")
        return tuple(found)


def _exit(raw: _Reader) -> Exit:
    span = raw.take("threshold_range", list, type(None))
    if span is not None and (len(span) != 2 or not all(isinstance(item, int) for item in span) or span[0] > span[1]):
        raise ManifestError(f"{raw.where}: threshold_range must be the least and the greatest threshold, not {span!r}")
    return Exit(
        policy=raw.take("policy", str), classes=raw.take("classes", int), threshold=raw.take("threshold", int),
        enabled=raw.take("enabled", bool), scale=raw.take("scale", float), threshold_range=None if span is None else (span[0], span[1]),
        params=raw.take("params", dict), gate_scale=raw.take("gate_scale", float) if "gate_scale" in raw.value else None,
    )


def _page(raw: _Reader) -> Page:
    page = Page(base=raw.take("base", int), range=raw.take("range", int))
    if page.base % 4096 or page.base < 0 or page.range < 4096 or page.base + page.range > 1 << 32:
        raise ManifestError(f"{raw.where}: registers must lie on pages of 4096 bytes below 2**32, not at base={page.base:#x} with "
                            f"range={page.range:#x}")
    return page


def _scale(raw: _Reader, channels: int) -> Scale | None:
    """The scale of an input of so many channels."""
    if raw.take("scale", dict, type(None)) is None:
        return None
    part = raw.part("scale")
    found = {}
    for key in ("low", "step"):
        values = part.take(key, list)
        if len(values) != channels or not all(type(value) in (int, float) and math.isfinite(value) for value in values):
            raise ManifestError(f"{part.where}: {key} must have one number for each of {channels} channels, not {values!r}")
        found[key] = tuple(map(float, values))
    if any(step <= 0 for step in found["step"]):
        raise ManifestError(f"{part.where}: step must be above 0, not {min(found['step']):g}")
    return Scale(**found)


def _read(raw: _Reader) -> Manifest:
    entry, result, dma = raw.part("input"), raw.part("result"), raw.part("dma")
    words = {key: entry.take(key, int) for key in ("height", "width", "channels", "bits", "bus_bits", "words")}
    found = Manifest(
        **{key: raw.take(key, str) for key in ("name", "offramp", "board", "board_label", "part", "design", "order")},
        **{key: raw.take(key, int) for key in ("build", "register_map", "classes", "max_in_flight", "gates")},
        **{key: raw.take(key, float) for key in ("clock_mhz", "cycles_per_sample", "cycles_all_hard")},
        files=raw.take("files", dict), result_bits=result.take("bits", int), anytime=raw.take("anytime", bool),
        input=Input(signed=entry.take("signed", bool), **words, scale=_scale(entry, words["channels"])),
        fields=tuple(Field(name=item.take("name", str), offset=item.take("offset", int), width=item.take("width", int),
                           signed=item.take("signed", bool)) for item in result.parts("fields")),
        streams=raw.texts("streams"), dma=_page(dma), dma_register_map=dma.take("register_map", int),
        length_bits=dma.take("length_bits", int), accelerator=_page(raw.part("accelerator")),
        exits=tuple(_exit(item) for item in raw.parts("exits")),
    )
    _check(raw.where, found)
    return found


def _check(where: str, found: Manifest) -> None:
    """Raise :class:`ManifestError` where values do not go together; ``where`` names the file."""
    names = {field.name for field in found.fields}
    for name in ("id", "label", "exit", "confidence", *(["final"] if found.anytime else [])):
        if name not in names:
            raise ManifestError(f"{where}: result lacks the field {name!r}")
    if found.result_bits not in (32, 64):
        raise ManifestError(f"{where}: result must have 32 or 64 bits, not {found.result_bits}")
    if found.order not in ("arrival", "input"):
        raise ManifestError(f"{where}: order must be 'arrival' or 'input', not {found.order!r}")
    if found.clock_mhz <= 0 or not found.exits:
        raise ManifestError(f"{where}: clock_mhz must be positive and exits at least one, "
                            f"not {found.clock_mhz:g} and {len(found.exits)}")
    if found.anytime and found.order != "arrival":
        raise ManifestError(f"{where}: order must be 'arrival' where every exit answers (anytime), not {found.order!r}")
    shape = found.input
    smallest = (shape.height, shape.width, shape.channels, shape.bits, shape.bus_bits, shape.words)
    if shape.words * shape.bus_bits < 8 * shape.height * shape.width * shape.channels or min(smallest) < 1 or shape.bus_bits % 8:
        raise ManifestError(f"{where}: an image of {shape.height} x {shape.width} x {shape.channels} bytes must fit into the "
                            f"words={shape.words} of bus_bits={shape.bus_bits}")
    if shape.scale is not None and (shape.width, shape.bits, shape.signed) != (1, 8, False):
        raise ManifestError(f"{where}: an input with a scale must be 1 wide and of 8 bits unsigned, not {shape.width} and "
                            f"{shape.bits} bits{' signed' if shape.signed else ''}")


def load_manifest(bitfile: Path) -> Manifest:
    """The manifest beside ``bitfile``: ``digits.json`` for ``digits.bit``. Raises :class:`ManifestError` when it is missing, damaged, of
    another version, or of another bitstream."""
    path = bitfile.with_suffix(".json")
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(f"{path.name} is missing beside {bitfile.name} in {bitfile.parent}: both come out of one package") from None
    except (OSError, ValueError) as error:
        raise ManifestError(f"{path.name} cannot be read: {error}") from error
    reader = _Reader(raw, path.name)
    version = raw.get("version")
    if version != VERSION:
        raise ManifestError(f"{path.name} is of version {version!r}, and this driver reads {VERSION}: take both out of one package")
    manifest = _read(reader)
    if bitfile.name not in manifest.files:
        raise ManifestError(f"{path.name} tells of {', '.join(sorted(manifest.files))}, not of {bitfile.name}: keep the package's names")
    return manifest


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for block in iter(lambda: file.read(_CHUNK), b""):
            digest.update(block)
    return digest.hexdigest()


def check_files(manifest: Manifest, folder: Path) -> None:
    """Raise :class:`ManifestError` unless every file that ``manifest`` names lies in ``folder`` with its SHA-256 sum."""
    for name, wanted in sorted(manifest.files.items()):
        path = folder / name
        if not path.is_file():
            raise ManifestError(f"{name} is missing in {folder}: copy the whole package")
        found = _sha256(path)
        if found != wanted:
            raise ManifestError(f"{name} is not the file that {manifest.name}'s manifest was written for "
                                f"(SHA-256 {found[:12]}... instead of {str(wanted)[:12]}...): copy the package again")
