#include "pattern/glob.h"

#include <string.h>

#define SHORT 16u /* pieces up to this size are compared at each place of their first byte */

nb_piece nb_glob_piece(const char **at)
{
    nb_piece piece;

    memcpy(&piece.size, *at, sizeof piece.size);
    piece.data = *at + sizeof piece.size;
    *at = piece.data + piece.size;
    return piece;
}

static const char *find_short(const char *text, size_t size, const char *piece, size_t piece_size, uint64_t *steps)
{
    const char *at = text;
    const char *last = text + size - piece_size;

    while (at <= last && (at = memchr(at, piece[0], (size_t)(last - at) + 1)) != NULL) {
        ++*steps;
        if (memcmp(at, piece, piece_size) == 0) {
            return at;
        }
        at++;
    }
    return NULL;
}

/* Karp and Rabin: a sum over the window that moves in one step; where the sums agree the bytes are compared. */
static const char *find_long(const char *text, size_t size, const char *piece, size_t piece_size, uint64_t *steps)
{
    const uint64_t base = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t wanted = 0, sum = 0, first = 1;

    for (size_t i = 0; i < piece_size; i++) {
        wanted = wanted * base + (unsigned char)piece[i] + 1;
        sum = sum * base + (unsigned char)text[i] + 1;
        first *= i > 0 ? base : 1;
    }
    for (size_t i = 0;; i++) {
        if (sum == wanted && memcmp(text + i, piece, piece_size) == 0) {
            *steps += i + piece_size;
            return text + i;
        }
        if (i + piece_size == size) {
            *steps += size;
            return NULL;
        }
        sum = (sum - ((unsigned char)text[i] + UINT64_C(1)) * first) * base + (unsigned char)text[i + piece_size] + 1;
    }
}

const char *nb_find(const char *text, size_t size, const char *piece, size_t piece_size, uint64_t *steps)
{
    if (piece_size > size) {
        return NULL;
    }
    if (piece_size == 0) {
        return text;
    }
    return piece_size <= SHORT ? find_short(text, size, piece, piece_size, steps) : find_long(text, size, piece, piece_size, steps);
}

bool nb_glob_matches(const char *glob, size_t glob_size, const char *text, size_t size, uint64_t *steps)
{
    const char *end = glob + glob_size;
    nb_piece piece = nb_glob_piece(&glob);
    const char *found;

    *steps += 1 + size / 16;
    if (piece.size > size || memcmp(text, piece.data, piece.size) != 0) {
        return false;
    }
    for (;;) {
        text += piece.size;
        size -= piece.size;
        piece = nb_glob_piece(&glob);
        if (glob == end) { /* the last one */
            return piece.size <= size && memcmp(text + size - piece.size, piece.data, piece.size) == 0;
        }
        found = nb_find(text, size, piece.data, piece.size, steps);
        if (found == NULL) {
            return false;
        }
        size -= (size_t)(found - text);
        text = found;
    }
}
