"""The checker of the accelerator's ports (``sim/hdl/protocol_checker.sv``) and what binds it to one accelerator."""

from hw.accelerator import registers
from hw.control.register_map import ADDR_WIDTH
from hw.core import entry_words
from hw.netlist import Netlist
from sim.accelerator.images import image_words
from sim.tools.verilator import HDL

__all__ = ["BINDING", "CHECKER", "binding", "entry_words", "idle_limit"]

CHECKER = HDL / "protocol_checker.sv"
"""The checker, the same for all accelerators."""
BINDING = "protocol_checker_bind.sv"
"""The name of the file with :func:`binding`."""


def idle_limit(netlist: Netlist) -> int:
    """Cycles without any movement at input or output after which something must be stuck, when nobody stalls it from outside."""
    return 20_000 + 8 * sum(layer.cycles for layer in netlist.layers)


def binding(netlist: Netlist, **others: int) -> str:
    """The SystemVerilog statement that binds the checker to every ``accelerator`` of ``netlist``; ``others`` are values for parameters of
    the checker that those of the netlist give way to."""
    offsets = {item.name: item.offset for item in registers(netlist)}
    shape = (netlist.input.height, netlist.input.width, netlist.input.channels)
    numbers = {
        "BUS_BITS": netlist.input.bus_bits, "RESULT_BITS": netlist.result.bits, "ADDR_BITS": ADDR_WIDTH,
        "CONTROL": offsets["CONTROL"], "BATCH_LENGTH": offsets["BATCH_LENGTH"],
        "IMAGE_WORDS": image_words(shape, netlist.input.bus_bits), "ENTRY_WORDS": entry_words(netlist),
        "MAX_IN_FLIGHT": netlist.max_in_flight,
        "FINAL_BIT": next((item.offset for item in netlist.result.fields if item.name == "final"), -1),
        # Twice as long as our own benches wait, which say what stands still.
        "PATIENCE": 2 * idle_limit(netlist), **others,
    }
    given = ",\n".join(f"    .{name}({value})" for name, value in numbers.items())
    return f"// Binds protocol_checker.sv in simulation.\nbind accelerator protocol_checker #(\n{given}\n) protocol (.*);\n"
