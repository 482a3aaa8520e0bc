/*
 * store_lane.c - lib/store: sends, takes and what else may meet at one message. The state table at the head of store/store.h is what is
 * tried here: whoever claims the slot wins, and everybody else is told the truth.
 */
#include "shop.h"

static nimbus_receipt first; /* of message 0, which setup has taken */
static nimbus_status said[4];
static bool took[4];
static uint64_t purged;

static void clear(void)
{
    purged = 0;
    for (uint32_t i = 0; i < 4; i++) {
        said[i] = NIMBUS_OK;
        took[i] = false;
    }
}

static void setup_empty(void)
{
    clear();
    shop_open(&shop_standard);
}

static void setup_ready(void)
{
    setup_empty();
    explore_check(shop_send(0, 0) == NIMBUS_OK);
}

static void setup_taken(void)
{
    setup_ready();
    explore_check(shop_take(NB_STORE_VISIBILITY, &first, NULL));
}

/*
 * Two senders, two takers who delete what they get. Wrong: a slot that is used twice (the stack of free slots, slot.c), a body that is read
 * before it is written (publish and claim, slot.h), an entry that is lost or doubled (index_ring.c).
 */
static void send_take(uint32_t me)
{
    nimbus_receipt receipt;

    if (me < 2) {
        explore_check(shop_send(2 * me, 0) == NIMBUS_OK);
        explore_check(shop_send(2 * me + 1, 0) == NIMBUS_OK);
        return;
    }
    for (uint32_t tries = 0; tries < 2; tries++) {
        if (shop_take_only(&receipt)) {
            explore_check(nb_store_delete(&the_shop.store, receipt) == NIMBUS_OK);
        }
    }
}

/* All that is left can be taken, each message once, and the rest was deleted. */
static void drain_finish(void)
{
    nimbus_receipt receipt;

    while (shop_take_only(&receipt)) {
    }
    for (uint32_t i = 0; i < the_shop.sent; i++) {
        explore_check(the_shop.out[i]);
    }
    shop_close();
}

/*
 * One message in flight: deleted, extended, its time runs out, and everything is purged, all at once. Wrong: two of them win the slot
 * (nb_slot_claim()), or one that lost says that it had won (settle.c).
 */
static void delete_extend_lapse_purge(uint32_t me)
{
    switch (me) {
    case 0: said[0] = nb_store_delete(&the_shop.store, first); break;
    case 1: said[1] = nb_store_change(&the_shop.store, first, 60 * SECOND); break;
    case 2: shop_time(31 * SECOND); break;
    default: nb_store_purge(&the_shop.store, &purged); break;
    }
}

static void delete_extend_lapse_purge_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(said[0] == NIMBUS_OK); /* it is gone, by our hand or another's */
    explore_check(c.deleted + c.purged == 1 && c.purged == purged);
    explore_check(said[1] == NIMBUS_OK || said[1] == NIMBUS_E_NO_MESSAGE || said[1] == NIMBUS_E_NOT_INFLIGHT);
    explore_note((uint64_t)(uint32_t)said[1]);
    shop_close();
}

/*
 * A message whose time has run out is received again while its first receiver deletes it. Wrong: both get their way. Whoever receives it
 * makes the old receipt stale; a delete before that is honoured (SQS-V8). An hour, because a taker may have looked at the clock long ago.
 */
static void delete_receive_after_lapse(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        said[0] = nb_store_delete(&the_shop.store, first);
    } else if (me == 1) {
        shop_time(31 * SECOND);
        took[1] = shop_take(NIMBUS_HOURS(1), &receipt, NULL);
    } else {
        took[2] = shop_take(NIMBUS_HOURS(1), &receipt, NULL);
    }
}

static void delete_receive_finish(void)
{
    explore_check(!(took[1] && took[2]));
    explore_check(said[0] == (took[1] || took[2] ? NIMBUS_STALE : NIMBUS_OK));
    shop_close();
}

/*
 * The oldest is dropped for a new one while somebody receives it. Wrong: the dropped one is handed out, too (offer.c, drop_oldest());
 * more messages than the capacity.
 */
static void setup_drop(void)
{
    nb_store_config config = shop_standard;

    config.capacity_messages = 1;
    config.drop_oldest = true;
    clear();
    shop_open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
}

static void receive_drop(uint32_t me)
{
    nimbus_receipt receipt;

    if (me < 2) {
        said[me] = shop_send(1 + me, 0);
        explore_check(said[me] == NIMBUS_OK || said[me] == NIMBUS_E_FULL);
    } else {
        took[me] = shop_take_only(&receipt);
    }
}

static void receive_drop_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.ready + c.in_flight == 1);
    explore_check(c.dropped == the_shop.sent - 1);
    explore_check(c.in_flight == took[2]);
    shop_close();
}

/* Room for two, three who send, and one message that goes meanwhile. Wrong: a place taken by two (offer.c, reserve_place()). */
static void setup_two_places(void)
{
    nb_store_config config = shop_standard;

    config.capacity_messages = 2;
    clear();
    shop_open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NB_STORE_VISIBILITY, &first, NULL));
}

static void capacity(uint32_t me)
{
    if (me == 3) {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    } else {
        said[me] = shop_send(1 + me, 0);
        explore_check(said[me] == NIMBUS_OK || said[me] == NIMBUS_E_FULL);
    }
}

static void capacity_finish(void)
{
    explore_check(nb_store_places(&the_shop.store) <= 2);
    explore_check(the_shop.sent >= 2); /* the message that was there and one more fit in any case */
    shop_close();
}

