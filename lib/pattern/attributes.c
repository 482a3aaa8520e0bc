/*
 * attributes.c - whether the attributes of a message match a filter policy over attributes (SNS-F2).
 *
 * Paths have one step here: the attribute's name, dots included. String compares as a string, Number by value, String.Array is the text of
 * a JSON array of scalars, Binary does not take part. An array that is malformed or holds anything but scalars serves no field, yet the
 * attribute was sent; so it can never be part of a match.
 */
#include <string.h>

#include "pattern/tree.h"

typedef struct tally {
    nb_field_set met;
    nb_field_set seen;
} tally;

static int32_t field_of(const nb_pattern *pattern, const char *name)
{
    size_t size = strlen(name);

    for (uint32_t child = pattern->nodes[0].child; child != 0; child = pattern->nodes[child].next) {
        const nb_node *node = &pattern->nodes[child];

        if (node->size == size && memcmp(node->key, name, size) == 0) {
            return node->field;
        }
    }
    return -1;
}

static bool array_matches(const nb_pattern *pattern, int32_t field, const nimbus_attribute *attribute)
{
    nb_json_reader reader;
    nb_json_event event;
    bool met = false;

    nb_json_open(&reader, attribute->value.data, attribute->value.size, 1);
    if (nb_json_next(&reader) != NB_JSON_ARRAY) {
        return false;
    }
    for (event = nb_json_next(&reader); event >= NB_JSON_STRING; event = nb_json_next(&reader)) {
        nb_value value = nb_value_of(&reader, event);

        value.hollow = event == NB_JSON_NULL; /* exists:true asks for more here */
        met = met || nb_value_matches(pattern, field, &value);
    }
    return event == NB_JSON_ARRAY_END && nb_json_next(&reader) == NB_JSON_END && met;
}

static bool attribute_matches(const nb_pattern *pattern, int32_t field, const nimbus_attribute *attribute)
{
    nb_value value = { .kind = NB_JSON_STRING, .data = attribute->value.data, .size = attribute->value.size };

    if (attribute->kind == NIMBUS_NUMBER) {
        value.kind = NB_JSON_NUMBER;
        value.comparable = nb_decimal_parse(value.data, value.size, &value.number);
    } else if (attribute->label != NULL && strcmp(attribute->label, "Array") == 0) {
        return array_matches(pattern, field, attribute);
    }
    return nb_value_matches(pattern, field, &value);
}

nimbus_status nb_pattern_match_attributes(const nb_pattern *pattern, const nimbus_attribute *attributes, size_t count, bool *ret_match)
{
    tally sum = { 0, 0 };

    if (pattern->profile != NB_PROFILE_SNS_ATTRIBUTES) {
        return NIMBUS_E_INVALID;
    }
    for (size_t i = 0; i < count; i++) {
        int32_t field = attributes[i].kind != NIMBUS_BINARY ? field_of(pattern, attributes[i].name) : -1;

        if (field >= 0) {
            sum.seen |= UINT64_C(1) << field;
            if (attribute_matches(pattern, field, &attributes[i])) {
                sum.met |= UINT64_C(1) << field;
            }
        }
    }
    /* A policy without keys lets everything through; one with keys matches no message without attributes, not even by exists:false. */
    *ret_match = pattern->field_count == 0 || (count != 0 && (sum.met | (pattern->absent & ~sum.seen)) == pattern->all);
    return NIMBUS_OK;
}
