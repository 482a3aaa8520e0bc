/*
 * fold.h - comparing text without regard to case, by code point.
 *
 * A character of a pattern matches itself in lower case and in upper case, nothing else: the pattern's sigma does not match the final
 * sigma. Both lie in one class, though; nb_fold() replaces every character by the smallest of its class, so that what is equal has one
 * hash, and nb_fold_equal() decides. Bytes that are no UTF-8 stand for themselves.
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
 * Whether text, from its start, is the pattern without regard to case. *ret_used: bytes of text that the pattern took; the caller decides
 * whether more may follow.
 */
bool nb_fold_equal(const char *pattern, size_t pattern_size, const char *text, size_t text_size, size_t *ret_used);

/* Characters of text: bytes that start one. */
size_t nb_fold_length(const char *text, size_t size);

/* Where the last `count` characters of text begin; NULL: it has fewer. */
const char *nb_fold_last(const char *text, size_t size, size_t count);

#endif
