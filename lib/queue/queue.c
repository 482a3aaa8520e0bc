#include "queue/queue.h"

#include <string.h>

#include "base/error.h"
#include "base/number.h"
#include "memory/attribute.h"
#include "queue/gone.h"
#include "queue/move_task.h"
#include "queue/options.h"
#include "queue/text.h"

/* ------------------------------------------------------------------------------- what the store asks of us */

static const nb_store_ops store_ops = { .move = nb_queue_move_to_dead_letter, .gone = nb_queue_tell_of_gone,
                                        .admit = nb_fifo_admit, .forget = nb_fifo_forget };

/* ------------------------------------------------------------------------------------------- the object */

bool nb_queue_text_message(const nimbus_message *message)
{
    size_t count;
    const nimbus_attribute *attributes = nb_message_attributes(message, &count);

    return nb_text_only(nb_message_body(message), attributes, count);
}

static nb_verdict offer(nb_object *object, const nb_parcel *parcel)
{
    nimbus_queue *queue = nb_queue_of(object);
    nb_parcel mine = *parcel;
    bool redriven = parcel->letter != NULL;
    nimbus_duration delay = 0;
    nb_fifo_ticket ticket;
    nimbus_status status;
    size_t max_size;

    max_size = nb_load_relaxed(&queue->max_message_size);
    delay = redriven ? 0 : nb_load_relaxed(&queue->delay);
    if (!redriven) { /* as a user's send would (X-10, SNS-D3); a dead letter keeps id, count and time (SQS-D5, D6) */
        if (nb_message_size(parcel->message) > max_size ||
            (nb_load_relaxed(&queue->text_only) && !nb_queue_text_message(parcel->message))) {
            return NB_PERMANENT;
        }
        mine.id = nb_new_id(object->runtime);
        mine.enqueued = nb_clock_coarse(&object->runtime->clock, &mine.sent);
        mine.receive_count = 0;
        mine.first_received = 0;
    }
    if (queue->fifo.on && !nb_fifo_receive_parcel(queue, &mine, &ticket)) {
        return NB_PERMANENT;
    }
    status = nb_store_offer(&queue->store, &mine, delay, redriven, NULL);
    nb_fifo_tell(queue);
    if (status == NIMBUS_DUPLICATE) {
        nb_parcel_release(parcel); /* accepted, and not kept */
    }
    return !nimbus_failed(status)                                        ? NB_DELIVERED
           : status == NIMBUS_E_FULL || status == NIMBUS_E_DEDUP_FULL ? NB_FULL
           : status == NIMBUS_E_DELETED                                  ? NB_MISSING
                                                                         : NB_TRANSIENT;
}

static void stop(nb_object *object, bool closing)
{
    (void)closing;
    nb_store_stop(&nb_queue_of(object)->store);
    nb_move_stop(nb_queue_of(object));
}

/* Lets go of the dead letter it shows, too: two queues may name each other, and pins would keep both for ever. */
static void end(nb_object *object)
{
    nimbus_queue *queue = nb_queue_of(object), *shown;
    nb_discard_hook *hook;

    nb_store_end(&queue->store, NIMBUS_E_DELETED, false);
    nb_fifo_end(queue);
    nb_move_stop(queue);
    nb_lock_acquire(&queue->lock);
    hook = queue->extras.hook;
    queue->extras.hook = NULL;
    shown = queue->shown_dead_letter;
    queue->shown_dead_letter = NULL;
    nb_lock_release(&queue->lock);
    nb_discard_hook_release(hook);
    if (shown != NULL) {
        nb_object_unpin(&shown->object);
    }
}

static void free_queue(nb_object *object)
{
    nimbus_queue *queue = nb_queue_of(object);

    nb_move_forget(queue);
    nb_name_release(queue->dead_letter);
    nb_queue_extras_release(&queue->extras);
    nb_tags_free(&queue->tags, object->heap);
    nb_fifo_free(queue);
    nb_store_fini(&queue->store);
    nb_lock_fini(&queue->lock);
    nb_free(object->heap, queue, sizeof *queue);
}

