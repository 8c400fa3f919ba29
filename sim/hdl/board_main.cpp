// A Zynq board around the Verilated accelerator, as a program sees it: AXI DMA in direct register mode (PG021, AXI DMA LogiCORE IP product
// guide), an AXI4-Lite manager on the accelerator's own pins, and memory that is shared with the program through a file descriptor.
//
// Arguments are name=value (see `Options`). Commands come on stdin, one a line, with numbers in hexadecimal: "r ADDRESS", "w ADDRESS VALUE",
// "n" (cycles so far), "q"; each is answered by "ok VALUE" or, where a processor would get a bus error, "error TEXT". Every access takes
// `access_cycles` of simulated time. What PG021 leaves undefined ends the program with "stop TEXT": hardware might do anything. So does an
// $error of the design, in Verilator's own words; its time is in cycles.

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
        {"memory_fd", 0}, {"memory_base", 0}, {"memory_bytes", 0}, {"dma_base", 0}, {"accelerator_base", 0}, {"access_cycles", 100},
        {"length_bits", 26}, {"seed", 1},
        // What goes wrong, nothing where it is 0. After so many results the DMA takes no more, until it is reset then; so many words of
        // the image stream are lost, once; what VERSION reads as; after so many words memory does not answer, until the DMA is reset then.
        {"hold_results", 0}, {"lose_words", 0}, {"version", 0}, {"fail_reads", 0}};
    uint64_t operator[](const char* name) const { return values.at(name); }
};

constexpr uint32_t kRun = 1, kReset = 4, kHalted = 1, kIdle = 2, kInternal = 0x10, kSlave = 0x20, kDecode = 0x40, kDone = 0x1000;
constexpr uint32_t kErrors = kInternal | kSlave | kDecode, kInterrupts = 0x7000;
constexpr unsigned kResetCycles = 24, kBurst = 16, kQueue = 4, kAnswer = 1000;
constexpr uint64_t kAcceleratorBytes = 0x1000, kDmaBytes = 0x10000;

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

// What both channels have: registers, and one transfer at a time.
class Channel {
public:
    Channel(const char* name, const Options& options, uint8_t* memory, unsigned word, Random& random)
        : options_(options), memory_(memory), word_(word), random_(random), name_(name) {
        if (word == 0) stop("a stream has no width");
    }

    void reset() {
        control_ = 0x10000;
        status_ = kHalted;
        address_ = length_ = moved_ = 0;
        active_ = false;
        wait_ = burst_ = 0;
    }

    uint32_t read(uint64_t offset) const {
        switch (offset) {
        case 0x00: return control_;
        case 0x04: return status_;
        case 0x18: return static_cast<uint32_t>(address_);
        case 0x1c: return static_cast<uint32_t>(address_ >> 32);
        case 0x28: return static_cast<uint32_t>(length_);
        default: return 0;
        }
    }

    void write(uint64_t offset, uint32_t value) {
        switch (offset) {
        case 0x00:
            control_ = (value & ~kReset) | 0x2;
            if (value & kRun) {
                if (!(status_ & kErrors)) status_ &= ~kHalted;
            } else if (!active_) {
                status_ |= kHalted;
            }
            break;
        case 0x04: status_ &= ~(value & kInterrupts); break;
        case 0x18: address_ = (address_ & ~0xffffffffULL) | value; break;
        case 0x1c: address_ = (address_ & 0xffffffffULL) | static_cast<uint64_t>(value) << 32; break;
        case 0x28: start(value); break;
        default: break;
        }
    }

    bool halted() const { return status_ & kHalted; }

protected:
    void start(uint32_t bytes) {
        if (halted() || !(control_ & kRun)) return;  // PG021: no effect while the channel does not run
        if (active_) stop(std::string(name_) + ": LENGTH was written while a transfer was going on");
        if (bytes >> options_["length_bits"]) {
            stop(std::string(name_) + ": LENGTH of " + std::to_string(bytes) + " bytes does not fit its register");
        }
        if (address_ % word_) stop(std::string(name_) + ": address " + hex(address_) + " is not aligned to " + std::to_string(word_) + " bytes");
        length_ = bytes;
        moved_ = 0;
        status_ &= ~kIdle;
        if (bytes == 0) return fail(kInternal);
        if (bytes % word_) stop(std::string(name_) + ": LENGTH of " + std::to_string(bytes) + " bytes is not whole words, and there is no TKEEP");
        active_ = true;
        burst_ = 0;
        wait_ = 20 + random_.below(40);  // to the first word of a transfer
    }

    void finish() {
        active_ = false;
        status_ |= kIdle | kDone;
        if (!(control_ & kRun)) status_ |= kHalted;
    }

