"""A build plan for a design on a board: a zip that any machine with the tools makes a bitstream of, with one command."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from amaranth.hdl import Signal

from build_flows.base.errors import OfframpError
from build_flows.board.open_plan import OpenPlan, OpenTools
from build_flows.board.plan_base import PlanBase
from build_flows.board.plan_file import pack
from build_flows.board.platforms import BoardPlatform
from build_flows.board.rtl_files import RtlFiles, read_rtl
from build_flows.board.vivado_plan import VivadoPlan

__all__ = ["FLOWS", "plan"]

FLOWS: Mapping[str, type[PlanBase]] = {"vivado": VivadoPlan, "open": OpenPlan}


def plan(top: Any, rtl: Path, board: BoardPlatform, flow: str, clock_mhz: float, *, name: str = "top", clock: Signal | None = None,
         tools: OpenTools | None = None, notes: Mapping[str, Any] | None = None) -> bytes:
    """The zip of the build plan of ``top`` for ``board`` by ``flow``, one of :data:`FLOWS` (else ValueError).

    ``top`` is an elaboratable that drives its own clock domain from the processing system, has no pins, and instantiates the module
    ``accelerator`` of the folder ``rtl``; its module is called ``name``, and so are the files that come of it (letters, digits and ``_``,
    else ValueError). ``clock`` is the net that FCLK0 drives, to be constrained to ``clock_mhz``: where None, ``top.fclk0`` or
    ``top.ps7.fclk0``. ``tools`` are those of the open flow. ``notes`` are facts to be kept in the plan, such as the network's BUILD: JSON.

    The same inputs give the same bytes, whatever the environment holds. Raises :class:`OfframpError` for an ``rtl/`` that is not whole, a
    clock above 0 MHz that is none, or a design without that net.
    """
    if flow not in FLOWS:
        raise ValueError(f"flow must be one of {', '.join(FLOWS)}, not {flow!r}")
    if not name.isidentifier() or not name.isascii():
        raise ValueError(f"name must be of letters, digits and _, not {name!r}")
    if not clock_mhz > 0:
        raise OfframpError(f"the clock must be above 0 MHz, not {clock_mhz:g}")
    files = read_rtl(rtl)
    platform = _platform(board, flow, files, tools)
    made = platform.plan_of(top, clock if clock is not None else _clock(top), clock_mhz, name)
    facts = {"board": board.name, "part": board.part, "flow": flow, "clock_mhz": clock_mhz, "name": name, **(notes or {})}
    return pack({file: content.encode() if isinstance(content, str) else content for file, content in made.files.items()}, facts)


def _platform(board: BoardPlatform, flow: str, files: RtlFiles, tools: OpenTools | None) -> PlanBase:
    made: PlanBase = board.platform(FLOWS[flow])(files, *([tools] if flow == "open" else []))
    return made


def _clock(top: Any) -> Signal:
    for owner in (top, getattr(top, "ps7", None)):
        clock = getattr(owner, "fclk0", None)
        if isinstance(clock, Signal):
            return clock
    raise OfframpError(f"{type(top).__name__} has no signal fclk0, the net that the processing system's clock drives")
