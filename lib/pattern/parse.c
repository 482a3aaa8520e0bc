/*
 * parse.c - from the text of a pattern to its tree: objects, keys and lists. What stands inside a list is operator.c's.
 *
 * measure() has read the same text before: it is JSON, and the block holds whatever it can need. The open objects are a stack of node
 * numbers, so that depth costs no recursion.
 */
#include <string.h>

#include "base/error.h"
#include "pattern/tree.h"

int nb_parser_clip(const nb_parser *parser)
{
    const char *token = parser->reader.token;
    size_t size = parser->reader.size;

    if (size > 40) {
        size = 40;
        while (size > 0 && ((unsigned char)token[size] & 0xC0) == 0x80) { /* not in the middle of a character */
            size--;
        }
    }
    return (int)size;
}

bool nb_parser_is(const nb_parser *parser, const char *name)
{
    nb_json_cursor cursor;
    int c;

    nb_json_cursor_token(&cursor, parser->reader.token, parser->reader.size);
    while ((c = nb_json_cursor_next(&cursor)) > 0 && c == (unsigned char)*name) {
        name++;
    }
    return c < 0 && *name == '\0';
}

void nb_parser_unsupported(nb_parser *parser, const char *name)
{
    if (parser->unsupported == NULL) {
        parser->unsupported = name;
        parser->unsupported_offset = nb_json_offset(&parser->reader);
    }
}

/* ------------------------------------------------------------------------------------------------ items */

static char *keep_text(nb_parser *parser, size_t *ret_size)
{
    char *data = parser->pattern->bytes + parser->byte_count;

    *ret_size = nb_json_unescape(parser->reader.token, parser->reader.size, data);
    parser->byte_count += *ret_size;
    return data;
}

nb_item *nb_parser_add(nb_parser *parser, nb_json_event event)
{
    nb_pattern *pattern = parser->pattern;
    nb_item *item = &pattern->items[pattern->item_count];

    memset(item, 0, sizeof *item);
    if (event == NB_JSON_STRING) {
        item->kind = NB_ITEM_STRING;
        item->value.text.data = keep_text(parser, &item->value.text.size);
    } else if (event == NB_JSON_NUMBER) {
        char *text = pattern->bytes + parser->byte_count; /* the decimal borrows its text: the caller's does not live long enough */

        memcpy(text, parser->reader.token, parser->reader.size);
        item->kind = NB_ITEM_NUMBER;
        if (!nb_decimal_parse(text, parser->reader.size, &item->value.number)) {
            return NULL;
        }
        parser->byte_count += parser->reader.size;
    } else {
        item->kind = event == NB_JSON_TRUE ? NB_ITEM_TRUE : event == NB_JSON_FALSE ? NB_ITEM_FALSE : NB_ITEM_NULL;
    }
    pattern->item_count++;
    return item;
}

/* One element of a list. */
static nimbus_status parse_element(nb_parser *parser, nb_json_event event)
{
    switch (event) {
    case NB_JSON_OBJECT:
        return nb_parser_operator(parser);
    case NB_JSON_STRING:
    case NB_JSON_NUMBER:
    case NB_JSON_TRUE:
    case NB_JSON_FALSE:
    case NB_JSON_NULL:
        return nb_parser_add(parser, event) != NULL ? NIMBUS_OK : NB_REFUSE(parser, "a number too long or too large to be compared");
    default:
        return NB_REFUSE(parser, "an element of a list must be a string, a number, true, false, null or an operator object");
    }
}

/* Makes the items from `first` on the field at a node. The same path named again: the later list replaces the earlier one. */
static nimbus_status set_field(nb_parser *parser, uint32_t node, uint32_t first)
{
    nb_pattern *pattern = parser->pattern;
    int32_t *field = &pattern->nodes[node].field;
    nb_field_set bit;

    if (*field < 0) {
        if (pattern->field_count == NB_PATTERN_MAX_FIELDS) {
            return NB_REFUSE_AS(parser, NIMBUS_E_TOO_LARGE, "a pattern names at most %d paths", NB_PATTERN_MAX_FIELDS);
        }
        *field = (int32_t)pattern->field_count++;
    }
    bit = UINT64_C(1) << *field;
    pattern->fields[*field] = (nb_field){ first, pattern->item_count - first };
    pattern->all |= bit;
    pattern->absent &= ~bit;
    for (uint32_t i = first; i < pattern->item_count; i += 1 + pattern->items[i].operands) {
        if (pattern->items[i].kind == NB_ITEM_ABSENT) {
            pattern->absent |= bit;
        }
    }
    return NIMBUS_OK;
}

