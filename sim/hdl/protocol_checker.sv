// Checks the accelerator's ports in simulation: AXI4-Stream in and out, AXI4-Lite, batches and the interrupt, as docs/accelerator.md
// describes them. It only looks on, and is no part of what is synthesised. The first rule that is broken is told by $error:
//     protocol rule NAME is broken at TIME: what happened
// protocol_checker_bind.sv binds it with the numbers of one accelerator; a simulator without `bind` can have it as an instance.

// One file, of several modules. Their blocks are programs that run once a cycle, each statement seeing what those before it did.
/* verilator lint_off DECLFILENAME */
/* verilator lint_off BLKSEQ */

// What a channel with valid and ready keeps to. Its rules are called NAME_ and
//   valid_held       what is on offer stays on offer until it is taken, discarded or a reset by rst_n comes. A source that may stop, as a
//                    DMA that is reset, may take its beat back, and then offers none before a reset of the accelerator
//   payload_stable   and does not change
//   valid_in_reset   nothing is on offer in the cycle after one with a reset; for AXI, that is up to the first cycle without, inclusive
//   unknown          valid, ready and, where it is the accelerator's, the payload on offer are neither x nor z
module channel_rules #(
    parameter         NAME     = "channel",
    parameter integer BITS     = 1,
    parameter integer MAY_STOP = 0,
    parameter integer IS_OURS  = 0
) (
    input wire            clk, rst_n,
    input wire            soft_reset,  // of the accelerator: a source that stopped may go on
    input wire            discards,    // what the accelerator offers may be gone in the next cycle
    input wire            valid, ready,
    input wire [BITS-1:0] payload
);
    reg            active, waits, stopped, after_reset, told;  // active: any of the next three
    reg [BITS-1:0] offered;
    initial begin
        active      = 1'b1;
        waits       = 1'b0;
        stopped     = 1'b0;
        after_reset = 1'b1;
        told        = 1'b0;
    end

    task automatic broken(input string rule, input string what);
        if (!told) $error("protocol rule %0s_%0s is broken at %0t: %0s", NAME, rule, $time, what);
        told = 1'b1;
    endtask

    always @(posedge clk) begin
        if (valid || active || !rst_n) begin
            if (after_reset) begin
                if (valid) broken("valid_in_reset", "valid is high in the cycle after one with a reset");
            end else if (waits && rst_n) begin
                if (!valid && MAY_STOP == 0) broken("valid_held", "valid fell before ready came");
                else if (valid && payload !== offered) broken("payload_stable", "the payload changed before ready came");
            end
            if (stopped && valid) broken("valid_held", "valid fell before ready came, and rose again without a reset between");
            if (valid && !ready) offered = payload;
            stopped     = MAY_STOP != 0 && (stopped || (waits && !valid)) && rst_n && !soft_reset;
            waits       = valid && !ready && rst_n && !(discards && IS_OURS != 0);
            after_reset = !rst_n;
            active      = waits || stopped || after_reset;
        end
`ifndef VERILATOR
        if (rst_n) begin
            if ((valid ^ ready) === 1'bx) broken("unknown", "valid or ready is x or z");
            else if (IS_OURS != 0 && valid && (^payload) === 1'bx) broken("unknown", "there is an x or z in the payload on offer");
        end
`endif
    end
endmodule

