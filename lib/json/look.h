/*
 * look.h - the bytes of a block of 64 by what they are, as each kind of machine finds it fastest; for the sources that jump only. They all
 * give the same.
 */
#ifndef NB_JSON_LOOK_H
#define NB_JSON_LOOK_H

#include "json/block.h"

/* The bytes of a block by what they are; bit n: byte n. firsts: in front of a byte that some wanted key may begin with (scan.h). */
typedef struct nb_look {
    uint64_t quotes, slashes, opens, closes, colons, firsts;
} nb_look;

static NB_INLINE void nb_look_in_c(const char *at, const char *firsts, nb_look *ret)
{
    nb_look all = { 0, 0, 0, 0, 0, 0 };

    for (unsigned i = 0; i < NB_BLOCK; i++) {
        uint64_t bit = UINT64_C(1) << i;
        char c = at[i];

        all.quotes |= c == '"' ? bit : 0;
        all.slashes |= c == '\\' ? bit : 0;
        all.colons |= c == ':' ? bit : 0;
        all.firsts |= firsts != NULL && firsts[at[i + 1] & 15] != 0 ? bit : 0;
        all.opens |= (c | 0x20) == '{' ? bit : 0; /* a bracket and its brace differ in one bit */
        all.closes |= (c | 0x20) == '}' ? bit : 0;
    }
    *ret = all;
}

#if NB_SCAN_SSE2
static NB_INLINE uint64_t nb_equal_sse2(const __m128i v[4], char c)
{
    __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;

    for (int i = 3; i >= 0; i--) {
        mask = mask << 16 | (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], wanted));
    }
    return mask;
}

static NB_INLINE void nb_look_by_sse2(const char *at, const char *firsts, nb_look *ret)
{
    const __m128i lower = _mm_set1_epi8(0x20);
    __m128i v[4];

    for (int i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
    }
    ret->quotes = nb_equal_sse2(v, '"');
    ret->slashes = nb_equal_sse2(v, '\\');
    ret->colons = nb_equal_sse2(v, ':');
    ret->firsts = UINT64_MAX; /* this machine may lack the table look-up, and who finds a key looks anyway */
    (void)firsts;
    for (int i = 0; i < 4; i++) {
        v[i] = _mm_or_si128(v[i], lower);
    }
    ret->opens = nb_equal_sse2(v, '{');
    ret->closes = nb_equal_sse2(v, '}');
}
#endif

#if NB_BLOCK_AVX2
NB_AVX2 static NB_INLINE void nb_look_by_avx2(const char *at, const char *firsts, nb_look *ret)
{
    const nb_constants *k = nb_constants_hidden();
    __m256i low = nb_block_load(at), high = nb_block_load(at + 32);

    ret->quotes = nb_block_equal(low, high, k->quote);
    ret->slashes = nb_block_equal(low, high, k->slash);
    ret->colons = nb_block_equal(low, high, k->colon);
    if (firsts != NULL) {
        __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)firsts));

        ret->firsts = nb_block_bits(
            _mm256_shuffle_epi8(table, _mm256_and_si256(nb_block_load(at + 1), nb_block_load(k->nibble))),
            _mm256_shuffle_epi8(table, _mm256_and_si256(nb_block_load(at + 33), nb_block_load(k->nibble))));
    }
    low = _mm256_or_si256(low, nb_block_load(k->lower));
    high = _mm256_or_si256(high, nb_block_load(k->lower));
    ret->opens = nb_block_equal(low, high, k->open);
    ret->closes = nb_block_equal(low, high, k->close);
}
#endif

#if NB_SCAN_NEON
/* One bit for each of 64 bytes that are all ones or zero. */
static uint64_t nb_gather_neon(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    static const uint8_t bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    const uint8x16_t weight = vld1q_u8(bits);
    uint8x16_t low = vpaddq_u8(vandq_u8(a, weight), vandq_u8(b, weight));
    uint8x16_t high = vpaddq_u8(vandq_u8(c, weight), vandq_u8(d, weight));

    low = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
}

static NB_INLINE uint64_t nb_equal_neon(const uint8x16_t v[4], uint8_t c)
{
    uint8x16_t wanted = vdupq_n_u8(c);

    return nb_gather_neon(vceqq_u8(v[0], wanted), vceqq_u8(v[1], wanted), vceqq_u8(v[2], wanted), vceqq_u8(v[3], wanted));
}

static NB_INLINE void nb_look_by_neon(const char *at, const char *firsts, nb_look *ret)
{
    uint8x16_t v[4], next[4];

    for (int i = 0; i < 4; i++) {
        v[i] = vld1q_u8((const uint8_t *)at + 16 * i);
    }
    ret->quotes = nb_equal_neon(v, '"');
    ret->slashes = nb_equal_neon(v, '\\');
    ret->colons = nb_equal_neon(v, ':');
    if (firsts != NULL) {
        uint8x16_t table = vld1q_u8((const uint8_t *)firsts);

        for (int i = 0; i < 4; i++) {
            next[i] = vtstq_u8(vqtbl1q_u8(table, vandq_u8(vld1q_u8((const uint8_t *)at + 16 * i + 1), vdupq_n_u8(15))), vdupq_n_u8(0x80));
        }
        ret->firsts = nb_gather_neon(next[0], next[1], next[2], next[3]);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = vorrq_u8(v[i], vdupq_n_u8(0x20));
    }
    ret->opens = nb_equal_neon(v, '{');
    ret->closes = nb_equal_neon(v, '}');
}
#endif

/* Bit n: an odd number of bits up to n. */
static NB_INLINE uint64_t nb_parity_in_c(uint64_t bits)
{
    for (unsigned shift = 1; shift < NB_BLOCK; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

/* firsts: as in nb_wanted; NULL: nobody asks for them. Then nothing is read behind the block, else one byte. */
typedef void nb_look_fn(const char *at, const char *firsts, nb_look *ret);
typedef uint64_t nb_parity_fn(uint64_t bits);

#endif
