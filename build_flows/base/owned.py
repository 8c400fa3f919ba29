"""Which files of an output folder are ours: those that a stamp there covers, by name and content. All others are the user's, and are
set aside before something of ours takes their place: never overwritten, never removed.

A stamp is a JSON file ``.steps/<name>.json`` with ``outputs``, the hash of every file or folder that was left there, and, while they are
being replaced, ``placing``, the hashes of what stands there or will: a kill between two renames leaves nothing that no stamp covers.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from build_flows.base.errors import OfframpError
from build_flows.base.files import hash_path, move_into_place, write_bytes, write_json
from sim.tools.cache import sync_tree

__all__ = ["STAMPS", "known_hashes", "place", "read_stamp", "set_aside", "write_owned"]

STAMPS = ".steps"
"""The folder of the stamps, in the folder that they are of."""

_MOST = 10_000


def read_stamp(path: Path) -> dict[str, Any]:
    """The stamp at ``path``; empty when there is none that can be read."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("outputs"), dict) else {}


def known_hashes(folder: Path) -> dict[str, set[str]]:
    """The hashes of what was left in ``folder`` by us, by name (relative to it)."""
    found: dict[str, set[str]] = {}
    for path in sorted((folder / STAMPS).glob("*.json")):
        stamp = read_stamp(path)
        placing = stamp.get("placing")
        for name, digest in stamp.get("outputs", {}).items():
            found.setdefault(name, set()).add(str(digest))
        for name, digests in placing.items() if isinstance(placing, dict) else ():
            found.setdefault(name, set()).update(map(str, digests if isinstance(digests, list) else ()))
    return found


def place(
    folder: Path, work: Path, names: Collection[str], record: str, made: Callable[[Mapping[str, str]], Mapping[str, Any]],
    tell: Callable[[str], None],
) -> None:
    """Rename the files and folders ``names`` in ``work`` into ``folder`` (same file system), and write the stamp called ``record``.

    ``made(hashes)`` is the stamp for the hashes of what is put there, by name; it must hold them as its ``outputs``. What stands there
    and no stamp covers is set aside, and ``tell`` is given a line about it. Interrupted at any moment, what of ours stands in ``folder`` is
    still covered.
    """
    known = known_hashes(folder)
    stamp = folder / STAMPS / f"{record}.json"
    hashes = {name: hash_path(work / name) for name in names}
    there = {name: hash_path(folder / name) for name in names}
    theirs = [name for name in names if there[name] not in {hashes[name], *known.get(name, ())} or _holds_links(folder / name)]
    for name in names:
        sync_tree(work / name)
    before = read_stamp(stamp)
    placing = {name: sorted({hashes[name], *({there[name]} & known.get(name, set()))}) for name in names}
    # Without an identity it is the stamp of no step that may be skipped.
    write_json(stamp, {
        "version": before.get("version", 0), "identity": "", "outputs": before.get("outputs", {}), "placing": placing,
    })
    for name in theirs:
        _clear(folder, name, tell)
    for name in names:
        move_into_place(work / name, folder / name, folder / STAMPS / f"{name.replace('/', '-')}.old")
    sync_tree(folder, deep=False)
    write_json(stamp, made(hashes))


def write_owned(folder: Path, record: str, files: Mapping[str, bytes], tell: Callable[[str], None]) -> None:
    """Write ``files`` (content by name, relative to ``folder``), each whole or not at all, covered by the stamp called ``record``. What
    the user has changed or put in their place is set aside, and ``tell`` is given a line about it; a file that stands as it is to be is
    left alone. Files that an earlier stamp of this name covers, and are not among ``files``, stay."""
    stamp = folder / STAMPS / f"{record}.json"
    known = known_hashes(folder)
    hashes = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    there = {name: hash_path(folder / name) for name in files}
    changed = [name for name in files if there[name] != hashes[name]]
    before = read_stamp(stamp)
    outputs = {**before.get("outputs", {}), **hashes}
    if not changed and before.get("outputs") == outputs:
        return
    # Known before they are written: a kill leaves nothing that no stamp covers.
    write_json(stamp, {"version": 1, "identity": "", "outputs": outputs, "placing": {
        name: sorted({hashes[name], *({there[name]} & known.get(name, set()))}) for name in files
    }})
    for name in changed:
        if there[name] not in known.get(name, ()):
            _clear(folder, name, tell)
        write_bytes(folder / name, files[name])
    write_json(stamp, {"version": 1, "identity": "", "outputs": outputs})


def set_aside(path: Path) -> Path:
    """Rename ``path`` to a free name beside it, ``<name>.kept-1`` or the next number, and give that."""
    for number in range(1, _MOST):
        free = path.with_name(f"{path.name}.kept-{number}")
        if not free.exists() and not free.is_symlink():
            return path.rename(free)
    raise OfframpError(f"{path} is in the way, and {_MOST - 1} files are kept beside it already", hint="remove some of them")


def _clear(folder: Path, name: str, tell: Callable[[str], None]) -> None:
    """Set aside what stands in the place of ``name``."""
    target = folder / name
    if target.exists() or target.is_symlink():
        kept = set_aside(target)
        tell(f"warning: {name} is not as offramp left it: kept as {kept.relative_to(folder)}")
    for parent in Path(name).parents[:-1]:
        # A file where a folder has to be.
        if (folder / parent).exists() and not (folder / parent).is_dir():
            kept = set_aside(folder / parent)
            tell(f"warning: {parent} is not as offramp left it: kept as {kept.relative_to(folder)}")


def _holds_links(path: Path) -> bool:
    """Whether ``path`` is or holds a link or what is neither file nor folder, which no hash covers."""
    below = path.rglob("*") if path.is_dir() and not path.is_symlink() else ()
    return any(item.is_symlink() or not (item.is_file() or item.is_dir()) for item in (path, *below) if item.is_symlink() or item.exists())
