"""One run of a build plan here, with its progress told, and what went wrong in words."""

import shutil
import time
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.base.ui import Ui
from build_flows.board import vivado, vivado_reports
from build_flows.board.open_tools import OpenFlow
from build_flows.board.plan_file import LOG, PlanFailed, PlanFile
from build_flows.board.results import BitstreamError, missed, open_timing, report_path, slow
from build_flows.board.vivado import Vivado

__all__ = ["Builder", "run_plan"]

Builder = Vivado | OpenFlow
"""What builds: the tools of one flow, found on this machine."""


def run_plan(builder: Builder, plan: PlanFile, folder: Path, ui: Ui) -> None:
    """Unpack ``plan`` into ``folder`` and run it there; raises :class:`OfframpError` when it did not end with a bitstream."""
    facts, log = plan.facts, folder / LOG
    _clear(folder, facts["name"])
    tool = f"Vivado {builder.version}" if isinstance(builder, Vivado) else "the open flow"
    began = time.monotonic()
    ui.info(f"{tool} builds {facts['design']}; all it prints is in {log}")
    with ui.progress(tool) as bar:
        last = ""

        def tell(phase: str, detail: str) -> None:
            nonlocal last
            if phase != last:
                ui.info(f"{tool}, after {(time.monotonic() - began) / 60:.0f} min: {phase}")
                last = phase
            bar.update(text=f"{phase}: {detail}" if detail else phase)

        try:
            plan.run(folder, tell)
        except PlanFailed as failed:
            raise (_vivado_failed if isinstance(builder, Vivado) else _open_failed)(folder, facts, failed) from None


def _vivado_failed(folder: Path, facts: dict[str, str], failed: PlanFailed) -> OfframpError:
    # What does not fit or misses timing is told by how much.
    timing, synthesised = (report_path(folder, facts, name) for name in (vivado_reports.TIMING, vivado_reports.UTILISATION_SYNTH))
    if timing.is_file() and not (found := vivado_reports.read_timing(timing)).met:
        return missed(found)
    short = vivado_reports.read_utilisation(synthesised).shortages() if synthesised.is_file() else []
    return vivado.explain_log(failed.code, failed.text, folder / LOG, part=facts["part"], short=short)


def _open_failed(folder: Path, facts: dict[str, str], failed: PlanFailed) -> OfframpError:
    timing = open_timing(folder, facts)
    if timing is not None and not timing.met:
        return slow(timing)
    # What a tool says of it says more than which one it was.
    own = next((line.strip() for line in failed.text.splitlines() if line.startswith("ERROR:")), None)
    more = "" if own is None else f"; {own.removeprefix('ERROR: ')}"
    return BitstreamError(failed.message + more, hint=failed.hint)


def _clear(folder: Path, name: str) -> None:
    """Remove what a run before left that could be taken for this one's."""
    if not folder.is_dir():
        return
    for path in (folder / LOG, *folder.glob(f"{name}.*"), *folder.glob(f"{name}_*")):
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
