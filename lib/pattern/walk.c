/*
 * walk.c - through an event, once: the values at paths that rules name are fired, all others are read over.
 *
 * The walk holds the node of the index at which each open container lies. Arrays disappear from paths. Where rules name two or more fields
 * at or below the node of an array, the array, its elements that are containers, and all values are entered in a line that consistency.c
 * plays.
 *
 * In a trusted event each object has a key once, and none beside it that begins with it and a dot. So a member that has been met need not
 * be looked for again: an object of which all members that rules name have been met is left, and the event is done when that holds for all
 * that is open.
 */
#include <string.h>

#include "json/scan.h"
#include "pattern/match.h"

#define LOAD(place) nb_load_acquire((__typeof__(&(place)))(uintptr_t)&(place))
#define MAX_EARLY 63u /* children of a node that are counted */

typedef struct level {
    const nb_node *node;
    uint64_t met;    /* bit n: the member that leads to child n, in an object */
    uint64_t wanted; /* all of them; NB_NEVER: not known */
    bool array;
    bool framed;     /* an array that has been entered in the line */
} level;

typedef struct walk {
    nb_json_reader reader;
    const nb_index *index;
    nb_scratch *scratch;
    const nb_node *here; /* of the value to come */
    const nb_node *mute; /* scalars there do not count; NULL: they do everywhere */
    uint32_t framed;     /* arrays that are open and framed */
    bool trusted;
    bool line;           /* values are entered in the line */
    level levels[NB_JSON_MAX_DEPTH];
} walk;

/* Over a value that no rule names. */
static bool skip(walk *w)
{
    return w->trusted ? nb_json_jump(&w->reader) : nb_json_skip(&w->reader);
}

static void enter(walk *w, nb_entry_kind kind, uint32_t at)
{
    nb_scratch *s = w->scratch;

    if (nb_space_has(s, &s->entries, 1, sizeof(nb_entry))) {
        ((nb_entry *)s->entries.items)[s->entries.count++] = (nb_entry){ kind, at };
    }
}

/* The line begins: what was met before joins it. */
static void begin_line(walk *w)
{
    for (uint32_t i = 0; i < w->scratch->found.count; i++) {
        enter(w, NB_ENTRY_VALUE, i);
    }
    w->line = true;
}

static void open_frame(walk *w, const nb_node *node)
{
    nb_scratch *s = w->scratch;

    if (!w->line) {
        begin_line(w);
    }
    if (nb_space_has(s, &s->arrays, 1, sizeof node)) {
        ((const nb_node **)s->arrays.items)[s->arrays.count] = node;
        enter(w, NB_ENTRY_ARRAY, s->arrays.count++);
        nb_mark_set(s, node->serial, 1);
    }
}

/* ------------------------------------------------------------------------------------------------- levels */

static bool is_framed(const walk *w, unsigned depth)
{
    return depth > 0 && w->levels[depth - 1].framed;
}

static bool open_value(walk *w, nb_json_event event)
{
    const nb_node *node = w->here;
    unsigned depth = w->reader.depth; /* the new container's */
    uint32_t children = nb_load_relaxed((_Atomic uint32_t *)(uintptr_t)&node->children);
    level *l = &w->levels[depth - 1];

    if (event == NB_JSON_OBJECT && children == 0) {
        return skip(w); /* only scalars could serve here */
    }
    if (is_framed(w, depth - 1)) {
        enter(w, NB_ENTRY_ELEMENT, 0);
    }
    l->node = node;
    l->met = 0;
    l->wanted = NB_NEVER;
    l->array = event == NB_JSON_ARRAY;
    l->framed = false;
    if (event == NB_JSON_OBJECT) {
        l->wanted = w->trusted ? nb_load_relaxed((_Atomic uint64_t *)(uintptr_t)&node->all) : NB_NEVER;
    } else if (node->depth > 0 && nb_load_relaxed((_Atomic uint32_t *)(uintptr_t)&node->fields) > 1) {
        l->framed = true;
        open_frame(w, node);
    }
    return true;
}

static void close_value(walk *w)
{
    unsigned depth = w->reader.depth; /* of the container around */

    if (is_framed(w, depth + 1)) {
        enter(w, NB_ENTRY_ARRAY_END, 0);
    }
    if (depth == 0) {
        return;
    }
    w->here = w->levels[depth - 1].node; /* for the next element of an array; in an object a key comes first */
    if (is_framed(w, depth)) {
        enter(w, NB_ENTRY_ELEMENT_END, 0);
    }
}

/* ------------------------------------------------------------------------------------------------- values */

/* The bytes of the last token, a string or a key, without its escapes. NULL: out of memory. */
static const char *text_of(walk *w, size_t *ret_size)
{
    nb_scratch *s = w->scratch;

    if (!w->reader.escaped) {
        *ret_size = w->reader.size - 2;
        return w->reader.token + 1;
    }
    s->text.count = 0;
    if (!nb_space_has(s, &s->text, w->reader.size, 1)) {
        return NULL;
    }
    *ret_size = nb_json_unescape(w->reader.token, w->reader.size, s->text.items);
    return s->text.items;
}

