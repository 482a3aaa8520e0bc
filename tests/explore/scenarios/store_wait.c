/*
 * store_wait.c - lib/store: who waits for messages or for the end. The pairs of fences at the heads of wait.c and offer.c: whoever waits
 * sees the message, or whoever brings it sees that somebody waits. Without one of them a thread sleeps beside a ready message: here it
 * then waits for ever.
 */
#include "shop.h"

typedef struct visitor {
    nb_waiter waiter;
    nb_delivery slot;
    nb_parker parker;
    bool claims; /* notified: it will come */
    uint32_t notified;
} visitor;

static visitor visitors[2];
static nimbus_receipt first;
static uint32_t got;
static nimbus_status said[4];

static void served(nb_waiter *waiter)
{
    nb_parker_set(&NB_CONTAINER(waiter, visitor, waiter)->parker);
}

static bool notify(nb_waiter *waiter)
{
    visitor *v = NB_CONTAINER(waiter, visitor, waiter);

    v->notified++;
    nb_parker_set(&v->parker);
    return v->claims;
}

static void open(const nb_store_config *config)
{
    got = 0;
    shop_open(config);
    for (uint32_t i = 0; i < 2; i++) {
        visitors[i] = (visitor){ .waiter = { .visibility = NIMBUS_HOURS(1), .served = served, .notify = notify }, .claims = true };
        nb_link_init(&visitors[i].waiter.link);
        nb_parker_init(&visitors[i].parker);
    }
}

static void setup(void)
{
    open(&shop_standard);
}

static void setup_taken(void)
{
    open(&shop_standard);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NB_STORE_VISIBILITY, &first, NULL));
}

/* A receive that waits, until `until`. */
static bool receive(uint32_t who, int64_t until)
{
    visitor *v = &visitors[who];
    nimbus_status status;

    v->waiter.max = 1;
    v->waiter.slots = &v->slot;
    status = nb_store_wait(&the_shop.store, &v->waiter);
    if (status == NIMBUS_EMPTY && !nb_parker_wait(&v->parker, until)) {
        nb_store_unwait(&the_shop.store, &v->waiter, NIMBUS_EMPTY);
    }
    /* served() was called under the store's lock; whoever set the parker is done when this lock was ours */
    nb_lock_acquire(&the_shop.store.lock);
    nb_lock_release(&the_shop.store.lock);
    if (v->waiter.count == 0) {
        explore_check(v->waiter.status != NIMBUS_OK);
        return false;
    }
    explore_check(v->waiter.status == NIMBUS_OK);
    got++;
    nb_delivery_let_go(&v->slot);
    return true;
}

static void finish(void)
{
    nb_store_counts c;

    for (uint32_t i = 0; i < 2; i++) {
        nb_parker_fini(&visitors[i].parker);
    }
    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.waiters == 0);
    explore_check(c.in_flight == got);
    shop_close();
}

/* One who waits without an end, one who sends. Wrong: either fence. */
static void wait_send(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(0, INT64_MAX));
    } else {
        explore_check(shop_send(0, 0) == NIMBUS_OK);
    }
}

/* Two who wait, two who send: a message for each. Wrong: one send that finds the other one serving leaves its message there. */
static void two_wait(uint32_t me)
{
    if (me < 2) {
        explore_check(receive(me, INT64_MAX));
    } else {
        explore_check(shop_send(me, 0) == NIMBUS_OK);
    }
}

/* A wait runs out at the moment at which it is served. Wrong: the message is handed to somebody who has gone (nb_store_unwait()). */
static void time_out(uint32_t me)
{
    if (me == 0) {
        receive(0, 5 * SECOND);
    } else {
        explore_check(shop_send(me, 0) == NIMBUS_OK);
    }
}

/* A message becomes ready again while somebody begins to wait: given back, lapsed, untaken. */
static void wait_release(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(0, INT64_MAX));
    } else {
        explore_check(nb_store_change(&the_shop.store, first, 0) == NIMBUS_OK);
    }
}

static void wait_lapse(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(0, INT64_MAX));
    } else {
        nb_clock_set(&the_shop.nb->clock, 31 * SECOND);
        nb_store_on_timer(&the_shop.store.timer); /* as the clock thread does when the deadline has come */
    }
}

