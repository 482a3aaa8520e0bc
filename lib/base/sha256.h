/*
 * sha256.h - SHA-256 (FIPS 180-4): the deduplication id that stands for a body (SQS-F15).
 */
#ifndef NB_BASE_SHA256_H
#define NB_BASE_SHA256_H

#include "base/blocks.h"

#define NB_SHA256_SIZE 32u

typedef struct nb_sha256 {
    uint32_t state[8];
    nb_blocks blocks;
    nb_mix *mix;
} nb_sha256;

extern const uint32_t nb_sha256_roots[64];
void nb_sha256_mix(uint32_t *state, const unsigned char *block); /* the portable one */
nb_mix *nb_sha256_fast(void); /* by instructions of the processor, sha256_fast.c; NULL: it has none */

void nb_sha256_begin(nb_sha256 *hash);
void nb_sha256_add(nb_sha256 *hash, const void *data, size_t size); /* data may be NULL if size is 0 */
void nb_sha256_end(nb_sha256 *hash, unsigned char ret[NB_SHA256_SIZE]);

#endif