static void take_scalar(walk *w, nb_json_event event)
{
    const nb_field *field = LOAD(w->here->field);
    nb_value value = { .kind = event, .data = w->reader.token, .size = w->reader.size, .offset = nb_json_offset(&w->reader),
                       .token = w->reader.size };

    if (field == NULL || w->here == w->mute) {
        return;
    }
    if (event == NB_JSON_STRING) {
        value.data = text_of(w, &value.size);
        if (value.data == NULL) {
            return;
        }
    }
    if (w->line) {
        enter(w, NB_ENTRY_VALUE, w->scratch->found.count);
    }
    nb_fire(w->index, w->scratch, field, &value);
}

/* Where a key leads. Unless the index is flat, no child has a dot in its key: what is none may still be several steps. */
static const nb_node *find(const walk *w, const nb_node *from, const char *key, size_t size)
{
    const nb_node *child = nb_index_child(w->index, from, key, size);

    return child != NULL || w->index->flat || size == 0 || memchr(key, '.', size) == NULL ? child
                                                                                         : nb_index_descend(w->index, from, key, size);
}

/* Behind a key: where its value lies. False: malformed. */
static bool take_key(walk *w)
{
    level *l = &w->levels[w->reader.depth - 1];
    size_t size = 0;
    const char *key = text_of(w, &size);
    const nb_node *node = key != NULL ? find(w, l->node, key, size) : NULL;

    w->scratch->steps++;
    if (node == NULL) {
        return skip(w);
    }
    if (node->parent != l->node || node->ordinal >= MAX_EARLY) { /* by way of a dot; or not to be kept apart */
        w->scratch->twins = true;
    } else {
        w->scratch->twins = w->scratch->twins || (l->met >> node->ordinal & 1) != 0;
        l->met |= UINT64_C(1) << node->ordinal;
    }
    w->here = node;
    return true;
}

/* Handles one event behind the first. False: the text is malformed. */
static bool step(walk *w, nb_json_event event)
{
    switch (event) {
    case NB_JSON_KEY:
        return take_key(w);
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

/* Trusted: an object that holds nothing more that a rule names. */
static bool is_complete(const level *l)
{
    return l->met == l->wanted;
}

/* Whether that is so for all that is open. */
static bool is_done(const walk *w)
{
    for (unsigned depth = w->reader.depth; depth > 0; depth--) {
        if (!is_complete(&w->levels[depth - 1])) {
            return false;
        }
    }
    return true;
}

/* The event behind one that was handled; NB_JSON_END: none matters any more. Members that no path goes to may be left out. */
static nb_json_event next(walk *w, nb_json_event event)
{
    const level *l = w->reader.depth != 0 ? &w->levels[w->reader.depth - 1] : NULL;

    if (l == NULL) {
        return nb_json_next(&w->reader);
    }
    if (l->array) {
        return nb_json_element(&w->reader);
    }
    if (is_complete(l) && event != NB_JSON_KEY) {
        return is_done(w) ? NB_JSON_END : nb_json_leave(&w->reader);
    }
    return nb_json_seek(&w->reader, &l->node->wanted, !w->index->flat, w->trusted);
}

static nimbus_status walk_through(walk *w, const void *json, size_t size, bool any)
{
    nb_json_event event;

    nb_json_open(&w->reader, json, size, 0);
    w->framed = 0;
    w->line = false;
    event = nb_json_next(&w->reader);
    if (event != NB_JSON_OBJECT && (!any || event != NB_JSON_ARRAY)) {
        event = NB_JSON_ERROR;
    }
    while (event > NB_JSON_END) {
        if (!step(w, event)) {
            event = NB_JSON_ERROR;
            break;
        }
        event = next(w, event);
    }
    w->scratch->steps += (uint64_t)(w->reader.at - w->reader.start);
    return event == NB_JSON_ERROR ? NIMBUS_E_JSON : w->scratch->starved ? NIMBUS_E_NO_MEMORY : NIMBUS_OK;
}

nimbus_status nb_walk(const nb_index *index, nb_scratch *scratch, const void *json, size_t size, bool trusted)
{
    walk w;

    w.index = index;
    w.scratch = scratch;
    w.here = index->root;
    w.mute = NULL;
    w.trusted = trusted;
    return walk_through(&w, json, size, false);
}

nimbus_status nb_walk_at(const nb_index *index, nb_scratch *scratch, const nb_node *node, const void *json, size_t size, bool bare)
{
    walk w;

    w.index = index;
    w.scratch = scratch;
    w.here = node;
    w.mute = bare ? node : NULL;
    w.trusted = false;
    return walk_through(&w, json, size, bare);
}
