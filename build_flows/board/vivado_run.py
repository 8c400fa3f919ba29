"""One run of Vivado in a project folder, with its progress told, and what went wrong in words."""

import shutil
import time
from pathlib import Path

from build_flows.base.ui import Ui
from build_flows.board import vivado, vivado_reports
from build_flows.board.boards import Board
from build_flows.board.design import design_name
from build_flows.board.results import missed
from build_flows.board.vivado import Vivado
from build_flows.board.vivado_project import RESULTS, vivado_arguments
from hw.netlist import Netlist

__all__ = ["build_project"]


def build_project(tool: Vivado, project: Path, netlist: Netlist, board: Board, ui: Ui) -> None:
    """One run of Vivado in ``project``; raises when it did not end with results that may be taken."""
    for name in (RESULTS, vivado.LOG):
        _remove(project / name)
    began, log = time.monotonic(), project / vivado.LOG
    ui.info(f"Vivado {tool.version} builds {design_name(netlist)}; all it prints is in {log}")
    with ui.progress(f"Vivado {tool.version}") as bar:
        last = ""

        def tell(phase: str, detail: str) -> None:
            nonlocal last
            if phase != last:
                ui.info(f"Vivado, after {(time.monotonic() - began) / 60:.0f} min: {phase}")
                last = phase
            bar.update(text=f"{phase}: {detail}" if detail else phase)

        code = vivado.run_vivado(tool, vivado_arguments(netlist, board), project, tell)
    # Its working directory while it synthesises; what it leaves there is none of the RTL.
    _remove(project / "rtl" / ".Xil")
    reports = project / RESULTS / "reports"
    # What does not fit or misses timing is told by how much, whatever the Tcl made of it.
    if (reports / vivado_reports.TIMING).is_file():
        timing = vivado_reports.read_timing(reports / vivado_reports.TIMING)
        if not timing.met:
            raise missed(timing)
    if code:
        synthesised = reports / vivado_reports.UTILISATION_SYNTH
        short = vivado_reports.read_utilisation(synthesised).shortages() if synthesised.is_file() else []
        raise vivado.explain_log(code, log.read_text(encoding="utf-8", errors="replace"), log, part=board.part, short=short)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
