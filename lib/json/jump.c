#include "json/jump.h"

#include <stdbool.h>
#include <string.h>

#include "json/scan.h"
#include "sync/atomic.h"

#define BLOCK 64

/* ------------------------------------------------------------------------------------------------- blocks */

static void block_in_c(const char *at, nb_block *ret)
{
    nb_block block = { 0, 0, 0, 0 };

    for (unsigned i = 0; i < BLOCK; i++) {
        uint64_t bit = UINT64_C(1) << i;
        char c = at[i];

        block.quotes |= c == '"' ? bit : 0;
        block.slashes |= c == '\\' ? bit : 0;
        block.opens |= (c | 0x20) == '{' ? bit : 0; /* a bracket and its brace differ in one bit */
        block.closes |= (c | 0x20) == '}' ? bit : 0;
    }
    *ret = block;
}

#if NB_SCAN_SSE2
static uint64_t equal_sse2(const __m128i v[4], char c)
{
    __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;

    for (int i = 3; i >= 0; i--) {
        mask = mask << 16 | (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], wanted));
    }
    return mask;
}

static void block_by_sse2(const char *at, nb_block *ret)
{
    const __m128i lower = _mm_set1_epi8(0x20);
    __m128i v[4];

    for (int i = 0; i < 4; i++) {
        v[i] = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
    }
    ret->quotes = equal_sse2(v, '"');
    ret->slashes = equal_sse2(v, '\\');
    for (int i = 0; i < 4; i++) {
        v[i] = _mm_or_si128(v[i], lower);
    }
    ret->opens = equal_sse2(v, '{');
    ret->closes = equal_sse2(v, '}');
}
#endif

#if NB_SCAN_SSE2 && defined(__x86_64__)
#include <immintrin.h>
#define HAS_AVX2 1

__attribute__((target("avx2"))) static uint64_t equal_avx2(__m256i low, __m256i high, char c)
{
    __m256i wanted = _mm256_set1_epi8(c);
    uint32_t a = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, wanted));
    uint32_t b = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, wanted));

    return (uint64_t)b << 32 | a;
}

__attribute__((target("avx2"))) static void block_by_avx2(const char *at, nb_block *ret)
{
    const __m256i lower = _mm256_set1_epi8(0x20);
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));

    ret->quotes = equal_avx2(low, high, '"');
    ret->slashes = equal_avx2(low, high, '\\');
    low = _mm256_or_si256(low, lower);
    high = _mm256_or_si256(high, lower);
    ret->opens = equal_avx2(low, high, '{');
    ret->closes = equal_avx2(low, high, '}');
}
#else
#define HAS_AVX2 0
#endif

#if NB_SCAN_NEON
/* One bit for each of 64 bytes that are all ones or zero. */
static uint64_t gather(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d)
{
    static const uint8_t bits[16] = { 1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128 };
    const uint8x16_t weight = vld1q_u8(bits);
    uint8x16_t low = vpaddq_u8(vandq_u8(a, weight), vandq_u8(b, weight));
    uint8x16_t high = vpaddq_u8(vandq_u8(c, weight), vandq_u8(d, weight));

    low = vpaddq_u8(low, high);
    return vgetq_lane_u64(vreinterpretq_u64_u8(vpaddq_u8(low, low)), 0);
}

static uint64_t equal_neon(const uint8x16_t v[4], uint8_t c)
{
    uint8x16_t wanted = vdupq_n_u8(c);

    return gather(vceqq_u8(v[0], wanted), vceqq_u8(v[1], wanted), vceqq_u8(v[2], wanted), vceqq_u8(v[3], wanted));
}

static void block_by_neon(const char *at, nb_block *ret)
{
    uint8x16_t v[4];

    for (int i = 0; i < 4; i++) {
        v[i] = vld1q_u8((const uint8_t *)at + 16 * i);
    }
    ret->quotes = equal_neon(v, '"');
    ret->slashes = equal_neon(v, '\\');
    for (int i = 0; i < 4; i++) {
        v[i] = vorrq_u8(v[i], vdupq_n_u8(0x20));
    }
    ret->opens = equal_neon(v, '{');
    ret->closes = equal_neon(v, '}');
}
#endif

