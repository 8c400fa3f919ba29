// Every shape of LUT RAM that Yosys maps 7-series memories to, of RAM64X1D, the one that all versions of nextpnr-xilinx take.
// Each is a memory of one bit a word that is written at A and read at A (SPO) or at DPRA (DPO).
module \$__offramp_lut_ram (A, DPRA, D, WE, WCLK, SPO, DPO);
  parameter ABITS = 6;
  parameter [(1 << ABITS)-1:0] INIT = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  parameter SINGLE = 1;
  parameter DUAL = 1;
  localparam RAMS = 1 << (ABITS - 6);
  input [ABITS-1:0] A, DPRA;
  input D, WE, WCLK;
  output SPO, DPO;
  wire [RAMS-1:0] single, dual;
  genvar ram;
  generate
    for (ram = 0; ram < RAMS; ram = ram + 1) begin : rams
      wire enable;
      if (RAMS == 1) assign enable = WE;
      else assign enable = WE && A[ABITS-1:6] == ram;
      // An output that leads nowhere would take a LUT nevertheless.
      if (SINGLE && DUAL) begin : both
        RAM64X1D #(.INIT(INIT[64*ram +: 64]), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) ram64 (
          .A0(A[0]), .A1(A[1]), .A2(A[2]), .A3(A[3]), .A4(A[4]), .A5(A[5]), .D(D), .WE(enable), .WCLK(WCLK),
          .DPRA0(DPRA[0]), .DPRA1(DPRA[1]), .DPRA2(DPRA[2]), .DPRA3(DPRA[3]), .DPRA4(DPRA[4]), .DPRA5(DPRA[5]),
          .SPO(single[ram]), .DPO(dual[ram]));
      end else if (DUAL) begin : dual_port
        RAM64X1D #(.INIT(INIT[64*ram +: 64]), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) ram64 (
          .A0(A[0]), .A1(A[1]), .A2(A[2]), .A3(A[3]), .A4(A[4]), .A5(A[5]), .D(D), .WE(enable), .WCLK(WCLK),
          .DPRA0(DPRA[0]), .DPRA1(DPRA[1]), .DPRA2(DPRA[2]), .DPRA3(DPRA[3]), .DPRA4(DPRA[4]), .DPRA5(DPRA[5]),
          .DPO(dual[ram]));
      end else begin : single_port
        RAM64X1D #(.INIT(INIT[64*ram +: 64]), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) ram64 (
          .A0(A[0]), .A1(A[1]), .A2(A[2]), .A3(A[3]), .A4(A[4]), .A5(A[5]), .D(D), .WE(enable), .WCLK(WCLK),
          .DPRA0(1'b0), .DPRA1(1'b0), .DPRA2(1'b0), .DPRA3(1'b0), .DPRA4(1'b0), .DPRA5(1'b0), .SPO(single[ram]));
      end
    end
    if (RAMS == 1) begin
      assign SPO = single[0];
      assign DPO = dual[0];
    end else begin
      assign SPO = single[A[ABITS-1:6]];
      assign DPO = dual[DPRA[ABITS-1:6]];
    end
  endgenerate
endmodule

