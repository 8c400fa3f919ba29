"""A folder of images, ``train/<class>/*.png`` and ``test/<class>/*.jpg``, or one tar file of such a folder."""

import hashlib
import io
import json
import lzma
import os
import struct
import tarfile
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL import __version__ as pillow_version

from quant_models.datasets.base import Dataset, checked
from quant_models.datasets.cache import Decoded, cached
from quant_models.datasets.limits import MOST_FILE, MOST_PIXELS, check_bytes
from quant_models.errors import QuantModelError

__all__ = ["SUFFIXES", "TAR_SUFFIXES", "Colour", "load_folder"]

Colour = Literal["auto", "grey", "rgb"]

SUFFIXES = (".png", ".jpg", ".jpeg")
TAR_SUFFIXES = (".tar", ".tar.xz", ".txz", ".tar.gz", ".tgz", ".tar.bz2")
PARTS = ("train", "test")
GREY = ("1", "L", "LA")
EIGHT_BITS = (*GREY, "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")
ORDER_SEED = 2024
# Raised with every change of what is made of the same files.
VERSION = 1


@dataclass(frozen=True, kw_only=True)
class _File:
    """An image: the place ``name`` that messages tell, its ``label`` (the class' name), its bytes on demand."""

    name: str
    label: str
    read: Callable[[], bytes]


@dataclass
class _Tree:
    """The images of each part in order of class and name, and the classes that have a folder there."""

    files: dict[str, list[_File]]
    classes: dict[str, set[str]]


def load_folder(
    path: Path, *, resize: tuple[int, int] | None = None, channels: Colour = "auto", cache: Path | None = None
) -> Dataset:
    """The images under ``path``, a folder or a tar file (:data:`TAR_SUFFIXES`; only read, never unpacked): ``train/<class>/*`` and
    ``test/<class>/*`` with :data:`SUFFIXES` in either case; what has another suffix, or begins with a dot, is left alone.

    Classes are labelled in order of their names, which are kept as ``names``. All images must be of one size unless they are
    resized to ``resize``, (height, width), by Pillow's bilinear filter. They become ``grey`` (1 channel) or ``rgb`` (3);
    ``auto`` takes grey when all of them are. The samples of each part are put into one fixed random order, so that the first
    ones are of all classes. With ``cache``, a folder, they are decoded once for all runs, until a name or the content of a
    file differs.

    Raises :class:`QuantModelError` naming the file that is no image, no plain file, of another size or beyond
    :mod:`quant_models.datasets.limits`, the class that has no images in a part, or what else is missing.
    """
    tar = path.name.lower().endswith(TAR_SUFFIXES) and not path.is_dir()
    if not path.exists():
        raise QuantModelError(f"{path} does not exist")
    if not tar and not path.is_dir():
        raise QuantModelError(f"{path} must be a folder with train/<class>/ and test/<class>/, or a file of it ({', '.join(TAR_SUFFIXES)})")
    place = json.dumps([str(path.resolve()), resize, channels])
    content = "" if cache is None else hashlib.sha256(json.dumps([VERSION, pillow_version, sorted(_digests(path))]).encode()).hexdigest()
    arrays, names = cached(cache, place, content, lambda: _decode(path, _from_tar(path) if tar else _from_folder(path), resize, channels))
    return checked(path.name.partition(".")[0] if tar else path.name, str(path), arrays, names)


def _digests(path: Path) -> Iterator[tuple[str, str]]:
    """Name and SHA-256 of ``path``, or of all images in it."""
    for item in [path] if path.is_file() else _images(path):
        with item.open("rb") as stream:
            yield item.relative_to(path).as_posix(), hashlib.file_digest(stream, "sha256").hexdigest()


def _images(path: Path) -> Iterator[Path]:
    for part in PARTS:
        for item in path.glob(f"{part}/*/*"):
            if not _wanted(item.name) or item.parent.name.startswith("."):
                continue
            if not item.is_file():
                raise QuantModelError(f"{item} must be a file, not a folder, a pipe, a device or a link to nowhere")
            yield item


