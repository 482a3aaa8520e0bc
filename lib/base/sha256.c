#include "base/sha256.h"

#include <string.h>

/* The first 32 bits of the fractions of the cube roots of the first 64 primes. */
const uint32_t nb_sha256_roots[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t x, unsigned by)
{
    return x >> by | x << (32 - by);
}

static uint32_t word_at(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

/* Word i of the schedule, from the 16 before it, in whose ring it takes the place of the oldest. */
static uint32_t extend(uint32_t words[16], unsigned i)
{
    uint32_t early = words[(i + 1) % 16], late = words[(i + 14) % 16];

    words[i % 16] += (rotate(early, 7) ^ rotate(early, 18) ^ early >> 3) + words[(i + 9) % 16] +
                     (rotate(late, 17) ^ rotate(late, 19) ^ late >> 10);
    return words[i % 16];
}

void nb_sha256_mix(uint32_t *state, const unsigned char *block)
{
    uint32_t words[16], v[8];

    for (unsigned i = 0; i < 16; i++) {
        words[i] = word_at(block + 4 * i);
    }
    memcpy(v, state, sizeof v);
    for (unsigned i = 0; i < 64; i++) {
        uint32_t word = i < 16 ? words[i] : extend(words, i);
        uint32_t one = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
                       (v[6] ^ (v[4] & (v[5] ^ v[6]))) + nb_sha256_roots[i] + word;
        uint32_t two = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) + ((v[0] & v[1]) | (v[2] & (v[0] | v[1])));

        v[7] = v[6];
        v[6] = v[5];
        v[5] = v[4];
        v[4] = v[3] + one;
        v[3] = v[2];
        v[2] = v[1];
        v[1] = v[0];
        v[0] = one + two;
    }
    for (unsigned i = 0; i < 8; i++) {
        state[i] += v[i];
    }
}

void nb_sha256_begin(nb_sha256 *hash)
{
    static const uint32_t start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                       0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

    memcpy(hash->state, start, sizeof start);
    hash->blocks.size = 0;
    hash->mix = nb_sha256_fast();
    if (hash->mix == NULL) {
        hash->mix = nb_sha256_mix;
    }
}

void nb_sha256_add(nb_sha256 *hash, const void *data, size_t size)
{
    nb_blocks_add(&hash->blocks, hash->mix, hash->state, data, size);
}

void nb_sha256_end(nb_sha256 *hash, unsigned char ret[NB_SHA256_SIZE])
{
    uint64_t bits = hash->blocks.size * 8;
    unsigned char length[8];

    for (unsigned i = 0; i < 8; i++) {
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    }
    nb_blocks_end(&hash->blocks, hash->mix, hash->state, length);
    for (unsigned i = 0; i < NB_SHA256_SIZE; i++) {
        ret[i] = (unsigned char)(hash->state[i / 4] >> (24 - 8 * (i % 4)));
    }
}