    void fail(uint32_t error) {
        active_ = false;
        status_ |= error | kHalted | 0x4000;
        control_ &= ~kRun;
    }

    // Where the next word lies; null when that is no memory.
    uint8_t* place() const {
        const uint64_t at = address_ + moved_, base = options_["memory_base"];
        return at >= base && at + word_ <= base + options_["memory_bytes"] ? memory_ + (at - base) : nullptr;
    }

    void moved() {
        moved_ += word_;
        if (++burst_ == kBurst) {
            burst_ = 0;
            wait_ = random_.below(8) ? 0 : 1 + random_.below(24);  // now and then memory is busy with others
        }
    }

    const Options& options_;
    uint8_t* const memory_;
    const unsigned word_;
    Random& random_;
    const char* const name_;
    uint32_t control_ = 0, status_ = 0;
    uint64_t address_ = 0, length_ = 0, moved_ = 0;
    bool active_ = false;
    unsigned wait_ = 0, burst_ = 0;
};

class Mm2s : public Channel {
public:
    using Channel::Channel;

    void reset() {
        if (failing_ && options_["fail_reads"] && read_ > options_["fail_reads"]) failing_ = false;
        Channel::reset();
        offered_ = false;
    }

    void drive(Vtop& top) {
        top.s_tvalid = offered_;
        top.s_tlast = offered_ && last_;
        if (offered_) std::memcpy(&top.s_tdata, data_, sizeof data_);
    }

    void after_edge(bool taken) {
        if (taken) {
            offered_ = false;
            if (last_) finish();
        }
        if (!active_ || offered_) return;
        if (wait_) {
            --wait_;
            return;
        }
        while (active_ && !offered_ && !wait_) load();
    }

private:
    void load() {
        const uint8_t* const from = place();
        if (!from) return fail(kDecode);
        if (failing_ && options_["fail_reads"] && ++read_ > options_["fail_reads"]) return fail(kSlave);
        std::memset(data_, 0, sizeof data_);
        std::memcpy(data_, from, word_);
        moved();
        last_ = moved_ == length_;
        offered_ = true;
        if (lost_ < options_["lose_words"]) {
            ++lost_;
            offered_ = false;
            if (last_) finish();
        }
    }

    uint8_t data_[16] = {};
    bool offered_ = false, last_ = false, failing_ = true;
    uint64_t lost_ = 0, read_ = 0;
};

class S2mm : public Channel {
public:
    using Channel::Channel;

    void reset() {
        if (held()) holding_ = false;
        Channel::reset();
        queue_.clear();
    }

    bool ready() const { return queue_.size() < kQueue && !held(); }

    // `taken`: a beat was taken from the stream at this edge. Its queue takes beats before there is a transfer, too.
    void after_edge(bool taken, uint64_t data, bool last) {
        if (taken) {
            queue_.push_back({data, last});
            ++beats_;
        }
        if (!active_ || queue_.empty()) return;
        if (wait_) {
            --wait_;
            return;
        }
        uint8_t* const to = place();
        if (!to) return fail(kDecode);
        const Beat beat = queue_.front();
        queue_.pop_front();
        std::memcpy(to, &beat.data, word_);
        moved();
        if (beat.last) {
            length_ = moved_;
            finish();
        } else if (moved_ == length_) {
            fail(kInternal);  // the packet is longer than the buffer
        }
    }

private:
    struct Beat {
        uint64_t data;
        bool last;
    };

    bool held() const { return holding_ && options_["hold_results"] && beats_ >= options_["hold_results"]; }

    std::deque<Beat> queue_;
    bool holding_ = true;
    uint64_t beats_ = 0;
};

class Board {
public:
    Board(const Options& options, uint8_t* memory)
        : options_(options), random_(options["seed"]), top_(new Vtop{&context_, "board"}), memory_(memory) {
        context_.fatalOnError(false);
        top_->rst_n = 0;
        top_->clk = 0;
        top_->eval();
        mm2s_.reset(new Mm2s("MM2S", options_, memory_, top_->bus_bytes, random_));
        s2mm_.reset(new S2mm("S2MM", options_, memory_, top_->result_bytes, random_));
        mm2s_->reset();
        s2mm_->reset();
        for (int i = 0; i < 32; ++i) step();
        top_->rst_n = 1;
        for (int i = 0; i < 4; ++i) step();
    }

    ~Board() { top_->final(); }

    uint64_t cycles() const { return cycles_; }

