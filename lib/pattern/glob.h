/*
 * glob.h - wildcards: pieces of text with stars between them.
 *
 * A glob is the list of its pieces, in one block: for each piece its size (4 bytes, of the machine) and its bytes. The first piece is
 * anchored at the start and the last at the end; both may be empty, no other may. Matching goes through the text once, piece by piece, each
 * taken at its first place: with nothing but stars between them a later place can never do better, so there is nothing to come back to.
 * A piece is searched for in time that is linear in the text, whatever both hold.
 */
#ifndef NB_PATTERN_GLOB_H
#define NB_PATTERN_GLOB_H

#include <nimbus/base.h>

typedef struct nb_piece {
    const char *data;
    uint32_t size;
} nb_piece;

/* The next piece; at starts as the glob. */
nb_piece nb_glob_piece(const char **at);

/* Bytes of pieces: size of the glob. *steps grows by the work. */
bool nb_glob_matches(const char *glob, size_t glob_size, const char *text, size_t size, uint64_t *steps);

/* Where a piece occurs first; NULL: nowhere. Linear. */
const char *nb_find(const char *text, size_t size, const char *piece, size_t piece_size, uint64_t *steps);

#endif
