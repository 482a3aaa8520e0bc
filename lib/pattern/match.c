/*
 * match.c - whether a JSON text matches a pattern: one pass over the text, no recursion, no allocation.
 *
 * The walk holds the node of the pattern's tree at which each open container of the event lies; members that no path names are skipped.
 * Scalars set bits: `met` for the fields whose list they satisfy, `seen` for the fields that have a value at all.
 *
 * Array consistency. Values may be combined only if no array holds them in two different elements: {"e":{"f":["A"],"l":["J"]}} does not
 * match {"e":[{"f":"A","l":"S"},{"f":"P","l":"J"}]}. A scalar that is itself an element is not bound to its siblings. So each element that
 * is an object or array gets a scope of its own, and at the end of the array only the best element's scope is joined with the scope
 * around it. The best element is the one that serves most fields; as all fields under one node come from this one array, an element that
 * can be part of a match serves all of them, and no other choice can do better. (Only if the event names one array twice, by duplicate
 * keys or by a dotted and a nested spelling, fields can come from two arrays; each then gives its best element.)
 *
 * exists:false is judged where the other fields were found: with an element chosen, only the values in it count; where no value of
 * any element serves, the values of all elements do.
 *
 * Arrays that hold the values of one field only need no scope. Scopes nest MAX_FRAMES deep; within arrays nested deeper, elements share
 * the scope around them.
 */
#include <string.h>

#include "pattern/tree.h"

#define MAX_FRAMES 64

typedef struct scope {
    nb_field_set met;
    nb_field_set seen;
} scope;

/* An open array whose elements have scopes of their own. */
typedef struct frame {
    scope around;             /* the scope outside, while an element is open */
    scope best;               /* of the best element so far that serves a field */
    unsigned score;           /* of best; 0: there is none */
    nb_field_set seen_in_all; /* in any element */
} frame;

typedef struct walk {
    nb_json_reader reader;
    const nb_pattern *pattern;
    uint32_t here; /* the node of the value to come */
    scope scope;
    unsigned frame_count;
    frame frames[MAX_FRAMES];
    uint32_t levels[NB_JSON_MAX_DEPTH]; /* of each open container: node * 2, plus 1 for an array that has a frame */
} walk;

static unsigned count_bits(nb_field_set set)
{
    unsigned count = 0;

    for (; set != 0; set &= set - 1) {
        count++;
    }
    return count;
}

/* ------------------------------------------------------------------------------------------------ paths */

static uint32_t find_child(const nb_pattern *pattern, uint32_t node, const char *key, size_t size)
{
    uint32_t child = pattern->nodes[node].child;

    while (child != 0 && (pattern->nodes[child].size != size || memcmp(pattern->nodes[child].key, key, size) != 0)) {
        child = pattern->nodes[child].next;
    }
    return child != 0 ? child : NB_NO_NODE;
}

/* Whether the key under the cursor goes on with a child's step, up to a dot or its end; the cursor stands there then. */
static bool eat_step(nb_json_cursor *cursor, const nb_node *child)
{
    nb_json_cursor mark = *cursor;
    nb_json_cursor behind;
    int c;

    for (size_t i = 0; i < child->size; i++) {
        if (nb_json_cursor_next(&mark) != (unsigned char)child->key[i]) {
            return false;
        }
    }
    behind = mark;
    c = nb_json_cursor_next(&behind);
    if (c >= 0 && c != '.') {
        return false;
    }
    *cursor = mark;
    return true;
}

/* The same as descend() for a key with escapes. */
static uint32_t descend_escaped(const nb_pattern *pattern, uint32_t node, const nb_json_reader *reader)
{
    nb_json_cursor cursor;

    nb_json_cursor_token(&cursor, reader->token, reader->size);
    do {
        uint32_t child = pattern->nodes[node].child;

        while (child != 0 && !eat_step(&cursor, &pattern->nodes[child])) {
            child = pattern->nodes[child].next;
        }
        if (child == 0) {
            return NB_NO_NODE;
        }
        node = child;
    } while (nb_json_cursor_next(&cursor) >= 0); /* a dot: there is another step */
    return node;
}

/* The node that a key, the last token, leads to from a node; NB_NO_NODE: no path of the pattern goes there. */
static uint32_t descend(const nb_pattern *pattern, uint32_t node, const nb_json_reader *reader)
{
    const char *key = reader->token + 1;
    size_t size = reader->size - 2;
    const char *dot;

    if (reader->escaped) {
        return descend_escaped(pattern, node, reader);
    }
    while (node != NB_NO_NODE && (dot = memchr(key, '.', size)) != NULL) {
        node = find_child(pattern, node, key, (size_t)(dot - key));
        size -= (size_t)(dot + 1 - key);
        key = dot + 1;
    }
    return node == NB_NO_NODE ? node : find_child(pattern, node, key, size);
}

/* ---------------------------------------------------------------------------------------------- elements */

/* Whether the container at this depth (1: the outermost) is an array with a frame. */
static bool is_framed(const walk *w, unsigned depth)
{
    return depth > 0 && (w->levels[depth - 1] & 1) != 0;
}

