#include "base/keyed_hash.h"

#include "base/words.h"

typedef struct sip {
    uint64_t a, b, c, d;
} sip;

static uint64_t rotate(uint64_t x, unsigned by)
{
    return x << by | x >> (64 - by);
}

static void rounds(sip *v, int count)
{
    while (count-- > 0) {
        v->a += v->b;
        v->c += v->d;
        v->b = rotate(v->b, 13) ^ v->a;
        v->d = rotate(v->d, 16) ^ v->c;
        v->a = rotate(v->a, 32) + v->d;
        v->c += v->b;
        v->d = rotate(v->d, 21) ^ v->a;
        v->b = rotate(v->b, 17) ^ v->c;
        v->c = rotate(v->c, 32);
    }
}

static void absorb(sip *v, uint64_t word)
{
    v->d ^= word;
    rounds(v, 2);
    v->a ^= word;
}

void nb_keyed_hash(const uint64_t key[2], const void *data, size_t size, uint64_t ret[2])
{
    const unsigned char *at = data;
    sip v = { key[0] ^ UINT64_C(0x736f6d6570736575), key[1] ^ UINT64_C(0x646f72616e646f6d) ^ 0xee,
              key[0] ^ UINT64_C(0x6c7967656e657261), key[1] ^ UINT64_C(0x7465646279746573) };
    uint64_t last = (uint64_t)size << 56;

    for (; size >= 8; at += 8, size -= 8) {
        absorb(&v, nb_word_at(at));
    }
    absorb(&v, last | nb_word_of(at, size));
    v.c ^= 0xee;
    rounds(&v, 4);
    ret[0] = v.a ^ v.b ^ v.c ^ v.d;
    v.b ^= 0xdd;
    rounds(&v, 4);
    ret[1] = v.a ^ v.b ^ v.c ^ v.d;
}
