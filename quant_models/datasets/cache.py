"""Decoded data sets kept as files, an ``.npz`` behind its digest, so that they are decoded once."""

import hashlib
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np

from quant_models.datasets.base import KEYS
from quant_models.files import atomic, sweep

__all__ = ["Decoded", "cached"]

DIGEST = 64
"""Bytes of a SHA-256 in hexadecimal."""

Decoded = tuple[dict[str, np.ndarray], tuple[str, ...]]
"""The arrays of :data:`quant_models.datasets.base.KEYS`, and the classes' names."""


def cached(folder: Path | None, place: str, content: str, decode: Callable[[], Decoded]) -> Decoded:
    """What ``decode`` gives, out of ``folder`` when it holds that already (None: never).

    ``place`` names the source and how it is decoded: there is one file for each. ``content`` tells one state of the source from another:
    when it differs, the file is replaced. A file begins with the SHA-256 of all that follows; one that is broken, or a folder that cannot
    be written, only costs the decoding.
    """
    if folder is None:
        return decode()
    file = folder / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.decoded"
    # Opened here: NumPy leaves a file open that it cannot read.
    with suppress(OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile, zlib.error), open(file, "rb") as stream:
        told = stream.read(DIGEST)
        if hashlib.file_digest(stream, "sha256").hexdigest().encode() == told:
            stream.seek(DIGEST)
            found = np.load(stream, allow_pickle=False)
            if str(found["content"]) == content:
                return {key: found[key] for key in KEYS}, tuple(map(str, found["names"]))
    arrays, names = decode()
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        with atomic(file) as temporary, open(temporary, "wb+") as target:
            target.write(bytes(DIGEST))
            np.savez(target, **arrays, names=np.array(names), content=np.array(content))  # type: ignore[arg-type]
            target.seek(DIGEST)
            digest = hashlib.file_digest(target, "sha256").hexdigest().encode()
            target.seek(0)
            target.write(digest)
    return arrays, names