static void leftovers(nb_object *object, nimbus_leftovers *sum)
{
    nb_store_counts counts;

    nb_store_get_counts(&nb_queue_of(object)->store, &counts);
    sum->ready += counts.ready;
    sum->delayed += counts.delayed;
    sum->in_flight += counts.in_flight;
}

static const nb_object_ops queue_ops = { .offer = offer, .stop = stop, .end = end, .free = free_queue, .leftovers = leftovers };

/* ------------------------------------------------------------------------------------- create and delete */

/* Whether the dead-letter queue takes what this name sends (SQS-D14). */
static nimbus_status check_permission(const nimbus_queue_options *options, const char *name, const char *call, nimbus_error *err)
{
    nimbus_queue *dead = options->dead_letter_queue;
    bool allowed = true;

    if (dead != NULL) {
        nb_lock_acquire(&dead->lock);
        allowed = nb_queue_allows_source(&dead->options, name);
        nb_lock_release(&dead->lock);
    }
    return allowed ? NIMBUS_OK
                   : nb_error_set(err, NIMBUS_E_INVALID, call, "dead_letter_queue", "its redrive_permission does not allow this queue");
}

/* Puts options and extras in force. Under the queue's lock, or before anybody else knows the queue. */
static void bind(nimbus_queue *queue, const nimbus_queue_options *options, const nb_queue_extras *extras)
{
    nimbus_queue *dead = options->dead_letter_queue;

    if (dead != NULL) {
        nb_object_pin(&dead->object); /* a pin, not a handle: two queues may name each other */
    }
    queue->dead_letter = dead != NULL ? nb_name_retain(dead->object.name) : NULL;
    queue->shown_dead_letter = dead;
    queue->options = *options;
    queue->extras = *extras;
    nb_store_relaxed(&queue->max_message_size, options->max_message_size);
    nb_store_relaxed(&queue->plain_size, options->text_only || options->fifo ? 0 : options->max_message_size);
    nb_store_relaxed(&queue->keyed_size, options->text_only || !options->fifo ? 0 : options->max_message_size);
    nb_store_relaxed(&queue->text_only, options->text_only);
    nb_store_relaxed(&queue->delay, options->delay);
    nb_store_relaxed(&queue->receive_wait, options->receive_wait);
}

static nimbus_queue *make(nimbus_runtime *nb, nb_name *name, nimbus_queue_options options)
{
    nimbus_queue *queue = nb_alloc_zero(nb->heap, sizeof *queue);
    nb_store_config config = nb_queue_store_config(nb, &options);
    nb_queue_extras extras, none = { 0 };

    if (queue == NULL) {
        return NULL;
    }
    if (!nb_queue_extras_make(&extras, nb->heap, &options)) {
        nb_free(nb->heap, queue, sizeof *queue);
        return NULL;
    }
    nb_object_init(&queue->object, &queue_ops, NB_QUEUE, nb, name);
    nb_lock_init(&queue->lock);
    nb_link_init(&queue->moves);
    queue->fair = options.fair;
    if (!nb_fifo_init(queue, &options) ||
        !nb_store_init(&queue->store, &queue->object, nb_name_text(name), nb_names_number(&nb->names), &config, &store_ops)) {
        nb_fifo_fini(queue);
        nb_object_forget(&queue->object);
        nb_lock_fini(&queue->lock);
        nb_queue_extras_release(&extras);
        nb_free(nb->heap, queue, sizeof *queue);
        return NULL;
    }
    queue->purged_at = INT64_MIN;
    nb_queue_extras_begin(&extras, &none, &options);
    bind(queue, &options, &extras);
    nb_object_publish(&queue->object);
    return queue;
}

