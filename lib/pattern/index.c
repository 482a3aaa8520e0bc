#include "pattern/index.h"

#include <string.h>

#include "pattern/hash.h"

bool nb_index_open(nb_index *index, nb_heap *heap, nb_grace *grace, uint64_t key, bool flat, size_t grain)
{
    *index = (nb_index){ .heap = heap, .grace = grace, .key = key, .flat = flat };
    nb_arena_open(&index->arena, heap, grain);
    nb_atomic_init(&index->absent, NULL);
    nb_atomic_init(&index->always, NULL);
    if (!nb_table_open(&index->nodes, heap, grace, 4)) {
        return false;
    }
    if (nb_table_open(&index->atoms, heap, grace, 4)) {
        index->root = nb_arena_zero(&index->arena, sizeof *index->root);
        if (index->root != NULL) {
            index->root->serial = ++index->serial;
            return true;
        }
        nb_table_close(&index->atoms);
    }
    nb_table_close(&index->nodes);
    nb_arena_close(&index->arena);
    return false;
}

/* Lists that were replaced are retired by whoever replaced them; the current ones go with their fields. */
static void close_field(nb_index *index, nb_field *field)
{
    for (unsigned i = 0; i < NB_LENGTHS; i++) {
        nb_lengths *lengths = nb_load_relaxed(&field->lengths[i]);

        if (lengths != NULL) {
            nb_free(index->heap, lengths, sizeof *lengths + lengths->count * sizeof lengths->values[0]);
        }
    }
    for (unsigned i = 0; i < NB_RANGE_LEVELS; i++) {
        nb_ranges *ranges = nb_load_relaxed(&field->ranges[i]);

        if (ranges != NULL) {
            nb_free(index->heap, ranges, sizeof *ranges + ranges->count * sizeof ranges->items[0]);
        }
    }
}

static void close_node(nb_index *index, nb_node *node)
{
    nb_field *field = nb_load_relaxed(&node->field);

    if (field != NULL) {
        close_field(index, field);
    }
}

void nb_index_close(nb_index *index)
{
    const nb_rows *rows = nb_table_rows(&index->nodes);

    close_node(index, index->root);
    for (uint32_t i = 0; i <= rows->mask; i++) {
        nb_node *node = nb_load_relaxed(&rows->entries[i]);

        if (node != NULL) {
            close_node(index, node);
        }
    }
    nb_table_close(&index->nodes);
    nb_table_close(&index->atoms);
    nb_arena_close(&index->arena);
}

/* ------------------------------------------------------------------------------------------------- paths */

#define FEW 8u /* children that are looked at one by one */

/* The first 8 bytes of a key, or all of fewer. */
static uint64_t key_start(const char *key, size_t size)
{
    return size >= 8 ? nb_hash_load(key) : nb_hash_tail(key, size);
}

static nb_node *find_among(nb_node *child, const char *key, size_t size)
{
    uint64_t start = key_start(key, size);

    while (child != NULL && (child->start != start || child->size != size || (size > 8 && memcmp(child->key, key, size) != 0))) {
        child = child->next;
    }
    return child;
}

static nb_node *find_child(const nb_index *index, const nb_node *node, uint32_t tag, const char *key, size_t size)
{
    const nb_rows *rows = nb_table_rows(&index->nodes);
    uint32_t at = tag;
    nb_node *child;

    while ((child = nb_rows_next(rows, tag, &at)) != NULL) {
        if (child->parent == node && child->size == size && memcmp(child->key, key, size) == 0) {
            return child;
        }
    }
    return NULL;
}

nb_node *nb_index_child(const nb_index *index, const nb_node *node, const char *key, size_t size)
{
    if (nb_load_relaxed((_Atomic uint32_t *)(uintptr_t)&node->children) <= FEW) {
        return find_among(nb_load_acquire((_Atomic(nb_node *) *)(uintptr_t)&node->last), key, size);
    }
    if ((nb_wanted_filter(&node->wanted) & nb_key_bit(key, size)) == 0) {
        return NULL;
    }
    return find_child(index, node, nb_hash_bytes(nb_index_seed(index, node->serial, NB_SEED_NODE), key, size), key, size);
}

nb_node *nb_index_descend(const nb_index *index, const nb_node *node, const char *key, size_t size)
{
    const char *dot;

    while (!index->flat && node != NULL && size != 0 && (dot = memchr(key, '.', size)) != NULL) {
        node = nb_index_child(index, node, key, (size_t)(dot - key));
        size -= (size_t)(dot + 1 - key);
        key = dot + 1;
    }
    return node != NULL ? nb_index_child(index, node, key, size) : NULL;
}

nb_node *nb_index_step(nb_index *index, nb_node *node, const char *key, size_t size)
{
    uint32_t tag = nb_hash_bytes(nb_index_seed(index, node->serial, NB_SEED_NODE), key, size);
    nb_node *child = find_child(index, node, tag, key, size);

    if (child != NULL) {
        return child;
    }
    if (!nb_table_reserve(&index->nodes)) {
        return NULL;
    }
    child = nb_arena_zero(&index->arena, sizeof *child);
    if (child == NULL || (child->key = nb_arena_copy(&index->arena, key, size)) == NULL) {
        return NULL;
    }
    child->serial = ++index->serial;
    child->size = (uint32_t)size;
    child->parent = node;
    child->depth = node->depth + 1;
    child->ordinal = nb_load_relaxed(&node->children);
    child->start = key_start(key, size);
    child->next = nb_load_relaxed(&node->last);
    nb_table_add(&index->nodes, tag, child);
    nb_store_release(&node->last, child); /* whole before readers find it */
    nb_store_relaxed(&node->all, child->ordinal < 63 ? UINT64_MAX >> (63 - child->ordinal) : NB_NEVER);
    nb_store_relaxed(&node->children, child->ordinal + 1);
    /* A reader that misses the child or its bits misses a path without rules: those are published later, and it took its version before. */
    nb_wanted_add(&node->wanted, key, size);
    return child;
}

nb_node *nb_index_node(nb_index *index, const char *path, size_t size)
{
    nb_node *node = index->root;
    const char *dot;

    while (!index->flat && node != NULL && size != 0 && (dot = memchr(path, '.', size)) != NULL) {
        node = nb_index_step(index, node, path, (size_t)(dot - path));
        size -= (size_t)(dot + 1 - path);
        path = dot + 1;
    }
    return node != NULL ? nb_index_step(index, node, path, size) : NULL;
}

nb_field *nb_index_field(nb_index *index, nb_node *node)
{
    nb_field *field = nb_load_relaxed(&node->field);

    if (field != NULL) {
        return field;
    }
    field = nb_arena_zero(&index->arena, sizeof *field);
    if (field != NULL) {
        field->serial = ++index->serial;
        field->node = node;
        index->paths++;
        nb_store_release(&node->field, field); /* whole before readers find it */
        for (; node != NULL; node = node->parent) {
            nb_store_relaxed(&node->fields, nb_load_relaxed(&node->fields) + 1);
        }
    }
    return field;
}

size_t nb_index_bytes(const nb_index *index)
{
    size_t bytes = nb_table_bytes(&index->nodes) + nb_table_bytes(&index->atoms);

    for (const nb_chunk *chunk = index->arena.chunks; chunk != NULL; chunk = chunk->next) {
        bytes += chunk->size;
    }
    return bytes;
}
