// The accelerator with pins of fixed widths, for the C++ model of a board around it (board_main.cpp). Wires only.

module board #(
    parameter int BUS_BITS    = 32,
    parameter int RESULT_BITS = 64,
    parameter int ADDR_BITS   = 12
) (
    input  logic         clk,
    input  logic         rst_n,
    output logic [7:0]   bus_bytes,
    output logic [7:0]   result_bytes,

    input  logic [127:0] s_tdata,
    input  logic         s_tvalid,
    output logic         s_tready,
    input  logic         s_tlast,
    output logic [63:0]  m_tdata,
    output logic         m_tvalid,
    input  logic         m_tready,
    output logic         m_tlast,
    output logic         irq,

    input  logic [ADDR_BITS-1:0] awaddr,
    input  logic                 awvalid,
    output logic                 awready,
    input  logic [31:0]          wdata,
    input  logic                 wvalid,
    output logic                 wready,
    output logic [1:0]           bresp,
    output logic                 bvalid,
    input  logic                 bready,
    input  logic [ADDR_BITS-1:0] araddr,
    input  logic                 arvalid,
    output logic                 arready,
    output logic [31:0]          rdata,
    output logic [1:0]           rresp,
    output logic                 rvalid,
    input  logic                 rready
);
    assign bus_bytes    = 8'(BUS_BITS / 8);
    assign result_bytes = 8'(RESULT_BITS / 8);

    logic [RESULT_BITS-1:0] word;
    assign m_tdata = 64'(word);

    accelerator dut (
        .ap_clk(clk), .ap_rst_n(rst_n),
        .s_axis_tdata(s_tdata[BUS_BITS-1:0]), .s_axis_tvalid(s_tvalid), .s_axis_tready(s_tready), .s_axis_tlast(s_tlast),
        .m_axis_tdata(word), .m_axis_tvalid(m_tvalid), .m_axis_tready(m_tready), .m_axis_tlast(m_tlast),
        .s_axilite_awaddr(awaddr), .s_axilite_awvalid(awvalid), .s_axilite_awready(awready),
        .s_axilite_wdata(wdata), .s_axilite_wstrb(4'hf), .s_axilite_wvalid(wvalid), .s_axilite_wready(wready),
        .s_axilite_bresp(bresp), .s_axilite_bvalid(bvalid), .s_axilite_bready(bready),
        .s_axilite_araddr(araddr), .s_axilite_arvalid(arvalid), .s_axilite_arready(arready),
        .s_axilite_rdata(rdata), .s_axilite_rresp(rresp), .s_axilite_rvalid(rvalid), .s_axilite_rready(rready),
        .irq(irq)
    );
endmodule