def _wanted(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _from_folder(path: Path) -> _Tree:
    tree = _Tree({part: [] for part in PARTS}, {part: set() for part in PARTS})
    for part in PARTS:
        tree.classes[part] = {item.name for item in path.glob(f"{part}/*") if item.is_dir() and not item.name.startswith(".")}
    for item in _images(path):
        tree.files[item.parent.parent.name].append(_File(name=str(item), label=item.parent.name, read=partial(_bytes, item)))
    return _sorted(tree)


def _from_tar(path: Path) -> _Tree:
    """As :func:`_from_folder`; train and test may lie in one folder of the tar file."""
    tree = _Tree({part: [] for part in PARTS}, {part: set() for part in PARTS})
    tops: set[tuple[str, ...]] = set()
    total = 0
    try:
        # One pass over a stream: the members of a compressed file cannot be read in another order without unpacking it again.
        with tarfile.open(path, "r|*") as stream:
            for member in stream:
                parts = PurePosixPath(member.name).parts
                depth = 2 if member.isdir() else 3
                if len(parts) not in (depth, depth + 1) or parts[-depth] not in PARTS or parts[1 - depth].startswith("."):
                    continue
                part, label = parts[-depth], parts[1 - depth]
                if member.isdir():
                    tree.classes[part].add(label)
                elif _wanted(parts[-1]):
                    if not member.isfile():
                        raise QuantModelError(f"{path}: {member.name} must be a file, not a link, a pipe or a device")
                    total += member.size
                    check_bytes(path, total, "its images' files")
                    if member.size > MOST_FILE:
                        raise QuantModelError(_too_large(f"{path}: {member.name}"))
                    data = stream.extractfile(member)
                    assert data is not None
                    content = data.read()
                    tops.add(parts[:-depth])
                    tree.classes[part].add(label)
                    tree.files[part].append(_File(name=f"{path}: {PurePosixPath(*parts)}", label=label, read=io.BytesIO(content).getvalue))
    except (tarfile.TarError, OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise QuantModelError(f"{path} cannot be read as a tar file: {error}") from error
    if len(tops) > 1:
        told = ", ".join(sorted("/".join(top) or "." for top in tops))
        raise QuantModelError(f"{path} must hold train/ and test/ once, not in each of {told}")
    return _sorted(tree)


def _bytes(path: Path) -> bytes:
    with path.open("rb") as stream:
        found = stream.read(MOST_FILE + 1)
    if len(found) > MOST_FILE:
        raise QuantModelError(_too_large(str(path)))
    return found


def _too_large(name: str) -> str:
    return f"{name} has more than {MOST_FILE >> 20} MiB: it is no image to train with"


def _sorted(tree: _Tree) -> _Tree:
    for files in tree.files.values():
        files.sort(key=lambda file: (file.label, file.name))
    return tree


def _decode(path: Path, tree: _Tree, resize: tuple[int, int] | None, channels: Colour) -> Decoded:
    names = sorted(tree.classes["train"] | tree.classes["test"])
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError:
            raise QuantModelError(f"{path}: the name of class {os.fsencode(name)!r} must be UTF-8; rename its folders") from None
    for part in PARTS:
        if not tree.files[part]:
            loose = sum(_wanted(item.name) for item in path.glob(f"{part}/*")) if path.is_dir() else 0
            told = f"; {loose:,} lie in {part} itself, but the folder between names their class" if loose else ""
            raise QuantModelError(f"{path} must hold {part}/<class>/ with images ({', '.join(SUFFIXES)}); there are none{told}")
        having = {file.label for file in tree.files[part]}
        for name in names:
            if name not in having:
                raise QuantModelError(f"{path} must hold images of every class in {part}; {part}/{name} has none ({', '.join(SUFFIXES)})")
    both = [file for part in PARTS for file in tree.files[part]]
    grey = channels == "grey" or (channels == "auto" and all(_open(file).mode in GREY for file in both))
    size = resize or _open(both[0]).size[::-1]
    check_bytes(path, len(both) * size[0] * size[1] * (1 if grey else 3), f"{len(both)} images of {size[0]}x{size[1]}")
    arrays: dict[str, np.ndarray] = {}
    for part in PARTS:
        files = tree.files[part]
        x = np.empty((len(files), *size, 1 if grey else 3), np.uint8)
        for row, file in zip(x, files, strict=True):
            row[:] = _pixels(file, both[0], size, resize is not None, grey)
        y = np.array([names.index(file.label) for file in files], np.int64)
        order = np.random.default_rng(ORDER_SEED).permutation(len(files))
        arrays |= {f"x_{part}": x[order], f"y_{part}": y[order]}
    return arrays, tuple(names)


def _open(file: _File) -> ImageFile.ImageFile:
    """The image with its head read, not its pixels."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            found = Image.open(io.BytesIO(file.read()), formats=("PNG", "JPEG"))
    except UnidentifiedImageError as error:
        raise QuantModelError(f"{file.name} is no PNG or JPEG image") from error
    except (OSError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise QuantModelError(f"{file.name} cannot be read: {error}") from error
    if found.size[0] * found.size[1] > MOST_PIXELS:
        raise QuantModelError(f"{file.name} has {found.size[1]}x{found.size[0]} pixels; at most {MOST_PIXELS} are allowed")
    if found.mode not in EIGHT_BITS:
        raise QuantModelError(f"{file.name} must have 8 bits a channel, not Pillow's mode {found.mode}")
    return found


def _pixels(file: _File, first: _File, size: tuple[int, int], resize: bool, grey: bool) -> np.ndarray:
    """uint8 ``[height, width, 1 or 3]``."""
    image = _open(file)
    if not resize and image.size[::-1] != size:
        raise QuantModelError(
            f"images must have one size unless they are resized (data.resize): {first.name} is {size[0]}x{size[1]}, "
            f"{file.name} is {image.size[1]}x{image.size[0]}"
        )
    try:
        image.load()
    except (OSError, SyntaxError, ValueError, struct.error, zlib.error) as error:
        raise QuantModelError(f"{file.name} cannot be read: {error}") from error
    # A palette with transparency goes to RGB through RGBA, or Pillow warns.
    whole = image.convert("RGBA") if image.mode in ("P", "PA") else image
    shown = whole.convert("L" if grey else "RGB")
    if resize:
        shown = shown.resize(size[::-1], Image.Resampling.BILINEAR)
    pixels = np.asarray(shown, np.uint8)
    return pixels[..., np.newaxis] if grey else pixels