// What AXI4-Lite keeps to beyond its channels. Rules:
//   s_axilite_bvalid_without_write, s_axilite_rvalid_without_read   an answer comes only after address and data, or the address, were taken
//   s_axilite_bresp, s_axilite_rresp              answers are OKAY
//   s_axilite_bvalid_due, s_axilite_rvalid_due    an answer comes within ANSWER cycles
//   s_axilite_awready_due, s_axilite_wready_due, s_axilite_arready_due    what is offered is taken within ANSWER cycles, unless the access
//                                                 before it has not been answered, or its answer not been taken
module axi_lite_rules #(
    parameter integer ADDR_BITS = 12,
    parameter integer ANSWER    = 16
) (
    input  wire                 clk, rst_n,
    input  wire [ADDR_BITS-1:0] awaddr, araddr,
    input  wire [31:0]          wdata, rdata,
    input  wire [3:0]           wstrb,
    input  wire [1:0]           bresp, rresp,
    input  wire                 awvalid, awready, wvalid, wready, bvalid, bready, arvalid, arready, rvalid, rready,
    // The write that was carried out, in the first cycle in which its answer is on offer.
    output wire                 written,
    output wire [ADDR_BITS-3:0] word,
    output wire [31:0]          data,
    output wire [3:0]           strobe
);
    channel_rules #(.NAME("s_axilite_aw"), .BITS(ADDR_BITS)) aw (
        .clk(clk), .rst_n(rst_n), .soft_reset(1'b0), .discards(1'b0), .valid(awvalid), .ready(awready), .payload(awaddr));
    channel_rules #(.NAME("s_axilite_w"), .BITS(36)) w (
        .clk(clk), .rst_n(rst_n), .soft_reset(1'b0), .discards(1'b0), .valid(wvalid), .ready(wready), .payload({wstrb, wdata}));
    channel_rules #(.NAME("s_axilite_b"), .BITS(2), .IS_OURS(1)) b (
        .clk(clk), .rst_n(rst_n), .soft_reset(1'b0), .discards(1'b0), .valid(bvalid), .ready(bready), .payload(bresp));
    channel_rules #(.NAME("s_axilite_ar"), .BITS(ADDR_BITS)) ar (
        .clk(clk), .rst_n(rst_n), .soft_reset(1'b0), .discards(1'b0), .valid(arvalid), .ready(arready), .payload(araddr));
    channel_rules #(.NAME("s_axilite_r"), .BITS(34), .IS_OURS(1)) r (
        .clk(clk), .rst_n(rst_n), .soft_reset(1'b0), .discards(1'b0), .valid(rvalid), .ready(rready), .payload({rresp, rdata}));

    // Taken and not answered. The accelerator works on one write at a time: of it address and data are kept, for others to see.
    reg     [1:0]           addresses, datas, reads;
    reg                     b_waits, r_waits, told;
    reg     [ADDR_BITS-3:0] held_word;
    reg     [35:0]          held_data;
    integer                 write_age, read_age, aw_age, w_age, ar_age;
    initial begin
        {addresses, datas, reads} = 6'd0;
        {b_waits, r_waits, told} = 3'b000;
        {write_age, read_age, aw_age, w_age, ar_age} = 160'd0;
    end

    wire answers = bvalid && !b_waits;
    assign written = answers;
    assign word = held_word;
    assign {strobe, data} = held_data;

    task automatic broken(input string rule, input string what);
        if (!told) $error("protocol rule s_axilite_%0s is broken at %0t: %0s", rule, $time, what);
        told = 1'b1;
    endtask

    always @(posedge clk) begin
        if (!rst_n) begin
            {addresses, datas, reads} = 6'd0;
            {write_age, read_age, aw_age, w_age, ar_age} = 160'd0;
            r_waits = 1'b0;
            b_waits <= 1'b0;
        end else if (awvalid || wvalid || arvalid || bvalid || rvalid || addresses != 0 || datas != 0 || reads != 0) begin
            if (answers && (addresses == 0 || datas == 0)) broken("bvalid_without_write", "bvalid rose, but there is no write to answer");
            if (rvalid && !r_waits && reads == 0) broken("rvalid_without_read", "rvalid rose, but there is no read to answer");
            if (bvalid && bresp != 2'b00) broken("bresp", "bresp is not OKAY");
            if (rvalid && rresp != 2'b00) broken("rresp", "rresp is not OKAY");

            write_age = addresses != 0 && datas != 0 && !bvalid ? write_age + 1 : 0;
            read_age  = reads != 0 && !rvalid ? read_age + 1 : 0;
            aw_age    = awvalid && !awready && addresses == 0 && !bvalid ? aw_age + 1 : 0;
            w_age     = wvalid && !wready && datas == 0 && !bvalid ? w_age + 1 : 0;
            ar_age    = arvalid && !arready && reads == 0 && !rvalid ? ar_age + 1 : 0;
            if (write_age > ANSWER) broken("bvalid_due", "a write is not answered");
            if (read_age > ANSWER) broken("rvalid_due", "a read is not answered");
            if (aw_age > ANSWER) broken("awready_due", "an address is not taken");
            if (w_age > ANSWER) broken("wready_due", "data is not taken");
            if (ar_age > ANSWER) broken("arready_due", "an address is not taken");

            addresses = addresses + 2'(awvalid && awready) - 2'(answers);
            datas     = datas + 2'(wvalid && wready) - 2'(answers);
            reads     = reads + 2'(arvalid && arready) - 2'(rvalid && !r_waits);
            r_waits   = rvalid && !rready;
            b_waits <= bvalid && !bready;
            if (awvalid && awready) held_word <= awaddr[ADDR_BITS-1:2];
            if (wvalid && wready) held_data <= {wstrb, wdata};
        end
    end
endmodule

// Images in, results out, batches and the interrupt. Rules:
//   s_axis_ready_after_reset, m_axis_valid_after_reset   s_axis_tready and m_axis_tvalid are low for QUIET cycles after either reset, but
//                                 for a result that was on offer when a soft reset came: m_axis_valid_held has it stay, until it is discarded
//   s_axis_ready_while_pending    and s_axis_tready is low while it is there. It counts as no image's
//   s_axis_ready_due              s_axis_tready is high in the first cycle after
//   s_axis_images_inside          words are taken, and results not, of no more images than MAX_IN_FLIGHT, those outside, and two on offer
//   m_axis_result_without_image   no result comes of an image of which no word was taken
//   m_axis_result_due             while an image is wholly inside, a result is on offer at least every PATIENCE cycles, whatever ready does
//   m_axis_last                   tlast is there with the last (final) result of a batch and with no other: by the length that BATCH_LENGTH
//                                 had when the batch's first image entered. The ports do not show when that is: up to ENTRY_WORDS words may
//                                 wait outside, and of lengths written meanwhile any may hold
//   irq                           irq is high in the cycle after one in which a result with tlast was taken, and in no other
module batch_rules #(
    parameter integer IMAGE_WORDS   = 1,
    parameter integer ENTRY_WORDS   = 5,
    parameter integer MAX_IN_FLIGHT = 1,
    parameter integer PATIENCE      = 0,
    parameter integer QUIET         = 16
) (
    input wire        clk, rst_n, soft_reset, discard,
    output reg        pending,         // a result of before a soft reset is on offer
    input wire [31:0] batch_length,
    input wire        length_written,  // batch_length may be another one than in the cycle before
    input wire        s_tvalid, s_tready,
    input wire        m_tvalid, m_tready, m_tlast, is_final,
    input wire        irq
);
    localparam integer OUTSIDE = (ENTRY_WORDS - 1) / IMAGE_WORDS + 1;
    localparam integer MOST    = MAX_IN_FLIGHT + OUTSIDE + 2;
    localparam integer BITS    = $clog2(MOST + 1);

    // Since the last reset, modulo 2**32: words and images of which words were taken, images wholly taken, images answered; the first image
    // of the batch that is being answered, and how many of it were.
    reg [31:0] words, begun, whole, answered, opens, sent;
    // Of the latest images: words before its first one, BATCH_LENGTH then, one that it may be instead, and how many such there were.
    reg [31:0] start [0:(1<<BITS)-1];
    reg [31:0] length [0:(1<<BITS)-1];
    reg [31:0] other [0:(1<<BITS)-1];
    reg [1:0]  others [0:(1<<BITS)-1];
    // The same of the batch that is being answered.
    reg [31:0] this_length, this_other;
    reg [1:0]  this_others;
    integer    word, idle, quiet, back;
    reg        waits, irq_due, told, opens_due;

    wire [31:0] written = batch_length == 0 ? 1 : batch_length;

    task automatic broken(input string rule, input string what);
        if (!told) $error("protocol rule %0s is broken at %0t: %0s", rule, $time, what);
        told = 1'b1;
    endtask

    task automatic restart;
        {words, begun, whole, answered, opens, sent} = 192'd0;
        {this_length, this_other, this_others} = 66'd0;
        word  = 0;
        idle  = 0;
        quiet = QUIET;
        waits = 1'b0;
        opens_due = 1'b1;
    endtask

    task automatic check_result;
        reg [BITS-1:0] at;
        reg            may, must;
        at = opens[BITS-1:0];
        if (sent == 0) begin
            this_length = length[at];
            this_other  = other[at];
            this_others = others[at];
        end
        may  = sent + 1 == this_length || (this_others != 0 && sent + 1 == this_other) || this_others == 2;
        must = this_others == 0 || (this_others == 1 && sent + 1 >= this_length && sent + 1 >= this_other);
        if (begun == answered) broken("m_axis_result_without_image", "a result is on offer, but every image has its own");
        else if (m_tlast && !is_final) broken("m_axis_last", "tlast is high with a result that is not final");
        else if (m_tlast != (may && is_final) && (m_tlast || must))
            broken("m_axis_last", $sformatf("tlast is %b with result %0d of a batch of %0d", m_tlast, sent + 1, this_length));
    endtask

    task automatic begin_image;
        reg [BITS-1:0] at;
        at = begun[BITS-1:0];
        start[at]  = words;
        length[at] = written;
        others[at] = 2'd0;
        begun      = begun + 1;
        if (begun - answered > MOST) broken("s_axis_images_inside", $sformatf("%0d images are inside", begun - answered));
    endtask

    task automatic note_length;
        reg [BITS-1:0] at;
        for (back = 1; back <= OUTSIDE; back = back + 1) begin
            at = BITS'(begun - back);
            if (words - start[at] <= ENTRY_WORDS && written != length[at] && !(others[at] != 0 && written == other[at])) begin
                other[at]  = written;
                others[at] = others[at] == 0 ? 2'd1 : 2'd2;
            end
        end
    endtask

    initial begin
        restart;
        irq_due = 1'b0;
        told    = 1'b0;
        pending = 1'b0;
    end

    always @(posedge clk) begin
        if (irq !== irq_due) broken("irq", irq_due ? "irq is low though a batch's last result was taken" : "irq is high without a reason");
        irq_due = rst_n && m_tvalid && m_tready && m_tlast;
        if (rst_n && quiet != 0) begin
            if (s_tready) broken("s_axis_ready_after_reset", "tready is high too soon after a reset");
            if (m_tvalid && !pending) broken("m_axis_valid_after_reset", "tvalid is high too soon after a reset");
            quiet = quiet - 1;
        end else if (rst_n && pending) begin
            if (s_tready) broken("s_axis_ready_while_pending", "tready is high though a result of before the reset is on offer");
        end else if (rst_n) begin
            if (opens_due && !s_tready) broken("s_axis_ready_due", "tready is low when the reset is over");
            opens_due = 1'b0;
            if (m_tvalid && !waits) check_result;
        end
        if (!rst_n || soft_reset) restart;
        else begin
            if (length_written) note_length;
            if (m_tvalid && !pending) begin
                waits = !m_tready;
                idle  = 0;
                if (m_tready && is_final) begin
                    answered = answered + 1;
                    sent     = sent + 1;
                    if (m_tlast) begin
                        opens = opens + sent;
                        sent  = 0;
                    end
                end
            end else if ($signed(whole - answered) > 0) begin
                idle = idle + 1;
                if (idle == PATIENCE) broken("m_axis_result_due", "an image is wholly inside, and no result comes");
            end
            if (s_tvalid && s_tready) begin
                if (word == 0) begin_image;
                words = words + 1;
                word  = word + 1;
                if (word == IMAGE_WORDS) begin
                    word  = 0;
                    whole = whole + 1;
                end
            end
        end
        pending <= rst_n && (soft_reset || pending) && m_tvalid && !m_tready && !discard;
    end
endmodule

// All of it, on ports named as the accelerator's.
module protocol_checker #(
    parameter integer         BUS_BITS      = 64,
    parameter integer         RESULT_BITS   = 64,
    parameter integer         ADDR_BITS     = 12,
    parameter [ADDR_BITS-1:0] CONTROL       = 'h00c,
    parameter [ADDR_BITS-1:0] BATCH_LENGTH  = 'h014,
    parameter integer         IMAGE_WORDS   = 1,   // bus words of an image
    parameter integer         ENTRY_WORDS   = 5,   // that may be taken before an image's first beat enters, at most
    parameter integer         MAX_IN_FLIGHT = 1,
    parameter integer         FINAL_BIT     = -1,  // where every exit answers, the place of `final` in a result
    parameter integer         PATIENCE      = 0,   // cycles to the next result, at most; 0: any number
    parameter integer         QUIET         = 16
) (
    input wire                   ap_clk, ap_rst_n,
    input wire [BUS_BITS-1:0]    s_axis_tdata,
    input wire                   s_axis_tvalid, s_axis_tready, s_axis_tlast,
    input wire [RESULT_BITS-1:0] m_axis_tdata,
    input wire                   m_axis_tvalid, m_axis_tready, m_axis_tlast,
    input wire [ADDR_BITS-1:0]   s_axilite_awaddr, s_axilite_araddr,
    input wire [31:0]            s_axilite_wdata, s_axilite_rdata,
    input wire [3:0]             s_axilite_wstrb,
    input wire [1:0]             s_axilite_bresp, s_axilite_rresp,
    input wire                   s_axilite_awvalid, s_axilite_awready, s_axilite_wvalid, s_axilite_wready, s_axilite_bvalid,
                                 s_axilite_bready, s_axilite_arvalid, s_axilite_arready, s_axilite_rvalid, s_axilite_rready,
    input wire                   irq
);
    wire                 written;
    wire [ADDR_BITS-3:0] word;
    wire [31:0]          data;
    wire [3:0]           strobe;
    axi_lite_rules #(.ADDR_BITS(ADDR_BITS)) s_axilite (
        .clk(ap_clk), .rst_n(ap_rst_n),
        .awaddr(s_axilite_awaddr), .awvalid(s_axilite_awvalid), .awready(s_axilite_awready),
        .wdata(s_axilite_wdata), .wstrb(s_axilite_wstrb), .wvalid(s_axilite_wvalid), .wready(s_axilite_wready),
        .bresp(s_axilite_bresp), .bvalid(s_axilite_bvalid), .bready(s_axilite_bready),
        .araddr(s_axilite_araddr), .arvalid(s_axilite_arvalid), .arready(s_axilite_arready),
        .rdata(s_axilite_rdata), .rresp(s_axilite_rresp), .rvalid(s_axilite_rvalid), .rready(s_axilite_rready),
        .written(written), .word(word), .data(data), .strobe(strobe)
    );

    // A register holds what was written to it from the cycle on in which bvalid rises. A discard then withdraws the result that a soft reset
    // left, or leaves, on offer (docs/accelerator.md, "Reset"): beside ap_rst_n, that is the one exception from m_axis_valid_held.
    wire commands = written && word == CONTROL[ADDR_BITS-1:2] && strobe[0];
    wire soft_reset = commands && data[0];
    wire discard = commands && data[2];
    wire pending;
    wire length_written = written && word == BATCH_LENGTH[ADDR_BITS-1:2];
    wire [31:0] mask = {{8{strobe[3]}}, {8{strobe[2]}}, {8{strobe[1]}}, {8{strobe[0]}}};
    reg  [31:0] length_before;
    wire [31:0] batch_length = length_written ? (data & mask) | (length_before & ~mask) : length_before;
    initial length_before = 1;
    always @(posedge ap_clk) length_before <= ap_rst_n ? batch_length : 1;

    channel_rules #(.NAME("s_axis"), .BITS(BUS_BITS + 1), .MAY_STOP(1)) s_axis (
        .clk(ap_clk), .rst_n(ap_rst_n), .soft_reset(soft_reset), .discards(1'b0), .valid(s_axis_tvalid), .ready(s_axis_tready),
        .payload({s_axis_tlast, s_axis_tdata}));
    channel_rules #(.NAME("m_axis"), .BITS(RESULT_BITS + 1), .IS_OURS(1)) m_axis (
        .clk(ap_clk), .rst_n(ap_rst_n), .soft_reset(soft_reset), .discards(discard && (soft_reset || pending)),
        .valid(m_axis_tvalid), .ready(m_axis_tready),
        .payload({m_axis_tlast, m_axis_tdata}));
    batch_rules #(
        .IMAGE_WORDS(IMAGE_WORDS), .ENTRY_WORDS(ENTRY_WORDS), .MAX_IN_FLIGHT(MAX_IN_FLIGHT), .PATIENCE(PATIENCE), .QUIET(QUIET)
    ) batches (
        .clk(ap_clk), .rst_n(ap_rst_n), .soft_reset(soft_reset), .discard(discard), .pending(pending),
        .batch_length(batch_length), .length_written(length_written),
        .s_tvalid(s_axis_tvalid), .s_tready(s_axis_tready),
        .m_tvalid(m_axis_tvalid), .m_tready(m_axis_tready), .m_tlast(m_axis_tlast),
        .is_final(FINAL_BIT < 0 || m_axis_tdata[FINAL_BIT < 0 ? 0 : FINAL_BIT]), .irq(irq)
    );
endmodule
/* verilator lint_on BLKSEQ */
/* verilator lint_on DECLFILENAME */
