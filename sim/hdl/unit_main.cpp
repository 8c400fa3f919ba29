// Plays samples through the units of a sweep, one unit after the other, and records when every beat and result passed.
//
//   model PLAN
//
// PLAN holds one line a unit: SLOT SAMPLES CLASSES PE BITS HEAD STALL SEED IDLE TAIL, then paths (`-` for none) LOGITS_HEAD LOGITS_BODY
// RULES SIDE CLASS_THRESHOLDS RECORDS TOKENS, then a count of events and so many `reset|hold CYCLE LENGTH`.
//   logits   int32 [n, classes]: the first HEAD samples, and all the others
//   rules    int64 [n, 2]: threshold; enable + 2 * mode. They are on the ports with a sample's first beat, and noise at any other time
//   side     int64 [n]: the gate's logit or the token that comes with a sample
//   classes  int64 [m, 2]: class and threshold, written before the first sample
//   records  int64 [n, 5]: cycle in which the first and the last beat were taken, the result became valid and was taken; its word (-1: never)
//   tokens   int64 [m, 2]: cycle and word
// STALL is how many of 65536 chances to move on are missed. A reset forgets all samples that have begun: the next one follows.
// On standard output: `at SLOT SAMPLES` now and then, and for each unit
//   done SLOT CYCLES SECONDS TOKENS SURPLUS BROKEN STUCK RESTART...
// SURPLUS: results and tokens nobody waited for; BROKEN: beats taken back or changed before they were taken; STUCK: 1 when nothing moved for
// IDLE cycles; RESTART: for each reset, the cycle of its end and the sample that followed.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "Vtop.h"
#include "Vtop__Dpi.h"
#include "verilated.h"

namespace {

using std::int64_t;

constexpr int RESET = 1 << 0, LOGITS = 1 << 1, RESULT = 1 << 2, SIDE = 1 << 3, TOKEN = 1 << 4, ENABLE = 1 << 5, MODE = 6, CLASS = 1 << 8,
              NEW_LOGITS = 1 << 9, NEW_RULE = 1 << 10, NEW_SIDE = 1 << 11;
constexpr int SEEN_LOGITS = 1 << 0, SEEN_RESULT = 1 << 1, SEEN_SIDE = 1 << 2, SEEN_TOKEN = 1 << 3;
constexpr int RESET_CYCLES = 2, FIELDS = 5;
enum Field { FIRST, LAST, VALID, TAKEN, WORD };

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(2);
}

// A file of numbers in memory; an absent or empty one is a null pointer.
template <typename T>
T* map(const std::string& path, bool write = false) {
    if (path == "-") return nullptr;
    const int file = ::open(path.c_str(), write ? O_RDWR : O_RDONLY);
    struct stat found;
    if (file < 0 || ::fstat(file, &found)) fail("cannot open " + path);
    if (found.st_size == 0) return nullptr;
    void* at = ::mmap(nullptr, found.st_size, write ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, 0);
    ::close(file);
    if (at == MAP_FAILED) fail("cannot map " + path);
    return static_cast<T*>(at);
}

int64_t entries(const std::string& path, std::size_t size) {
    struct stat found;
    return path == "-" || ::stat(path.c_str(), &found) ? 0 : found.st_size / size;
}

struct Event {
    bool reset;
    int64_t cycle, length;
};

struct Unit {
    int slot, classes, pe, bits;
    int64_t samples, head, stall, idle_limit;
    std::uint64_t random;
    const int32_t *logits_head, *logits_body;
    const int64_t *rules, *side, *thresholds;
    int64_t threshold_count;
    int64_t* records;
    std::FILE* tokens = nullptr;
    std::vector<Event> events;

    int64_t cycle = 0, idle = 0, extra = 0, token_count = 0, surplus = 0, broken = 0;
    int64_t sample = 0, begun = 0, beat = 0, out = 0, ended = 0, sides = 0, written = 0;
    int64_t held_result = 0, held_token = 0, reset_until = RESET_CYCLES, hold_until = 0;
    bool offering = false, offering_side = false, waiting_result = false, waiting_token = false, finished = false, stuck = false;
    int drive = RESET;
    std::size_t event = 0;
    int64_t rule = 0;
    std::vector<std::uint32_t> words;
    std::vector<std::pair<int64_t, int64_t>> restarts;

    std::uint32_t draw() {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        return static_cast<std::uint32_t>(random >> 32);
    }
    bool missed() { return stall && (draw() >> 16) < stall; }

