/*
 * store_fair.c - lib/store: a fair order of tenants. As in store_order.c a word changes without the lock and the index follows by a touch;
 * here nothing is locked, so every message that is ready must be found.
 */
#include "shop.h"

static nimbus_receipt first;

static void open(uint32_t max_receives)
{
    nb_store_config config = shop_standard;

    config.fair = true;
    config.max_receives = max_receives;
    shop_open(&config);
}

static void setup(void)
{
    open(0);
}

/* One is in flight, has been received as often as it may be, and is given back while others come. */
static void setup_spent(void)
{
    open(1);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_send(4, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

/* Two tenants send, two take: each message is taken once. Wrong: a tenant's list leads to a slot that is used again (store/fair.c). */
static void two_tenants(uint32_t me)
{
    nimbus_receipt receipt;

    if (me < 2) {
        explore_check(shop_send(me * 4, 0) == NIMBUS_OK);
    } else if (shop_take_only(&receipt)) {
        explore_check(nb_store_delete(&the_shop.store, receipt) == NIMBUS_OK);
    }
}

/* A change gives one back while it is deleted, another one is taken, and somebody asks why nothing comes. */
static void back_and_gone(uint32_t me)
{
    nimbus_receipt receipt;
    nb_reason reason;
    uint32_t number;

    if (me == 0) {
        (void)nb_store_change(&the_shop.store, first, 0);
        (void)shop_take(NIMBUS_HOURS(1), &receipt, &number); /* the dead letter takes one, or the other one is received */
    } else if (me == 1) {
        (void)nb_store_delete(&the_shop.store, first);
    } else {
        explore_check(nb_store_explain(&the_shop.store, NULL, &reason) == NIMBUS_OK);
    }
}

static const explore_scenario scenarios[] = {
    { .name = "fair_two_tenants", .threads = 4, .setup = setup, .thread = two_tenants, .finish = shop_close, .share = 2 },
    { .name = "fair_back_and_gone", .threads = 3, .setup = setup_spent, .thread = back_and_gone, .finish = shop_close },
};

static const explore_subject subject = { "store", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
