#include "memory/parts.h"

#include <string.h>

#include "base/rare.h"
#include "memory/attribute.h"
#include "memory/copy.h"

static bool has_keys(const nb_message_spec *spec)
{
    return spec->group_id != NULL || spec->deduplication_id != NULL;
}

static nb_keys keys_in(const nb_message_spec *spec)
{
    return (nb_keys){ spec->group_id, spec->deduplication_id, spec->group_id != NULL ? strlen(spec->group_id) : 0,
                      spec->deduplication_id != NULL ? strlen(spec->deduplication_id) : 0 };
}

static size_t keys_size(const nb_keys *keys)
{
    return 4 + keys->group_length + keys->id_length;
}

static char *write_key(char *to, const char *key, size_t length)
{
    if (length > 0) {
        memcpy(to, key, length);
    }
    to[length] = '\0';
    return to + length + 1;
}

/* No key is longer than NB_KEY_MAX, so a byte holds its length. */
static void write_keys(char *to, const nb_keys *keys)
{
    to[0] = (char)(unsigned char)keys->group_length;
    to[1] = (char)(unsigned char)keys->id_length;
    (void)write_key(write_key(to + 2, keys->group, keys->group_length), keys->id, keys->id_length);
}

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
    extra_part *extra = reserve(at, sizeof *extra, _Alignof(extra_part));
    nimbus_attribute *attributes = reserve(at, count * sizeof *attributes, _Alignof(nimbus_attribute));
    event_part *event = spec->event != NULL ? put_event(at, spec->event) : NULL;
    nb_keys given = keys_in(spec);
    const char *subject, *copy = NULL;
    char *keys;

    put_attributes(at, attributes, spec->attributes, spec->attribute_count);
    put_attributes(at, attributes != NULL ? attributes + spec->attribute_count : NULL, spec->more, spec->more_count);
    subject = put_text(at, spec->subject);
    if (spec->body.kind == NIMBUS_BODY_COPY) {
        copy = put_bytes(at, spec->body.data, spec->body.size, false);
    }
    keys = reserve(at, has_keys(spec) ? keys_size(&given) : 0, 1);
    if (message != NULL) {
        if (has_keys(spec)) {
            write_keys(keys, &given);
        }
        message->body_size = spec->body.size;
        message->flags = has_keys(spec) ? EXTRA | KEYS : EXTRA;
        *extra = (extra_part){ .body = copy, .size = spec->body.size + nb_attributes_size(attributes, count), .subject = subject,
                               .attributes = attributes, .attribute_count = count, .event = event, .keys = keys };
    }
}

/* Gives the message a body that lies outside its block. */
static void take_body(nimbus_message *message, const nimbus_body *body)
{
    extra_part *extra = extra_of(message);

    if (body->kind == NIMBUS_BODY_ADOPT) {
        message->flags |= ADOPTED;
        extra->body = body->data;
        extra->free_fn = body->free_fn;
        extra->from.free_user = body->user;
    } else if (body->kind == NIMBUS_BODY_SHARE) {
        nimbus_message *owner = (nimbus_message *)(uintptr_t)body->message; /* counted, therefore never really const */
        nimbus_bytes bytes = nb_message_body(owner);

        message->flags |= SHARED;
        message->body_size = bytes.size;
        extra->from.shared = nb_message_retain(owner);
        extra->body = bytes.data;
        extra->size += bytes.size; /* body.size of the value is 0 for a share */
    }
}

/* A message with an extra part: one pass to count, one to fill. Kept out of line, so that a plain message does not pay for it. */
static NB_APART nimbus_status make_whole(nb_heap *heap, const nb_message_spec *spec, nimbus_message **ret)
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
    message = nb_block_get(heap, at.used);
    if (message == NULL) {
        nimbus_status why = nb_block_failure(heap, at.used);

        if (adopted > 0) {
            nb_heap_uncharge(heap, adopted);
        }
        return why;
    }
    at = (layout){ (char *)message, 0, false };
    lay_out(&at, spec);
    nb_atomic_init(&message->references, 1);
    take_body(message, &spec->body);
    *ret = message;
    return NIMBUS_OK;
}

/* As make_whole() would lay it out. */
nimbus_status nb_message_adopt(nb_heap *heap, const nimbus_body *body, nimbus_message **ret)
{
    nimbus_message *message;
    extra_part *extra;

    if (body->size > 0 && !nb_heap_charge(heap, body->size)) {
        return NIMBUS_E_FULL;
    }
    message = nb_block_get(heap, sizeof *message + sizeof *extra);
    if (message == NULL) {
        nimbus_status why = nb_block_failure(heap, sizeof *message + sizeof *extra);

        if (body->size > 0) {
            nb_heap_uncharge(heap, body->size);
        }
        return why;
    }
    message->body_size = body->size;
    message->flags = EXTRA | ADOPTED;
    nb_atomic_init(&message->references, 1);
    extra = extra_of(message);
    *extra = (extra_part){ .body = body->data, .size = body->size, .free_fn = body->free_fn, .from.free_user = body->user };
    *ret = message;
    return NIMBUS_OK;
}