/* The queue that fills the name already, if what was given agrees with it. */
static nimbus_queue *existing(nb_object *object, const nimbus_queue_options *given, const nimbus_queue_options *resolved, const char *call,
                              nimbus_error *err)
{
    nimbus_queue *queue = nb_queue_of(object);
    const char *field;

    nb_lock_acquire(&queue->lock);
    field = nb_queue_options_differ(given, resolved, &queue->options);
    nb_lock_release(&queue->lock);
    if (field != NULL) {
        nb_object_release(object);
        nb_error_set(err, NIMBUS_E_EXISTS, call, field, "a queue of that name exists with another %s", field);
        return NULL;
    }
    return queue;
}

/* Whether the name was given back too short a time ago (SQS-Q4). */
static bool rests(nimbus_runtime *nb, nb_name *name)
{
    return nb->limits.recreate_wait > 0 && nb_name_resting(name, nb_clock_elapsed(&nb->clock), nb->limits.recreate_wait);
}

nimbus_queue *nb_queue_create(nimbus_runtime *nb, const char *text, const nimbus_queue_options *given, const char *call, nimbus_error *err)
{
    nimbus_queue_options options;
    nimbus_queue *queue = NULL;
    nb_name *name;
    nb_object *object;

    if (nb_queue_options_resolve(nb, given, &options, call, err) != NIMBUS_OK) {
        return NULL;
    }
    name = nb_names_intern(&nb->names, NB_QUEUE, text);
    if (name == NULL) {
        nb_error_set(err, nb_heap_failure(nb->heap, 256), call, NULL, "out of memory");
        return NULL;
    }
    while (queue == NULL && (object = nb_name_acquire(name)) == NULL) {
        if (rests(nb, name)) {
            nb_error_set(err, NIMBUS_E_DELETED_RECENTLY, call, "name", "a queue of that name was deleted a short time ago");
            break;
        }
        if (check_permission(&options, text, call, err) != NIMBUS_OK) {
            break;
        }
        queue = make(nb, name, options);
        if (queue == NULL) {
            nb_error_set(err, nb_heap_failure(nb->heap, sizeof *queue), call, NULL, "out of memory");
            break;
        }
        if (!nb_name_fill(name, &queue->object)) { /* somebody else was faster */
            if (queue->extras.hook != NULL) {
                queue->extras.hook->destroy = NULL; /* its user pointer is the caller's still */
            }
            nb_object_end(&queue->object);
            nb_object_release(&queue->object);
            queue = NULL;
        }
    }
    if (queue == NULL && object != NULL) {
        queue = existing(object, given, &options, call, err);
    }
    nb_name_release(name);
    return queue;
}

/* --------------------------------------------------------------------------------------------- options */

static void spell_out(nimbus_duration *value)
{
    *value = *value == 0 ? NIMBUS_ZERO : *value;
}

void nb_queue_get_options(nimbus_queue *queue, nimbus_queue_options *ret)
{
    nb_lock_acquire(&queue->lock);
    *ret = queue->options;
    nb_lock_release(&queue->lock);
    spell_out(&ret->visibility_timeout);
    spell_out(&ret->delay);
    spell_out(&ret->retention);
    spell_out(&ret->receive_wait);
}

/* A dead-letter queue that the queue has already is not asked again. Its own it cannot be: a dead letter would have nowhere to go. */
static nimbus_status check_new_permission(nimbus_queue *queue, const nimbus_queue_options *options, const char *call, nimbus_error *err)
{
    bool same;

    if (options->dead_letter_queue != NULL && options->dead_letter_queue->object.name == queue->object.name) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, "dead_letter_queue", "it is the queue itself");
    }
    nb_lock_acquire(&queue->lock);
    same = options->dead_letter_queue == NULL || options->dead_letter_queue->object.name == queue->dead_letter;
    nb_lock_release(&queue->lock);
    return same ? NIMBUS_OK : check_permission(options, queue->store.name, call, err);
}

