// The ports of a Zynq-7000's processing system around the Verilated design of the programmable logic, as a program on it sees them: GP0, at
// which the processor asks; HP0, by which the design reaches memory; and the registers that set HP0 up. Memory is shared with the program
// through a file descriptor. (Xilinx UG585, chapters 5 and appendix B.2 AFI; ARM IHI 0022C.)
//
// Arguments are name=value (see `Options`). Commands come on stdin, one a line, with numbers in hexadecimal: "r ADDRESS", "w ADDRESS VALUE",
// "f KILOHERTZ" (sets FCLK0), "i" (the interrupt's level), "n" (cycles so far), "q"; each is answered by "ok VALUE" or, where a processor
// would get a bus error, "error TEXT". Every access takes `access_cycles` of simulated time. What AXI3 forbids, and what would freeze the
// processor, ends the program with "stop TEXT". So does an $error of the design, in Verilator's own words; its time is in cycles.
//
// It starts as a board may: HP0 is 32 bits wide, and FCLK0 is not what the design was built for. The upper half of a beat is not carried
// then, and with a clock above the design's own some bits read are wrong.

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <string>

#include "Vtop.h"
#include "verilated.h"

namespace {

struct Options {
    std::map<std::string, uint64_t> values{
        {"memory_fd", 0}, {"memory_base", 0}, {"memory_bytes", 0}, {"access_cycles", 100}, {"seed", 1}, {"accelerator_base", 0},
        {"built_khz", 100000}, {"fclk_khz", 0},
        // What goes wrong, nothing where it is 0. After so many beats one read, or burst written, is answered by SLVERR, once; one beat, or
        // burst, in so many is answered by SLVERR or DECERR; after so many beats memory takes no more reads, or writes, for good; what
        // VERSION reads as.
        {"read_error", 0}, {"write_error", 0}, {"read_errors", 0}, {"write_errors", 0}, {"silent_reads", 0}, {"silent_writes", 0}, {"version", 0}};
    uint64_t operator[](const char* name) const { return values.at(name); }
};

constexpr uint32_t kGp0Base = 0x40000000, kGp0End = 0x80000000, kReadControl = 0xF8008000, kWriteControl = 0xF8008014;
constexpr unsigned kAnswer = 100000, kReads = 8, kWrites = 8, kAhead = 32;
constexpr unsigned kOkay = 0, kSlaveError = 2, kDecodeError = 3;

[[noreturn]] void stop(const std::string& text) {
    std::printf("stop %s\n", text.c_str());
    std::fflush(stdout);
    std::exit(3);
}

std::string hex(uint64_t value) {
    char text[32];
    std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
    return text;
}

class Random {  // splitmix64
public:
    explicit Random(uint64_t seed) : state_(seed) {}
    unsigned below(unsigned limit) {
        uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
        return static_cast<unsigned>((z ^ (z >> 31)) % limit);
    }

private:
    uint64_t state_;
};

struct Address {
    uint64_t id, addr, len, size, burst, lock, cache;
    bool operator==(const Address& other) const {
        return id == other.id && addr == other.addr && len == other.len && size == other.size && burst == other.burst &&
               lock == other.lock && cache == other.cache;
    }
};

struct Beat {
    uint64_t id, data, strobes;
    bool last;
    bool operator==(const Beat& other) const {
        return id == other.id && data == other.data && strobes == other.strobes && last == other.last;
    }
};

// What is offered stays as it is until it is taken.
template <typename Offer>
class Steady {
public:
    explicit Steady(const char* channel) : channel_(channel) {}
    void at_edge(bool valid, bool ready, const Offer& offer) {
        if (offered_ && !valid) stop(std::string(channel_) + ": VALID fell before READY");
        if (offered_ && !(offer == kept_)) stop(std::string(channel_) + ": what was offered changed before READY");
        offered_ = valid && !ready;
        kept_ = offer;
    }

private:
    const char* const channel_;
    bool offered_ = false;
    Offer kept_{};
};

// Memory at HP0.
class Memory {
public:
    Memory(const Options& options, uint8_t* bytes, Random& random) : options_(options), bytes_(bytes), random_(random) {}

    bool read_narrow = true, write_narrow = true, fast = false;

