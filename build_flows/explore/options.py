"""How an exploration is run."""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Options"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """``scheduler`` of a Dask cluster (None: ``count`` processes of this machine, None: one a processor); seconds after the training
    (``budget``; None: as long as it takes), of which predictions may take half; ``data`` goes before the base's ``data.path``."""

    scheduler: str | None = None
    count: int | None = None
    budget: float | None = None
    data: Path | None = None
