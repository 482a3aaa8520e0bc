/*
 * store_more.c - lib/store: batches, bounds in bytes, looks, letters, changes of the configuration, and calls without memory.
 */
#include "shop.h"

static nimbus_receipt first;
static nimbus_status said[4];
static nb_delivery taken[4];

static void open(const nb_store_config *config)
{
    for (uint32_t i = 0; i < 4; i++) {
        said[i] = NIMBUS_OK;
        taken[i] = (nb_delivery){ 0 };
    }
    shop_open(config);
}

static void setup(void)
{
    open(&shop_standard);
}

static void setup_taken(void)
{
    open(&shop_standard);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

static void finish(void)
{
    for (uint32_t i = 0; i < 4; i++) {
        nb_delivery_let_go(&taken[i]);
    }
    shop_close();
}

static nb_parcel parcel_of(uint32_t number)
{
    nimbus_runtime *nb = the_shop.nb;
    nb_parcel parcel = { .id = nb_new_id(nb), .sent = nb_clock_wall(&nb->clock), .enqueued = nb_clock_elapsed(&nb->clock) };
    char body[1] = { (char)('0' + number) };

    explore_check(nb_message_make(nb->heap, &(nb_message_spec){ .body = nimbus_copy(body, 1) }, &parcel.message) == NIMBUS_OK);
    return parcel;
}

/* Two come at once, three are taken at once, single ones beside them. Wrong: batch.c, a place or a slot that is counted once too often. */
static void batch(uint32_t me)
{
    nb_parcel two[2];
    nimbus_receipt places[2];
    nb_delivery slots[3] = { { 0 } };
    uint32_t count = 0;
    bool more;

    if (me == 0) {
        two[0] = parcel_of(0);
        two[1] = parcel_of(1);
        if (nb_store_offer_many(&the_shop.store, two, 2, places)) {
            the_shop.sent += 2;
        } else {
            nb_parcel_release(&two[0]);
            nb_parcel_release(&two[1]);
        }
    } else if (me == 1) {
        explore_check(shop_send(2, 0) == NIMBUS_OK);
    } else {
        nb_store_take(&the_shop.store, 3, NIMBUS_HOURS(1), slots, &count, &more);
        for (uint32_t i = 0; i < count; i++) {
            uint32_t number = shop_number_of(slots[i].message);

            explore_check(!the_shop.out[number]);
            the_shop.out[number] = true;
            explore_check(nb_store_delete_delivery(&the_shop.store, &slots[i]) == NIMBUS_OK);
            nb_object_unpin(slots[i].source);
        }
    }
}

/* Two deletes at once, one of a message that waits for its time, against a purge and a single delete of the same message. */
static nimbus_receipt both[2];

static void setup_two_taken(void)
{
    setup();
    for (uint32_t i = 0; i < 2; i++) {
        explore_check(shop_send(i, 0) == NIMBUS_OK);
        explore_check(shop_take(NIMBUS_HOURS(1), &both[i], NULL));
    }
    nb_store_defer(&the_shop.store, both[1], 5 * SECOND, false);
}

static void batch_delete(uint32_t me)
{
    nimbus_status statuses[2];
    uint64_t purged;

    if (me == 0) {
        nb_store_delete_many(&the_shop.store, both, 2, statuses);
        explore_check(statuses[0] == NIMBUS_OK && statuses[1] == NIMBUS_OK);
    } else if (me == 1) {
        explore_check(nb_store_delete(&the_shop.store, both[0]) == NIMBUS_OK);
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

static void batch_delete_finish(void)
{
    explore_check(nb_store_places(&the_shop.store) == 0);
    finish();
}

/* Three deliveries deleted at once, against a lapse of one, a delete of another by its receipt, and who takes again what has lapsed. */
static void setup_three_held(void)
{
    uint32_t count = 0;

    setup();
    for (uint32_t i = 0; i < 3; i++) {
        explore_check(shop_send(i, 0) == NIMBUS_OK);
        nb_store_take(&the_shop.store, 1, i == 0 ? SECOND : NIMBUS_HOURS(1), &taken[i], &count, NULL);
        explore_check(count == 1);
    }
    first = taken[1].receipt;
}

static void delete_held(uint32_t me)
{
    if (me == 0) {
        explore_check(nb_store_delete_deliveries(&the_shop.store, taken, 3, said));
        explore_check(said[0] == NIMBUS_OK || said[0] == NIMBUS_STALE);
        explore_check(said[1] == NIMBUS_OK && said[2] == NIMBUS_OK);
        nb_object_unpin_many(taken[0].source, 3);
        taken[0].source = taken[1].source = taken[2].source = NULL;
    } else if (me == 1) {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    } else {
        nimbus_receipt again;

        shop_time(2 * SECOND);
        if (shop_take(NIMBUS_HOURS(1), &again, NULL)) {
            explore_check(nb_store_delete(&the_shop.store, again) == NIMBUS_OK);
        }
    }
}

/* Two come at once where there is one slot and no memory for more: none of them is in, and the slot is free again. */
static nb_parcel two_made[2];

static void setup_one_slot_left(void)
{
    setup();
    for (uint32_t i = 0; i + 1 < NB_CHUNK; i++) {
        explore_check(shop_send(i, 0) == NIMBUS_OK);
    }
    two_made[0] = parcel_of(4);
    two_made[1] = parcel_of(5);
}

static void batch_no_memory(uint32_t me)
{
    nimbus_receipt receipt, places[2];

    if (me == 1) {
        if (shop_take(NIMBUS_HOURS(1), &receipt, NULL)) {
            nb_store_delete(&the_shop.store, receipt);
        }
        return;
    }
    explore_refuse_memory(1);
    if (nb_store_offer_many(&the_shop.store, two_made, 2, places)) {
        the_shop.sent += 2;
    } else {
        nb_parcel_release(&two_made[0]);
        nb_parcel_release(&two_made[1]);
    }
    explore_refuse_memory(0);
}

/* Room for two bytes, three who send one each, and one that goes. Wrong: offer.c, reserve_bytes() and what it takes back. */
static void setup_bytes(void)
{
    nb_store_config config = shop_standard;

    config.capacity_bytes = 2;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

static void bytes(uint32_t me)
{
    if (me == 3) {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    } else {
        said[me] = shop_send(1 + me, 0);
        explore_check(said[me] == NIMBUS_OK || said[me] == NIMBUS_E_FULL);
    }
}

static void bytes_finish(void)
{
    uint64_t held;
    int64_t age;

    nb_store_measure(&the_shop.store, &held, &age);
    explore_check(held <= 2 && held == nb_store_places(&the_shop.store) && the_shop.sent >= 2);
    finish();
}

/* The same with room for the newest only: the oldest ready one goes. What is in flight cannot be dropped. */
static void setup_bytes_drop(void)
{
    nb_store_config config = shop_standard;

    config.capacity_bytes = 2;
    config.drop_oldest = true;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

/* A sender waits for room while a message goes. Wrong: settle.c, the fence between giving up the place and the look at `watch`. */
static void setup_full(void)
{
    nb_store_config config = shop_standard;

    config.capacity_messages = 1;
    config.capacity_bytes = 5;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &first, NULL));
}

static void room(uint32_t me)
{
    if (me == 0) { /* under a manual clock nothing can be waited for: it is there, or the call would block */
        said[0] = nb_store_wait_room(&the_shop.store, 1, INT64_MAX);
        explore_check(said[0] == NIMBUS_OK || said[0] == NIMBUS_E_WOULD_BLOCK);
        if (said[0] == NIMBUS_OK) {
            explore_check(shop_send(1, 0) == NIMBUS_OK);
        }
    } else {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    }
}

/* The same asleep: whoever deletes by its delivery wakes him. Wrong: settle.c, the look at `watch` behind the delete, or its fence. */
static void setup_full_to_sleep(void)
{
    nb_store_config config = shop_standard;
    uint32_t count = 0;

    config.capacity_messages = 1;
    for (uint32_t i = 0; i < 4; i++) {
        taken[i] = (nb_delivery){ 0 };
    }
    shop_open_to_sleep(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
    nb_store_take(&the_shop.store, 1, NIMBUS_HOURS(1), &taken[0], &count, NULL);
    explore_check(count == 1);
}

static void room_asleep(uint32_t me)
{
    if (me == 0) {
        explore_check(nb_store_wait_room(&the_shop.store, 1, INT64_MAX) == NIMBUS_OK);
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    } else {
        explore_check(nb_store_delete_delivery(&the_shop.store, &taken[0]) == NIMBUS_OK);
        nb_object_unpin(taken[0].source);
    }
}

/* Looks at what is there while it changes: each message at most once, and none that is not there (look.c). */
static void peek(uint32_t me)
{
    nimbus_peeked seen[4];
    size_t count = 0;

    if (me == 0) {
        said[0] = nb_store_peek(&the_shop.store, seen, 4, &count);
        explore_check(said[0] == NIMBUS_OK || said[0] == NIMBUS_EMPTY);
        explore_check(count <= 3);
        for (size_t i = 0; i < count; i++) {
            for (size_t j = 0; j < i; j++) {
                explore_check(seen[i].id.number != seen[j].id.number);
            }
            nimbus_message_release(seen[i].message);
        }
        explore_note(count);
    } else if (me == 1) {
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    } else {
        explore_check(shop_send(2, SECOND) == NIMBUS_OK);
    }
}

/* Two messages with letters come at once: the place for letters is made by both, and one wins (slot.c, pasts_of()). */
static void letters(uint32_t me)
{
    nb_parcel parcel = parcel_of(me);
    nimbus_receipt receipt;

    if (me == 2) {
        nb_parcel_release(&parcel);
        taken[0].letter = NULL;
        shop_take(NIMBUS_HOURS(1), &receipt, NULL);
        return;
    }
    parcel.letter = nb_letter_make(the_shop.nb->heap, "from", "why", 1);
    explore_check(parcel.letter != NULL);
    explore_check(nb_store_offer(&the_shop.store, &parcel, 0, true, NULL) == NIMBUS_OK);
    the_shop.sent++;
}

/* The retention is lowered and raised while messages come and their time runs out (life.c, nb_keys_forget_locked(); deadline.c). */
static void configure(uint32_t me)
{
    nb_store_config config = shop_standard;

    if (me == 0) {
        config.retention = 60 * SECOND;
        nb_store_configure(&the_shop.store, &config);
        nb_store_configure(&the_shop.store, &shop_standard);
    } else if (me == 1) {
        shop_time(61 * SECOND);
    } else {
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    }
}

static void setup_ready(void)
{
    open(&shop_standard);
    explore_check(shop_send(0, 0) == NIMBUS_OK);
}

/* A delayed one is deleted by its old receipt, purged, or its time comes. */
static void setup_deferred(void)
{
    setup_taken();
    nb_store_defer(&the_shop.store, first, 5 * SECOND, false);
}

static void deferred(uint32_t me)
{
    uint64_t purged;

    if (me == 0) {
        said[0] = nb_store_delete(&the_shop.store, first);
        explore_check(said[0] == NIMBUS_OK);
    } else if (me == 1) {
        shop_time(6 * SECOND);
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

/* The descriptor is made while a message comes: it is readable if something can be taken (wait.c, nb_store_fd()). */
static void descriptor(uint32_t me)
{
    int fd;

    if (me == 0) {
        explore_check(nb_store_fd(&the_shop.store, &fd) == NIMBUS_OK);
    } else {
        explore_check(shop_send(0, 0) == NIMBUS_OK);
    }
}

static void descriptor_finish(void)
{
    explore_check(the_shop.store.bell_rung);
    finish();
}

/* The counts are read while everything moves: they balance at any moment (store.c, look()). */
static void counts(uint32_t me)
{
    nb_store_counts c;

    if (me == 0) {
        nb_store_get_counts(&the_shop.store, &c);
        if (c.ready + c.delayed + c.in_flight > 2 || c.accepted < 1) {
            explore_fail("counts: ready %u, delayed %u, in flight %u, deleted %u", (unsigned)c.ready, (unsigned)c.delayed,
                         (unsigned)c.in_flight, (unsigned)c.deleted);
        }
        explore_note(c.ready << 16 | c.in_flight << 8 | c.deleted);
    } else if (me == 1) {
        explore_check(nb_store_change(&the_shop.store, first, 0) == NIMBUS_OK);
        explore_check(nb_store_delete(&the_shop.store, first) == NIMBUS_OK);
    } else {
        explore_check(shop_send(1, 0) == NIMBUS_OK);
    }
}

/* No memory for a slot: refused, nothing is left behind. The messages are there before; memory is refused to all threads at once. */
static nb_parcel made[2];

static void setup_made(void)
{
    setup();
    made[0] = parcel_of(0);
    made[1] = parcel_of(1);
}

/* The same where bytes are counted, and where there is a slot but no memory for a letter. */
static void setup_made_counted(void)
{
    nb_store_config config = shop_standard;

    config.capacity_bytes = 100;
    open(&config);
    made[0] = parcel_of(0);
    made[1] = parcel_of(1);
}

static void setup_made_letters(void)
{
    setup_taken();
    made[0] = parcel_of(0);
    made[1] = parcel_of(1);
    for (uint32_t i = 0; i < 2; i++) {
        made[i].letter = nb_letter_make(the_shop.nb->heap, "from", "why", 1);
        explore_check(made[i].letter != NULL);
    }
}

static void no_memory(uint32_t me)
{
    if (me == 0) {
        explore_refuse_memory(1);
    }
    said[me] = nb_store_offer(&the_shop.store, &made[me], 0, false, NULL);
    if (me == 0) {
        explore_refuse_memory(0);
    }
    explore_check(said[me] == NIMBUS_OK || said[me] == NIMBUS_E_NO_MEMORY);
    if (said[me] == NIMBUS_OK) {
        the_shop.sent++;
    } else {
        nb_parcel_release(&made[me]);
    }
}

/* Received as often as allowed, given back, and received by batches: what is too much goes to the dead letter (take.c). */
static void setup_last_receive(void)
{
    nb_store_config config = shop_standard;
    nimbus_receipt other;

    config.max_receives = 1;
    open(&config);
    explore_check(shop_send(0, 0) == NIMBUS_OK && shop_send(1, 0) == NIMBUS_OK);
    explore_check(shop_take(NIMBUS_HOURS(1), &other, NULL) && shop_take(NIMBUS_HOURS(1), &first, NULL));
    explore_check(nb_store_change(&the_shop.store, other, 0) == NIMBUS_OK);
}

static void last_receive(uint32_t me)
{
    nb_delivery slots[3] = { { 0 } };
    uint32_t count = 0;
    bool more;

    if (me == 0) {
        nb_store_untake(&the_shop.store, first);
        return;
    }
    nb_store_take(&the_shop.store, 3, NIMBUS_HOURS(1), slots, &count, &more);
    explore_check(count <= 1);
    for (uint32_t i = 0; i < count; i++) {
        nb_delivery_let_go(&slots[i]);
    }
}

/* Rejected, and the dead letter does not take it: it stays in flight, unless it is purged meanwhile (move.c, put_back()). */
static void doom_refused(uint32_t me)
{
    uint64_t purged;

    the_shop.refuses = true;
    if (me == 0) {
        explore_check(nb_store_doom(&the_shop.store, first, "no") != NIMBUS_OK);
    } else {
        nb_store_purge(&the_shop.store, &purged);
    }
}

static const explore_scenario scenarios[] = {
    { .name = "store_batch", .threads = 3, .setup = setup, .thread = batch, .finish = finish },
    { .name = "store_batch_delete", .threads = 3, .setup = setup_two_taken, .thread = batch_delete, .finish = batch_delete_finish },
    { .name = "store_batch_held", .threads = 3, .setup = setup_three_held, .thread = delete_held, .finish = batch_delete_finish },
    { .name = "store_batch_no_memory", .threads = 2, .setup = setup_one_slot_left, .thread = batch_no_memory, .finish = finish },
    { .name = "store_bytes", .threads = 4, .setup = setup_bytes, .thread = bytes, .finish = bytes_finish },
    { .name = "store_bytes_drop", .threads = 4, .setup = setup_bytes_drop, .thread = bytes, .finish = bytes_finish },
    { .name = "store_last_receive", .threads = 3, .setup = setup_last_receive, .thread = last_receive, .finish = finish },
    { .name = "store_no_memory_counted", .threads = 2, .setup = setup_made_counted, .thread = no_memory, .finish = finish },
    { .name = "store_no_memory_letters", .threads = 2, .setup = setup_made_letters, .thread = no_memory, .finish = finish },
    { .name = "store_wait_room", .threads = 2, .setup = setup_full, .thread = room, .finish = finish },
    { .name = "store_sleep_room", .threads = 2, .setup = setup_full_to_sleep, .thread = room_asleep, .finish = finish },
    { .name = "store_peek", .threads = 3, .setup = setup_taken, .thread = peek, .finish = finish },
    { .name = "store_letters", .threads = 3, .setup = setup, .thread = letters, .finish = finish },
    { .name = "store_configure", .threads = 3, .setup = setup_ready, .thread = configure, .finish = finish },
    { .name = "store_deferred", .threads = 3, .setup = setup_deferred, .thread = deferred, .finish = finish },
    { .name = "store_descriptor", .threads = 2, .setup = setup, .thread = descriptor, .finish = descriptor_finish },
    { .name = "store_counts", .threads = 3, .setup = setup_taken, .thread = counts, .finish = finish },
    { .name = "store_no_memory", .threads = 2, .setup = setup_made, .thread = no_memory, .finish = finish },
    { .name = "store_doom_refused", .threads = 2, .setup = setup_taken, .thread = doom_refused, .finish = finish },
};

static const explore_subject subject = { "store", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
