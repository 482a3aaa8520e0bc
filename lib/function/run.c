/*
 * run.c - a worker's turn: taking messages, calling the handler, watching the source. See the head of function.h.
 */
#include <string.h>

#include "base/number.h"
#include "function/function.h"
#include "platform/clock.h"
#include "function/activate.h"
#include "function/batch.h"
#include "function/filter.h"

/* --------------------------------------------------------------------------------------- feeds at work */

/* What comes behind leader in its group goes back, unseen: it waits until leader has left the queue (LA-Q10, Q11). */
static void give_back_group(nb_feed *feed, nb_delivery *slots, uint32_t count, const nimbus_message *leader)
{
    while (leader != NULL && count-- > 0) {
        if (nb_call_waits_for(&slots[count], leader)) {
            feed->ops->settle(slots[count].source, &slots[count], &(nb_settlement){ .outcome = NIMBUS_LATER, .reason = "" });
            nb_delivery_let_go(&slots[count]);
        }
    }
}

/* A message that the filter does not take is deleted without a call, and counted (LA-Q12). Where that cannot be told for want of memory it
   stays hidden until its visibility timeout, as if its handler had failed. It is the first of count that were taken. */
static bool filtered_out(nb_feed *feed, nb_stay *stay, nb_object *source, nb_delivery *delivery, uint32_t count)
{
    bool match = false;
    nimbus_status status = NIMBUS_OK;
    nimbus_message *leader;

    if (feed->options.filter != NULL) {
        status = nb_record_matches(feed, delivery, &match);
    }
    if (feed->options.filter == NULL || (status == NIMBUS_OK && match)) {
        return false;
    }
    leader = nb_call_leader(delivery, count);
    if (!feed->ops->settle(source, delivery, &(nb_settlement){ .outcome = status == NIMBUS_OK ? NIMBUS_DONE : NIMBUS_RETRY,
                                                               .lease = feed->options.lease,
                                                               .reason = status == NIMBUS_OK ? "" : "no memory for the filter" })) {
        give_back_group(feed, delivery + 1, count - 1, leader);
    }
    nb_message_release(leader);
    nb_call_let_go(delivery);
    nb_stay_count(&stay->filtered, status == NIMBUS_OK);
    return true;
}

