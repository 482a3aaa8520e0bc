/*
 * attributes.c - the attributes of a message in the place of an event (SNS-F2). Paths have one step: the attribute's name, dots included.
 *
 * String compares as a string, Number by value, String.Array is the text of a JSON array of scalars, Binary does not take part. An array
 * that is malformed or holds anything but scalars has no values; yet the attribute was sent, so it is not absent.
 */
#include <string.h>

#include "pattern/match.h"

#define LOAD(place) nb_load_acquire((__typeof__(&(place)))(uintptr_t)&(place))

/* Whether a text is an array of nothing but scalars. */
static bool is_array_of_scalars(const void *data, size_t size)
{
    nb_json_reader reader;
    nb_json_event event;

    nb_json_open(&reader, data, size, 1);
    if (nb_json_next(&reader) != NB_JSON_ARRAY) {
        return false;
    }
    while ((event = nb_json_next(&reader)) >= NB_JSON_STRING) {
    }
    return event == NB_JSON_ARRAY_END && nb_json_next(&reader) == NB_JSON_END;
}

static void fire_array(const nb_index *index, nb_scratch *scratch, const nb_field *field, const nimbus_attribute *attribute)
{
    nb_json_reader reader;
    nb_json_event event;

    nb_fire_nothing(scratch, field); /* an empty array was sent, too */
    if (!is_array_of_scalars(attribute->value.data, attribute->value.size)) {
        return;
    }
    nb_json_open(&reader, attribute->value.data, attribute->value.size, 1);
    nb_json_next(&reader);
    while ((event = nb_json_next(&reader)) >= NB_JSON_STRING) {
        /* exists:true asks for more than null here */
        nb_value value = { .kind = event, .data = reader.token, .size = reader.size, .hollow = event == NB_JSON_NULL };

        if (event == NB_JSON_STRING) {
            scratch->text.count = 0;
            if (!nb_space_has(scratch, &scratch->text, reader.size, 1)) {
                return;
            }
            value.data = scratch->text.items;
            value.size = nb_json_unescape(reader.token, reader.size, scratch->text.items);
        }
        nb_fire(index, scratch, field, &value);
    }
}

nimbus_status nb_walk_attributes(const nb_index *index, nb_scratch *scratch, const nimbus_attribute *attributes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const nimbus_attribute *attribute = &attributes[i];
        size_t size = strlen(attribute->name);
        const nb_node *node = attribute->kind != NIMBUS_BINARY ? nb_index_child(index, index->root, attribute->name, size) : NULL;
        const nb_field *field = node != NULL ? LOAD(node->field) : NULL;
        nb_value value = { .kind = attribute->kind == NIMBUS_NUMBER ? NB_JSON_NUMBER : NB_JSON_STRING,
                           .data = attribute->value.data, .size = attribute->value.size,
                           .hollow = attribute->value.size == 0 }; /* exists:true asks for a value that is not empty */

        scratch->steps++;
        if (field == NULL) {
            continue;
        }
        if (attribute->kind == NIMBUS_STRING && attribute->label != NULL && strcmp(attribute->label, "Array") == 0) {
            fire_array(index, scratch, field, attribute);
        } else {
            nb_fire(index, scratch, field, &value);
        }
    }
    return scratch->starved ? NIMBUS_E_NO_MEMORY : NIMBUS_OK;
}
