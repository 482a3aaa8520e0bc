/*
 * store_lease.c - lib/store: a lease that is let go of, a message that is taken back, and a look at why nothing comes, each while others
 * are at the same message.
 */
#include "shop.h"

static nimbus_receipt first, place;
static nimbus_status said;
static bool took;
static nb_reason reason;

static void open(const nb_store_config *config)
{
    said = NIMBUS_OK;
    took = false;
    reason = (nb_reason){ .why = NIMBUS_WHY_EMPTY };
    shop_open(config);
}

/* ------------------------------------------------------------------------------------------------ lease */

static void setup_leased(void)
{
    open(&shop_standard);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(nb_store_lease(&the_shop.store), &first, NULL));
}

static void setup_leased_for_long(void)
{
    setup_leased();
    shop_time(31 * SECOND);
}

/*
 * Let go of behind its visibility, while somebody sets another end and somebody else receives. Wrong: it is brought back although the
 * change was said to hold (settle.c, nb_store_end_lease()).
 */
static void release_late(uint32_t me)
{
    nimbus_receipt receipt;

    switch (me) {
    case 0: nb_store_end_lease(&the_shop.store, first, 30 * SECOND); break;
    case 1: said = nb_store_change(&the_shop.store, first, 60 * SECOND); break;
    default: took = shop_take(NIMBUS_HOURS(1), &receipt, NULL); break;
    }
}

static void release_late_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(said == NIMBUS_OK || said == NIMBUS_E_NOT_INFLIGHT || said == NIMBUS_STALE);
    explore_check(said != NIMBUS_OK || (!took && c.in_flight == 1));
    explore_check(c.ready + c.in_flight == 1 && (!took || c.in_flight == 1));
    explore_note((uint64_t)(uint32_t)said);
    shop_close();
}

/* Let go of early, while its visibility ends and somebody receives. Wrong: the new, earlier end is forgotten (deadline.h). */
static void release_early(uint32_t me)
{
    nimbus_receipt receipt;

    switch (me) {
    case 0: nb_store_end_lease(&the_shop.store, first, 30 * SECOND); break;
    case 1: shop_time(29 * SECOND); shop_time(31 * SECOND); break;
    default: took = shop_take(NIMBUS_HOURS(1), &receipt, NULL); break;
    }
}

static void release_early_finish(void)
{
    nimbus_receipt receipt;

    shop_time(32 * SECOND);
    explore_check(shop_take(NIMBUS_HOURS(1), &receipt, NULL) != took);
    shop_close();
}

/* ----------------------------------------------------------------------------------------------- cancel */

static void send_with_place(int64_t delay)
{
    nimbus_runtime *nb = the_shop.nb;
    nb_parcel parcel = { .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock), .enqueued = nb_clock_elapsed(&nb->clock) };
    nb_offered offered = { 0 };

    explore_check(nb_message_make(nb->heap, &(nb_message_spec){ .body = nimbus_copy("0", 1) }, &parcel.message) == NIMBUS_OK);
    explore_check(nb_store_offer(&the_shop.store, &parcel, delay, false, &offered) == NIMBUS_OK);
    the_shop.sent++;
    place = offered.place;
}

static void setup_ready(void)
{
    open(&shop_standard);
    send_with_place(0);
}

static void setup_delayed(void)
{
    open(&shop_standard);
    send_with_place(5 * SECOND);
}

/* Taken back while it is received, its delay ends, and somebody sends into its slot. Wrong: it is cancelled and received. */
static void cancel(uint32_t me)
{
    nimbus_receipt receipt;

    switch (me) {
    case 0: said = nb_store_cancel(&the_shop.store, place); break;
    case 1: shop_time(6 * SECOND); explore_check(shop_send(1, 0) == NIMBUS_OK); break;
    default: took = shop_take_only(&receipt); break;
    }
}

static void cancel_finish(void)
{
    nimbus_receipt receipt;
    nb_store_counts c;

    while (shop_take_only(&receipt)) {
    }
    nb_store_get_counts(&the_shop.store, &c);
    explore_check(the_shop.out[1]);
    explore_check(said == (the_shop.out[0] ? NIMBUS_STALE : NIMBUS_OK));
    explore_check(c.cancelled == !the_shop.out[0]);
    shop_close();
}

/* ---------------------------------------------------------------------------------------------- explain */

