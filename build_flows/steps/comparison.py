"""Which comparison a project was part of: ``compare.json`` beside its output folder that tells of the very RTL in it."""

from pathlib import Path

from build_flows.artefacts.compare import CompareFile
from build_flows.base.files import hash_path
from build_flows.pages.report_speedup import find_row
from quant_models.records import ArtefactError

__all__ = ["COMPARE", "find_comparison"]

COMPARE = "compare.json"


def find_comparison(output: Path) -> Path | None:
    """The newest ``compare.json`` where ``offramp compare`` writes it for the project in the folder ``output`` that has a row of the RTL
    in it as it is now; None when there is none. One that cannot be read, or was given another folder with ``--output``, is not seen."""
    places = sorted([output.parent / COMPARE, *output.parent.glob(f"*_compare/{COMPARE}")])
    there = [path for path in places if path.is_file()]
    if not there:
        return None
    rtl = hash_path(output / "rtl")
    found = [path for path in there if _tells_of(path, rtl)]
    return max(found, key=lambda path: path.stat().st_mtime_ns, default=None)


def _tells_of(path: Path, rtl: str) -> bool:
    try:
        return find_row(CompareFile.load(path), rtl) is not None
    except ArtefactError:
        return False
