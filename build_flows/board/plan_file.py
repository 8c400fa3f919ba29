"""Build plans as files: a zip whose bytes depend on nothing but its contents, unpacked and run here or anywhere."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.base.files import write_bytes
from build_flows.board.follow import run_followed

__all__ = ["FACTS", "LOG", "PlanFailed", "PlanFile", "pack"]

FACTS = "plan.json"
"""What a plan is for: board, part, flow, clock_mhz, name, and what its maker noted."""
LOG = "build.log"
"""All that a plan's script printed, in the folder where it ran."""

_LARGEST = 1 << 30


def pack(files: Mapping[str, bytes], facts: Mapping[str, Any]) -> bytes:
    """``files`` by their names relative to the plan's root, and ``facts`` as :data:`FACTS`, as a zip: sorted, uncompressed, without times.

    Scripts (``.sh``) can be executed where they are unpacked. Raises ValueError for a name that leads elsewhere, or that of the facts.
    """
    text = json.dumps(dict(facts), indent=2, sort_keys=True) + "\n"
    if FACTS in files:
        raise ValueError(f"{FACTS} is the plan's own")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in sorted({**files, FACTS: text.encode()}.items()):
            _check(name)
            entry = zipfile.ZipInfo(name)
            entry.create_system = 3
            entry.external_attr = (0o100755 if name.endswith(".sh") else 0o100644) << 16
            archive.writestr(entry, content)
    return stream.getvalue()


class PlanFailed(OfframpError):
    """A plan's script ended with ``code`` and without a bitstream; it printed ``text``."""

    def __init__(self, code: int, text: str, log: Path) -> None:
        super().__init__(_why(text, code), hint=f"all that was printed: {log}")
        self.code = code
        self.text = text


@dataclass(frozen=True)
class PlanFile:
    """A plan, as its zip ``data``. Raises :class:`OfframpError` when that is no plan, or has names that lead out of its folder."""

    data: bytes

    def __post_init__(self) -> None:
        try:
            with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > _LARGEST:
                    raise OfframpError(f"the build plan unpacks to more than {_LARGEST >> 20} MiB")
                for name in archive.namelist():
                    _check(name)
                facts = json.loads(archive.read(FACTS))
                if f"build_{facts['name']}.sh" not in archive.namelist():
                    raise KeyError("script")
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
            raise OfframpError(f"this is no build plan: {error}") from None

    @property
    def facts(self) -> dict[str, Any]:
        """What :data:`FACTS` says."""
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            found: dict[str, Any] = json.loads(archive.read(FACTS))
        return found

    @property
    def script(self) -> str:
        """The script that builds, to be run by ``sh`` in any folder."""
        return f"build_{self.facts['name']}.sh"

    @property
    def bitstream(self) -> str:
        """The file that comes of it."""
        return f"{self.facts['name']}.bit"

    def write(self, path: Path) -> None:
        """As the file ``path``, whole or not at all."""
        write_bytes(path, self.data)

    def unpack(self, folder: Path) -> None:
        """Into ``folder``, which is made; files of the same names are replaced, others stay."""
        with zipfile.ZipFile(io.BytesIO(self.data)) as archive:
            for entry in archive.infolist():
                target = folder / entry.filename
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(archive.read(entry))
                target.chmod((entry.external_attr >> 16) & 0o777)

    def run(self, folder: Path, tell: Callable[[str, str], None] = lambda phase, detail: None) -> Path:
        """Unpack into ``folder``, run the script there, and give the bitstream's path.

        What it prints is in ``folder``/:data:`LOG`; ``tell(phase, detail)`` hears where it is. However the wait for it ends, none of its
        processes is left. Raises :class:`PlanFailed`, with its own first words of why, when it ends without a bitstream.
        """
        self.unpack(folder)
        bitstream, log = folder / self.bitstream, folder / LOG
        bitstream.unlink(missing_ok=True)
        code = run_followed(["sh", self.script], folder, log, tell)
        if code or not bitstream.is_file():
            raise PlanFailed(code, log.read_text(encoding="utf-8", errors="replace"), log)
        return bitstream


def _check(name: str) -> None:
    path = PurePosixPath(name)
    if not name or name.endswith("/") or path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise ValueError(f"the name {name!r} leads out of the plan")


def _why(log: str, code: int) -> str:
    """The first words of why in the ``log`` of a plan's script that ended with ``code``."""
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    for mark in ("ERROR: [offramp] ", "offramp: error: "):
        told = [line.removeprefix(mark) for line in lines if line.startswith(mark)]
        if told:
            return "\n  ".join(told[:5])
    first = next((line for line in lines if line.lower().startswith("error")), None) or (lines[-1] if lines else "nothing")
    return f"the build ended with exit code {code}; it said: {first}"
