// Plays traffic through an accelerator's ports, by a script, and writes down all that happened there. Built without public signals and VPI.
//
//   model PLAN
//
// PLAN's first line is: IMAGE_WORDS WORD_BYTES ENTRY_WORDS CONTROL FINAL_BIT SEED IDLE POWER_UP IMAGES<tab>LOG. IMAGES is a file of bus
// words, least significant byte first, of images that the source draws from; ENTRY_WORDS is how many words of an image may be taken before
// it enters; IDLE cycles without a movement end the run; POWER_UP other than 0 seeds what has no initial value. Each further line is an event:
//   write DELAY OFFSET DATA STROBE AW W B    on AXI4-Lite: address and data come so many cycles later, the answer is taken B after it came
//   read DELAY OFFSET
//   reset DELAY CYCLES        ap_rst_n is low
//   stall DELAY IN OUT        of 65536 chances to move on, how many are missed
//   tlast DELAY MODE PERIOD SHIFT   MODE 0: never; 1: SHIFT words after the last word of each PERIOD-th image since a reset; 2: at random
//   pause, halt DELAY         the source stops after an image, or takes back at once what it offers: a reset of the accelerator must follow
//   go DELAY                  it goes on, when every write is answered
//   images DELAY COUNT        waits until COUNT more have begun
//   drain DELAY               waits until every image has its result
// An event comes DELAY cycles after the one before: that is, after a write was begun, a read answered, a reset over, and what is waited for
// there.
// A soft reset makes the next word an image's first: a word on offer that is not taken stays on offer, and is that.
//
// LOG gets records of four int64 (kind, cycle, a, b); the enumeration below says which.

#include <cerrno>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "Vtop.h"
#include "verilated.h"

namespace {

using std::int64_t;
using std::uint64_t;

enum Kind : int64_t {
    IMAGE = 1,   // its first word is taken: a number of the file; the word (image * IMAGE_WORDS + word) that it begins with instead, or -1
    ENTERED,     // so many words of the latest image were taken that it has entered
    RESULT,      // taken: word; 2 * cycle since when it was on offer + TLAST
    WRITE,       // holds from this cycle on: offset; data + strobe << 32
    RESET,       // ap_rst_n is low from this cycle on: for so many cycles
    WITHDRAWN,   // what was on offer in the cycle before is gone: word; cycle since when it was
    CHANGED,     // what is on offer is another word than in the cycle before: word
    DRAINED,     // every image has its result
    READ,        // offset; value
    TLAST,       // taken with a word: its number since the last reset
    STUCK,       // nothing moved any more, or the model ended
    IRQ,         // high in this cycle
    END,         // errors that the model told
};

[[noreturn]] void fail(const std::string& what) {
    std::fprintf(stderr, "%s\n", what.c_str());
    std::exit(2);
}

template <typename Port>
void load(Port& port, const char* from, std::size_t bytes) {
    std::memcpy(&port, from, bytes);
}

struct Random {
    uint64_t state;
    explicit Random(uint64_t seed) : state(seed * 0x9E3779B97F4A7C15u | 1) { for (int i = 0; i < 8; ++i) next(); }
    std::uint32_t next() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        return static_cast<std::uint32_t>(state >> 32);
    }
    bool missed(int64_t of) { return of && static_cast<int64_t>(next() >> 16) < of; }
};

struct Event {
    std::string kind;
    int64_t delay = 0;
    std::vector<int64_t> args;
};

struct Write {
    int64_t offset, data, strobe, aw_wait, w_wait, b_wait;
};

