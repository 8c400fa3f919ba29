"""What Vivado has open while a script runs on the model of it, and what its commands share."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from build_flows.board.block_model import BlockDesign
from build_flows.board.rtl_module import RtlModule, read_module
from build_flows.board.vivado_commands import Call, Refused

__all__ = ["Behaviour", "VivadoState"]

_STAGES = ("synth_design", "opt_design", "place_design", "route_design")


@dataclass(frozen=True)
class Behaviour:
    """What Vivado would find: its version, the worst slacks in ns, and how many DSPs of the part's 220 the design takes."""

    version: str = "2022.2"
    setup: str = "0.412"
    hold: str = "0.031"
    dsps: int = 10


@dataclass
class VivadoState:
    """Nothing open. ``calls`` counts each command; ``properties`` are those set, by object and name; ``severities`` those of messages."""

    behaviour: Behaviour = Behaviour()
    calls: dict[str, int] = field(default_factory=dict)
    properties: dict[tuple[str, str], str] = field(default_factory=dict)
    severities: dict[str, str] = field(default_factory=dict)
    files: dict[str, Path] = field(default_factory=dict)
    project: Path | None = None
    part: str = ""
    design: BlockDesign | None = None
    valid: bool = False
    generated: bool = False
    done: list[str] = field(default_factory=list)

    def opened(self) -> Path:
        """The folder of the open project."""
        if self.project is None:
            raise Refused("no project is open")
        return self.project

    def block(self) -> BlockDesign:
        """The open block design."""
        if self.design is None:
            raise Refused("no block design is open")
        return self.design

    def find_module(self, name: str) -> RtlModule | None:
        """Module ``name`` of the files added, if it is one that a block design may refer to."""
        for path in self.files.values():
            # A module reference may be Verilog or VHDL, but not SystemVerilog (UG994).
            if path.suffix == ".v" and re.search(rf"^module {re.escape(name)}\b", text := path.read_text(encoding="utf-8"), re.MULTILINE):
                return read_module(text, name)
        return None

    def generated_path(self, folder: str, name: str) -> Path:
        """Where what is generated of the block design lies."""
        design = self.block().name
        path = self.opened() / f"{self.properties['project', 'name']}.gen/sources_1/bd/{design}" / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return path

    def stage(self, name: str) -> str:
        """Enter a stage of implementation; each follows the one before."""
        before = _STAGES.index(name)
        if before:
            self.after(_STAGES[before - 1])
        if name in self.done:
            raise Refused(f"{name}: done already")
        self.done.append(name)
        return ""

    def after(self, name: str) -> None:
        """Refuse unless stage ``name`` was done."""
        if name not in self.done:
            raise Refused(f"it needs {name} before")

    @staticmethod
    def write_report(call: Call, text: str) -> str:
        """Write ``text`` where option -file says."""
        (call.folder / call.options["-file"].text).write_text(text, encoding="utf-8")
        return ""
