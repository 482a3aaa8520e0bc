/* words.h - bytes read as words, the first byte lowest, whatever the machine: for hashes and for checks of many characters at once. */
#ifndef NB_BASE_WORDS_H
#define NB_BASE_WORDS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The 8 bytes at a place. */
static inline uint64_t nb_word_at(const void *at)
{
    uint64_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap64(word);
#endif
    return word;
}

static inline uint64_t nb_half_word_at(const void *at)
{
    uint32_t word;

    memcpy(&word, at, sizeof word);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    word = __builtin_bswap32(word);
#endif
    return word;
}

/* Fewer than 8 bytes, zeros behind them. No loop: what is read twice lands at the same place. */
static inline uint64_t nb_word_of(const void *at, size_t size)
{
    const unsigned char *bytes = at;

    if (size >= 4) {
        return nb_half_word_at(bytes) | nb_half_word_at(bytes + size - 4) << 8 * (size - 4);
    }
    if (size == 0) {
        return 0;
    }
    return bytes[0] | (uint64_t)bytes[size / 2] << 8 * (size / 2) | (uint64_t)bytes[size - 1] << 8 * (size - 1);
}

#endif
