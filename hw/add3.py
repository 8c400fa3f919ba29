"""Three summands in one carry chain: a LUT for each bit of the sum, half of what two adders take."""

from amaranth.hdl import Const, Instance, Module, Signal, Value

__all__ = ["ADD3", "add3", "with_add3"]

ADD3 = "offramp_add3"
"""The module that an adder instantiates; :func:`with_add3` puts it into the Verilog text."""


def add3(m: Module, a: Value, b: Value, c: Value, *, minus_b: bool, minus_c: bool, bits: int, behavioural: bool) -> Value:
    """``a`` and ``b`` and ``c``, the latter two subtracted where told, modulo ``2 ** bits``; combinational.

    ``behavioural``: by operators, for the Amaranth simulator and provers, which know no instances.
    """
    if not bits:
        return Const(0, 0)
    total = Signal(bits, name="total")
    if behavioural:
        m.d.comb += total.eq(a + (-b if minus_b else b) + (-c if minus_c else c))
        return total
    operands = [Signal(bits, name=name) for name in ("a", "b", "c")]
    m.d.comb += [operand.eq(value) for operand, value in zip(operands, (a, b, c), strict=True)]
    m.submodules += Instance(ADD3, p_BITS=bits, p_MINUS_B=int(minus_b), p_MINUS_C=int(minus_c), i_a=operands[0], i_b=operands[1],
                             i_c=operands[2], o_total=total)
    return total


def with_add3(text: str, name: str) -> str:
    """Verilog ``text`` of module ``name`` with the modules of its adders of three, if it has any: ``\\name.add3`` and
    ``\\name.add3_bit``."""
    if ADD3 not in text:
        return text
    adder = f"\\{name}.add3 "
    return text.replace(ADD3, adder) + _VERILOG.replace("ADDER", adder).replace("PAIR", f"\\{name}.add3_bit ").replace("TABLES", _tables())


def _tables() -> str:
    """What the two tables of a bit hold for the signs of ``b`` (1) and ``c`` (2): of I0 = a, I1 = b, I2 = c the majority, and of these and
    I3, the majority of the bit below, the half of the sum."""
    lines = []
    for number in range(4):
        majority = half = 0
        for index in range(16):
            a, b, c, below = index & 1, (index >> 1 & 1) ^ (number & 1), (index >> 2 & 1) ^ (number >> 1), index >> 3
            majority |= int(a + b + c >= 2) << index
            half |= (a ^ b ^ c ^ below) << index
        lines.append(f"  localparam [7:0] M{number} = 8'h{majority & 0xFF:02x};\n  localparam [15:0] H{number} = 16'h{half:04x};\n")
    return "".join(lines)


# Simulators get the operators: one addition of words in place of some dozen of bits. The two tables of a bit have four inputs together, and
# HLUTNM has them share a LUT (UG912); as one LUT6_2 the majority would look to timing analysis as if it depended on that below.
_VERILOG = """
`ifndef VERILATOR
module PAIR#(parameter MINUS_B = 0, parameter MINUS_C = 0) (
  input wire a, input wire b, input wire c, input wire below, output wire majority, output wire half
);
TABLES  localparam [7:0] M = MINUS_B != 0 ? (MINUS_C != 0 ? M3 : M1) : (MINUS_C != 0 ? M2 : M0);
  localparam [15:0] H = MINUS_B != 0 ? (MINUS_C != 0 ? H3 : H1) : (MINUS_C != 0 ? H2 : H0);
  (* HLUTNM = "bit" *) LUT3 #(.INIT(M)) carried (.I0(a), .I1(b), .I2(c), .O(majority));
  (* HLUTNM = "bit" *) LUT4 #(.INIT(H)) added (.I0(a), .I1(b), .I2(c), .I3(below), .O(half));
endmodule
`endif
module ADDER#(parameter BITS = 1, parameter MINUS_B = 0, parameter MINUS_C = 0) (
  input wire [BITS-1:0] a, input wire [BITS-1:0] b, input wire [BITS-1:0] c, output wire [BITS-1:0] total
);
`ifdef VERILATOR
  assign total = a + (MINUS_B != 0 ? -b : b) + (MINUS_C != 0 ? -c : c);
`else
  localparam CHAINS = (BITS + 3) / 4;
  wire [BITS:0] majority;
  wire [4*CHAINS-1:0] half, below, sums, carries;
  // of what is subtracted, 1 for each: the first beside the lowest bit, the second into the chain
  assign majority[0] = MINUS_B != 0 || MINUS_C != 0;
  assign total = sums[BITS-1:0];
  genvar i;
  generate
    for (i = 0; i < 4 * CHAINS; i = i + 1) begin : bits
      if (i < BITS) begin : used
        PAIR#(.MINUS_B(MINUS_B), .MINUS_C(MINUS_C)) one (
          .a(a[i]), .b(b[i]), .c(c[i]), .below(majority[i]), .majority(majority[i+1]), .half(half[i]));
        assign below[i] = majority[i];
      end else begin : unused
        assign half[i] = 1'b0;
        assign below[i] = 1'b0;
      end
    end
    for (i = 0; i < CHAINS; i = i + 1) begin : chains
      if (i == 0) begin : first
        CARRY4 chain (.CI(1'b0), .CYINIT(MINUS_B != 0 && MINUS_C != 0), .DI(below[3:0]), .S(half[3:0]), .O(sums[3:0]), .CO(carries[3:0]));
      end else begin : others
        CARRY4 chain (.CI(carries[4*i-1]), .CYINIT(1'b0), .DI(below[4*i +: 4]), .S(half[4*i +: 4]), .O(sums[4*i +: 4]),
                      .CO(carries[4*i +: 4]));
      end
    end
  endgenerate
`endif
endmodule
"""
