"""Whether two projects have the same RTL but for what its memories hold: heads that were exchanged."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from build_flows.artefacts.memory_files import MEMORIES

__all__ = ["Exchange", "differences"]


@dataclass(frozen=True, kw_only=True)
class Exchange:
    """The files below two ``rtl/`` folders that differ or are in one only, relative to it, sorted: ``memories``, and ``others``, of which
    there are none when only heads were exchanged."""

    memories: tuple[str, ...]
    others: tuple[str, ...]

    def to_json(self, start: Path) -> dict[str, Any]:
        """What ``offramp compile --json`` tells; ``start`` is the folder of the project compared with."""
        return {"start": str(start), "same_rtl": not self.others, "memories": list(self.memories), "others": list(self.others)}

    def told(self, start: Path) -> str:
        """The same for a person, in a line."""
        if not self.others:
            return f"the RTL is that of {start}, with other contents in these of its memories: {', '.join(self.memories) or 'none'}"
        more = f" and {len(self.others) - 1} more" if len(self.others) > 1 else ""
        return (
            f"warning: the RTL is not that of {start}: {self.others[0]}{more} differ; build.exchangeable_heads, target and build must be "
            "the same in both, and what the stages are planned for"
        )


def differences(first: Path, second: Path) -> Exchange:
    """What differs between the ``rtl/`` folders ``first`` and ``second``, byte by byte."""
    names = {item.relative_to(folder).as_posix() for folder in (first, second) for item in folder.rglob("*") if item.is_file()}

    def same(name: str) -> bool:
        one, other = first / name, second / name
        return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()

    changed = sorted(name for name in names if not same(name))
    inside = [name for name in changed if name.startswith(f"{MEMORIES}/") and (first / name).is_file() and (second / name).is_file()]
    return Exchange(memories=tuple(inside), others=tuple(name for name in changed if name not in inside))
