// Bench of a whole accelerator: a file plays the images, a file records the results, and software only starts, watches and programs
// registers. Nothing here needs Python between two events. Data files hold most significant byte first words.

module bench #(
    parameter int BUS_BITS    = 64,
    parameter int RESULT_BITS = 64,
    parameter int ADDR_BITS   = 12,
    parameter int IMAGE_WORDS = 98,
    parameter int FINAL_BIT   = -1
) (
    input logic clk,
    input logic rst_n,

    // Source: send `source_words` words from word `source_first` of the file +images= on, each time `source_go` toggles.
    // Zero words stop it at once, as the reset of a DMA would.
    input logic        source_go,
    input logic [31:0] source_first,
    input logic [31:0] source_words,
    // Stalls: of 65536 chances to move on, how many are missed.
    input logic [16:0] stall_in,
    input logic [16:0] stall_out,
    input logic [31:0] seed,
    // Results are counted where bit FINAL_BIT of their word is set, all of them when it is -1; all are recorded.
    // `wake` toggles with every result from number `wake_results` on, every word from number `wake_words` on, and when nothing has
    // moved for `idle_limit` cycles.
    input logic [31:0] wake_results,
    input logic [31:0] wake_words,
    input logic [31:0] idle_limit,

    input  logic [ADDR_BITS-1:0] awaddr,
    input  logic                 awvalid,
    output logic                 awready,
    input  logic [31:0]          wdata,
    input  logic [3:0]           wstrb,
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
    input  logic                 rready,

    output logic        wake,
    output logic        idle,
    output logic [31:0] words_in,
    output logic [31:0] images_in,
    output logic [31:0] results,
    output logic [31:0] batches,
    output logic [31:0] interrupts,
    output logic [63:0] cycle
);
    localparam int CHUNK = 1024;

    logic [BUS_BITS-1:0]    s_tdata;
    logic                   s_tvalid, s_tready, s_tlast;
    logic [RESULT_BITS-1:0] m_tdata;
    logic                   m_tvalid, m_tready, m_tlast, irq;

    // Python's writes land between clock edges; a register keeps the reset's fan-out off that path.
    logic reset_n;
    always_ff @(posedge clk) reset_n <= rst_n;

    accelerator dut (
        .ap_clk(clk), .ap_rst_n(reset_n),
        .s_axis_tdata(s_tdata), .s_axis_tvalid(s_tvalid), .s_axis_tready(s_tready), .s_axis_tlast(s_tlast),
        .m_axis_tdata(m_tdata), .m_axis_tvalid(m_tvalid), .m_axis_tready(m_tready), .m_axis_tlast(m_tlast),
        .s_axilite_awaddr(awaddr), .s_axilite_awvalid(awvalid), .s_axilite_awready(awready),
        .s_axilite_wdata(wdata), .s_axilite_wstrb(wstrb), .s_axilite_wvalid(wvalid), .s_axilite_wready(wready),
        .s_axilite_bresp(bresp), .s_axilite_bvalid(bvalid), .s_axilite_bready(bready),
        .s_axilite_araddr(araddr), .s_axilite_arvalid(arvalid), .s_axilite_arready(arready),
        .s_axilite_rdata(rdata), .s_axilite_rresp(rresp), .s_axilite_rvalid(rvalid), .s_axilite_rready(rready),
        .irq(irq)
    );

    // Two xorshift generators: one decides the gaps of the source, one those of the sink.
    function automatic logic [31:0] xorshift(input logic [31:0] x);
        logic [31:0] y;
        y = x ^ (x << 13);
        y = y ^ (y >> 17);
        return y ^ (y << 5);
    endfunction

    logic [31:0] random_in, random_out;
    logic [16:0] draw_in, draw_out;
    assign draw_in  = {1'b0, random_in[31:16]};
    assign draw_out = {1'b0, random_out[31:16]};
    always_ff @(posedge clk) begin
        random_in  <= !reset_n ? (seed ^ 32'h9e3779b9) | 32'd1 : xorshift(random_in);
        random_out <= !reset_n ? (seed ^ 32'h85ebca6b) | 32'd1 : xorshift(random_out);
    end

    // Source.
    string images_path, results_path;
    int    images_file, results_file;
    initial begin
        if ($value$plusargs("images=%s", images_path) == 0) $fatal(1, "bench: +images=FILE is missing");
        if ($value$plusargs("results=%s", results_path) == 0) $fatal(1, "bench: +results=FILE is missing");
        images_file  = $fopen(images_path, "rb");
        results_file = $fopen(results_path, "w");
        if (images_file == 0) $fatal(1, "bench: cannot read %s", images_path);
        if (results_file == 0) $fatal(1, "bench: cannot write %s", results_path);
    end

    logic [BUS_BITS-1:0] chunk [CHUNK];
    logic [31:0]         remaining;
    int                  position, beat;
    int                  unused_read;
    logic                go_seen;

    initial begin
        remaining = 0;
        position  = 0;
        beat      = 0;
        s_tvalid  = 1'b0;
        s_tlast   = 1'b0;
        s_tdata   = '0;
        go_seen   = 1'b0;
        words_in  = 0;
        images_in = 0;
    end

    // Blocking assignments to the source's own state; what leaves it is non-blocking.
    /* verilator lint_off BLKSEQ */
    always @(posedge clk) begin
        if (s_tvalid && s_tready) begin
            if (beat == 0) begin
                $fwrite(results_file, "I %0d\n", cycle);
                images_in <= images_in + 1;
            end
            words_in <= words_in + 1;
            beat = beat == IMAGE_WORDS - 1 ? 0 : beat + 1;
        end
        if (!reset_n) begin
            remaining = 0;
            s_tvalid <= 1'b0;
            beat = 0;
        end else if (source_go != go_seen) begin
            go_seen   = source_go;
            remaining = source_words;
            position  = 0;
            if (remaining == 0) begin
                beat = 0;
                s_tvalid <= 1'b0;
            end else begin
                // the word on offer may leave in this very cycle
                if (s_tready) s_tvalid <= 1'b0;
                unused_read = $fseek(images_file, source_first * (BUS_BITS / 8), 0);
                unused_read = $fread(chunk, images_file);
            end
        end else if (!s_tvalid || s_tready) begin
            s_tvalid <= remaining != 0 && draw_in >= stall_in;
            if (remaining != 0 && draw_in >= stall_in) begin
                s_tdata <= chunk[position];
                s_tlast <= remaining == 1;
                remaining = remaining - 1;
                position  = position + 1;
                if (position == CHUNK && remaining != 0) begin
                    position    = 0;
                    unused_read = $fread(chunk, images_file);
                end
            end
        end
    end
    /* verilator lint_on BLKSEQ */

    // Sink.
    initial begin
        m_tready   = 1'b0;
        results    = 0;
        batches    = 0;
        interrupts = 0;
        cycle      = 0;
    end
    localparam int FINAL_AT = FINAL_BIT < 0 ? 0 : FINAL_BIT;
    logic counts;
    assign counts = FINAL_BIT < 0 || m_tdata[FINAL_AT];
    always_ff @(posedge clk) begin
        cycle    <= cycle + 1;
        m_tready <= reset_n && draw_out >= stall_out;
        if (irq) interrupts <= interrupts + 1;
        if (m_tvalid && m_tready) begin
            $fwrite(results_file, "R %0d %0d %0h\n", cycle, m_tlast, m_tdata);
            results <= results + 32'(counts);
            if (m_tlast) begin
                batches <= batches + 1;
                // whole batches are what an interrupted run can be taken up from
                $fflush(results_file);
            end
        end
    end

    // What Python waits for.
    logic [31:0] quiet;
    initial begin
        wake  = 1'b0;
        idle  = 1'b0;
        quiet = 0;
    end
    always_ff @(posedge clk) begin
        quiet <= (s_tvalid && s_tready) || (m_tvalid && m_tready) || !reset_n ? 0 : quiet + 32'(quiet < idle_limit);
        idle  <= quiet >= idle_limit;
        if ((m_tvalid && m_tready && counts && results + 1 >= wake_results) || (s_tvalid && s_tready && words_in + 1 >= wake_words)
            || (quiet >= idle_limit && !idle)) wake <= !wake;
    end
endmodule
