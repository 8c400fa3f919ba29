// slang reads x[index] as $bmux, which Yosys' search for shift registers does not know: the same as $shiftx, bit by bit.
(* techmap_celltype = "$bmux" *)
module bmux_to_shiftx (A, S, Y);
  parameter WIDTH = 1;
  parameter S_WIDTH = 1;
  input [(WIDTH << S_WIDTH)-1:0] A;
  input [S_WIDTH-1:0] S;
  output [WIDTH-1:0] Y;
  genvar bit_at, word;
  generate
    for (bit_at = 0; bit_at < WIDTH; bit_at = bit_at + 1) begin : bits
      wire [(1 << S_WIDTH)-1:0] column;
      for (word = 0; word < (1 << S_WIDTH); word = word + 1) begin : words
        assign column[word] = A[word * WIDTH + bit_at];
      end
      \$shiftx #(.A_SIGNED(0), .B_SIGNED(0), .A_WIDTH(1 << S_WIDTH), .B_WIDTH(S_WIDTH), .Y_WIDTH(1))
        pick (.A(column), .B(S), .Y(Y[bit_at]));
    end
  endgenerate
endmodule
