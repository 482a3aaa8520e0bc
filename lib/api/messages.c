/* messages.c - the functions of nimbus/queue.h that send, receive, delete and change messages. */
#include <string.h>

#include "api/handle.h"
#include "base/rare.h"
#include "queue/async.h"
#include "queue/queue.h"
#include "store/plain.h"

/* The first lines of every batch call. */
static nimbus_status check_batch(nimbus_queue *queue, const void *entries, size_t count)
{
    nimbus_status status = nb_usable(queue != NULL ? &queue->object : NULL);

    return status == NIMBUS_OK ? nb_batch_shape(entries, count, queue->object.runtime->limits.max_batch) : status;
}

/* More than bytes, or something is wrong. status: whether the queue takes anything at all. */
static NB_APART nimbus_status send_checked(nimbus_queue *queue, const nimbus_entry *entry, nimbus_status status, nimbus_sent *ret)
{
    nimbus_sent sent = { .status = status };
    nb_keys keys;
    size_t size;

    if (status == NIMBUS_OK && nb_queue_keyed(queue, entry, &keys)) {
        return nb_queue_send_keyed(queue, entry, &keys, ret);
    }
    if (sent.status == NIMBUS_OK) {
        sent.status = nb_queue_check(queue, entry, &size);
    }
    if (sent.status == NIMBUS_OK) {
        nb_queue_send(queue, entry, &sent);
    }
    if (ret != NULL) {
        *ret = sent;
    }
    return sent.status;
}

nimbus_status nimbus_queue_send(nimbus_queue *queue, const nimbus_entry *entry, nimbus_sent *ret)
{
    nimbus_status status;

    if (queue == NULL || entry == NULL) {
        return NIMBUS_E_INVALID;
    }
    status = nb_accepting(&queue->object);
    return status == NIMBUS_OK && nb_queue_plain(queue, entry) ? nb_queue_send_plain(queue, entry, ret)
                                                               : send_checked(queue, entry, status, ret);
}

/* Some entries of a batch, together if that goes. checked: as in nb_queue_send_together. False: not all were stored. */
static bool send_run(nimbus_queue *queue, const nimbus_entry *entries, const nb_checked *checked, uint32_t count, bool plain,
                     nimbus_sent *ret)
{
    bool good = true;

    if (plain && nb_queue_send_run(queue, entries, count, ret)) {
        return true;
    }
    if (queue->store.order != NULL) {
        return nb_queue_send_together(queue, entries, checked, count, ret);
    }
    for (uint32_t i = 0; i < count; i++) {
        good = !nimbus_failed(nimbus_queue_send(queue, &entries[i], ret != NULL ? &ret[i] : NULL)) && good;
    }
    return good;
}

/* Whether all entries are plain and, together, not too long. */
static inline bool all_plain(const nimbus_queue *queue, const nimbus_entry *entries, size_t count)
{
    size_t max = queue->object.runtime->limits.max_message_size, total = 0;

    for (size_t i = 0; i < count; i++) {
        if (!nb_queue_plain(queue, &entries[i])) {
            return false;
        }
        total += entries[i].body.size; /* none is above SIZE_MAX / 4, nor is max */
        if (total > max) {
            return false;
        }
    }
    return true;
}

