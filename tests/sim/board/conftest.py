"""Boards with toy accelerators: models built once for all tests of this folder."""

import dataclasses
from collections.abc import Callable, Iterator

import pytest
from amaranth.back import verilog

from hw.accelerator import Accelerator
from hw.netlist import Netlist
from sim.board.link import Board, BoardJob
from sim.board.model import build_board
from tests import toy
from tests.sim.board.hand import ACCELERATOR_BASE, widen


@pytest.fixture(scope="session")
def toy_job(tmp_path_factory, model_cache) -> Callable[..., tuple[Netlist, BoardJob]]:
    """``toy_job(**shape)``: netlist of a toy and the job of a board with it, without faults."""
    made: dict[str, tuple[Netlist, BoardJob]] = {}

    def make(**shape) -> tuple[Netlist, BoardJob]:
        key = repr(sorted(shape.items()))
        if key not in made:
            rtl = tmp_path_factory.mktemp("board_rtl")
            netlist = toy.build(rtl, thresholds=(880,) * 8, **shape)
            text = verilog.convert(Accelerator(netlist), name="accelerator", emit_src=False, strip_internal_attrs=True)
            (rtl / "accelerator.v").write_text(text, encoding="utf-8")
            (rtl / "filelist.f").write_text("".join(f"{path.name}\n" for path in sorted(rtl.glob("*.v"))), encoding="utf-8")
            model = build_board(netlist, rtl, model_cache)
            made[key] = netlist, BoardJob(model=model, rtl=rtl, accelerator_base=ACCELERATOR_BASE, memory_bytes=1 << 20)
        return made[key]

    return make


@pytest.fixture
def start(toy_job) -> Iterator[Callable[..., tuple[Netlist, Board]]]:
    """``start(faults={...}, seed=..., access_cycles=..., wide=..., **shape)``: a running board, with its clock and (``wide``) the width of
    its port set up; it is ended with the test."""
    running: list[Board] = []

    def make(*, faults=None, seed: int = 1, access_cycles: int = 100, wide: bool = True, clock: float = 100.0,
             **shape) -> tuple[Netlist, Board]:
        netlist, job = toy_job(**shape)
        board = Board(dataclasses.replace(job, faults=faults or {}, seed=seed, access_cycles=access_cycles, fclk0=clock))
        if wide:
            widen(board)
        running.append(board)
        return netlist, board

    yield make
    for board in running:
        board.close()