class Player {
public:
    explicit Player(std::ifstream& plan) {
        std::string line, images, log;
        std::getline(plan, line);
        std::istringstream head(line);
        uint64_t seed = 0;
        head >> image_words_ >> word_bytes_ >> entry_words_ >> control_ >> final_bit_ >> seed >> idle_limit_ >> power_up_ >> std::ws;
        std::getline(head, images, '\t');
        std::getline(head, log);
        std::ifstream file(images, std::ios::binary);
        pool_.assign(std::istreambuf_iterator<char>{file}, std::istreambuf_iterator<char>{});
        pool_size_ = static_cast<int64_t>(pool_.size()) / (image_words_ * word_bytes_);
        if (pool_size_ == 0) fail("no images in " + images);
        log_ = std::fopen(log.c_str(), "wb");
        if (!log_) fail("cannot write " + log);
        std::setvbuf(log_, nullptr, _IOFBF, 1 << 20);
        while (std::getline(plan, line)) {
            std::istringstream text(line);
            Event event;
            text >> event.kind >> event.delay;
            if (!text) fail("not an event: " + line);
            for (int64_t value; text >> value;) event.args.push_back(value);
            const std::size_t wanted = event.kind == "write" ? 6 : event.kind == "tlast" ? 3 : event.kind == "stall" ? 2
                : event.kind == "read" || event.kind == "reset" || event.kind == "images" ? 1 : 0;
            if (event.args.size() != wanted) fail("not an event: " + line);
            events_.push_back(event);
        }
        source_ = Random(seed);
        sink_ = Random(seed + 0x1000001);
        choice_ = Random(seed + 0x2000003);
    }

    int64_t power_up() const { return power_up_; }

    void run(Vtop& top, VerilatedContext& context) {
        draw_image();
        if (!events_.empty()) left_ = events_.front().delay;
        while (!ended_) cycle(top, context);
        put(END, context.errorCount(), 0);
        if (std::ferror(log_) | std::fclose(log_)) fail(std::string("the log was not written: ") + std::strerror(errno));
    }

private:
    void put(int64_t kind, int64_t a, int64_t b) {
        const int64_t record[4] = {kind, cycle_, a, b};
        std::fwrite(record, sizeof record, 1, log_);
    }

    void draw_image() {
        image_ = choice_.next() % pool_size_;
        position_ = 0;
        held_ = -1;
    }

    // Begins every event that is due; the last one of them may be waiting.
    void begin_events() {
        while (next_ < events_.size()) {
            if (left_ > 0) {
                --left_;
                return;
            }
            const Event& event = events_[next_];
            const auto& args = event.args;
            if (event.kind == "write") {
                if (writing_) return;
                writing_ = true;
                aw_left_ = w_left_ = true;
                write_ = {args[0], args[1], args[2], args[3], args[4], args[5]};
            } else if (event.kind == "read") {
                if (!read_begun_) {
                    read_begun_ = ar_left_ = true;
                    read_done_ = false;
                    read_offset_ = args[0];
                }
                if (!read_done_) return;
                read_begun_ = false;
            } else if (event.kind == "reset") {
                if (!reset_begun_) {
                    put(RESET, args[0], 0);
                    reset_left_ = args[0];
                }
                reset_begun_ = reset_left_ > 0;
                if (reset_begun_) return;
            } else if (event.kind == "stall") {
                stall_in_ = args[0];
                stall_out_ = args[1];
            } else if (event.kind == "tlast") {
                tlast_mode_ = args[0];
                tlast_period_ = args[1];
                tlast_shift_ = args[2];
            } else if (event.kind == "pause") {
                running_ = false;
            } else if (event.kind == "go") {
                if (writing_ || !unanswered_.empty()) return;
                running_ = true;
            } else if (event.kind == "halt") {
                running_ = offering_ = false;
                draw_image();
            } else if (event.kind == "images") {
                if (awaited_ < 0) awaited_ = begun_ + args[0];
                if (begun_ < awaited_) return;
                awaited_ = -1;
            } else if (event.kind == "drain") {
                if (inside_ != 0 || waits_ || offering_ || position_ != 0 || reset_left_ > 0) return;
                put(DRAINED, 0, 0);
            } else {
                fail("no such event: " + event.kind);
            }
            if (++next_ < events_.size()) left_ = events_[next_].delay;
            quiet_ = 0;
        }
        ended_ = !writing_ && unanswered_.empty() && !read_begun_;
    }

