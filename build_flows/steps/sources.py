"""What of our own code stands behind a function: the modules that its module imports, and theirs, found without running any of them.

A step's outputs depend on this code, so a step's identity holds its hash. Counted are:

- every module of ours that is imported, at the top of a file or inside a function, and the packages that it lies in; imports for type
  checkers alone (``if TYPE_CHECKING``) do not count;
- what a module declares in ``__sources__``, a tuple of text beside the loader that reads it: files and folders relative to the module's own
  folder (``"templates"``, ``"tcl/*.tcl"``), or modules that are loaded by name (``"sim.benches.accelerator"``);
- distributions: those that the modules import, and those declared in ``__tools__``, programs that are started and not imported.

Python is hashed as a syntax tree without comments and docstrings, other files by their bytes. :data:`EXCLUDED` does not count: how things
are told, and the configuration, which counts by the values that a step is given.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from build_flows.base.files import hash_path, write_json

__all__ = ["EXCLUDED", "ROOMS", "Closure", "Sources", "imported_files"]

ROOMS = ("build_flows", "hw", "offramp_driver", "quant_models", "sim")

EXCLUDED = (
    "build_flows.base.errors", "build_flows.base.ui", "build_flows.cli", "build_flows.project", "build_flows.steps.engine",
    "build_flows.steps.flow", "build_flows.steps.sources", "build_flows.finn_bridge.errors", "quant_models.errors", "sim.errors",
    "sim.golden.errors",
)
"""Modules and packages of ours of which no step's outputs depend."""

DISTRIBUTIONS = {
    "PIL": "pillow", "cocotb_tools": "cocotb", "finn": "finn-plus", "find_libpython": "find-libpython", "sklearn": "scikit-learn",
}
"""Distributions that are not called as the package in them is."""

ELSEWHERE = ("pynq",)
"""Packages of the board alone: code of ours that imports them is packed here, or run beside a stand-in."""

_ROOT = Path(__file__).resolve().parents[2]
_VERSION = 1


@dataclass(frozen=True)
class Closure:
    """``files``: every file that counts, relative to the folder of the rooms, with its hash; ``tools``: the distributions."""

    files: Mapping[str, str]
    tools: frozenset[str]

    @property
    def modules(self) -> list[str]:
        """Dotted names of the Python modules, sorted; a package is named as such."""
        return sorted(
            path.removesuffix(".py").removesuffix("/__init__").replace("/", ".") for path in self.files if path.endswith(".py")
        )


@dataclass
class _Module:
    """What one Python file says: the hash of its code, what it imports and what it declares."""

    digest: str
    imports: list[str] = field(default_factory=list)
    sources: list[str] = field(default_factory=list)
    tools: list[str] = field(default_factory=list)


class Sources:
    """Closures of modules below ``root``, the folder that holds the rooms (ours where None). What was found of a file is kept in ``cache``,
    a JSON file, by the file's content; without one, or where it cannot be written, it is found again."""

    def __init__(self, root: Path | None = None, cache: Path | None = None) -> None:
        self.root = (root or _ROOT).resolve()
        self._cache = cache
        self._known: dict[str, dict[str, Any]] = _read_cache(cache)
        self._fresh = dict(self._known)
        self._modules: dict[Path, _Module] = {}

    def closure(self, module: str, apart: Sequence[str] = ()) -> Closure:
        """What stands behind ``module`` (dotted name, one of ours), without the modules and packages ``apart`` and what only they import;
        raises ``ValueError`` when there is no such module, or when a declared file does not exist."""
        files: dict[str, str] = {}
        tools: set[str] = set()
        waiting = [module]
        seen: set[str] = set()
        while waiting:
            name = waiting.pop()
            if name in seen or _within(name, (*EXCLUDED, *apart)):
                continue
            seen.add(name)
            path = self._find(name)
            if path is None:
                if name == module:
                    raise ValueError(f"sources must begin with a module of {', '.join(ROOMS)}, not {name!r}")
                continue
            parent = name.rpartition(".")[0]
            if parent:
                waiting.append(parent)
            found = self._module(path)
            files[path.relative_to(self.root).as_posix()] = found.digest
            for imported in found.imports:
                top = imported.partition(".")[0]
                if top in ROOMS:
                    waiting += self._ours(imported)
                elif top not in sys.stdlib_module_names and top not in ("__future__", *ELSEWHERE):
                    tools.add(DISTRIBUTIONS.get(top, top))
            tools.update(found.tools)
            for declared in found.sources:
                if declared.partition(".")[0] in ROOMS and self._find(declared) is not None:
                    waiting.append(declared)
                    continue
                for file in _declared(path.parent, declared):
                    if file.suffix == ".py":
                        waiting.append(_dotted(file.relative_to(self.root)))
                    else:
                        files[file.relative_to(self.root).as_posix()] = hash_path(file)
        self._keep()
        return Closure(dict(sorted(files.items())), frozenset(tools))

    def _find(self, name: str) -> Path | None:
        base = self.root.joinpath(*name.split("."))
        for path in (base / "__init__.py", base.with_suffix(".py")):
            if path.is_file():
                return path
        return None

    def _ours(self, imported: str) -> Iterator[str]:
        """``imported`` as it stands and, where it may be a name in a module, that module."""
        if self._find(imported) is not None:
            yield imported
        else:
            yield imported.rpartition(".")[0]

    def _module(self, path: Path) -> _Module:
        if path not in self._modules:
            data = path.read_bytes()
            key = hashlib.sha256(data).hexdigest()
            raw = self._known.get(key)
            package = path.parent.relative_to(self.root).parts
            if raw is None:
                raw = vars(_read(data, str(path), package))
            self._fresh[key] = raw
            self._modules[path] = _Module(**raw)
        return self._modules[path]

    def _keep(self) -> None:
        if self._cache is None or self._fresh == self._known:
            return
        self._known = dict(self._fresh)
        try:
            write_json(self._cache, {"version": _VERSION, "python": list(sys.version_info[:2]), "files": self._known})
        except OSError:
            # Only time is lost.
            self._cache = None


