/* editions.h - what a matcher looks like inside; for matcher.c, changes.c, which changes it, and search.c, which reads it. */
#ifndef NB_PATTERN_EDITIONS_H
#define NB_PATTERN_EDITIONS_H

#include "pattern/match.h"
#include "pattern/matcher.h"
#include "platform/lock.h"

#define NB_SPARES 8u       /* scratches that are kept */

/* A rule as its user knows it; it stays where it is when the index is built anew. */
typedef struct nb_card {
    nb_retired retired;
    uint64_t order;
    void *user;
    uint32_t id_size;
    char id[]; /* ends in NUL */
} nb_card;

/* An index that readers use, with the version of what is in it. */
typedef struct nb_edition {
    nb_retired retired;
    nb_index index;
} nb_edition;

struct nb_matcher {
    nb_heap *heap;
    nimbus_destroy_fn *destroy;
    bool inside;    /* the heap is another's */
    nimbus_pattern_options patterns;
    nb_draft_limit limits;
    nb_grace grace;
    _Atomic(nb_edition *) current; /* release to acquire: the index behind it is whole */
    _Atomic uint64_t version;   /* release to acquire: all rules of it are public */
    _Atomic(nb_scratch *) spare[NB_SPARES];

    nb_lock change; /* guards what follows, and the writing of all above; never together with a callback */
    nb_table ids;   /* nb_rule_in, also dead ones, by the hash of the id */
    uint64_t key;
    uint64_t order; /* of the next new id */
    uint64_t rules, conjunctions, bytes, rebuilds; /* of those that live */
    uint64_t garbage; /* conjunctions of those that do not */
};

static inline bool nb_rule_lives(const nb_rule_in *rule)
{
    return nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&rule->died) == NB_FOREVER;
}

/* matcher.c: cards. NULL: out of memory. nb_card_end: nobody sees it any more; its user is ended. */
nb_card *nb_card_make(nb_matcher *matcher, const char *id, void *user);
void nb_card_free(nb_matcher *matcher, nb_card *card);
void nb_card_end(nb_retired *retired, nb_heap *heap, void *owner);

/* matcher.c: the living rule of an id; NULL: there is none. Locked; and so for the next one. */
nb_rule_in *nb_matcher_rule(const nb_matcher *matcher, const char *id);
uint32_t nb_matcher_tag(const nb_matcher *matcher, const char *id);

/* Builds the index anew without what dead rules left. Without memory the old one stays, and a later change tries again. */
void nb_matcher_rebuild(nb_matcher *matcher);

#endif
