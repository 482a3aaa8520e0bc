/*
 * block.h - 64 bytes of JSON as words of 64 bits, one for each kind of byte, bit n: byte n. What plain C and all machines share, and AVX2
 * where the compiler has it: whether the machine has it, too, is asked at run time.
 */
#ifndef NB_JSON_BLOCK_H
#define NB_JSON_BLOCK_H

#include "json/scan.h"
#include "platform/cpu.h"

#define NB_BLOCK 64
#define NB_INLINE inline __attribute__((always_inline))

#if NB_SCAN_SSE2 && defined(__x86_64__)
#define NB_BLOCK_AVX2 1
#else
#define NB_BLOCK_AVX2 0
#endif

/* Bytes behind an odd number of backslashes. *escaped: 1: the first byte of the next block is. */
static NB_INLINE uint64_t nb_block_escaped(uint64_t *escaped, uint64_t slashes)
{
    const uint64_t odd = UINT64_C(0xAAAAAAAAAAAAAAAA);
    uint64_t starts, follows, sum;

    if (slashes == 0) {
        follows = *escaped;
        *escaped = 0;
        return follows;
    }
    slashes &= ~*escaped;
    follows = slashes << 1 | *escaped;
    starts = slashes & odd & ~follows;
    sum = starts + slashes;
    *escaped = sum < slashes;
    return (~odd ^ sum << 1) & follows;
}

#if NB_BLOCK_AVX2
#include <immintrin.h>

/* Loaded, not made: that is what a compiler would do instead, with three instructions for each block and constant. */
typedef struct nb_constants {
    char lower[32], slash[32], quote[32], comma[32], colon[32], open[32], close[32], minus[32], dot[32], zero[32], nine[32], nibble[32];
    char blanks[32]; /* the blank of some lower four bits, if there is one */
} nb_constants;

extern const nb_constants nb_block_constants;

/* What they are is hidden from the compiler. */
static NB_INLINE const nb_constants *nb_constants_hidden(void)
{
    const nb_constants *k = &nb_block_constants;

    __asm__("" : "+r"(k));
    return k;
}

#define NB_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt,pclmul")))

NB_AVX2 static NB_INLINE uint64_t nb_block_bits(__m256i low, __m256i high)
{
    return (uint64_t)(uint32_t)_mm256_movemask_epi8(high) << 32 | (uint32_t)_mm256_movemask_epi8(low);
}

NB_AVX2 static NB_INLINE __m256i nb_block_load(const char *at)
{
    return _mm256_loadu_si256((const __m256i *)(const void *)at);
}

/* wanted: 32 times the byte. */
NB_AVX2 static NB_INLINE uint64_t nb_block_equal(__m256i low, __m256i high, const char *wanted)
{
    return nb_block_bits(_mm256_cmpeq_epi8(low, nb_block_load(wanted)), _mm256_cmpeq_epi8(high, nb_block_load(wanted)));
}

/* Bit n: an odd number of bits up to n. */
NB_AVX2 static NB_INLINE uint64_t nb_block_parity(uint64_t bits)
{
    return (uint64_t)_mm_cvtsi128_si64(_mm_clmulepi64_si128(_mm_cvtsi64_si128((int64_t)bits), _mm_set1_epi8(-1), 0));
}
#endif

#endif
