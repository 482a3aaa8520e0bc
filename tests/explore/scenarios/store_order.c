/*
 * store_order.c - lib/store: an order of groups. The index of groups is derived from the words of the slots, behind their changes: whoever
 * changes a word without the lock touches the slot under it. Without a touch a group stays locked, and who waits for it sleeps on; with one
 * too many, or a word that is believed too early, two messages of a group are out at once.
 */
#include "shop.h"

#include <string.h>

typedef struct customer {
    nb_waiter waiter;
    nb_delivery slot;
    nb_parker parker;
} customer;

static customer who;
static nimbus_receipt first;
static uint32_t out; /* messages of group a that are held */
static bool served_one;
static uint32_t number_got;

static void served(nb_waiter *waiter)
{
    nb_parker_set(&NB_CONTAINER(waiter, customer, waiter)->parker);
}

static void open_as(nb_store_config *config, uint32_t max_receives)
{
    config->fifo = true;
    config->max_receives = max_receives;
    out = 0;
    served_one = false;
    shop_open(config);
    who = (customer){ .waiter = { .max = 1, .visibility = NIMBUS_HOURS(1), .slots = &who.slot, .served = served } };
    nb_link_init(&who.waiter.link);
    nb_parker_init(&who.parker);
}

static void open(uint32_t max_receives)
{
    nb_store_config config = shop_standard;

    open_as(&config, max_receives);
}

static void setup(void)
{
    open(0);
}

/* One of group a is in flight for 30 s, another lies behind it. */
static void setup_locked(void)
{
    open(0);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_send(1, 0) == NIMBUS_OK);
    explore_check(shop_take(NB_STORE_VISIBILITY, &first, NULL));
}

static void setup_spent(void)
{
    open(1);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_send(1, 0) == NIMBUS_OK);
    explore_check(shop_take(NB_STORE_VISIBILITY, &first, NULL));
    explore_check(nb_store_change(&the_shop.store, first, 0) == NIMBUS_OK);
}

static void setup_delayed(void)
{
    open(0);
    explore_check(shop_send(0, 10 * SECOND) == NIMBUS_OK);
    explore_check(shop_send(4, 10 * SECOND) == NIMBUS_OK);
}

static void finish(void)
{
    nb_store_counts c;

    nb_parker_fini(&who.parker);
    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.waiters == 0);
    shop_close();
}

/* Waits until `until` for a message of group a. */
static bool receive(int64_t until)
{
    nimbus_status status;

    who.waiter.group = "a";
    status = nb_store_wait(&the_shop.store, &who.waiter);
    if (status == NIMBUS_EMPTY && !nb_parker_wait(&who.parker, until)) {
        nb_store_unwait(&the_shop.store, &who.waiter, NIMBUS_EMPTY);
    }
    nb_lock_acquire(&the_shop.store.lock); /* as in store_wait.c */
    nb_lock_release(&the_shop.store.lock);
    explore_check((who.waiter.count == 1) == (who.waiter.status == NIMBUS_OK));
    if (who.waiter.count == 1) {
        served_one = true;
        number_got = shop_number_of(who.slot.message);
        nb_delivery_let_go(&who.slot);
    }
    return served_one;
}

/* The message that locks the group is deleted while somebody begins to wait. Wrong: has_left() without a touch (settle.c). */
static void unlock_by_delete(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(INT64_MAX));
        explore_check(number_got == 1);
    } else {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    }
}

/* It comes back: then it is the one to get. Wrong: back_to_ready(), the restore of a change that was refused (back.c, store.c). */
static void unlock_by_change(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(INT64_MAX));
    } else if (me == 1) {
        explore_check(nb_store_change(&the_shop.store, first, 0) == NIMBUS_OK);
    } else {
        nimbus_status status = nb_store_change(&the_shop.store, first, NIMBUS_HOURS(13));

        explore_check(status == NIMBUS_E_INVALID || status == NIMBUS_E_NOT_INFLIGHT || status == NIMBUS_STALE);
    }
}

static void unlock_by_lapse(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(INT64_MAX));
    } else {
        nb_clock_set(&the_shop.nb->clock, 31 * SECOND);
        nb_store_on_timer(&the_shop.store.timer);
    }
}

static void unlock_by_untake(uint32_t me)
{
    if (me == 0) {
        explore_check(receive(INT64_MAX));
    } else {
        nb_store_untake(&the_shop.store, first);
    }
}

