#include "queue/tags.h"

#include <string.h>

nb_tag *nb_tag_make(nb_heap *heap, const char *key, const char *value)
{
    size_t key_size = strlen(key) + 1, value_size = strlen(value) + 1;
    nb_tag *tag = nb_alloc(heap, sizeof *tag + key_size + value_size);

    if (tag != NULL) {
        tag->next = NULL;
        tag->size = sizeof *tag + key_size + value_size;
        tag->value = tag->key + key_size;
        memcpy(tag->key, key, key_size);
        memcpy(tag->key + key_size, value, value_size);
    }
    return tag;
}

void nb_tag_free(nb_heap *heap, nb_tag *tag)
{
    nb_free(heap, tag, tag != NULL ? tag->size : 0);
}

nb_tag **nb_tags_place(nb_tags *tags, const char *key)
{
    nb_tag **at = &tags->first;

    while (*at != NULL && strcmp((*at)->key, key) < 0) {
        at = &(*at)->next;
    }
    return at;
}

/* Whether that place is taken by that key. */
static bool is_there(nb_tag *const *at, const char *key)
{
    return *at != NULL && strcmp((*at)->key, key) == 0;
}

nb_tag *nb_tags_put(nb_tags *tags, nb_tag *tag, bool *full)
{
    nb_tag **at = nb_tags_place(tags, tag->key), *before = is_there(at, tag->key) ? *at : NULL;

    *full = before == NULL && tags->count == NB_MAX_TAGS;
    if (*full) {
        return NULL;
    }
    tag->next = before != NULL ? before->next : *at;
    *at = tag;
    tags->count += before == NULL;
    return before;
}

nb_tag *nb_tags_remove(nb_tags *tags, const char *key)
{
    nb_tag **at = nb_tags_place(tags, key), *tag = is_there(at, key) ? *at : NULL;

    if (tag != NULL) {
        *at = tag->next;
        tags->count--;
    }
    return tag;
}

void nb_tags_free(nb_tags *tags, nb_heap *heap)
{
    nb_tag *tag;

    while ((tag = tags->first) != NULL) {
        tags->first = tag->next;
        nb_tag_free(heap, tag);
    }
    tags->count = 0;
}