nimbus_status nb_message_copy_keyed(nb_heap *heap, const void *data, size_t size, const nb_keys *keys, nimbus_message **ret)
{
    nimbus_status status = nb_message_copy_with(heap, data, size, keys_size(keys), ret);

    if (status == NIMBUS_OK) {
        (*ret)->flags = KEYS;
        write_keys((char *)(*ret + 1) + size, keys);
    }
    return status;
}

nimbus_status nb_message_make(nb_heap *heap, const nb_message_spec *spec, nimbus_message **ret)
{
    bool alone = spec->attribute_count + spec->more_count == 0 && spec->subject == NULL && spec->event == NULL;

    if (alone && spec->body.kind == NIMBUS_BODY_ADOPT && !has_keys(spec)) {
        return nb_message_adopt(heap, &spec->body, ret);
    }
    if (!alone || spec->body.kind != NIMBUS_BODY_COPY) {
        return make_whole(heap, spec, ret);
    }
    if (has_keys(spec)) {
        nb_keys keys = keys_in(spec);

        return nb_message_copy_keyed(heap, spec->body.data, spec->body.size, &keys, ret);
    }
    return nb_message_copy(heap, spec->body.data, spec->body.size, ret);
}

nimbus_status nb_message_extend(nb_heap *heap, nimbus_message *message, const nimbus_attribute *more, size_t count, nimbus_message **ret)
{
    const extra_part *extra = extra_of(message);
    const event_part *part = extra != NULL ? extra->event : NULL;
    nb_event_spec event;
    nb_message_spec spec = { .body = { .kind = NIMBUS_BODY_SHARE, .message = message }, .more = more, .more_count = count };
    nimbus_status status;

    spec.group_id = nb_message_group(message, NULL);
    spec.deduplication_id = nb_message_deduplication_id(message);
    if (extra != NULL) {
        spec.attributes = extra->attributes;
        spec.attribute_count = extra->attribute_count;
        spec.subject = extra->subject;
    }
    if (part != NULL) {
        event = (nb_event_spec){ part->view.id, part->view.source, part->view.detail_type, part->resources, part->view.resource_count,
                                 part->view.time, 0, 0 };
        spec.event = &event;
    }
    status = nb_message_make(heap, &spec, ret);
    if (status == NIMBUS_OK && part != NULL) {
        extra_of(*ret)->event->view.detail = part->view.detail;
    }
    return status;
}

char *nb_message_space(nimbus_message *message)
{
    return (char *)(uintptr_t)nb_message_body(message).data;
}

void nb_message_set_detail(nimbus_message *message, size_t offset, size_t size)
{
    extra_part *extra = extra_of(message);

    extra->event->view.detail = (nimbus_bytes){ extra->body + offset, size };
}

nimbus_message *nb_message_retain(nimbus_message *message)
{
    if (message != NULL) {
        nb_add_relaxed(&message->references, 1); /* pairs with nothing: the caller holds one */
    }
    return message;
}

/* Returns the message whose body this one shared; NULL: none. */
static nimbus_message *dispose(nimbus_message *message)
{
    extra_part *extra = extra_of(message);
    nimbus_message *shared = NULL;

    if ((message->flags & ADOPTED) != 0) {
        if (extra->free_fn != NULL) {
            extra->free_fn((void *)(uintptr_t)extra->body, message->body_size, extra->from.free_user);
        }
        if (message->body_size > 0) {
            nb_heap_uncharge(nb_block_heap(message), message->body_size); /* never the heap's last bytes: the block is still counted */
        }
    } else if ((message->flags & SHARED) != 0) {
        shared = extra->from.shared;
    }
    nb_block_put(message);
    return shared;
}

/* Kept out of line, so that a message without parts does not pay for it. */
static NB_APART void dispose_whole(nimbus_message *message)
{
    while ((message = dispose(message)) != NULL && nb_message_lower(message, 1)) { /* a chain of shares may be long: no recursion */
    }
}

NB_APART void nb_message_dispose(nimbus_message *message)
{
    if ((message->flags & (ADOPTED | SHARED)) == 0) {
        nb_block_put(message);
    } else {
        dispose_whole(message);
    }
}

/* Blocks together; then those that are more than a block, each alone, as their free functions may do anything. */
void nb_messages_release(nimbus_message *const *messages, uint32_t count, uint32_t n)
{
    nimbus_message *rest[NB_MESSAGES_RUN];
    nb_keeping keeping;
    uint32_t left = 0;

    nb_keeping_begin(&keeping, messages[0]);
    for (uint32_t i = 0; i < count; i++) {
        nimbus_message *message = messages[i];

        if (nb_message_lower(message, n) && ((message->flags & (ADOPTED | SHARED)) != 0 || !nb_keeping_put(&keeping, message))) {
            rest[left++] = message;
        }
    }
    nb_keeping_end(&keeping);
    for (uint32_t i = 0; i < left; i++) {
        nb_message_dispose(rest[i]);
    }
}

void nb_message_release(nimbus_message *message)
{
    nb_message_release_n(message, 1);
}

void nb_message_unmake(nimbus_message *message)
{
    if ((message->flags & ADOPTED) != 0) {
        extra_of(message)->free_fn = NULL;
    }
    nb_message_release(message);
}