/* The wait runs out while the group opens: the message is with the waiter, or where it was. */
static void time_out(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        receive(5 * SECOND);
    } else {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
        if (!served_one) {
            (void)shop_take(NIMBUS_HOURS(1), &receipt, NULL);
        }
    }
}

static void time_out_finish(void)
{
    nb_store_counts c;

    nb_store_get_counts(&the_shop.store, &c);
    explore_check(c.in_flight == 1 || c.ready == 1);
    finish();
}

/* Two senders, two takers: never two of the group out at once, and in the order of the sends. Wrong: order_take.c goes on behind a message
 * that is at work; a head that was looked at too early (order.c). */
static void one_at_a_time(uint32_t me)
{
    nimbus_receipt receipt;

    if (me < 2) {
        explore_check(shop_send(me, 0) == NIMBUS_OK);
    } else if (shop_take_only(&receipt)) {
        explore_check(out == 0);
        out++;
        explore_check(out == 1);
        out--;
        explore_check(nb_store_delete(&the_shop.store, receipt) == NIMBUS_OK);
    }
}

/* A cancel, a purge and a take meet. Wrong: a slot that is free while its group still leads to it (nb_slot_vacate()). */
static nimbus_receipt place;

static void setup_place(void)
{
    nb_parcel parcel = { 0 };
    nb_message_spec spec = { .body = nimbus_copy("0", 1), .group_id = "a" };
    nb_offered offered;

    open(0);
    explore_check(nb_message_make(the_shop.nb->heap, &spec, &parcel.message) == NIMBUS_OK);
    parcel.id = nb_new_id(the_shop.nb);
    explore_check(nb_store_offer(&the_shop.store, &parcel, 0, false, &offered) == NIMBUS_OK);
    place = offered.place;
    the_shop.sent++;
    explore_check(shop_send(1, 0) == NIMBUS_OK);
}

static void cancel_and_take(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        (void)nb_store_cancel(&the_shop.store, place);
        explore_check(shop_send(2, 0) == NIMBUS_OK);
    } else if (me == 1) {
        if (shop_take_only(&receipt)) {
            explore_check(nb_store_delete(&the_shop.store, receipt) == NIMBUS_OK);
        }
    } else {
        explore_check(nb_store_purge(&the_shop.store, NULL) == NIMBUS_OK);
    }
}

/* A receive finds that its message goes to the dead letter, which frees the next one of the group, while others come. */
static void dead_letter_frees(uint32_t me)
{
    if (me == 0) {
        explore_check(shop_send(4, 0) == NIMBUS_OK);
        explore_check(shop_send(2, 0) == NIMBUS_OK);
    } else {
        explore_check(receive(INT64_MAX));
        explore_check(number_got == 1);
    }
}

/* The delay of a queue changes while it ends, and while a message is handed on; refused and late receipts; a look. */
static void delays(uint32_t me)
{
    nimbus_receipt receipt;

    if (me == 0) {
        nb_store_set_delays(&the_shop.store, 5 * SECOND);
    } else if (me == 1) {
        shop_time(11 * SECOND);
        if (shop_take(NIMBUS_HOURS(1), &receipt, NULL)) {
            nb_store_defer(&the_shop.store, receipt, SECOND, false);
        }
    } else {
        nb_store_configure(&the_shop.store, &(nb_store_config){ .visibility = SECOND, .retention = INT64_MAX, .capacity_messages = 100,
                                                                .capacity_bytes = 1000, .max_in_flight = 100,
                                                                .max_visibility = NIMBUS_HOURS(12), .fifo = true });
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    }
}

/* No memory for another group: the message is refused, and its slot is free again. */
static nb_parcel made;
static nimbus_receipt of_a;

static void setup_made(void)
{
    char name[NB_KEY_MAX + 1]; /* long, so that there is no block of its size yet */
    nb_message_spec spec = { .body = nimbus_copy("5", 1), .group_id = name };

    memset(name, 'c', NB_KEY_MAX);
    name[NB_KEY_MAX] = '\0';
    setup_locked();
    made = (nb_parcel){ .id = nb_new_id(the_shop.nb) };
    explore_check(nb_message_make(the_shop.nb->heap, &spec, &made.message) == NIMBUS_OK);
    of_a = first;
}

