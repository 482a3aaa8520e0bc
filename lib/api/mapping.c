/* mapping.c - the functions of nimbus/function.h about mappings. */
#include "mapping/mapping.h"

#include <string.h>

#include "api/handle.h"
#include "function/filter.h"
#include "queue/queue.h"

#define MAX_BATCH 10000
#define MAX_FILTERS 5          /* LA-Q12 */
#define MAX_FILTERS_BY_QUOTA 10
#define MAX_PATTERN 4096
#define MAX_BATCH_WITHOUT_WINDOW 10

static nimbus_status refuse(nimbus_error *err, const char *call, const char *field, const char *reason)
{
    return nb_error_set(err, NIMBUS_E_INVALID, call, field, "%s", reason);
}

/* fifo: of a FIFO queue, whose batches are small and not waited for (LA-Q1, Q2). */
static nimbus_status resolve(const nimbus_mapping_options *o, bool fifo, const char *call, nimbus_error *err, nb_feed_options *ret)
{
    nimbus_duration window = o->batch_window;

    if (!nb_reserved_clear(o->reserved_, 6)) {
        return refuse(err, call, "reserved_", "a reserved field is not 0");
    }
    if (!nb_duration_option(&window, 0, 0, NIMBUS_SECONDS(300), call, "batch_window", err)) {
        return NIMBUS_E_INVALID;
    }
    if (fifo && (window > 0 || o->batch_size > MAX_BATCH_WITHOUT_WINDOW)) {
        return refuse(err, call, window > 0 ? "batch_window" : "batch_size", "a FIFO queue has no window and batches of at most 10");
    }
    if (o->batch_size > MAX_BATCH || (o->batch_size > MAX_BATCH_WITHOUT_WINDOW && window == 0)) {
        return refuse(err, call, "batch_size", "above 10,000, or above 10 without a window");
    }
    *ret = (nb_feed_options){ .batch = o->batch_size != 0 ? (uint32_t)o->batch_size : 10, .window = window,
                              .limit = o->max_concurrency != 0 ? o->max_concurrency : UINT32_MAX, .lease = !o->no_heartbeat };
    return NIMBUS_OK;
}

/* Of one pattern, or of several; NULL: there is none. */
static nimbus_status make_filter(const nimbus_function *function, const nimbus_mapping_options *o, const char *call, nimbus_error *err,
                                 nb_filter **ret)
{
    bool aws = function->object.runtime->limits.preset == NIMBUS_LIMITS_AWS;
    nb_filter_spec spec = { .texts = o->filter != NULL ? &o->filter : o->filters, .count = o->filter != NULL ? 1 : o->filter_count,
                            .profile = NIMBUS_PROFILE_MAPPING, .parts = nb_record_parts };
    nimbus_status status;

    if (o->filter != NULL && o->filter_count != 0) {
        return refuse(err, call, "filters", "beside filter");
    }
    if (o->filter_count > (aws ? MAX_FILTERS : MAX_FILTERS_BY_QUOTA) || (o->filters == NULL) != (o->filter_count == 0)) {
        return refuse(err, call, "filter_count", "above 5 (10 with relaxed limits), or it does not go with filters");
    }
    for (size_t i = 0; i < spec.count; i++) {
        if (spec.texts[i] == NULL) {
            return refuse(err, call, "filters", "NULL");
        }
        if (aws && strlen(spec.texts[i]) > MAX_PATTERN) {
            return nb_error_set(err, NIMBUS_E_PATTERN, call, "filter", "longer than 4,096 bytes");
        }
    }
    if (spec.count == 0) {
        return NIMBUS_OK;
    }
    status = nb_filter_compile(function->object.heap, &spec, ret, err, call);
    nb_error_rename(err, o->filter != NULL ? "filter" : "filters");
    return status;
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
        status = resolve(o, queue->options.fifo, __func__, err, &feed);
    }
    if (status == NIMBUS_OK) {
        status = make_filter(function, o, __func__, err, &feed.filter);
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_map(function, queue->object.name, &nb_queue_source, &feed, o->disabled);
    if (status != NIMBUS_OK) {
        nb_filter_free(feed.filter);
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
