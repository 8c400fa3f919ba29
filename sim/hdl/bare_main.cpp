// The yardstick for the bench's speed: drives the accelerator alone, built without public signals and without VPI, as fast as C++ can.
// Arguments: file of bus words (least significant byte first), bytes a word, batch length and its register's address, images, results file.
// Prints the cycles and seconds from the first word to the last result. Built with a trace (VM_TRACE_SAIF) it takes two arguments more: the
// file that is to say how often each bit changed meanwhile, and cycles to sit idle instead when there are no images.

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

#include "Vtop.h"
#include "verilated.h"
#if VM_TRACE_SAIF
#include "verilated_saif_c.h"
#endif

namespace {

template <typename Port>
void load(Port& port, const char* from, size_t bytes) {
    std::memcpy(&port, from, bytes);
}

void cycle(Vtop& top) {
    top.ap_clk = 1;
    top.eval();
    top.ap_clk = 0;
    top.eval();
}

void write(Vtop& top, unsigned address, unsigned value) {
    top.s_axilite_awaddr = address;
    top.s_axilite_wdata = value;
    top.s_axilite_wstrb = 0xF;
    top.s_axilite_bready = 1;
    bool address_left = true;
    bool data_left = true;
    for (bool answered = false; !answered;) {
        top.s_axilite_awvalid = address_left;
        top.s_axilite_wvalid = data_left;
        top.eval();
        if (top.s_axilite_awready) address_left = false;
        if (top.s_axilite_wready) data_left = false;
        answered = top.s_axilite_bvalid;
        cycle(top);
    }
    top.s_axilite_awvalid = 0;
    top.s_axilite_wvalid = 0;
    top.s_axilite_bready = 0;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 7) return 2;
    std::ifstream file(argv[1], std::ios::binary);
    const std::vector<char> words{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
    const size_t bytes = std::strtoul(argv[2], nullptr, 10);
    const size_t images = std::strtoul(argv[5], nullptr, 10);
    std::FILE* const results = std::fopen(argv[6], "w");
    if ((images && words.empty()) || !results) return 2;

    VerilatedContext context;
#if VM_TRACE_SAIF
    if (argc < 9) return 2;
    context.traceEverOn(true);
    const uint64_t idle = images ? 0 : std::strtoull(argv[8], nullptr, 10);
#else
    const uint64_t idle = 0;
#endif
    const std::unique_ptr<Vtop> owner{new Vtop{&context, "accelerator"}};
    Vtop& top = *owner;
    top.ap_rst_n = 0;
    for (int i = 0; i < 20; ++i) cycle(top);
    top.ap_rst_n = 1;
    for (int i = 0; i < 4; ++i) cycle(top);
    write(top, static_cast<unsigned>(std::strtoul(argv[4], nullptr, 10)), static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)));

#if VM_TRACE_SAIF
    VerilatedSaifC changes;
    top.trace(&changes, 99);
    changes.open(argv[7]);
#endif
    const auto started = std::chrono::steady_clock::now();
    uint64_t cycles = 0;
    size_t position = 0;
    size_t done = 0;
    size_t quiet = 0;
    top.m_axis_tready = 1;
    while ((done < images && quiet < 10'000'000) || cycles < idle) {
        top.s_axis_tvalid = position < words.size();
        if (top.s_axis_tvalid) load(top.s_axis_tdata, &words[position], bytes);
        const bool taken = top.s_axis_tvalid && top.s_axis_tready;
        const bool result = top.m_axis_tvalid;
        if (result) std::fprintf(results, "%llx\n", static_cast<unsigned long long>(top.m_axis_tdata));
        cycle(top);
        if (taken) position += bytes;
        done += result;
        quiet = taken || result ? 0 : quiet + 1;
        ++cycles;
#if VM_TRACE_SAIF
        changes.dump(cycles);
#endif
    }
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
    std::printf("%llu %.6f\n", static_cast<unsigned long long>(cycles), seconds);
    std::fclose(results);
#if VM_TRACE_SAIF
    changes.close();
#endif
    top.final();
    return done == images ? 0 : 1;
}
