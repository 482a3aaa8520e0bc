#include "json/jump.h"

#include <string.h>

#include "json/fast.h"
#include "json/look.h"
#include "sync/atomic.h"

typedef struct hops {
    const char *end;
    uint64_t filter;
    char first[16];
    bool dots;
    uint64_t in_string; /* all ones: the block before ended inside of a string */
    uint64_t escaped;   /* 1: the first byte of the next block is escaped */
} hops;

/* Whether a string is a value, not a key. */
static NB_INLINE bool is_value(const char *at)
{
    do {
        at--;
    } while (nb_is_blank(*at));
    return *at == ':';
}

/* Whether a key is wanted, for all that can be told. */
static NB_INLINE bool is_wanted(const hops *h, const char *key, nb_hop_key *ret)
{
    bool dot = false;

    ret->value = NULL;
    if (h->end - key < 2 || (key[1] != '\\' && h->first[key[1] & 15] == 0)) {
        return false;
    }
    if (h->end - key < FAST) {
        return true;
    }
    ret->value = fast_key(key, &ret->size, &dot);
    return ret->value == NULL || (h->filter & nb_key_bit_at(key, ret->size)) != 0 || (dot && h->dots);
}

/* Goes over one block of text. Returns as nb_hop(); NULL: there is nothing in it. */
static NB_INLINE const char *hop_block(hops *h, const nb_look *b, const char *text, nb_parity_fn *odd, nb_hop_key *ret)
{
    uint64_t quotes = b->quotes & ~nb_block_escaped(&h->escaped, b->slashes);
    uint64_t strings = odd(quotes) ^ h->in_string;
    uint64_t brackets = (b->opens | b->closes) & ~strings;
    uint64_t keys = quotes & strings & (brackets - 1) & ~brackets; /* and values, before the first bracket */

    if (b->slashes == 0) { /* else an escape may stand for what a wanted key begins with; so may the first byte of the next block */
        keys &= b->firsts | UINT64_C(1) << 63;
    }
    for (; keys != 0; keys &= keys - 1) {
        const char *key = text + (unsigned)__builtin_ctzll(keys);

        if (!is_value(key) && is_wanted(h, key, ret)) {
            return key;
        }
    }
    if (brackets != 0) {
        return text + (unsigned)__builtin_ctzll(brackets);
    }
    h->in_string = (uint64_t)((int64_t)strings >> 63);
    return NULL;
}

/* Where there is no backslash, it is enough to know how many quotes stand before a byte. *ret_done: it is; NULL: there is nothing. */
static NB_INLINE const char *hop_plain(hops *h, const nb_look *b, const char *text, unsigned *quotes, bool *ret_done, nb_hop_key *ret)
{
    uint64_t stops = b->opens | b->closes | b->slashes;
    uint64_t keys = b->quotes & b->firsts & (stops - 1) & ~stops;
    unsigned stop;

    for (; keys != 0; keys &= keys - 1) {
        const char *key = text + (unsigned)__builtin_ctzll(keys);
        unsigned before = *quotes + (unsigned)__builtin_popcountll(b->quotes & ((keys & (0 - keys)) - 1));

        if ((before & 1) == 0 && !is_value(key) && is_wanted(h, key, ret)) {
            return key;
        }
    }
    if (stops != 0) {
        stop = (unsigned)__builtin_ctzll(stops);
        *quotes += (unsigned)__builtin_popcountll(b->quotes & ((stops & (0 - stops)) - 1));
        if ((*quotes & 1) == 0 && (b->slashes >> stop & 1) == 0) {
            return text + stop;
        }
        *ret_done = false;
        return text;
    }
    *quotes += (unsigned)__builtin_popcountll(b->quotes);
    return NULL;
}

/* All blocks, from `at` on. plain: as long as that is enough; NULL: it is not. */
static NB_INLINE const char *hop_blocks(hops *h, const char *at, bool plain, nb_look_fn *look, nb_parity_fn *odd, nb_hop_key *ret)
{
    char last[NB_BLOCK + 1];
    unsigned quotes = 0;
    bool done = true;

    for (;;) {
        const char *from = at;
        const char *found;
        nb_look b;

        if (h->end - at <= NB_BLOCK) {
            memset(last, ' ', sizeof last);
            memcpy(last, at, (size_t)(h->end - at));
            from = last;
        }
        look(from, h->first, &b);
        found = plain ? hop_plain(h, &b, at, &quotes, &done, ret) : hop_block(h, &b, at, odd, ret);
        if (found != NULL) {
            return done ? found : NULL;
        }
        if (from == last) {
            return h->end;
        }
        at += NB_BLOCK;
    }
}

static NB_INLINE const char *hop(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret, nb_look_fn *look,
                                 nb_parity_fn *odd)
{
    hops h = { .end = end, .filter = nb_wanted_filter(wanted), .dots = dots };
    const char *found;

    nb_wanted_first(wanted, h.first);
    found = hop_blocks(&h, at, true, look, odd, ret);
    return found != NULL ? found : hop_blocks(&h, at, false, look, odd, ret);
}

static const char *hop_in_c(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret)
{
    return hop(at, end, wanted, dots, ret, nb_look_in_c, nb_parity_in_c);
}

#if NB_SCAN_SSE2
static const char *hop_by_sse2(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret)
{
    return hop(at, end, wanted, dots, ret, nb_look_by_sse2, nb_parity_in_c);
}
#endif

#if NB_BLOCK_AVX2
NB_AVX2 static const char *hop_by_avx2(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret)
{
    return hop(at, end, wanted, dots, ret, nb_look_by_avx2, nb_block_parity);
}
#endif

#if NB_SCAN_NEON
static const char *hop_by_neon(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret)
{
    return hop(at, end, wanted, dots, ret, nb_look_by_neon, nb_parity_in_c);
}
#endif

nb_hop_fn *const *nb_hop_ways(void)
{
#if NB_BLOCK_AVX2
    static nb_hop_fn *const with[] = { hop_in_c, hop_by_sse2, hop_by_avx2, NULL };
    static nb_hop_fn *const without[] = { hop_in_c, hop_by_sse2, NULL };

    return nb_cpu_has_avx2() ? with : without;
#elif NB_SCAN_SSE2
    static nb_hop_fn *const ways[] = { hop_in_c, hop_by_sse2, NULL };

    return ways;
#elif NB_SCAN_NEON
    static nb_hop_fn *const ways[] = { hop_in_c, hop_by_neon, NULL };

    return ways;
#else
    static nb_hop_fn *const ways[] = { hop_in_c, NULL };

    return ways;
#endif
}

const char *nb_hop(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret)
{
    static _Atomic(nb_hop_fn *) best;
    nb_hop_fn *way = nb_load_relaxed(&best); /* a constant that anybody may find again */

    if (way == NULL) {
        nb_hop_fn *const *ways = nb_hop_ways();

        while (ways[1] != NULL) {
            ways++;
        }
        way = *ways;
        nb_store_relaxed(&best, way);
    }
    return way(at, end, wanted, dots, ret);
}
