/*
 * fold.h - comparing text without regard to case, character by character.
 *
 * A character of a pattern matches itself in lower case and in upper case, nothing else: the pattern's sigma does not match the final
 * sigma. A case may be several characters: a sharp s matches SS. nb_fold() replaces every character by one form, the same for all that
 * could be equal, so that what is equal has one hash; nb_fold_starts() and nb_fold_ends() decide. Bytes that are no UTF-8 stand for
 * themselves.
 */
#ifndef NB_PATTERN_FOLD_H
#define NB_PATTERN_FOLD_H

#include <nimbus/base.h>

/* The folded form of text, at most nb_fold_room(size) bytes. Returns its bytes. */
size_t nb_fold(const char *text, size_t size, char *out);

static inline size_t nb_fold_room(size_t size)
{
    return size * 3 + 4; /* a character of one byte may fold to one of three at most */
}

/*
 * Whether text starts with the pattern without regard to case. *ret_used: bytes of text that the pattern took; the caller decides whether
 * more may follow.
 */
bool nb_fold_starts(const char *pattern, size_t pattern_size, const char *text, size_t text_size, size_t *ret_used);

/* Whether text ends with it. */
bool nb_fold_ends(const char *pattern, size_t pattern_size, const char *text, size_t text_size);

#endif