    void step() {
        mm2s_->drive(*top_);
        top_->m_tready = s2mm_->ready() && !resetting_;
        top_->clk = 0;
        top_->eval();
        const bool sent = top_->s_tvalid && top_->s_tready, got = top_->m_tvalid && top_->m_tready;
        const uint64_t data = top_->m_tdata;
        const bool last = top_->m_tlast;
        top_->clk = 1;
        top_->eval();
        context_.time(++cycles_);
        if (context_.gotFinish()) {  // an $error, which has been told
            std::fflush(stdout);
            std::exit(3);
        }
        if (resetting_) {
            --resetting_;
            return;
        }
        mm2s_->after_edge(sent);
        s2mm_->after_edge(got, data, last);
    }

    // False and a text where a processor would get a bus error.
    bool read(uint64_t address, uint32_t& value, std::string& error) {
        const uint64_t until = cycles_ + options_["access_cycles"];
        bool good = true;
        if (const uint64_t base = options_["accelerator_base"]; address >= base && address < base + kAcceleratorBytes) {
            good = accelerator_read(static_cast<uint32_t>(address - base), value, error);
            if (good && address - base == 4 && options_["version"]) value = static_cast<uint32_t>(options_["version"]);
        } else if (const uint64_t dma = options_["dma_base"]; address >= dma && address < dma + kDmaBytes) {
            value = dma_read(address - dma);
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
        if (const uint64_t base = options_["accelerator_base"]; address >= base && address < base + kAcceleratorBytes) {
            good = accelerator_write(static_cast<uint32_t>(address - base), value, error);
        } else if (const uint64_t dma = options_["dma_base"]; address >= dma && address < dma + kDmaBytes) {
            dma_write(address - dma, value);
        } else {
            error = "nothing answers at " + hex(address);
            good = false;
        }
        while (cycles_ < until) step();
        return good;
    }

private:
    uint32_t dma_read(uint64_t offset) const {
        const bool second = offset >= 0x30;
        const uint64_t inner = second ? offset - 0x30 : offset;
        const uint32_t value = second ? s2mm_->read(inner) : mm2s_->read(inner);
        return inner == 0 && resetting_ ? value | kReset : value;
    }

    void dma_write(uint64_t offset, uint32_t value) {
        const bool second = offset >= 0x30;
        const uint64_t inner = second ? offset - 0x30 : offset;
        if (inner == 0 && (value & kReset)) {  // of either channel resets both (PG021)
            mm2s_->reset();
            s2mm_->reset();
            resetting_ = kResetCycles;
            return;
        }
        if (resetting_) stop("register " + hex(offset) + " of the DMA was written while its reset went on");
        if (second) {
            s2mm_->write(inner, value);
        } else {
            mm2s_->write(inner, value);
        }
    }

    bool accelerator_write(uint32_t offset, uint32_t value, std::string& error) {
        top_->awaddr = offset;
        top_->wdata = value;
        top_->awvalid = top_->wvalid = top_->bready = 1;
        for (unsigned i = 0; i < kAnswer; ++i) {
            settle();
            const bool address = top_->awvalid && top_->awready, data = top_->wvalid && top_->wready, answered = top_->bvalid;
            const unsigned response = top_->bresp;
            step();
            if (address) top_->awvalid = 0;
            if (data) top_->wvalid = 0;
            if (!answered) continue;
            top_->bready = 0;
            if (response) error = "write to register " + hex(offset) + " of the accelerator was answered with " + std::to_string(response);
            return !response;
        }
        stop("the accelerator does not answer a write to register " + hex(offset));
    }

    bool accelerator_read(uint32_t offset, uint32_t& value, std::string& error) {
        top_->araddr = offset;
        top_->arvalid = top_->rready = 1;
        for (unsigned i = 0; i < kAnswer; ++i) {
            settle();
            const bool address = top_->arvalid && top_->arready, answered = top_->rvalid;
            const unsigned response = top_->rresp;
            value = top_->rdata;
            step();
            if (address) top_->arvalid = 0;
            if (!answered) continue;
            top_->rready = 0;
            if (response) error = "read of register " + hex(offset) + " of the accelerator was answered with " + std::to_string(response);
            return !response;
        }
        stop("the accelerator does not answer a read of register " + hex(offset));
    }

    // What the accelerator offers at the edge to come.
    void settle() {
        top_->clk = 0;
        top_->eval();
    }

    const Options& options_;
    VerilatedContext context_;
    Random random_;
    std::unique_ptr<Vtop> top_;
    uint8_t* const memory_;
    std::unique_ptr<Mm2s> mm2s_;
    std::unique_ptr<S2mm> s2mm_;
    uint64_t cycles_ = 0;
    unsigned resetting_ = 0;
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
