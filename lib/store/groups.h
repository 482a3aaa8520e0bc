/*
 * groups.h - the groups of an order: found by their name, and ranked by the key of their head. Under the store's lock.
 *
 * A keyed hash table of chains finds them; nobody who chooses names can make chains long. A heap with four children a node ranks those
 * that may be taken from; its room grows with the number of groups, when one is made, so that ranking never needs memory. Groups are made
 * on demand and freed when they are empty, and both the table and the heap shrink with their number. They are blocks, as messages are:
 * with one message a group each send makes one.
 */
#ifndef NB_STORE_GROUPS_H
#define NB_STORE_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory/block.h"
#include "sync/atomic.h"

typedef struct nb_group nb_group;

/* A sum of times over a sliding window, in two buckets (fair.c). */
typedef struct nb_share {
    int64_t window, current, before;
} nb_share;

/* What a group has beside, in a fair order (fair.h). */
typedef struct nb_tenant {
    nb_share time;
    int64_t sent_at;
    nb_group *prev, *next; /* in the list of the noisy ones */
    uint32_t held, flying;
    bool noisy;            /* in that list */
} nb_tenant;

struct nb_group {
    void *home; /* the slabs' */
    nb_group *chain;
    uint64_t hash;
    uint32_t first, last; /* of its slots, index + 1 */
    uint32_t head;        /* the first that is not delayed; 0: none */
    uint32_t clear;       /* up to this one, none is at work (nb_order_is_locked_locked); 0: it is not known */
    uint32_t rank;        /* its place in the heap + 1; 0: it is not there */
    uint32_t length;
    nb_tenant *tenant;    /* in a fair order; in the same block */
    char id[];            /* ends in NUL */
};

typedef struct nb_ranked {
    int64_t at, turn;
    uint64_t sequence;
    nb_group *group;
} nb_ranked;

typedef struct nb_group_table {
    nb_group **buckets;
    uint32_t bucket_count, count; /* bucket_count: a power of 2 */
} nb_group_table;

typedef struct nb_order {
    nb_heap *memory;
    uint64_t key;      /* of the hash; fixed */
    uint64_t sequence; /* the last one given */
    uint64_t came, taken; /* offers and receives, counted under the lock as the ready ring of other stores counts them */
    _Atomic int64_t turns; /* drawn, without the lock, too */
    nb_group_table groups;
    nb_ranked *heap;
    uint32_t heap_count, heap_room;
    uint32_t headed;   /* groups with a head */
    bool fair;         /* all that follows is used only then */
    nb_group *loners;  /* of the messages without a group id; not in the table, never freed before the order */
    nb_group *noisy;
    nb_share time;
    uint64_t flying;
    int64_t tickets;   /* drawn */
} nb_order;

nb_order *nb_groups_make(nb_heap *memory, uint64_t key, bool fair); /* NULL: out of memory */
void nb_groups_free(nb_order *order);                    /* with all groups */

/* A name, and where to look for it. */
typedef struct nb_group_name {
    const char *id;  /* NULL: none */
    size_t length;
    uint64_t hash;
} nb_group_name;

nb_group_name nb_groups_name(const nb_order *order, const char *id, size_t length); /* needs no lock */

nb_group *nb_groups_find(nb_order *order, const char *id, size_t length);
nb_group *nb_groups_get(nb_order *order, const nb_group_name *name); /* made if need be; NULL: nb_groups_failure() says why */
nimbus_status nb_groups_failure(const nb_order *order, const nb_group_name *name);
void nb_groups_drop(nb_order *order, nb_group *group);                   /* an empty one */

void nb_groups_rank(nb_order *order, const nb_ranked *entry);                         /* puts the group in, or moves it */
void nb_groups_unrank(nb_order *order, nb_group *group);                              /* nothing if it is not in */
nb_group *nb_groups_top(nb_order *order);                                             /* NULL: none is ranked */

#endif
