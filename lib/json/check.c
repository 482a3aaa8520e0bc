/*
 * check.c - JSON checked by arithmetic on words of 64 bits, of which bit n stands for byte n of a block.
 *
 * Behind a bracket that opens, a comma or a colon stands the start of a value, and nowhere else does one; or the bracket that closes what
 * was opened just before. Behind '{' and a comma of an object that value is a key, whose string ends before a colon; and nothing else does.
 * That is the whole order of tokens: what is no start of a value stands behind a value, then. What stands behind a kind of token, past the
 * blanks, is found for all of a block at once: a bit added to the lower end of a run of ones is carried to what stands behind the run, and
 * the carry of the whole addition into the next block.
 *
 * Whether a comma belongs to an object is told by the brackets. Objects without containers in them, one behind the other in an array, are
 * told apart by parity; other brackets are met one by one. Numbers, escapes, letters above ASCII and words are only looked at in blocks
 * that have them.
 *
 * Each test of a byte depends on nothing behind it, so what stands behind the last bracket does not matter.
 */
#include "json/check.h"

#include <string.h>

#include "json/block.h"
#include "json/text.h"
#include "sync/atomic.h"

#if NB_BLOCK_AVX2
#define MAX_ROOM 63u /* bits of course.kinds, but for one that goes through */

typedef struct course {
    const char *end;
    const char *letters_done;  /* up to where letters above ASCII are known to be whole */
    uint64_t in_string;        /* all ones: the block before ended inside of a string */
    uint64_t escaped;          /* 1: the first byte is escaped */
    uint64_t word;             /* the first bytes that belong to a word */
    uint64_t kinds;            /* of the containers around the innermost one, that of the nearest one lowest; 1: an object */
    uint64_t object;           /* 1: the innermost one is */
    uint64_t depth, room;
    uint64_t scalar, minus, joint, zero, worded;        /* 1: the last byte of the block before was ... */
    unsigned char due, key_due, colon_due, fraction;    /* what the additions of the block before carry into the next */
} course;

/* 64 bytes, and which of them are of a kind; but for quotes, only outside of strings. */
typedef struct block {
    __m256i low, high;
    uint64_t quotes, opens, closes, commas, colons, blanks;
    uint64_t braces; /* what of the brackets is a brace, and other bytes */
    uint64_t odd;    /* not 0: it has a backslash, a control character or more than ASCII; these are: */
    uint64_t escaped, controls, wide;
} block;

/* What the strings of a block leave of it. */
typedef struct parts {
    uint64_t strings;   /* from a quote up to the byte before the closing one */
    uint64_t starts;    /* opening quotes */
    uint64_t rest;      /* strings, closing quotes and blanks */
    uint64_t in_object; /* bytes whose innermost container is one */
    uint64_t inside;    /* up to the bracket that closes all */
    unsigned size;      /* the same as a number; 0: it is not in this block */
} parts;

/* What is odd about a block. Seldom. */
NB_AVX2 static NB_INLINE void look_closer(course *c, const nb_constants *k, block *b)
{
    b->wide = nb_block_bits(b->low, b->high);
    b->controls = nb_block_bits(_mm256_cmpgt_epi8(nb_block_load(k->lower), b->low),
                                _mm256_cmpgt_epi8(nb_block_load(k->lower), b->high)) & ~b->wide;
    b->escaped = nb_block_escaped(&c->escaped, nb_block_equal(b->low, b->high, k->slash));
    b->quotes &= ~b->escaped;
    b->odd = 1;
}

