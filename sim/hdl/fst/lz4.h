// The two functions of the LZ4 library that Verilator's FST writer calls, so that waves need no system package. Writes the LZ4 block
// format: greedy matches found through a table of hashes of four bytes.

#ifndef OFFRAMP_LZ4_H
#define OFFRAMP_LZ4_H

#include <cstdint>
#include <cstring>
#include <vector>

inline int LZ4_compressBound(int size) { return size + size / 255 + 16; }

namespace offramp_lz4 {

constexpr int kMinMatch = 4;
constexpr int kTail = 5;          // the last bytes are always literals
constexpr int kMatchMargin = 12;  // no match starts later than this before the end
constexpr int kMaxDistance = 65535;
constexpr int kHashBits = 14;

inline uint8_t* length(uint8_t* out, int rest) {
    for (; rest >= 255; rest -= 255) *out++ = 255;
    *out++ = static_cast<uint8_t>(rest);
    return out;
}

inline uint8_t* sequence(uint8_t* out, const uint8_t* literals, int count, int distance, int match) {
    const int extra = match - kMinMatch;
    const int high = count < 15 ? count : 15;
    const int low = match == 0 ? 0 : extra < 15 ? extra : 15;
    *out++ = static_cast<uint8_t>(high << 4 | low);
    if (high == 15) out = length(out, count - 15);
    if (count) std::memcpy(out, literals, static_cast<size_t>(count));
    out += count;
    if (match == 0) return out;
    *out++ = static_cast<uint8_t>(distance & 255);
    *out++ = static_cast<uint8_t>(distance >> 8);
    return low == 15 ? length(out, extra - 15) : out;
}

}  // namespace offramp_lz4

inline int LZ4_compress_default(const char* source, char* target, int size, int capacity) {
    using namespace offramp_lz4;
    if (capacity < LZ4_compressBound(size)) return 0;
    const uint8_t* const in = reinterpret_cast<const uint8_t*>(source);
    uint8_t* out = reinterpret_cast<uint8_t*>(target);
    std::vector<int> seen(1U << kHashBits, -1);
    int anchor = 0;
    for (int at = 0; at + kMatchMargin <= size;) {
        uint32_t word;
        std::memcpy(&word, in + at, sizeof word);
        int& slot = seen[word * 2654435761U >> (32 - kHashBits)];
        const int candidate = slot;
        slot = at;
        if (candidate < 0 || at - candidate > kMaxDistance || std::memcmp(in + candidate, in + at, kMinMatch) != 0) {
            ++at;
            continue;
        }
        int match = kMinMatch;
        while (at + match < size - kTail && in[candidate + match] == in[at + match]) ++match;
        out = sequence(out, in + anchor, at - anchor, at - candidate, match);
        at += match;
        anchor = at;
    }
    out = sequence(out, in + anchor, size - anchor, 0, 0);
    return static_cast<int>(out - reinterpret_cast<uint8_t*>(target));
}

#endif
