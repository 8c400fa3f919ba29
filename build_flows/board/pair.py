"""Whether a .bit and, where there is one, a .hwh are of one design, and that the one of a netlist and a board.

What tells designs apart is the register BUILD, which the driver reads, and the SHA-256 in the manifest. A .bit says of itself its part and,
if the tool that wrote it was asked to, BUILD as its UserID.
"""

from collections.abc import Iterator
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board.bitfile import BitHeader, bit_part, read_bit_header
from build_flows.board.design import actual_clock
from build_flows.board.hwh import Hwh, read_hwh
from build_flows.board.platforms import BoardPlatform
from hw.accelerator import build_id
from hw.netlist import Netlist
from hw.zynq.zynq_design import PAGES

__all__ = ["PairError", "check_pair", "mismatches"]

_UNSET = 0xFFFF_FFFF
"""The UserID of a bitstream that was given none."""


class PairError(OfframpError):
    """.bit and .hwh are not those of the netlist: one line a mismatch."""


def check_pair(bit: Path, hwh: Path | None, netlist: Netlist, board: BoardPlatform) -> None:
    """Raise :class:`PairError` unless the files ``bit`` and ``hwh`` (None: there is none) are those of ``netlist`` on ``board``.

    Also raised: :class:`build_flows.board.bitfile.BitError` and :class:`build_flows.board.hwh.HwhError` for files that are something else.
    """
    wrong = mismatches(bit, hwh, netlist, board)
    if wrong:
        raise PairError("\n".join(wrong), hint="build the bitstream again: offramp build, or --plan elsewhere and --from")


def mismatches(bit: Path, hwh: Path | None, netlist: Netlist, board: BoardPlatform) -> list[str]:
    """A line for everything in which the files differ from what ``netlist`` on ``board`` needs; raises as :func:`check_pair` for files
    that are none of the two kinds."""
    header, handoff = read_bit_header(bit), None if hwh is None else read_hwh(hwh)
    found = [f"{bit.name}: {line}" for line in _of_bit(header, netlist, board)]
    if hwh is not None and handoff is not None:
        found += [f"{hwh.name}: {line}" for line in _of_hwh(handoff, netlist, board)]
    return found


def _differ(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what} must be {wanted}, not {found}"


def _of_bit(header: BitHeader, netlist: Netlist, board: BoardPlatform) -> Iterator[str]:
    # Vivado leaves out the family and the speed grade, open tools write the part as they were given it.
    if header.part != board.part:
        yield from _differ("part", header.part, bit_part(board.part))
    if header.user_id not in (None, _UNSET):
        yield from _differ("UserID", f"{header.user_id:#010x}", f"{build_id(netlist):#010x}")


def _of_hwh(handoff: Hwh, netlist: Netlist, board: BoardPlatform) -> Iterator[str]:
    yield from _differ("part", handoff.part, board.part)
    for name, page in PAGES.items():
        found = next((span for instance, span in handoff.ranges.items() if instance.startswith(name)), None)
        text = "absent" if found is None else f"{found[1]} bytes at {found[0]:#010x}"
        yield from _differ(f"{name}'s registers", text, f"{1 << page.addr_width} bytes at {page.base:#010x}")
    yield from _clock(handoff, netlist)


def _clock(handoff: Hwh, netlist: Netlist) -> Iterator[str]:
    """``pynq.Overlay`` sets the clock that this file tells."""
    wanted = actual_clock(netlist.clock_mhz)
    text = handoff.clock
    try:
        same = abs(float(text) - wanted) < 1e-3
    except ValueError:
        same = False
    if not same:
        yield f"FCLK0 must be {wanted:.6f} MHz, not {text or 'absent'}"
