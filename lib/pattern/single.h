/* single.h - what a compiled pattern looks like inside; for the sources of this folder only. */
#ifndef NB_PATTERN_SINGLE_H
#define NB_PATTERN_SINGLE_H

#include "pattern/match.h"
#include "pattern/pattern.h"

struct nb_pattern {
    nb_heap *heap;
    size_t block; /* bytes */
    _Atomic size_t references;
    nb_draft_limit limits;
    nb_index index;
    const nb_rule_in *rule;
    bool kept; /* text holds the pattern's text */
    size_t text_size;
    char text[];
};

#endif
