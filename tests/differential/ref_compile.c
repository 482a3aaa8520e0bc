/*
 * ref_compile.c - a pattern as plain rules: `$or` is multiplied out, and the last list of a path wins, also across `$or`.
 *
 * A pattern is read member by member with the list of all rules so far. A list is put into each of them, and each branch of a `$or` starts
 * from a copy of each. Filter policies have bounds of their own: keys, and combinations as the service counts them.
 */
#include <stdlib.h>
#include <string.h>

#include "ref_inside.h"

#define MAX_RULES 1000
#define MAX_SNS_KEYS 5
#define MAX_SNS_COMBINATIONS 150

typedef struct rules {
    size_t count;
    ref_rule *rules;
} rules;

typedef struct compiling {
    ref_arena *arena;
    ref_profile profile;
    const char *reason;
} compiling;

static bool fail(compiling *c, const char *reason)
{
    c->reason = reason;
    return false;
}

static bool reserved(ref_text name)
{
    static const char *const names[] = { "equals-ignore-case",
                                         "prefix",
                                         "suffix",
                                         "anything-but",
                                         "exists",
                                         "wildcard",
                                         "numeric",
                                         "cidr",
                                         "=",
                                         "<",
                                         "<=",
                                         ">",
                                         ">=",
                                         "regex",
                                         "not-wildcard",
                                         "not-equals-ignore-case",
                                         "date-after",
                                         "date-on-or-after",
                                         "date-before",
                                         "date-on-or-before",
                                         "in-date-range",
                                         "ip-address-in-range",
                                         "ip-address-not-in-range" };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (ref_is(name, names[i])) {
            return true;
        }
    }
    return false;
}

static ref_text joined(ref_arena *arena, const ref_text *path, ref_text key)
{
    char *data;

    if (path == NULL) {
        return key;
    }
    data = ref_take(arena, path->size + key.size + 2);
    memcpy(data, path->data, path->size);
    data[path->size] = '.';
    memcpy(data + path->size + 1, key.data, key.size);
    return (ref_text){ data, path->size + 1 + key.size };
}

/* Into a rule; the list that the path had is gone. */
static void put(compiling *c, ref_rule *rule, const ref_list *list)
{
    for (size_t i = 0; i < rule->count; i++) {
        if (ref_same(rule->lists[i].path, list->path)) {
            rule->lists[i] = *list;
            return;
        }
    }
    rule->lists = ref_grow(c->arena, rule->lists, rule->count, sizeof *rule->lists);
    rule->lists[rule->count++] = *list;
}

static ref_rule copied(compiling *c, const ref_rule *rule)
{
    ref_rule copy = { 0, NULL };

    for (size_t i = 0; i < rule->count; i++) {
        put(c, &copy, &rule->lists[i]);
    }
    return copy;
}

static bool read_list(compiling *c, ref_text path, const ref_json *json, rules *all)
{
    bool alone = json->kind != REF_ARRAY;
    size_t count = alone ? 1 : json->count;
    ref_item *items = ref_take(c->arena, (count + 1) * sizeof *items);
    ref_list list = { path, count, items };

    if (count == 0) {
        return fail(c, "an empty list");
    }
    for (size_t i = 0; i < count; i++) {
        const char *bad = ref_item_read(c->arena, alone ? json : &json->values[i], c->profile, &items[i]);

        if (bad != NULL) {
            return fail(c, bad);
        }
    }
    for (size_t i = 0; i < all->count; i++) {
        put(c, &all->rules[i], &list);
    }
    return true;
}

static bool read_object(compiling *c, const ref_text *path, const ref_json *json, bool in_or, rules *all);

static bool read_or(compiling *c, const ref_text *path, const ref_json *json, rules *all)
{
    rules out = { 0, NULL };

    if (json->kind != REF_ARRAY || json->count < 2) {
        return fail(c, "$or needs a list of two or more objects");
    }
    for (size_t b = 0; b < json->count; b++) {
        rules branch = { all->count, ref_take(c->arena, all->count * sizeof(ref_rule)) };

        if (json->values[b].kind != REF_OBJECT) {
            return fail(c, "$or needs a list of two or more objects");
        }
        for (size_t i = 0; i < all->count; i++) {
            branch.rules[i] = copied(c, &all->rules[i]);
        }
        if (!read_object(c, path, &json->values[b], true, &branch)) {
            return false;
        }
        if (out.count + branch.count > MAX_RULES) {
            return fail(c, "too many combinations of $or");
        }
        for (size_t i = 0; i < branch.count; i++) {
            out.rules = ref_grow(c->arena, out.rules, out.count, sizeof *out.rules);
            out.rules[out.count++] = branch.rules[i];
        }
    }
    *all = out;
    return true;
}