/*
 * A take is undone while others take, delete by the receipt, and purge. Wrong: the message is at the front and in the ready ring at once,
 * or nowhere (back.c, nb_store_untake()).
 */
static void untake(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        nb_store_untake(&the_shop.store, first);
    } else if (me == 1) {
        took[1] = shop_take(NB_STORE_VISIBILITY, &receipt, NULL);
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

static void untake_finish(void)
{
    nimbus_receipt receipt;
    bool left = shop_take(NB_STORE_VISIBILITY, &receipt, NULL);

    explore_check((uint64_t)left + purged <= 1 && (purged == 1 || took[1] || left));
    shop_close();
}

/* The visibility of a receive is 0: it comes back at once, for two takers and a delete of the old receipt. */
static void back_at_once(uint32_t me)
{
    nimbus_receipt receipt;

    if (me < 2) {
        took[me] = shop_take(0, &receipt, NULL);
    } else {
        said[2] = nb_store_delete(&the_shop.store, first);
        nb_store_change(&the_shop.store, first, 0);
    }
}

static void setup_lapsed(void)
{
    setup_taken();
    explore_check(nb_store_change(&the_shop.store, first, 0) == NIMBUS_OK);
}

static void any_finish(void)
{
    shop_close();
}

/* What is deferred, against its time and a delete; and one that is sent with a delay. */
static void defer(uint32_t me)
{
    if (me == 0) {
        nb_store_defer(&the_shop.store, first, 5 * SECOND, false);
    } else if (me == 1) {
        shop_time(6 * SECOND);
    } else {
        explore_check(shop_send(1, 3 * SECOND) == NIMBUS_OK);
    }
}

/* No deadline is forgotten: after a day everything is ready, by the timer alone. */
static void defer_finish(void)
{
    nb_store_counts c;

    explore_check(nb_runtime_advance(the_shop.nb, NIMBUS_HOURS(24)) == NIMBUS_OK);
    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.ready == 2);
    shop_close();
}

/* Takes, an extension and a sweep beside each other. Wrong: the pair of fences of deadline.h; a visibility that never ends. */
static void deadlines(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        took[0] = shop_take(10 * SECOND, &receipt, NULL);
    } else if (me == 1) {
        nb_store_change(&the_shop.store, first, 20 * SECOND);
    } else {
        shop_time(31 * SECOND);
    }
}

static void setup_taken_and_ready(void)
{
    setup_taken();
    explore_check(shop_send(1, 0) == NIMBUS_OK);
}

/* Retention runs out while the message is received. Wrong: expired and handed out (deadline.c, expire()). */
static void setup_retention(void)
{
    nb_store_config config = shop_standard;

    config.retention = 60 * SECOND;
    clear();
    shop_open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
}

static void expire(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        shop_time(61 * SECOND);
    } else if (me == 1) {
        took[1] = shop_take(NB_STORE_VISIBILITY, &receipt, NULL);
        if (took[1]) {
            said[1] = nb_store_delete(&the_shop.store, receipt);
        }
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

static void expire_finish(void)
{
    nb_store_counts c;

    nb_runtime_advance(the_shop.nb, NIMBUS_HOURS(1));
    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.expired + c.purged + c.deleted == 1);
    shop_close();
}

static const explore_scenario scenarios[] = {
    { .name = "store_send_take", .threads = 4, .setup = setup_empty, .thread = send_take, .finish = drain_finish, .share = 2 },
    { .name = "store_delete_extend_lapse_purge", .threads = 4, .setup = setup_taken, .thread = delete_extend_lapse_purge,
      .finish = delete_extend_lapse_purge_finish },
    { .name = "store_delete_receive_after_lapse", .threads = 3, .setup = setup_taken, .thread = delete_receive_after_lapse,
      .finish = delete_receive_finish },
    { .name = "store_receive_drop_oldest", .threads = 3, .setup = setup_drop, .thread = receive_drop, .finish = receive_drop_finish },
    { .name = "store_capacity_exact", .threads = 4, .setup = setup_two_places, .thread = capacity, .finish = capacity_finish },
    { .name = "store_untake", .threads = 3, .setup = setup_taken, .thread = untake, .finish = untake_finish },
    { .name = "store_back_at_once", .threads = 3, .setup = setup_lapsed, .thread = back_at_once, .finish = any_finish },
    { .name = "store_defer", .threads = 3, .setup = setup_taken, .thread = defer, .finish = defer_finish },
    { .name = "store_deadlines", .threads = 3, .setup = setup_taken_and_ready, .thread = deadlines, .finish = defer_finish },
    { .name = "store_expire", .threads = 3, .setup = setup_retention, .thread = expire, .finish = expire_finish },
};

static const char *const covers[] = {
    "lib/store/again.c", "lib/store/batch.c", "lib/store/carry.c", "lib/store/deadline.c", "lib/store/deadline.h", "lib/store/entries.c",
    "lib/store/explain.c", "lib/store/inside.h",
    "lib/store/life.c", "lib/store/look.c", "lib/store/move.c", "lib/store/offer.c", "lib/store/order.c",
    "lib/store/fair.c", "lib/store/order_take.c", "lib/store/order_offer.c", "lib/store/order_leave.c", "lib/store/back.c",
    "lib/store/plain.h", "lib/store/settle.c",
    "lib/store/slot.c", "lib/store/slot.h", "lib/store/store.c", "lib/store/take.c", "lib/store/wait.c", NULL,
};
static const explore_excuse excuses[] = {
    { "lib/store/deadline.c", "fence", "", "one of several: a retention that is raised between two looks of one sweep" },
    { NULL, NULL, NULL, NULL },
};
static const explore_subject subject = { "store", covers, excuses, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