static void setup_one_delayed_one_taken(void)
{
    open(&shop_standard);
    explore_check(shop_send(0, 5 * SECOND) == NIMBUS_OK);
    explore_check(shop_send(1, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

/* One is given back to the front, one comes in time, one is looked for. Wrong: what it says was so at no moment. */
static void explain(uint32_t me)
{
    nimbus_receipt receipt;

    switch (me) {
    case 0: nb_store_explain(&the_shop.store, NULL, &reason); break;
    case 1: nb_store_untake(&the_shop.store, first); break;
    default: took = shop_take(NIMBUS_HOURS(1), &receipt, NULL); break;
    }
}

static void explain_finish(void)
{
    explore_check(reason.why == NIMBUS_WHY_IN_FLIGHT || reason.why == NIMBUS_WHY_RECEIVABLE);
    explore_check(reason.why == NIMBUS_WHY_RECEIVABLE || (reason.until >= 5 * SECOND && reason.until <= 6 * SECOND));
    explore_note((uint64_t)reason.why);
    shop_close();
}

static void setup_worn(void)
{
    nb_store_config config = shop_standard;

    config.max_receives = 1;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(SECOND, &first, NULL));
    shop_time(2 * SECOND);
}

/* It was received as often as it may be: whoever receives moves it. */
static void explain_worn(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        nb_store_explain(&the_shop.store, NULL, &reason);
    } else {
        explore_check(!shop_take(NIMBUS_HOURS(1), &receipt, NULL));
    }
}

static void explain_worn_finish(void)
{
    explore_check(reason.why == NIMBUS_WHY_EXHAUSTED || reason.why == NIMBUS_WHY_MOVING || reason.why == NIMBUS_WHY_EMPTY);
    explore_note((uint64_t)reason.why);
    shop_close();
}

/* ----------------------------------------------------------------------------------- explain, in an order */

static void send_to(const char *group, int64_t delay)
{
    nimbus_runtime *nb = the_shop.nb;
    nb_parcel parcel = { .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock), .enqueued = nb_clock_elapsed(&nb->clock) };
    nb_message_spec spec = { .body = nimbus_copy("0", 1), .group_id = group };

    explore_check(nb_message_make(nb->heap, &spec, &parcel.message) == NIMBUS_OK);
    explore_check(nb_store_offer(&the_shop.store, &parcel, delay, false, NULL) == NIMBUS_OK);
    the_shop.sent++;
}

/* A group whose first is in flight and whose second waits; a delayed one in another; each may be received once. */
static void setup_groups(void)
{
    nb_store_config config = shop_standard;

    config.fifo = true;
    config.max_receives = 1;
    config.retention = NIMBUS_HOURS(1);
    open(&config);
    send_to("a", 0);
    send_to("a", 0);
    send_to("b", 5 * SECOND);
    explore_check(shop_take(30 * SECOND, &first, NULL));
}

static void explain_groups(uint32_t me)
{
    nb_reason group;
    nimbus_receipt receipt;

    if (me == 0) {
        nb_store_explain(&the_shop.store, NULL, &reason);
        nb_store_explain(&the_shop.store, "a", &group);
        explore_check(group.counts.delayed == 0);
    } else if (me == 1) {
        said = nb_store_change(&the_shop.store, first, 0);
    } else {
        took = shop_take(NIMBUS_HOURS(1), &receipt, NULL);
    }
}

static void explain_groups_finish(void)
{
    nb_reason then;

    explore_check(said == NIMBUS_OK);
    explore_check(reason.why == NIMBUS_WHY_GROUP_LOCKED || reason.why == NIMBUS_WHY_EXHAUSTED || reason.why == NIMBUS_WHY_MOVING ||
                  reason.why == NIMBUS_WHY_RECEIVABLE || reason.why == NIMBUS_WHY_IN_FLIGHT);
    nb_store_explain(&the_shop.store, "a", &then);
    explore_check(took ? then.why == NIMBUS_WHY_IN_FLIGHT /* the second; the first was moved, perhaps just when somebody came for it */
                       : then.why == NIMBUS_WHY_EXHAUSTED || then.why == NIMBUS_WHY_RECEIVABLE);
    explore_note((uint64_t)reason.why << 8 | (uint64_t)then.why);
    shop_close();
}

static const explore_scenario scenarios[] = {
    { .name = "store_lease_late", .threads = 3, .setup = setup_leased_for_long, .thread = release_late, .finish = release_late_finish },
    { .name = "store_lease_early", .threads = 3, .setup = setup_leased, .thread = release_early, .finish = release_early_finish },
    { .name = "store_cancel", .threads = 3, .setup = setup_ready, .thread = cancel, .finish = cancel_finish },
    { .name = "store_cancel_delayed", .threads = 3, .setup = setup_delayed, .thread = cancel, .finish = cancel_finish },
    { .name = "store_explain", .threads = 3, .setup = setup_one_delayed_one_taken, .thread = explain, .finish = explain_finish },
    { .name = "store_explain_groups", .threads = 3, .setup = setup_groups, .thread = explain_groups, .finish = explain_groups_finish },
    { .name = "store_explain_worn", .threads = 2, .setup = setup_worn, .thread = explain_worn, .finish = explain_worn_finish },
};

static const char *const covers[] = { "lib/store/explain_order.c", NULL };
static const explore_subject subject = { "store", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
