/*
 * jump.h - over a container of JSON that is known to be well-formed, 64 bytes at a time and without looking at its tokens.
 *
 * For each block one mask says where strings are, and two where brackets stand outside of them; as long as a block closes less than is
 * open, only their numbers count. The masks are made by AVX2, SSE2, NEON or plain C; the best that the machine has is chosen at the first
 * jump.
 */
#ifndef NB_JSON_JUMP_H
#define NB_JSON_JUMP_H

#include <stddef.h>
#include <stdint.h>

/* at: behind the bracket that opens a container. Returns where it is closed, behind the bracket; end: it is not. */
typedef const char *nb_jump_fn(const char *at, const char *end);

/* All ways there are here, ended by NULL; the first is plain C. For the tests. */
nb_jump_fn *const *nb_jump_ways(void);

const char *nb_jump(const char *at, const char *end);

#endif