/* It comes first: of options for the other kind, that is the fault to name. */
static nimbus_status check_kind(const nimbus_queue *queue, const nimbus_queue_options *given, const char *call, nimbus_error *err)
{
    bool fifo = given != NULL && given->fifo, fair = given != NULL && given->fair;
    const char *field = fifo != queue->fifo.on ? "fifo" : fair != queue->fair ? "fair" : NULL;

    return field == NULL ? NIMBUS_OK : nb_error_set(err, NIMBUS_E_INVALID, call, field, "the kind of a queue is fixed (SQS-Q7)");
}

nimbus_status nb_queue_set_options(nimbus_queue *queue, const nimbus_queue_options *given, const char *call, nimbus_error *err)
{
    nimbus_runtime *nb = queue->object.runtime;
    nimbus_queue_options options;
    nb_queue_extras extras, old;
    nb_store_config config;
    nb_name *old_name;
    nimbus_queue *old_shown;
    nimbus_duration before;
    nimbus_status status = check_kind(queue, given, call, err);

    status = status == NIMBUS_OK ? nb_queue_options_resolve(nb, given, &options, call, err) : status;
    status = status == NIMBUS_OK ? check_new_permission(queue, &options, call, err) : status;
    if (status != NIMBUS_OK) {
        return status;
    }
    if (!nb_queue_extras_make(&extras, nb->heap, &options)) {
        return nb_error_set(err, nb_heap_failure(nb->heap, 256), call, NULL, "out of memory");
    }
    config = nb_queue_store_config(nb, &options);
    nb_lock_acquire(&queue->lock);
    if (nb_object_ended(&queue->object)) {
        nb_lock_release(&queue->lock);
        nb_queue_extras_release(&extras);
        return nb_error_set(err, NIMBUS_E_DELETED, call, NULL, "the queue was deleted");
    }
    if (nb_fifo_set(queue, &options) != NIMBUS_OK) {
        nb_lock_release(&queue->lock);
        nb_queue_extras_release(&extras);
        return nb_error_set(err, NIMBUS_E_UNSUPPORTED, call, "deduplication_scope", "the queue is not empty, or remembers ids");
    }
    before = queue->options.delay;
    old = queue->extras;
    old_name = queue->dead_letter;
    old_shown = queue->shown_dead_letter;
    nb_queue_extras_begin(&extras, &old, &options);
    bind(queue, &options, &extras);
    nb_lock_release(&queue->lock);
    nb_store_configure(&queue->store, &config);
    if (options.fifo && options.delay != before) {
        nb_store_set_delays(&queue->store, options.delay);
    }
    nb_queue_extras_release(&old);
    nb_name_release(old_name);
    if (old_shown != NULL) {
        nb_object_unpin(&old_shown->object);
    }
    return NIMBUS_OK;
}

void nb_queue_get_metrics(nimbus_queue *queue, nimbus_queue_metrics *ret)
{
    nb_store_counts c;
    uint64_t bytes;
    int64_t oldest_age;

    nb_store_measure(&queue->store, &bytes, &oldest_age);
    nb_store_get_counts(&queue->store, &c);
    *ret = (nimbus_queue_metrics){
        .ready = c.ready, .delayed = c.delayed, .in_flight = c.in_flight, .bytes = bytes, .waiters = c.waiters, .accepted = c.accepted,
        .redriven_in = c.redriven_in, .received = c.received, .empty_receives = c.empty_receives, .deleted = c.deleted, .moved = c.moved,
        .expired = c.expired, .purged = c.purged, .dropped = c.dropped, .discarded = c.discarded,
        .cancelled = c.cancelled, .groups = c.groups, .groups_locked = c.locked_groups,
        .noisy_groups = c.noisy_groups, .refused = c.refused,
        .oldest_age = oldest_age,
    };
    nb_fifo_measure(queue, ret);
}