    void drive(Vtop& top) {
        top.hp0_arready = ar_ready_;
        top.hp0_awready = aw_ready_ && (!after_data_ || top.hp0_wvalid || !beats_.empty());
        top.hp0_wready = w_ready_ && beats_.size() < kAhead && (!after_address_ || pending() > 0 || (top.hp0_awvalid && top.hp0_awready));
        top.hp0_rvalid = r_valid_;
        top.hp0_rid = r_id_;
        top.hp0_rdata = r_data_;
        top.hp0_rresp = r_response_;
        top.hp0_rlast = r_last_;
        top.hp0_bvalid = b_valid_;
        top.hp0_bid = b_id_;
        top.hp0_bresp = b_response_;
        top.hp0_rcount = 0;
        top.hp0_wcount = static_cast<uint8_t>(beats_.size());
        top.hp0_racount = static_cast<uint8_t>(reads_.size() > 7 ? 7 : reads_.size());
        top.hp0_wacount = static_cast<uint8_t>(writes_.size());
    }

    // What is on the pins at the edge, all of it settled.
    void at_edge(const Vtop& top) {
        const Address ar{top.hp0_arid, top.hp0_araddr, top.hp0_arlen, top.hp0_arsize, top.hp0_arburst, top.hp0_arlock, top.hp0_arcache};
        const Address aw{top.hp0_awid, top.hp0_awaddr, top.hp0_awlen, top.hp0_awsize, top.hp0_awburst, top.hp0_awlock, top.hp0_awcache};
        const Beat w{top.hp0_wid, top.hp0_wdata, top.hp0_wstrb, static_cast<bool>(top.hp0_wlast)};
        steady_ar_.at_edge(top.hp0_arvalid, top.hp0_arready, ar);
        steady_aw_.at_edge(top.hp0_awvalid, top.hp0_awready, aw);
        steady_w_.at_edge(top.hp0_wvalid, top.hp0_wready, w);
        const bool beat_taken = r_valid_ && top.hp0_rready, answer_taken = b_valid_ && top.hp0_bready;
        if (top.hp0_arvalid && top.hp0_arready) accept_read(ar);
        if (top.hp0_awvalid && top.hp0_awready) accept_write(aw);
        if (top.hp0_wvalid && top.hp0_wready) accept_beat(w);
        read_channel(beat_taken);
        write_channel(answer_taken);
        ar_ready_ = !silent(reads_done_, "silent_reads") && reads_.size() < kReads && random_.below(4) != 0;
        aw_ready_ = !silent(writes_done_, "silent_writes") && writes_.size() < kWrites && random_.below(4) != 0;
        w_ready_ = !silent(writes_done_, "silent_writes") && random_.below(8) != 0;
        if (random_.below(64) == 0) {
            after_data_ = random_.below(2);
            after_address_ = !after_data_ && random_.below(2);
        }
    }

private:
    struct Read {
        Address address;
        unsigned beat, wait;
    };
    struct Answer {
        uint64_t id;
        unsigned response, wait;
    };

    size_t pending() const { return writes_.size() - whole_; }

    bool chance(const char* name) { return options_[name] && random_.below(static_cast<unsigned>(options_[name])) == 0; }

    bool silent(uint64_t done, const char* name) const { return options_[name] && done >= options_[name]; }

    void check(const char* channel, const Address& at) const {
        const std::string where = std::string(channel) + " of " + hex(at.addr) + ": ";
        if (at.size != 3) stop(where + "a beat must be 8 bytes (SIZE 3), not SIZE " + std::to_string(at.size));
        if (at.burst != 1) stop(where + "BURST must be INCR");
        if (at.lock) stop(where + "LOCK must be 0");
        if (at.addr % 8) stop(where + "it is not aligned to a beat");
        if ((at.addr & 4095) + 8 * (at.len + 1) > 4096) stop(where + "the burst goes beyond 4 KiB");
    }

    // Where a beat lies; null when that is no memory.
    uint8_t* place(uint64_t at) const {
        const uint64_t base = options_["memory_base"];
        return at >= base && at + 8 <= base + options_["memory_bytes"] ? bytes_ + (at - base) : nullptr;
    }

