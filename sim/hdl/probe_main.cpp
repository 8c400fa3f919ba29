// Runs a Verilated module with the ports clk, rst, addr, wdata, we, rdata and obeys commands on standard input, one a line:
//   reset N        hold rst for N cycles
//   write A V      write word V to address A (takes one cycle)
//   read A         print the word at address A
//   run N          run N cycles
// Every command but `read` prints nothing; output is flushed after each `read`.
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "verilated.h"

int main(int argc, char** argv) {
    const auto context = std::make_unique<VerilatedContext>();
    context->commandArgs(argc, argv);
    const auto top = std::make_unique<Vtop>(context.get());
    const auto cycle = [&] {
        top->clk = 1;
        top->eval();
        top->clk = 0;
        top->eval();
    };
    char command[16];
    while (std::scanf("%15s", command) == 1) {
        std::uint32_t first = 0, second = 0;
        if (!std::strcmp(command, "write")) {
            if (std::scanf("%" SCNu32 " %" SCNu32, &first, &second) != 2) return 2;
            top->addr = first;
            top->wdata = second;
            top->we = 1;
            cycle();
            top->we = 0;
        } else if (std::scanf("%" SCNu32, &first) != 1) {
            return 2;
        } else if (!std::strcmp(command, "read")) {
            top->addr = first;
            top->eval();
            std::printf("%" PRIu32 "\n", top->rdata);
            std::fflush(stdout);
        } else if (!std::strcmp(command, "reset") || !std::strcmp(command, "run")) {
            top->rst = command[1] == 'e';
            for (std::uint32_t n = 0; n < first; ++n) cycle();
            top->rst = 0;
        } else {
            std::fprintf(stderr, "unknown command %s\n", command);
            return 2;
        }
    }
    top->final();
    return 0;
}