NB_AVX2 static NB_INLINE void look(course *c, const nb_constants *k, const char *at, block *b, parts *p)
{
    __m256i low = nb_block_load(at), high = nb_block_load(at + 32);
    /* As signed numbers, what is above ASCII is below zero. */
    __m256i odd = _mm256_or_si256(_mm256_cmpgt_epi8(nb_block_load(k->lower), low), _mm256_cmpgt_epi8(nb_block_load(k->lower), high));

    odd = _mm256_or_si256(odd, _mm256_or_si256(_mm256_cmpeq_epi8(low, nb_block_load(k->slash)),
                                               _mm256_cmpeq_epi8(high, nb_block_load(k->slash))));
    b->low = low;
    b->high = high;
    b->quotes = nb_block_equal(low, high, k->quote);
    b->odd = (uint32_t)_mm256_movemask_epi8(odd);
    if ((b->odd | c->escaped) != 0) {
        look_closer(c, k, b);
    }
    p->strings = nb_block_parity(b->quotes) ^ c->in_string;
    c->in_string = (uint64_t)((int64_t)p->strings >> 63);
    p->starts = b->quotes & p->strings;
    b->blanks = nb_block_bits(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(nb_block_load(k->blanks), low), low),
                              _mm256_cmpeq_epi8(_mm256_shuffle_epi8(nb_block_load(k->blanks), high), high)) & ~p->strings;
    p->rest = p->strings | b->quotes | b->blanks;
    b->commas = nb_block_equal(low, high, k->comma) & ~p->strings;
    b->colons = nb_block_equal(low, high, k->colon) & ~p->strings;
    b->braces = nb_block_bits(_mm256_slli_epi16(low, 2), _mm256_slli_epi16(high, 2));
    low = _mm256_or_si256(low, nb_block_load(k->lower));
    high = _mm256_or_si256(high, nb_block_load(k->lower));
    b->opens = nb_block_equal(low, high, k->open) & ~p->strings;
    b->closes = nb_block_equal(low, high, k->close) & ~p->strings;
}

/* One byte further. *last: 1: so was the last byte of the block before. */
static NB_INLINE uint64_t behind(uint64_t bits, uint64_t *last)
{
    uint64_t further = bits << 1 | *last;

    *last = bits >> 63;
    return further;
}

/* What stands behind bits, past runs. */
static NB_INLINE uint64_t past(uint64_t bits, uint64_t runs, unsigned char *carry)
{
    unsigned long long sum;

    *carry = _addcarry_u64(*carry, bits, bits | runs, &sum);
    return sum & ~runs;
}

/* What stands behind strings, and the blanks behind them; bits: where they start, which is part of the runs. */
static NB_INLINE uint64_t past_strings(uint64_t bits, uint64_t runs, unsigned char *carry)
{
    unsigned long long sum;

    *carry = _addcarry_u64(*carry, bits, runs, &sum);
    return sum & ~runs;
}

/* Brackets one by one. False: one does not fit, or there are too many. */
static bool pair_slowly(course *c, const block *b, parts *p)
{
    p->in_object = 0 - c->object;
    for (uint64_t both = b->opens | b->closes; both != 0; both &= both - 1) {
        unsigned n = (unsigned)__builtin_ctzll(both);
        uint64_t brace = b->braces >> n & 1;
        uint64_t before = c->object;

        if ((b->opens >> n & 1) != 0) {
            if (c->depth == c->room) {
                return false;
            }
            c->depth++;
            c->kinds = c->kinds << 1 | before;
            c->object = brace;
        } else if (brace != before) {
            return false;
        } else if (c->depth == 0) {
            p->inside = (UINT64_C(2) << n) - 1;
            p->size = n + 1;
            return true;
        } else {
            c->depth--;
            c->object = c->kinds & 1;
            c->kinds >>= 1;
        }
        p->in_object ^= (0 - (before ^ c->object)) & UINT64_MAX << n;
    }
    return true;
}

/* All brackets. False: one does not fit, or there are too many. */
NB_AVX2 static NB_INLINE bool pair(course *c, const block *b, parts *p)
{
    uint64_t both = b->opens | b->closes;
    uint64_t objects = nb_block_parity(both) ^ (0 - c->object);
    uint64_t after = objects >> 63;

    p->inside = UINT64_MAX;
    p->size = 0;
    /* Only braces, that open and close in turn; and around them an array. */
    if (((b->opens ^ (both & objects)) | (both & ~b->braces)) != 0 ||
        (both != 0 && (c->object != 0 ? c->depth == 0 || (c->kinds & 1) != 0 : c->depth == c->room))) {
        return pair_slowly(c, b, p);
    }
    p->in_object = objects;
    c->kinds = c->kinds << after >> c->object;
    c->depth += after - c->object;
    c->object = after;
    return true;
}

