/*
 * parse.c - from the text of a pattern to its leaves: objects, keys and "$or". What stands inside a list is list.c's.
 *
 * The objects that are open are a stack in the arena, so that depth costs no recursion. The text is JSON: draft.c has read it before.
 */
#include <string.h>

#include "pattern/draft.h"
#include "pattern/hash.h"

#define MAX_POLICY_KEYS 5u

/* An open object of the pattern. */
typedef struct level {
    size_t prefix;  /* bytes of the joined path up to here */
    uint32_t keys;  /* of this object so far */
    uint32_t depth; /* keys on the way to it */
    bool branch;    /* an object of "$or" */
    bool in_or;     /* it lies inside of "$or" */
} level;

/* An open "$or". */
typedef struct choice {
    size_t offset;
    uint32_t branches;
    uint32_t level; /* levels around it */
} choice;

typedef struct parser {
    nb_draft *draft;
    nb_row levels;  /* level */
    nb_row choices; /* choice */
    char *path;     /* the joined path of the innermost object; room for the whole text */
} parser;

static level *top_level(parser *p)
{
    return (level *)p->levels.items + p->levels.count - 1;
}

static choice *top_choice(parser *p)
{
    return p->choices.count != 0 ? (choice *)p->choices.items + p->choices.count - 1 : NULL;
}

/* ------------------------------------------------------------------------------------------------- paths */

static void check_steps(nb_draft *draft, const char *text, size_t size, size_t offset)
{
    size_t steps = 1;

    for (size_t i = 0; i < size; i++) {
        steps += text[i] == '.';
    }
    if (steps > NB_MAX_STEPS && draft->limits.profile != NIMBUS_PROFILE_SNS_ATTRIBUTES) {
        nb_draft_refuse(draft, NIMBUS_E_TOO_LARGE, offset, "a path has at most %u steps", NB_MAX_STEPS);
    }
}

static uint32_t path_of(nb_draft *draft, const char *text, size_t size)
{
    uint32_t tag = nb_hash_bytes(size, text, size);
    uint32_t at = tag;
    nb_path *path;
    char *copy;
    void *entry;

    while ((entry = nb_rows_next(nb_table_rows(&draft->by_path), tag, &at)) != NULL) {
        uint32_t number = (uint32_t)((uintptr_t)entry - 1);

        path = nb_draft_path(draft, number);
        if (path->size == size && memcmp(path->text, text, size) == 0) {
            return number;
        }
    }
    path = nb_row_add(draft, &draft->paths, sizeof *path);
    if (path == NULL) {
        return 0;
    }
    path->size = size;
    copy = nb_arena_alloc(&draft->arena, size + 1);
    if (copy == NULL || !nb_table_reserve(&draft->by_path)) {
        nb_draft_starved(draft);
        return 0;
    }
    memcpy(copy, text, size);
    copy[size] = '\0'; /* explain shows it */
    path->text = copy;
    nb_table_add(&draft->by_path, tag, (void *)(uintptr_t)draft->paths.count); /* the number plus 1 */
    return draft->paths.count - 1;
}

/* Joins the last token, a key, to the path of the innermost object. Returns the size of the path; 0 only for the empty key at the top. */
static size_t join(parser *p)
{
    size_t size = top_level(p)->prefix;

    if (top_level(p)->depth > 0) {
        p->path[size++] = '.';
    }
    return size + nb_json_unescape(p->draft->reader.token, p->draft->reader.size, p->path + size);
}

/* ------------------------------------------------------------------------------------------------- moves */

static void add_move(nb_draft *draft, nb_step step, uint32_t leaf, size_t offset)
{
    nb_move *move = nb_row_add(draft, &draft->moves, sizeof *move);

    if (move != NULL) {
        *move = (nb_move){ step, leaf, offset };
    }
}

static void open_level(parser *p, size_t prefix, uint32_t depth, bool branch, bool in_or)
{
    level *l = nb_row_add(p->draft, &p->levels, sizeof *l);

    if (l != NULL) {
        *l = (level){ prefix, 0, depth, branch, in_or };
    }
}

/* A list, behind its '[', or one value that stands for a list. */
static void parse_leaf(parser *p, size_t path_size, nb_json_event event)
{
    nb_draft *draft = p->draft;
    nb_leaf leaf = { .first = draft->tests.count, .depth = top_level(p)->depth + 1, .offset = nb_draft_offset(draft) };
    nb_leaf *kept;

    if (event == NB_JSON_ARRAY) {
        if (nb_parse_list(draft) == 0) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, leaf.offset, "an empty list matches nothing and is not allowed");
        }
    } else {
        nb_parse_element(draft, event);
    }
    leaf.end = nb_draft_offset(draft) + draft->reader.size;
    leaf.count = draft->tests.count - leaf.first;
    if (nb_draft_is_starved(draft)) {
        return;
    }
    check_steps(draft, p->path, path_size, leaf.offset);
    leaf.path = path_of(draft, p->path, path_size);
    kept = nb_row_add(draft, &draft->leaves, sizeof *kept);
    if (kept != NULL) {
        *kept = leaf;
        add_move(draft, NB_STEP_LEAF, draft->leaves.count - 1, leaf.offset);
        nb_lint_leaf(draft, &leaf);
    }
}

/* ---------------------------------------------------------------------------------------------------- $or */

