// An array declared [0:n] has its first word at the top, so a shift register of words shifts down in the index that $shiftx counts.
// Yosys finds a shift register only where it shifts up: turn the words round, and the index with them.
(* techmap_celltype = "$shiftx" *)
module reversed_shiftx (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 1;
  parameter B_WIDTH = 1;
  parameter Y_WIDTH = 1;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  localparam WIDTH = $clog2(A_WIDTH);
  localparam TOP = (1 << WIDTH) - 1;
  generate
    if (Y_WIDTH != 1 || B_SIGNED || A_WIDTH < 4) wire _TECHMAP_FAIL_ = 1;
    else begin
      wire [WIDTH-1:0] index = B;
      wire [TOP:0] turned;
      genvar word;
      for (word = 0; word <= TOP; word = word + 1) begin : words
        if (TOP - word < A_WIDTH) assign turned[word] = A[TOP - word];
        else assign turned[word] = 1'bx;
      end
      \$shiftx #(.A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(TOP + 1), .B_WIDTH(WIDTH), .Y_WIDTH(1))
        _TECHMAP_REPLACE_ (.A(turned), .B(~index), .Y(Y));
    end
  endgenerate
endmodule
