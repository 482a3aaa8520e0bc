/*
 * store_carry.c - lib/store/carry.c: a message is lifted, offered elsewhere and put down while others receive, wait, purge and end. Wrong:
 * it is handed out while it is carried, it is in both places in the end or in neither, or somebody sleeps beside it. And the eager dead
 * letter: what comes back for the last time goes, once.
 */
#include "shop.h"

#include "store/carry.h"

typedef struct sitter {
    nb_waiter waiter;
    nb_delivery slot;
    nb_parker parker;
} sitter;

static sitter sits;
static uint32_t taken, carried_away;
static bool takes_it; /* the other store */
static nimbus_receipt first;

static void served(nb_waiter *waiter)
{
    nb_parker_set(&NB_CONTAINER(waiter, sitter, waiter)->parker);
}

static void open(const nb_store_config *config)
{
    taken = carried_away = 0;
    takes_it = false;
    shop_open(config);
    sits = (sitter){ .waiter = { .visibility = NIMBUS_HOURS(1), .served = served } };
    nb_link_init(&sits.waiter.link);
    nb_parker_init(&sits.parker);
}

static void setup_one(void)
{
    open(&shop_standard);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
}

static void setup_two(void)
{
    setup_one();
    explore_check(shop_send(1, 0) == NIMBUS_OK);
}

static void setup_one_taken(void)
{
    setup_one();
    takes_it = true;
}

static void setup_untaken(void)
{
    setup_two();
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
    nb_store_untake(&the_shop.store, first);
}

static void setup_stuck(void)
{
    nb_store_config config = shop_standard;

    config.max_receives = 1;
    open(&config);
    the_shop.refuses = true;
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(0, &first, NULL) && !shop_take(0, &first, NULL));
}

/* One walk over all there is; what is lifted is taken by the other store, or not. */
static void carry(void)
{
    nb_carried carried;
    nb_carry walk;

    if (nb_store_carry_begin(&the_shop.store, &walk) != NIMBUS_OK) {
        return;
    }
    while (nb_store_carry_next(&the_shop.store, &walk, &carried) == NIMBUS_OK) {
        if (nb_store_lift(&the_shop.store, &carried)) {
            carried_away += takes_it;
            nb_store_put_down(&the_shop.store, &carried, takes_it);
        }
        nb_parcel_release(&carried.parcel);
    }
    nb_store_carry_end(&the_shop.store, &walk);
}

static void take(void)
{
    nimbus_receipt receipt;

    if (shop_take_only(&receipt)) {
        taken++;
        explore_check(nb_store_delete(&the_shop.store, receipt) == NIMBUS_OK);
    }
}

static void carry_take(uint32_t me)
{
    if (me == 0) {
        carry();
    } else {
        take();
    }
}

/* A receive that waits for ever: it must get the message, unless that was carried away. */
static void wait_for_it(void)
{
    nimbus_status status;

    sits.waiter.max = 1;
    sits.waiter.slots = &sits.slot;
    status = nb_store_wait(&the_shop.store, &sits.waiter);
    if (status == NIMBUS_EMPTY) {
        explore_check(nb_parker_wait(&sits.parker, INT64_MAX));
    }
    nb_lock_acquire(&the_shop.store.lock); /* served() was called under it */
    nb_lock_release(&the_shop.store.lock);
    explore_check(sits.waiter.count == 1);
    taken++;
    explore_check(nb_store_delete_delivery(&the_shop.store, &sits.slot) == NIMBUS_OK);
    nb_object_unpin(&the_shop.object); /* the delivery's */
}

static void carry_wait(uint32_t me)
{
    if (me == 0) {
        carry();
    } else {
        wait_for_it();
    }
}

static void carry_purge(uint32_t me)
{
    uint64_t count;

    if (me == 0) {
        carry();
    } else if (me == 1) {
        nb_store_purge(&the_shop.store, &count);
    } else {
        take();
    }
}

static void carry_end(uint32_t me)
{
    if (me == 0) {
        carry();
    } else {
        nb_object_end(&the_shop.object);
    }
}

