// Self-checking bench of one exit-decision unit, in Verilog 2005: for Verilator (--binary), Icarus Verilog and others.
//
// Plays the vectors in bench/ and checks every result, in these rounds:
//   0  cut short in the middle of a sample by aresetn
//   1  at full rate: a sample must be taken every `U_BEATS cycles, its result must come `U_LATENCY cycles after its last beat
//   2  cut short by CONTROL.soft_reset (AXI4-Lite only): what is on offer then stays so until it is taken, and is right
//   3  gaps and stalls everywhere
//   4  a consumer that hardly ever takes anything
// What the host sets is written while samples are inside, and must hold from the sample on that the vectors say.
// Prints PASS with counts, or FAIL with the first difference, and then ends with $fatal.

`timescale 1ns / 1ns
`include "unit.vh"

module exit_unit_bench;
    localparam integer TOTAL = `U_SAMPLES * `U_BEATS;
    localparam integer CUT = 2 * `U_BEATS + `U_BEATS / 2 + 1;
    localparam integer PATIENCE = 100 * (`U_BEATS + `U_LATENCY) + 2000;

    reg [`U_LOGITS_BITS-1:0] logits[0:TOTAL-1];
    reg [31:0] results[0:`U_SAMPLES-1];
    reg [95:0] writes[0:`U_WRITES];
    reg [63:0] reads[0:`U_READS];
    reg [`U_GATE_BITS-1:0] gates[0:`U_SAMPLES-1];
    reg [`U_TOKEN_BITS-1:0] tokens[0:`U_SAMPLES-1];
    reg [`U_TOKEN_BITS-1:0] given[0:`U_GIVEN];
    initial begin
        $readmemh("bench/logits.hex", logits);
        $readmemh("bench/results.hex", results);
        $readmemh("bench/writes.hex", writes);
`ifdef U_AXI4LITE
        $readmemh("bench/reads.hex", reads);
`endif
`ifdef U_HAS_GATE
        $readmemh("bench/gate.hex", gates);
`endif
`ifdef U_HAS_TOKEN_I
        $readmemh("bench/token_i.hex", tokens);
`endif
`ifdef U_HAS_TOKEN_O
        $readmemh("bench/token_o.hex", given);
`endif
    end

    reg clk = 1'b0;
    always #5 clk = ~clk;

    reg aresetn = 1'b0;
    reg [`U_LOGITS_BITS-1:0] logits_data = 0;
    reg logits_valid = 1'b0;
    wire logits_ready;
    wire [31:0] result_data;
    wire result_valid;
    reg result_ready = 1'b0;
    reg [`U_GATE_BITS-1:0] gate_data = 0;
    reg gate_valid = 1'b0;
    wire gate_ready;
    reg [`U_TOKEN_BITS-1:0] token_data = 0;
    reg token_valid = 1'b0;
    wire token_ready;
    wire [`U_TOKEN_BITS-1:0] given_data;
    wire given_valid;
    reg given_ready = 1'b0;
