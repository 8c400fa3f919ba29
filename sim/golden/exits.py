"""Exits as calibration left them: ``exits.json`` (docs/interfaces.md, section 3), as far as the golden models need it."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sim.golden.errors import GoldenError
from sim.golden.policies import POLICIES

__all__ = ["Exit", "load_exits", "parse_exits"]

VERSION = 1


@dataclass(frozen=True, kw_only=True)
class Exit:
    """One exit's policy: ``threshold`` is the integer the score is compared with; ``params`` are the policy's integer constants."""

    index: int
    policy: str
    threshold: int
    enabled: bool = True
    params: dict[str, Any] = field(default_factory=dict)


def parse_exits(raw: Any, where: str = "exits") -> list[Exit]:
    """Exits from the decoded JSON of ``exits.json``; raises :class:`GoldenError` naming the exit and the key."""
    if not isinstance(raw, dict) or raw.get("version") != VERSION:
        found = raw.get("version") if isinstance(raw, dict) else raw
        raise GoldenError(f"{where}: version must be {VERSION}, not {found!r}")
    entries = raw.get("exits")
    if not isinstance(entries, list) or not entries:
        raise GoldenError(f"{where}: exits must be a list of at least one exit, not {entries!r}")
    exits = []
    for index, entry in enumerate(entries):
        here = f"{where}: exit {index}"
        if not isinstance(entry, dict):
            raise GoldenError(f"{here} must be an object, not {entry!r}")
        for key, kind in (("index", int), ("policy", str), ("threshold", int), ("enabled", bool)):
            if not isinstance(entry.get(key), kind) or (kind is int and isinstance(entry[key], bool)):
                raise GoldenError(f"{here}: {key} must be {kind.__name__}, not {entry.get(key)!r}")
        if entry["index"] != index:
            raise GoldenError(f"{here}: index must be {index}, not {entry['index']}")
        if entry["policy"] not in POLICIES:
            raise GoldenError(f"{here}: policy must be one of {', '.join(sorted(POLICIES))}, not {entry['policy']!r}")
        exits.append(Exit(index=index, policy=entry["policy"], threshold=entry["threshold"], enabled=entry["enabled"],
                          params=dict(entry.get("params") or {})))
    return exits


def load_exits(path: Path | str) -> list[Exit]:
    """Read ``exits.json``; raises :class:`GoldenError` when it is missing or does not fit its definition."""
    try:
        raw = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise GoldenError(f"{path}: no such file") from None
    except (OSError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise GoldenError(f"{path} is not JSON: {error}") from error
    return parse_exits(raw, str(path))