/* The limits of a filter policy: each list counts its length times its nesting. */
static nimbus_status count_combinations(nb_parser *parser, uint64_t length, uint64_t nesting)
{
    if (parser->pattern->profile == NB_PROFILE_EVENT) {
        return NIMBUS_OK;
    }
    parser->combinations *= length * nesting; /* no overflow: the product so far is small, length and nesting are below 2^19 */
    if (parser->combinations > NB_POLICY_MAX_COMBINATIONS) {
        return NB_REFUSE_AS(parser, NIMBUS_E_TOO_LARGE, "a filter policy has at most %d combinations", NB_POLICY_MAX_COMBINATIONS);
    }
    return NIMBUS_OK;
}

/* A list, behind its '['. */
static nimbus_status parse_list(nb_parser *parser, uint32_t node)
{
    uint32_t first = parser->pattern->item_count;
    uint64_t length = 0;
    nb_json_event event;
    nimbus_status status;

    while ((event = nb_json_next(&parser->reader)) != NB_JSON_ARRAY_END) {
        status = parse_element(parser, event);
        if (nimbus_failed(status)) {
            return status;
        }
        length++;
    }
    if (length == 0) {
        return NB_REFUSE(parser, "an empty list matches nothing and is not allowed");
    }
    status = count_combinations(parser, length, parser->reader.depth);
    return nimbus_failed(status) ? status : set_field(parser, node, first);
}

/* ------------------------------------------------------------------------------------------------ paths */

static uint32_t child_of(nb_pattern *pattern, uint32_t parent, const char *key, size_t size)
{
    uint32_t *link = &pattern->nodes[parent].child;
    nb_node *node;

    while (*link != 0) {
        node = &pattern->nodes[*link];
        if (node->size == size && memcmp(node->key, key, size) == 0) {
            return *link;
        }
        link = &node->next;
    }
    *link = pattern->node_count;
    pattern->nodes[pattern->node_count] = (nb_node){ .key = key, .size = size, .parent = parent, .field = -1 };
    return pattern->node_count++;
}

/* The node of the last token, a key, under its object's node. */
static uint32_t node_of_key(nb_parser *parser, uint32_t node)
{
    size_t size;
    const char *key = keep_text(parser, &size);
    const char *dot;

    while (parser->pattern->profile != NB_PROFILE_SNS_ATTRIBUTES && (dot = memchr(key, '.', size)) != NULL) {
        node = child_of(parser->pattern, node, key, (size_t)(dot - key));
        size -= (size_t)(dot + 1 - key);
        key = dot + 1;
    }
    return child_of(parser->pattern, node, key, size);
}

/* "$or" is checked for its outer form, then noted as missing. */
static nimbus_status parse_or(nb_parser *parser)
{
    nb_json_reader *reader = &parser->reader;
    unsigned count = 0;
    nb_json_event event;

    nb_parser_unsupported(parser, "$or");
    if (nb_json_next(reader) != NB_JSON_ARRAY) {
        return NB_REFUSE(parser, "\"$or\" must be a list of two or more objects");
    }
    while ((event = nb_json_next(reader)) == NB_JSON_OBJECT) {
        event = nb_json_next(reader);
        if (event == NB_JSON_OBJECT_END) {
            return NB_REFUSE(parser, "an empty object is not allowed");
        }
        while (event == NB_JSON_KEY && nb_json_skip(reader)) {
            event = nb_json_next(reader);
        }
        count++;
    }
    if (event != NB_JSON_ARRAY_END || count < 2) {
        return NB_REFUSE(parser, "\"$or\" must be a list of two or more objects");
    }
    return NIMBUS_OK;
}

