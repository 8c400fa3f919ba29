"""``<output>/bitstream`` as ``offramp build`` leaves it, without Vivado, and test images for toys."""

import types
from pathlib import Path
from typing import Any

import numpy as np

from build_flows.base.files import hash_path, write_json
from build_flows.board.bitfile import bit_header, bit_part
from build_flows.board.boards import BOARDS
from build_flows.board.design import design_name
from build_flows.board.stand_in import write_stand_in
from hw.accelerator import build_id
from hw.netlist import Netlist
from tests import toy


def put_bitstream(
    output: Path, netlist: Netlist, *, board: str = "pynq-z2", date: str = "2025/01/01", hwh_of: Netlist | None = None
) -> None:
    """Stand-ins for .bit (built on ``date``) and .hwh (of ``hwh_of``, when that is another netlist), and their description."""
    folder, chosen = output / "bitstream", BOARDS[board]
    bit, hwh = write_stand_in(folder, netlist, chosen)
    title = f"{design_name(netlist)}_wrapper;UserID=0X{build_id(netlist):08X};Version=2022.2"
    bit.write_bytes(bit_header(design=title, part=bit_part(chosen.part), date=date, time="12:00:00", length=0))
    if hwh_of is not None:
        write_stand_in(output / "other", hwh_of, chosen)[1].replace(hwh)
    write_json(folder / "bitstream.json", {
        "version": 1, "design": design_name(netlist), "build": build_id(netlist), "board": board, "part": chosen.part, "vivado": "2022.2",
        "clock_mhz": netlist.clock_mhz, "files": {path.name: hash_path(path) for path in (bit, hwh)}})


def toy_data(project: object) -> Any:
    """What ``build_flows.steps.training.dataset`` gives, for the toy."""
    return types.SimpleNamespace(x_test=toy.images(60), y_test=np.arange(60) % 3)
