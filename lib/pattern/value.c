/*
 * value.c - whether one scalar of an event satisfies one field of a pattern.
 *
 * Strings are compared in place: by their bytes where nothing is escaped, else byte by byte as they are decoded.
 */
#include <string.h>

#include "pattern/tree.h"

nb_value nb_value_of(const nb_json_reader *reader, nb_json_event event)
{
    nb_value value = { .kind = event, .data = reader->token, .size = reader->size };

    if (event == NB_JSON_STRING) {
        value.data++;
        value.size -= 2;
        value.escaped = reader->escaped;
    } else if (event == NB_JSON_NUMBER) {
        value.comparable = nb_decimal_parse(value.data, value.size, &value.number);
    }
    return value;
}

static void cursor_of(const nb_value *value, nb_json_cursor *cursor)
{
    nb_json_cursor_plain(cursor, value->data, value->size);
    cursor->escapes = true;
}

/* Whether the bytes to come begin with data; the cursor stands behind them then. */
static bool cursor_eats(nb_json_cursor *cursor, const char *data, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (nb_json_cursor_next(cursor) != (unsigned char)data[i]) {
            return false;
        }
    }
    return true;
}

static bool text_equals(const nb_value *value, const char *data, size_t size)
{
    nb_json_cursor cursor;

    if (!value->escaped) {
        return value->size == size && memcmp(value->data, data, size) == 0;
    }
    cursor_of(value, &cursor);
    return cursor_eats(&cursor, data, size) && nb_json_cursor_next(&cursor) < 0;
}

static bool text_begins(const nb_value *value, const char *data, size_t size)
{
    nb_json_cursor cursor;

    if (!value->escaped) {
        return value->size >= size && memcmp(value->data, data, size) == 0;
    }
    cursor_of(value, &cursor);
    return cursor_eats(&cursor, data, size);
}

static bool text_ends(const nb_value *value, const char *data, size_t size)
{
    nb_json_cursor cursor;
    size_t all = 0;

    if (!value->escaped) {
        return value->size >= size && memcmp(value->data + value->size - size, data, size) == 0;
    }
    cursor_of(value, &cursor);
    while (nb_json_cursor_next(&cursor) >= 0) {
        all++;
    }
    if (all < size) {
        return false;
    }
    cursor_of(value, &cursor);
    while (all-- > size) {
        nb_json_cursor_next(&cursor);
    }
    return cursor_eats(&cursor, data, size);
}

static bool bound_holds(const nb_value *value, const nb_item *bound)
{
    int order = nb_decimal_compare(&value->number, &bound->value.number);

    switch (bound->bound) {
    case NB_BOUND_EQUAL:
        return order == 0;
    case NB_BOUND_LESS:
        return order < 0;
    case NB_BOUND_LESS_EQUAL:
        return order <= 0;
    case NB_BOUND_GREATER:
        return order > 0;
    default:
        return order >= 0;
    }
}

static bool numeric_matches(const nb_value *value, const nb_item *item)
{
    if (!value->comparable) {
        return false;
    }
    for (uint32_t i = 1; i <= item->operands; i++) {
        if (!bound_holds(value, &item[i])) {
            return false;
        }
    }
    return true;
}

static bool item_matches(const nb_value *value, const nb_item *item);

/* anything-but: a value of another type is something else, too. */
static bool is_other(const nb_value *value, const nb_item *item)
{
    for (uint32_t i = 1; i <= item->operands; i++) {
        if (item_matches(value, &item[i])) {
            return false;
        }
    }
    return true;
}

/* The recursion goes one level down at most: operands of anything-but are plain strings and numbers. */
static bool item_matches(const nb_value *value, const nb_item *item)
{
    const char *data = item->value.text.data;
    size_t size = item->value.text.size;
    bool text = value->kind == NB_JSON_STRING;

    switch ((nb_item_kind)item->kind) {
    case NB_ITEM_STRING:
        return text && text_equals(value, data, size);
    case NB_ITEM_NUMBER:
        return value->comparable && nb_decimal_compare(&value->number, &item->value.number) == 0;
    case NB_ITEM_TRUE:
        return value->kind == NB_JSON_TRUE;
    case NB_ITEM_FALSE:
        return value->kind == NB_JSON_FALSE;
    case NB_ITEM_NULL:
        return value->kind == NB_JSON_NULL;
    case NB_ITEM_PREFIX:
        return text && text_begins(value, data, size);
    case NB_ITEM_SUFFIX:
        return text && text_ends(value, data, size);
    case NB_ITEM_NUMERIC:
        return numeric_matches(value, item);
    case NB_ITEM_PRESENT:
        return !value->hollow;
    case NB_ITEM_ABSENT:
        return false;
    case NB_ITEM_OTHER_TEXT:
    case NB_ITEM_OTHER_NUMBER:
        return is_other(value, item);
    }
    return false;
}

bool nb_value_matches(const nb_pattern *pattern, int32_t field, const nb_value *value)
{
    const nb_item *item = pattern->items + pattern->fields[field].first;
    const nb_item *end = item + pattern->fields[field].count;

    for (; item != end; item += 1 + item->operands) {
        if (item_matches(value, item)) {
            return true;
        }
    }
    return false;
}
