"""What an exploration is about, once everything is trained."""

from collections.abc import Sequence
from dataclasses import dataclass

from build_flows.explore.design_files import DesignFiles
from build_flows.explore.evaluate import Source
from build_flows.explore.predict import Goal
from build_flows.explore.search_file import SearchFile
from build_flows.explore.space import Space

__all__ = ["Setting"]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is searched for (``search``), the configurations behind it (``files``), the trained ``sources``, the network without exits that
    was trained by itself last among them, what designs are for (``goal``), and all that may be chosen (``space``)."""

    search: SearchFile
    files: DesignFiles
    sources: Sequence[Source]
    goal: Goal
    space: Space