static bool read_object(compiling *c, const ref_text *path, const ref_json *json, bool in_or, rules *all)
{
    if (json->count == 0) {
        return fail(c, "an empty object");
    }
    for (size_t i = 0; i < json->count; i++) {
        const ref_json *value = &json->values[i];
        ref_text below = joined(c->arena, path, json->keys[i]);
        bool ok;

        if (in_or && reserved(json->keys[i])) {
            return fail(c, "a field named like an operator inside $or");
        }
        if (ref_is(json->keys[i], "$or")) {
            ok = read_or(c, path, value, all);
        } else if (value->kind == REF_OBJECT && c->profile == REF_SNS_ATTRIBUTES) {
            return fail(c, "a policy on attributes has no nesting");
        } else if (value->kind == REF_OBJECT) {
            ok = read_object(c, &below, value, in_or, all);
        } else if (value->kind == REF_ARRAY || c->profile == REF_SNS_ATTRIBUTES) {
            ok = read_list(c, below, value, all);
        } else {
            return fail(c, "a value must be an object or a list");
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

/* ---------------------------------------------------------------------------------------- filter policies */

static size_t capped(size_t a, size_t b)
{
    return a * b > 1000000 ? 1000000 : a * b;
}

/* Combinations: the product over lists of length by depth; the branches of a `$or` are added up. */
static size_t combinations(const ref_json *json, size_t depth)
{
    size_t product = 1;

    for (size_t i = 0; i < json->count; i++) {
        const ref_json *value = &json->values[i];
        size_t factor = 0;

        if (ref_is(json->keys[i], "$or") && value->kind == REF_ARRAY) {
            for (size_t b = 0; b < value->count; b++) {
                factor += combinations(&value->values[b], depth);
            }
        } else if (value->kind == REF_OBJECT) {
            factor = combinations(value, depth + 1);
        } else {
            factor = value->kind == REF_ARRAY ? value->count * depth : depth;
        }
        product = capped(product, factor);
    }
    return product;
}

static size_t policy_keys(const ref_json *json)
{
    size_t keys = 0;

    for (size_t i = 0; i < json->count; i++) {
        if (ref_is(json->keys[i], "$or") && json->values[i].kind == REF_ARRAY) {
            for (size_t b = 0; b < json->values[i].count; b++) {
                keys += policy_keys(&json->values[i].values[b]);
            }
        } else {
            keys++;
        }
    }
    return keys;
}

ref_pattern *ref_compile(const char *text, size_t size, ref_profile profile, const char **ret_reason)
{
    ref_pattern *pattern = calloc(1, sizeof *pattern);
    compiling c = { &pattern->arena, profile, "not JSON" };
    ref_json json;
    bool ok = ref_json_read(c.arena, text, size, &json);
    bool policy = profile != REF_EVENT;
    rules all = { 1, NULL };

    pattern->profile = profile;
    all.rules = ref_take(c.arena, sizeof *all.rules);
    if (ok && json.kind != REF_OBJECT) {
        ok = fail(&c, "not an object");
    }
    if (ok && !(policy && json.count == 0)) {
        ok = read_object(&c, NULL, &json, false, &all);
    }
    if (ok && policy && policy_keys(&json) > MAX_SNS_KEYS) {
        ok = fail(&c, "too many keys");
    }
    if (ok && policy && combinations(&json, 1) > MAX_SNS_COMBINATIONS) {
        ok = fail(&c, "too many combinations");
    }
    pattern->count = all.count;
    pattern->rules = all.rules;
    if (!ok) {
        if (ret_reason != NULL) {
            *ret_reason = c.reason;
        }
        ref_pattern_free(pattern);
        return NULL;
    }
    return pattern;
}

void ref_pattern_free(ref_pattern *pattern)
{
    if (pattern != NULL) {
        ref_drop(&pattern->arena);
        free(pattern);
    }
}
