/*
 * hash.h - a keyed hash of bytes, which is as cheap for all prefixes of a text as for the text.
 *
 * The state after each full 8 bytes is mixed with what is left over. So the hash of every prefix is one mix away from a state that is
 * on the way to the end. The key is drawn for each index; texts that collide under one key do not under another.
 */
#ifndef NB_PATTERN_HASH_H
#define NB_PATTERN_HASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NB_HASH_BLOCK UINT64_C(0xa0761d6478bd642f)
#define NB_HASH_TAIL UINT64_C(0xe7037ed1a0b428db)
#define NB_HASH_SIZE UINT64_C(0x8ebc6af09c88c6e3)

/* Multiplies to 128 bits and folds the halves. */
static inline uint64_t nb_hash_mix(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
#else
    uint64_t low = (a & UINT32_MAX) * (b & UINT32_MAX);
    uint64_t middle = (a >> 32) * (b & UINT32_MAX) + (low >> 32);
    uint64_t other = (a & UINT32_MAX) * (b >> 32) + (middle & UINT32_MAX);
    uint64_t high = (a >> 32) * (b >> 32) + (middle >> 32) + (other >> 32);

    return (other << 32 | (low & UINT32_MAX)) ^ high;
#endif
}

static inline uint64_t nb_hash_load(const char *data)
{
    uint64_t word;

    memcpy(&word, data, 8);
    return word;
}

/* Fewer than 8 bytes as one word. */
static inline uint64_t nb_hash_tail(const char *data, size_t size)
{
    uint32_t low, high;

    if (size >= 4) {
        memcpy(&low, data, 4);
        memcpy(&high, data + size - 4, 4);
        return (uint64_t)high << 32 | low;
    }
    return size == 0 ? 0
                     : (uint64_t)(unsigned char)data[0] | (uint64_t)(unsigned char)data[size / 2] << 8 |
                           (uint64_t)(unsigned char)data[size - 1] << 16;
}

/* One full block further. */
static inline uint64_t nb_hash_block(uint64_t state, const char *data)
{
    return nb_hash_mix(state ^ nb_hash_load(data), NB_HASH_BLOCK);
}

/* The hash of size bytes: `state` stands behind the full blocks, `tail` is where the rest begins. Never 0. */
static inline uint32_t nb_hash_end(uint64_t state, const char *tail, size_t size)
{
    uint64_t hash = nb_hash_mix(state ^ nb_hash_tail(tail, size % 8) ^ size * NB_HASH_SIZE, NB_HASH_TAIL);

    hash ^= hash >> 32;
    return (uint32_t)hash | ((uint32_t)hash == 0);
}

static inline uint32_t nb_hash_bytes(uint64_t key, const char *data, size_t size)
{
    for (size_t left = size; left >= 8; left -= 8, data += 8) { /* data may be NULL if there is none: nothing is added to it then */
        key = nb_hash_block(key, data);
    }
    return nb_hash_end(key, data, size);
}

#endif
