/*
 * sha256_fast.c - SHA-256 by the instructions that some processors have for it: x86-64 with the SHA extensions. A block takes a tenth of
 * what the portable code takes, and the answer is the same (unit/test_hashes compares them).
 *
 * Whether they are there is asked of the processor once for each thread: the question is a trap into the hypervisor of a virtual machine.
 */
#include "base/sha256.h"
#include "platform/self.h"

#if defined(__x86_64__) && defined(__GNUC__)

#include <cpuid.h>
#include <immintrin.h>

#define NB_SHA_CODE __attribute__((target("sha,sse4.1,ssse3")))

/* Four words of the schedule from the 16 before them, which lie in a ring; they take the place of the oldest. */
static inline NB_SHA_CODE __m128i extend(const __m128i *oldest, const __m128i *older, const __m128i *newer, const __m128i *newest)
{
    __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(*oldest, *older), _mm_alignr_epi8(*newest, *newer, 4));

    return _mm_sha256msg2_epu32(sum, *newest);
}

/* Four rounds: two halves of the state, turn by turn. */
static inline NB_SHA_CODE void rounds(__m128i *abef, __m128i *cdgh, __m128i words, const uint32_t *roots)
{
    __m128i sum = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(const void *)roots));

    *cdgh = _mm_sha256rnds2_epu32(*cdgh, *abef, sum);
    *abef = _mm_sha256rnds2_epu32(*abef, *cdgh, _mm_shuffle_epi32(sum, 0x0e));
}

static NB_SHA_CODE void mix(uint32_t *state, const unsigned char *block)
{
    const __m128i turn = _mm_set_epi64x(INT64_C(0x0c0d0e0f08090a0b), INT64_C(0x0405060700010203)); /* to the host's byte order */
    __m128i *to = (__m128i *)(void *)state, low = _mm_shuffle_epi32(_mm_loadu_si128(to), 0xb1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128(to + 1), 0x1b);
    __m128i abef = _mm_alignr_epi8(low, high, 8), cdgh = _mm_blend_epi16(high, low, 0xf0), abef_before = abef, cdgh_before = cdgh;
    __m128i words[4];

    for (unsigned i = 0; i < 4; i++) {
        words[i] = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * i)), turn);
        rounds(&abef, &cdgh, words[i], nb_sha256_roots + 4 * i);
    }
    for (unsigned i = 16; i < 64; i += 16) {
        words[0] = extend(&words[0], &words[1], &words[2], &words[3]);
        rounds(&abef, &cdgh, words[0], nb_sha256_roots + i);
        words[1] = extend(&words[1], &words[2], &words[3], &words[0]);
        rounds(&abef, &cdgh, words[1], nb_sha256_roots + i + 4);
        words[2] = extend(&words[2], &words[3], &words[0], &words[1]);
        rounds(&abef, &cdgh, words[2], nb_sha256_roots + i + 8);
        words[3] = extend(&words[3], &words[0], &words[1], &words[2]);
        rounds(&abef, &cdgh, words[3], nb_sha256_roots + i + 12);
    }
    low = _mm_shuffle_epi32(_mm_add_epi32(abef, abef_before), 0x1b);
    high = _mm_shuffle_epi32(_mm_add_epi32(cdgh, cdgh_before), 0xb1);
    _mm_storeu_si128(to, _mm_blend_epi16(low, high, 0xf0));
    _mm_storeu_si128(to + 1, _mm_alignr_epi8(high, low, 8));
}

static bool present(void)
{
    unsigned a, b, c, d;
    bool sse = __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_SSE4_1) != 0 && (c & bit_SSSE3) != 0;

    return sse && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & bit_SHA) != 0;
}

nb_mix *nb_sha256_fast(void)
{
    nb_self *self = nb_self_get();

    if (self->hashes == 0) {
        self->hashes = present() ? 2 : 1;
    }
    return self->hashes == 2 ? mix : NULL;
}

#else

nb_mix *nb_sha256_fast(void)
{
    return NULL;
}

#endif
