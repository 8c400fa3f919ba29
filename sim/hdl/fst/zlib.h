// The part of zlib that Verilator's FST writer calls, so that waves need no system package. Data are stored, not compressed, in a valid
// zlib stream; the writer then prefers its uncompressed form. What makes waves large, value changes, goes through LZ4 instead.

#ifndef OFFRAMP_ZLIB_H
#define OFFRAMP_ZLIB_H

#include <cstdint>
#include <cstring>
#include <initializer_list>

using Bytef = unsigned char;
using uLong = unsigned long;
using uLongf = unsigned long;

constexpr int Z_OK = 0;
constexpr int Z_BUF_ERROR = -5;

inline uLong compressBound(uLong size) { return size + (size / 65535 + 1) * 5 + 6; }

inline int compress2(Bytef* target, uLongf* target_size, const Bytef* source, uLong size, int /*level*/) {
    if (*target_size < compressBound(size)) return Z_BUF_ERROR;
    Bytef* out = target;
    *out++ = 0x78;
    *out++ = 0x01;
    uint32_t a = 1;
    uint32_t b = 0;
    uLong at = 0;
    do {
        const uLong count = size - at < 65535 ? size - at : 65535;
        *out++ = at + count == size;
        for (const uLong value : {count, ~count}) {
            *out++ = static_cast<Bytef>(value & 255);
            *out++ = static_cast<Bytef>(value >> 8 & 255);
        }
        if (count) std::memcpy(out, source + at, count);
        out += count;
        for (uLong i = at; i < at + count; ++i) {
            a = (a + source[i]) % 65521;
            b = (b + a) % 65521;
        }
        at += count;
    } while (at < size);
    const uint32_t sum = b << 16 | a;
    for (int shift = 24; shift >= 0; shift -= 8) *out++ = static_cast<Bytef>(sum >> shift & 255);
    *target_size = static_cast<uLongf>(out - target);
    return Z_OK;
}

#endif