    int64_t* record(int64_t index) { return records + index * FIELDS; }

    void observe(int seen, int64_t result, int64_t token) {
        bool moved = false;
        if (offering && seen & SEEN_LOGITS) {
            if (beat == 0) {
                record(sample)[FIRST] = cycle;
                begun = sample + 1;
            }
            offering = false;
            moved = true;
            if (++beat == classes / pe) {
                record(sample)[LAST] = cycle;
                beat = 0;
                ended = ++sample;
            }
        }
        if (offering_side && seen & SEEN_SIDE) {
            offering_side = false;
            ++sides;
            moved = true;
        }
        if (seen & SEEN_RESULT) {
            if (waiting_result && result != held_result) ++broken;
            if (!waiting_result && out < ended) record(out)[VALID] = cycle;
            held_result = result;
            waiting_result = !(drive & RESULT);
            if (!waiting_result) {
                if (out < ended) {
                    record(out)[TAKEN] = cycle;
                    record(out++)[WORD] = result;
                } else {
                    ++surplus;
                }
                moved = true;
            }
        } else if (waiting_result) {
            ++broken;
            waiting_result = false;
        }
        if (tokens && seen & SEEN_TOKEN) {
            if (waiting_token && token != held_token) ++broken;
            held_token = token;
            waiting_token = !(drive & TOKEN);
            if (!waiting_token) {
                const int64_t pair[2] = {cycle, token};
                std::fwrite(pair, sizeof pair, 1, tokens);
                ++token_count;
                moved = true;
            }
        } else if (waiting_token) {
            ++broken;
            waiting_token = false;
        }
        idle = moved ? 0 : idle + 1;
    }

    void restart() {
        sample = out = sides = ended = begun;
        beat = 0;
        offering = offering_side = waiting_result = waiting_token = false;
        idle = 0;
        restarts.emplace_back(reset_until, begun);
    }

    int answer() {
        // The cycle that begins is number `cycle`.
        while (event < events.size() && events[event].cycle <= cycle) {
            const Event& now = events[event++];
            if (now.reset) {
                reset_until = cycle + now.length;
                restart();
            } else {
                hold_until = cycle + now.length;
            }
        }
        if (cycle < reset_until) return RESET;
        int next = 0;
        if (written < threshold_count) {
            ++written;
            return CLASS;
        }
        const bool was_first = offering && beat == 0;
        if (!offering && sample < samples && !missed()) {
            offering = true;
            next |= NEW_LOGITS;
        }
        if (offering) next |= LOGITS;
        if (offering && beat == 0) {
            if (!was_first) {
                rule = rules[2 * sample];
                next |= NEW_RULE;
            }
            next |= static_cast<int>(rules[2 * sample + 1]) * ENABLE;
        } else if (beat == 1 || !offering) {
            const std::uint32_t noise = draw();
            rule = rules[2 * (noise % (head ? head : samples))];
            next |= NEW_RULE | (noise >> 16 & ENABLE) | (noise >> 24) % 3 << MODE;
        } else {
            next |= drive & (ENABLE | 3 << MODE);
        }
        if (side && !offering_side && sides < samples && !missed()) {
            offering_side = true;
            next |= NEW_SIDE;
        }
        if (offering_side) next |= SIDE;
        if (cycle >= hold_until) {
            if (!missed()) next |= RESULT;
            if (!missed()) next |= TOKEN;
        }
        return next;
    }

    int clock(int seen, int64_t result, int64_t token) {
        if (!(drive & RESET)) observe(seen, result, token);
        ++cycle;
        if (out == samples && ++extra > 2 * classes / pe + 64) finished = true;
        if (idle > idle_limit) finished = stuck = true;
        return drive = answer();
    }

    std::uint32_t word(int index) {
        if (drive & CLASS) return static_cast<std::uint32_t>(thresholds[2 * (written - 1)]);
        if (index == 0) pack();
        return words[index];
    }

    void pack() {
        const int32_t* at = (sample < head ? logits_head + sample * classes : logits_body + (sample - head) * classes) + beat * pe;
        const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
        std::uint64_t gathered = 0;
        int filled = 0;
        std::size_t target = 0;
        for (int lane = 0; lane < pe; ++lane) {
            gathered |= (static_cast<std::uint64_t>(at[lane]) & mask) << filled;
            for (filled += bits; filled >= 32; filled -= 32) {
                words[target++] = static_cast<std::uint32_t>(gathered);
                gathered >>= 32;
            }
        }
        if (filled) words[target] = static_cast<std::uint32_t>(gathered);
    }
};

