/* view.c - reading a message. */
#include <string.h>

#include "memory/parts.h"

nimbus_bytes nb_message_body(const nimbus_message *message)
{
    const extra_part *extra = extra_of(message);

    return (nimbus_bytes){ extra != NULL ? extra->body : (const char *)(message + 1), message->body_size };
}

size_t nb_message_size(const nimbus_message *message)
{
    return (message->flags & EXTRA) == 0 ? message->body_size : extra_of(message)->size;
}

const char *nb_message_group(const nimbus_message *message, size_t *ret_length)
{
    const char *keys = keys_of(message);
    size_t length = keys != NULL ? (unsigned char)keys[0] : 0;

    if (ret_length != NULL) {
        *ret_length = length;
    }
    return length > 0 ? keys + 2 : NULL;
}

const char *nb_message_deduplication_id(const nimbus_message *message)
{
    const char *keys = keys_of(message);

    return keys != NULL && keys[1] != 0 ? keys + 3 + (unsigned char)keys[0] : NULL;
}

const nimbus_attribute *nb_message_attributes(const nimbus_message *message, size_t *ret_count)
{
    const extra_part *extra = extra_of(message);

    *ret_count = extra != NULL ? extra->attribute_count : 0;
    return extra != NULL ? extra->attributes : NULL;
}

const nimbus_attribute *nb_message_find_attribute(const nimbus_message *message, const char *name)
{
    size_t count;
    const nimbus_attribute *attributes = nb_message_attributes(message, &count);

    for (size_t i = 0; i < count; i++) {
        if (strcmp(attributes[i].name, name) == 0) {
            return &attributes[i];
        }
    }
    return NULL;
}

const char *nb_message_subject(const nimbus_message *message)
{
    return (message->flags & EXTRA) == 0 ? NULL : extra_of(message)->subject;
}

/* NULL: it is no event. */
static const event_part *event_of(const nimbus_message *message)
{
    return (message->flags & EXTRA) == 0 ? NULL : extra_of(message)->event;
}

bool nb_message_event(const nimbus_message *message, nimbus_event_view *ret)
{
    const event_part *event = event_of(message);

    if (event == NULL) {
        return false;
    }
    *ret = event->view;
    return true;
}

const char *nb_message_resource(const nimbus_message *message, size_t index)
{
    const event_part *event = event_of(message);

    return event != NULL && index < event->view.resource_count ? event->resources[index] : NULL;
}
