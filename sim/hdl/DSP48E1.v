// A DSP48E1 of 7-series as hw/layers/dsp_chain.py uses it, and in no other way: P <= (A + D) * B + (C or PCIN), with the registers
// A, D, AD, B twice, M and P, always enabled and never reset. For simulators; a synthesiser has the vendor's own.
// Compared with Yosys' model of the slice in tests/sim/hdl/test_dsp48e1.py.
`default_nettype none
/* verilator lint_off UNUSEDSIGNAL */
/* verilator lint_off UNUSEDPARAM */
module DSP48E1 #(
  parameter integer ACASCREG = 1, parameter integer ADREG = 1, parameter integer ALUMODEREG = 1, parameter integer AREG = 1,
  parameter A_INPUT = "DIRECT", parameter integer BCASCREG = 1, parameter integer BREG = 1, parameter B_INPUT = "DIRECT",
  parameter integer CARRYINREG = 1, parameter integer CARRYINSELREG = 1, parameter integer CREG = 1, parameter integer DREG = 1,
  parameter integer INMODEREG = 1, parameter integer MREG = 1, parameter integer OPMODEREG = 1, parameter integer PREG = 1,
  parameter USE_DPORT = "FALSE", parameter USE_MULT = "MULTIPLY", parameter USE_SIMD = "ONE48"
) (
  input  wire CLK,
  input  wire signed [29:0] A, input wire signed [17:0] B, input wire signed [47:0] C, input wire signed [24:0] D,
  input  wire signed [47:0] PCIN, input wire [29:0] ACIN, input wire [17:0] BCIN,
  input  wire [3:0] ALUMODE, input wire [4:0] INMODE, input wire [6:0] OPMODE,
  input  wire [2:0] CARRYINSEL, input wire CARRYIN, input wire CARRYCASCIN, input wire MULTSIGNIN,
  input  wire CEA1, input wire CEA2, input wire CEAD, input wire CEALUMODE, input wire CEB1, input wire CEB2, input wire CEC,
  input  wire CECARRYIN, input wire CECTRL, input wire CED, input wire CEINMODE, input wire CEM, input wire CEP,
  input  wire RSTA, input wire RSTALLCARRYIN, input wire RSTALUMODE, input wire RSTB, input wire RSTC, input wire RSTCTRL,
  input  wire RSTD, input wire RSTINMODE, input wire RSTM, input wire RSTP,
  output reg signed [47:0] P, output wire signed [47:0] PCOUT
);
  localparam MODE = AREG == 1 && DREG == 1 && ADREG == 1 && BREG == 2 && MREG == 1 && PREG == 1 && CREG == 0 && ALUMODEREG == 0
                    && INMODEREG == 0 && OPMODEREG == 0 && CARRYINREG == 0 && CARRYINSELREG == 0 && USE_DPORT == "TRUE"
                    && USE_MULT == "MULTIPLY" && USE_SIMD == "ONE48" && A_INPUT == "DIRECT" && B_INPUT == "DIRECT";
  wire fixed = &{CEA1, CEA2, CEAD, CEB1, CEB2, CED, CEM, CEP, ALUMODE == 4'd0, INMODE == 5'b00100, CARRYINSEL == 3'd0, ~CARRYIN,
                 OPMODE == 7'b0110101 || OPMODE == 7'b0010101, ~RSTA, ~RSTB, ~RSTD, ~RSTM, ~RSTP};
  reg signed [24:0] a, d, ad;
  reg signed [17:0] b1, b2;
  reg signed [42:0] m;
  initial begin
    if (!MODE) $fatal(1, "DSP48E1: only the mode of hw/layers/dsp_chain.py is simulated");
    {a, d, ad, b1, b2, m} = 0;
    P = 0;
  end
  always @(posedge CLK) begin
    if (!fixed) $fatal(1, "DSP48E1: its enables, resets and modes must be those of hw/layers/dsp_chain.py");
    a <= A[24:0];
    d <= D;
    ad <= a + d;
    b1 <= B;
    b2 <= b1;
    m <= ad * b2;
    P <= {{5{m[42]}}, m} + (OPMODE[5] ? C : PCIN);
  end
  assign PCOUT = P;
endmodule
/* verilator lint_on UNUSEDPARAM */
/* verilator lint_on UNUSEDSIGNAL */
`default_nettype wire
