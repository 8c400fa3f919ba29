// A shift register's cascade output (Q31) is placed beside the next only by some versions of nextpnr-xilinx: a second one that reads its
// last bit gives the same on an output that goes anywhere. Of the two, what leads nowhere is swept away afterwards.
(* techmap_celltype = "SRLC32E" *)
module unchained (input [4:0] A, input CE, CLK, D, output Q, Q31);
  parameter [31:0] INIT = 0;
  parameter [0:0] IS_CLK_INVERTED = 0;
  SRLC32E #(.INIT(INIT), .IS_CLK_INVERTED(IS_CLK_INVERTED)) _TECHMAP_REPLACE_ (.A(A), .CE(CE), .CLK(CLK), .D(D), .Q(Q));
  SRLC32E #(.INIT(INIT), .IS_CLK_INVERTED(IS_CLK_INVERTED)) last (.A(5'd31), .CE(CE), .CLK(CLK), .D(D), .Q(Q31));
endmodule

// Two outputs of one LUT, as the two LUTs that it consists of: nextpnr-xilinx puts them into one again where it can.
(* techmap_celltype = "LUT6_2" *)
module two_luts (input I0, I1, I2, I3, I4, I5, output O5, O6);
  parameter [63:0] INIT = 0;
  LUT5 #(.INIT(INIT[31:0])) five (.I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4), .O(O5));
  LUT6 #(.INIT(INIT)) six (.I0(I0), .I1(I1), .I2(I2), .I3(I3), .I4(I4), .I5(I5), .O(O6));
endmodule
