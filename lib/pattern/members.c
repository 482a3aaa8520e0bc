/*
 * members.c - an event that comes in parts. Strings of a program may be no UTF-8: rules see them as they would be written, with U+FFFD for
 * each byte that does not belong (and with the three bytes of a lone surrogate left as they are).
 *
 * A body is JSON or it is a string, never both. Lists that ask for the other one are not satisfied by it, not even by absence (LA-Q12):
 * their fields get a value that satisfies nothing.
 */
#include <string.h>

#include "json/reader.h"
#include "json/scan.h"
#include "json/text.h"
#include "pattern/match.h"

#define LOAD(place) nb_load_acquire((__typeof__(&(place)))(uintptr_t)&(place))

/* The bytes of what may stand in a string as it is, 0: the byte is to be replaced. */
static unsigned whole_letter(const unsigned char *at, const unsigned char *end)
{
    unsigned length = nb_utf8_sequence((const char *)at, (const char *)end);

    if (length == 0 && end - at >= 3 && at[0] == 0xED && at[1] >= 0xA0 && at[1] <= 0xBF && at[2] >= 0x80 && at[2] <= 0xBF) {
        return 3;
    }
    return length;
}

static bool is_whole(const char *text, size_t size)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + size;

    while (at != end) {
        unsigned length = *at < 0x80 ? 1 : whole_letter(at, end);

        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/* The same text with U+FFFD where it is no text. NULL: out of memory. */
static const char *mend(nb_scratch *scratch, const char *text, size_t size, size_t *ret_size)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + size;
    char *to;

    scratch->text.count = 0;
    if (!nb_space_has(scratch, &scratch->text, size * 3, 1)) {
        return NULL;
    }
    to = scratch->text.items;
    while (at != end) {
        unsigned length = whole_letter(at, end);

        memcpy(to, length != 0 ? (const char *)at : "\xEF\xBF\xBD", length != 0 ? length : 3);
        to += length != 0 ? length : 3;
        at += length != 0 ? length : 1;
    }
    *ret_size = (size_t)(to - (char *)scratch->text.items);
    return scratch->text.items;
}

static void fire_text(const nb_index *index, nb_scratch *scratch, const nb_field *field, const char *text, size_t size)
{
    nb_value value = { .kind = NB_JSON_STRING, .data = text, .size = size };

    if (!is_whole(text, size)) {
        value.data = mend(scratch, text, size, &value.size);
    }
    if (value.data != NULL) {
        nb_fire(index, scratch, field, &value);
    }
}

static void fire_member(const nb_index *index, nb_scratch *scratch, const nb_field *field, const nb_member *member)
{
    char room[NB_MEMBER_ROOM];

    switch (member->kind) {
    case NB_MEMBER_TEXT:
        fire_text(index, scratch, field, member->data, member->size);
        break;
    case NB_MEMBER_NUMBER:
        nb_fire(index, scratch, field, &(nb_value){ .kind = NB_JSON_NUMBER, .data = member->data, .size = member->size });
        break;
    case NB_MEMBER_TEXTS:
        for (size_t i = 0; i < member->size; i++) {
            fire_text(index, scratch, field, member->texts[i], strlen(member->texts[i]));
        }
        break;
    case NB_MEMBER_MADE:
        fire_text(index, scratch, field, room, member->make(member->what, room));
        break;
    default:
        break;
    }
}

/* ------------------------------------------------------------------------------------------------- bodies */

static bool is_below(const nb_node *node, const nb_node *above)
{
    while (node->depth > above->depth) {
        node = node->parent;
    }
    return node == above;
}

/* All fields below a node. Seldom: a string where rules ask for JSON. */
static void spoil_below(const nb_index *index, nb_scratch *scratch, const nb_node *above)
{
    const nb_rows *rows = nb_table_rows(&index->nodes);

    for (uint32_t i = 0; i <= rows->mask; i++) {
        const nb_node *node = nb_load_acquire(&rows->tags[i]) != 0 ? nb_load_relaxed(&rows->entries[i]) : NULL;
        const nb_field *field = node != NULL && node != above && is_below(node, above) ? LOAD(node->field) : NULL;

        if (field != NULL) {
            nb_fire_nothing(scratch, field);
        }
    }
}

static nimbus_status take_body(const nb_index *index, nb_scratch *scratch, const nb_node *node, const nb_member *member)
{
    const char *end = member->data + member->size;
    const char *first = member->size != 0 ? nb_scan_blanks(member->data, end) : end;
    const nb_field *field = LOAD(node->field);
    nimbus_status status = NIMBUS_E_JSON;

    if (first != end && (*first == '{' || *first == '[')) {
        status = nb_walk_at(index, scratch, node, member->data, member->size, true);
    }
    if (status == NIMBUS_OK && field != NULL) {
        nb_fire_nothing(scratch, field);
    }
    if (status != NIMBUS_E_JSON) {
        return status;
    }
    nb_scratch_clear(scratch); /* of what stood before the place where it is no JSON */
    if (field != NULL) {
        fire_text(index, scratch, field, member->data, member->size);
    }
    spoil_below(index, scratch, node);
    return NIMBUS_OK;
}

/* ------------------------------------------------------------------------------------------------ members */

static nimbus_status take_member(const nb_index *index, nb_scratch *scratch, const nb_member *member)
{
    const nb_node *node = nb_index_descend(index, index->root, member->key, member->key_size);
    const nb_field *field;

    if (member->kind == NB_MEMBER_OBJECT) {
        return node != NULL ? nb_walk_at(index, scratch, node, member->data, member->size, false)
                            : nb_json_validate_object(member->data, member->size, NULL, NULL);
    }
    if (node == NULL) {
        return NIMBUS_OK;
    }
    if (member->kind == NB_MEMBER_BODY) {
        return take_body(index, scratch, node, member);
    }
    field = LOAD(node->field);
    if (field != NULL) {
        fire_member(index, scratch, field, member);
    }
    return NIMBUS_OK;
}

nimbus_status nb_walk_members(const nb_index *index, nb_scratch *scratch, const nb_member *members, size_t count)
{
    nimbus_status status = NIMBUS_OK;

    for (size_t i = 0; i < count && status == NIMBUS_OK; i++) {
        scratch->steps++;
        status = take_member(index, scratch, &members[i]);
    }
    return status == NIMBUS_OK && scratch->starved ? NIMBUS_E_NO_MEMORY : status;
}
