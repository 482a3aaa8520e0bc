/*
 * tags.h - the tags of a queue: a chain in the order of their keys, under the queue's lock. They have no effect on messages (SQS-Q15).
 */
#ifndef NB_QUEUE_TAGS_H
#define NB_QUEUE_TAGS_H

#include <nimbus/queue.h>

#include "base/heap.h"

#define NB_TAG_KEY ((size_t)NIMBUS_TAG_KEY)
#define NB_TAG_VALUE ((size_t)NIMBUS_TAG_VALUE)
#define NB_MAX_TAGS 50u

typedef struct nb_tag nb_tag;
struct nb_tag {
    nb_tag *next;
    size_t size;       /* of this block */
    const char *value; /* behind the key */
    char key[];
};

typedef struct nb_tags {
    nb_tag *first;
    uint32_t count;
} nb_tags;

/* A tag to be put in; NULL: out of memory. */
nb_tag *nb_tag_make(nb_heap *heap, const char *key, const char *value);
void nb_tag_free(nb_heap *heap, nb_tag *tag); /* NULL: nothing */

/* Where the tag of that key is, or belongs: it points at the first one whose key is not below. */
nb_tag **nb_tags_place(nb_tags *tags, const char *key);

/* Puts a tag in, in place of the one of its key, which is returned (NULL: there was none). *full: there are too many, it is not put in. */
nb_tag *nb_tags_put(nb_tags *tags, nb_tag *tag, bool *full);
nb_tag *nb_tags_remove(nb_tags *tags, const char *key); /* NULL: there is none */
void nb_tags_free(nb_tags *tags, nb_heap *heap);

#endif