    void accept_read(const Address& at) {
        check("AR", at);
        reads_.push_back({at, 0, 16 + random_.below(48)});
    }

    void accept_write(const Address& at) {
        check("AW", at);
        writes_.push_back(at);
    }

    void accept_beat(const Beat& beat) {
        beats_.push_back(beat);
        if (beat.last) ++whole_;
        if (beats_.size() > 16 * kWrites) stop("W: more data than addresses could ever be for");
    }

    void read_channel(bool taken) {
        if (taken) r_valid_ = false;
        for (Read& item : reads_) {
            if (item.wait) --item.wait;
        }
        if (r_valid_ || reads_.empty() || reads_.front().wait || silent(reads_done_, "silent_reads")) return;
        if (random_.below(16) == 0) {  // now and then memory is busy with others
            reads_.front().wait = 1 + random_.below(12);
            return;
        }
        Read& now = reads_.front();
        const uint8_t* const from = place(now.address.addr + 8 * now.beat);
        r_data_ = 0;
        if (from) std::memcpy(&r_data_, from, 8);
        if (read_narrow) r_data_ = (r_data_ & 0xffffffffULL) | 0xdeadbeef00000000ULL;
        if (fast && random_.below(4) == 0) r_data_ ^= 1ULL << random_.below(64);
        r_response_ = from ? kOkay : kDecodeError;
        ++reads_done_;
        if (options_["read_error"] && reads_done_ == options_["read_error"]) r_response_ = kSlaveError;
        if (chance("read_errors")) r_response_ = random_.below(2) ? kSlaveError : kDecodeError;
        if (r_response_ != kOkay) r_data_ = ~r_data_;  // no document says what it is
        r_id_ = now.address.id;
        r_last_ = now.beat == now.address.len;
        r_valid_ = true;
        if (r_last_) {
            reads_.pop_front();
        } else {
            ++now.beat;
        }
    }

    void write_channel(bool taken) {
        if (taken) b_valid_ = false;
        if (whole_ && !writes_.empty()) store();
        for (Answer& item : answers_) {
            if (item.wait) --item.wait;
        }
        if (b_valid_ || answers_.empty() || answers_.front().wait) return;
        b_id_ = answers_.front().id;
        b_response_ = answers_.front().response;
        b_valid_ = true;
        answers_.pop_front();
    }

    void store() {
        const Address at = writes_.front();
        writes_.pop_front();
        --whole_;
        unsigned response = kOkay;
        for (unsigned n = 0; n <= at.len; ++n) {
            const Beat beat = beats_.front();
            beats_.pop_front();
            if (beat.id != at.id) stop("W: WID is not AWID: data of bursts must not be mixed");
            if (beat.last != (n == at.len)) stop("W: WLAST must be with beat " + std::to_string(at.len + 1) + " of its burst, and with no other");
            ++writes_done_;
            uint8_t* const to = place(at.addr + 8 * n);
            if (!to) response = kDecodeError;
            for (unsigned lane = 0; to && lane < (write_narrow ? 4 : 8); ++lane) {
                if (beat.strobes >> lane & 1) to[lane] = static_cast<uint8_t>(beat.data >> 8 * lane);
            }
            if (options_["write_error"] && writes_done_ == options_["write_error"]) response = kSlaveError;
        }
        if (chance("write_errors")) response = random_.below(2) ? kSlaveError : kDecodeError;
        // Where memory falls silent within a burst nothing answers it.
        if (!silent(writes_done_, "silent_writes")) answers_.push_back({at.id, response, 8 + random_.below(64)});
    }

    const Options& options_;
    uint8_t* const bytes_;
    Random& random_;
    Steady<Address> steady_ar_{"AR"}, steady_aw_{"AW"};
    Steady<Beat> steady_w_{"W"};
    std::deque<Read> reads_;
    std::deque<Address> writes_;
    std::deque<Beat> beats_;
    std::deque<Answer> answers_;
    size_t whole_ = 0;  // bursts whose last beat has come
    uint64_t reads_done_ = 0, writes_done_ = 0;
    bool ar_ready_ = false, aw_ready_ = false, w_ready_ = false, after_data_ = false, after_address_ = false;
    bool r_valid_ = false, r_last_ = false, b_valid_ = false;
    uint64_t r_id_ = 0, r_data_ = 0, b_id_ = 0;
    unsigned r_response_ = 0, b_response_ = 0;
};

class Board {
public:
    Board(const Options& options, uint8_t* memory)
        : options_(options), random_(options["seed"]), memory_(options_, memory, random_), top_(new Vtop{&context_, "board"}) {
        context_.fatalOnError(false);
        set_clock(options_["fclk_khz"]);
        top_->rst = 1;
        for (int i = 0; i < 32; ++i) step();
        top_->rst = 0;
        for (int i = 0; i < 4; ++i) step();
    }

