/*
 * md5.h - MD5 (RFC 1321), for the digests that the cloud services give back with a message (SQS-S1, A5). It protects nothing.
 */
#ifndef NB_BASE_MD5_H
#define NB_BASE_MD5_H

#include "base/blocks.h"

#define NB_MD5_SIZE 16u

typedef struct nb_md5 {
    uint32_t state[4];
    nb_blocks blocks;
} nb_md5;

void nb_md5_begin(nb_md5 *hash);
void nb_md5_add(nb_md5 *hash, const void *data, size_t size); /* data may be NULL if size is 0 */
void nb_md5_end(nb_md5 *hash, unsigned char ret[NB_MD5_SIZE]);

#endif
