"""The accelerator's register bank beside its core."""

from collections.abc import Sequence
from typing import Any

from amaranth.hdl import Module, Signal, Value

from hw.control.axi_lite import AxiLiteRegisters
from hw.control.register_map import ADDR_WIDTH
from hw.control.registers import Register, with_init
from hw.core import AcceleratorCore, counted_streams
from hw.exchangeable import exchangeable_memory
from hw.placing import place

__all__ = ["connect_registers"]

CONTROLS = {"threshold": "threshold_{k}", "threshold_written": "threshold_{k}_written", "enable": "enable_{k}", "mode": "mode_{k}_mode",
            "class_index": "mode_{k}_class"}
"""Members of the register bank by what they set of exit k's control."""


def connect_registers(m: Module, core: AcceleratorCore, registers: Sequence[Register]) -> Any:
    """Places in ``m`` the bank of ``registers``, those of ``core``'s netlist, as ``registers``, joins it to the core, and gives its bus.

    Where heads are exchangeable, ``settings`` is a memory with what BUILD reads and THRESHOLD_k begins with, and is beside the bank.
    """
    netlist = core.netlist
    exits = [item.index for item in netlist.exits]
    presets = tuple(f"THRESHOLD_{k}" for k in exits) if netlist.exchangeable else ()
    # Registers that are read from a memory have no value in the Verilog.
    declared = with_init(registers, {"BUILD": 0}) if netlist.exchangeable else registers
    bank = place(m, "registers", AxiLiteRegisters(declared, ADDR_WIDTH, preset=presets))
    if netlist.exchangeable:
        values = {item.name: item.init for item in registers}
        names = ("BUILD", *presets)
        m.submodules.settings = memory = exchangeable_memory("settings", 32, [values[name] & 0xFFFF_FFFF for name in names])
        for address, name in enumerate(names):
            read = memory.read_port(domain="comb")
            target = bank.build if name == "BUILD" else getattr(bank, f"{name.lower()}_preset")
            m.d.comb += [read.addr.eq(address), target.eq(read.data)]

    bad_address = Signal()
    cleared = bank.control_soft_reset | bank.control_clear_counters
    m.d.sync += bad_address.eq((bad_address | bank.unmapped) & ~cleared)
    m.d.comb += [
        core.soft_reset.eq(bank.control_soft_reset), core.clear_counters.eq(bank.control_clear_counters),
        core.discard.eq(bank.control_discard), core.check_tlast.eq(bank.control_check_tlast), core.batch_length.eq(bank.batch_length),
        bank.status_busy.eq(core.busy), bank.status_output_pending.eq(core.output_pending), bank.status_in_flight.eq(core.in_flight),
        bank.status_tlast_error.eq(core.tlast_errors != 0), bank.status_tlast_errors.eq(core.tlast_errors),
        bank.status_bad_address.eq(bad_address),
        bank.cycles_lo.eq(core.cycles[:32]), bank.cycles_hi.eq(core.cycles[32:]),
        bank.samples_in.eq(core.samples_in), bank.samples_out.eq(core.samples_out),
    ]
    for k in exits:
        control = getattr(core, f"exit{k}")
        m.d.comb += [
            Value.cast(getattr(control, name)).eq(getattr(bank, register.format(k=k)))
            for name, register in CONTROLS.items() if name in control.signature.members
        ]
        m.d.comb += getattr(bank, f"exit_count_{k}").eq(getattr(core, f"exit_count{k}"))
    for j, name in enumerate(counted_streams(netlist)):
        m.d.comb += [
            getattr(bank, f"stall_{j}").eq(getattr(core, f"stall_{name}")),
            getattr(bank, f"occupancy_max_{j}").eq(getattr(core, f"occupancy_{name}")),
        ]
    for k in range(len(netlist.cuts)):
        m.d.comb += getattr(bank, f"gate_occupancy_max_{k}").eq(getattr(core, f"gate_occupancy{k}"))
    return bank.bus
