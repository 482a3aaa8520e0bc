/*
 * run.c - the activation: finding work, calling the handler, settling. See the head of function.h.
 */
#include <string.h>

#include "base/number.h"
#include "function/function.h"
#include "platform/clock.h"
#include "function/batch.h"

/* A piece of work, with its place taken. */
typedef struct work {
    nb_sync *sync;     /* a synchronous call; else */
    nb_feed *feed;
    nb_object *source; /* pinned */
} work;

static bool feed_has_place(const nimbus_function *function, const nb_feed *feed)
{
    return feed->signalled && feed->enabled && !feed->ended && feed->source != NULL && !function->stopped && !feed->gathering &&
           feed->running < feed->options.limit;
}

static nb_feed *next_feed_locked(nimbus_function *function)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if (feed_has_place(function, feed)) {
            return feed;
        }
    }
    return NULL;
}

static bool work_waits_locked(nimbus_function *function)
{
    return function->running < function->limit && !function->ended && (!nb_list_empty(&function->calls) || next_feed_locked(function));
}

void nb_function_wake_locked(nimbus_function *function)
{
    if (!function->queued && work_waits_locked(function)) {
        function->queued = true;
        nb_object_pin(&function->object);
        nb_exec_submit(&function->object.runtime->exec, &function->task);
    }
}

static bool find_work_locked(nimbus_function *function, work *ret)
{
    memset(ret, 0, sizeof *ret);
    if (!work_waits_locked(function)) {
        return false;
    }
    function->running++;
    if (!nb_list_empty(&function->calls)) {
        ret->sync = NB_CONTAINER(nb_list_pop(&function->calls), nb_sync, link);
        ret->sync->started = true;
        nb_list_push(&function->started, &ret->sync->link);
        return true;
    }
    ret->feed = next_feed_locked(function);
    ret->feed->running++;
    ret->feed->signalled = false;
    ret->feed->claimed = false;
    ret->feed->gathering = ret->feed->has_timer;
    ret->source = ret->feed->source;
    nb_object_pin(ret->source);
    nb_link_remove(&ret->feed->link); /* to the end: the others come first next time */
    nb_list_push(&function->feeds, &ret->feed->link);
    return true;
}

void nb_function_leave_locked(nimbus_function *function)
{
    if (--function->running == 0) {
        nb_leavers_wake(&function->object.runtime->exec, &function->leavers);
    }
}

/* --------------------------------------------------------------------------------------- feeds at work */

/* A message that the filter does not take is deleted without a call, and counted (LA-Q12). */
static bool filtered_out(nb_feed *feed, nb_object *source, nb_delivery *delivery)
{
    nimbus_bytes body;
    bool match = false;

    if (feed->options.filter == NULL) {
        return false;
    }
    body = nb_message_body(delivery->message);
    if (nb_pattern_match(feed->options.filter, body.data, body.size, &match) == NIMBUS_OK && match) {
        return false;
    }
    feed->ops->settle(source, delivery, &(nb_settlement){ .outcome = NIMBUS_DONE, .reason = "" });
    nb_delivery_let_go(delivery);
    nb_lock_acquire(&feed->function->lock);
    feed->function->counts.filtered++;
    nb_lock_release(&feed->function->lock);
    return true;
}

static uint32_t take(nb_feed *feed, nb_object *source, nb_delivery *slots, uint32_t max, bool *ret_more)
{
    uint32_t taken = 0, kept = 0;

    *ret_more = false;
    memset(slots, 0, max * sizeof *slots);
    if (feed->ops->take(source, max, feed->options.lease, slots, &taken, ret_more) != NIMBUS_OK) {
        taken = 0;
    }
    for (uint32_t i = 0; i < taken; i++) {
        if (!filtered_out(feed, source, &slots[i])) {
            if (kept != i) {
                slots[kept] = slots[i];
                memset(&slots[i], 0, sizeof slots[i]);
            }
            kept++;
        }
    }
    return kept;
}

