/* test_store_explain.c - store/explain_order.c and the look at a store with an order: why nothing comes of a group, or of all of them. */
#include "shop.h"

#include "store/order.h"

static nimbus_receipt receipts[16]; /* of the last take */

static const nb_store_config standard = {
    .visibility = 30 * SECOND,
    .retention = INT64_MAX,
    .capacity_messages = 1000,
    .capacity_bytes = SIZE_MAX,
    .max_in_flight = 1000,
    .max_visibility = NIMBUS_HOURS(12),
    .fifo = true,
};

static nimbus_id send_later(shop *s, const char *group, int64_t delay)
{
    nb_parcel parcel = { .id = nb_new_id(s->nb) };
    nb_message_spec spec = { .body = nimbus_text(group), .group_id = group };

    parcel.enqueued = nb_clock_coarse(&s->nb->clock, &parcel.sent);
    OK(nb_message_make(s->nb->heap, &spec, &parcel.message));
    OK(nb_store_offer(&s->store, &parcel, delay, false, NULL));
    return parcel.id;
}

static nimbus_id send(shop *s, const char *group)
{
    return send_later(s, group, 0);
}

static uint32_t take(shop *s, uint32_t max, int64_t visibility)
{
    nb_delivery slots[16] = { { 0 } };
    uint32_t count;

    OK(nb_store_take(&s->store, max, visibility, slots, &count, NULL));
    for (uint32_t i = 0; i < count; i++) {
        receipts[i] = slots[i].receipt;
        nb_delivery_let_go(&slots[i]);
    }
    return count;
}

static nb_reason why(shop *s, const char *group)
{
    nb_reason reason;

    OK(nb_store_explain(&s->store, group, &reason));
    return reason;
}

#define WHY(s, group, wanted) EQ(why((s), (group)).why, wanted)

static void advance(shop *s, int64_t by)
{
    OK(nb_runtime_advance(s->nb, by));
}

static void a_group_that_is_locked(void **state)
{
    shop s;
    nimbus_id first;
    nb_reason reason;

    (void)state;
    shop_open(&s, &standard);
    WHY(&s, NULL, NIMBUS_WHY_EMPTY);
    WHY(&s, "a", NIMBUS_WHY_EMPTY);
    first = send(&s, "a");
    send(&s, "a");
    send(&s, "a");
    WHY(&s, NULL, NIMBUS_WHY_RECEIVABLE);
    EQ(take(&s, 1, 30 * SECOND), 1);
    advance(&s, 10 * SECOND);
    reason = why(&s, NULL);
    EQ(reason.why, NIMBUS_WHY_GROUP_LOCKED);
    EQ(reason.locked, 2);
    EQ(reason.counts.ready, 2);
    EQ(reason.counts.in_flight, 1);
    EQ(reason.until, 30 * SECOND);
    EQ(reason.holder.number, first.number);
    send(&s, "b"); /* another group: something can be received, and of this one still nothing */
    WHY(&s, NULL, NIMBUS_WHY_RECEIVABLE);
    reason = why(&s, "a");
    EQ(reason.why, NIMBUS_WHY_GROUP_LOCKED);
    EQ(reason.counts.ready, 2);
    WHY(&s, "b", NIMBUS_WHY_RECEIVABLE);
    EQ(why(&s, "b").counts.in_flight, 0);
    OK(nb_store_delete(&s.store, receipts[0]));
    WHY(&s, "a", NIMBUS_WHY_RECEIVABLE);
    shop_close(&s);
}

/* The head is what counts: a later one that comes back earlier opens nothing. */
static void until_the_head_comes_back(void **state)
{
    shop s;
    nb_reason reason;

    (void)state;
    shop_open(&s, &standard);
    send(&s, "a");
    send(&s, "a");
    EQ(take(&s, 2, 30 * SECOND), 2);
    OK(nb_store_change(&s.store, receipts[1], 5 * SECOND));
    reason = why(&s, NULL);
    EQ(reason.why, NIMBUS_WHY_IN_FLIGHT);
    EQ(reason.until, 30 * SECOND);
    advance(&s, 6 * SECOND);
    reason = why(&s, NULL);
    EQ(reason.why, NIMBUS_WHY_GROUP_LOCKED); /* it is back, and behind one that is not */
    EQ(reason.locked, 1);
    EQ(reason.until, 30 * SECOND);
    OK(nb_store_change(&s.store, receipts[0], 0));
    WHY(&s, "a", NIMBUS_WHY_RECEIVABLE);
    shop_close(&s);
}

