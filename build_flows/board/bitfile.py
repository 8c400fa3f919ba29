"""The header of a .bit file: what it was made of, for which part, when.

The layout is the one that is known of since ISE ("Xilinx .bit file format", as PYNQ, openFPGALoader and others read it): a field of nine
bytes, the number 1, then fields that a letter names, big-endian lengths before their content: ``a`` design, ``b`` part, ``c`` date, ``d``
time, all ending with a zero byte, and ``e`` the configuration data. Vivado adds to the design's name ``;UserID=0X...;Version=...``.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from build_flows.base.errors import OfframpError

__all__ = ["BitError", "BitHeader", "bit_header", "bit_part", "read_bit_header"]

_MAGIC = bytes.fromhex("0ff00ff00ff00ff000")
_LONGEST = 4096
"""No text of a header is as long; a greater length is a sign that the file is something else."""
_TEXTS = {ord("a"): "design", ord("b"): "part", ord("c"): "date", ord("d"): "time"}


class BitError(OfframpError):
    """A file that is no .bit file, or only a part of one."""


@dataclass(frozen=True, kw_only=True)
class BitHeader:
    """What a .bit file says of itself.

    ``design`` is the top module; ``part`` as in ``7z020clg400``, without speed grade; ``user_id`` the 32-bit number that
    ``BITSTREAM.CONFIG.USERID`` was set to and ``version`` that of Vivado, None where the header has none; ``length`` the bytes of
    configuration data.
    """

    design: str
    part: str
    date: str
    time: str
    user_id: int | None
    version: str | None
    length: int


def bit_part(part: str) -> str:
    """``part`` as a header writes it: ``7z020clg400`` of ``xc7z020clg400-1``."""
    return part.removeprefix("xc").partition("-")[0]


def bit_header(*, design: str, part: str, date: str, time: str, length: int) -> bytes:
    """The bytes before the ``length`` bytes of configuration data. ``design`` is all of field ``a``, ``part`` as in :func:`bit_part`.

    The inverse of :func:`read_bit_header`, for files that stand in for Vivado's.
    """
    fields = b"".join(
        key.encode() + (len(text) + 1).to_bytes(2, "big") + text.encode("ascii") + b"\0"
        for key, text in (("a", design), ("b", part), ("c", date), ("d", time))
    )
    return len(_MAGIC).to_bytes(2, "big") + _MAGIC + (1).to_bytes(2, "big") + fields + b"e" + length.to_bytes(4, "big")


def read_bit_header(path: Path) -> BitHeader:
    """The header of the .bit file ``path``. Raises :class:`BitError` when it is missing, no .bit file, or cut short."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            return _read(file, size, path)
    except OSError as error:
        raise BitError(f"{path}: {error.strerror or error}") from error


def _read(file: BinaryIO, size: int, path: Path) -> BitHeader:
    def take(count: int) -> bytes:
        found = file.read(count)
        if len(found) < count:
            raise BitError(f"{path} ends within its header, after {size} bytes")
        return found

    def number(count: int) -> int:
        return int.from_bytes(take(count), "big")

    if file.read(2) != len(_MAGIC).to_bytes(2, "big") or file.read(len(_MAGIC)) != _MAGIC:
        raise BitError(f"{path} is no .bit file", hint="write_bitstream makes one; a .bin file lacks the header")
    number(2)
    texts: dict[str, str] = {}
    while (key := take(1)[0]) != ord("e"):
        length = number(2)
        if key not in _TEXTS or length > _LONGEST:
            raise BitError(f"{path}: its header has an unknown field {chr(key)!r} of {length} bytes")
        texts[_TEXTS[key]] = take(length).rstrip(b"\0").decode("ascii", errors="replace")
    length = number(4)
    missing = [name for name in _TEXTS.values() if name not in texts]
    if missing:
        raise BitError(f"{path}: its header lacks {', '.join(missing)}")
    found = size - file.tell()
    if found != length:
        raise BitError(f"{path} must hold {length} bytes of configuration data, not {found}", hint="copy it again, whole")
    design, *extras = texts["design"].split(";")
    values = dict(item.partition("=")[::2] for item in extras)
    user = values.get("UserID", "")
    return BitHeader(
        design=design, part=texts["part"], date=texts["date"], time=texts["time"], length=length,
        user_id=int(user, 16) if re.fullmatch("0[xX][0-9A-Fa-f]{1,8}", user) else None, version=values.get("Version"),
    )