/* Puts the feed into the source's line. One thread at a time (feed->arming): there is one waiter. */
static void arm(nb_feed *feed, nb_object *source)
{
    nimbus_function *function = feed->function;
    nimbus_status status = feed->ops->wait(source, &feed->waiter);
    bool stale;

    nb_lock_acquire(&function->lock);
    feed->arming = false;
    if (status != NIMBUS_EMPTY) {
        feed->armed = false;
        feed->signalled = feed->signalled || status == NIMBUS_OK || feed->source != source; /* look at the new one */
    } else if (!feed->armed) { /* notified meanwhile, and whoever went to look did not wait again because we were at it */
        feed->signalled = true;
    }
    stale = status == NIMBUS_EMPTY && (feed->ended || !feed->enabled || feed->source != source);
    nb_function_wake_locked(function);
    nb_lock_release(&function->lock);
    if (stale && feed->ops->unwait(source, &feed->waiter, NIMBUS_E_CANCELLED)) { /* who ended it came too early to do that */
        nb_lock_acquire(&function->lock);
        feed->armed = false;
        feed->signalled = true;
        nb_function_wake_locked(function);
        nb_lock_release(&function->lock);
    }
}

/* After a take: either there may be more (signalled), or the feed waits in the source's line again. */
static void watch(nb_feed *feed, nb_object *source, bool more)
{
    nimbus_function *function = feed->function;
    bool wait;

    nb_lock_acquire(&function->lock);
    wait = !more && !feed->armed && !feed->arming && feed->enabled && !feed->ended && feed->source == source;
    feed->arming = feed->arming || wait;
    feed->armed = feed->armed || wait;
    feed->signalled = feed->signalled || more;
    nb_function_wake_locked(function);
    nb_lock_release(&function->lock);
    if (wait) {
        arm(feed, source);
    }
}

/* A kept invocation has taken the place of the next one, or the limit was lowered. */
static bool over_limit(nimbus_function *function)
{
    bool over;

    nb_lock_acquire(&function->lock);
    over = function->running > function->limit;
    nb_lock_release(&function->lock);
    return over;
}

/* The last one first, so that they stand in the queue as before. */
static void give_back_rest(const nb_function_call *at, nb_delivery *slots, uint32_t count)
{
    while (count-- > 0) {
        nb_call_give_back(at, &slots[count]);
    }
}

static void run_deliveries(nb_feed *feed, nb_delivery *slots, uint32_t count, nb_turn *turn)
{
    nb_function_call at = { .function = feed->function, .feed = feed };

    if (count > 0 && feed->function->batches) {
        turn->calls_left -= turn->calls_left > 0;
        nb_call_run_batch(&at, slots, count);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        turn->calls_left -= turn->calls_left > 0;
        nb_call_run_single(&at, (nimbus_delivery *)(void *)&slots[i]);
        if (i + 1 < count && over_limit(feed->function)) {
            give_back_rest(&at, &slots[i + 1], count - i - 1);
            break;
        }
    }
}

static uint32_t batch_size(const nb_feed *feed, const nb_turn *turn)
{
    uint32_t batch = feed->options.batch < NB_FUNCTION_BATCH ? feed->options.batch : NB_FUNCTION_BATCH;

    return !feed->function->batches && turn->calls_left < batch ? (turn->calls_left > 0 ? turn->calls_left : 1) : batch;
}

/* With a window: gathers, and runs what is full or whose window is over. False: no memory for a gather. */
static bool run_gathering(nb_feed *feed, nb_object *source, nb_turn *turn)
{
    nb_gather *gather = nb_gather_take(feed);
    bool more = false;

    if (gather == NULL) {
        nb_gather_ready(feed, NULL);
        return false;
    }
    gather->count += take(feed, source, gather->slots + gather->count, gather->capacity - gather->count, &more);
    gather = nb_gather_ready(feed, gather);
    watch(feed, source, more);
    if (gather != NULL) {
        run_deliveries(feed, gather->slots, gather->count, turn);
        nb_free(feed->function->object.heap, gather, sizeof *gather + gather->capacity * sizeof(nb_delivery));
    }
    return true;
}

