/* queue.c - the functions of nimbus/queue.h that make, end and look at queues. */
#include <string.h>

#include "api/handle.h"
#include "queue/manage.h"

nimbus_queue *nimbus_queue_create(nimbus_runtime *nb, const char *name, const nimbus_queue_options *options, nimbus_error *err)
{
    if (!nb_setup(nb, __func__, err)) {
        return NULL;
    }
    if (!nb_queue_name_valid(name, options != NULL && options->fifo)) {
        nb_error_set(err, NIMBUS_E_INVALID, __func__, "name",
                     options != NULL && options->fifo ? "not letters, digits, '-', '_' and then .fifo, 80 in all"
                                                      : "not 1 to 80 letters, digits, '-' and '_'");
        return NULL;
    }
    return nb_queue_create(nb, name, options, __func__, err);
}

nimbus_queue *nimbus_queue_find(nimbus_runtime *nb, const char *name, nimbus_error *err)
{
    nb_object *object = nb_find(nb, NB_QUEUE, name, __func__, err);

    return object != NULL ? nb_queue_of(object) : NULL;
}

nimbus_queue *nimbus_queue_retain(nimbus_queue *queue)
{
    if (queue != NULL) {
        nb_object_retain(&queue->object);
    }
    return queue;
}

void nimbus_queue_release(nimbus_queue *queue)
{
    if (queue != NULL) {
        nb_object_release(&queue->object);
    }
}

nimbus_status nimbus_queue_delete(nimbus_queue *queue)
{
    return queue != NULL ? nb_queue_delete(queue) : NIMBUS_E_INVALID;
}

const char *nimbus_queue_name(const nimbus_queue *queue)
{
    return queue != NULL ? queue->store.name : "";
}

nimbus_status nimbus_queue_get_options(nimbus_queue *queue, nimbus_queue_options *ret)
{
    nimbus_status status = ret != NULL ? nb_usable(queue != NULL ? &queue->object : NULL) : NIMBUS_E_INVALID;

    if (status == NIMBUS_OK) {
        nb_queue_get_options(queue, ret);
    }
    return status;
}

nimbus_status nimbus_queue_set_options(nimbus_queue *queue, const nimbus_queue_options *options, nimbus_error *err)
{
    nimbus_status status;

    if (nb_error_blocked(err)) {
        return err->status;
    }
    status = nb_usable(queue != NULL ? &queue->object : NULL);
    if (status != NIMBUS_OK) {
        return nb_error_set(err, status, __func__, "queue", status == NIMBUS_E_INVALID ? "it is NULL" : "it was deleted");
    }
    return nb_queue_set_options(queue, options, __func__, err);
}

nimbus_status nimbus_queue_purge(nimbus_queue *queue, uint64_t *ret_count)
{
    return queue != NULL ? nb_queue_purge(queue, ret_count) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_queue_peek(nimbus_queue *queue, nimbus_peeked *ret, size_t max, size_t *ret_count)
{
    if (queue == NULL || ret == NULL || max == 0 || ret_count == NULL) {
        return NIMBUS_E_INVALID;
    }
    return nb_store_peek(&queue->store, ret, max, ret_count);
}

nimbus_status nimbus_queue_get_metrics(nimbus_queue *queue, nimbus_queue_metrics *ret)
{
    if (queue == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_queue_get_metrics(queue, ret);
    return NIMBUS_OK;
}

nimbus_status nimbus_queue_explain(nimbus_queue *queue, const char *group_id, nimbus_queue_explanation *ret)
{
    if (queue == NULL || ret == NULL || (group_id != NULL && queue->store.order == NULL)) {
        return NIMBUS_E_INVALID;
    }
    return nb_queue_explain(queue, group_id, ret);
}

nimbus_status nimbus_queue_fd(nimbus_queue *queue, int *ret_fd)
{
    return queue != NULL && ret_fd != NULL ? nb_store_fd(&queue->store, ret_fd) : NIMBUS_E_INVALID;
}

/* ------------------------------------------------------------------------------------------ list and tags */

nimbus_status nimbus_queue_list(nimbus_runtime *nb, const char *prefix, nimbus_queue_visitor *visitor, void *user)
{
    return nb != NULL && visitor != NULL ? nb_queues_visit(nb, prefix != NULL ? prefix : "", visitor, user) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_queue_set_tag(nimbus_queue *queue, const char *key, const char *value)
{
    nimbus_status status = key != NULL && key[0] != '\0' ? nb_usable(queue != NULL ? &queue->object : NULL) : NIMBUS_E_INVALID;

    if (status == NIMBUS_OK && (strnlen(key, NB_TAG_KEY + 1) > NB_TAG_KEY ||
                                (value != NULL && strnlen(value, NB_TAG_VALUE + 1) > NB_TAG_VALUE))) {
        status = NIMBUS_E_TOO_LARGE;
    }
    return status == NIMBUS_OK ? nb_queue_set_tag(queue, key, value) : status;
}

nimbus_status nimbus_queue_get_tag(nimbus_queue *queue, const char *key, char *ret, size_t size, size_t *ret_size)
{
    nimbus_status status = key != NULL && (ret != NULL || size == 0) ? nb_usable(queue != NULL ? &queue->object : NULL) : NIMBUS_E_INVALID;

    return status == NIMBUS_OK ? nb_queue_get_tag(queue, key, ret, size, ret_size) : status;
}

nimbus_status nimbus_queue_visit_tags(nimbus_queue *queue, nimbus_tag_visitor *visitor, void *user)
{
    nimbus_status status = visitor != NULL ? nb_usable(queue != NULL ? &queue->object : NULL) : NIMBUS_E_INVALID;

    if (status == NIMBUS_OK) {
        nb_queue_visit_tags(queue, visitor, user);
    }
    return status;
}
