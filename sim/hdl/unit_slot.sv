// One exit-decision unit's surroundings in a sweep: C++ plays its streams and records what comes, by one call a clock edge.
// What the call is told are values of the cycle that ends; what it answers holds in the cycle that begins.

module unit_slot #(
    parameter int SLOT           = 0,
    parameter int LOGITS_BITS    = 16,
    parameter int THRESHOLD_BITS = 1,
    parameter int RESULT_BITS    = 18,
    parameter int SIDE_BITS      = 1,   // a gate's logit or a token, one a sample
    parameter int TOKEN_BITS     = 1,
    parameter int INDEX_BITS     = 1,   // thresholds of classes
    parameter int VALUE_BITS     = 1
) (
    input  logic                      clk,
    output logic                      rst,
    output logic [LOGITS_BITS-1:0]    logits,
    output logic                      logits_valid,
    input  logic                      logits_ready,
    output logic [THRESHOLD_BITS-1:0] threshold,
    output logic                      enable,
    output logic [1:0]                mode,
    input  logic [RESULT_BITS-1:0]    result,
    input  logic                      result_valid,
    output logic                      result_ready,
    output logic [SIDE_BITS-1:0]      side,
    output logic                      side_valid,
    input  logic                      side_ready,
    input  logic [TOKEN_BITS-1:0]     token,
    input  logic                      token_valid,
    output logic                      token_ready,
    output logic                      class_write,
    output logic [INDEX_BITS-1:0]     class_index,
    output logic [VALUE_BITS-1:0]     class_value
);
    localparam int WORDS = (LOGITS_BITS + 31) / 32;

    import "DPI-C" function int unit_clock(input int slot, input int seen, input longint result, input longint token);
    import "DPI-C" function int unit_word(input int slot, input int index);
    import "DPI-C" function longint unit_side(input int slot);
    import "DPI-C" function longint unit_rule(input int slot);

    typedef struct packed {
        logic       new_side, new_rule, new_logits;
        logic       class_write;
        logic [1:0] mode;
        logic       enable, token_ready, side_valid, result_ready, logits_valid, rst;
    } answer_t;

    initial begin
        {rst, logits_valid, result_ready, side_valid, token_ready, class_write} = 6'b100000;
        {logits, threshold, enable, mode, side, class_index, class_value} = '0;
    end

    always_ff @(posedge clk) begin
        automatic answer_t answer = answer_t'(12'(unit_clock(SLOT, {28'd0, token_valid, side_ready, result_valid, logits_ready},
                                                             64'(result), 64'(token))));
        rst          <= answer.rst;
        logits_valid <= answer.logits_valid;
        result_ready <= answer.result_ready;
        side_valid   <= answer.side_valid;
        token_ready  <= answer.token_ready;
        enable       <= answer.enable;
        mode         <= answer.mode;
        class_write  <= answer.class_write;
        if (answer.new_rule) threshold <= THRESHOLD_BITS'(unit_rule(SLOT));
        if (answer.new_side) side <= SIDE_BITS'(unit_side(SLOT));
        if (answer.class_write) begin
            class_index <= INDEX_BITS'(unit_word(SLOT, 0));
            class_value <= VALUE_BITS'(unit_rule(SLOT));
        end
        if (answer.new_logits) begin
            automatic logic [WORDS*32-1:0] beat;
            for (int word = 0; word < WORDS; word++) beat[word*32 +: 32] = unit_word(SLOT, word);
            logits <= beat[LOGITS_BITS-1:0];
        end
    end
endmodule