`ifdef U_AXI4LITE
    reg [5:0] awaddr = 0;
    reg [5:0] araddr = 0;
    reg [31:0] wdata = 0;
    reg awvalid = 1'b0;
    reg wvalid = 1'b0;
    reg bready = 1'b0;
    reg arvalid = 1'b0;
    reg rready = 1'b0;
    wire awready, wready, bvalid, arready, rvalid;
    wire [1:0] bresp, rresp;
    wire [31:0] rdata;
`else
    reg [`U_THRESHOLD_BITS-1:0] threshold = `U_THRESHOLD_INIT;
    reg enable = `U_ENABLE_INIT;
    reg [1:0] mode = 0;
    reg class_write = 1'b0;
    reg [`U_INDEX_BITS-1:0] class_index = 0;
    reg [`U_THRESHOLD_BITS-1:0] class_value = 0;
`endif

    `U_MODULE dut (
        .aclk(clk),
        .aresetn(aresetn),
        .s_axis_logits_tdata(logits_data),
        .s_axis_logits_tvalid(logits_valid),
        .s_axis_logits_tready(logits_ready),
`ifdef U_HAS_GATE
        .s_axis_gate_tdata(gate_data),
        .s_axis_gate_tvalid(gate_valid),
        .s_axis_gate_tready(gate_ready),
`endif
`ifdef U_HAS_TOKEN_I
        .s_axis_token_tdata(token_data),
        .s_axis_token_tvalid(token_valid),
        .s_axis_token_tready(token_ready),
`endif
`ifdef U_HAS_TOKEN_O
        .m_axis_token_tdata(given_data),
        .m_axis_token_tvalid(given_valid),
        .m_axis_token_tready(given_ready),
`endif
`ifdef U_AXI4LITE
        .s_axilite_awaddr(awaddr),
        .s_axilite_awvalid(awvalid),
        .s_axilite_awready(awready),
        .s_axilite_wdata(wdata),
        .s_axilite_wstrb(4'hf),
        .s_axilite_wvalid(wvalid),
        .s_axilite_wready(wready),
        .s_axilite_bresp(bresp),
        .s_axilite_bvalid(bvalid),
        .s_axilite_bready(bready),
        .s_axilite_araddr(araddr),
        .s_axilite_arvalid(arvalid),
        .s_axilite_arready(arready),
        .s_axilite_rdata(rdata),
        .s_axilite_rresp(rresp),
        .s_axilite_rvalid(rvalid),
        .s_axilite_rready(rready),
`else
`ifdef U_HAS_THRESHOLD
        .threshold(threshold),
`endif
`ifdef U_HAS_CLASSES
        .class_write(class_write),
        .class_index(class_index),
        .class_value(class_value),
`endif
        .enable(enable),
        .mode(mode),
`endif
        .m_axis_result_tdata(result_data),
        .m_axis_result_tvalid(result_valid),
        .m_axis_result_tready(result_ready)
    );
`ifndef U_HAS_GATE
    assign gate_ready = 1'b0;
`endif
`ifndef U_HAS_TOKEN_I
    assign token_ready = 1'b0;
`endif
`ifndef U_HAS_TOKEN_O
    assign given_data = 0;
    assign given_valid = 1'b0;
`endif

    // Where the round is. Only the block below looks at these.
    integer start = 4;  // the first reset is longer: in some simulators logic stands still until something changes
    integer round = 0;
    integer cycle = 0;
    integer idle = 0;
    integer quiet = 0;
    integer beat = 0, sample = 0, started = 0, position = 0;
    integer gated = 0, fed = 0, received = 0, handed = 0, written = 0, read = 0;
    integer begun_at = 0;
    integer ended_at[0:`U_SAMPLES-1];
    integer checked = 0, intervals = 0, write_count = 0;
    reg paused = 1'b0, cutting = 1'b0, busy_write = 1'b0, busy_read = 1'b0, resetting = 1'b0, fresh = 1'b0;
    reg draining = 1'b0;
    reg result_waits = 1'b0, given_waits = 1'b0;
    reg [31:0] result_before = 0;
    reg [`U_TOKEN_BITS-1:0] given_before = 0;
    reg [31:0] random = 32'h2545f491;
    reg [3:0] gap = 0, stall = 8;
    reg may = 1'b0;

    task fail(input [8*48-1:0] what, input integer number, input [63:0] got, input [63:0] wanted);
        begin
            $display("FAIL: round %0d, cycle %0d: %0s %0d: %h, not %h", round, cycle, what, number, got, wanted);
            $fatal(1, "the unit is not what its vectors say");
        end
    endtask

    // The next round. A soft reset has been made already; before all others comes a reset of one cycle.
    task next_round;
        begin
            aresetn <= (round == 2);
            round = round + 1;
            fresh = 1'b1;
`ifndef U_AXI4LITE
            if (round == 2) round = 3;
            threshold <= `U_THRESHOLD_INIT;
            enable <= `U_ENABLE_INIT;
            mode <= 0;
            class_write <= 0;
`endif
            gap = (round == 3) ? 4 : 0;
            stall = (round == 1) ? 0 : (round == 3) ? 4 : (round == 4) ? 14 : 8;
            idle = 0; quiet = 0; beat = 0; sample = 0; started = 0; position = 0; gated = 0; fed = 0; received = 0; handed = 0;
            written = 0; read = 0; paused = 1'b1; cutting = 1'b0; busy_write = 1'b0; busy_read = 1'b0; resetting = 1'b0;
            draining = 1'b0;
            result_waits = 1'b0; given_waits = 1'b0;
            logits_valid <= 1'b0; gate_valid <= 1'b0; token_valid <= 1'b0; result_ready <= 1'b0; given_ready <= 1'b0;
`ifdef U_AXI4LITE
            awvalid <= 1'b0; wvalid <= 1'b0; bready <= 1'b0; arvalid <= 1'b0; rready <= 1'b0;
`endif
            if (round == 5) begin
                $display("PASS: %0d results of %0d samples, %0d intervals of %0d cycles without a bubble, latency %0d, %0d writes",
                         checked, `U_SAMPLES, intervals, `U_BEATS, `U_LATENCY, write_count);
                $finish;
            end
        end
    endtask

    task check_inputs;
        begin
            if (logits_valid && logits_ready) begin
                idle = 0;
                if (beat == 0) begin
                    if (round == 1 && !paused) begin
                        if (cycle - begun_at != `U_BEATS)
                            fail("cycles from the start before to that of sample", sample, cycle - begun_at, `U_BEATS);
                        intervals = intervals + 1;
                    end
                    paused = 1'b0;
                    begun_at = cycle;
                    started = started + 1;
                end
                position = position + 1;
                if (beat == `U_BEATS - 1) begin
                    ended_at[sample] = cycle;
                    beat = 0;
                    sample = sample + 1;
                end else beat = beat + 1;
            end else if (logits_valid && round == 1) fail("a bubble in sample", sample, 0, 1);
            if (gate_valid && gate_ready) begin
                idle = 0;
                gated = gated + 1;
            end
            if (token_valid && token_ready) begin
                idle = 0;
                fed = fed + 1;
            end
        end
    endtask

    task check_outputs;
        begin
            if (result_waits && (!result_valid || result_data != result_before))
                fail("not stable: result", received, result_data, result_before);
            if (result_valid && received == `U_SAMPLES) fail("one result too many after", received, result_data, 0);
            if (result_valid && result_ready && received < `U_SAMPLES) begin
                idle = 0;
                if (result_data !== results[received]) fail("result", received, result_data, results[received]);
                if (round == 1 && cycle - ended_at[received] != `U_LATENCY)
                    fail("latency of result", received, cycle - ended_at[received], `U_LATENCY);
                received = received + 1;
                checked = checked + 1;
            end
            result_waits = result_valid && !result_ready;
            result_before = result_data;
            if (given_waits && (!given_valid || given_data != given_before))
                fail("not stable: token", handed, given_data, given_before);
            if (given_valid && handed == `U_GIVEN) fail("one token too many after", handed, given_data, 0);
            if (given_valid && given_ready && handed < `U_GIVEN) begin
                idle = 0;
                if (given_data !== given[handed]) fail("token", handed, given_data, given[handed]);
                handed = handed + 1;
            end
            given_waits = given_valid && !given_ready;
            given_before = given_data;
        end
    endtask

    // A write may be made as soon as the sample before it has begun; where a threshold is looked up at the end, when its result was taken.
    task host;
        reg due;
        begin
            due = !busy_write && !cutting && written < `U_WRITES && writes[written][95:64] <= (`U_LATE ? received : started);
