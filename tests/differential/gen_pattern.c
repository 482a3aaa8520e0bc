/*
 * gen_pattern.c - random patterns over the leaves of an event.
 *
 * A few leaves are drawn. Their paths are merged into one tree of keys, mostly; keys are joined by dots, now and then; a path may stand
 * twice; an object may be a `$or` of several.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

#define MAX_CHILDREN 8

typedef struct node {
    char key[96];
    bool branch; /* an object in the list of a `$or`: it has no key */
    gen_text leaf;
    size_t count;
    struct node *children[MAX_CHILDREN];
} node;

static node *new_node(const char *key)
{
    node *made = calloc(1, sizeof *made);

    if (made == NULL) {
        fprintf(stderr, "differential: out of memory\n");
        exit(2);
    }
    snprintf(made->key, sizeof made->key, "%s", key);
    return made;
}

static node *child(node *at, const char *key, bool merge)
{
    for (size_t i = 0; merge && i < at->count; i++) {
        if (strcmp(at->children[i]->key, key) == 0 && at->children[i]->leaf.data == NULL && strcmp(key, "$or") != 0) {
            return at->children[i];
        }
    }
    if (at->count == MAX_CHILDREN) {
        return NULL;
    }
    return at->children[at->count++] = new_node(key);
}

static void list(gen *g, gen_text *text, const gen_value *value)
{
    uint32_t count = gen_chance(g, 65) ? 1 : 1 + gen_below(g, 3);

    gen_say(text, "[");
    for (uint32_t i = 0; i < count; i++) {
        gen_say(text, i == 0 ? "" : ",");
        gen_item(g, text, value);
    }
    gen_say(text, "]");
}

/* Puts a leaf into the tree under a node, from its key number `from` on. */
static void put(gen *g, node *at, const gen_leaf *leaf, size_t from)
{
    gen_leaf other = *leaf;

    if (gen_chance(g, 4)) {
        other.keys[other.depth - 1] = gen_key(g);
    }
    for (size_t i = from; i < other.depth && at != NULL; i++) {
        char key[96];

        snprintf(key, sizeof key, "%s", other.keys[i]);
        while (i + 1 < other.depth && gen_chance(g, 12)) {
            size_t used = strlen(key);

            snprintf(key + used, sizeof key - used, ".%s", other.keys[++i]);
        }
        at = child(at, key, i + 1 < other.depth && gen_chance(g, 90));
    }
    if (at != NULL && at->count == 0 && at->leaf.data == NULL) {
        list(g, &at->leaf, other.value);
    }
}

/* A `$or` on the way to a leaf; the other branches are leaves that share the way so far. */
static void put_or(gen *g, node *at, const gen_leaf *leaves, size_t count, const gen_leaf *leaf, unsigned nesting)
{
    size_t level = gen_below(g, (uint32_t)leaf->depth);
    size_t branches = 2 + (gen_chance(g, 30) ? 1 : 0);
    node *any;

    for (size_t i = 0; i < level && at != NULL; i++) {
        at = child(at, leaf->keys[i], true);
    }
    any = at == NULL || at->leaf.data != NULL ? NULL : child(at, "$or", false);
    for (size_t b = 0; any != NULL && b < branches; b++) {
        node *branch = child(any, "", false);
        const gen_leaf *other = b == 0 ? leaf : &leaves[gen_below(g, (uint32_t)count)];

        branch->branch = true;
        put(g, branch, other, other->depth > level ? level : 0);
        if (gen_chance(g, 20)) {
            put(g, branch, leaf, level);
        }
        if (nesting < 2 && gen_chance(g, 10) && leaf->depth > level) {
            gen_leaf rest = *leaf;

            rest.depth -= level;
            memmove(rest.keys, rest.keys + level, rest.depth * sizeof rest.keys[0]);
            put_or(g, branch, leaves, count, &rest, nesting + 1);
        }
    }
    g->operators |= any != NULL ? UINT64_C(1) << GEN_OP_OR : 0;
}

static void render(gen *g, gen_text *text, const node *at)
{
    bool any = strcmp(at->key, "$or") == 0 && at->leaf.data == NULL && at->count != 0 && at->children[0]->branch;

    if (at->leaf.data != NULL) {
        gen_add(text, at->leaf.data, at->leaf.size);
        return;
    }
    gen_blank(g, text);
    gen_say(text, any ? "[" : "{");
    for (size_t i = 0; i < at->count; i++) {
        gen_say(text, i == 0 ? "" : ",");
        if (!any) {
            gen_quote(g, text, at->children[i]->key, strlen(at->children[i]->key));
            gen_say(text, ":");
        }
        render(g, text, at->children[i]);
    }
    gen_say(text, any ? "]" : "}");
    gen_blank(g, text);
}

static void free_node(node *at)
{
    for (size_t i = 0; i < at->count; i++) {
        free_node(at->children[i]);
    }
    gen_text_free(&at->leaf);
    free(at);
}

void gen_pattern(gen *g, gen_text *text, const gen_leaf *leaves, size_t count)
{
    static const gen_value nothing = { .kind = GEN_NULL };
    uint32_t lists = gen_chance(g, 50) ? 1 : 2 + gen_below(g, 2);
    const char *first = "";
    node *root = new_node("");

    g->operators = 0;
    for (uint32_t i = 0; i < lists; i++) {
        gen_leaf leaf = { .keys = { gen_key(g) }, .depth = 1, .value = &nothing };

        if (count != 0 && gen_chance(g, 95)) {
            leaf = leaves[gen_below(g, (uint32_t)count)];
        }
        for (unsigned tries = 0; i > 0 && count != 0 && tries < 3 && strcmp(leaf.keys[0], first) != 0; tries++) {
            leaf = leaves[gen_below(g, (uint32_t)count)]; /* rather one beside the first */
        }
        first = i == 0 ? leaf.keys[0] : first;
        if (count != 0 && gen_chance(g, 12)) {
            put_or(g, root, leaves, count, &leaf, 0);
        } else {
            put(g, root, &leaf, 0);
        }
    }
    render(g, text, root);
    free_node(root);
}