/* What is stuck is tried again, lifted, or not needed any more by a new configuration. */
static void carry_stuck(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        carry();
    } else if (me == 1) {
        (void)shop_take(0, &receipt, NULL);
    } else {
        nb_store_configure(&the_shop.store, &shop_standard);
    }
}

static void carry_look(uint32_t me)
{
    nimbus_peeked peeked[2];
    uint64_t bytes;
    int64_t age;
    size_t count = 0;

    if (me == 0) {
        carry();
    } else if (me == 1) {
        (void)nb_store_peek(&the_shop.store, peeked, 2, &count);
        for (size_t i = 0; i < count; i++) {
            nimbus_message_release(peeked[i].message);
        }
    } else {
        nb_store_measure(&the_shop.store, &bytes, &age);
    }
}

static void finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.moved == carried_away && c.deleted <= taken && c.deleted + c.purged >= taken); /* it may be purged in flight */
    shop_close();
}

static void finish_purged(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.ready + c.delayed == 0); /* all was sent before the purge */
    finish();
}

/* Nothing is held behind the end, and what was not carried away is discarded. */
static void finish_ended(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.ready + c.delayed + c.in_flight == 0 && c.discarded + carried_away == the_shop.sent);
    finish();
}

/* All that was not taken is there to be taken, in its order. */
static void finish_all(void)
{
    nimbus_receipt receipt;
    uint32_t number, before = 0;
    bool any = false;

    while (shop_take(NIMBUS_HOURS(1), &receipt, &number)) {
        explore_check(!the_shop.out[number] && (!any || number > before));
        the_shop.out[number] = any = true;
        before = number;
    }
    for (uint32_t i = 0; i < the_shop.sent; i++) {
        explore_check(the_shop.out[i]);
    }
    shop_close();
}

static void finish_stuck(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.ready == 1);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL)); /* there is no limit any more */
    shop_close();
}

/* ------------------------------------------------------------------------------------------------- eager */

static void setup_eager(void)
{
    nb_store_config config = shop_standard;

    config.max_receives = 1;
    config.eager = true;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NB_STORE_VISIBILITY, &first, NULL));
}

/* Given back, out of its time, and deleted, all at once: one of them wins. */
static void eager(uint32_t me)
{
    switch (me) {
    case 0: (void)nb_store_change(&the_shop.store, first, 0); break;
    case 1: shop_time(31 * SECOND); break;
    default: (void)nb_store_delete(&the_shop.store, first); break;
    }
}

static void eager_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.moved + c.deleted == 1 && c.moved == the_shop.moved && c.ready + c.in_flight == 0);
    explore_note(c.moved);
    shop_close();
}

static const explore_scenario scenarios[] = {
    { .name = "store_carry_take", .threads = 3, .setup = setup_two, .thread = carry_take, .finish = finish_all },
    { .name = "store_carry_away_take", .threads = 2, .setup = setup_one_taken, .thread = carry_take, .finish = finish },
    { .name = "store_carry_wait", .threads = 2, .setup = setup_one, .thread = carry_wait, .finish = finish },
    { .name = "store_carry_untaken", .threads = 2, .setup = setup_untaken, .thread = carry_take, .finish = finish_all },
    { .name = "store_carry_purge", .threads = 3, .setup = setup_one, .thread = carry_purge, .finish = finish_purged },
    { .name = "store_carry_away_purge", .threads = 3, .setup = setup_one_taken, .thread = carry_purge, .finish = finish_purged },
    { .name = "store_carry_end", .threads = 2, .setup = setup_two, .thread = carry_end, .finish = finish_ended },
    { .name = "store_carry_stuck", .threads = 3, .setup = setup_stuck, .thread = carry_stuck, .finish = finish_stuck },
    { .name = "store_carry_look", .threads = 3, .setup = setup_one, .thread = carry_look, .finish = finish_all },
    { .name = "store_eager", .threads = 3, .setup = setup_eager, .thread = eager, .finish = eager_finish },
};

static const explore_subject subject = { "store", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
