"""Whether two projects have the same RTL but for what its memories hold: heads that were exchanged."""

from pathlib import Path

from build_flows.artefacts.memory_files import MEMORIES
from quant_models.records import Record

__all__ = ["Exchange", "differences"]


class Exchange(Record):
    """What ``offramp compile --json`` tells of a project whose heads were exchanged: the folder of the project ``start`` compared with,
    and the files below the two ``rtl/`` that differ or are in one only, relative to it, sorted: ``memories``, and ``others``, of which
    there are none when only heads were exchanged (``same_rtl``)."""

    start: str
    same_rtl: bool
    memories: list[str]
    others: list[str]

    def told(self) -> str:
        """The same for a person, in a line."""
        if self.same_rtl:
            return f"the RTL is that of {self.start}, with other contents in these of its memories: {', '.join(self.memories) or 'none'}"
        more = f" and {len(self.others) - 1} more" if len(self.others) > 1 else ""
        return (
            f"warning: the RTL is not that of {self.start}: {self.others[0]}{more} differ; build.exchangeable_heads, target and build must "
            "be the same in both, and what the stages are planned for"
        )


def differences(start: Path, own: Path) -> Exchange:
    """What differs between the ``rtl/`` in the output folders ``start`` and ``own``, byte by byte."""
    first, second = start / "rtl", own / "rtl"
    names = {item.relative_to(folder).as_posix() for folder in (first, second) for item in folder.rglob("*") if item.is_file()}

    def same(name: str) -> bool:
        one, other = first / name, second / name
        return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()

    changed = sorted(name for name in names if not same(name))
    inside = [name for name in changed if name.startswith(f"{MEMORIES}/") and (first / name).is_file() and (second / name).is_file()]
    others = [name for name in changed if name not in inside]
    return Exchange(start=str(start), same_rtl=not others, memories=inside, others=others)