`ifdef U_AXI4LITE
            if (awvalid && awready) awvalid <= 1'b0;
            if (wvalid && wready) wvalid <= 1'b0;
            if (bvalid && bready) begin
                idle = 0;
                if (bresp != 2'b00) fail("answer to write", written, bresp, 0);
                bready <= 1'b0;
                busy_write = 1'b0;
                if (resetting) begin
                    // Sources begin anew with the next round; no beat of this one comes after the reset.
                    draining = 1'b1;
                    logits_valid <= 1'b0;
                    gate_valid <= 1'b0;
                    token_valid <= 1'b0;
                end else begin
                    written = written + 1;
                    write_count = write_count + 1;
                    due = 1'b0;
                end
            end
            if (due || (cutting && round == 2 && !busy_write && !resetting)) begin
                busy_write = 1'b1;
                resetting = cutting;
                awaddr <= cutting ? `U_CONTROL : writes[written][53:48];
                wdata <= cutting ? 32'd1 : writes[written][31:0];
                awvalid <= 1'b1;
                wvalid <= 1'b1;
                bready <= 1'b1;
            end
`else
            class_write <= 1'b0;
            if (due) begin
                case (writes[written][49:48])
                    2'd0: threshold <= writes[written][`U_THRESHOLD_BITS-1:0];
                    2'd1: enable <= writes[written][0];
                    2'd2: mode <= writes[written][1:0];
                    default: begin
                        class_write <= 1'b1;
                        class_index <= writes[written][32 +: `U_INDEX_BITS];
                        class_value <= writes[written][`U_THRESHOLD_BITS-1:0];
                    end
                endcase
                written = written + 1;
                write_count = write_count + 1;
            end
