// What protocol_checker.sv is tested on: an accelerator that computes nothing, and its surroundings, which play a script by the cycle.
// Either breaks one rule when it is told so: +fault=NAME. Images have three words; with ANYTIME each gives a word that is not final first.

module accelerator #(
    parameter ANYTIME = 0
) (
    input  wire        ap_clk, ap_rst_n,
    input  wire [31:0] s_axis_tdata,
    input  wire        s_axis_tvalid, s_axis_tlast,
    output wire        s_axis_tready,
    output wire [31:0] m_axis_tdata,
    output wire        m_axis_tvalid, m_axis_tlast,
    input  wire        m_axis_tready,
    input  wire [11:0] s_axilite_awaddr,
    input  wire        s_axilite_awvalid,
    output wire        s_axilite_awready,
    input  wire [31:0] s_axilite_wdata,
    input  wire [3:0]  s_axilite_wstrb,
    input  wire        s_axilite_wvalid,
    output wire        s_axilite_wready,
    output wire [1:0]  s_axilite_bresp,
    output wire        s_axilite_bvalid,
    input  wire        s_axilite_bready,
    input  wire [11:0] s_axilite_araddr,
    input  wire        s_axilite_arvalid,
    output wire        s_axilite_arready,
    output wire [31:0] s_axilite_rdata,
    output wire [1:0]  s_axilite_rresp,
    output wire        s_axilite_rvalid,
    input  wire        s_axilite_rready,
    output wire        irq
);
    reg [8*32-1:0] fault;
    initial if ($value$plusargs("fault=%s", fault) == 0) fault = "none";

    reg     opening = 0;
    integer quiet = 16, word = 0, whole = 0, answered = 0, length = 0, sent = 0, age = 0, held = 0;

    // Registers. What is offered is taken after it has waited for two cycles.
    reg [31:0] batch_length = 1, data = 0;
    reg [11:0] address = 0;
    reg [3:0]  strobe = 0;
    reg        have_address = 0, have_data = 0, have_read = 0, bvalid = 0, rvalid = 0, forget = 0, drop = 0;
    reg [1:0]  bresp = 0, aw_wait = 0, w_wait = 0, ar_wait = 0;
    reg [31:0] rdata = 0;
    integer    b_cycles = 0, r_cycles = 0;
    assign s_axilite_awready = aw_wait == 2 && !have_address && fault != "awready_due";
    assign s_axilite_wready  = w_wait == 2 && !have_data && fault != "wready_due";
    assign s_axilite_arready = ar_wait == 2 && !have_read && !rvalid && fault != "arready_due";
    assign s_axilite_bvalid  = (bvalid && !(fault == "bvalid_falls" && b_cycles == 2)) || (fault == "bvalid_in_reset" && !ap_rst_n);
    assign s_axilite_rvalid  = (rvalid && !(fault == "rvalid_falls" && r_cycles == 2)) || (fault == "rvalid_in_reset" && !ap_rst_n)
                               || (fault == "rvalid_alone" && whole == 2);
    assign s_axilite_bresp   = fault == "bresp_exokay" ? 2'b01 : bresp;
    assign s_axilite_rresp   = fault == "rresp_decerr" ? 2'b11 : fault == "rresp_slverr" ? 2'b10 : 2'b00;
    assign s_axilite_rdata   = fault == "rdata_changes" && r_cycles == 2 ? ~rdata : fault == "rdata_unknown" ? 32'hx : rdata;
    wire write = !bvalid && fault != "bvalid_due" && (fault == "bvalid_before_data" ? have_address : have_address && have_data);
    always @(posedge ap_clk) begin
        {forget, drop} <= 2'b00;
        aw_wait <= s_axilite_awvalid && !s_axilite_awready ? aw_wait + 2'(aw_wait != 2) : 2'd0;
        w_wait  <= s_axilite_wvalid && !s_axilite_wready ? w_wait + 2'(w_wait != 2) : 2'd0;
        ar_wait <= s_axilite_arvalid && !s_axilite_arready ? ar_wait + 2'(ar_wait != 2) : 2'd0;
        b_cycles <= bvalid ? b_cycles + 1 : 0;
        r_cycles <= rvalid ? r_cycles + 1 : 0;
        if (s_axilite_awvalid && s_axilite_awready) begin
            have_address <= 1;
            address <= s_axilite_awaddr;
        end
        if (s_axilite_wvalid && s_axilite_wready) begin
            have_data <= 1;
            {strobe, data} <= {s_axilite_wstrb, s_axilite_wdata};
        end
        if (bvalid && s_axilite_bready && fault != "bvalid_again") bvalid <= 0;
        if (bvalid && b_cycles == 20) bvalid <= 0;
        if (write) begin
            {have_address, have_data} <= 2'b00;
            bvalid <= 1;
            bresp <= fault == "bresp_slverr" && address[11:2] == 8 ? 2'b10 : 2'b00;
            if (address[11:2] == 3 && strobe[0]) {drop, forget} <= {data[2], data[0]};
            if (address[11:2] == 5) begin
                if (strobe[0]) batch_length[7:0] <= data[7:0];
                if (strobe[1]) batch_length[31:8] <= data[31:8];
            end
        end
        if (s_axilite_arvalid && s_axilite_arready) have_read <= 1;
        if (have_read && fault != "rvalid_due") {have_read, rvalid, rdata} <= {1'b0, 1'b1, batch_length};
        if (rvalid && s_axilite_rready) rvalid <= 0;
        if (!ap_rst_n) begin
            {have_address, have_data, have_read, bvalid, rvalid, forget, drop} <= 7'd0;
            batch_length <= 1;
        end
    end

    // Streams. An image is answered four cycles after its last word, or later.
    reg        valid = 0, last = 0, is_final = 0, irq_now = 0, irq_later = 0, pending = 0;
    wire       drops = drop && !(fault == "result_survives_discard" && forget);
    wire       stays = valid && !m_axis_tready && !drops;  // through a soft reset
    reg [29:0] number = 0;
    wire       takes = s_axis_tvalid && s_axis_tready, gives = m_axis_tvalid && m_axis_tready;
    assign s_axis_tready = (!pending || fault == "takes_while_pending") && !(fault == "ready_late" && opening)
                           && (quiet == 0 || fault == "ready_after_reset" || (fault == "ready_too_soon" && quiet == 1))
                           && (whole - answered < 4 || fault == "takes_too_many");
    assign m_axis_tvalid = fault == "valid_waits_for_ready" ? valid && m_axis_tready : fault == "valid_in_reset" ? valid || !ap_rst_n
                           : fault == "valid_falls" ? valid && held != 2 : valid;
    assign m_axis_tdata  = fault == "data_unknown" ? 32'hx
                           : {is_final || ANYTIME == 0, 1'b0, fault == "data_changes" && held == 2 ? ~number : number};
    assign m_axis_tlast  = last ^ (fault == "last_changes" && held == 2);
    assign irq = fault == "irq_dead" ? 1'b0 : fault == "irq_twice" ? irq_now || irq_later : fault == "irq_late" ? irq_later
                 : fault == "irq_early" ? gives && m_axis_tlast : irq_now;
    wire [31:0] length_now = batch_length == 0 ? 1 : batch_length;
    wire ends = fault == "last_early" ? sent + 1 == 2 : fault == "last_never" ? 1'b0 : fault == "length_of_now" ? sent + 1 == length_now
                : fault == "length_of_16_bits" ? ((sent + 1) & 65535) == (length & 65535) : sent + 1 == length;
    always @(posedge ap_clk) begin
        irq_now   <= gives && m_axis_tlast;
        irq_later <= irq_now;
        held      <= valid && !m_axis_tready ? held + 1 : 0;
        if (quiet != 0) quiet <= quiet - 1;
        opening <= quiet == 1;
        if (takes) begin
            if (whole == 0 && word == 0) length <= length_now;
            if (whole == 0 && word == 2 && fault == "length_of_entry") length <= length_now;
            if (word == 2) whole <= whole + 1;
            word <= word == 2 ? 0 : word + 1;
        end
        // The first image may enter later than its first word is taken.
        if (whole == 0 && word == 1 && length_now == 3 && fault == "length_between") length <= length_now;
        age <= whole > answered && !valid ? age + 1 : 0;
        if (!valid && (age == 4 || (fault == "result_too_many" && whole == 0 && quiet == 0 && batch_length == 3))) begin
            valid    <= 1;
            is_final <= ANYTIME == 0;
            last     <= ANYTIME == 0 ? ends : fault == "last_not_final";
        end else if (valid && m_axis_tready && !pending) begin
            number <= number + 1;
            if (is_final || ANYTIME == 0) begin
                valid    <= 0;
                answered <= last ? 0 : answered + 1;
                sent     <= last ? 0 : sent + 1;
                if (last) begin
                    whole  <= whole - answered - 1 + (takes && word == 2 ? 1 : 0);
                    length <= length_now;
                end
            end else begin
                is_final <= 1;
                last     <= ends;
            end
        end
        if (!ap_rst_n || forget) begin
            quiet <= 16;
            {word, whole, answered, sent} <= 128'd0;
            valid   <= ap_rst_n && stays && fault != "result_withdrawn";
            pending <= ap_rst_n && stays && fault != "result_withdrawn";
            if (!ap_rst_n) irq_now <= 0;
        end else if (pending && (m_axis_tready || drops)) {pending, valid} <= {1'b0, fault == "result_twice"};
    end
endmodule

module protocol_bench (
`ifdef VERILATOR
    input wire clk
`endif
);
    parameter ANYTIME = 0;
`ifndef VERILATOR
    reg clk = 0;
    always #5 clk = !clk;
`endif
    reg [8*32-1:0] fault;
    initial if ($value$plusargs("fault=%s", fault) == 0) fault = "none";
    integer cycle = 0;
    reg     rst_n = 0;

    // Source: offers words until `words` of them were taken. Sink: ready in the cycles of a pattern.
    integer    words = 0;
    reg        s_valid = 0, s_last = 0, m_ready = 0;
    reg [31:0] s_data = 0;
    reg [3:0]  pattern = 0;
    wire       s_ready, m_valid, m_last, irq;
    wire [31:0] m_data;

    // Manager.
    reg [11:0]  awaddr = 0, araddr = 0;
    reg [31:0]  wdata = 0;
    reg [3:0]   wstrb = 0;
    reg         awvalid = 0, wvalid = 0, bready = 0, arvalid = 0, rready = 0;
    wire        awready, wready, bvalid, arready, rvalid;
    wire [1:0]  bresp, rresp;
    wire [31:0] rdata;
    task put(input [11:0] to, input [31:0] value, input [3:0] bytes);
        awaddr <= to;
        wdata <= value;
        wstrb <= bytes;
        awvalid <= 1;
        wvalid <= fault != "bvalid_before_data";
    endtask

    accelerator #(.ANYTIME(ANYTIME)) dut (
        .ap_clk(clk), .ap_rst_n(rst_n), .s_axis_tdata(s_data), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tlast(s_last),
        .m_axis_tdata(m_data), .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tlast(m_last),
        .s_axilite_awaddr(awaddr), .s_axilite_awvalid(awvalid), .s_axilite_awready(awready), .s_axilite_wdata(wdata),
        .s_axilite_wstrb(wstrb), .s_axilite_wvalid(wvalid), .s_axilite_wready(wready), .s_axilite_bresp(bresp),
        .s_axilite_bvalid(bvalid), .s_axilite_bready(bready), .s_axilite_araddr(araddr), .s_axilite_arvalid(arvalid),
        .s_axilite_arready(arready), .s_axilite_rdata(rdata), .s_axilite_rresp(rresp), .s_axilite_rvalid(rvalid),
        .s_axilite_rready(rready), .irq(irq)
    );
`ifdef INSTANCE
    protocol_checker #(
        .BUS_BITS(32), .RESULT_BITS(32), .IMAGE_WORDS(3), .MAX_IN_FLIGHT(2), .FINAL_BIT(ANYTIME ? 31 : -1), .PATIENCE(200)
    ) protocol (
        .ap_clk(clk), .ap_rst_n(rst_n), .s_axis_tdata(s_data), .s_axis_tvalid(s_valid), .s_axis_tready(s_ready), .s_axis_tlast(s_last),
        .m_axis_tdata(m_data), .m_axis_tvalid(m_valid), .m_axis_tready(m_ready), .m_axis_tlast(m_last),
        .s_axilite_awaddr(awaddr), .s_axilite_awvalid(awvalid), .s_axilite_awready(awready), .s_axilite_wdata(wdata),
        .s_axilite_wstrb(wstrb), .s_axilite_wvalid(wvalid), .s_axilite_wready(wready), .s_axilite_bresp(bresp),
        .s_axilite_bvalid(bvalid), .s_axilite_bready(bready), .s_axilite_araddr(araddr), .s_axilite_arvalid(arvalid),
        .s_axilite_arready(arready), .s_axilite_rdata(rdata), .s_axilite_rresp(rresp), .s_axilite_rvalid(rvalid),
        .s_axilite_rready(rready), .irq(irq)
    );
`else
    bind accelerator protocol_checker #(.BUS_BITS(32), .RESULT_BITS(32), .IMAGE_WORDS(3), .MAX_IN_FLIGHT(2), .FINAL_BIT(ANYTIME ? 31 : -1),
                                        .PATIENCE(200)) protocol (.*);