    ~Board() { top_->final(); }

    uint64_t cycles() const { return cycles_; }
    bool interrupt() const { return top_->irq; }

    void set_clock(uint64_t khz) { memory_.fast = khz > options_["built_khz"]; }

    void step() {
        top_->clk = 0;
        memory_.drive(*top_);
        top_->eval();
        // A ready may depend on what the design offers in the same cycle.
        memory_.drive(*top_);
        top_->eval();
        memory_.at_edge(*top_);
        at_edge_ = {static_cast<bool>(top_->gp0_arvalid && top_->gp0_arready), static_cast<bool>(top_->gp0_awvalid && top_->gp0_awready),
                    static_cast<bool>(top_->gp0_wvalid && top_->gp0_wready), static_cast<bool>(top_->gp0_rvalid && top_->gp0_rready),
                    static_cast<bool>(top_->gp0_bvalid && top_->gp0_bready), top_->gp0_rdata, top_->gp0_rresp, top_->gp0_bresp,
                    top_->gp0_rid, top_->gp0_bid, static_cast<bool>(top_->gp0_rlast)};
        top_->clk = 1;
        top_->eval();
        context_.time(++cycles_);
        if (context_.gotFinish()) {  // an $error, which has been told
            std::fflush(stdout);
            std::exit(3);
        }
    }

    // False and a text where a processor would get a bus error.
    bool read(uint64_t address, uint32_t& value, std::string& error) {
        const uint64_t until = cycles_ + options_["access_cycles"];
        bool good = true;
        if (address == kReadControl || address == kWriteControl) {
            value = address == kReadControl ? memory_.read_narrow : memory_.write_narrow;
        } else if (address >= kGp0Base && address < kGp0End) {
            good = ask_read(static_cast<uint32_t>(address), value, error);
            if (good && options_["version"] && address == options_["accelerator_base"] + 4) value = static_cast<uint32_t>(options_["version"]);
        } else {
            error = "nothing answers at " + hex(address);
            good = false;
        }
        while (cycles_ < until) step();
        return good;
    }

    bool write(uint64_t address, uint32_t value, std::string& error) {
        const uint64_t until = cycles_ + options_["access_cycles"];
        bool good = true;
        if (address == kReadControl || address == kWriteControl) {
            (address == kReadControl ? memory_.read_narrow : memory_.write_narrow) = value & 1;
        } else if (address >= kGp0Base && address < kGp0End) {
            good = ask_write(static_cast<uint32_t>(address), value, error);
        } else {
            error = "nothing answers at " + hex(address);
            good = false;
        }
        while (cycles_ < until) step();
        return good;
    }

private:
    struct Edge {
        bool ar, aw, w, r, b;
        uint64_t rdata;
        unsigned rresp, bresp;
        uint64_t rid, bid;
        bool rlast;
    };

    bool bad(unsigned response, const char* what, uint32_t address, std::string& error) const {
        if (response == kOkay) return false;
        error = std::string(what) + " of " + hex(address) + " was answered with " + (response == kDecodeError ? "DECERR" : "SLVERR");
        return true;
    }

