"""Vivado's commands for block designs, on a model of one (UG835, UG994)."""

import re

from build_flows.board.block_model import BlockDesign
from build_flows.board.ip_catalog import CATALOG, module_ip
from build_flows.board.vivado_commands import Call, Refused
from build_flows.board.vivado_state import VivadoState

__all__ = ["BlockCommands"]


class BlockCommands(VivadoState):
    """Each command is a method of its name, with an underscore before it: a list, or a text."""

    def _get_ipdefs(self, call: Call) -> list[str]:
        return [name for name in CATALOG if name == call.given[0].text]

    def _create_bd_design(self, call: Call) -> str:
        name = call.given[0].text
        if not re.fullmatch(r"[A-Za-z]\w*", name):
            raise Refused(f"create_bd_design: {name} is no name")
        self.design = BlockDesign(name)
        path = self.opened() / f"{self.properties['project', 'name']}.srcs/sources_1/bd/{name}/{name}.bd"
        path.parent.mkdir(parents=True, exist_ok=True)
        self.files[str(path)] = path
        return str(path)

    def _create_bd_cell(self, call: Call) -> list[str]:
        kind = call.options["-type"].text
        if kind == "ip":
            vlnv = call.options["-vlnv"].text
            if vlnv not in CATALOG:
                raise Refused(f"create_bd_cell: there is no {vlnv}; there are {', '.join(CATALOG)}")
            return [self.block().add_cell(call.given[0].text, vlnv, CATALOG[vlnv])]
        if kind != "module":
            raise Refused(f"create_bd_cell: -type {kind}")
        module = self.find_module(call.options["-reference"].text)
        if module is None:
            raise Refused(f"create_bd_cell: no Verilog file added has a module {call.options['-reference'].text}")
        try:
            return [self.block().add_cell(call.given[0].text, module.name, module_ip(module))]
        except ValueError as error:
            raise Refused(f"create_bd_cell: module {module.name}: {error}") from None

    def _create_bd_intf_port(self, call: Call) -> list[str]:
        if call.options["-mode"].text != "Master":
            raise Refused(f"create_bd_intf_port: -mode {call.options['-mode'].text}")
        return [self.block().add_port(call.given[0].text, call.options["-vlnv"].text)]

    def _get_bd_cells(self, call: Call) -> list[str]:
        return [f"/{self.block().cell(call.given[0].text).name}"]

    def _get_bd_pins(self, call: Call) -> list[str]:
        self.block().pin(call.given[0].text)
        return [f"/{call.given[0].text.removeprefix('/')}"]

    def _get_bd_intf_pins(self, call: Call) -> list[str]:
        self.block().interface(call.given[0].text)
        return [f"/{call.given[0].text.removeprefix('/')}"]

    def _get_bd_intf_ports(self, call: Call) -> list[str]:
        name = call.given[0].text.removeprefix("/")
        if name not in self.block().ports:
            raise Refused(f"get_bd_intf_ports: no port is called {name}")
        return [f"/{name}"]

    def _connect_bd_net(self, call: Call) -> str:
        self.block().connect([path for word in call.given for path in word.items])
        return ""

    def _connect_bd_intf_net(self, call: Call) -> str:
        self.block().join(call.given[0].text, call.given[1].text)
        return ""

    def _get_bd_addr_segs(self, call: Call) -> list[str]:
        self.block().segment(call.given[0].text)
        return [f"/{call.given[0].text.removeprefix('/')}"]

    def _get_bd_addr_spaces(self, call: Call) -> list[str]:
        self.block().space(call.given[0].text)
        return [f"/{call.given[0].text.removeprefix('/')}"]

    def _assign_bd_address(self, call: Call) -> str:
        numbers = {}
        for name in ("-offset", "-range"):
            if not re.fullmatch(r"0x[0-9a-fA-F]+|\d+", call.options[name].text):
                raise Refused(f"assign_bd_address: {name} {call.options[name].text} is no number")
            numbers[name] = int(call.options[name].text, 0)
        self.block().assign(call.options["-target_address_space"].text, call.given[0].text, numbers["-offset"], numbers["-range"])
        return ""

    def _validate_bd_design(self, call: Call) -> str:
        faults = self.block().faults()
        if faults:
            raise Refused("the block design is not whole:\n" + "\n".join(faults))
        self.valid = True
        return ""

    def _save_bd_design(self, call: Call) -> str:
        next(path for path in self.files.values() if path.suffix == ".bd").write_text("{}\n", encoding="utf-8")
        return ""

    def _make_wrapper(self, call: Call) -> str:
        if not self.valid or "-top" not in call.options or not call.options["-files"].text.endswith(f"/{self.block().name}.bd"):
            raise Refused("make_wrapper: it needs -top and a valid block design")
        path = self.generated_path("hdl", f"{self.block().name}_wrapper.v")
        path.write_text(f"module {self.block().name}_wrapper();\nendmodule\n", encoding="utf-8")
        return str(path)

    def _generate_target(self, call: Call) -> str:
        if call.given[0].text != "all" or not self.valid or not call.given[1].text.endswith(f"/{self.block().name}.bd"):
            raise Refused("generate_target: it needs all, and a valid block design")
        self.generated_path("hw_handoff", f"{self.block().name}.hwh").write_text("<EDKSYSTEM/>\n", encoding="utf-8")
        self.generated = True
        return ""
