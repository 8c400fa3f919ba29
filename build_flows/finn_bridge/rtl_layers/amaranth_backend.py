"""What FINN's RTL backends of Amaranth units have in common."""

from abc import abstractmethod
from functools import partial
from pathlib import Path
from typing import Any

from finn.custom_op.fpgadataflow.rtlbackend import RTLBackend

from build_flows.finn_bridge.converted import converted

__all__ = ["AmaranthBackend"]


class AmaranthBackend(RTLBackend):
    """Mixin of an RTL layer whose Verilog is converted from an Amaranth component at code generation.

    The component has an input stream ``i`` and an output stream ``o``, or an array of them. Ports are those of any FINN unit
    (``ap_clk``, ``ap_rst_n``, ``in0_V_*``, ``in1_V_*``, ``out0_V_*``, ``out1_V_*``), and the module has the node's name. What memories
    hold that may be exchanged (:mod:`hw.exchangeable`) stands in files beside it.
    """

    verilog: tuple[str, dict[str, str]] | None = None
    """What :meth:`conversion` gives, where it is known already."""

    @abstractmethod
    def recipe(self, model: Any) -> partial[Any]:
        """How the Amaranth component is made for the node's shapes, types and folding, and for its initialisers in ``model``."""

    def component(self, model: Any) -> Any:
        """That component."""
        return self.recipe(model)()

    def conversion(self, model: Any) -> partial[tuple[str, dict[str, str]]]:
        """The call that makes the node's Verilog, and what stands in its memories; it depends on nothing of FINN's."""
        return partial(converted, self.recipe(model), self.get_verilog_top_module_name())

    def generate_hdl(self, model: Any, fpgapart: str, clk: float) -> None:
        name = self.get_verilog_top_module_name()
        folder = self.get_nodeattr("code_gen_dir_ipgen")
        text, contents = self.verilog or self.conversion(model)()
        (Path(folder) / f"{name}.v").write_text(text)
        for file, rows in contents.items():
            (Path(folder) / Path(file).name).write_text(rows)
        self.set_nodeattr("gen_top_module", name)
        self.set_nodeattr("ipgen_path", folder)
        self.set_nodeattr("ip_path", folder)

    def get_rtl_file_list(self, abspath: bool = False) -> list[str]:
        folder = self.get_nodeattr("code_gen_dir_ipgen") + "/" if abspath else ""
        return [f"{folder}{self.get_nodeattr('gen_top_module')}.v"]

    def code_generation_ipi(self) -> list[str]:
        (source,) = self.get_rtl_file_list(abspath=True)
        module = self.get_nodeattr("gen_top_module")
        return [f"add_files -norecurse {source}", f"create_bd_cell -type module -reference {module} {self.onnx_node.name}"]