    bool ask_read(uint32_t address, uint32_t& value, std::string& error) {
        const uint64_t id = random_.below(4096);
        top_->gp0_arid = id;
        top_->gp0_araddr = address;
        top_->gp0_arlen = 0;
        top_->gp0_arsize = 2;
        top_->gp0_arburst = 1;
        top_->gp0_arcache = 0;
        top_->gp0_arvalid = 1;
        for (unsigned i = 0; i < kAnswer; ++i) {
            top_->gp0_rready = random_.below(4) != 0;
            step();
            if (at_edge_.ar) top_->gp0_arvalid = 0;
            if (!at_edge_.r) continue;
            top_->gp0_rready = 0;
            if (top_->gp0_arvalid) stop("GP0: a read was answered before its address was taken");
            if (at_edge_.rid != id) stop("GP0: RID is not ARID");
            if (!at_edge_.rlast) stop("GP0: RLAST is missing with the only beat");
            value = static_cast<uint32_t>(at_edge_.rdata);
            return !bad(at_edge_.rresp, "read", address, error);
        }
        stop("GP0: a read of " + hex(address) + " is not answered, which freezes the processor");
    }

    bool ask_write(uint32_t address, uint32_t value, std::string& error) {
        const uint64_t id = random_.below(4096);
        unsigned address_wait = random_.below(3) ? 0 : random_.below(12), data_wait = random_.below(3) ? 0 : random_.below(12);
        bool address_done = false, data_done = false;
        top_->gp0_awid = top_->gp0_wid = id;
        top_->gp0_awaddr = address;
        top_->gp0_awlen = 0;
        top_->gp0_awsize = 2;
        top_->gp0_awburst = 1;
        top_->gp0_awcache = 0;
        top_->gp0_wdata = value;
        top_->gp0_wstrb = 15;
        top_->gp0_wlast = 1;
        for (unsigned i = 0; i < kAnswer; ++i) {
            top_->gp0_awvalid = !address_done && i >= address_wait;
            top_->gp0_wvalid = !data_done && i >= data_wait;
            top_->gp0_bready = random_.below(4) != 0;
            step();
            address_done |= at_edge_.aw;
            data_done |= at_edge_.w;
            if (!at_edge_.b) continue;
            top_->gp0_awvalid = top_->gp0_wvalid = top_->gp0_bready = 0;
            if (!address_done || !data_done) stop("GP0: a write was answered before all of it was taken");
            if (at_edge_.bid != id) stop("GP0: BID is not AWID");
            return !bad(at_edge_.bresp, "write", address, error);
        }
        stop("GP0: a write to " + hex(address) + " is not answered, which freezes the processor");
    }

    const Options& options_;
    VerilatedContext context_;
    Random random_;
    Memory memory_;
    std::unique_ptr<Vtop> top_;
    Edge at_edge_{};
    uint64_t cycles_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const char* const equals = std::strchr(argv[i], '=');
        const std::string name(argv[i], equals ? static_cast<size_t>(equals - argv[i]) : std::strlen(argv[i]));
        if (!equals || !options.values.count(name)) stop("unknown option " + std::string(argv[i]));
        options.values[name] = std::strtoull(equals + 1, nullptr, 0);
    }
    void* const memory = mmap(nullptr, options["memory_bytes"], PROT_READ | PROT_WRITE, MAP_SHARED, static_cast<int>(options["memory_fd"]), 0);
    if (memory == MAP_FAILED) stop("the memory cannot be mapped");
    Board board(options, static_cast<uint8_t*>(memory));

    char line[128];
    // Ends with its program, which closes the pipe however it ends. (PR_SET_PDEATHSIG would end it with the thread that started it.)
    while (std::fgets(line, sizeof line, stdin)) {
        char kind = 0;
        unsigned long long address = 0, given = 0;
        const int found = std::sscanf(line, " %c %llx %llx", &kind, &address, &given);
        std::string error;
        uint32_t value = 0;
        bool good = true;
        if (kind == 'r' && found == 2) {
            good = board.read(address, value, error);
        } else if (kind == 'w' && found == 3) {
            good = board.write(address, static_cast<uint32_t>(given), error);
        } else if (kind == 'f' && found == 2) {
            board.set_clock(address);
        } else if (kind == 'i') {
            value = board.interrupt();
        } else if (kind == 'n') {
            std::printf("ok %llx\n", static_cast<unsigned long long>(board.cycles()));
            std::fflush(stdout);
            continue;
        } else if (kind == 'q') {
            break;
        } else {
            stop("unknown command " + std::string(line));
        }
        if (good) {
            std::printf("ok %x\n", value);
        } else {
            std::printf("error %s\n", error.c_str());
        }
        std::fflush(stdout);
    }
    return 0;
}
