/*
 * scan.h - looking at 16 bytes of JSON at a time: SSE2 or NEON where the compiler has them, 8 bytes of plain C elsewhere.
 *
 * All of it is defined by nb_scan_plain_bytes() and nb_scan_digit_bytes(), which go byte by byte; the tests hold the others against them.
 * Nothing is read behind the end.
 */
#ifndef NB_JSON_SCAN_H
#define NB_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sync/atomic.h"

#if defined(__SSE2__) && !defined(NB_SCAN_PORTABLE)
#include <emmintrin.h>
#define NB_SCAN_SSE2 1
#define NB_SCAN_NEON 0
#elif defined(__ARM_NEON) && defined(__aarch64__) && !defined(NB_SCAN_PORTABLE)
#include <arm_neon.h>
#define NB_SCAN_SSE2 0
#define NB_SCAN_NEON 1
#else
#define NB_SCAN_SSE2 0
#define NB_SCAN_NEON 0
#endif

/* A byte that ends a run of plain bytes in a string: a quote, a backslash, a control character, or the start of more than ASCII. */
static inline bool nb_is_special(char c)
{
    return c == '"' || c == '\\' || (unsigned char)c < 0x20 || (unsigned char)c >= 0x80;
}

static inline bool nb_is_digit(char c)
{
    return (unsigned char)(c - '0') <= 9;
}

static inline const char *nb_scan_plain_bytes(const char *at, const char *end)
{
    while (at < end && !nb_is_special(*at)) {
        at++;
    }
    return at;
}

static inline const char *nb_scan_digit_bytes(const char *at, const char *end)
{
    while (at < end && nb_is_digit(*at)) {
        at++;
    }
    return at;
}

#if NB_SCAN_SSE2
#define NB_SCAN_WIDTH 16

/* Bit n: byte n is special. */
static inline uint64_t nb_scan_specials(const char *at)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
    __m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
    __m128i other = _mm_cmplt_epi8(v, _mm_set1_epi8(0x20)); /* signed: what is above ASCII is below zero */

    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), other));
}

/* The same; *ret_dots, as far as to the first of them: those that are a dot. */
static inline uint64_t nb_scan_key(const char *at, uint64_t *ret_dots)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);

    *ret_dots = (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('.')));
    return nb_scan_specials(at);
}

static inline uint64_t nb_scan_non_digits(const char *at)
{
    __m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
    __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8('0'));
    __m128i high = _mm_cmpgt_epi8(v, _mm_set1_epi8('9'));

    return (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_or_si128(low, high));
}

static inline unsigned nb_scan_first(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask);
}

#elif NB_SCAN_NEON
#define NB_SCAN_WIDTH 16

/* Four bits for each byte. */
static inline uint64_t nb_scan_mask(uint8x16_t v)
{
    return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(v), 4)), 0);
}

static inline uint64_t nb_scan_specials(const char *at)
{
    uint8x16_t v = vld1q_u8((const uint8_t *)at);
    uint8x16_t named = vorrq_u8(vceqq_u8(v, vdupq_n_u8('"')), vceqq_u8(v, vdupq_n_u8('\\')));
    uint8x16_t other = vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0x20));

    return nb_scan_mask(vorrq_u8(named, other));
}

static inline uint64_t nb_scan_key(const char *at, uint64_t *ret_dots)
{
    *ret_dots = nb_scan_mask(vceqq_u8(vld1q_u8((const uint8_t *)at), vdupq_n_u8('.')));
    return nb_scan_specials(at);
}

static inline uint64_t nb_scan_non_digits(const char *at)
{
    uint8x16_t v = vsubq_u8(vld1q_u8((const uint8_t *)at), vdupq_n_u8('0'));

    return nb_scan_mask(vcgtq_u8(v, vdupq_n_u8(9)));
}

static inline unsigned nb_scan_first(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask) / 4;
}

#else
#define NB_SCAN_WIDTH 8
#define NB_SCAN_ONES UINT64_C(0x0101010101010101)
#define NB_SCAN_TOPS UINT64_C(0x8080808080808080)

