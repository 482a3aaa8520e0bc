/*
 * message.h - the counted, immutable message: one block that holds the header, attributes, subject, event parts and a copied body.
 *
 * A plain message is a header of three words and its body. Whatever else a message may have (attributes, a subject, the parts of an event,
 * a body that lies elsewhere) is described by an extra part between the two. The keys (group and deduplication id) are no reason for one:
 * they lie behind the body as two texts and their lengths.
 *
 * A message is filled by its maker alone and never changes once it is shared. It belongs to a heap, not to an instance, and may outlive
 * both its queue and its instance.
 *
 * Ordering. The count is raised relaxed: whoever raises it holds a reference already. It is lowered with acquire-release: the release makes
 * a holder's reads happen before the free, which acquires through the same counter. Without it the last holder could free bytes that
 * another thread is still reading.
 *
 * Who holds all the references that the count names is alone with the message: nobody can raise or lower the count, because nobody
 * else has a reference to start from. So it need not execute a read-modify-write, neither to free the message nor to raise the count. It
 * must have read the count with acquire: the value is that of the last release by somebody else, and what came before that release must
 * come before the free (or before whatever the holder hands on).
 */
#ifndef NB_MEMORY_MESSAGE_H
#define NB_MEMORY_MESSAGE_H

#include <nimbus/message.h>

#include "base/heap.h"
#include "sync/atomic.h"

/* The parts of an event, as they are kept beside its JSON. */
typedef struct nb_event_spec {
    nimbus_id id;
    const char *source, *detail_type;
    const char *const *resources;
    size_t resource_count;
    nimbus_time time;
    size_t detail_offset, detail_size; /* within the body */
} nb_event_spec;

/* What a message is made of; everything is borrowed, except for an adopted body, which is taken on success. */
typedef struct nb_message_spec {
    nimbus_body body; /* NIMBUS_BODY_COPY with data NULL: size bytes for the maker to fill (nb_message_space) */
    const nimbus_attribute *attributes;
    size_t attribute_count;
    const nimbus_attribute *more; /* attributes behind these */
    size_t more_count;
    const char *subject;
    const nb_event_spec *event;
    const char *group_id, *deduplication_id; /* at most NB_KEY_MAX characters; NULL: none */
} nb_message_spec;

#define NB_KEY_MAX 128u

/* Both keys and their lengths, which are known; length 0: none. */
typedef struct nb_keys {
    const char *group, *id;
    size_t group_length, id_length;
} nb_keys;

/* NIMBUS_OK, NIMBUS_E_FULL (budget), NIMBUS_E_NO_MEMORY, NIMBUS_E_TOO_LARGE (a size overflows). *ret only on NIMBUS_OK. */
nimbus_status nb_message_make(nb_heap *heap, const nb_message_spec *spec, nimbus_message **ret);

/* The case of a FIFO queue: a copy of size bytes and keys, of which there is at least one. */
nimbus_status nb_message_copy_keyed(nb_heap *heap, const void *data, size_t size, const nb_keys *keys, nimbus_message **ret);

/* The plain case of an adopted body: nothing else. */
nimbus_status nb_message_adopt(nb_heap *heap, const nimbus_body *body, nimbus_message **ret);

/* The same body, subject and event with count more attributes (none of them checked). */
nimbus_status nb_message_extend(nb_heap *heap, nimbus_message *message, const nimbus_attribute *more, size_t count, nimbus_message **ret);

/* The bytes of a body that the maker fills, before anybody else knows the message. */
char *nb_message_space(nimbus_message *message);

/* Where the body's detail lies, set by the maker of an event once it is rendered. */
void nb_message_set_detail(nimbus_message *message, size_t offset, size_t size);

nimbus_message *nb_message_retain(nimbus_message *message); /* NULL gives NULL */
void nb_message_release(nimbus_message *message);           /* NULL: nothing */

struct nimbus_message {
    void *home; /* the slabs' */
    size_t body_size;
    _Atomic uint32_t references;
    uint32_t flags; /* memory/parts.h; 0: plain */
    /*
     * The extra part or, without one, the body, and behind it the keys: a byte each for the length of group and deduplication id (0: none),
     * and the two texts, each with a NUL.
     */
};

/* Many references at once: one operation on the count, none that locks the bus if the caller turns out to hold all there are. Not NULL. */
static inline void nb_message_retain_n(nimbus_message *message, uint32_t n)
{
    if (nb_load_acquire(&message->references) == 1) { /* pairs with the releases of all others: see the head */
        nb_store_relaxed(&message->references, n + 1);
    } else {
        nb_add_relaxed(&message->references, n);
    }
}

/* Gives n references back. Whether they were the last ones. The acquires pair with the releases of all other holders: see the head. */
static inline bool nb_message_lower(nimbus_message *message, uint32_t n)
{
    return nb_load_acquire(&message->references) == n || nb_sub_acq_rel(&message->references, n) == n;
}

void nb_message_dispose(nimbus_message *message); /* its last reference was given back */

static inline void nb_message_release_n(nimbus_message *message, uint32_t n) /* NULL: nothing */
{
    if (message != NULL && nb_message_lower(message, n)) {
        nb_message_dispose(message);
    }
}

/* Gives n references of each of up to NB_MESSAGES_RUN messages back. */
#define NB_MESSAGES_RUN 16u
void nb_messages_release(nimbus_message *const *messages, uint32_t count, uint32_t n);

/* Takes a message back that nobody else has seen: an adopted body is its owner's again. */
void nb_message_unmake(nimbus_message *message);

nimbus_bytes nb_message_body(const nimbus_message *message);
const char *nb_message_group(const nimbus_message *message, size_t *ret_length); /* NULL, 0: none */
const char *nb_message_deduplication_id(const nimbus_message *message);          /* NULL: none */
size_t nb_message_size(const nimbus_message *message); /* body and attributes: what limits and capacities count (SQS-A4) */
const nimbus_attribute *nb_message_attributes(const nimbus_message *message, size_t *ret_count);
const nimbus_attribute *nb_message_find_attribute(const nimbus_message *message, const char *name); /* NULL: none */
const char *nb_message_subject(const nimbus_message *message);
bool nb_message_event(const nimbus_message *message, nimbus_event_view *ret);
const char *nb_message_resource(const nimbus_message *message, size_t index);

#endif
