/*
 * blocks.h - the part that MD5 and SHA-256 have in common: input is mixed into a state in blocks of 64 bytes, and ends with a bit, zeros,
 * and its length.
 */
#ifndef NB_BASE_BLOCKS_H
#define NB_BASE_BLOCKS_H

#include <stddef.h>
#include <stdint.h>

#define NB_BLOCK_SIZE 64u

typedef struct nb_blocks {
    uint64_t size; /* of what was added */
    unsigned char block[NB_BLOCK_SIZE]; /* the last size % 64 bytes of it */
} nb_blocks;

typedef void nb_mix(uint32_t *state, const unsigned char *block);

void nb_blocks_add(nb_blocks *blocks, nb_mix *mix, uint32_t *state, const void *data, size_t size); /* data may be NULL if size is 0 */

/* Pads what was added and mixes the rest; length: the bits that were added, as the hash writes them. */
void nb_blocks_end(nb_blocks *blocks, nb_mix *mix, uint32_t *state, const unsigned char length[8]);

#endif
