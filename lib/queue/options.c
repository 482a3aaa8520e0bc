#include "queue/options.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "queue/extras.h"

#define DEFAULT_CAPACITY 1048576
#define DEFAULT_DEDUP_CAPACITY ((size_t)64 << 20)
#define MIN_MESSAGE_SIZE 1024
#define MAX_RECEIVE_COUNT 1000

#define MAX_NAME 80
#define FIFO_ENDING ".fifo"

bool nb_queue_name_valid(const char *name, bool fifo)
{
    size_t length = name != NULL ? strlen(name) : 0, ending = sizeof FIFO_ENDING - 1;
    char stem[MAX_NAME + 1];

    if (!fifo) {
        return nb_name_valid(name, MAX_NAME, "-_");
    }
    if (length <= ending || length > MAX_NAME || strcmp(name + length - ending, FIFO_ENDING) != 0) {
        return false;
    }
    memcpy(stem, name, length - ending);
    stem[length - ending] = '\0';
    return nb_name_valid(stem, MAX_NAME, "-_");
}

static nimbus_status refuse(nimbus_error *err, const char *call, const char *field, const char *reason)
{
    return nb_error_set(err, NIMBUS_E_INVALID, call, field, "%s", reason);
}

static bool durations(const nimbus_limits *limits, nimbus_queue_options *o, const char *call, nimbus_error *err)
{
    nimbus_duration standard_retention = NIMBUS_DAYS(4) < limits->max_retention ? NIMBUS_DAYS(4) : limits->max_retention;
    nimbus_duration standard_visibility = NIMBUS_SECONDS(30) < limits->max_visibility ? NIMBUS_SECONDS(30) : limits->max_visibility;

    return nb_duration_option(&o->visibility_timeout, standard_visibility, 0, limits->max_visibility, call, "visibility_timeout", err) &&
           nb_duration_option(&o->delay, 0, 0, limits->max_delay, call, "delay", err) &&
           nb_duration_option(&o->retention, standard_retention, limits->min_retention, limits->max_retention, call, "retention", err) &&
           nb_duration_option(&o->receive_wait, 0, 0, NIMBUS_SECONDS(20), call, "receive_wait", err);
}

/* Those of FIFO queues only (SQS-Q8, Q11); the throughput mode is a quota, and there is none (F22). */
static bool fifo_options(nimbus_queue_options *o, const char *call, nimbus_error *err)
{
    const char *field = o->content_based_deduplication   ? "content_based_deduplication"
                        : o->deduplication_scope != 0    ? "deduplication_scope"
                        : o->deduplication_capacity != 0 ? "deduplication_capacity"
                                                         : NULL;

    if (!o->fifo && field != NULL) {
        refuse(err, call, field, "only when fifo is true");
        return false;
    }
    if ((unsigned)o->deduplication_scope > NIMBUS_DEDUP_GROUP) {
        refuse(err, call, "deduplication_scope", "no such scope");
        return false;
    }
    if (o->fifo && o->fair) {
        refuse(err, call, "fair", "a FIFO queue has an order of its own");
        return false;
    }
    if (o->fair && o->overflow == NIMBUS_OVERFLOW_DROP_OLDEST) {
        refuse(err, call, "overflow", "a fair queue drops nothing");
        return false;
    }
    if (o->fifo && o->overflow == NIMBUS_OVERFLOW_DROP_OLDEST) {
        refuse(err, call, "overflow", "a FIFO queue drops nothing");
        return false;
    }
    if (o->fifo) {
        o->deduplication_capacity = o->deduplication_capacity != 0 ? o->deduplication_capacity : DEFAULT_DEDUP_CAPACITY;
        if (o->deduplication_capacity < NB_DEDUP_MIN_CAPACITY) {
            refuse(err, call, "deduplication_capacity", "less than 16 KiB");
            return false;
        }
    }
    return true;
}

static nimbus_status check_dead_letter(nimbus_runtime *nb, const nimbus_queue_options *o, const char *call, nimbus_error *err)
{
    if ((o->dead_letter_queue == NULL) != (o->max_receive_count == 0)) {
        return refuse(err, call, o->dead_letter_queue == NULL ? "dead_letter_queue" : "max_receive_count",
                      "dead_letter_queue and max_receive_count go together");
    }
    if (o->max_receive_count > MAX_RECEIVE_COUNT) {
        return refuse(err, call, "max_receive_count", "not between 1 and 1,000");
    }
    if (o->dead_letter_queue != NULL && o->dead_letter_queue->object.runtime != nb) {
        return refuse(err, call, "dead_letter_queue", "it belongs to another instance");
    }
    if (o->dead_letter_queue != NULL && nb_object_ended(&o->dead_letter_queue->object)) {
        return nb_error_set(err, NIMBUS_E_DELETED, call, "dead_letter_queue", "it was deleted");
    }
    if (o->dead_letter_queue != NULL && o->dead_letter_queue->fifo.on != o->fifo) {
        return refuse(err, call, "dead_letter_queue", "FIFO queues have FIFO dead-letter queues, and others have none such");
    }
    if (o->eager_dead_letter && o->dead_letter_queue == NULL) {
        return refuse(err, call, "eager_dead_letter", "there is no dead_letter_queue");
    }
    return NIMBUS_OK;
}