/* Names that a field must not have inside of "$or", because a pattern that has one was hardly meant so. */
static bool is_reserved(const nb_draft *draft)
{
    static const char *const names[] = { "equals-ignore-case", "prefix", "suffix", "anything-but", "exists", "wildcard", "numeric", "cidr",
                                         "=", "<", "<=", ">", ">=", "regex", "not-wildcard", "not-equals-ignore-case", "date-after",
                                         "date-on-or-after", "date-before", "date-on-or-before", "in-date-range", "ip-address-in-range",
                                         "ip-address-not-in-range" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (nb_draft_is(draft, names[i])) {
            return true;
        }
    }
    return false;
}

/* The value of "$or", whose first token was read. */
static void open_choice(parser *p, nb_json_event event)
{
    nb_draft *draft = p->draft;
    choice *c;

    if (event != NB_JSON_ARRAY) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "\"$or\" must be a list of two or more objects");
        nb_parse_over(draft, event);
        return;
    }
    c = nb_row_add(draft, &p->choices, sizeof *c);
    if (c != NULL) {
        *c = (choice){ nb_draft_offset(draft), 0, p->levels.count };
        add_move(draft, NB_STEP_OR, 0, c->offset);
    }
}

/* A token where an object of "$or" may begin. */
static void in_choice(parser *p, nb_json_event event)
{
    nb_draft *draft = p->draft;
    choice *c = top_choice(p);
    level *around = top_level(p);

    if (event == NB_JSON_ARRAY_END) {
        if (c->branches < 2) {
            nb_draft_refuse(draft, NIMBUS_E_PATTERN, c->offset, "\"$or\" needs two or more objects");
        }
        add_move(draft, NB_STEP_OR_END, 0, nb_draft_offset(draft));
        p->choices.count--;
        return;
    }
    c->branches++;
    if (event != NB_JSON_OBJECT) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "every element of \"$or\" must be an object");
        nb_parse_over(draft, event);
        return;
    }
    add_move(draft, NB_STEP_BRANCH, 0, nb_draft_offset(draft));
    open_level(p, around->prefix, around->depth, true, true);
}

/* ------------------------------------------------------------------------------------------------ members */

static bool is_policy(const nb_draft *draft)
{
    return draft->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES || draft->limits.profile == NIMBUS_PROFILE_SNS_BODY;
}

/* The value behind a key that is no "$or". key: its offset. */
static void parse_member(parser *p, size_t path_size, size_t key_offset, const nb_json_reader *key)
{
    nb_draft *draft = p->draft;
    bool flat = draft->limits.profile == NIMBUS_PROFILE_SNS_ATTRIBUTES;
    nb_json_event event = nb_json_next(&draft->reader);
    nb_json_reader value;

    if (event == NB_JSON_ARRAY || (flat && event != NB_JSON_OBJECT)) {
        parse_leaf(p, path_size, event);
    } else if (event != NB_JSON_OBJECT) {
        value = draft->reader;
        draft->reader = *key; /* to name the key */
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, key_offset, "the value of %.*s must be an object or a list", nb_draft_clip(draft),
                        draft->reader.token);
        draft->reader = value;
    } else if (flat) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "a filter policy over message attributes cannot be nested");
        nb_parse_over(draft, event);
    } else {
        level *around = top_level(p);

        open_level(p, path_size, around->depth + 1, false, around->in_or);
    }
}

static void parse_key(parser *p)
{
    nb_draft *draft = p->draft;
    nb_json_reader key = draft->reader;
    size_t offset = nb_draft_offset(draft);
    size_t path_size;

    top_level(p)->keys++;
    if (nb_draft_is(draft, "$or")) {
        open_choice(p, nb_json_next(&draft->reader));
        return;
    }
    if (top_level(p)->in_or && is_reserved(draft)) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, offset, "%.*s is the name of an operator and no field inside of \"$or\"",
                        nb_draft_clip(draft), draft->reader.token);
    }
    if (is_policy(draft) && top_level(p)->depth == 0 && ++draft->keys == MAX_POLICY_KEYS + 1) {
        nb_draft_refuse(draft, NIMBUS_E_TOO_LARGE, offset, "a filter policy has at most %u keys", MAX_POLICY_KEYS);
    }
    path_size = join(p);
    parse_member(p, path_size, offset, &key);
}

static void close_level(parser *p)
{
    nb_draft *draft = p->draft;
    level l = *top_level(p);
    bool all = l.depth == 0 && !l.branch && is_policy(draft); /* a policy without keys lets everything through */

    p->levels.count--;
    if (l.keys == 0 && !all) {
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft), "an empty object is not allowed");
    }
    if (l.branch) {
        add_move(draft, NB_STEP_BRANCH_END, 0, nb_draft_offset(draft));
    }
}

void nb_parse(nb_draft *draft)
{
    parser p = { .draft = draft, .path = nb_arena_alloc(&draft->arena, draft->size + 1) };

    if (p.path == NULL) {
        nb_draft_starved(draft);
        return;
    }
    nb_json_open(&draft->reader, draft->text, draft->size, 0);
    nb_json_next(&draft->reader);
    open_level(&p, 0, 0, false, false);
    while (!nb_draft_is_starved(draft) && p.levels.count > 0) {
        nb_json_event event = nb_json_next(&draft->reader);

        if (top_choice(&p) != NULL && top_choice(&p)->level == p.levels.count) {
            in_choice(&p, event);
        } else if (event == NB_JSON_KEY) {
            parse_key(&p);
        } else {
            close_level(&p);
        }
    }
}