static void no_memory(uint32_t me)
{
    nimbus_status status;
    nb_offered offered;

    if (me == 1) {
        explore_check(nb_store_delete(&the_shop.store, of_a) == NIMBUS_OK);
        return;
    }
    explore_refuse_memory(1);
    status = nb_store_offer(&the_shop.store, &made, 0, false, NULL);
    if (status == NIMBUS_E_NO_MEMORY) {
        status = nb_store_offer_straight(&the_shop.store, &made, 0, &offered);
    }
    explore_refuse_memory(0);
    explore_check(status == NIMBUS_OK || status == NIMBUS_E_NO_MEMORY);
    if (status == NIMBUS_OK) {
        the_shop.sent++;
    } else {
        nb_parcel_release(&made);
    }
}

static nb_held attempt;

static void setup_held(void)
{
    nb_delivery slot = { 0 };
    uint32_t count;

    open(0);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(nb_store_take(&the_shop.store, 1, NB_STORE_VISIBILITY, &slot, &count, NULL) == NIMBUS_OK && count == 1);
    first = slot.receipt;
    nb_store_hold(&the_shop.store, &slot, &attempt);
    nb_delivery_let_go(&slot);
}

/* A receive is repeated while its message is deleted, and gets another end: it is handed out once more as it was, or not at all. Wrong:
 * claim() without the look at the end (again.c). */
static void take_again(uint32_t me)
{
    nb_delivery slot = { 0 };
    nimbus_status status;

    if (me == 1) {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    } else if (me == 2) {
        status = nb_store_change(&the_shop.store, first, NIMBUS_HOURS(1));
        explore_check(status == NIMBUS_OK || status == NIMBUS_E_NO_MESSAGE);
    } else {
        status = nb_store_take_again(&the_shop.store, &attempt, 1, NB_STORE_VISIBILITY, &slot);
        explore_check(status == NIMBUS_OK || status == NIMBUS_E_ATTEMPT);
        explore_check((status == NIMBUS_OK) == (slot.message != NULL));
        if (status == NIMBUS_OK) {
            explore_check(slot.receipt.place == first.place && slot.receipt.generation == first.generation);
            nb_delivery_let_go(&slot);
        }
    }
}

/* It is repeated for no time, and somebody waits: he gets it. Wrong: bring_back_locked() without a touch, or behind the leave (again.c). */
static void again_for_no_time(uint32_t me)
{
    nb_delivery slot = { 0 };

    if (me == 0) {
        explore_check(receive(INT64_MAX));
    } else {
        explore_check(nb_store_take_again(&the_shop.store, &attempt, 1, 0, &slot) == NIMBUS_OK && slot.message != NULL);
        nb_delivery_let_go(&slot);
    }
}

static nb_parcel two_made[2];
static nimbus_receipt two_held[2];

static void make(nb_parcel *parcel, const char *body, const char *group)
{
    nb_message_spec spec = { .body = nimbus_copy(body, 1), .group_id = group };

    *parcel = (nb_parcel){ .id = nb_new_id(the_shop.nb) };
    explore_check(nb_message_make(the_shop.nb->heap, &spec, &parcel->message) == NIMBUS_OK);
}

/* Both messages of group a are in flight; another one, and one of group b, are made. */
static void setup_run(void)
{
    nb_delivery slots[2] = { { 0 } };
    uint32_t count;

    open(0);
    explore_check(shop_send(0, 0) == NIMBUS_OK && shop_send(1, 0) == NIMBUS_OK);
    explore_check(nb_store_take(&the_shop.store, 2, NB_STORE_VISIBILITY, slots, &count, NULL) == NIMBUS_OK && count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        two_held[i] = slots[i].receipt;
        nb_delivery_let_go(&slots[i]);
    }
    make(&two_made[0], "4", "b");
    make(&two_made[1], "2", "a");
}

/* A run comes into two groups while a run leaves that locks one of them, and somebody waits for that. Wrong: finish() without touches
 * (order_leave.c). */
static void runs(uint32_t me)
{
    nimbus_status statuses[2] = { NIMBUS_E_INVALID, NIMBUS_E_INVALID };
    int64_t delays[2] = { 0, 0 };
    nb_offered offered[2];

    if (me == 0) {
        explore_check(receive(INT64_MAX));
        explore_check(number_got == 2);
    } else if (me == 1) {
        explore_check(nb_store_delete_many(&the_shop.store, two_held, 2, statuses));
        explore_check(statuses[0] == NIMBUS_OK && statuses[1] == NIMBUS_OK);
    } else {
        explore_check(nb_store_offer_in_order(&the_shop.store, two_made, delays, 2, offered, statuses));
        explore_check(statuses[0] == NIMBUS_OK && statuses[1] == NIMBUS_OK && offered[0].sequence + 1 == offered[1].sequence);
        the_shop.sent += 2;
    }
}