static void enter_element(walk *w)
{
    w->frames[w->frame_count - 1].around = w->scope;
    w->scope = (scope){ 0, 0 };
}

/* The fields under a node that a scope serves, by a value or by the absence of any. */
static nb_field_set served(const walk *w, const nb_node *node, scope s)
{
    return (s.met | (w->pattern->absent & ~s.seen)) & node->below;
}

/* The element's scope ends; array: the node of the array around it. */
static void leave_element(walk *w, const nb_node *array)
{
    frame *f = &w->frames[w->frame_count - 1];
    nb_field_set serves = served(w, array, w->scope);
    nb_field_set own = array->field >= 0 ? UINT64_C(1) << array->field : 0;
    unsigned score = 2 * count_bits(serves & ~own) + ((serves & own) != 0); /* scalars of the array itself may still serve its own field */

    f->seen_in_all |= w->scope.seen;
    if (w->scope.met != 0 && score > f->score) { /* an element that serves by absence alone is not bound to */
        f->best = w->scope;
        f->score = score;
    }
    w->scope = f->around;
}

/*
 * The end of an array with a frame. A field that is absent from all elements is absent from the best one, too: so where one element serves,
 * no element at all cannot serve more.
 */
static void leave_array(walk *w)
{
    const frame *f = &w->frames[--w->frame_count];

    if (f->score != 0) {
        w->scope.met |= f->best.met;
        w->scope.seen |= f->best.seen;
    } else {
        w->scope.seen |= f->seen_in_all;
    }
}

/* -------------------------------------------------------------------------------------------------- walk */

static bool open_value(walk *w, nb_json_event event)
{
    const nb_node *node = &w->pattern->nodes[w->here];
    unsigned depth = w->reader.depth; /* the new container's */
    bool framed = event == NB_JSON_ARRAY && w->frame_count < MAX_FRAMES && (node->below & (node->below - 1)) != 0;

    if (event == NB_JSON_OBJECT && node->child == 0) {
        return nb_json_skip(&w->reader); /* only scalars could serve here */
    }
    if (is_framed(w, depth - 1)) {
        enter_element(w);
    }
    w->levels[depth - 1] = w->here * 2 + framed;
    if (framed) {
        memset(&w->frames[w->frame_count++], 0, sizeof w->frames[0]);
    }
    return true;
}

static void close_value(walk *w)
{
    unsigned depth = w->reader.depth; /* of the container around */

    if (is_framed(w, depth + 1)) {
        leave_array(w);
    }
    if (depth == 0) {
        return;
    }
    w->here = w->levels[depth - 1] / 2; /* for the next element of an array; in an object a key comes first */
    if (is_framed(w, depth)) {
        leave_element(w, &w->pattern->nodes[w->here]);
    }
}

static void take_scalar(walk *w, nb_json_event event)
{
    int32_t field = w->pattern->nodes[w->here].field;
    nb_field_set bit;
    nb_value value;

    if (field < 0) {
        return;
    }
    bit = UINT64_C(1) << field;
    w->scope.seen |= bit;
    if ((w->scope.met & bit) == 0) {
        value = nb_value_of(&w->reader, event);
        if (nb_value_matches(w->pattern, field, &value)) {
            w->scope.met |= bit;
        }
    }
}

/* Handles one event behind the first. False: the text is malformed. */
static bool step(walk *w, nb_json_event event)
{
    switch (event) {
    case NB_JSON_KEY:
        w->here = descend(w->pattern, w->levels[w->reader.depth - 1] / 2, &w->reader);
        return w->here != NB_NO_NODE || nb_json_skip(&w->reader);
    case NB_JSON_OBJECT:
    case NB_JSON_ARRAY:
        return open_value(w, event);
    case NB_JSON_OBJECT_END:
    case NB_JSON_ARRAY_END:
        close_value(w);
        return true;
    default:
        take_scalar(w, event);
        return true;
    }
}

nimbus_status nb_pattern_match(const nb_pattern *pattern, const void *json, size_t size, bool *ret_match)
{
    walk w;
    nb_json_event event;
    bool body = pattern->profile == NB_PROFILE_SNS_BODY;

    if (pattern->profile == NB_PROFILE_SNS_ATTRIBUTES) {
        return NIMBUS_E_INVALID;
    }
    if (body && pattern->field_count == 0) {
        *ret_match = true;
        return NIMBUS_OK;
    }
    nb_json_open(&w.reader, json, size, 0);
    w.pattern = pattern;
    w.here = 0;
    w.scope = (scope){ 0, 0 };
    w.frame_count = 0;
    event = nb_json_next(&w.reader) == NB_JSON_OBJECT ? NB_JSON_OBJECT : NB_JSON_ERROR;
    while (event > NB_JSON_END) {
        event = step(&w, event) ? nb_json_next(&w.reader) : NB_JSON_ERROR;
    }
    if (event == NB_JSON_ERROR && !body) {
        return NIMBUS_E_JSON;
    }
    *ret_match = event == NB_JSON_END && served(&w, pattern->nodes, w.scope) == pattern->all;
    return NIMBUS_OK;
}