    const char* word() const {
        const int64_t at = position_ == 0 && held_ >= 0 ? held_ : image_ * image_words_ + position_;
        return &pool_[at * word_bytes_];
    }

    void offer() {
        offering_ = true;
        if (tlast_mode_ == 1) {
            const int64_t span = tlast_period_ * image_words_, at = words_ + 1 - tlast_shift_;
            offered_last_ = at > 0 && at % span == 0;
        } else {
            offered_last_ = tlast_mode_ == 2 && source_.next() & 1;
        }
    }

    // The next word is an image's first.
    void restart_source() {
        if (offering_ && position_ != 0) {
            const int64_t at = image_ * image_words_ + position_;
            draw_image();
            held_ = at;
        } else if (!offering_) {
            draw_image();
        }
        words_ = 0;
    }

    void cycle(Vtop& top, VerilatedContext& context) {
        begin_events();
        if (ended_) return;
        const bool reset = reset_left_ > 0, open = !reset && !was_reset_;
        if (open && !offering_ && (running_ || position_ != 0) && !source_.missed(stall_in_)) offer();
        top.ap_rst_n = !reset;
        top.s_axis_tvalid = offering_;
        if (offering_) load(top.s_axis_tdata, word(), word_bytes_);
        top.s_axis_tlast = offering_ && offered_last_;
        top.m_axis_tready = !sink_.missed(stall_out_);
        drive_registers(top, open);
        top.ap_clk = 0;
        top.eval();

        observe_registers(top);
        bool moved = observe_source(top);
        moved |= observe_sink(top);
        if (soft_reset_) {
            // What is on offer now stays there, and is no image's of after.
            stale_ = waits_ && !discard_;
            inside_ = 0;
            restart_source();
        }
        soft_reset_ = discard_ = false;
        if (top.irq) put(IRQ, 0, 0);
        if (reset) {
            offering_ = stale_ = false;
            inside_ = 0;
            draw_image();
            words_ = 0;
            writing_ = aw_left_ = w_left_ = ar_left_ = b_waits_ = false;
            unanswered_.clear();
            read_done_ = true;
            --reset_left_;
        }
        was_reset_ = reset;
        quiet_ = moved ? 0 : quiet_ + 1;
        if (quiet_ > idle_limit_ || context.gotFinish()) {
            put(STUCK, inside_, 0);
            ended_ = true;
        }
        top.ap_clk = 1;
        top.eval();
        context.timeInc(1);
        ++cycle_;
    }

    void drive_registers(Vtop& top, bool open) {
        top.s_axilite_awvalid = open && aw_left_ && write_.aw_wait-- <= 0;
        top.s_axilite_wvalid = open && w_left_ && write_.w_wait-- <= 0;
        top.s_axilite_awaddr = static_cast<unsigned>(write_.offset);
        top.s_axilite_wdata = static_cast<unsigned>(write_.data);
        top.s_axilite_wstrb = static_cast<unsigned>(write_.strobe);
        top.s_axilite_bready = !unanswered_.empty() && (b_waits_ ? b_left_-- <= 0 : unanswered_.front().b_wait == 0);
        top.s_axilite_arvalid = open && ar_left_;
        top.s_axilite_araddr = static_cast<unsigned>(read_offset_);
        top.s_axilite_rready = read_begun_ && (choice_.next() & 1);
    }

    void observe_registers(Vtop& top) {
        if (top.s_axilite_bvalid && !unanswered_.empty()) {
            const Write& now = unanswered_.front();
            if (!b_waits_) {
                put(WRITE, now.offset, now.data | now.strobe << 32);
                if ((now.offset & ~int64_t{3}) == control_ && now.strobe & 1) {
                    soft_reset_ = now.data & 1;
                    discard_ = now.data >> 2 & 1;
                }
                b_left_ = now.b_wait - 1;
            }
            b_waits_ = !top.s_axilite_bready;
            if (!b_waits_) unanswered_.pop_front();
        }
        if (top.s_axilite_awvalid && top.s_axilite_awready) aw_left_ = false;
        if (top.s_axilite_wvalid && top.s_axilite_wready) w_left_ = false;
        if (writing_ && !aw_left_ && !w_left_) {
            unanswered_.push_back(write_);
            writing_ = false;
        }
        if (top.s_axilite_arvalid && top.s_axilite_arready) ar_left_ = false;
        if (read_begun_ && top.s_axilite_rvalid && top.s_axilite_rready) {
            put(READ, read_offset_, top.s_axilite_rdata);
            read_done_ = true;
        }
    }

