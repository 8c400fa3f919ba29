"""The accelerator's ``rtl/`` as a build plan takes it: what ``filelist.f`` lists, in its order, and what those files read."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from build_flows.base.errors import OfframpError
from sim.errors import BuildError
from sim.tools.verilator import read_filelist

__all__ = ["DATA", "HEADERS", "TOP", "RtlFiles", "read_rtl"]

TOP = "accelerator"
"""The module that a design instantiates, in the file of that name: plain Verilog, unlike the others."""
HEADERS = (".svh", ".vh")
DATA = (".dat", ".mem")
"""What ``$readmemh`` reads."""

_NAME = re.compile(r"[\w./-]+")
_MODULE = re.compile(r"^\s*module\s+(?:automatic\s+|static\s+)?(\w+)", re.MULTILINE)
_READ = re.compile(r'"(?:\./)?([\w./-]+(?:\.dat|\.mem))"')


@dataclass(frozen=True, kw_only=True)
class RtlFiles:
    """``files`` holds the bytes of each by its name relative to ``rtl/``, the names being those that the files use for one another, so
    that they are found where ``rtl/`` itself, or a copy of its contents, is the working directory.

    ``sources`` are in compile order, ``headers`` and ``data`` (:data:`DATA`) sorted, ``includes`` the include folders (``.`` is one where
    headers lie at the top). ``roots`` are the SystemVerilog modules that the accelerator instantiates, sorted.
    """

    files: Mapping[str, bytes]
    sources: tuple[str, ...]
    headers: tuple[str, ...]
    data: tuple[str, ...]
    includes: tuple[str, ...]
    roots: tuple[str, ...]

    @property
    def system(self) -> tuple[str, ...]:
        """The sources but the accelerator's own."""
        return tuple(name for name in self.sources if name != f"{TOP}.v")


def read_rtl(rtl: Path) -> RtlFiles:
    """The files of the folder ``rtl``. Raises :class:`OfframpError` when it is not whole: no ``filelist.f``, a file missing that is
    listed there or named for ``$readmemh``, no ``accelerator.v``; or when a name is none that every tool takes."""
    try:
        sources, includes = read_filelist(rtl / "filelist.f")
    except BuildError as error:
        raise OfframpError(str(error), hint="compile again: `offramp compile` makes rtl/") from None
    listed = tuple(dict.fromkeys(_relative(rtl, path) for path in sources))
    if f"{TOP}.v" not in listed:
        raise OfframpError(f"{rtl / 'filelist.f'} lists no {TOP}.v", hint="compile again: `offramp compile` makes rtl/")
    below = sorted(_relative(rtl, path) for path in rtl.rglob("*") if path.suffix in (*HEADERS, *DATA) and path.is_file())
    headers = tuple(name for name in below if name.endswith(HEADERS) and name not in listed)
    data = tuple(name for name in below if name.endswith(DATA))
    files = {name: (rtl / name).read_bytes() for name in (*listed, *headers, *data)}
    for name in (*listed, *headers):
        for read in _READ.findall(_text(files[name])):
            if read not in files:
                raise OfframpError(f"{rtl / name} reads {read}, which is not in {rtl}", hint="compile again: `offramp compile` makes rtl/")
    folders = [_relative(rtl, path) or "." for path in includes] + [str(Path(name).parent) for name in headers]
    modules = [module for name in listed if name != f"{TOP}.v" for module in _MODULE.findall(_text(files[name]))]
    return RtlFiles(files=files, sources=listed, headers=headers, data=data, includes=tuple(dict.fromkeys(folders)),
                    roots=tuple(sorted(set(_instantiated(_text(files[f"{TOP}.v"]), modules)))))


def _instantiated(verilog: str, modules: list[str]) -> Iterator[str]:
    for module in modules:
        if re.search(rf"^\s*{module}\s+(?:#\(|\\|\w)", verilog, re.MULTILINE):
            yield module


def _text(data: bytes) -> str:
    return data.decode("utf-8", errors="replace")


def _relative(rtl: Path, path: Path) -> str:
    name = path.resolve().relative_to(rtl.resolve()).as_posix() if path.resolve().is_relative_to(rtl.resolve()) else ""
    if not name or (name != "." and not _NAME.fullmatch(name)):
        raise OfframpError(f"{path}: a file of rtl/ must lie in it, and have a name of letters, digits, _, - and .")
    return name
