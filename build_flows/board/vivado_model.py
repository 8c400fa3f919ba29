"""Vivado's commands on a model: strict about what they are given and in which order, silent about what Vivado would compute (UG835)."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from build_flows.base.errors import OfframpError
from build_flows.board.block_model import BlockError
from build_flows.board.design import actual_clock
from build_flows.board.vivado_blocks import BlockCommands
from build_flows.board.vivado_commands import Call, Refused, Word, read_call

__all__ = ["VivadoModel"]

_SOURCES = {".v", ".sv", ".dat"}
_PROPERTIES: dict[str, dict[str, tuple[str, ...]]] = {
    "project": {"target_language": ("Verilog", "VHDL"), "source_mgmt_mode": ("All", "None", "DisplayOnly")},
    "fileset": {"top": ()},
    "file": {"file_type": ("Memory Initialization Files", "Verilog", "SystemVerilog"),
             "synth_checkpoint_mode": ("None", "Singular", "Hierarchical")},
    "design": {"BITSTREAM.CONFIG.USERID": ()},
}


class VivadoModel(BlockCommands):
    """A Vivado with nothing open, and the commands for projects, synthesis and implementation."""

    def run(self, command: str, words: Sequence[Word], folder: Path) -> list[str] | str:
        """Do ``command`` in working directory ``folder``; a list, or a text. Raises :class:`Refused`."""
        call = read_call(command, words, folder)
        self.calls[command] = self.calls.get(command, 0) + 1
        method: Callable[[Call], list[str] | str] = getattr(self, f"_{command}")
        try:
            return method(call)
        except (BlockError, OfframpError) as error:
            raise Refused(f"{command}: {error}") from None

    # Project and files.

    def _version(self, call: Call) -> str:
        return self.behaviour.version

    def _set_param(self, call: Call) -> str:
        name, value = call.given
        if name.text != "general.maxThreads" or not value.text.isdigit() or not 1 <= int(value.text) <= 32:
            raise Refused(f"set_param: {name.text} {value.text}")
        return ""

    def _set_msg_config(self, call: Call) -> str:
        if not re.fullmatch(r"\w+ \d+-\d+", call.options["-id"].text):
            raise Refused(f"set_msg_config: no message is called {call.options['-id'].text}")
        self.severities[call.options["-id"].text] = call.options["-new_severity"].text
        return ""

    def _get_parts(self, call: Call) -> list[str]:
        return [call.given[0].text] if call.given[0].text.startswith("xc7z") else []

    def _create_project(self, call: Call) -> list[str]:
        self.project, self.part = call.folder / call.given[1].text, call.options["-part"].text
        self.project.mkdir(parents=True, exist_ok=True)
        self.properties["project", "name"] = call.given[0].text
        return ["project"]

    def _current_project(self, call: Call) -> list[str]:
        self.opened()
        return ["project"]

    def _get_filesets(self, call: Call) -> list[str]:
        if call.given[0].text != "sources_1":
            raise Refused(f"get_filesets: no file set is called {call.given[0].text}")
        return ["fileset"]

    def _add_files(self, call: Call) -> list[str]:
        self.opened()
        for name in call.given[0].items:
            path = call.folder / name
            if not path.is_file() or path.suffix not in _SOURCES:
                raise Refused(f"add_files: {name} is no file, or of no known kind")
            self.files[str(path)] = path
        return list(call.given[0].items)

    def _get_files(self, call: Call) -> list[str]:
        wanted = [name for word in call.given for name in word.items]
        found = [path for path in self.files for name in wanted if path == str(call.folder / name) or path.endswith(f"/{name}")]
        if len(found) != len(wanted):
            raise Refused(f"get_files: {' '.join(wanted)} are {len(found)} files")
        return found

    def _update_compile_order(self, call: Call) -> str:
        self.opened()
        return ""

    def _can_resolve_reference(self, call: Call) -> str:
        return str(int(self.find_module(call.given[0].text) is not None))

    def _set_property(self, call: Call) -> str:
        if "-dict" in call.options:
            items = call.options["-dict"].items
            pairs, objects = dict(zip(items[::2], items[1::2], strict=True)), call.given[0]
        else:
            pairs, objects = {call.given[0].text: call.given[1].text}, call.given[2]
        if not objects.items:
            raise Refused(f"set_property: no object to set {', '.join(pairs)} of")
        for target in objects.items:
            if target.startswith("/") and self.design is not None and target[1:] in self.design.cells:
                wrong = [name for name in pairs if not name.startswith("CONFIG.")]
                if wrong:
                    raise Refused(f"set_property: a cell has no {', '.join(wrong)}")
                self.design.configure(target, {name.removeprefix("CONFIG."): value for name, value in pairs.items()})
                continue
            known = _PROPERTIES.get("file" if target in self.files else target, {})
            for name, value in pairs.items():
                if name not in known or (known[name] and value not in known[name]):
                    raise Refused(f"set_property: {name} of {target} cannot be {value!r}")
                self.properties[target, name] = value
        return ""

    def _get_property(self, call: Call) -> str:
        name, target = call.given[0].text, call.given[1].text
        if (name, target) == ("DIRECTORY", "project"):
            return str(self.opened())
        if name == "SLACK" and target in ("setup", "hold"):
            return str(getattr(self.behaviour, target))
        if name == "CONFIG.PCW_ACT_FPGA0_PERIPHERAL_FREQMHZ":
            cell = self.block().cell(target)
            if "PCW_FPGA0_PERIPHERAL_FREQMHZ" in cell.values:
                return f"{actual_clock(float(cell.values['PCW_FPGA0_PERIPHERAL_FREQMHZ'])):.6f}"
        raise Refused(f"get_property: {target} has no {name}")

    # Synthesis and what follows.

    def _synth_design(self, call: Call) -> str:
        top = f"{self.block().name}_wrapper"
        if call.options["-top"].text != top or self.properties.get(("fileset", "top")) != top or call.options["-part"].text != self.part:
            raise Refused(f"synth_design: the top must be {top} and the part {self.part}")
        bd = next(str(path) for path in self.files.values() if path.suffix == ".bd")
        if not self.generated or self.properties.get((bd, "synth_checkpoint_mode")) != "None":
            raise Refused("synth_design: the block design must be generated, to be synthesised with the rest")
        if not any(path.name == f"{top}.v" for path in self.files.values()):
            raise Refused(f"synth_design: {top}.v is not among the files")
        for path in self.files.values():
            if path.suffix in (".v", ".sv"):
                for name in re.findall(r"\"((?:\./)?memories/[^\"]+)\"", path.read_text(encoding="utf-8")):
                    if not any(call.folder.glob(f"{name}*")):
                        raise Refused(f"synth_design: {path.name} reads {name}, which {call.folder} does not hold")
        return self.stage("synth_design")

    def _opt_design(self, call: Call) -> str:
        return self.stage("opt_design")

    def _place_design(self, call: Call) -> str:
        return self.stage("place_design")

    def _phys_opt_design(self, call: Call) -> str:
        self.after("place_design")
        return ""

    def _route_design(self, call: Call) -> str:
        return self.stage("route_design")

    def _current_design(self, call: Call) -> list[str]:
        self.after("synth_design")
        return ["design"]

    def _report_utilization(self, call: Call) -> str:
        self.after("synth_design")
        used = self.behaviour.dsps
        text = f"| DSPs           | {used} |     0 |          0 |       220 | {used / 2.2:.2f} |\n"
        return text if "-return_string" in call.options else self.write_report(call, text)

    def _report_timing_summary(self, call: Call) -> str:
        self.after("route_design")
        return self.write_report(call, "timing\n")

    def _report_power(self, call: Call) -> str:
        self.after("route_design")
        return self.write_report(call, "power\n")

    def _get_timing_paths(self, call: Call) -> list[str]:
        self.after("synth_design")
        return [{"max": "setup", "min": "hold"}[call.options["-delay_type"].text]]

    def _write_checkpoint(self, call: Call) -> str:
        self.after("synth_design")
        (call.folder / call.given[0].text).write_bytes(b"")
        return ""

    def _write_bitstream(self, call: Call) -> str:
        self.after("route_design")
        if not re.fullmatch(r"0x[0-9A-F]{8}", self.properties.get(("design", "BITSTREAM.CONFIG.USERID"), "")):
            raise Refused("write_bitstream: BITSTREAM.CONFIG.USERID must be eight digits")
        (call.folder / call.given[0].text).write_bytes(b"")
        return ""