nb_block_fn *const *nb_jump_ways(void)
{
#if HAS_AVX2
    static nb_block_fn *const with[] = { block_in_c, block_by_sse2, block_by_avx2, NULL };
    static nb_block_fn *const without[] = { block_in_c, block_by_sse2, NULL };

    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") ? with : without;
#elif NB_SCAN_SSE2
    static nb_block_fn *const ways[] = { block_in_c, block_by_sse2, NULL };

    return ways;
#elif NB_SCAN_NEON
    static nb_block_fn *const ways[] = { block_in_c, block_by_neon, NULL };

    return ways;
#else
    static nb_block_fn *const ways[] = { block_in_c, NULL };

    return ways;
#endif
}

/* --------------------------------------------------------------------------------------------------- jump */

typedef struct course {
    uint64_t in_string; /* all ones: the block before ended inside of a string */
    uint64_t escaped;   /* 1: the first byte of the next block is escaped */
    uint64_t depth;
} course;

/* Bytes behind an odd number of backslashes. */
static uint64_t find_escaped(course *c, uint64_t slashes)
{
    const uint64_t odd = UINT64_C(0xAAAAAAAAAAAAAAAA);
    uint64_t starts, follows, sum;

    if (slashes == 0) {
        follows = c->escaped;
        c->escaped = 0;
        return follows;
    }
    slashes &= ~c->escaped;
    follows = slashes << 1 | c->escaped;
    starts = slashes & odd & ~follows;
    sum = starts + slashes;
    c->escaped = sum < slashes;
    return (~odd ^ sum << 1) & follows;
}

/* Bit n: an odd number of bits up to n. */
static uint64_t parity(uint64_t bits)
{
    for (unsigned shift = 1; shift < BLOCK; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

/* Goes over one block. Returns the bytes up to the bracket that closes all; 0: it is not in this block. */
static unsigned pass(course *c, const nb_block *block)
{
    uint64_t quotes = block->quotes & ~find_escaped(c, block->slashes);
    uint64_t strings = parity(quotes) ^ c->in_string;
    uint64_t opens = block->opens & ~strings;
    uint64_t closes = block->closes & ~strings;
    uint64_t both;

    c->in_string = (uint64_t)((int64_t)strings >> 63);
    if ((unsigned)__builtin_popcountll(closes) < c->depth) {
        c->depth += (unsigned)__builtin_popcountll(opens);
        c->depth -= (unsigned)__builtin_popcountll(closes);
        return 0;
    }
    for (both = opens | closes; both != 0; both &= both - 1) {
        if ((both & (0 - both) & opens) != 0) {
            c->depth++;
        } else if (--c->depth == 0) {
            return (unsigned)__builtin_ctzll(both) + 1;
        }
    }
    return 0;
}

const char *nb_jump_by(nb_block_fn *way, const char *at, const char *end)
{
    course c = { 0, 0, 1 };
    char last[BLOCK];
    nb_block block;
    unsigned found;

    for (; end - at >= BLOCK; at += BLOCK) {
        way(at, &block);
        found = pass(&c, &block);
        if (found != 0) {
            return at + found;
        }
    }
    memset(last, ' ', sizeof last);
    if (end != at) {
        memcpy(last, at, (size_t)(end - at));
    }
    way(last, &block);
    found = pass(&c, &block);
    return found != 0 ? at + found : end;
}

const char *nb_jump(const char *at, const char *end)
{
    static _Atomic(nb_block_fn *) best;
    nb_block_fn *way = nb_load_relaxed(&best); /* a constant that anybody may find again */

    if (way == NULL) {
        nb_block_fn *const *ways = nb_jump_ways();

        while (ways[1] != NULL) {
            ways++;
        }
        way = *ways;
        nb_store_relaxed(&best, way);
    }
    return nb_jump_by(way, at, end);
}