/* Escapes, at: in the block; text: in the text. False: one is wrong. */
static bool check_escapes(const course *c, const char *at, const char *text, uint64_t escaped)
{
    for (; escaped != 0; escaped &= escaped - 1) {
        unsigned n = (unsigned)__builtin_ctzll(escaped);

        if (at[n] == 'u' ? nb_hex_four(text + n + 1, c->end) < 0 : at[n] == '\0' || strchr("\"\\/bfnrt", at[n]) == NULL) {
            return false;
        }
    }
    return true;
}

/* Letters above ASCII. False: one is wrong. */
static bool check_letters(course *c, const char *text, uint64_t wide)
{
    for (; wide != 0; wide &= wide - 1) {
        const char *letter = text + (unsigned)__builtin_ctzll(wide);
        unsigned length;

        if (letter < c->letters_done) {
            continue;
        }
        length = nb_utf8_sequence(letter, c->end);
        if (length == 0) {
            return false;
        }
        c->letters_done = letter + length;
    }
    return true;
}

/* The words that start at bits; *ret_words: all their bytes, those in the next block are left to it. False: one is none. */
static bool take_words(course *c, const char *text, uint64_t starts, uint64_t *ret_words)
{
    for (; starts != 0; starts &= starts - 1) {
        unsigned n = (unsigned)__builtin_ctzll(starts);
        const char *word = text[n] == 'f' ? "false" : text[n] == 'n' ? "null" : "true";
        unsigned size = text[n] == 'f' ? 5 : 4;
        uint64_t bits = (UINT64_C(1) << size) - 1;

        if ((size_t)(c->end - text) < n + size || memcmp(text + n, word, size) != 0) {
            return false;
        }
        *ret_words |= bits << n;
        c->word = n + size > NB_BLOCK ? bits >> (NB_BLOCK - n) : 0;
    }
    return true;
}

/* Scalars: bytes that are nothing else, and where they start. Returns the bytes that are wrong; all: a word is. */
NB_AVX2 static NB_INLINE uint64_t check_scalars(course *c, const nb_constants *k, const block *b, const char *text,
                                                uint64_t scalars, uint64_t starts, uint64_t inside)
{
    __m256i low = _mm256_sub_epi8(b->low, nb_block_load(k->zero)), high = _mm256_sub_epi8(b->high, nb_block_load(k->zero));
    uint64_t digits = nb_block_bits(_mm256_cmpeq_epi8(_mm256_min_epu8(low, nb_block_load(k->nine)), low),
                                    _mm256_cmpeq_epi8(_mm256_min_epu8(high, nb_block_load(k->nine)), high));
    uint64_t minuses = nb_block_equal(b->low, b->high, k->minus);
    uint64_t dots, zeros, words = c->word;
    uint64_t others = starts & ~(digits | minuses) & inside; /* no dot is among the starts, then */
    uint64_t wrong = 0;

    c->word = 0;
    if ((others | words | c->worded) != 0) {
        if (!take_words(c, text, others, &words)) {
            return UINT64_MAX;
        }
        wrong = behind(words, &c->worded) & scalars & ~words;
        scalars &= ~words;
    }
    digits &= scalars;
    minuses &= scalars;
    dots = nb_block_equal(b->low, b->high, k->dot) & scalars;
    zeros = nb_block_equal(b->low, b->high, k->zero) & (starts | behind(minuses, &c->minus));
    wrong |= scalars & ~(digits | minuses | dots);
    wrong |= minuses & ~starts;
    wrong |= behind(minuses | dots, &c->joint) & ~digits; /* a digit stands before each dot: what else could, must be followed by one */
    wrong |= behind(zeros & scalars, &c->zero) & digits;
    return wrong | (dots & past(dots, digits, &c->fraction));
}

