#include "json/jump.h"

#include <string.h>

#include "json/block.h"
#include "sync/atomic.h"


/* The bytes of a block by what they are; bit n: byte n. */
typedef struct block {
    uint64_t quotes, slashes, opens, closes;
} block;

/* ------------------------------------------------------------------------------------------------- blocks */

static NB_INLINE void block_in_c(const char *at, block *ret)
{
    block all = { 0, 0, 0, 0 };

    for (unsigned i = 0; i < NB_BLOCK; i++) {
        uint64_t bit = UINT64_C(1) << i;
        char c = at[i];

        all.quotes |= c == '"' ? bit : 0;
        all.slashes |= c == '\\' ? bit : 0;
        all.opens |= (c | 0x20) == '{' ? bit : 0; /* a bracket and its brace differ in one bit */
        all.closes |= (c | 0x20) == '}' ? bit : 0;
    }
    *ret = all;
}

#if NB_SCAN_SSE2
static NB_INLINE uint64_t equal_sse2(const __m128i v[4], char c)
{
    __m128i wanted = _mm_set1_epi8(c);
    uint64_t mask = 0;

    for (int i = 3; i >= 0; i--) {
        mask = mask << 16 | (uint64_t)(uint32_t)_mm_movemask_epi8(_mm_cmpeq_epi8(v[i], wanted));
    }
    return mask;
}

static NB_INLINE void block_by_sse2(const char *at, block *ret)
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

#if NB_BLOCK_AVX2
NB_AVX2 static NB_INLINE void block_by_avx2(const char *at, block *ret)
{
    const __m256i lower = _mm256_set1_epi8(0x20);
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));

    ret->quotes = nb_block_equal(low, high, '"');
    ret->slashes = nb_block_equal(low, high, '\\');
    low = _mm256_or_si256(low, lower);
    high = _mm256_or_si256(high, lower);
    ret->opens = nb_block_equal(low, high, '{');
    ret->closes = nb_block_equal(low, high, '}');
}
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

static NB_INLINE uint64_t equal_neon(const uint8x16_t v[4], uint8_t c)
{
    uint8x16_t wanted = vdupq_n_u8(c);

    return gather(vceqq_u8(v[0], wanted), vceqq_u8(v[1], wanted), vceqq_u8(v[2], wanted), vceqq_u8(v[3], wanted));
}

static NB_INLINE void block_by_neon(const char *at, block *ret)
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

/* --------------------------------------------------------------------------------------------------- jump */

typedef struct course {
    uint64_t in_string; /* all ones: the block before ended inside of a string */
    uint64_t escaped;   /* 1: the first byte of the next block is escaped */
    uint64_t depth;
} course;

/* Bit n: an odd number of bits up to n. */
static NB_INLINE uint64_t parity(uint64_t bits)
{
    for (unsigned shift = 1; shift < NB_BLOCK; shift *= 2) {
        bits ^= bits << shift;
    }
    return bits;
}

typedef void block_fn(const char *at, block *ret);
typedef uint64_t parity_fn(uint64_t bits);

/* Goes over one block. Returns the bytes up to the bracket that closes all; 0: it is not in this block. */
static NB_INLINE unsigned pass(course *c, const block *b, parity_fn *odd)
{
    uint64_t quotes = b->quotes & ~nb_block_escaped(&c->escaped, b->slashes);
    uint64_t strings = odd(quotes) ^ c->in_string;
    uint64_t opens = b->opens & ~strings;
    uint64_t closes = b->closes & ~strings;
    uint64_t both;

    c->in_string = (uint64_t)((int64_t)strings >> 63);
    if (closes == 0 || (c->depth > 1 && (unsigned)__builtin_popcountll(closes) < c->depth)) {
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

static NB_INLINE const char *jump(const char *at, const char *end, block_fn *look, parity_fn *odd)
{
    course c = { 0, 0, 1 };
    char last[NB_BLOCK];
    block b;
    unsigned found;

    for (; end - at >= NB_BLOCK; at += NB_BLOCK) {
        look(at, &b);
        found = pass(&c, &b, odd);
        if (found != 0) {
            return at + found;
        }
    }
    memset(last, ' ', sizeof last);
    if (end != at) {
        memcpy(last, at, (size_t)(end - at));
    }
    look(last, &b);
    found = pass(&c, &b, odd);
    return found != 0 ? at + found : end;
}

static const char *jump_in_c(const char *at, const char *end)
{
    return jump(at, end, block_in_c, parity);
}

#if NB_SCAN_SSE2
static const char *jump_by_sse2(const char *at, const char *end)
{
    return jump(at, end, block_by_sse2, parity);
}
#endif

#if NB_BLOCK_AVX2
NB_AVX2 static const char *jump_by_avx2(const char *at, const char *end)
{
    return jump(at, end, block_by_avx2, nb_block_parity);
}
#endif

#if NB_SCAN_NEON
static const char *jump_by_neon(const char *at, const char *end)
{
    return jump(at, end, block_by_neon, parity);
}
#endif

nb_jump_fn *const *nb_jump_ways(void)
{
#if NB_BLOCK_AVX2
    static nb_jump_fn *const with[] = { jump_in_c, jump_by_sse2, jump_by_avx2, NULL };
    static nb_jump_fn *const without[] = { jump_in_c, jump_by_sse2, NULL };

    return nb_cpu_has_avx2() ? with : without;
#elif NB_SCAN_SSE2
    static nb_jump_fn *const ways[] = { jump_in_c, jump_by_sse2, NULL };

    return ways;
#elif NB_SCAN_NEON
    static nb_jump_fn *const ways[] = { jump_in_c, jump_by_neon, NULL };

    return ways;
#else
    static nb_jump_fn *const ways[] = { jump_in_c, NULL };

    return ways;
#endif
}

const char *nb_jump(const char *at, const char *end)
{
    static _Atomic(nb_jump_fn *) best;
    nb_jump_fn *way = nb_load_relaxed(&best); /* a constant that anybody may find again */

    if (way == NULL) {
        nb_jump_fn *const *ways = nb_jump_ways();

        while (ways[1] != NULL) {
            ways++;
        }
        way = *ways;
        nb_store_relaxed(&best, way);
    }
    return way(at, end);
}
