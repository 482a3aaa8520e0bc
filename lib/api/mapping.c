/* mapping.c - the functions of nimbus/function.h about mappings. */
#include "mapping/mapping.h"

#include <string.h>

#include "api/handle.h"
#include "queue/queue.h"

#define MAX_BATCH 10000
#define MAX_BATCH_WITHOUT_WINDOW 10

static nimbus_status refuse(nimbus_error *err, const char *call, const char *field, const char *reason)
{
    return nb_error_set(err, NIMBUS_E_INVALID, call, field, "%s", reason);
}

static nimbus_status resolve(const nimbus_mapping_options *o, const char *call, nimbus_error *err, nb_feed_options *ret)
{
    nimbus_duration window = o->batch_window;

    if (!nb_reserved_clear(o->reserved_, 8)) {
        return refuse(err, call, "reserved_", "a reserved field is not 0");
    }
    if (!nb_duration_option(&window, 0, 0, NIMBUS_SECONDS(300), call, "batch_window", err)) {
        return NIMBUS_E_INVALID;
    }
    if (o->batch_size > MAX_BATCH || (o->batch_size > MAX_BATCH_WITHOUT_WINDOW && window == 0)) {
        return refuse(err, call, "batch_size", "above 10,000, or above 10 without a window");
    }
    *ret = (nb_feed_options){ .batch = o->batch_size != 0 ? (uint32_t)o->batch_size : 10, .window = window,
                              .limit = o->max_concurrency != 0 ? o->max_concurrency : UINT32_MAX, .lease = !o->no_heartbeat };
    return NIMBUS_OK;
}

nimbus_status nimbus_function_map(nimbus_function *function, nimbus_queue *queue, const nimbus_mapping_options *options, nimbus_error *err)
{
    static const nimbus_mapping_options defaults;
    const nimbus_mapping_options *o = options != NULL ? options : &defaults;
    nimbus_status status = nb_setup_on(function != NULL ? &function->object : NULL, __func__, "function", err);
    nb_feed_options feed;

    if (status == NIMBUS_OK) {
        status = nb_setup_on(queue != NULL ? &queue->object : NULL, __func__, "queue", err);
    }
    if (status == NIMBUS_OK && queue->object.runtime != function->object.runtime) {
        status = refuse(err, __func__, "queue", "it belongs to another instance");
    }
    if (status == NIMBUS_OK) {
        status = resolve(o, __func__, err, &feed);
    }
    if (status == NIMBUS_OK && o->filter != NULL) {
        status = nb_pattern_compile(function->object.heap, o->filter, strlen(o->filter), NB_PROFILE_MAPPING, &feed.filter, err, __func__);
        nb_error_rename(err, "filter");
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_map(function, queue->object.name, &nb_queue_source, &feed, o->disabled);
    if (status != NIMBUS_OK) {
        nb_pattern_release(feed.filter);
        nb_error_set(err, status, __func__, NULL,
                     status == NIMBUS_E_CONFLICT  ? "this queue is mapped to this function already"
                     : status == NIMBUS_E_DELETED ? "the function was deleted"
                                                  : "out of memory");
    }
    return status;
}

static nimbus_status check_pair(const nimbus_function *function, const nimbus_queue *queue)
{
    return function == NULL || queue == NULL ? NIMBUS_E_INVALID : NIMBUS_OK;
}

nimbus_status nimbus_mapping_enable(nimbus_function *function, nimbus_queue *queue, bool enabled)
{
    nimbus_status status = check_pair(function, queue);

    if (status == NIMBUS_OK) {
        status = nb_usable(&function->object);
    }
    return status == NIMBUS_OK ? nb_mapping_enable(function, queue->object.name, enabled) : status;
}

nimbus_status nimbus_function_unmap(nimbus_function *function, nimbus_queue *queue)
{
    nimbus_status status = check_pair(function, queue);

    return status == NIMBUS_OK ? nb_unmap(function, queue->object.name) : status;
}