static void wait_untake(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(0, INT64_MAX));
    } else {
        nb_store_untake(&the_shop.store, first);
    }
}

/* Between a receive that waits and one that does not, with a send: one of them gets it, and who waits may end by its time only. */
static void wait_take(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        receive(0, 5 * SECOND);
    } else if (me == 1) {
        explore_check(shop_send(0, 0) == NIMBUS_OK);
    } else {
        got += shop_take(NIMBUS_HOURS(1), &receipt, NULL);
    }
}

/* The number in flight is bounded: a delete makes room for one who waits. Wrong: settle.c, has_left() without its fence. */
static void setup_one_in_flight(void)
{
    nb_store_config config = shop_standard;

    config.max_in_flight = 1;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_send(1, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

static void wait_delete(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(0, INT64_MAX));
    } else {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    }
}

/* Somebody is only told, and comes; or does not come and passes it on. Wrong: claims (wait.c): a claim that is never given up. */
static void told(uint32_t me)
{
    visitor *v = &visitors[0];

    if (me == 0) {
        v->waiter.max = 0;
        if (nb_store_wait(&the_shop.store, &v->waiter) == NIMBUS_EMPTY) {
            nb_parker_wait(&v->parker, INT64_MAX);
        }
        nb_lock_acquire(&the_shop.store.lock);
        nb_lock_release(&the_shop.store.lock);
        nb_store_unwait(&the_shop.store, &v->waiter, NIMBUS_EMPTY);
        nb_store_pass_on(&the_shop.store);
    } else if (me == 1) {
        explore_check(receive(1, INT64_MAX));
    } else {
        explore_check(shop_send(0, 0) == NIMBUS_OK);
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    }
}

/* Told, and does not come: the claim goes on to the next (wait.c, drop_claim()); and one that takes without having been told. */
static void not_coming(uint32_t me)
{
    visitor *v = &visitors[0];
    nimbus_receipt receipt;

    if (me == 0) {
        v->claims = false;
        v->waiter.max = 0;
        if (nb_store_wait(&the_shop.store, &v->waiter) == NIMBUS_EMPTY) {
            nb_parker_wait(&v->parker, 5 * SECOND);
        }
        nb_store_unwait(&the_shop.store, &v->waiter, NIMBUS_EMPTY);
        nb_store_pass_on(&the_shop.store);
    } else if (me == 1) {
        receive(1, 5 * SECOND);
    } else {
        explore_check(shop_send(0, 0) == NIMBUS_OK);
        got += shop_take(NIMBUS_HOURS(1), &receipt, NULL);
    }
}

/* Told, and takes: the claim is used up (take.c). */
static void told_takes(uint32_t me)
{
    visitor *v = &visitors[0];
    nimbus_receipt receipt;

    if (me == 0) {
        v->waiter.max = 0;
        if (nb_store_wait(&the_shop.store, &v->waiter) == NIMBUS_EMPTY) {
            nb_parker_wait(&v->parker, INT64_MAX);
        }
        explore_check(shop_take(NIMBUS_HOURS(1), &receipt, NULL));
        got++;
        nb_lock_acquire(&the_shop.store.lock);
        nb_lock_release(&the_shop.store.lock);
    } else {
        explore_check(shop_send(0, 0) == NIMBUS_OK);
    }
}

/* The end, against a send, a wait without end, and a take with its delete. Wrong: somebody still waits; a message is left (life.c). */
static void end(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        nb_object_end(&the_shop.object);
    } else if (me == 1) {
        said[1] = shop_send(2, 0);
        explore_check(said[1] == NIMBUS_OK || said[1] == NIMBUS_E_DELETED);
    } else if (me == 2) {
        receive(0, INT64_MAX);
    } else {
        if (shop_take(NIMBUS_HOURS(1), &receipt, NULL)) {
            nb_store_delete(&the_shop.store, receipt);
        }
    }
}

static void setup_end(void)
{
    open(&shop_standard);
    nb_object_pin(&the_shop.object);
}

static void end_finish(void)
{
    nb_store_counts c;

    for (uint32_t i = 0; i < 2; i++) {
        nb_parker_fini(&visitors[i].parker);
    }
    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.accepted == the_shop.sent && c.accepted == c.deleted + c.discarded);
    explore_note(c.deleted << 8 | c.discarded);
    nb_object_unpin(&the_shop.object);
    explore_check(nb_runtime_close(the_shop.nb, 0, NULL) == NIMBUS_OK);
    explore_check(the_shop.freed);
}