static void run_feed(nb_feed *feed, nb_object *source, nb_turn *turn)
{
    nb_delivery slots[NB_FUNCTION_BATCH];
    bool more;
    uint32_t count;

    if (feed->has_timer && run_gathering(feed, source, turn)) {
        return;
    }
    count = take(feed, source, slots, batch_size(feed, turn), &more);
    watch(feed, source, more);
    run_deliveries(feed, slots, count, turn);
}

/* --------------------------------------------------------------------------------- synchronous calls */

static void run_sync(nimbus_function *function, nb_sync *sync, nb_turn *turn)
{
    nb_function_call at = { .function = function, .sync = sync };
    nimbus_delivery slot;

    memset(&slot, 0, sizeof slot);
    nb_message_retain(sync->parcel.message);
    nb_object_pin(&function->object);
    *nb_delivery_of(&slot) = (nb_delivery){ .message = sync->parcel.message, .source = &function->object, .source_name = function->name,
                                            .id = sync->parcel.id, .sent = sync->parcel.sent, .first_received = sync->parcel.sent,
                                            .receive_count = 1 };
    turn->calls_left -= turn->calls_left > 0;
    if (function->batches) {
        nb_call_run_batch(&at, nb_delivery_of(&slot), 1);
    } else {
        nb_call_run_single(&at, &slot);
    }
}

void nb_function_leave(nimbus_function *function, nb_feed *feed)
{
    bool last;

    nb_lock_acquire(&function->lock);
    nb_function_leave_locked(function);
    last = feed != NULL && nb_feed_left_locked(feed);
    nb_function_wake_locked(function); /* a place is free */
    nb_lock_release(&function->lock);
    if (last && feed->free != NULL) {
        feed->free(feed);
    }
}

/* A feed that has claimed a message and cannot come for it now. */
static nb_feed *broken_claim_locked(nimbus_function *function)
{
    for (nb_link *at = function->feeds.next; at != &function->feeds; at = at->next) {
        nb_feed *feed = NB_CONTAINER(at, nb_feed, link);

        if (feed->claimed && feed->source != NULL &&
            (!feed->enabled || function->running >= function->limit || feed->running >= feed->options.limit)) {
            return feed;
        }
    }
    return NULL;
}

void nb_function_pass_on(nimbus_function *function)
{
    nb_feed *feed;

    nb_lock_acquire(&function->lock);
    while ((feed = broken_claim_locked(function)) != NULL) {
        const nb_source_ops *ops = feed->ops;
        nb_object *source = feed->source;

        feed->claimed = false;
        nb_object_pin(source);
        nb_lock_release(&function->lock);
        ops->pass_on(source);
        nb_object_unpin(source);
        nb_lock_acquire(&function->lock);
    }
    nb_lock_release(&function->lock);
}

void nb_function_run(nb_task *task, nb_turn *turn)
{
    nimbus_function *function = NB_CONTAINER(task, nimbus_function, task);
    work now;
    bool found;

    nb_lock_acquire(&function->lock);
    function->queued = false;
    found = find_work_locked(function, &now);
    nb_function_wake_locked(function); /* more work and another place: let somebody join */
    nb_lock_release(&function->lock);
    nb_function_pass_on(function); /* a synchronous call may have taken the place that a feed had counted on */
    while (found) {
        if (now.sync != NULL) {
            run_sync(function, now.sync, turn);
        } else {
            run_feed(now.feed, now.source, turn);
            nb_object_unpin(now.source);
        }
        nb_function_leave(function, now.feed);
        nb_lock_acquire(&function->lock);
        found = !nb_turn_over(turn) && find_work_locked(function, &now);
        nb_function_wake_locked(function);
        nb_lock_release(&function->lock);
    }
    nb_object_unpin(&function->object);
}