/* A bracket that closes where a value could start. at: the bracket. Whether it closes what was just opened. */
static bool closes_nothing(const char *at)
{
    do {
        at--;
    } while (nb_is_blank(*at));
    return *at == '{' || *at == '[';
}

/* What stands behind what. Returns the bytes that are wrong. */
static NB_INLINE uint64_t check_order(course *c, const block *b, const parts *p, const char *text, uint64_t starts)
{
    uint64_t due, key_due, wrong, empty;

    due = past(b->opens | b->commas | b->colons, b->blanks, &c->due);
    key_due = past((b->opens & b->braces) | (b->commas & p->in_object), b->blanks, &c->key_due);
    wrong = (due ^ (starts | p->starts | b->opens)) & ~b->closes;
    wrong |= key_due & ~(p->starts | b->closes);
    wrong |= past_strings(key_due & p->starts, p->rest, &c->colon_due) ^ b->colons;
    for (empty = due & b->closes & p->inside; empty != 0; empty &= empty - 1) {
        unsigned n = (unsigned)__builtin_ctzll(empty);

        if (!closes_nothing(text + n)) {
            wrong |= UINT64_C(1) << n;
        }
    }
    return wrong;
}

/* One block, which lies at `at` and belongs to `text`. Returns the bytes up to the last bracket; 0: it is not in it; -1: give up. */
NB_AVX2 static NB_INLINE int pass(course *c, const nb_constants *k, const char *at, const char *text)
{
    block b;
    parts p;
    uint64_t scalars, starts, last, wrong = 0;

    look(c, k, at, &b, &p);
    if (!pair(c, &b, &p)) {
        return -1;
    }
    if (b.odd != 0) {
        uint64_t in = p.strings & p.inside;

        if (!check_escapes(c, at, text, b.escaped & in) || !check_letters(c, text, b.wide & in)) {
            return -1;
        }
        wrong = b.controls & p.strings;
    }
    scalars = ~(p.rest | b.opens | b.closes | b.commas | b.colons);
    last = c->scalar;
    c->scalar = scalars >> 63;
    starts = scalars & ~(scalars << 1 | last);
    wrong |= check_order(c, &b, &p, text, starts);
    if ((scalars | last) != 0) {
        wrong |= check_scalars(c, k, &b, text, scalars, starts, p.inside);
    }
    return (wrong & p.inside) != 0 ? -1 : (int)p.size;
}

NB_AVX2 static const char *check_by_avx2(const char *at, const char *end, bool object, unsigned room)
{
    course c = { .end = end, .letters_done = at, .object = object, .due = 1, .key_due = object, .room = room < MAX_ROOM ? room : MAX_ROOM };
    const nb_constants *k = nb_constants_hidden();
    char last[NB_BLOCK];
    int found;

    for (;;) {
        const char *from = at;

        if (end - at < NB_BLOCK) {
            memset(last, ' ', sizeof last);
            memcpy(last, at, (size_t)(end - at));
            from = last;
        }
        found = pass(&c, k, from, at);
        if (found != 0 || from == last) {
            return found > 0 ? at + found : NULL;
        }
        at += NB_BLOCK;
    }
}

#endif

static const char *check_nothing(const char *at, const char *end, bool object, unsigned room)
{
    (void)at;
    (void)end;
    (void)object;
    (void)room;
    return NULL;
}

const char *nb_check(const char *at, const char *end, bool object, unsigned room)
{
    typedef const char *check_fn(const char *at, const char *end, bool object, unsigned room);

    static _Atomic(check_fn *) best;
    check_fn *way = nb_load_relaxed(&best); /* a constant that anybody may find again */

    if (way == NULL) {
        way = check_nothing;
#if NB_BLOCK_AVX2
        way = nb_cpu_has_avx2() ? check_by_avx2 : way;
#endif
        nb_store_relaxed(&best, way);
    }
    return way(at, end, object, room);
}