std::vector<std::unique_ptr<Unit>> units;  // by slot

std::unique_ptr<Unit> read_unit(const std::string& line) {
    std::istringstream text(line);
    auto unit = std::make_unique<Unit>();
    std::string head, body, rules, side, classes, records, tokens;
    std::size_t count = 0;
    text >> unit->slot >> unit->samples >> unit->classes >> unit->pe >> unit->bits >> unit->head >> unit->stall >> unit->random >>
        unit->idle_limit >> head >> body >> rules >> side >> classes >> records >> tokens >> count;
    for (std::size_t n = 0; n < count; ++n) {
        std::string kind;
        Event event{};
        text >> kind >> event.cycle >> event.length;
        event.reset = kind == "reset";
        unit->events.push_back(event);
    }
    if (!text) fail("not a line of a plan: " + line);
    unit->logits_head = map<const int32_t>(head);
    unit->logits_body = map<const int32_t>(body);
    unit->rules = map<const int64_t>(rules);
    unit->side = map<const int64_t>(side);
    unit->thresholds = map<const int64_t>(classes);
    unit->threshold_count = entries(classes, 2 * sizeof(int64_t));
    unit->records = map<int64_t>(records, true);
    if (tokens != "-" && !(unit->tokens = std::fopen(tokens.c_str(), "wb"))) fail("cannot write " + tokens);
    unit->words.resize((unit->pe * unit->bits + 31) / 32 + 1);
    return unit;
}

void run(Vtop& top, Unit& unit) {
    using clock = std::chrono::steady_clock;
    const auto start = clock::now();
    auto told = start;
    const std::uint32_t bit = std::uint32_t{1} << (unit.slot % 32);
    while (!unit.finished) {
        top.clk[unit.slot / 32] = bit;
        top.eval();
        top.clk[unit.slot / 32] = 0;
        top.eval();
        if ((unit.cycle & 0xffff) == 0) {
            const auto now = clock::now();
            if (now - told > std::chrono::milliseconds(200)) {
                std::printf("at %d %" PRId64 "\n", unit.slot, unit.out);
                std::fflush(stdout);
                told = now;
            }
        }
    }
    if (unit.tokens && (std::ferror(unit.tokens) | std::fclose(unit.tokens)))
        fail(std::string("the tokens' record was not written: ") + std::strerror(errno));
    const double seconds = std::chrono::duration<double>(clock::now() - start).count();
    std::printf("done %d %" PRId64 " %.6f %" PRId64 " %" PRId64 " %" PRId64 " %d", unit.slot, unit.cycle, seconds, unit.token_count,
                unit.surplus, unit.broken, unit.stuck);
    for (const auto& [cycle, sample] : unit.restarts) std::printf(" %" PRId64 " %" PRId64, cycle, sample);
    std::printf("\n");
    std::fflush(stdout);
}

}  // namespace

extern "C" int unit_clock(int slot, int seen, long long result, long long token) { return units[slot]->clock(seen, result, token); }
extern "C" int unit_word(int slot, int index) { return static_cast<int>(units[slot]->word(index)); }
extern "C" long long unit_side(int slot) { return units[slot]->side[units[slot]->sides]; }
extern "C" long long unit_rule(int slot) {
    const Unit& unit = *units[slot];
    return unit.drive & CLASS ? unit.thresholds[2 * (unit.written - 1) + 1] : unit.rule;
}

int main(int argc, char** argv) {
    if (argc != 2) fail("usage: model PLAN");
    std::ifstream plan(argv[1]);
    if (!plan) fail(std::string("cannot open ") + argv[1]);
    std::vector<int> order;
    for (std::string line; std::getline(plan, line);) {
        auto unit = read_unit(line);
        const int slot = unit->slot;
        if (units.size() <= static_cast<std::size_t>(slot)) units.resize(slot + 1);
        units[slot] = std::move(unit);
        order.push_back(slot);
    }
    const auto context = std::make_unique<VerilatedContext>();
    const auto top = std::make_unique<Vtop>(context.get());
    for (std::size_t word = 0; word < sizeof(top->clk) / sizeof(top->clk[0]); ++word) top->clk[word] = 0;
    top->eval();
    for (const int slot : order) run(*top, *units[slot]);
    top->final();
    return 0;
}
