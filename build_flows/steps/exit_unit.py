"""An exit of a project as a unit of its own."""

from build_flows.base.ui import Ui
from build_flows.exit_unit.generate import check_exit, of_netlist
from build_flows.exit_unit.spec import UnitSpec
from build_flows.project.load import Project
from build_flows.steps.flow import open_flow
from hw.netlist import load

__all__ = ["of_project"]


def of_project(project: Project, index: int, ui: Ui) -> tuple[UnitSpec, bool]:
    """Exit ``index`` of ``project`` as its accelerator has it, and whether it is enabled; runs the steps that are still missing.

    Raises :class:`build_flows.base.errors.OfframpError` when there is no such exit.
    """
    check_exit(index, len(project.config.built))
    with open_flow(project, ui) as flow:
        flow.compile()
        return of_netlist(load(flow.path("netlist.json").read_text(encoding="utf-8")), index)
