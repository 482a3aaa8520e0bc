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

/* Where the greatest suffix of a piece begins, by the order of bytes or against it, and the period of that suffix. */
static size_t greatest_suffix(const char *piece, size_t size, bool against, size_t *ret_period)
{
    size_t start = 0, other = 1, same = 0, period = 1; /* the first `same` bytes of both suffixes agree */

    while (other + same < size) {
        unsigned char a = (unsigned char)piece[start + same], b = (unsigned char)piece[other + same];

        if (a == b) {
            same++;
            if (same == period) {
                other += period;
                same = 0;
            }
        } else if ((b < a) != against) {
            other += same + 1;
            same = 0;
            period = other - start;
        } else {
            start = other++;
            same = 0;
            period = 1;
        }
    }
    *ret_period = period;
    return start;
}

/*
 * Crochemore and Perrin: the piece is cut in two where no shift shorter than its period repeats anything. The right part is compared first,
 * then the left one; what is known to agree after a shift by the period is not looked at again. Linear for every text and piece: there is
 * no sum that an attacker could make agree.
 */
static const char *find_long(const char *text, size_t size, const char *piece, size_t piece_size, uint64_t *steps)
{
    size_t period, period_against, at = 0, known = 0;
    size_t cut = greatest_suffix(piece, piece_size, false, &period);
    size_t cut_against = greatest_suffix(piece, piece_size, true, &period_against);
    bool periodic;

    if (cut_against > cut) {
        cut = cut_against;
        period = period_against;
    }
    periodic = memcmp(piece, piece + period, cut) == 0;
    if (!periodic) {
        period = (cut > piece_size - cut ? cut : piece_size - cut) + 1;
    }
    *steps += 2 * piece_size;
    while (at <= size - piece_size) {
        size_t i = cut > known ? cut : known;

        while (i < piece_size && piece[i] == text[at + i]) {
            i++;
        }
        if (i < piece_size) {
            *steps += i - cut + 1;
            at += i - cut + 1;
            known = 0;
            continue;
        }
        for (i = cut; i > known && piece[i - 1] == text[at + i - 1]; i--) {
        }
        *steps += period;
        if (i <= known) {
            return text + at;
        }
        at += period;
        known = periodic ? piece_size - period : 0;
    }
    return NULL;
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