`endif

    always @(posedge clk) begin
        cycle <= cycle + 1;
        if (awvalid && awready) awvalid <= 0;
        if (wvalid && wready) wvalid <= 0;
        if (arvalid && arready) arvalid <= 0;
        bready <= bvalid && !bready && cycle % 4 == 0;
        rready <= rvalid && !rready && cycle % 4 == 0;
        m_ready <= pattern[cycle % 4];
        if (s_valid && s_ready) begin
            words <= words - 1;
            s_data <= s_data + 1;
            s_last <= words == 2;
        end
        s_valid <= words > (s_valid && s_ready ? 1 : 0);

        case (cycle)
            20: rst_n <= 1;
            40: put(12'h014, 3, 4'hf);
            60: put(12'h020, 7, 4'hf);  // no register
            80: begin
                arvalid <= 1;
                araddr <= 12'h014;
            end
            100: words <= 9;
            // Nothing is taken for a long while, and what is written to CONTROL is no soft reset; then a batch of three, and ten of one, of
            // which more wait than may be inside.
            300: put(12'h00c, 2, 4'hf);
            320: put(12'h00c, 1, 4'he);
            400: pattern <= 4'b0100;
            500: put(12'h014, 0, 4'hf);
            530: begin
                words <= 30;
                pattern <= 4'b0000;
            end
            700: pattern <= 4'b1111;
            // A batch longer than 16 bits count is cut short: the source takes a word back, and a soft reset leaves a result on offer.
            900: put(12'h014, 65538, 4'hf);
            930: begin
                words <= 20;
                pattern <= 4'b0001;
            end
            955: pattern <= 4'b0000;
            1040: begin
                words <= 0;
                s_valid <= 0;
            end
            1050: put(12'h00c, 1, 4'hf);
            1080: pattern <= 4'b1111;
            // A length written in a batch is for the next one; one written while the first image may not have entered is for either.
            1090: put(12'h014, 2, 4'h1);
            1105: put(12'h014, 0, 4'he);
            1125: words <= 6;
            1128: put(12'h014, 4, 4'hf);
            1178: put(12'h014, 5, 4'hf);
            1180: words <= 12;
            1240: put(12'h014, 2, 4'hf);
            1255: words <= 1;
            1260: put(12'h014, 3, 4'hf);
            1270: put(12'h014, 9, 4'hf);
            1285: words <= 8;
            // A reset in the middle of all, and one with the last result of a batch.
            1300: begin
                words <= 12;
                pattern <= 4'b0000;
            end
            1340: begin
                rst_n <= 0;
                words <= 0;
                s_valid <= 0;
            end
            1345: rst_n <= 1;
            1370: begin
                words <= 3;
                pattern <= 4'b1000;
            end
            1420: begin
                words <= 3;
                pattern <= 4'b0000;
            end
            1440: begin
                rst_n <= 0;
                m_ready <= 1;
            end
            // A result that is on offer through two soft resets is discarded, and so is one with the reset; a discard of nothing is nothing.
            1450: begin
                rst_n <= 1;
                words <= 6;
                pattern <= 4'b0000;
            end
            1500: put(12'h00c, 1, 4'hf);
            1505: begin
                words <= 0;
                s_valid <= 0;
            end
            1530: put(12'h00c, 1, 4'hf);
            1570: put(12'h00c, 4, 4'hf);
            1590: words <= 3;
            1620: put(12'h00c, 4, 4'hf);
            1640: put(12'h00c, 5, 4'hf);
            1670: begin
                words <= 3;
                pattern <= 4'b1111;
            end
            1700: begin
                $display("the end");
                $finish;
            end
            default: ;
        endcase

        // What surroundings do wrong.
        if (fault == "awvalid_falls" && awvalid && !awready) awvalid <= 0;
        if (fault == "wvalid_falls" && wvalid && !wready) wvalid <= 0;
        if (fault == "arvalid_falls" && arvalid && !arready) arvalid <= 0;
        if (fault == "awaddr_changes" && awvalid && !awready) awaddr <= ~awaddr;
        if (fault == "wdata_changes" && wvalid && !wready) wdata <= ~wdata;
        if (fault == "wstrb_changes" && wvalid && !wready) wstrb <= ~wstrb;
        if (fault == "araddr_changes" && arvalid && !arready) araddr <= ~araddr;
        if (fault == "awvalid_in_reset" && cycle == 18) awvalid <= 1;
        if (fault == "s_valid_in_reset" && cycle == 20) s_valid <= 1;
        if (fault == "s_data_changes" && s_valid && !s_ready) s_data <= ~s_data;
        if (fault == "s_last_changes" && s_valid && !s_ready) s_last <= !s_last;
        if (fault == "s_valid_falls_and_rises" && cycle >= 600 && cycle < 604) s_valid <= 0;
        if (fault == "s_valid_unknown" && cycle == 50) s_valid <= 1'bx;
    end
endmodule