static uint32_t take(nb_feed *feed, nb_stay *stay, nb_object *source, nb_delivery *slots, uint32_t max, bool *ret_more)
{
    uint32_t taken = 0, kept = 0;

    *ret_more = false;
    for (uint32_t i = 0; i < max; i++) {
        slots[i].message = NULL; /* an empty slot */
    }
    if (feed->ops->take(source, max, feed->options.lease, slots, &taken, ret_more) != NIMBUS_OK) {
        taken = 0;
    }
    if (feed->queue == NULL) { /* the mailbox has no filter, and leaves no slot empty */
        return taken;
    }
    for (uint32_t i = 0; i < taken; i++) {
        if (slots[i].message != NULL && !filtered_out(feed, stay, source, &slots[i], taken - i)) {
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
    nb_function_unlock(function);
    if (stale && feed->ops->unwait(source, &feed->waiter, NIMBUS_E_CANCELLED)) { /* who ended it came too early to do that */
        nb_lock_acquire(&function->lock);
        feed->armed = false;
        feed->signalled = true;
        nb_function_wake_locked(function);
        nb_function_unlock(function);
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
    feed->plenty = more;
    nb_function_wake_locked(function);
    nb_function_unlock(function);
    if (wait) {
        arm(feed, source);
    }
}

/* Whether the call of message number i of a batch must not begin. */
static bool halted(const nb_feed *feed, const nb_stay *stay, uint32_t i)
{
    nimbus_function *function = feed->function;
    uint32_t halt = nb_load_acquire(&function->halt); /* pairs with nb_function_note_locked() */

    if ((halt & (NB_HALT_ENDED | NB_HALT_STOPPED)) != 0 || nb_load_acquire(&feed->quit)) { /* pairs with nb_feed_end() */
        return true;
    }
    if (i == 0) {
        return false;
    }
    return (halt & NB_HALT_OVER) != 0 || (feed->queue == NULL && ((halt & NB_HALT_CALLS) != 0 || nb_stay_late(stay)));
}

/* The last one first, so that they stand in the queue as before. */
static void give_back_rest(const nb_function_call *at, nb_delivery *slots, uint32_t count)
{
    while (count-- > 0) {
        if (slots[count].message != NULL) {
            nb_call_give_back(at, &slots[count]);
        }
    }
}

/* source: where all of them come from, pinned by the caller, so that their pins are given back together; NULL: from more than one. */
static void run_deliveries(nb_feed *feed, nb_stay *stay, nb_object *source, nb_delivery *slots, uint32_t count, nb_turn *turn)
{
    nb_function_call at = { .function = feed->function, .feed = feed, .stay = stay };
    nimbus_message *leader;
    uint32_t unpinned = 0;

    for (uint32_t i = 0; i < count; i++) {
        if (slots[i].message == NULL) {
            continue; /* kept back by one before */
        }
        if (halted(feed, stay, i)) {
            give_back_rest(&at, &slots[i], count - i);
            break;
        }
        turn->calls_left -= turn->calls_left > 0;
        if (feed->function->batches) {
            nb_call_run_batch(&at, slots, count);
            break;
        }
        leader = nb_call_leader(&slots[i], count - i);
        if (!nb_call_run_single(&at, (nimbus_delivery *)(void *)&slots[i], source != NULL ? &unpinned : NULL)) {
            give_back_group(feed, &slots[i + 1], count - i - 1, leader);
        }
        if (leader != NULL) {
            nb_message_release(leader);
        }
    }
    if (unpinned > 0) {
        nb_object_unpin_many(source, unpinned);
    }
}

static uint32_t batch_size(const nb_feed *feed, uint32_t batch, const nb_turn *turn)
{
    batch = batch < NB_FUNCTION_BATCH ? batch : NB_FUNCTION_BATCH;
    return !feed->function->batches && turn->calls_left < batch ? (turn->calls_left > 0 ? turn->calls_left : 1) : batch;
}

/* With a window: gathers, and runs what is full or whose window is over. False: no memory for a gather. */
static bool run_gathering(nb_feed *feed, nb_stay *stay, nb_object *source, nb_turn *turn)
{
    nb_gather *gather = nb_gather_take(feed);
    bool more = false;

    if (gather == NULL) {
        nb_gather_ready(feed, NULL);
        return false;
    }
    gather->count += take(feed, stay, source, gather->slots + gather->count, gather->capacity - gather->count, &more);
    gather = nb_gather_ready(feed, gather);
    watch(feed, source, more);
    if (gather != NULL) {
        run_deliveries(feed, stay, NULL, gather->slots, gather->count, turn);
        nb_free(feed->function->object.heap, gather, sizeof *gather + gather->capacity * sizeof(nb_delivery));
    }
    return true;
}

/*
 * Where others may join, the feed watches its source while the handler runs. Where nobody could, it looks again afterwards: what came
 * meanwhile has cost its sender no notice.
 */
static void run_feed(const nb_work *now, nb_stay *stay, nb_turn *turn)
{
    nb_delivery slots[NB_FUNCTION_BATCH];
    nb_feed *feed = now->feed;
    bool more;
    uint32_t count;

    if (feed->has_timer && run_gathering(feed, stay, now->source, turn)) {
        return;
    }
    count = take(feed, stay, now->source, slots, batch_size(feed, now->batch, turn), &more);
    if (!now->alone) {
        watch(feed, now->source, more);
    }
    run_deliveries(feed, stay, now->source, slots, count, turn);
    if (now->alone) {
        watch(feed, now->source, more);
    }
}

/* --------------------------------------------------------------------------------- synchronous calls */

static void run_sync(nb_sync *sync, nb_stay *stay, nb_turn *turn)
{
    nimbus_function *function = stay->function;
    nb_function_call at = { .function = function, .sync = sync, .stay = stay };
    nimbus_delivery slot;

    memset(&slot, 0, sizeof slot);
    nb_message_retain(sync->parcel.message);
    nb_object_pin(&function->object);
    *nb_delivery_of(&slot) = (nb_delivery){ .message = sync->parcel.message, .source = &function->object, .source_name = function->name,
                                            .id = sync->parcel.id, .sent = sync->parcel.sent, .first_received = sync->parcel.sent,
                                            .receive_count = 1 };
    turn->calls_left -= turn->calls_left > 0;
    if ((nb_load_acquire(&function->halt) & NB_HALT_ENDED) != 0) { /* pairs with nb_function_note_locked() */
        nb_call_give_back(&at, nb_delivery_of(&slot));
    } else if (function->batches) {
        nb_call_run_batch(&at, nb_delivery_of(&slot), 1);
    } else {
        nb_call_run_single(&at, &slot, NULL);
    }
}

/* Does a piece of work, and looks for the next one. */
static bool run_piece(nb_stay *stay, nb_work *now, nb_turn *turn)
{
    nimbus_function *function = stay->function;
    nb_feed *feed = now->feed;
    bool found, last = false;

    if (now->sync != NULL) {
        run_sync(now->sync, stay, turn);
    } else {
        run_feed(now, stay, turn);
        nb_object_unpin(now->source);
    }
    found = !nb_turn_over(turn);
    nb_lock_acquire(&function->lock);
    last = feed != NULL && nb_feed_left_locked(feed);
    found = found && nb_function_find_work_locked(function, now);
    nb_function_wake_locked(function); /* more work and another place: let somebody join */
    nb_function_unlock(function);
    if (last && feed->free != NULL) {
        feed->free(feed);
    }
    return found;
}

void nb_function_run(nb_task *task, nb_turn *turn)
{
    nimbus_function *function = NB_CONTAINER(task, nimbus_function, task);
    nb_stay stay;
    nb_work now;
    bool stays, found = false, broken;

    nb_lock_acquire(&function->lock);
    function->queued = false;
    stays = function->running < function->limit && nb_function_has_work_locked(function);
    if (stays) {
        nb_stay_begin_locked(&stay, function, turn);
        found = nb_function_find_work_locked(function, &now);
    }
    broken = nb_function_broken_claim_locked(function) != NULL;
    nb_function_wake_locked(function); /* more work and another place: let somebody join */
    nb_function_unlock(function);
    if (broken) { /* a synchronous call may have taken the place that a feed had counted on */
        nb_function_pass_on(function);
    }
    while (found) {
        found = run_piece(&stay, &now, turn);
    }
    if (stays) {
        nb_stay_end(&stay);
    }
    nb_object_unpin(&function->object);
}