/* Received once is received too often: to the dead letter, while others purge and receive. Wrong: moved and handed out (move.c). */
static void setup_dead_letter(void)
{
    nb_store_config config = shop_standard;

    config.max_receives = 1;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
    explore_check(nb_store_change(&the_shop.store, first, 0) == NIMBUS_OK);
}

static void dead_letter(uint32_t me)
{
    nimbus_receipt receipt;
    uint64_t purged;

    if (me < 2) {
        explore_check(!shop_take(NIMBUS_HOURS(1), &receipt, NULL));
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

static void dead_letter_refused(uint32_t me)
{
    the_shop.refuses = true;
    dead_letter(me);
}

static void dead_letter_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.moved == the_shop.moved);
    explore_check(c.moved + c.purged + c.ready == 1);
    explore_check(the_shop.refuses || c.ready == 0);
    finish();
}

/* One in flight is rejected while its receipt is used for a delete and everything is purged. */
static void doom(uint32_t me)
{
    uint64_t purged;

    if (me == 0) {
        said[0] = nb_store_doom(&the_shop.store, first, "no");
    } else if (me == 1) {
        said[1] = nb_store_delete(&the_shop.store, first);
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

static void doom_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.moved == the_shop.moved && c.moved + c.deleted + c.purged == 1);
    explore_check((said[0] == NIMBUS_OK) == (c.moved == 1));
    finish();
}

/* Bytes begin to be measured while messages come and go. Wrong: counted twice or not at all (offer.c, count_late(); look.c). */
static void measure(uint32_t me)
{
    uint64_t bytes;
    int64_t age;

    if (me == 0) {
        nb_store_measure(&the_shop.store, &bytes, &age);
        explore_note(bytes);
    } else if (me == 1) {
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    } else {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    }
}

static void measure_finish(void)
{
    uint64_t bytes;
    int64_t age;

    nb_store_measure(&the_shop.store, &bytes, &age);
    explore_check(bytes == 1);
    finish();
}

static const explore_scenario scenarios[] = {
    { .name = "store_wait_send", .threads = 2, .setup = setup, .thread = wait_send, .finish = finish },
    { .name = "store_two_wait", .threads = 4, .setup = setup, .thread = two_wait, .finish = finish, .share = 2 },
    { .name = "store_wait_time_out", .threads = 2, .setup = setup, .thread = time_out, .finish = finish },
    { .name = "store_wait_release", .threads = 2, .setup = setup_taken, .thread = wait_release, .finish = finish },
    { .name = "store_wait_lapse", .threads = 2, .setup = setup_taken, .thread = wait_lapse, .finish = finish },
    { .name = "store_wait_untake", .threads = 2, .setup = setup_taken, .thread = wait_untake, .finish = finish },
    { .name = "store_wait_take", .threads = 3, .setup = setup, .thread = wait_take, .finish = finish },
    { .name = "store_wait_delete", .threads = 2, .setup = setup_one_in_flight, .thread = wait_delete, .finish = finish },
    { .name = "store_told", .threads = 3, .setup = setup, .thread = told, .finish = finish },
    { .name = "store_not_coming", .threads = 3, .setup = setup, .thread = not_coming, .finish = finish },
    { .name = "store_told_takes", .threads = 2, .setup = setup, .thread = told_takes, .finish = finish },
    { .name = "store_end", .threads = 4, .setup = setup_end, .thread = end, .finish = end_finish, .share = 2 },
    { .name = "store_dead_letter", .threads = 3, .setup = setup_dead_letter, .thread = dead_letter, .finish = dead_letter_finish },
    { .name = "store_dead_letter_refused", .threads = 3, .setup = setup_dead_letter, .thread = dead_letter_refused,
      .finish = dead_letter_finish },
    { .name = "store_doom", .threads = 3, .setup = setup_taken, .thread = doom, .finish = doom_finish },
    { .name = "store_measure", .threads = 3, .setup = setup_taken, .thread = measure, .finish = measure_finish },
};

static const explore_subject subject = { "store", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