/* One slot is left, and bytes are counted: both messages of group a are in flight, others lie behind them. */
static void setup_run_short(void)
{
    nb_store_config config = shop_standard;
    nb_delivery slots[2] = { { 0 } };
    uint32_t count;

    config.capacity_bytes = 100;
    open_as(&config, 0);
    for (uint32_t i = 0; i + 1 < NB_CHUNK; i++) {
        explore_check(shop_send(i, 0) == NIMBUS_OK);
    }
    explore_check(nb_store_take(&the_shop.store, 2, NB_STORE_VISIBILITY, slots, &count, NULL) == NIMBUS_OK && count == 2);
    for (uint32_t i = 0; i < 2; i++) {
        two_held[i] = slots[i].receipt;
        nb_delivery_let_go(&slots[i]);
    }
    make(&two_made[0], "4", "c");
    make(&two_made[1], "2", "d");
}

/* A run into two new groups, without memory for slots or for a group: what is refused has left nothing behind. Wrong: reserve_all() or
 * give_back() (order_offer.c). */
static void runs_refused(uint32_t me)
{
    nimbus_status statuses[2] = { NIMBUS_E_NO_MEMORY, NIMBUS_E_NO_MEMORY };
    int64_t delays[2] = { 0, 0 };
    nb_offered offered[2];

    if (me == 1) {
        explore_check(nb_store_delete_many(&the_shop.store, two_held, 2, NULL));
        return;
    }
    explore_refuse_memory(1);
    (void)nb_store_offer_in_order(&the_shop.store, two_made, delays, 2, offered, statuses);
    explore_refuse_memory(0);
    for (uint32_t i = 0; i < 2; i++) {
        explore_check(statuses[i] == NIMBUS_OK || statuses[i] == NIMBUS_E_NO_MEMORY);
        if (statuses[i] == NIMBUS_OK) {
            the_shop.sent++;
        } else {
            nb_parcel_release(&two_made[i]);
        }
    }
}

static void runs_refused_finish(void)
{
    uint64_t held;
    int64_t age;

    nb_store_measure(&the_shop.store, &held, &age);
    explore_check(held == nb_store_places(&the_shop.store)); /* each has one byte */
    finish();
}

static const explore_scenario scenarios[] = {
    { .name = "order_runs_refused", .threads = 2, .setup = setup_run_short, .thread = runs_refused, .finish = runs_refused_finish },
    { .name = "order_runs", .threads = 3, .setup = setup_run, .thread = runs, .finish = finish },
    { .name = "order_take_again", .threads = 3, .setup = setup_held, .thread = take_again, .finish = finish },
    { .name = "order_again_for_no_time", .threads = 2, .setup = setup_held, .thread = again_for_no_time, .finish = finish },
    { .name = "order_unlock_by_delete", .threads = 2, .setup = setup_locked, .thread = unlock_by_delete, .finish = finish },
    { .name = "order_unlock_by_change", .threads = 3, .setup = setup_locked, .thread = unlock_by_change, .finish = finish },
    { .name = "order_unlock_by_lapse", .threads = 2, .setup = setup_locked, .thread = unlock_by_lapse, .finish = finish },
    { .name = "order_unlock_by_untake", .threads = 2, .setup = setup_locked, .thread = unlock_by_untake, .finish = finish },
    { .name = "order_time_out", .threads = 2, .setup = setup_locked, .thread = time_out, .finish = time_out_finish },
    { .name = "order_one_at_a_time", .threads = 4, .setup = setup, .thread = one_at_a_time, .finish = finish, .share = 2 },
    { .name = "order_cancel_and_take", .threads = 3, .setup = setup_place, .thread = cancel_and_take, .finish = finish },
    { .name = "order_dead_letter_frees", .threads = 2, .setup = setup_spent, .thread = dead_letter_frees, .finish = finish },
    { .name = "order_no_memory", .threads = 2, .setup = setup_made, .thread = no_memory, .finish = finish },
    { .name = "order_delays", .threads = 3, .setup = setup_delayed, .thread = delays, .finish = finish },
};

static const explore_subject subject = { "store", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