static void delayed_ones_do_not_lock(void **state)
{
    shop s;
    nb_reason reason;
    nimbus_id early;

    (void)state;
    shop_open(&s, &standard);
    early = send_later(&s, "a", 20 * SECOND);
    send_later(&s, "a", 25 * SECOND);
    reason = why(&s, "a");
    EQ(reason.why, NIMBUS_WHY_DELAYED);
    EQ(reason.until, 20 * SECOND);
    EQ(reason.holder.number, early.number);
    send(&s, "a");
    WHY(&s, "a", NIMBUS_WHY_RECEIVABLE); /* SQS-F12 */
    EQ(take(&s, 1, 30 * SECOND), 1);
    reason = why(&s, "a");
    EQ(reason.why, NIMBUS_WHY_IN_FLIGHT);
    EQ(reason.until, 20 * SECOND); /* sent before the one in flight: it becomes the head */
    send_later(&s, "b", 3 * SECOND);
    EQ(why(&s, NULL).until, 3 * SECOND);
    shop_close(&s);
}

static void over_the_limit(void **state)
{
    nb_store_config config = standard;
    shop s;

    (void)state;
    config.max_in_flight = 1;
    shop_open(&s, &config);
    send(&s, "a");
    send(&s, "b");
    EQ(take(&s, 1, 30 * SECOND), 1);
    WHY(&s, NULL, NIMBUS_WHY_OVER_LIMIT);
    EQ(why(&s, NULL).until, 30 * SECOND);
    WHY(&s, "b", NIMBUS_WHY_OVER_LIMIT);
    WHY(&s, "a", NIMBUS_WHY_IN_FLIGHT);
    shop_close(&s);
}

static void worn_ones_and_stuck_ones(void **state)
{
    nb_store_config config = standard;
    shop s;
    nb_reason reason;

    (void)state;
    config.max_receives = 1;
    shop_open(&s, &config);
    send(&s, "a");
    send(&s, "a");
    EQ(take(&s, 1, SECOND), 1);
    advance(&s, SECOND);
    WHY(&s, "a", NIMBUS_WHY_EXHAUSTED);
    EQ(take(&s, 1, SECOND), 0); /* it is not taken by the dead letter, and keeps back the other one */
    reason = why(&s, NULL);
    EQ(reason.why, NIMBUS_WHY_MOVING);
    EQ(reason.until, 2 * SECOND);
    EQ(reason.counts.ready, 2);
    s.takes = true;
    advance(&s, SECOND);
    WHY(&s, "a", NIMBUS_WHY_RECEIVABLE);
    shop_close(&s);
}

/* What expires opens its group (SQS-T4). */
static void until_the_head_expires(void **state)
{
    nb_store_config config = standard;
    shop s;
    nb_reason reason;

    (void)state;
    config.retention = 60 * SECOND;
    shop_open(&s, &config);
    send(&s, "a");
    EQ(take(&s, 1, NIMBUS_HOURS(1)), 1);
    advance(&s, 10 * SECOND);
    send(&s, "a");
    reason = why(&s, "a");
    EQ(reason.why, NIMBUS_WHY_GROUP_LOCKED);
    CHECK(reason.until >= 60 * SECOND && reason.until <= 61 * SECOND);
    EQ(reason.holder.number, 0);
    advance(&s, 51 * SECOND);
    WHY(&s, "a", NIMBUS_WHY_RECEIVABLE);
    shop_close(&s);
}

static void peek_shows_what_is_locked(void **state)
{
    shop s;
    nimbus_peeked peeked[8];
    nb_store_counts counts;
    size_t count;

    (void)state;
    shop_open(&s, &standard);
    send(&s, "a");
    send(&s, "a");
    EQ(take(&s, 1, 30 * SECOND), 1);
    send(&s, "b");
    send_later(&s, "b", 5 * SECOND);
    OK(nb_store_peek(&s.store, peeked, 8, &count));
    EQ(count, 4);
    EQ(peeked[0].state, NIMBUS_STATE_READY);
    TEXT(peeked[0].group_id, "b");
    EQ(peeked[0].sequence, 3);
    EQ(peeked[1].state, NIMBUS_STATE_LOCKED);
    TEXT(peeked[1].group_id, "a");
    EQ(peeked[1].sequence, 2);
    EQ(peeked[2].state, NIMBUS_STATE_DELAYED);
    EQ(peeked[2].sequence, 4);
    EQ(peeked[3].state, NIMBUS_STATE_IN_FLIGHT);
    EQ(peeked[3].sequence, 1);
    for (size_t i = 0; i < count; i++) {
        nimbus_message_release(peeked[i].message);
    }
    nb_store_get_counts(&s.store, &counts);
    EQ(counts.groups, 2);
    EQ(counts.locked_groups, 1);
    EQ(counts.ready, 2); /* SQS-F14: the locked one is ready */
    OK(nb_store_peek(&s.store, peeked, 1, &count));
    EQ(count, 1);
    nimbus_message_release(peeked[0].message);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_that_is_locked),
        cmocka_unit_test(until_the_head_comes_back),
        cmocka_unit_test(delayed_ones_do_not_lock),
        cmocka_unit_test(over_the_limit),
        cmocka_unit_test(worn_ones_and_stuck_ones),
        cmocka_unit_test(until_the_head_expires),
        cmocka_unit_test(peek_shows_what_is_locked),
    };
    return cmocka_run_group_tests_name("store_explain", tests, NULL, NULL);
}
