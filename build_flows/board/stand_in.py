"""A file that stands in for a bitstream where no tool is that makes one: what it says of the design is true, but it configures nothing.

The board's driver, run against the simulated board, and the tests use it.
"""

from pathlib import Path

from build_flows.base.files import write_bytes
from build_flows.board import design
from build_flows.board.bitfile import bit_header, bit_part
from build_flows.board.platforms import BoardPlatform
from hw.accelerator import build_id
from hw.netlist import Netlist

__all__ = ["write_stand_in"]


def write_stand_in(folder: Path, netlist: Netlist, board: BoardPlatform) -> Path:
    """Write ``NAME.bit`` for ``netlist`` on ``board`` into ``folder``, and give its path. The same netlist gives the same bytes."""
    bit = folder / f"{design.file_name(netlist)}.bit"
    title = f"{design.design_name(netlist)};UserID=0X{build_id(netlist):08X}"
    write_bytes(bit, bit_header(design=title, part=bit_part(board.part), date="1970/01/01", time="00:00:00", length=0))
    return bit