/* The value of a key: a list, or an object to descend into, for which *ret_descend is set. */
static nimbus_status parse_member(nb_parser *parser, uint32_t node, bool *ret_descend)
{
    bool attributes = parser->pattern->profile == NB_PROFILE_SNS_ATTRIBUTES;
    nb_json_reader key = parser->reader;
    nb_json_event event = nb_json_next(&parser->reader);
    uint32_t first = parser->pattern->item_count;
    nimbus_status status;

    if (event == NB_JSON_ARRAY) {
        return parse_list(parser, node);
    }
    if (event == NB_JSON_OBJECT && !attributes) {
        *ret_descend = true;
        return NIMBUS_OK;
    }
    if (event == NB_JSON_OBJECT) {
        return NB_REFUSE(parser, "a filter policy over message attributes cannot be nested");
    }
    if (attributes) { /* one value may stand for a list of one */
        status = parse_element(parser, event);
        return nimbus_failed(status) ? status : set_field(parser, node, first);
    }
    parser->reader = key; /* to name the key */
    return NB_REFUSE(parser, "the value of %.*s must be an object or a list", nb_parser_clip(parser), parser->reader.token);
}

/* A key and its value; objects[depth - 1] is the node of the object that holds it. */
static nimbus_status parse_key(nb_parser *parser, uint32_t objects[])
{
    unsigned depth = parser->reader.depth;
    bool descend = false;
    uint32_t node;
    nimbus_status status;

    if (depth == 1 && parser->pattern->profile != NB_PROFILE_EVENT && ++parser->keys > NB_POLICY_MAX_KEYS) {
        return NB_REFUSE_AS(parser, NIMBUS_E_TOO_LARGE, "a filter policy has at most %d keys", NB_POLICY_MAX_KEYS);
    }
    if (nb_parser_is(parser, "$or")) {
        return parse_or(parser);
    }
    node = node_of_key(parser, objects[depth - 1]);
    status = parse_member(parser, node, &descend);
    if (descend) {
        objects[depth] = node;
    }
    return status;
}

/* What each node has under it. A child's number is above its parent's, so one pass from the end does. */
static void sum_up(nb_pattern *pattern)
{
    for (uint32_t i = pattern->node_count; i-- > 0;) {
        nb_node *node = &pattern->nodes[i];

        if (node->field >= 0) {
            node->below |= UINT64_C(1) << node->field;
        }
        if (i > 0) {
            pattern->nodes[node->parent].below |= node->below;
        }
    }
}

nimbus_status nb_parser_run(nb_parser *parser, const char *text, size_t size)
{
    uint32_t objects[NB_JSON_MAX_DEPTH + 1]; /* node of each open object */
    nb_pattern *pattern = parser->pattern;
    bool empty_allowed = pattern->profile != NB_PROFILE_EVENT; /* a policy without keys lets everything through */
    nb_json_event before = NB_JSON_END;
    nb_json_event event;
    nimbus_status status;

    pattern->nodes[0] = (nb_node){ .field = -1 };
    pattern->node_count = 1;
    objects[0] = 0;
    nb_json_open(&parser->reader, text, size, 0);
    for (event = nb_json_next(&parser->reader); event > NB_JSON_END; event = nb_json_next(&parser->reader)) {
        if (event == NB_JSON_KEY) {
            status = parse_key(parser, objects);
            if (nimbus_failed(status)) {
                return status;
            }
            /* An object that a key opened is empty if its end comes at once. */
            before = *parser->reader.token == '{' ? NB_JSON_OBJECT : NB_JSON_KEY;
        } else {
            if (event == NB_JSON_OBJECT_END && before == NB_JSON_OBJECT && !(empty_allowed && parser->reader.depth == 0)) {
                return NB_REFUSE(parser, "an empty object is not allowed");
            }
            before = event;
        }
    }
    if (parser->unsupported != NULL) {
        return nb_error_set_at(parser->err, NIMBUS_E_UNSUPPORTED, parser->call, "pattern", parser->unsupported_offset,
                               "operator \"%s\" is not supported by this version", parser->unsupported);
    }
    sum_up(pattern);
    return event == NB_JSON_END ? NIMBUS_OK : NB_REFUSE(parser, "not JSON");
}
