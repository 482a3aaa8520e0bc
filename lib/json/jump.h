/*
 * jump.h - through JSON that is known to be well-formed, 64 bytes at a time and without looking at its tokens: over a container, or over
 * the members of an object to the next key that somebody may ask for.
 *
 * For each block one mask says where strings are, and two where brackets stand outside of them. Over a container only their numbers count,
 * as long as a block closes less than is open. As far as an object holds no container, a string is a key unless a colon stands before it;
 * of the keys only those are looked at that begin as one that is wanted; and as far as there is no backslash either, strings are told by
 * the number of quotes. The masks are made by AVX2, SSE2, NEON or plain C; the best that the machine has is chosen at the first use.
 */
#ifndef NB_JSON_JUMP_H
#define NB_JSON_JUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "json/scan.h"

/* at: behind the bracket that opens a container. Returns where it is closed, behind the bracket; end: it is not. */
typedef const char *nb_jump_fn(const char *at, const char *end);

/* All ways there are here, ended by NULL; the first is plain C. For the tests. */
nb_jump_fn *const *nb_jump_ways(void);

const char *nb_jump(const char *at, const char *end);

/* What is known of a key that was found. */
typedef struct nb_hop_key {
    size_t size;       /* bytes between its quotes, none of which is a backslash */
    const char *value; /* where its value is; NULL: neither of both is known */
} nb_hop_key;

/*
 * at: in an object, outside of strings, not at a key. Returns the quote of the first key that may be wanted; or the first bracket; end:
 * neither is there. dots: what has a dot may be wanted, if it begins as a key that is.
 */
typedef const char *nb_hop_fn(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret);

/* All ways, as above. */
nb_hop_fn *const *nb_hop_ways(void);

const char *nb_hop(const char *at, const char *end, const nb_wanted *wanted, bool dots, nb_hop_key *ret);

#endif
