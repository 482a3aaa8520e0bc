#include "json/jump.h"

#include <string.h>

#include "json/look.h"
#include "sync/atomic.h"

typedef struct course {
    uint64_t in_string; /* all ones: the block before ended inside of a string */
    uint64_t escaped;   /* 1: the first byte of the next block is escaped */
    uint64_t depth;
} course;

/* Goes over one block. Returns the bytes up to the bracket that closes all; 0: it is not in this block. */
static NB_INLINE unsigned pass(course *c, const nb_look *b, nb_parity_fn *odd)
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

static NB_INLINE const char *jump(const char *at, const char *end, nb_look_fn *look, nb_parity_fn *odd)
{
    course c = { 0, 0, 1 };
    char last[NB_BLOCK];
    nb_look b;
    unsigned found;

    for (; end - at >= NB_BLOCK; at += NB_BLOCK) {
        look(at, NULL, &b);
        found = pass(&c, &b, odd);
        if (found != 0) {
            return at + found;
        }
    }
    memset(last, ' ', sizeof last);
    if (end != at) {
        memcpy(last, at, (size_t)(end - at));
    }
    look(last, NULL, &b);
    found = pass(&c, &b, odd);
    return found != 0 ? at + found : end;
}

static const char *jump_in_c(const char *at, const char *end)
{
    return jump(at, end, nb_look_in_c, nb_parity_in_c);
}

#if NB_SCAN_SSE2
static const char *jump_by_sse2(const char *at, const char *end)
{
    return jump(at, end, nb_look_by_sse2, nb_parity_in_c);
}
#endif

#if NB_BLOCK_AVX2
NB_AVX2 static const char *jump_by_avx2(const char *at, const char *end)
{
    return jump(at, end, nb_look_by_avx2, nb_block_parity);
}
#endif

#if NB_SCAN_NEON
static const char *jump_by_neon(const char *at, const char *end)
{
    return jump(at, end, nb_look_by_neon, nb_parity_in_c);
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
