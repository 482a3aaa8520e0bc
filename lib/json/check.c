/*
 * check.c - JSON checked by arithmetic on words of 64 bits, of which bit n stands for byte n of a block.
 *
 * A token has at most two neighbours. So it is enough to look at what stands behind each kind of token, past the blanks: adding a bit to a
 * run of ones carries it to the end of the run, for all runs of a block at once. Whether a comma belongs to an object needs the brackets
 * one by one; everything else does not. Behind '{' and such a comma a key must stand, and the colons must be what stands behind the keys:
 * no more, no less.
 *
 * Each test of a byte depends on nothing behind it, so what stands behind the last bracket does not matter.
 */
#include "json/check.h"

#include <string.h>

#include "json/block.h"
#include "json/text.h"
#include "sync/atomic.h"

#if NB_BLOCK_AVX2
#define MAX_ROOM 64u /* bits of course.kinds */

typedef struct course {
    const char *end;
    const char *letters_done;  /* up to where letters above ASCII are known to be whole */
    uint64_t in_string;        /* all ones: the block before ended inside of a string */
    uint64_t escaped;          /* 1: the first byte is escaped */
    uint64_t word;             /* the first bytes that belong to a word */
    uint64_t kinds;            /* of the containers around the innermost one, that of the nearest one lowest; 1: an object */
    unsigned depth, room;
    bool object;               /* the innermost one is */
    /* Of the block before, bit 63 counts: its last byte was ... */
    uint64_t closing, scalar, separator, key_due, key_end, minus, dot, digit, zero, worded;
    /* Whether what was looked for behind a run reached its end. */
    uint64_t run_closing, run_separator, run_due, run_key, run_colon, run_fraction;
} course;

/* The bytes of a block by what they are. */
typedef struct kinds {
    uint64_t quotes, slashes, opens, closes, commas, colons, blanks, digits, zeros, minuses, dots, controls, wide;
} kinds;

/* What the strings of a block leave of it. */
typedef struct parts {
    uint64_t strings;   /* from a quote up to the byte before the closing one */
    uint64_t starts;    /* opening quotes */
    uint64_t ends;      /* closing quotes */
    uint64_t opens, closes;
    uint64_t in_object; /* bytes whose innermost container is one */
    uint64_t curly;     /* opening braces */
    uint64_t inside;    /* up to the bracket that closes all */
    unsigned size;      /* the same as a number; 0: it is not in this block */
} parts;

NB_AVX2 static NB_INLINE void look(const char *at, kinds *ret)
{
    const __m256i lower = _mm256_set1_epi8(0x20);
    const __m256i nine = _mm256_set1_epi8(9);
    const __m256i zero = _mm256_set1_epi8('0');
    const __m256i blanks = _mm256_setr_epi8(' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0,
                                            ' ', 0, 0, 0, 0, 0, 0, 0, 0, '\t', '\n', 0, 0, '\r', 0, 0);
    __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32));
    __m256i a = _mm256_sub_epi8(low, zero), b = _mm256_sub_epi8(high, zero);

    ret->quotes = nb_block_equal(low, high, '"');
    ret->slashes = nb_block_equal(low, high, '\\');
    ret->commas = nb_block_equal(low, high, ',');
    ret->colons = nb_block_equal(low, high, ':');
    ret->minuses = nb_block_equal(low, high, '-');
    ret->dots = nb_block_equal(low, high, '.');
    ret->zeros = nb_block_equal(low, high, '0');
    ret->digits = nb_block_bits(_mm256_cmpeq_epi8(_mm256_min_epu8(a, nine), a), _mm256_cmpeq_epi8(_mm256_min_epu8(b, nine), b));
    ret->wide = nb_block_bits(low, high);
    ret->controls = nb_block_bits(_mm256_cmpgt_epi8(lower, low), _mm256_cmpgt_epi8(lower, high)) & ~ret->wide;
    /* A blank is what the table has for its lower four bits. */
    ret->blanks = nb_block_bits(_mm256_cmpeq_epi8(_mm256_shuffle_epi8(blanks, low), low),
                                _mm256_cmpeq_epi8(_mm256_shuffle_epi8(blanks, high), high));
    low = _mm256_or_si256(low, lower);
    high = _mm256_or_si256(high, lower);
    ret->opens = nb_block_equal(low, high, '{');
    ret->closes = nb_block_equal(low, high, '}');
}

/* One byte further. *last: the bits of the block before. */
static NB_INLINE uint64_t behind(uint64_t bits, uint64_t *last)
{
    uint64_t further = bits << 1 | *last >> 63;

    *last = bits;
    return further;
}

/*
 * From where runs may start to what stands behind them. *carry: a run went on to the end of the block; in the next one nothing starts at
 * its first byte, then.
 */
static NB_INLINE uint64_t past(uint64_t bits, uint64_t runs, uint64_t *carry)
{
    uint64_t sum = (bits | *carry) + runs;

    *carry = sum < runs;
    return sum & ~runs;
}

