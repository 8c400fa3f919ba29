"""How large data may be: what is larger is a mistake, or was made to fill the memory."""

from pathlib import Path

from quant_models.errors import QuantModelError

__all__ = ["MOST_BYTES", "MOST_FILE", "MOST_PIXELS", "check_bytes"]

MOST_BYTES = 8 << 30
"""Bytes that all arrays of a data set may take, decoded."""

MOST_FILE = 256 << 20
"""Bytes of one image's file."""

MOST_PIXELS = 1 << 26
"""Pixels of one image, as it is in its file."""


def check_bytes(source: str | Path, size: int, what: str) -> None:
    """Raise :class:`QuantModelError` that begins with ``source`` when ``size`` bytes, which are ``what``, are more than
    :data:`MOST_BYTES`."""
    if size > MOST_BYTES:
        raise QuantModelError(f"{source}: {what} would take {size / 2**30:,.1f} GiB of memory; at most {MOST_BYTES >> 30} are allowed")
