#include "memory/message.h"

#include <stdatomic.h>
#include <string.h>

#include "memory/attribute.h"

typedef struct event_part {
    nimbus_event_view view;
    const char *const *resources;
} event_part;

struct nimbus_message {
    nb_heap *heap;
    atomic_size_t references;
    size_t block_size;
    nimbus_bytes body;
    size_t size;           /* of body and attributes */
    size_t charged;        /* of an adopted body */
    nimbus_free_fn *free_fn; /* of an adopted body; NULL: nothing to free */
    void *free_user;
    nimbus_message *shared; /* whose body this is; NULL: our own */
    const char *subject;
    const nimbus_attribute *attributes;
    size_t attribute_count;
    event_part *event;
};

/* A cursor over the block. The first pass, with base NULL, only counts. */
typedef struct layout {
    char *base;
    size_t used;
    bool overflow;
} layout;

static void *reserve(layout *at, size_t size, size_t alignment)
{
    size_t start = (at->used + alignment - 1) & ~(alignment - 1);

    if (start < at->used || size > SIZE_MAX / 2 - start) {
        at->overflow = true;
        return NULL;
    }
    at->used = start + size;
    return at->base != NULL ? at->base + start : NULL;
}

static char *put_bytes(layout *at, const void *data, size_t size, bool terminated)
{
    char *place = NULL;

    if (size > SIZE_MAX / 4) {
        at->overflow = true;
    } else {
        place = reserve(at, size + terminated, 1);
    }

    if (place != NULL) {
        if (size > 0 && data != NULL) {
            memcpy(place, data, size);
        }
        if (terminated) {
            place[size] = '\0';
        }
    }
    return place;
}

static char *put_text(layout *at, const char *text)
{
    return text != NULL ? put_bytes(at, text, strlen(text), true) : NULL;
}

static void put_attributes(layout *at, nimbus_attribute *to, const nimbus_attribute *from, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *name = put_text(at, from[i].name);
        const char *label = put_text(at, from[i].label);
        const char *value = put_bytes(at, from[i].value.data, from[i].value.size, true);

        if (to != NULL) {
            to[i] = (nimbus_attribute){ name, from[i].kind, label, { value, from[i].value.size } };
        }
    }
}

static event_part *put_event(layout *at, const nb_event_spec *spec)
{
    event_part *part = reserve(at, sizeof *part, _Alignof(event_part));
    const char **resources = reserve(at, spec->resource_count * sizeof *resources, _Alignof(const char *));
    const char *source = put_text(at, spec->source);
    const char *detail_type = put_text(at, spec->detail_type);

    for (size_t i = 0; i < spec->resource_count; i++) {
        const char *resource = put_text(at, spec->resources[i]);

        if (resources != NULL) {
            resources[i] = resource;
        }
    }
    if (part != NULL) {
        memset(part, 0, sizeof *part);
        part->resources = resources;
        part->view.id = spec->id;
        part->view.source = source;
        part->view.detail_type = detail_type;
        part->view.time = spec->time;
        part->view.resource_count = spec->resource_count;
    }
    return part;
}

/* Lays everything out; with at->base NULL it only counts. */
static void lay_out(layout *at, const nb_message_spec *spec)
{
    size_t count = spec->attribute_count + spec->more_count;
    nimbus_message *message = reserve(at, sizeof *message, _Alignof(nimbus_message));
    nimbus_attribute *attributes = reserve(at, count * sizeof *attributes, _Alignof(nimbus_attribute));
    event_part *event = spec->event != NULL ? put_event(at, spec->event) : NULL;
    const char *subject, *copy = NULL;

    put_attributes(at, attributes, spec->attributes, spec->attribute_count);
    put_attributes(at, attributes != NULL ? attributes + spec->attribute_count : NULL, spec->more, spec->more_count);
    subject = put_text(at, spec->subject);
    if (spec->body.kind == NIMBUS_BODY_COPY) {
        copy = put_bytes(at, spec->body.data, spec->body.size, false);
    }
    if (message != NULL) {
        memset(message, 0, sizeof *message);
        message->attributes = attributes;
        message->attribute_count = count;
        message->event = event;
        message->subject = subject;
        message->body = (nimbus_bytes){ copy, spec->body.size };
        message->size = spec->body.size + nb_attributes_size(attributes, count);
    }
}

/* Gives the message a body that lies outside its block. */
static void take_body(nimbus_message *message, const nimbus_body *body)
{
    if (body->kind == NIMBUS_BODY_ADOPT) {
        message->body.data = body->data;
        message->charged = body->size;
        message->free_fn = body->free_fn;
        message->free_user = body->user;
    } else if (body->kind == NIMBUS_BODY_SHARE) {
        nimbus_message *owner = (nimbus_message *)(uintptr_t)body->message; /* counted, therefore never really const */

        message->shared = nb_message_retain(owner);
        message->body = nb_message_body(owner);
        message->size += message->body.size; /* body.size of the value is 0 for a share */
    }
}

