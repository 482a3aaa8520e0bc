/*
 * manage.c - what is done to a queue beside sending and receiving: delete, purge, tags, and the list of all queues.
 */
#include "queue/manage.h"

#include <string.h>

#include "runtime/listing.h"

nimbus_status nb_queue_delete(nimbus_queue *queue)
{
    nimbus_runtime *nb = queue->object.runtime;

    if (nb->limits.recreate_wait > 0) {
        nb_name_rest(queue->object.name, &queue->object, nb_clock_elapsed(&nb->clock));
    }
    return nb_object_delete(&queue->object) ? NIMBUS_OK : NIMBUS_E_DELETED;
}

/* False: too soon after the last one; else it counts as the last one. */
static bool may_purge(nimbus_queue *queue)
{
    nimbus_runtime *nb = queue->object.runtime;
    int64_t now;
    bool may;

    if (nb->limits.purge_interval == 0 || nb_object_ended(&queue->object)) {
        return true;
    }
    nb_lock_acquire(&queue->lock);
    now = nb_clock_elapsed(&nb->clock);
    may = queue->purged_at == INT64_MIN || now - queue->purged_at >= nb->limits.purge_interval;
    queue->purged_at = may ? now : queue->purged_at;
    nb_lock_release(&queue->lock);
    return may;
}

nimbus_status nb_queue_purge(nimbus_queue *queue, uint64_t *ret_count)
{
    return may_purge(queue) ? nb_store_purge(&queue->store, ret_count) : NIMBUS_E_PURGED_RECENTLY;
}

/* ------------------------------------------------------------------------------------------------ list */

nimbus_status nb_queues_visit(nimbus_runtime *nb, const char *prefix, nimbus_queue_visitor *visitor, void *user)
{
    nb_listing listing;

    if (!nb_listing_make(&listing, &nb->names, NB_QUEUE, prefix)) {
        return nb_heap_failure(nb->heap, sizeof(nb_object *));
    }
    for (size_t i = 0; i < listing.count; i++) {
        if (!nb_object_ended(listing.objects[i]) && !visitor(nb_queue_of(listing.objects[i]), user)) {
            break;
        }
    }
    nb_listing_end(&listing, &nb->names);
    return NIMBUS_OK;
}

/* ------------------------------------------------------------------------------------------------ tags */

nimbus_status nb_queue_set_tag(nimbus_queue *queue, const char *key, const char *value)
{
    nb_heap *heap = queue->object.heap;
    nb_tag *tag = value != NULL ? nb_tag_make(heap, key, value) : NULL, *before;
    nimbus_status status = NIMBUS_OK;
    bool full = false;

    if (value != NULL && tag == NULL) {
        return nb_heap_failure(heap, sizeof *tag + NB_TAG_KEY + NB_TAG_VALUE);
    }
    nb_lock_acquire(&queue->lock);
    before = tag != NULL ? nb_tags_put(&queue->tags, tag, &full) : nb_tags_remove(&queue->tags, key);
    nb_lock_release(&queue->lock);
    if (full) {
        before = tag;
        status = NIMBUS_E_OVER_LIMIT;
    } else if (value == NULL && before == NULL) {
        status = NIMBUS_E_NOT_FOUND;
    }
    nb_tag_free(heap, before);
    return status;
}

nimbus_status nb_queue_get_tag(nimbus_queue *queue, const char *key, char *ret, size_t size, size_t *ret_size)
{
    nimbus_status status = NIMBUS_E_NOT_FOUND;
    nb_tag *tag;

    nb_lock_acquire(&queue->lock);
    tag = *nb_tags_place(&queue->tags, key);
    if (tag != NULL && strcmp(tag->key, key) == 0) {
        size_t needed = strlen(tag->value) + 1;

        status = needed <= size ? NIMBUS_OK : NIMBUS_E_TOO_LARGE;
        if (status == NIMBUS_OK) {
            memcpy(ret, tag->value, needed);
        }
        if (ret_size != NULL) {
            *ret_size = needed;
        }
    }
    nb_lock_release(&queue->lock);
    return status;
}

/* Copies the first tag whose key is above. False: there is none. */
static bool next_tag(nimbus_queue *queue, char key[NB_TAG_KEY + 1], char value[NB_TAG_VALUE + 1])
{
    nb_tag *tag;

    nb_lock_acquire(&queue->lock);
    tag = *nb_tags_place(&queue->tags, key);
    if (tag != NULL && strcmp(tag->key, key) == 0) {
        tag = tag->next;
    }
    if (tag != NULL) {
        memcpy(key, tag->key, strlen(tag->key) + 1);
        memcpy(value, tag->value, strlen(tag->value) + 1);
    }
    nb_lock_release(&queue->lock);
    return tag != NULL;
}

void nb_queue_visit_tags(nimbus_queue *queue, nimbus_tag_visitor *visitor, void *user)
{
    char key[NB_TAG_KEY + 1] = "", value[NB_TAG_VALUE + 1];

    while (next_tag(queue, key, value) && visitor(queue, key, value, user)) {
    }
}