    bool observe_source(Vtop& top) {
        if (!offering_ || !top.s_axis_tready) return false;
        if (position_ == 0) {
            put(IMAGE, image_, held_);
            ++begun_;
            ++inside_;
        }
        if (position_ == entry_words_) put(ENTERED, 0, 0);
        if (offered_last_) put(TLAST, words_, 0);
        ++words_;
        offering_ = false;
        if (++position_ == image_words_) draw_image();
        return true;
    }

    bool observe_sink(Vtop& top) {
        const uint64_t word = top.m_axis_tdata;
        const bool last = top.m_axis_tlast;
        if (!top.m_axis_tvalid) {
            if (waits_) put(WITHDRAWN, static_cast<int64_t>(offered_), since_);
            if (waits_) stale_ = false;
            waits_ = false;
            return false;
        }
        if (waits_ && (word != offered_ || last != offered_tlast_)) put(CHANGED, static_cast<int64_t>(word), 0);
        if (!waits_) since_ = cycle_;
        offered_ = word;
        offered_tlast_ = last;
        waits_ = !top.m_axis_tready;
        if (waits_) return false;
        put(RESULT, static_cast<int64_t>(word), 2 * since_ + last);
        if (!stale_ && (final_bit_ < 0 || word >> final_bit_ & 1)) --inside_;
        stale_ = false;
        return true;
    }

    int64_t image_words_ = 0, word_bytes_ = 0, entry_words_ = 0, control_ = 0, final_bit_ = -1, idle_limit_ = 0, power_up_ = 0;
    std::vector<char> pool_;
    int64_t pool_size_ = 0;
    std::FILE* log_ = nullptr;
    std::vector<Event> events_;
    std::size_t next_ = 0;
    int64_t left_ = 0, awaited_ = -1, cycle_ = 0, quiet_ = 0, reset_left_ = 0;
    bool ended_ = false, was_reset_ = true, reset_begun_ = false;
    Random source_{1}, sink_{2}, choice_{3};

    // Source: the image that is sent, the place of its next word, and of which word its first is a copy, if of another.
    int64_t image_ = 0, position_ = 0, held_ = -1, words_ = 0, begun_ = 0, inside_ = 0, stall_in_ = 0;
    int64_t tlast_mode_ = 1, tlast_period_ = 1, tlast_shift_ = 0;
    bool running_ = false, offering_ = false, offered_last_ = false;

    // Sink: a result waits, which may be one of before a soft reset.
    int64_t stall_out_ = 0, since_ = 0;
    uint64_t offered_ = 0;
    bool waits_ = false, offered_tlast_ = false, stale_ = false;

    // Registers: the write whose address or data is not taken, those that are not answered, and a read.
    Write write_{};
    bool writing_ = false, aw_left_ = false, w_left_ = false, b_waits_ = false, soft_reset_ = false, discard_ = false;
    int64_t b_left_ = 0, read_offset_ = 0;
    std::deque<Write> unanswered_;
    bool read_begun_ = false, read_done_ = false, ar_left_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) fail("usage: model PLAN");
    std::ifstream plan(argv[1]);
    if (!plan) fail(std::string("cannot open ") + argv[1]);
    Player player(plan);
    VerilatedContext context;
    context.fatalOnError(false);
    if (player.power_up()) {
        context.randReset(2);
        context.randSeed(static_cast<int>(player.power_up()));
    }
    const std::unique_ptr<Vtop> top{new Vtop{&context, "accelerator"}};
    player.run(*top, context);
    top->final();
    return 0;
}