def imported_files(module: str, folder: Path) -> list[Path]:
    """The Python files below ``folder`` that ``module``, one of there, imports, directly or not, with its own; sorted. Files that are no
    Python count, and what they import does not."""
    found: set[Path] = set()
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if "." in name:
            waiting.append(name.rpartition(".")[0])
        base = folder.joinpath(*name.split("."))
        file = next((path for path in (base / "__init__.py", base.with_suffix(".py")) if path.is_file()), None)
        if file is None:
            continue
        found.add(file)
        try:
            waiting += _read(file.read_bytes(), str(file), file.parent.relative_to(folder).parts).imports
        except (SyntaxError, ValueError):
            # Importing it will tell.
            continue
    return sorted(found)


def _read_cache(cache: Path | None) -> dict[str, dict[str, Any]]:
    if cache is None:
        return {}
    try:
        raw = json.loads(cache.read_text(encoding="utf-8"))
        if raw["version"] != _VERSION or raw["python"] != list(sys.version_info[:2]):
            return {}
        return {key: vars(_Module(**value)) for key, value in raw["files"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}


def _within(name: str, places: Sequence[str]) -> bool:
    return any(name == item or name.startswith(f"{item}.") for item in places)


def _dotted(path: Path) -> str:
    return path.as_posix().removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _declared(folder: Path, pattern: str) -> list[Path]:
    """The files that ``pattern`` names below ``folder``, all of those in a folder that it names."""
    while pattern.startswith("../"):
        folder, pattern = folder.parent, pattern.removeprefix("../")
    found = sorted(folder.glob(pattern))
    files = [file for item in found for file in (sorted(item.rglob("*")) if item.is_dir() else [item])]
    files = [file for file in files if file.is_file() and "__pycache__" not in file.parts]
    if not files:
        raise ValueError(f"__sources__ of a module in {folder} names {pattern!r}, and there is no such file")
    return files


@lru_cache(maxsize=4096)  # a process that builds several projects reads each file once; what it gets must not be changed
def _read(data: bytes, name: str, package: tuple[str, ...]) -> _Module:
    tree = ast.parse(data, name)
    found = _Module(digest="")
    _Imports(found, package).visit(tree)
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            declared = {"__sources__": found.sources, "__tools__": found.tools}.get(node.targets[0].id)
            if declared is not None:
                declared += ast.literal_eval(node.value)
    _strip_docstrings(tree)
    found.digest = hashlib.sha256(ast.dump(tree).encode()).hexdigest()
    return found


class _Imports(ast.NodeVisitor):
    """Collects what is imported when the code runs."""

    def __init__(self, found: _Module, package: tuple[str, ...]) -> None:
        self._found, self._package = found, package

    def visit_If(self, node: ast.If) -> None:
        test = node.test
        if isinstance(test, ast.Name) and test.id == "TYPE_CHECKING":
            for item in node.orelse:
                self.visit(item)
            return
        self.generic_visit(node)

    def visit_Import(self, node: ast.Import) -> None:
        self._found.imports += [alias.name for alias in node.names]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        base = self._package[: len(self._package) - node.level + 1] if node.level else ()
        module = ".".join([*base, *([node.module] if node.module else [])])
        self._found.imports += [f"{module}.{alias.name}" for alias in node.names]


def _strip_docstrings(tree: ast.Module) -> None:
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if not isinstance(body, list):
            continue
        # The words after an assignment are for readers too.
        node.body = [  # type: ignore[attr-defined]
            item for item in body
            if not (isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant) and isinstance(item.value.value, str))
        ]
