"""Where a user's module lies, and importing it from there without leaving anything behind."""

import importlib.machinery
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from quant_models.errors import QuantModelError

__all__ = ["find_source", "importable"]


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Modules in ``folder`` can be imported; afterwards they, and the path, are forgotten, so that another folder's may have their
    names."""
    before, known = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path[:] = before
        for name in set(sys.modules) - known:
            found = getattr(sys.modules[name], "__file__", None)
            if found is not None and Path(found).resolve().is_relative_to(folder.resolve()):
                del sys.modules[name]


def find_source(factory: str, folder: Path) -> Path:
    """The package's folder, or the file, of ``module:function``, found without importing it; raises :class:`QuantModelError`."""
    top = factory.partition(":")[0].partition(".")[0]
    found = importlib.machinery.PathFinder.find_spec(top, [str(folder), *sys.path])
    if found is None:
        raise QuantModelError(f"there is no module {top} in {folder} or on Python's path")
    if found.submodule_search_locations:
        return Path(next(iter(found.submodule_search_locations)))
    if found.origin is None or not Path(found.origin).is_file():
        raise QuantModelError(f"module {top} has no source file")
    return Path(found.origin)
