/*
 * keyed_hash.h - a hash of 128 bits under a secret key: SipHash-2-4 with the longer result (Aumasson and Bernstein, 2012).
 *
 * Who does not know the key cannot make two inputs of one hash, nor inputs that crowd one bucket of a table. Two different inputs are
 * taken for the same with a chance of 2^-128 a pair.
 */
#ifndef NB_BASE_KEYED_HASH_H
#define NB_BASE_KEYED_HASH_H

#include <stddef.h>
#include <stdint.h>

void nb_keyed_hash(const uint64_t key[2], const void *data, size_t size, uint64_t ret[2]);

#endif