/* The bytes at `at` as one number, the first byte lowest. */
static inline uint64_t nb_scan_load(const char *at)
{
    uint64_t v;

    memcpy(&v, at, sizeof v);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

/* The top bit of each byte that is zero, and perhaps of bytes behind one that is. */
static inline uint64_t nb_scan_zeros(uint64_t v)
{
    return (v - NB_SCAN_ONES) & ~v & NB_SCAN_TOPS;
}

static inline uint64_t nb_scan_specials(const char *at)
{
    uint64_t v = nb_scan_load(at);

    return (nb_scan_zeros(v ^ NB_SCAN_ONES * '"') | nb_scan_zeros(v ^ NB_SCAN_ONES * '\\') | ((v - NB_SCAN_ONES * 0x20) & ~v) | v) &
           NB_SCAN_TOPS;
}

static inline uint64_t nb_scan_key(const char *at, uint64_t *ret_dots)
{
    *ret_dots = nb_scan_zeros(nb_scan_load(at) ^ NB_SCAN_ONES * '.');
    return nb_scan_specials(at);
}

static inline uint64_t nb_scan_non_digits(const char *at)
{
    uint64_t v = nb_scan_load(at) ^ NB_SCAN_ONES * '0'; /* 0 to 9 for digits, and for nothing else */

    return (((v & ~NB_SCAN_TOPS) + NB_SCAN_ONES * (0x7F - 9)) | v) & NB_SCAN_TOPS;
}

static inline unsigned nb_scan_first(uint64_t mask)
{
    return (unsigned)__builtin_ctzll(mask) / 8;
}
#endif

/* The first special byte; end: there is none. */
static inline const char *nb_scan_plain(const char *at, const char *end)
{
    while (end - at >= NB_SCAN_WIDTH) {
        uint64_t mask = nb_scan_specials(at);

        if (mask != 0) {
            return at + nb_scan_first(mask);
        }
        at += NB_SCAN_WIDTH;
    }
    return nb_scan_plain_bytes(at, end);
}

/* The first byte that is no digit; end: there is none. */
static inline const char *nb_scan_digits(const char *at, const char *end)
{
    while (end - at >= NB_SCAN_WIDTH) {
        uint64_t mask = nb_scan_non_digits(at);

        if (mask != 0) {
            return at + nb_scan_first(mask);
        }
        at += NB_SCAN_WIDTH;
    }
    return nb_scan_digit_bytes(at, end);
}

static inline uint64_t nb_key_bit_of(size_t size, char first, char last)
{
    return UINT64_C(1) << (((unsigned)size * 29u + (unsigned char)first * 7u + (unsigned char)last * 13u) & 63);
}

/* A bit that a key has in a small set of keys: what is not in the set is most often told by it. The empty key counts with its quotes. */
static inline uint64_t nb_key_bit(const char *key, size_t size)
{
    return size != 0 ? nb_key_bit_of(size, key[0], key[size - 1]) : nb_key_bit_of(0, '"', '"');
}

/* The same of the key whose first quote is at `at`. */
static inline uint64_t nb_key_bit_at(const char *at, size_t size)
{
    return nb_key_bit_of(size, at[1], at[size]);
}

/* Keys that somebody may ask for. What is in it may be, what is not in it is not: it may grow while it is read. */
typedef struct nb_wanted {
    _Atomic uint64_t filter;   /* the bits of the keys */
    _Atomic uint64_t first[2]; /* 16 bytes: 0x80 in the place of the lower four bits of their first bytes, else 0 */
} nb_wanted;

/* Enters a key; one writer. The empty one is found before its second quote, and before a dot. */
static inline void nb_wanted_add(nb_wanted *wanted, const char *key, size_t size)
{
    uint64_t words[2] = { nb_load_relaxed(&wanted->first[0]), nb_load_relaxed(&wanted->first[1]) };
    char first[16];

    memcpy(first, words, sizeof first);
    first[(size != 0 ? key[0] : '"') & 15] = (char)0x80;
    first[(size != 0 ? key[0] : '.') & 15] = (char)0x80;
    memcpy(words, first, sizeof first);
    nb_store_relaxed(&wanted->first[0], words[0]);
    nb_store_relaxed(&wanted->first[1], words[1]);
    nb_store_relaxed(&wanted->filter, nb_load_relaxed(&wanted->filter) | nb_key_bit(key, size));
}

/* What is in it, for who only reads. */
static inline uint64_t nb_wanted_filter(const nb_wanted *wanted)
{
    return nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&wanted->filter);
}

static inline void nb_wanted_first(const nb_wanted *wanted, char first[16])
{
    uint64_t words[2] = { nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&wanted->first[0]),
                          nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&wanted->first[1]) };

    memcpy(first, words, 16);
}

static inline bool nb_is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/* Mostly there is none, or one. */
static inline const char *nb_scan_blanks(const char *at, const char *end)
{
    if (at < end && (unsigned char)*at > ' ') {
        return at;
    }
    if (end - at >= 2 && *at == ' ' && (unsigned char)at[1] > ' ') {
        return at + 1;
    }
    while (at < end && nb_is_blank(*at)) {
        at++;
    }
    return at;
}

#endif
