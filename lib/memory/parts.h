/*
 * parts.h - how a message lies in its block: for message.c, which makes it, and view.c, which reads it.
 */
#ifndef NB_MEMORY_PARTS_H
#define NB_MEMORY_PARTS_H

#include "memory/message.h"

typedef struct event_part {
    nimbus_event_view view;
    const char *const *resources;
} event_part;

/* What a plain message does not have. */
typedef struct extra_part {
    const char *body;
    size_t size; /* of body and attributes */
    nimbus_free_fn *free_fn; /* of an adopted body; NULL: nothing to free */
    union {
        void *free_user;
        nimbus_message *shared; /* counted: whose body this is */
    } from;
    const char *subject;
    const nimbus_attribute *attributes;
    size_t attribute_count;
    event_part *event;
    const char *keys;
} extra_part;

enum { EXTRA = 1, ADOPTED = 2, SHARED = 4, KEYS = 8 }; /* ADOPTED and SHARED only with EXTRA */

/* Nobody but the maker writes here, and then only before the message is shared. */
static inline extra_part *extra_of(const nimbus_message *message)
{
    return (message->flags & EXTRA) == 0 ? NULL : (extra_part *)(uintptr_t)(message + 1);
}

/* Of the message's keys; NULL: it has none. */
static inline const char *keys_of(const nimbus_message *message)
{
    return (message->flags & KEYS) == 0    ? NULL
           : (message->flags & EXTRA) != 0 ? extra_of(message)->keys
                                           : (const char *)(message + 1) + message->body_size;
}

#endif
