"""Tables of six inputs that synthesis leaves as they are: where two outputs share their inputs it would take them apart."""

from amaranth.hdl import Const, Instance, Module, Signal, Value

__all__ = ["TABLE6", "table6", "with_table6"]

TABLE6 = "offramp_table6"
"""The module that a table instantiates; :func:`with_table6` puts it into the Verilog text."""


def table6(m: Module, at: Value, table: int, *, behavioural: bool) -> Value:
    """Bit ``at``, of six bits, of the 64 of ``table``; combinational. Raises ValueError for another number of bits.

    ``behavioural``: by operators, for the Amaranth simulator and provers, which know no instances.
    """
    if len(at) != 6:
        raise ValueError(f"at must have 6 bits, not {len(at)}")
    if behavioural:
        return Const(table, 64).bit_select(at, 1)
    found = Signal(name="found")
    m.submodules += Instance(TABLE6, p_TABLE=Const(table, 64), i_at=at, o_found=found)
    return found


def with_table6(text: str, name: str) -> str:
    """Verilog ``text`` of module ``name`` with the module of its tables, ``\\name.table6``, if it has any."""
    return text.replace(TABLE6, f"\\{name}.table6 ") + _VERILOG.replace("NAME", f"\\{name}.table6 ") if TABLE6 in text else text


_VERILOG = """
module NAME#(parameter [63:0] TABLE = 0) (input wire [5:0] at, output wire found);
`ifdef VERILATOR
  assign found = TABLE[at];
`else
  LUT6 #(.INIT(TABLE)) table6 (.I0(at[0]), .I1(at[1]), .I2(at[2]), .I3(at[3]), .I4(at[4]), .I5(at[5]), .O(found));
`endif
endmodule
"""