nimbus_status nb_queue_options_resolve(nimbus_runtime *nb, const nimbus_queue_options *given, nimbus_queue_options *ret, const char *call,
                                       nimbus_error *err)
{
    static const nimbus_queue_options none;
    nimbus_queue_options o = given != NULL ? *given : none;
    const char *field, *reason;

    if (!nb_reserved_clear(o.reserved_, 8)) {
        return refuse(err, call, "reserved_", "a reserved field is not 0");
    }
    if (!fifo_options(&o, call, err)) {
        return NIMBUS_E_INVALID;
    }
    if (!durations(&nb->limits, &o, call, err)) {
        return NIMBUS_E_INVALID;
    }
    o.max_message_size = o.max_message_size != 0 ? o.max_message_size : nb->limits.max_message_size;
    if (o.max_message_size > nb->limits.max_message_size ||
        (o.max_message_size < MIN_MESSAGE_SIZE && o.max_message_size < nb->limits.max_message_size)) {
        return refuse(err, call, "max_message_size", "not between 1,024 bytes and the instance's limit");
    }
    if ((unsigned)o.overflow > NIMBUS_OVERFLOW_DROP_OLDEST) {
        return refuse(err, call, "overflow", "no such policy");
    }
    field = nb_queue_extras_check(&o, &reason);
    if (field != NULL) {
        return refuse(err, call, field, reason);
    }
    o.capacity_messages = o.capacity_messages != 0 ? o.capacity_messages : DEFAULT_CAPACITY;
    o.capacity_bytes = o.capacity_bytes != 0 ? o.capacity_bytes : SIZE_MAX;
    *ret = o;
    return check_dead_letter(nb, &o, call, err);
}

const char *nb_queue_options_differ(const nimbus_queue_options *given, const nimbus_queue_options *resolved,
                                    const nimbus_queue_options *in_force)
{
    const nimbus_queue_options *a = resolved, *b = in_force;

    if (given == NULL) {
        return NULL;
    }
    return given->visibility_timeout != 0 && a->visibility_timeout != b->visibility_timeout ? "visibility_timeout"
           : given->delay != 0 && a->delay != b->delay                                      ? "delay"
           : given->retention != 0 && a->retention != b->retention                          ? "retention"
           : given->receive_wait != 0 && a->receive_wait != b->receive_wait                 ? "receive_wait"
           : given->max_message_size != 0 && a->max_message_size != b->max_message_size     ? "max_message_size"
           : given->fair && !b->fair                                                        ? "fair"
           : given->capacity_messages != 0 && a->capacity_messages != b->capacity_messages  ? "capacity_messages"
           : given->capacity_bytes != 0 && a->capacity_bytes != b->capacity_bytes           ? "capacity_bytes"
           : given->overflow != 0 && a->overflow != b->overflow                             ? "overflow"
           : given->content_based_deduplication && !b->content_based_deduplication ? "content_based_deduplication"
           : given->deduplication_scope != 0 && a->deduplication_scope != b->deduplication_scope ? "deduplication_scope"
           : given->deduplication_capacity != 0 && a->deduplication_capacity != b->deduplication_capacity ? "deduplication_capacity"
           : given->text_only && !b->text_only                                              ? "text_only"
           : given->dead_letter_queue != NULL &&
                   (b->dead_letter_queue == NULL || a->dead_letter_queue->object.name != b->dead_letter_queue->object.name)
               ? "dead_letter_queue"
           : given->max_receive_count != 0 && a->max_receive_count != b->max_receive_count    ? "max_receive_count"
           : given->eager_dead_letter && !b->eager_dead_letter                                ? "eager_dead_letter"
           : given->redrive_permission != 0 && a->redrive_permission != b->redrive_permission ? "redrive_permission"
           : given->redrive_source_count != 0 && !nb_queue_same_sources(a, b)                 ? "redrive_sources"
           : given->on_discard != NULL && (a->on_discard != b->on_discard || a->on_discard_user != b->on_discard_user ||
                                           a->on_discard_destroy != b->on_discard_destroy)
               ? "on_discard"
               : NULL;
}

nb_store_config nb_queue_store_config(const nimbus_runtime *nb, const nimbus_queue_options *options)
{
    return (nb_store_config){
        .visibility = options->visibility_timeout,
        .retention = options->retention,
        .capacity_messages = options->capacity_messages,
        .capacity_bytes = options->capacity_bytes,
        .max_in_flight = nb->limits.max_in_flight,
        .max_visibility = nb->limits.max_visibility,
        .max_receives = options->max_receive_count,
        .eager = options->eager_dead_letter,
        .drop_oldest = options->overflow == NIMBUS_OVERFLOW_DROP_OLDEST,
        .fifo = options->fifo,
        .fair = options->fair,
    };
}