nimbus_status nb_message_make(nb_heap *heap, const nb_message_spec *spec, nimbus_message **ret)
{
    layout at = { NULL, 0, false };
    size_t adopted = spec->body.kind == NIMBUS_BODY_ADOPT ? spec->body.size : 0;
    nimbus_message *message;

    lay_out(&at, spec);
    if (at.overflow) {
        return NIMBUS_E_TOO_LARGE;
    }
    if (adopted > 0 && !nb_heap_charge(heap, adopted)) {
        return NIMBUS_E_FULL;
    }
    message = nb_alloc(heap, at.used);
    if (message == NULL) {
        nimbus_status why = nb_heap_failure(heap, at.used);

        if (adopted > 0) {
            nb_heap_uncharge(heap, adopted);
        }
        return why;
    }
    at = (layout){ (char *)message, 0, false };
    lay_out(&at, spec);
    message->heap = heap;
    message->block_size = at.used;
    atomic_init(&message->references, 1);
    take_body(message, &spec->body);
    *ret = message;
    return NIMBUS_OK;
}

nimbus_status nb_message_extend(nb_heap *heap, nimbus_message *message, const nimbus_attribute *more, size_t count, nimbus_message **ret)
{
    nb_event_spec event;
    nb_message_spec spec = { .body = { .kind = NIMBUS_BODY_SHARE, .message = message },
                             .attributes = message->attributes,
                             .attribute_count = message->attribute_count,
                             .more = more,
                             .more_count = count,
                             .subject = message->subject };
    nimbus_status status;

    if (message->event != NULL) {
        const event_part *part = message->event;

        event = (nb_event_spec){ part->view.id, part->view.source, part->view.detail_type, part->resources, part->view.resource_count,
                                 part->view.time, 0, 0 };
        spec.event = &event;
    }
    status = nb_message_make(heap, &spec, ret);
    if (status == NIMBUS_OK && message->event != NULL) {
        (*ret)->event->view.detail = message->event->view.detail;
    }
    return status;
}

char *nb_message_space(nimbus_message *message)
{
    return (char *)(uintptr_t)message->body.data;
}

void nb_message_set_detail(nimbus_message *message, size_t offset, size_t size)
{
    message->event->view.detail = (nimbus_bytes){ (const char *)message->body.data + offset, size };
}

nimbus_message *nb_message_retain(nimbus_message *message)
{
    if (message != NULL) {
        atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);
    }
    return message;
}

void nb_message_retain_many(nimbus_message *message, size_t count)
{
    /* The only holder is the caller: nobody else can raise or lower it. */
    if (atomic_load_explicit(&message->references, memory_order_relaxed) == 1) {
        atomic_store_explicit(&message->references, 1 + count, memory_order_relaxed);
    } else if (count > 0) {
        atomic_fetch_add_explicit(&message->references, count, memory_order_relaxed);
    }
}

/* Whether these were the last references. If all that are left are the caller's, nobody else can change the count any more; the acquire
   pairs with the releases of those who let go before. */
static bool last(nimbus_message *message, size_t count)
{
    return atomic_load_explicit(&message->references, memory_order_acquire) == count ||
           atomic_fetch_sub_explicit(&message->references, count, memory_order_acq_rel) == count;
}

void nb_message_release(nimbus_message *message)
{
    nb_message_release_many(message, 1);
}

void nb_message_release_many(nimbus_message *message, size_t count)
{
    for (; message != NULL && count > 0 && last(message, count); count = 1) {
        nimbus_message *shared = message->shared;
        nb_heap *heap = message->heap;
        size_t charged = message->charged;

        if (message->free_fn != NULL) {
            message->free_fn((void *)(uintptr_t)message->body.data, message->body.size, message->free_user);
        }
        if (charged > 0) {
            nb_heap_uncharge(heap, charged); /* never the last bytes of the heap: the block itself is still counted */
        }
        nb_free(heap, message, message->block_size);
        message = shared; /* a loop instead of recursion: a chain of shares may be long */
    }
}

void nb_message_unmake(nimbus_message *message)
{
    message->free_fn = NULL;
    nb_message_release(message);
}

nimbus_bytes nb_message_body(const nimbus_message *message)
{
    return message->body;
}

size_t nb_message_size(const nimbus_message *message)
{
    return message->size;
}

const nimbus_attribute *nb_message_attributes(const nimbus_message *message, size_t *ret_count)
{
    *ret_count = message->attribute_count;
    return message->attributes;
}

const nimbus_attribute *nb_message_find_attribute(const nimbus_message *message, const char *name)
{
    for (size_t i = 0; i < message->attribute_count; i++) {
        if (strcmp(message->attributes[i].name, name) == 0) {
            return &message->attributes[i];
        }
    }
    return NULL;
}

const char *nb_message_subject(const nimbus_message *message)
{
    return message->subject;
}

bool nb_message_event(const nimbus_message *message, nimbus_event_view *ret)
{
    if (message->event == NULL) {
        return false;
    }
    *ret = message->event->view;
    return true;
}

const char *nb_message_resource(const nimbus_message *message, size_t index)
{
    return message->event != NULL && index < message->event->view.resource_count ? message->event->resources[index] : NULL;
}