/* Walks over the brackets. False: one does not fit, or there are too many. */
static NB_INLINE bool pair(course *c, const char *at, parts *p)
{
    p->in_object = c->object ? UINT64_MAX : 0;
    p->curly = 0;
    p->inside = UINT64_MAX;
    p->size = 0;
    for (uint64_t both = p->opens | p->closes; both != 0; both &= both - 1) {
        unsigned n = (unsigned)__builtin_ctzll(both);
        bool brace = (at[n] & 0x20) != 0;
        bool before = c->object;

        if ((p->opens >> n & 1) != 0) {
            if (c->depth == c->room) {
                return false;
            }
            c->depth++;
            c->kinds = c->kinds << 1 | before;
            c->object = brace;
            p->curly |= (uint64_t)brace << n;
        } else if (brace != before) {
            return false;
        } else if (c->depth == 0) {
            p->inside = (UINT64_C(2) << n) - 1;
            p->size = n + 1;
            return true;
        } else {
            c->depth--;
            c->object = (c->kinds & 1) != 0;
            c->kinds >>= 1;
        }
        p->in_object ^= (0 - (uint64_t)(before != c->object)) & UINT64_MAX << n;
    }
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

/* Bytes of numbers, and where scalars start. Returns the bytes that are wrong. */
static NB_INLINE uint64_t check_numbers(course *c, const kinds *k, uint64_t bytes, uint64_t starts)
{
    uint64_t digits = k->digits & bytes, minuses = k->minuses & bytes, dots = k->dots & bytes;
    uint64_t behind_digit = behind(digits, &c->digit);
    uint64_t behind_minus = behind(minuses, &c->minus);
    uint64_t behind_dot = behind(dots, &c->dot);
    uint64_t first = (starts | behind_minus) & digits;
    uint64_t behind_zero = behind(first & k->zeros, &c->zero);
    uint64_t wrong = bytes & ~(digits | minuses | dots);

    wrong |= minuses & ~starts;
    wrong |= dots & (~behind_digit | past(behind_dot, digits, &c->run_fraction));
    wrong |= (behind_minus | behind_dot) & ~digits;
    return wrong | (behind_zero & digits);
}

/* What stands behind what. Returns the bytes that are wrong. */
static NB_INLINE uint64_t check_order(course *c, const kinds *k, const parts *p, uint64_t scalars, uint64_t behind_scalar,
                                      uint64_t starts)
{
    uint64_t commas = k->commas & ~p->strings, colons = k->colons & ~p->strings;
    uint64_t after, values, due, keys;
    uint64_t wrong;

    after = past(behind(p->ends | p->closes, &c->closing) | (behind_scalar & ~scalars), k->blanks, &c->run_closing);
    wrong = after & ~(commas | colons | p->closes);
    wrong |= (commas | colons) & ~after;
    values = past(behind(commas | colons, &c->separator), k->blanks, &c->run_separator);
    wrong |= values & ~(p->starts | starts | p->opens);
    due = past(behind((commas & p->in_object) | p->curly, &c->key_due), k->blanks, &c->run_due);
    wrong |= due & ~(p->starts | p->closes);
    keys = past(due & p->starts, p->strings, &c->run_key);
    return wrong | (past(behind(keys & p->ends, &c->key_end), k->blanks, &c->run_colon) ^ colons);
}

/* One block, which lies at `at` and belongs to `text`. Returns the bytes up to the last bracket; 0: it is not in it; -1: give up. */
NB_AVX2 static NB_INLINE int pass(course *c, const char *at, const char *text)
{
    kinds k;
    parts p;
    uint64_t escaped, quotes, scalars, behind_scalar, starts, words, wrong;

    look(at, &k);
    escaped = nb_block_escaped(&c->escaped, k.slashes);
    quotes = k.quotes & ~escaped;
    p.strings = nb_block_parity(quotes) ^ c->in_string;
    c->in_string = (uint64_t)((int64_t)p.strings >> 63);
    p.starts = quotes & p.strings;
    p.ends = quotes & ~p.strings;
    p.opens = k.opens & ~p.strings;
    p.closes = k.closes & ~p.strings;
    k.blanks &= ~p.strings;
    if (!pair(c, at, &p)) {
        return -1;
    }
    scalars = ~(p.strings | p.ends | p.opens | p.closes | k.blanks | k.commas | k.colons);
    behind_scalar = behind(scalars, &c->scalar);
    starts = scalars & ~behind_scalar;
    words = c->word;
    c->word = 0;
    wrong = starts & ~(k.digits | k.minuses) & p.inside;
    if (((escaped | k.wide) & p.strings & p.inside) != 0 || wrong != 0) {
        if (!check_escapes(c, at, text, escaped & p.strings & p.inside) || !check_letters(c, text, k.wide & p.strings & p.inside) ||
            !take_words(c, text, wrong, &words)) {
            return -1;
        }
    }
    wrong = check_numbers(c, &k, scalars & ~words, starts);
    if ((words | c->worded) != 0) {
        wrong |= behind(words, &c->worded) & scalars & ~words;
    }
    wrong |= k.controls & p.strings;
    wrong |= check_order(c, &k, &p, scalars, behind_scalar, starts);
    return (wrong & p.inside) != 0 ? -1 : (int)p.size;
}

NB_AVX2 static const char *check_by_avx2(const char *at, const char *end, bool object, unsigned room)
{
    course c = { .end = end, .letters_done = at, .object = object, .key_due = (uint64_t)object << 63,
                 .room = room < MAX_ROOM ? room : MAX_ROOM };
    char last[NB_BLOCK];
    int found;

    for (; end - at >= NB_BLOCK; at += NB_BLOCK) {
        found = pass(&c, at, at);
        if (found != 0) {
            return found > 0 ? at + found : NULL;
        }
    }
    memset(last, ' ', sizeof last);
    if (at != end) {
        memcpy(last, at, (size_t)(end - at));
    }
    found = pass(&c, last, at);
    return found > 0 ? at + found : NULL;
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
