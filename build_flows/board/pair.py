"""Whether a .bit and a .hwh are of one design, and that the one of a netlist and a board."""

from collections.abc import Iterator
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board import design
from build_flows.board.bitfile import BitHeader, bit_part, read_bit_header
from build_flows.board.boards import Board
from build_flows.board.hwh import Hwh, read_hwh
from hw.accelerator import build_id
from hw.netlist import Netlist

__all__ = ["PairError", "check_pair", "mismatches"]


class PairError(OfframpError):
    """.bit and .hwh are not those of the netlist, or not of one design: one line a mismatch."""


def check_pair(bit: Path, hwh: Path, netlist: Netlist, board: Board) -> None:
    """Raise :class:`PairError` unless the files ``bit`` and ``hwh`` are those of ``netlist`` on ``board``.

    Also raised: :class:`build_flows.board.bitfile.BitError` and :class:`build_flows.board.hwh.HwhError` for files that are something else.
    """
    wrong = mismatches(bit, hwh, netlist, board)
    if wrong:
        raise PairError("\n".join(wrong), hint="build the bitstream again: offramp build, or --project-only elsewhere and --from")


def mismatches(bit: Path, hwh: Path, netlist: Netlist, board: Board) -> list[str]:
    """A line for everything in which the two files differ from what ``netlist`` on ``board`` needs; raises as :func:`check_pair` for files
    that are none of the two kinds."""
    header, handoff = read_bit_header(bit), read_hwh(hwh)
    return [*(f"{bit.name}: {line}" for line in _of_bit(header, netlist, board)),
            *(f"{hwh.name}: {line}" for line in _of_hwh(handoff, netlist, board)), *_of_both(bit, header, hwh, handoff)]


def _differ(what: str, found: object, wanted: object) -> Iterator[str]:
    if found != wanted:
        yield f"{what} must be {wanted}, not {found}"


def _of_bit(header: BitHeader, netlist: Netlist, board: Board) -> Iterator[str]:
    yield from _differ("design", header.design, f"{design.design_name(netlist)}_wrapper")
    yield from _differ("part", header.part, bit_part(board.part))
    found = "unset" if header.user_id is None else f"{header.user_id:#010x}"
    yield from _differ("UserID", found, f"{build_id(netlist):#010x}")


def _of_hwh(handoff: Hwh, netlist: Netlist, board: Board) -> Iterator[str]:
    yield from _differ("design", handoff.name, design.design_name(netlist))
    yield from _differ("part", handoff.part, board.part)
    for instance, kind in ((design.DMA, "axi_dma"), (design.ACCELERATOR, "accelerator")):
        yield from _differ(f"{instance}'s kind", handoff.kinds.get(instance, "absent"), kind)
    dma = handoff.parameters.get(design.DMA, {})
    for name, wanted in (
        ("C_INCLUDE_SG", 0), ("C_INCLUDE_MM2S", 1), ("C_INCLUDE_S2MM", 1), ("C_SG_LENGTH_WIDTH", design.LENGTH_BITS),
        ("C_M_AXIS_MM2S_TDATA_WIDTH", netlist.input.bus_bits), ("C_S_AXIS_S2MM_TDATA_WIDTH", netlist.result.bits),
    ):
        yield from _differ(f"{design.DMA}'s {name}", dma.get(name, "absent"), str(wanted))
    for instance, base, size in ((design.DMA, design.DMA_BASE, design.DMA_RANGE),
                                 (design.ACCELERATOR, design.ACCELERATOR_BASE, design.ACCELERATOR_RANGE)):
        found = handoff.ranges.get(instance)
        text = "absent" if found is None else f"{found[1]} bytes at {found[0]:#010x}"
        yield from _differ(f"{instance}'s registers", text, f"{size} bytes at {base:#010x}")
    yield from _clock(handoff, netlist)


def _clock(handoff: Hwh, netlist: Netlist) -> Iterator[str]:
    """The driver counts seconds in cycles of the clock that the manifest tells."""
    wanted = design.actual_clock(netlist.clock_mhz)
    text = handoff.parameters.get(design.PS, {}).get("PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ", "absent")
    try:
        same = abs(float(text) - wanted) < 1e-3
    except ValueError:
        same = False
    if not same:
        yield f"FCLK_CLK0 must be {wanted:.6f} MHz, not {text}"


def _of_both(bit: Path, header: BitHeader, hwh: Path, handoff: Hwh) -> Iterator[str]:
    versions = [".".join(text.split(".")[:2]) for text in (header.version or "", handoff.version)]
    if all(versions) and versions[0] != versions[1]:
        yield f"{bit.name} is of Vivado {versions[0]} and {hwh.name} of {versions[1]}: they do not come from one build"