/* More entries than go at once, more than bytes, or something is wrong. */
static NB_APART nimbus_status send_batch_checked(nimbus_queue *queue, const nimbus_entry *entries, size_t count, nimbus_sent *ret)
{
    size_t total = 0, size = 0, max = queue->object.runtime->limits.max_message_size;
    bool partial = false, plain = true, incomplete = false;
    nimbus_status status = NIMBUS_OK;
    nb_checked checked[NB_BATCH_RUN];
    uint32_t run;

    for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
        if (nb_queue_plain(queue, &entries[i])) {
            size = entries[i].body.size;
        } else {
            nb_checked *found = &checked[i % NB_BATCH_RUN];

            plain = false;
            nb_queue_look(queue, &entries[i], found, &size);
            incomplete = incomplete || (!found->keyed && nb_fifo_incomplete(queue, &entries[i]));
        }
        total = size > SIZE_MAX - total ? SIZE_MAX : total + size;
        status = total > max ? NIMBUS_E_BATCH_TOO_LONG : NIMBUS_OK;
    }
    status = status == NIMBUS_OK && incomplete ? NIMBUS_E_INVALID : status;
    for (size_t i = 0; status == NIMBUS_OK && i < count; i += run) {
        run = count - i < NB_BATCH_RUN ? (uint32_t)(count - i) : NB_BATCH_RUN;
        partial = !send_run(queue, &entries[i], count <= NB_BATCH_RUN ? checked : NULL, run, plain, ret != NULL ? &ret[i] : NULL) ||
                  partial;
    }
    return status == NIMBUS_OK && partial ? NIMBUS_PARTIAL : status;
}

nimbus_status nimbus_queue_send_batch(nimbus_queue *queue, const nimbus_entry *entries, size_t count, nimbus_sent *ret)
{
    nimbus_status status = nb_accepting(queue != NULL ? &queue->object : NULL);

    status = status == NIMBUS_OK ? nb_batch_shape(entries, count, queue->object.runtime->limits.max_batch) : status;
    if (status != NIMBUS_OK) {
        return status;
    }
    return count <= NB_BATCH_RUN && all_plain(queue, entries, count) && nb_queue_send_run(queue, entries, (uint32_t)count, ret)
               ? NIMBUS_OK
               : send_batch_checked(queue, entries, count, ret);
}

/* The part of a receive's arguments that both forms share. */
static inline nimbus_status check_receive(nimbus_queue *queue, nimbus_duration *wait, const nimbus_receive_options *options, size_t max,
                                          nb_hiding *ret_how)
{
    nimbus_duration visibility = options != NULL ? options->visibility_timeout : 0;
    const nimbus_limits *limits;
    nimbus_status status = nb_usable(queue != NULL ? &queue->object : NULL);

    if (status != NIMBUS_OK) {
        return status;
    }
    limits = &queue->object.runtime->limits;
    if (max == 0 || max > limits->max_batch || (*wait != NIMBUS_DEFAULT && !nb_duration_argument(wait)) ||
        (options != NULL && !nb_reserved_clear(options->reserved_, 4))) {
        return NIMBUS_E_INVALID;
    }
    if (visibility == 0) { /* the queue's own */
        visibility = NB_STORE_VISIBILITY;
    } else if (!nb_duration_argument(&visibility) || visibility > limits->max_visibility) {
        return NIMBUS_E_INVALID;
    }
    if (options == NULL) {
        *ret_how = (nb_hiding){ .visibility = visibility };
        return NIMBUS_OK;
    }
    if ((options->attempt_id != NULL && (!queue->fifo.on || !nb_key_valid(options->attempt_id))) ||
        (options->group_id != NULL && (queue->store.order == NULL || !nb_key_valid(options->group_id)))) {
        return NIMBUS_E_INVALID;
    }
    *ret_how = options->heartbeat ? nb_queue_hiding(queue, visibility) : (nb_hiding){ .visibility = visibility };
    ret_how->group = options->group_id;
    return NIMBUS_OK;
}

static NB_APART nimbus_status receive_checked(nimbus_queue *queue, nimbus_duration wait, const nimbus_receive_options *options,
                                              nimbus_delivery *ret, size_t max, size_t *ret_count)
{
    nb_hiding how;
    nimbus_status status = check_receive(queue, &wait, options, max, &how);

    if (status == NIMBUS_OK && ret == NULL) {
        status = NIMBUS_E_INVALID;
    }
    if (status == NIMBUS_OK && options != NULL && options->attempt_id != NULL) {
        return nb_attempt_receive(queue, options->attempt_id, wait, &how, ret, max, ret_count);
    }
    return status == NIMBUS_OK ? nb_queue_receive(queue, wait, &how, ret, max, ret_count) : status;
}

