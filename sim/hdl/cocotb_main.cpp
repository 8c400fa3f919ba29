// Runs a Verilated model under cocotb. The clock is toggled here, so that Python wakes for its own timers and for changes of the
// signals it waits on, and for nothing else. Everything at one point in time happens in cocotb's order: next-time and timed
// callbacks, clock edge, value changes (which see the values from before the edge), evaluation, writes, read-only callbacks.

#include <cstdint>
#include <cstring>
#include <memory>

#include "Vtop.h"
#include "verilated.h"
#include "verilated_vpi.h"
#if VM_TRACE
#include "verilated_fst_c.h"
#endif

#ifdef __linux__
#include <csignal>
#include <sys/prctl.h>
#endif

extern "C" void vlog_startup_routines_bootstrap(void);

namespace {

constexpr uint64_t kHalfPeriod = 5;  // time units; the timescale is 1 ns
constexpr uint64_t kNever = ~0ULL;

void value_callbacks() {
    if (!VerilatedVpi::hasCbs(cbValueChange)) return;
    while (VerilatedVpi::callValueCbs()) {
    }
}

void evaluate(Vtop& top) {
    do {
        do {
            top.eval_step();
            VerilatedVpi::clearEvalNeeded();
            VerilatedVpi::doInertialPuts();
            value_callbacks();
        } while (VerilatedVpi::evalNeeded());
        if (VerilatedVpi::hasCbs(cbReadWriteSynch)) VerilatedVpi::callCbs(cbReadWriteSynch);
        VerilatedVpi::doInertialPuts();
        value_callbacks();
    } while (VerilatedVpi::evalNeeded());
    top.eval_end_step();
    if (VerilatedVpi::hasCbs(cbReadOnlySynch)) VerilatedVpi::callCbs(cbReadOnlySynch);
}

}  // namespace

int main(int argc, char** argv) {
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);  // a simulation nobody waits for ends with whoever started it
#endif
    VerilatedContext* const context = Verilated::threadContextp();
    context->commandArgs(argc, argv);
    const std::unique_ptr<Vtop> top{new Vtop{context, ""}};
    context->fatalOnVpiError(false);  // cocotb asks for objects that may not exist
    context->fatalOnError(false);     // an $error ends the simulation, and what was recorded is kept

#if VM_TRACE
    std::unique_ptr<VerilatedFstC> trace;
    const char* const waves = context->commandArgsPlusMatch("waves=");
    if (std::strlen(waves) > 7) {
        context->traceEverOn(true);
        trace.reset(new VerilatedFstC);
        top->trace(trace.get(), 99);
        trace->open(waves + 7);
    }
#endif

    vlog_startup_routines_bootstrap();
    VerilatedVpi::callCbs(cbStartOfSimulation);
    value_callbacks();
    top->clk = 0;
    evaluate(*top);

    uint64_t edge = kHalfPeriod;
    while (!context->gotFinish()) {
        VerilatedVpi::callCbs(cbNextSimTime);
        const uint64_t deadline = VerilatedVpi::cbNextDeadline();
        const bool timed = deadline <= edge;
        const uint64_t now = timed ? deadline : edge;
        context->time(now);
        if (timed) {
            VerilatedVpi::callCbs(cbNextSimTime);
            value_callbacks();
            VerilatedVpi::callTimedCbs();
            VerilatedVpi::doInertialPuts();
            value_callbacks();
        }
        if (now == edge) {
            top->clk ^= 1;
            edge += kHalfPeriod;
            value_callbacks();
        }
        evaluate(*top);
#if VM_TRACE
        if (trace) trace->dump(now);
#endif
    }

    top->final();
    VerilatedVpi::callCbs(cbEndOfSimulation);
#if VM_TRACE
    if (trace) trace->close();
#endif
    return context->errorCount() > 0 ? 1 : 0;
}