(* techmap_celltype = "RAM64X1S" *)
module ram64x1s (input A0, A1, A2, A3, A4, A5, D, WE, WCLK, output O);
  parameter [63:0] INIT = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  \$__offramp_lut_ram #(.ABITS(6), .INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .DUAL(0)) ram (
    .A({A5, A4, A3, A2, A1, A0}), .DPRA(6'b0), .D(D), .WE(WE), .WCLK(WCLK), .SPO(O));
endmodule

(* techmap_celltype = "RAM128X1S" *)
module ram128x1s (input A0, A1, A2, A3, A4, A5, A6, D, WE, WCLK, output O);
  parameter [127:0] INIT = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  \$__offramp_lut_ram #(.ABITS(7), .INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .DUAL(0)) ram (
    .A({A6, A5, A4, A3, A2, A1, A0}), .DPRA(7'b0), .D(D), .WE(WE), .WCLK(WCLK), .SPO(O));
endmodule

(* techmap_celltype = "RAM256X1S" *)
module ram256x1s (input [7:0] A, input D, WE, WCLK, output O);
  parameter [255:0] INIT = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  \$__offramp_lut_ram #(.ABITS(8), .INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .DUAL(0)) ram (
    .A(A), .DPRA(8'b0), .D(D), .WE(WE), .WCLK(WCLK), .SPO(O));
endmodule

(* techmap_celltype = "RAM128X1D" *)
module ram128x1d (input [6:0] A, DPRA, input D, WE, WCLK, output SPO, DPO);
  parameter [127:0] INIT = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  \$__offramp_lut_ram #(.ABITS(7), .INIT(INIT), .IS_WCLK_INVERTED(IS_WCLK_INVERTED)) ram (
    .A(A), .DPRA(DPRA), .D(D), .WE(WE), .WCLK(WCLK), .SPO(SPO), .DPO(DPO));
endmodule

(* techmap_celltype = "RAM64M" *)
module ram64m (input [5:0] ADDRA, ADDRB, ADDRC, ADDRD, input DIA, DIB, DIC, DID, WE, WCLK, output DOA, DOB, DOC, DOD);
  parameter [63:0] INIT_A = 0;
  parameter [63:0] INIT_B = 0;
  parameter [63:0] INIT_C = 0;
  parameter [63:0] INIT_D = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  \$__offramp_lut_ram #(.ABITS(6), .INIT(INIT_A), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .SINGLE(0)) a (
    .A(ADDRD), .DPRA(ADDRA), .D(DIA), .WE(WE), .WCLK(WCLK), .DPO(DOA));
  \$__offramp_lut_ram #(.ABITS(6), .INIT(INIT_B), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .SINGLE(0)) b (
    .A(ADDRD), .DPRA(ADDRB), .D(DIB), .WE(WE), .WCLK(WCLK), .DPO(DOB));
  \$__offramp_lut_ram #(.ABITS(6), .INIT(INIT_C), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .SINGLE(0)) c (
    .A(ADDRD), .DPRA(ADDRC), .D(DIC), .WE(WE), .WCLK(WCLK), .DPO(DOC));
  \$__offramp_lut_ram #(.ABITS(6), .INIT(INIT_D), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .DUAL(0)) d (
    .A(ADDRD), .DPRA(6'b0), .D(DID), .WE(WE), .WCLK(WCLK), .SPO(DOD));
endmodule

(* techmap_celltype = "RAM32M" *)
module ram32m (input [4:0] ADDRA, ADDRB, ADDRC, ADDRD, input [1:0] DIA, DIB, DIC, DID, input WE, WCLK, output [1:0] DOA, DOB, DOC, DOD);
  parameter [63:0] INIT_A = 0;
  parameter [63:0] INIT_B = 0;
  parameter [63:0] INIT_C = 0;
  parameter [63:0] INIT_D = 0;
  parameter [0:0] IS_WCLK_INVERTED = 0;
  // Words of two bits lie side by side.
  function [63:0] column;
    input [63:0] words;
    input integer at;
    integer word;
    begin
      column = 0;
      for (word = 0; word < 32; word = word + 1) column[word] = words[2*word + at];
    end
  endfunction
  genvar at;
  generate
    for (at = 0; at < 2; at = at + 1) begin : bits
      \$__offramp_lut_ram #(.ABITS(6), .INIT(column(INIT_A, at)), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .SINGLE(0)) a (
        .A({1'b0, ADDRD}), .DPRA({1'b0, ADDRA}), .D(DIA[at]), .WE(WE), .WCLK(WCLK), .DPO(DOA[at]));
      \$__offramp_lut_ram #(.ABITS(6), .INIT(column(INIT_B, at)), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .SINGLE(0)) b (
        .A({1'b0, ADDRD}), .DPRA({1'b0, ADDRB}), .D(DIB[at]), .WE(WE), .WCLK(WCLK), .DPO(DOB[at]));
      \$__offramp_lut_ram #(.ABITS(6), .INIT(column(INIT_C, at)), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .SINGLE(0)) c (
        .A({1'b0, ADDRD}), .DPRA({1'b0, ADDRC}), .D(DIC[at]), .WE(WE), .WCLK(WCLK), .DPO(DOC[at]));
      \$__offramp_lut_ram #(.ABITS(6), .INIT(column(INIT_D, at)), .IS_WCLK_INVERTED(IS_WCLK_INVERTED), .DUAL(0)) d (
        .A({1'b0, ADDRD}), .DPRA(6'b0), .D(DID[at]), .WE(WE), .WCLK(WCLK), .SPO(DOD[at]));
    end
  endgenerate
endmodule