/* One message into an empty slot, with nothing said of how, and one is there: most receives of one. */
static inline bool receive_plainly(nimbus_queue *queue, nimbus_duration wait, const nimbus_receive_options *options, nimbus_delivery *ret,
                                   size_t max)
{
    return queue != NULL && options == NULL && max == 1 && ret != NULL && nb_delivery_of(ret)->message == NULL &&
           (wait == NIMBUS_DEFAULT || nb_duration_argument(&wait)) && !nb_object_ended(&queue->object) &&
           nb_store_take_plainly(&queue->store, nb_load_relaxed(&queue->store.settings.visibility), nb_delivery_of(ret));
}

nimbus_status nimbus_queue_receive(nimbus_queue *queue, nimbus_duration wait, const nimbus_receive_options *options, nimbus_delivery *ret,
                                   size_t max, size_t *ret_count)
{
    if (!receive_plainly(queue, wait, options, ret, max)) {
        return receive_checked(queue, wait, options, ret, max, ret_count);
    }
    if (ret_count != NULL) {
        *ret_count = 1;
    }
    return NIMBUS_OK;
}

nimbus_status nimbus_queue_receive_async(nimbus_queue *queue, nimbus_duration wait, const nimbus_receive_options *options, size_t max,
                                         nimbus_receive_fn *fn, void *user, nimbus_receive_task **ret_task)
{
    nb_hiding how;
    nimbus_status status = check_receive(queue, &wait, options, max, &how);

    if (status == NIMBUS_OK && (fn == NULL || (options != NULL && options->attempt_id != NULL))) {
        status = NIMBUS_E_INVALID;
    }
    return status == NIMBUS_OK ? nb_receive_start(queue, wait, &how, max, fn, user, ret_task) : status;
}

nimbus_status nimbus_receive_cancel(nimbus_receive_task *task)
{
    return task != NULL ? nb_receive_cancel(task) : NIMBUS_E_INVALID;
}

void nimbus_receive_task_release(nimbus_receive_task *task)
{
    if (task != NULL) {
        nb_receive_release(task);
    }
}

nimbus_status nimbus_queue_delete_message(nimbus_queue *queue, nimbus_receipt receipt)
{
    return queue != NULL ? nb_store_delete(&queue->store, receipt) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_queue_cancel(nimbus_queue *queue, nimbus_receipt place)
{
    return queue != NULL ? nb_store_cancel(&queue->store, place) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_queue_change_visibility(nimbus_queue *queue, nimbus_receipt receipt, nimbus_duration timeout)
{
    if (queue == NULL || !nb_duration_argument(&timeout)) {
        return NIMBUS_E_INVALID;
    }
    return nb_store_change(&queue->store, receipt, timeout);
}

nimbus_status nimbus_queue_delete_batch(nimbus_queue *queue, const nimbus_receipt *receipts, size_t count, nimbus_status *ret)
{
    nimbus_status status = check_batch(queue, receipts, count);

    return status == NIMBUS_OK && !nb_store_delete_many(&queue->store, receipts, count, ret) ? NIMBUS_PARTIAL : status;
}

nimbus_status nimbus_queue_change_visibility_batch(nimbus_queue *queue, const nimbus_receipt *receipts, const nimbus_duration *timeouts,
                                                   size_t count, nimbus_status *ret)
{
    nimbus_status status = check_batch(queue, timeouts != NULL ? receipts : NULL, count);
    bool partial = false;

    for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
        nimbus_status one = nimbus_queue_change_visibility(queue, receipts[i], timeouts[i]);

        partial = partial || nimbus_failed(one);
        if (ret != NULL) {
            ret[i] = one;
        }
    }
    return status == NIMBUS_OK && partial ? NIMBUS_PARTIAL : status;
}
