"""``<output>/bitstream`` as ``offramp build`` leaves it, without its tools, what a build elsewhere leaves, and test images for toys."""

import os
import shutil
import subprocess
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from build_flows.base.files import hash_path, write_json
from build_flows.board import plan as made
from build_flows.board.bitfile import bit_header, bit_part
from build_flows.board.design import actual_clock, design_name
from build_flows.board.plan_file import PlanFile
from build_flows.board.platforms import PLATFORMS
from build_flows.project.load import Project
from build_flows.steps import bitstream
from hw.accelerator import build_id
from hw.netlist import Netlist, dump, load
from hw.zynq.zynq_top import ZynqTop
from tests import toy
from tests.build_flows.board import fake_open, fake_vivado

_PLANS: dict[str, bytes] = {}


def plan(top: ZynqTop, rtl: Path, board: Any, flow: str, clock: float, **more: Any) -> bytes:
    """A build plan, made once in a test run: that takes seconds."""
    key = repr((dump(top.netlist), hash_path(rtl), board, flow, clock, sorted(more.items())))
    if key not in _PLANS:
        _PLANS[key] = made.plan(top, rtl, board, flow, clock, **more)
    return _PLANS[key]


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build plans are made once in a test run."""
    monkeypatch.setattr(bitstream, "plan", plan)


def plan_of(project: Project, board: str = "pynq-z2", way: str = "vivado") -> PlanFile:
    """The plan of the compiled ``project``."""
    netlist = load((project.output / "netlist.json").read_text(encoding="utf-8"))
    notes = {"network": netlist.name, "design": design_name(netlist), "build": build_id(netlist)}
    return PlanFile(plan(ZynqTop(netlist), project.output / "rtl", PLATFORMS[board], way, actual_clock(netlist.clock_mhz), tools=None,
                         notes=notes))


def put_bitstream(
    output: Path, netlist: Netlist, *, board: str = "pynq-z2", date: str = "2025/01/01", part: str | None = None,
    reports: str | None = None,
) -> None:
    """A stand-in for a .bit (built on ``date``, for ``part`` if not ``board``'s), Vivado's ``reports`` of that version (None: none), and
    their description."""
    folder, chosen = output / "bitstream", PLATFORMS[board]
    folder.mkdir(parents=True, exist_ok=True)
    bit = folder / f"{netlist.name.replace('-', '_')}.bit"
    bit.write_bytes(bit_header(design="top;UserID=0XFFFFFFFF;Version=2022.2", part=bit_part(part or chosen.part), date=date,
                               time="12:00:00", length=0))
    files = [bit]
    if reports is not None:
        shutil.copytree(fake_vivado.REPORTS / reports, folder / "reports")
        files += sorted((folder / "reports").iterdir())
    write_json(folder / "bitstream.json", {
        "version": 2, "design": design_name(netlist), "build": build_id(netlist), "board": board, "part": chosen.part, "flow": "vivado",
        "tools": {"vivado": "2022.2"}, "clock_mhz": netlist.clock_mhz,
        "files": {path.relative_to(folder).as_posix(): hash_path(path) for path in files}})


def built_elsewhere(project: Project, tmp_path: Path, version: str = "2022.2", board: str = "pynq-z2", way: str = "vivado") -> Path:
    """The folder where the plan of the compiled ``project`` was unpacked, and run with nothing of offramp at hand."""
    away, tools = tmp_path / f"away {version} {board} {way}", tmp_path / "their bin"
    found = plan_of(project, board, way)
    found.unpack(away)
    if way == "vivado":
        fake_vivado.install(tools, version=version)
        environment = {"PATH": f"{tools}:/usr/bin:/bin"}
    else:
        fake_open.install(tools)
        environment = fake_open.environment(tools)
    with (away / "build.log").open("wb") as log:
        subprocess.run(["sh", found.script], cwd=away, env={**os.environ, **environment}, stdout=log, stderr=subprocess.STDOUT, check=True)
    shutil.rmtree(tools)
    return away


def toy_data(*_: object) -> Any:
    """What ``build_flows.steps.data.dataset`` gives, for the toy."""
    return types.SimpleNamespace(x_test=toy.images(60), y_test=np.arange(60) % 3, scale=None)