`endif
        end
    endtask

    // At a round's end the registers read as the vectors say.
    task read_back;
        begin
`ifdef U_AXI4LITE
            if (arvalid && arready) arvalid <= 1'b0;
            if (rvalid && rready) begin
                idle = 0;
                if (rresp != 2'b00 || rdata !== reads[read][31:0]) fail("register", reads[read][63:32], rdata, reads[read][31:0]);
                rready <= 1'b0;
                busy_read = 1'b0;
                read = read + 1;
            end else if (!busy_read && read < `U_READS) begin
                busy_read = 1'b1;
                araddr <= reads[read][37:32];
                arvalid <= 1'b1;
                rready <= 1'b1;
            end
`else
            read = `U_READS;
`endif
        end
    endtask

    // The host's writes for a sample are waited for before its first beat is offered.
    task offer;
        begin
            random = random ^ (random << 13);
            random = random ^ (random >> 17);
            random = random ^ (random << 5);
            if (!logits_valid || logits_ready) begin
                may = position < TOTAL && !cutting && random[3:0] >= gap;
                if (beat == 0 && written < `U_WRITES && writes[written][95:64] <= sample) begin
                    may = 1'b0;
                    paused = 1'b1;
                end
                logits_valid <= may;
                if (may) logits_data <= logits[position];
            end
            if (!gate_valid || gate_ready) begin
                may = gated < `U_GATES && !draining && random[7:4] >= gap;
                gate_valid <= may;
                if (may) gate_data <= gates[gated];
            end
            if (!token_valid || token_ready) begin
                may = fed < `U_TOKENS && !draining && random[11:8] >= gap;
                token_valid <= may;
                if (may) token_data <= tokens[fed];
            end
            result_ready <= random[15:12] >= stall;
            given_ready <= random[19:16] >= stall;
        end
    endtask

    always @(posedge clk) begin
        cycle = cycle + 1;
        if (!aresetn) begin
            if (start == 0) aresetn <= 1'b1;
            else start = start - 1;
        end else begin
            idle = idle + 1;
            check_inputs;
            check_outputs;
            if ((round == 0 || round == 2) && position >= CUT && !busy_write) cutting = 1'b1;
            if (cutting && round == 0) next_round;
            else begin
                host;
                if (draining && !result_valid && !given_valid) next_round;
                else if (round != 0 && position == TOTAL && received == `U_SAMPLES && handed == `U_GIVEN && written == `U_WRITES
                        && !busy_write && !cutting) begin
                    quiet = quiet + 1;
                    read_back;
                    if (quiet > `U_LATENCY + 16 && read == `U_READS) next_round;
                end
            end
            if (idle > PATIENCE) fail("nothing moves; results so far", received, 0, 0);
            if (!fresh) offer;
            fresh = 1'b0;
        end
    end
endmodule
