/* test_store.c - the state table of store/store.h, transition by transition, on a driven instance with a manual clock. */
#include "shop.h"

#include "base/number.h"
#include "store/carry.h"

static const nb_store_config standard = {
    .visibility = 30 * SECOND,
    .retention = INT64_MAX,
    .capacity_messages = 1000,
    .capacity_bytes = 1000000,
    .max_in_flight = 100,
    .max_visibility = NIMBUS_HOURS(12),
};

/* Entries of a list of slots, index + 1 first. */
static void count_entries(shop *s, uint32_t first, uint32_t *entries)
{
    for (; first != 0; first = (uint32_t)nb_slot_at(&s->store, first - 1)->taken_at) {
        entries[first - 1]++;
    }
}

static nb_store_counts counts_of(shop *s)
{
    nb_store_counts c;

    nb_store_get_counts(&s->store, &c);
    return c;
}

static int64_t oldest_age(shop *s)
{
    uint64_t bytes;
    int64_t age;

    nb_store_measure(&s->store, &bytes, &age);
    return age;
}

/* The invariants of store.h, as far as they can be seen. */
static void invariants(shop *s)
{
    static uint32_t entries[65536];
    nb_store *store = &s->store;
    nb_store_counts c = counts_of(s);
    uint64_t in[NB_ZOMBIE + 1] = { 0 }, bytes = 0, at = 0;
    uint32_t run[8], count;
    bool measured = (store->mode & NB_MODE_BYTES) != 0;

    CHECK(store->slot_count <= 65536);
    memset(entries, 0, sizeof entries);
    count_entries(s, store->returned, entries);
    count_entries(s, store->moving, entries);
    count_entries(s, store->stuck, entries);
    while ((count = nb_index_ring_list(&store->ready, &at, run, 8)) > 0) {
        for (uint32_t i = 0; i < count; i++) {
            entries[run[i]]++;
        }
    }
    for (uint32_t i = 0; i < store->slot_count; i++) {
        nb_slots *chunk = nb_slots_of(store, i);
        nb_slot *slot = nb_slot_at(store, i);
        uint64_t word = slot->word;
        nb_state state = nb_state_of(word);
        int64_t key = nb_slot_key(store, slot, state);

        in[state]++;
        CHECK(state != NB_CLAIMED);
        EQ(entries[i], (word & NB_HINTED) != 0); /* (3) */
        CHECK(state != NB_READY || (word & NB_HINTED) != 0); /* (4) */
        CHECK(chunk->first_key <= key && chunk->span->first_key <= key && store->next_key <= key); /* (6) */
        if (state != NB_FREE && state != NB_ZOMBIE) {
            CHECK(!measured || (word & NB_COUNTED) != 0);
            bytes += nb_message_size(slot->message);
        }
    }
    EQ(in[NB_READY] + in[NB_STUCK] + in[NB_MOVING], c.ready);
    EQ(in[NB_DELAYED], c.delayed);
    EQ(in[NB_IN_FLIGHT] + in[NB_DOOMING], c.in_flight);
    EQ(measured ? bytes : 0, store->bytes);
    EQ(c.accepted, c.ready + c.delayed + c.in_flight + c.deleted + c.moved + c.expired + c.purged + c.dropped + c.discarded);
}

static void test_gauges(shop *s, uint64_t ready, uint64_t delayed, uint64_t in_flight, const char *file, int line)
{
    nb_store_counts c;

    nb_store_get_counts(&s->store, &c);
    test_equal(c.ready, ready, "ready", file, line);
    test_equal(c.delayed, delayed, "delayed", file, line);
    test_equal(c.in_flight, in_flight, "in_flight", file, line);
    invariants(s);
}

#define GAUGES(s, ready, delayed, in_flight) test_gauges((s), (ready), (delayed), (in_flight), __FILE__, __LINE__)

static nb_parcel parcel_of(shop *s, const char *text)
{
    nb_parcel parcel = { .id = nb_new_id(s->nb), .sent = nb_clock_wall(&s->nb->clock), .enqueued = nb_clock_elapsed(&s->nb->clock) };

    OK(nb_message_make(s->nb->heap, &(nb_message_spec){ .body = nimbus_text(text) }, &parcel.message));
    return parcel;
}

static nimbus_status offer_parcel(shop *s, const nb_parcel *parcel, int64_t delay, bool redriven, nimbus_bound *bound)
{
    nb_offered offered;
    nimbus_status status = nb_store_offer(&s->store, parcel, delay, redriven, bound != NULL ? &offered : NULL);

    if (bound != NULL && offered.bound != NIMBUS_BOUND_NONE) {
        *bound = offered.bound;
    }
    if (status != NIMBUS_OK) {
        nb_parcel_release(parcel);
    }
    return status;
}

static nimbus_status offer(shop *s, const char *text, int64_t delay)
{
    nb_parcel parcel = parcel_of(s, text);

    return offer_parcel(s, &parcel, delay, false, NULL);
}

static nimbus_receipt test_grab(shop *s, const char *text, int64_t visibility, const char *file, int line)
{
    nb_delivery delivery = { 0 };
    nimbus_receipt receipt = { 0, 0 };
    uint32_t count = 99;
    bool more;
    char body[32] = "";

    test_status(nb_store_take(&s->store, 1, visibility, &delivery, &count, &more), NIMBUS_OK, "nb_store_take", file, line);
    if (count > 0) {
        bytes_text(nb_message_body(delivery.message), body, sizeof body);
        receipt = delivery.receipt;
    }
    nb_delivery_let_go(&delivery);
    test_equal(count, text != NULL, "count", file, line);
    if (text != NULL) {
        test_text(body, text, "body", file, line);
    }
    return receipt;
}

#define GRAB(s, text) test_grab((s), (text), NB_STORE_VISIBILITY, __FILE__, __LINE__)
#define GRAB_FOR(s, text, visibility) test_grab((s), (text), (visibility), __FILE__, __LINE__)
#define GRAB_NONE(s) (void)test_grab((s), NULL, NB_STORE_VISIBILITY, __FILE__, __LINE__)

static nb_state state_of(shop *s, nimbus_receipt receipt)
{
    return nb_state_of(nb_slot_at(&s->store, (uint32_t)receipt.place)->word);
}

static void advance(shop *s, int64_t by)
{
    OK(nb_runtime_advance(s->nb, by));
}

/* ---------------------------------------------------------------------------------- simple transitions */

static void comes_and_goes(void **state)
{
    shop s;
    nimbus_receipt receipt;

    (void)state;
    shop_open(&s, &standard);
    GRAB_NONE(&s);
    OK(offer(&s, "a", 0));
    GAUGES(&s, 1, 0, 0);
    receipt = GRAB(&s, "a");
    EQ(state_of(&s, receipt), NB_IN_FLIGHT);
    GAUGES(&s, 0, 0, 1);
    GRAB_NONE(&s);
    OK(nb_store_delete(&s.store, receipt));
    EQ(state_of(&s, receipt), NB_FREE);
    GAUGES(&s, 0, 0, 0);
    OK(nb_store_delete(&s.store, receipt)); /* again is fine */
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_NO_MESSAGE);
    IS(nb_store_doom(&s.store, receipt, NULL), NIMBUS_E_NO_MESSAGE);
    OK(offer(&s, "b", 0)); /* into the same slot */
    OK(nb_store_delete(&s.store, receipt));
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_NO_MESSAGE);
    nb_store_untake(&s.store, receipt);
    nb_store_defer(&s.store, receipt, SECOND, false);
    GAUGES(&s, 1, 0, 0);
    EQ(counts_of(&s).deleted, 1);
    EQ(counts_of(&s).received, 1);
    EQ(counts_of(&s).empty_receives, 0);
    nb_store_count_empty(&s.store);
    EQ(counts_of(&s).empty_receives, 1);
    shop_close(&s);
}

static void foreign_receipts(void **state)
{
    shop s;
    nimbus_receipt good, bad;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    good = GRAB(&s, "a");
    EQ(good.place >> 32, NUMBER);
    bad = good;
    bad.place += UINT64_C(1) << 32; /* another store's */
    IS(nb_store_delete(&s.store, bad), NIMBUS_E_RECEIPT);
    bad = good;
    bad.place += s.store.slot_count; /* no such slot */
    IS(nb_store_change(&s.store, bad, 0), NIMBUS_E_RECEIPT);
    bad = good;
    bad.generation++; /* not given out yet */
    IS(nb_store_doom(&s.store, bad, NULL), NIMBUS_E_RECEIPT);
    bad.generation = 0;
    IS(nb_store_discard(&s.store, bad), NIMBUS_E_RECEIPT);
    bad.place++; /* of a slot that was never used */
    IS(nb_store_delete(&s.store, bad), NIMBUS_E_RECEIPT);
    IS(nb_store_delete(&s.store, (nimbus_receipt){ 0, 0 }), NIMBUS_E_RECEIPT);
    GAUGES(&s, 0, 0, 1);
    OK(nb_store_discard(&s.store, good));
    EQ(counts_of(&s).discarded, 1);
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

static void delays_lapse(void **state)
{
    shop s;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "late", 2 * SECOND));
    OK(offer(&s, "first", SECOND));
    OK(offer(&s, "second", SECOND)); /* equal: in the order in which they came */
    OK(offer(&s, "now", 0));
    GAUGES(&s, 1, 3, 0);
    advance(&s, SECOND - 1);
    GAUGES(&s, 1, 3, 0);
    advance(&s, 1);
    EQ(counts_of(&s).ready, 3); /* by the timer alone */
    GAUGES(&s, 3, 1, 0);
    GRAB(&s, "now");
    GRAB(&s, "first");
    GRAB(&s, "second");
    GRAB_NONE(&s);
    advance(&s, SECOND);
    GRAB(&s, "late");
    GAUGES(&s, 0, 0, 4);
    shop_close(&s);
}

static void visibility_lapses(void **state)
{
    shop s;
    nimbus_receipt old, receipt;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    OK(offer(&s, "b", 0));
    old = GRAB(&s, "a");
    advance(&s, 30 * SECOND - 1);
    EQ(state_of(&s, old), NB_IN_FLIGHT);
    advance(&s, 1);
    EQ(state_of(&s, old), NB_READY);
    GAUGES(&s, 2, 0, 0);
    IS(nb_store_change(&s.store, old, SECOND), NIMBUS_E_NOT_INFLIGHT);
    IS(nb_store_doom(&s.store, old, NULL), NIMBUS_E_NOT_INFLIGHT);
    nb_store_untake(&s.store, old);
    nb_store_defer(&s.store, old, SECOND, false);
    GAUGES(&s, 2, 0, 0);
    GRAB(&s, "b"); /* it came back behind the others */
    receipt = GRAB(&s, "a");
    IS(nb_store_delete(&s.store, old), NIMBUS_STALE);
    IS(nb_store_discard(&s.store, old), NIMBUS_STALE);
    IS(nb_store_change(&s.store, old, 0), NIMBUS_STALE);
    IS(nb_store_doom(&s.store, old, NULL), NIMBUS_STALE);
    nb_store_untake(&s.store, old);
    nb_store_defer(&s.store, old, SECOND, false);
    EQ(s.moves, 0);
    GAUGES(&s, 0, 0, 2);
    advance(&s, 30 * SECOND);
    OK(nb_store_delete(&s.store, receipt)); /* lapsed, but nobody has taken it since */
    GAUGES(&s, 1, 0, 0);
    shop_close(&s);
}

static void visibility_is_changed(void **state)
{
    shop s;
    nimbus_receipt receipt;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    receipt = GRAB(&s, "a");
    OK(nb_store_change(&s.store, receipt, 0));
    EQ(state_of(&s, receipt), NB_READY);
    GAUGES(&s, 1, 0, 0);
    receipt = GRAB_FOR(&s, "a", SECOND);
    OK(nb_store_change(&s.store, receipt, 3 * SECOND));
    advance(&s, 3 * SECOND - 1);
    EQ(state_of(&s, receipt), NB_IN_FLIGHT);
    OK(nb_store_change(&s.store, receipt, NB_STORE_VISIBILITY)); /* from the receive */
    advance(&s, 27 * SECOND);
    EQ(state_of(&s, receipt), NB_IN_FLIGHT);
    advance(&s, 1);
    EQ(state_of(&s, receipt), NB_READY);
    receipt = GRAB_FOR(&s, "a", NIMBUS_MINUTES(2));
    advance(&s, NIMBUS_MINUTES(1));
    OK(nb_store_change(&s.store, receipt, NB_STORE_VISIBILITY)); /* over long since */
    EQ(state_of(&s, receipt), NB_READY);
    receipt = GRAB(&s, "a");
    advance(&s, SECOND);
    IS(nb_store_change(&s.store, receipt, standard.max_visibility - SECOND + 1), NIMBUS_E_INVALID);
    OK(nb_store_change(&s.store, receipt, standard.max_visibility - SECOND));
    IS(nb_store_change(&s.store, receipt, INT64_MAX), NIMBUS_E_INVALID);
    advance(&s, standard.max_visibility - SECOND - 1);
    EQ(state_of(&s, receipt), NB_IN_FLIGHT);
    advance(&s, 1);
    EQ(state_of(&s, receipt), NB_READY);
    GAUGES(&s, 1, 0, 0);
    shop_close(&s);
}

static void a_take_without_visibility(void **state)
{
    nb_delivery slots[5];
    shop s;
    uint32_t count;
    bool more;

    (void)state;
    memset(slots, 0, sizeof slots);
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    OK(offer(&s, "b", 0));
    OK(nb_store_take(&s.store, 5, 0, slots, &count, &more));
    EQ(count, 2); /* each once */
    CHECK(more);
    EQ(slots[0].own_receives, 1);
    nb_delivery_let_go(&slots[0]);
    nb_delivery_let_go(&slots[1]);
    nb_delivery_let_go(&slots[2]); /* empty: nothing */
    GAUGES(&s, 2, 0, 0);
    GRAB(&s, "a");
    shop_close(&s);
}

static void a_take_is_undone(void **state)
{
    nb_delivery delivery = { 0 };
    shop s;
    nimbus_receipt receipt;
    uint32_t count;
    bool more;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    OK(offer(&s, "b", 0));
    receipt = GRAB(&s, "a");
    nb_store_untake(&s.store, receipt);
    GAUGES(&s, 2, 0, 0);
    EQ(counts_of(&s).received, 0);
    IS(nb_store_delete(&s.store, receipt), NIMBUS_E_RECEIPT); /* it was never given out */
    advance(&s, SECOND);
    OK(nb_store_take(&s.store, 1, NB_STORE_VISIBILITY, &delivery, &count, &more)); /* in front again */
    EQ(delivery.receipt.generation, receipt.generation);
    CHECK(bytes_are(nb_message_body(delivery.message), "a"));
    EQ(delivery.receive_count, 1);
    EQ(delivery.own_receives, 1);
    EQT(delivery.first_received, START_TIME + SECOND);
    EQT(delivery.visible_at, START_TIME + 31 * SECOND);
    nb_delivery_let_go(&delivery);
    GAUGES(&s, 1, 0, 1);
    shop_close(&s);
}

static void deferred(void **state)
{
    nb_delivery delivery = { 0 };
    shop s;
    nimbus_receipt receipt;
    uint32_t count;
    bool more;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    receipt = GRAB(&s, "a");
    nb_store_defer(&s.store, receipt, SECOND, false);
    EQ(state_of(&s, receipt), NB_DELAYED);
    GAUGES(&s, 0, 1, 0);
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_NOT_INFLIGHT);
    nb_store_defer(&s.store, receipt, 9 * SECOND, false); /* not in flight any more */
    GRAB_NONE(&s);
    advance(&s, SECOND - 1);
    GRAB_NONE(&s);
    advance(&s, 1);
    receipt = GRAB(&s, "a");
    nb_store_defer(&s.store, receipt, 0, true); /* at the next moment, and with the mark */
    GAUGES(&s, 0, 1, 0);
    advance(&s, 1);
    GAUGES(&s, 1, 0, 0);
    OK(nb_store_take(&s.store, 1, NB_STORE_VISIBILITY, &delivery, &count, &more));
    EQ(delivery.failed, 1);
    receipt = delivery.receipt;
    nb_delivery_let_go(&delivery);
    OK(nb_store_delete(&s.store, receipt));
    OK(offer(&s, "b", 0)); /* into the same slot: without the mark */
    OK(nb_store_take(&s.store, 1, NB_STORE_VISIBILITY, &delivery, &count, &more));
    EQ(delivery.failed, 0);
    nb_delivery_let_go(&delivery);
    GAUGES(&s, 0, 0, 1);
    shop_close(&s);
}

/* -------------------------------------------------------------------------------------------- dead letter */

static const nb_store_config two_receives = {
    .visibility = 30 * SECOND,
    .retention = INT64_MAX,
    .capacity_messages = 1000,
    .capacity_bytes = 1000000,
    .max_in_flight = 100,
    .max_visibility = NIMBUS_HOURS(12),
    .max_receives = 2,
};

/* One message that was received twice and is ready again: the next take moves it. */
static nimbus_receipt worn_out(shop *s, const char *text)
{
    size_t moves = s->moves;
    nimbus_receipt receipt;

    OK(offer(s, text, 0));
    GRAB_FOR(s, text, 0);
    receipt = GRAB_FOR(s, text, 0);
    EQ(s->moves, moves);
    return receipt;
}

static void too_many_receives(void **state)
{
    shop s;
    nimbus_receipt receipt;

    (void)state;
    shop_open(&s, &two_receives);
    s.takes = true;
    receipt = worn_out(&s, "a");
    OK(offer(&s, "b", 0));
    GRAB(&s, "b"); /* the same take sets the other one aside */
    EQ(s.moves, 1);
    EQ(s.own_receives, 2);
    TEXT(s.why, "-");
    EQ(state_of(&s, receipt), NB_FREE);
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_NO_MESSAGE);
    EQ(counts_of(&s).moved, 1);
    GAUGES(&s, 0, 0, 1);
    shop_close(&s);
}

static void moves_that_fail_are_stuck(void **state)
{
    shop s;
    nimbus_receipt receipt;
    int64_t delay = SECOND;

    (void)state;
    shop_open(&s, &two_receives);
    receipt = worn_out(&s, "a");
    GRAB_NONE(&s);
    EQ(s.moves, 1);
    EQ(state_of(&s, receipt), NB_STUCK);
    GAUGES(&s, 1, 0, 0);
    IS(nb_store_delete(&s.store, receipt), NIMBUS_STALE); /* it belongs to the dead letter */
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_STALE);
    GRAB_NONE(&s); /* each take is another try */
    EQ(s.moves, 2);
    for (size_t tries = 3; tries < 10; tries++) { /* and by itself after 1, 2, 4, ... 60 s */
        advance(&s, delay - 1);
        EQ(s.moves, tries - 1);
        advance(&s, 1);
        EQ(s.moves, tries);
        EQ(state_of(&s, receipt), NB_STUCK);
        GAUGES(&s, 1, 0, 0);
        delay = delay * 2 < 60 * SECOND ? delay * 2 : 60 * SECOND;
    }
    s.takes = true;
    advance(&s, delay);
    EQ(s.moves, 10);
    EQ(counts_of(&s).moved, 1);
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

static void one_that_gets_through_takes_the_others_along(void **state)
{
    shop s;

    (void)state;
    shop_open(&s, &two_receives);
    for (int i = 0; i < 5; i++) {
        OK(offer(&s, "a", 0));
    }
    for (int i = 0; i < 10; i++) {
        GRAB_FOR(&s, "a", 0);
    }
    GRAB_NONE(&s);
    EQ(s.moves, 5); /* each is set aside once */
    GAUGES(&s, 5, 0, 0);
    EQ(s.moves, 5); /* looking is no try */
    GRAB_NONE(&s);
    EQ(s.moves, 6); /* the first of those that are stuck, in vain */
    s.takes = true;
    GRAB_NONE(&s);
    EQ(s.moves, 11);
    GAUGES(&s, 0, 0, 0);
    EQ(counts_of(&s).moved, 5);
    shop_close(&s);
}

static void doomed(void **state)
{
    shop s;
    nimbus_receipt receipt;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    receipt = GRAB(&s, "a");
    IS(nb_store_doom(&s.store, receipt, "bad"), NIMBUS_E_NOT_FOUND);
    EQ(s.moves, 1);
    TEXT(s.why, "bad");
    EQ(state_of(&s, receipt), NB_IN_FLIGHT); /* as before, with the same receipt */
    GAUGES(&s, 0, 0, 1);
    OK(nb_store_change(&s.store, receipt, 5 * SECOND));
    advance(&s, 5 * SECOND);
    GAUGES(&s, 1, 0, 0);
    receipt = GRAB(&s, "a");
    s.takes = true;
    OK(nb_store_doom(&s.store, receipt, NULL));
    TEXT(s.why, "-");
    EQ(s.own_receives, 2);
    EQ(counts_of(&s).moved, 1);
    IS(nb_store_doom(&s.store, receipt, NULL), NIMBUS_E_NO_MESSAGE);
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

static void lapses_inside(shop *s)
{
    nb_clock_set(&s->nb->clock, 30 * SECOND);
    GAUGES(s, 0, 0, 1); /* the mover has it */
    GRAB_NONE(s);
}

static void a_doomed_one_lapses_meanwhile(void **state)
{
    shop s;
    nimbus_receipt receipt;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    receipt = GRAB(&s, "a");
    s.inside = lapses_inside;
    IS(nb_store_doom(&s.store, receipt, NULL), NIMBUS_E_NOT_FOUND);
    advance(&s, 0);
    EQ(state_of(&s, receipt), NB_READY);
    GAUGES(&s, 1, 0, 0);
    shop_close(&s);
}

static void notes(void **state)
{
    shop s;
    nimbus_receipt receipt, stale;

    (void)state;
    shop_open(&s, &two_receives);
    OK(offer(&s, "a", 0));
    stale = GRAB_FOR(&s, "a", 0);
    receipt = GRAB(&s, "a");
    nb_store_note(&s.store, receipt, nb_letter_make(s.nb->heap, "shop", "first", 1));
    nb_store_note(&s.store, receipt, nb_letter_make(s.nb->heap, "shop", "second", 1));
    nb_store_note(&s.store, receipt, NULL);                                          /* nothing */
    nb_store_note(&s.store, stale, nb_letter_make(s.nb->heap, "shop", "stale", 1)); /* let go of */
    IS(nb_store_doom(&s.store, receipt, "said"), NIMBUS_E_NOT_FOUND);
    TEXT(s.why, "said");
    IS(nb_store_doom(&s.store, receipt, NULL), NIMBUS_E_NOT_FOUND);
    TEXT(s.why, "second");
    OK(nb_store_change(&s.store, receipt, 0));
    GRAB_NONE(&s);
    TEXT(s.why, "second");
    s.takes = true;
    GRAB_NONE(&s);
    EQ(counts_of(&s).moved, 1);
    worn_out(&s, "b"); /* into the same slot: without the old note */
    GRAB_NONE(&s);
    TEXT(s.why, "-");
    EQ(counts_of(&s).moved, 2);
    shop_close(&s);
}

static void no_dead_letter(void **state)
{
    static const nb_store_ops none = { .move = NULL };
    shop s;
    nimbus_receipt receipt;

    (void)state;
    shop_open(&s, &two_receives);
    s.store.ops = &none;
    OK(offer(&s, "a", 0));
    receipt = GRAB(&s, "a");
    IS(nb_store_doom(&s.store, receipt, NULL), NIMBUS_E_NOT_FOUND);
    GAUGES(&s, 0, 0, 1);
    OK(nb_store_purge(&s.store, NULL));
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

/* ----------------------------------------------------------------------------------- purge, end, expiry */

static void purge_takes_every_state(void **state)
{
    shop s;
    nimbus_receipt receipt;
    uint64_t purged = 99;

    (void)state;
    shop_open(&s, &two_receives);
    worn_out(&s, "stuck");
    GRAB_NONE(&s);
    OK(offer(&s, "flying", 0));
    receipt = GRAB(&s, "flying");
    OK(offer(&s, "late", SECOND));
    OK(offer(&s, "ready", 0));
    GAUGES(&s, 2, 1, 1);
    OK(nb_store_purge(&s.store, &purged));
    EQ(purged, 4);
    GAUGES(&s, 0, 0, 0);
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_NO_MESSAGE);
    OK(nb_store_purge(&s.store, &purged));
    EQ(purged, 0);
    EQ(s.gone[NIMBUS_TRACE_DISCARDED] + s.gone[NIMBUS_TRACE_EXPIRED], 0); /* whoever purges knows */
    shop_close(&s);
}

static void purge_inside(shop *s)
{
    uint64_t purged = 99;

    OK(nb_store_purge(&s->store, &purged));
    EQ(purged, 1); /* the other one; this one is the mover's */
    invariants(s);
}

static void purge_while_moving(void **state)
{
    (void)state;
    for (int round = 0; round < 4; round++) {
        bool takes = (round & 1) != 0, dooms = (round & 2) != 0;
        shop s;

        shop_open(&s, &two_receives);
        s.takes = takes;
        if (dooms) {
            nimbus_receipt receipt;

            OK(offer(&s, "a", 0));
            receipt = GRAB(&s, "a");
            OK(offer(&s, "other", SECOND));
            s.inside = purge_inside;
            IS(nb_store_doom(&s.store, receipt, NULL), takes ? NIMBUS_OK : NIMBUS_E_NOT_FOUND);
        } else {
            worn_out(&s, "a");
            OK(offer(&s, "other", SECOND));
            s.inside = purge_inside;
            GRAB_NONE(&s);
        }
        EQ(s.moves, 1);
        EQ(counts_of(&s).moved, takes);
        EQ(counts_of(&s).purged, takes ? 1 : 2);
        GAUGES(&s, 0, 0, 0);
        OK(offer(&s, "new", 0)); /* the flags are gone with it */
        GAUGES(&s, 1, 0, 0);
        shop_close(&s);
    }
}

static bool finish_in_flight;

static void end_inside(shop *s)
{
    s->ended = true;
    nb_store_end(&s->store, NIMBUS_E_DELETED, finish_in_flight);
    invariants(s);
}

static void end_while_moving(void **state)
{
    (void)state;
    for (int round = 0; round < 8; round++) {
        bool takes = (round & 1) != 0, dooms = (round & 2) != 0;
        shop s;
        nimbus_receipt receipt = { 0, 0 };

        finish_in_flight = (round & 4) != 0;
        shop_open(&s, &two_receives);
        s.takes = takes;
        if (dooms) {
            OK(offer(&s, "a", 0));
            receipt = GRAB(&s, "a");
            OK(offer(&s, "other", 0));
            s.inside = end_inside;
            IS(nb_store_doom(&s.store, receipt, NULL), takes ? NIMBUS_OK : NIMBUS_E_NOT_FOUND);
        } else {
            OK(offer(&s, "a", 0));
            OK(offer(&s, "other", 0));
            for (int receives = 0; receives < 2; receives++) {
                receipt = GRAB_FOR(&s, "a", 0);
                GRAB_FOR(&s, "other", 0);
            }
            s.inside = end_inside; /* in the first of two moves */
            GRAB_NONE(&s);
        }
        EQ(counts_of(&s).moved, takes ? (dooms ? 1 : 2) : 0);
        if (dooms && !takes && finish_in_flight) { /* whoever holds it ends it */
            GAUGES(&s, 0, 0, 1);
            OK(nb_store_discard(&s.store, receipt));
        }
        EQ(counts_of(&s).discarded, 2 - counts_of(&s).moved);
        GAUGES(&s, 0, 0, 0);
        IS(offer(&s, "late", 0), NIMBUS_E_DELETED);
        shop_close(&s);
    }
}

static void the_end(void **state)
{
    shop s;
    nimbus_receipt receipt;
    nb_delivery delivery = { 0 };
    nimbus_peeked peeked;
    size_t peeks = 99;
    uint32_t count = 99;
    bool more;
    int fd = -1;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "flying", 0));
    receipt = GRAB(&s, "flying");
    OK(offer(&s, "late", SECOND));
    OK(offer(&s, "ready", 0));
    OK(nb_store_fd(&s.store, &fd));
    CHECK(descriptor_is_readable(fd));
    finish_in_flight = false;
    end_inside(&s);
    EQ(counts_of(&s).discarded, 3);
    EQ(s.gone[NIMBUS_TRACE_DISCARDED], 3);
    IS(nb_store_delete(&s.store, receipt), NIMBUS_E_DELETED);
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_DELETED);
    IS(nb_store_doom(&s.store, receipt, NULL), NIMBUS_E_DELETED);
    IS(nb_store_purge(&s.store, NULL), NIMBUS_E_DELETED);
    IS(nb_store_take(&s.store, 1, 0, &delivery, &count, &more), NIMBUS_E_DELETED);
    EQ(count, 99);
    IS(nb_store_peek(&s.store, &peeked, 1, &peeks), NIMBUS_E_DELETED);
    IS(nb_store_wait_room(&s.store, 1, INT64_MAX), NIMBUS_E_DELETED);
    IS(nb_store_fd(&s.store, &fd), NIMBUS_E_DELETED);
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

static void the_end_waits_for_what_is_in_flight(void **state)
{
    nb_store_config config = standard;
    nimbus_receipt receipts[6];
    shop s;

    (void)state;
    config.visibility = INT64_MAX;
    shop_open(&s, &config);
    for (size_t i = 0; i < COUNT(receipts); i++) {
        OK(offer(&s, "a", 0));
        receipts[i] = GRAB(&s, "a");
    }
    OK(offer(&s, "ready", 0));
    finish_in_flight = true;
    end_inside(&s);
    GAUGES(&s, 0, 0, 6);
    advance(&s, NIMBUS_DAYS(100));
    GAUGES(&s, 0, 0, 6);
    OK(nb_store_delete(&s.store, receipts[0]));
    IS(nb_store_doom(&s.store, receipts[1], NULL), NIMBUS_E_NOT_FOUND); /* stays */
    GAUGES(&s, 0, 0, 5);
    s.takes = true;
    OK(nb_store_doom(&s.store, receipts[1], NULL));
    IS(nb_store_change(&s.store, receipts[2], SECOND), NIMBUS_E_DELETED); /* discards it */
    nb_store_untake(&s.store, receipts[3]);
    nb_store_defer(&s.store, receipts[4], SECOND, false);
    GAUGES(&s, 0, 0, 1);
    EQ(counts_of(&s).deleted, 1);
    EQ(counts_of(&s).moved, 1);
    EQ(counts_of(&s).discarded, 4);
    shop_close(&s); /* the last one is given up */
}

static void retention(void **state)
{
    nb_store_config config = two_receives;
    nb_parcel parcel;
    nimbus_receipt receipt;
    nb_store_counts c;
    shop s;

    (void)state;
    config.retention = 60 * SECOND;
    config.visibility = NIMBUS_HOURS(1);
    shop_open(&s, &config);
    worn_out(&s, "stuck");
    GRAB_NONE(&s);
    OK(offer(&s, "flying", 0));
    receipt = GRAB(&s, "flying");
    OK(offer(&s, "ready", 0));
    OK(offer(&s, "late", NIMBUS_HOURS(1)));
    advance(&s, 10 * SECOND);
    OK(offer(&s, "younger", 0));
    parcel = parcel_of(&s, "older"); /* came over from elsewhere with its own time stamp */
    parcel.enqueued = -20 * SECOND;
    OK(offer_parcel(&s, &parcel, 0, true, NULL));
    nb_store_get_counts(&s.store, &c);
    EQT(oldest_age(&s), 30 * SECOND);
    EQ(c.redriven_in, 1);
    advance(&s, 30 * SECOND - 1);
    EQ(counts_of(&s).expired, 0);
    advance(&s, 1);
    EQ(counts_of(&s).expired, 1);
    GAUGES(&s, 3, 1, 1);
    advance(&s, 20 * SECOND - 1);
    EQ(counts_of(&s).expired, 1);
    advance(&s, 1);
    EQ(counts_of(&s).expired, 5);
    EQ(s.gone[NIMBUS_TRACE_EXPIRED], 5);
    IS(nb_store_change(&s.store, receipt, 0), NIMBUS_E_NO_MESSAGE);
    GAUGES(&s, 1, 0, 0);
    nb_store_get_counts(&s.store, &c);
    EQT(oldest_age(&s), 50 * SECOND);
    config.retention = 50 * SECOND; /* goes at once */
    nb_store_configure(&s.store, &config);
    EQ(counts_of(&s).expired, 6);
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

static int64_t next_timer;

static void expires_inside(shop *s)
{
    nb_clock_set(&s->nb->clock, 60 * SECOND);
    GAUGES(s, 1, 0, 0); /* the mover looks when it is back */
    nb_timers_fire(&s->nb->timers);
    next_timer = nb_timers_next(&s->nb->timers);
}

/* Its retention ends while it is on its way: then nothing is due, and the clock has nothing to do. */
static void expiry_while_moving_keeps_the_clock_quiet(void **state)
{
    nb_store_config config = two_receives;
    shop s;

    (void)state;
    config.retention = 60 * SECOND;
    shop_open(&s, &config);
    worn_out(&s, "a");
    next_timer = 0;
    s.inside = expires_inside;
    GRAB_NONE(&s);
    EQ(s.moves, 1);
    GAUGES(&s, 0, 0, 0);
    EQ(counts_of(&s).expired, 1);
    shop_close(&s);
    CHECK(next_timer > 60 * SECOND);
}

/* ------------------------------------------------------------------------------------- room and memory */

static void capacities(void **state)
{
    nb_store_config config = standard;
    nimbus_bound bound = NIMBUS_BOUND_NONE;
    nb_parcel parcel;
    nimbus_receipt receipt;
    shop s;

    (void)state;
    config.capacity_messages = 3;
    config.capacity_bytes = 10;
    shop_open(&s, &config);
    OK(offer(&s, "12345", 0));
    parcel = parcel_of(&s, "123456");
    IS(offer_parcel(&s, &parcel, 0, false, &bound), NIMBUS_E_FULL);
    EQ(bound, NIMBUS_BOUND_BYTES);
    OK(offer(&s, "1234", SECOND));
    OK(offer(&s, "1", 0));
    parcel = parcel_of(&s, "");
    IS(offer_parcel(&s, &parcel, 0, false, &bound), NIMBUS_E_FULL);
    EQ(bound, NIMBUS_BOUND_MESSAGES);
    EQ(counts_of(&s).refused, 2);
    IS(nb_store_wait_room(&s.store, 11, INT64_MAX), NIMBUS_E_FULL); /* never */
    IS(nb_store_wait_room(&s.store, 1, INT64_MAX), NIMBUS_E_WOULD_BLOCK);
    IS(nb_store_wait_room(&s.store, 1, 0), NIMBUS_E_TIMEOUT);
    receipt = GRAB(&s, "12345"); /* in flight it still takes room */
    GAUGES(&s, 1, 1, 1);
    IS(offer(&s, "1", 0), NIMBUS_E_FULL);
    OK(nb_store_delete(&s.store, receipt));
    OK(nb_store_wait_room(&s.store, 5, INT64_MAX));
    OK(offer(&s, "12345", 0));
    GAUGES(&s, 2, 1, 0);
    shop_close(&s);
}

static void the_oldest_make_room(void **state)
{
    nb_store_config config = standard;
    shop s;

    (void)state;
    config.capacity_messages = 3;
    config.capacity_bytes = 10;
    config.drop_oldest = true;
    shop_open(&s, &config);
    OK(offer(&s, "a", 0));
    OK(offer(&s, "b", 0));
    OK(offer(&s, "c", 0));
    OK(offer(&s, "d", 0));
    EQ(counts_of(&s).dropped, 1);
    EQ(s.gone[NIMBUS_TRACE_DROPPED], 1);
    GAUGES(&s, 3, 0, 0);
    IS(offer(&s, "12345678901", 0), NIMBUS_E_FULL); /* never: nothing is dropped for it */
    GAUGES(&s, 3, 0, 0);
    GRAB(&s, "b");
    OK(offer(&s, "123456789", 0)); /* both that are ready; not what is in flight */
    EQ(counts_of(&s).dropped, 3);
    GAUGES(&s, 1, 0, 1);
    GRAB(&s, "123456789");
    IS(offer(&s, "x", 0), NIMBUS_E_FULL); /* nothing to drop */
    GAUGES(&s, 0, 0, 2);
    shop_close(&s);
}

static void grows_over_chunks(void **state)
{
    nimbus_receipt receipts[75];
    char text[8];
    shop s;

    (void)state;
    shop_open(&s, &standard);
    for (int i = 0; i < 75; i++) { /* chunks of 4; the directory grows past 8 and 16 of them */
        snprintf(text, sizeof text, "%d", i);
        OK(offer(&s, text, i % 3 == 0 ? (75 - i) * SECOND : 0));
        invariants(&s);
    }
    EQ(s.store.slot_count, 76);
    for (int i = 0; i < 75; i++) {
        if (i % 3 != 0) {
            snprintf(text, sizeof text, "%d", i);
            receipts[i] = GRAB_FOR(&s, text, INT64_MAX);
        }
    }
    GRAB_NONE(&s);
    advance(&s, 100 * SECOND);
    for (int i = 72; i >= 0; i -= 3) { /* in the order of their deadlines */
        snprintf(text, sizeof text, "%d", i);
        receipts[i] = GRAB_FOR(&s, text, INT64_MAX);
    }
    GAUGES(&s, 0, 0, 75);
    for (int i = 0; i < 75; i++) {
        OK(nb_store_delete(&s.store, receipts[i]));
        invariants(&s);
    }
    GAUGES(&s, 0, 0, 0);
    for (int i = 0; i < 75; i++) {
        OK(offer(&s, "again", 0));
    }
    EQ(s.store.slot_count, 76);
    shop_close(&s);
}

static void growth_that_fails(void **state)
{
    nb_parcel parcel;
    shop s;

    (void)state;
    shop_open(&s, &standard);
    for (int i = 0; i < 40; i++) {
        for (uint64_t nth = 1; nth <= 3; nth++) { /* directory, heap, chunk: some of them */
            nimbus_status status;

            parcel = parcel_of(&s, "a");
            heap_fail(&s.own, nth, true);
            status = offer_parcel(&s, &parcel, SECOND, false, NULL);
            heap_fail(&s.own, 0, false);
            CHECK(status == NIMBUS_OK || status == NIMBUS_E_NO_MEMORY);
            invariants(&s);
        }
        OK(offer(&s, "a", 0));
        invariants(&s);
    }
    EQ(counts_of(&s).refused, 0); /* no capacity was at fault */
    shop_close(&s);
}

static void in_flight_is_bounded(void **state)
{
    nb_store_config config = standard;
    nb_delivery slots[3];
    nimbus_receipt receipt;
    uint32_t count = 99;
    bool more;
    shop s;

    (void)state;
    memset(slots, 0, sizeof slots);
    config.max_in_flight = 2;
    shop_open(&s, &config);
    for (int i = 0; i < 3; i++) {
        OK(offer(&s, "a", 0));
    }
    OK(nb_store_take(&s.store, 3, NB_STORE_VISIBILITY, slots, &count, &more));
    EQ(count, 2);
    CHECK(!more);
    receipt = slots[0].receipt;
    nb_delivery_let_go(&slots[0]);
    nb_delivery_let_go(&slots[1]);
    IS(nb_store_take(&s.store, 3, NB_STORE_VISIBILITY, slots, &count, &more), NIMBUS_E_OVER_LIMIT);
    EQ(count, 0);
    OK(nb_store_delete(&s.store, receipt));
    GRAB(&s, "a");
    GRAB_NONE(&s); /* nothing is ready: no limit is at fault */
    GAUGES(&s, 0, 0, 2);
    shop_close(&s);
}

static void peeks(void **state)
{
    nimbus_peeked peeked[5];
    size_t count = 99;
    shop s;

    (void)state;
    shop_open(&s, &two_receives);
    IS(nb_store_peek(&s.store, peeked, 5, &count), NIMBUS_EMPTY);
    EQ(count, 0);
    worn_out(&s, "stuck");
    GRAB_NONE(&s);
    OK(offer(&s, "flying", 0));
    GRAB(&s, "flying");
    OK(offer(&s, "late", SECOND));
    OK(offer(&s, "ready", 0));
    OK(nb_store_peek(&s.store, peeked, 5, &count));
    EQ(count, 4);
    EQ(peeked[0].state, NIMBUS_STATE_READY); /* stuck */
    CHECK(bytes_are(nb_message_body(peeked[0].message), "stuck"));
    EQ(peeked[0].receive_count, 2);
    EQ(peeked[1].state, NIMBUS_STATE_READY);
    EQT(peeked[1].until, 0);
    EQ(peeked[2].state, NIMBUS_STATE_DELAYED);
    EQT(peeked[2].until, START_TIME + SECOND);
    EQ(peeked[3].state, NIMBUS_STATE_IN_FLIGHT);
    EQT(peeked[3].until, START_TIME + 30 * SECOND);
    for (size_t i = 0; i < count; i++) {
        nimbus_message_release(peeked[i].message);
    }
    OK(nb_store_peek(&s.store, peeked, 1, &count));
    EQ(count, 1);
    nimbus_message_release(peeked[0].message);
    GAUGES(&s, 2, 1, 1);
    shop_close(&s);
}

static void the_order_of_equal_deadlines_outlives_configure(void **state)
{
    shop s;
    char body[8] = "";
    nb_delivery delivery = { 0 };
    uint32_t count;
    bool more;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "x", 0)); /* slot 0 */
    OK(offer(&s, "first", SECOND));
    OK(nb_store_delete(&s.store, GRAB(&s, "x")));
    OK(offer(&s, "second", SECOND)); /* slot 0 again */
    nb_store_configure(&s.store, &standard);
    advance(&s, SECOND);
    OK(nb_store_take(&s.store, 1, SECOND, &delivery, &count, &more));
    bytes_text(nb_message_body(delivery.message), body, sizeof body);
    nb_delivery_let_go(&delivery);
    shop_close(&s);
    TEXT(body, "first");
}

/* ------------------------------------------------------------------------------------------------ waiters */

typedef struct client {
    nb_waiter waiter;
    nb_delivery slots[3];
    size_t served, notified;
    bool takes;
} client;

static void client_served(nb_waiter *waiter)
{
    NB_CONTAINER(waiter, client, waiter)->served++;
}

static bool client_notify(nb_waiter *waiter)
{
    client *c = NB_CONTAINER(waiter, client, waiter);

    c->notified++;
    return c->takes;
}

static void client_init(client *c, uint32_t max, bool takes)
{
    memset(c, 0, sizeof *c);
    nb_link_init(&c->waiter.link);
    c->waiter.max = max;
    c->waiter.visibility = NB_STORE_VISIBILITY;
    c->waiter.slots = c->slots;
    c->waiter.served = client_served;
    c->waiter.notify = client_notify;
    c->takes = takes;
}

static void let_go(client *c)
{
    for (size_t i = 0; i < COUNT(c->slots); i++) {
        nb_delivery_let_go(&c->slots[i]);
    }
}

static void waiters_are_served_in_order(void **state)
{
    client first, second;
    nb_store_counts counts;
    shop s;

    (void)state;
    shop_open(&s, &standard);
    client_init(&first, 3, false);
    client_init(&second, 1, false);
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_EMPTY);
    IS(nb_store_wait(&s.store, &second.waiter), NIMBUS_EMPTY);
    nb_store_get_counts(&s.store, &counts);
    EQ(counts.waiters, 2);
    OK(offer(&s, "a", 0));
    EQ(first.served, 1);
    IS(first.waiter.status, NIMBUS_OK);
    EQ(first.waiter.count, 1); /* not three: what is there */
    EQ(second.served, 0);
    OK(offer(&s, "late", SECOND));
    EQ(second.served, 0);
    advance(&s, SECOND);
    EQ(second.served, 1);
    CHECK(bytes_are(nb_message_body(second.slots[0].message), "late"));
    let_go(&first);
    let_go(&second);
    GAUGES(&s, 0, 0, 2);
    CHECK(!nb_store_unwait(&s.store, &first.waiter, NIMBUS_EMPTY)); /* not in the line */
    OK(offer(&s, "b", 0));
    OK(nb_store_wait(&s.store, &first.waiter)); /* on the spot, without a call */
    EQ(first.waiter.count, 1);
    EQ(first.served, 1);
    let_go(&first);
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_EMPTY);
    CHECK(nb_store_unwait(&s.store, &first.waiter, NIMBUS_EMPTY));
    EQ(counts_of(&s).empty_receives, 1);
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_EMPTY);
    nb_store_stop(&s.store);
    EQ(first.served, 2);
    IS(first.waiter.status, NIMBUS_E_CLOSED);
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_E_CLOSED);
    shop_close(&s);
}

static void notified_waiters_claim(void **state)
{
    client idle, first, second;
    shop s;

    (void)state;
    shop_open(&s, &standard);
    client_init(&idle, 0, false);
    client_init(&first, 0, true);
    client_init(&second, 0, true);
    IS(nb_store_wait(&s.store, &idle.waiter), NIMBUS_EMPTY);
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_EMPTY);
    IS(nb_store_wait(&s.store, &second.waiter), NIMBUS_EMPTY);
    OK(offer(&s, "a", 0));
    EQ(idle.notified, 1); /* will not take: the next one */
    EQ(first.notified, 1);
    EQ(second.notified, 0); /* one message, one claim */
    nb_store_pass_on(&s.store);
    EQ(second.notified, 1);
    GRAB(&s, "a");
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_EMPTY);
    finish_in_flight = false;
    end_inside(&s);
    EQ(first.served, 1);
    IS(first.waiter.status, NIMBUS_E_DELETED);
    shop_close(&s);
}

/* A waiter keeps its place when all that came goes to the dead letter instead. */
static void a_waiter_keeps_its_place(void **state)
{
    client first;
    nimbus_receipt receipt;
    shop s;

    (void)state;
    shop_open(&s, &two_receives);
    s.takes = true;
    OK(offer(&s, "a", 0));
    GRAB_FOR(&s, "a", 0);
    receipt = GRAB(&s, "a");
    client_init(&first, 1, false);
    IS(nb_store_wait(&s.store, &first.waiter), NIMBUS_EMPTY);
    OK(nb_store_change(&s.store, receipt, 0));
    EQ(s.moves, 1);
    EQ(first.served, 0);
    GAUGES(&s, 0, 0, 0);
    OK(offer(&s, "b", 0));
    EQ(first.served, 1);
    EQ(first.waiter.count, 1);
    let_go(&first);
    shop_close(&s);
}

/* ------------------------------------------------------------------------------------------- random walk */

static void random_walk(void **state)
{
    nb_store_config config = two_receives;
    nimbus_receipt receipts[64];
    size_t held = 0;
    shop s;

    (void)state;
    config.retention = 40 * SECOND;
    config.max_in_flight = 20;
    config.capacity_messages = 60;
    memset(receipts, 0, sizeof receipts);
    shop_open(&s, &config);
    for (uint64_t step = 0; step < 20000; step++) {
        uint64_t random = nb_random_mix(step), at = random >> 40;
        nimbus_receipt receipt = receipts[at % COUNT(receipts)];
        nb_delivery delivery = { 0 };
        uint32_t count = 0;
        bool more;

        config.drop_oldest = random >> 20 & 1;
        s.takes = random >> 21 & 1;
        switch (random % 16) {
        case 0:
        case 1:
        case 2:
            (void)offer(&s, "abc", random >> 22 & 1 ? (int64_t)(at % 20) * SECOND : 0);
            break;
        case 3:
        case 4:
        case 5:
        case 6:
            if (nb_store_take(&s.store, 1, (int64_t)(at % 4) * SECOND, &delivery, &count, &more) == NIMBUS_OK && count == 1) {
                receipts[held++ % COUNT(receipts)] = delivery.receipt;
                nb_delivery_let_go(&delivery);
            }
            break;
        case 7:
            (void)nb_store_delete(&s.store, receipt);
            break;
        case 8:
            (void)nb_store_change(&s.store, receipt, (int64_t)(at % 8) * SECOND);
            break;
        case 9:
            (void)nb_store_doom(&s.store, receipt, NULL);
            break;
        case 10:
            nb_store_untake(&s.store, receipt);
            break;
        case 11:
            nb_store_defer(&s.store, receipt, SECOND, false);
            break;
        case 12:
            nb_store_note(&s.store, receipt, nb_letter_make(s.nb->heap, "shop", "note", 1));
            break;
        case 13:
            if (at % 50 == 0) {
                OK(nb_store_purge(&s.store, NULL));
            } else {
                nb_store_configure(&s.store, &config);
            }
            break;
        default:
            advance(&s, (int64_t)(at % 3) * SECOND / 2);
        }
        invariants(&s);
    }
    CHECK(counts_of(&s).moved > 0 && counts_of(&s).expired > 0 && counts_of(&s).dropped > 0 && counts_of(&s).deleted > 0);
    shop_close(&s);
}

/* ------------------------------------------------------------------------------------------------ batches */

static void offered_together(void **state)
{
    nb_store_config config = standard;
    nb_parcel parcels[NB_BATCH_RUN];
    nimbus_receipt places[NB_BATCH_RUN];
    uint64_t sent = 0;
    shop s;

    (void)state;
    config.capacity_bytes = SIZE_MAX;
    config.capacity_messages = 200;
    shop_open(&s, &config);
    for (uint32_t count = 1; count <= NB_BATCH_RUN; count++) {
        for (uint32_t i = 0; i < count; i++) {
            parcels[i] = parcel_of(&s, count % 2 == 0 ? "even" : "odd");
        }
        CHECK(nb_store_offer_many(&s.store, parcels, count, places));
        sent += count;
        CHECK((places[count - 1].generation & NB_PLACE) != 0);
        IS(nb_store_delete(&s.store, places[count - 1]), NIMBUS_E_RECEIPT); /* a place is no receipt */
        GAUGES(&s, sent, 0, 0);
    }
    EQ(counts_of(&s).accepted, sent);
    for (uint32_t count = 1; count <= NB_BATCH_RUN; count++) { /* in order */
        for (uint32_t i = 0; i < count; i++) {
            OK(nb_store_delete(&s.store, GRAB(&s, count % 2 == 0 ? "even" : "odd")));
        }
    }
    GAUGES(&s, 0, 0, 0);
    EQ(counts_of(&s).deleted, sent);
    shop_close(&s);
}

/* All or none: at the capacity, where bytes are bounded, after the end, and without memory. */
static void none_of_them(void **state)
{
    nb_store_config config = standard;
    nb_parcel parcels[3];
    nimbus_receipt places[3];
    shop s;

    (void)state;
    config.capacity_bytes = SIZE_MAX;
    config.capacity_messages = 2;
    shop_open(&s, &config);
    for (int i = 0; i < 3; i++) {
        parcels[i] = parcel_of(&s, "m");
    }
    heap_fail(&s.own, 1, true);
    CHECK(!nb_store_offer_many(&s.store, parcels, 2, places));
    heap_fail(&s.own, 0, false);
    GAUGES(&s, 0, 0, 0);
    CHECK(!nb_store_offer_many(&s.store, parcels, 3, places));
    GAUGES(&s, 0, 0, 0);
    CHECK(nb_store_offer_many(&s.store, parcels, 2, places));
    OK(nb_store_purge(&s.store, NULL));
    config.capacity_bytes = 100;
    nb_store_configure(&s.store, &config);
    CHECK(!nb_store_offer_many(&s.store, &parcels[2], 1, places));
    shop_end(&s.object);
    CHECK(!nb_store_offer_many(&s.store, &parcels[2], 1, places));
    GAUGES(&s, 0, 0, 0);
    nb_parcel_release(&parcels[2]);
    shop_close(&s);
}

static void deleted_together(void **state)
{
    nb_store_config config = standard;
    nimbus_receipt receipts[8];
    nimbus_status statuses[8];
    shop s;

    (void)state;
    config.capacity_bytes = SIZE_MAX;
    config.visibility = 10 * SECOND;
    shop_open(&s, &config);
    for (int i = 0; i < 5; i++) {
        OK(offer(&s, "m", 0));
    }
    receipts[0] = GRAB(&s, "m");
    advance(&s, 5 * SECOND);
    receipts[1] = GRAB(&s, "m");
    receipts[2] = GRAB(&s, "m");
    receipts[3] = GRAB(&s, "m");
    receipts[4] = receipts[1];                       /* twice */
    receipts[5] = (nimbus_receipt){ 1, 1 };          /* of another store */
    nb_store_defer(&s.store, receipts[2], SECOND, false);
    nb_store_note(&s.store, receipts[3], nb_letter_make(s.object.heap, "", "said", 0));
    advance(&s, 5 * SECOND);                         /* the first has lapsed: it may still be deleted (SQS-V8) */
    GAUGES(&s, 2 + 1, 0, 2);
    receipts[6] = GRAB(&s, "m");
    receipts[7] = receipts[0];
    CHECK(!nb_store_delete_many(&s.store, receipts, 8, statuses));
    for (int i = 0; i < 8; i++) {
        IS(statuses[i], i == 5 ? NIMBUS_E_RECEIPT : NIMBUS_OK);
    }
    GAUGES(&s, 0, 0, 0);
    EQ(counts_of(&s).deleted, 5);
    CHECK(nb_store_delete_many(&s.store, receipts, 5, NULL)); /* again is fine (SQS-V13) */
    EQ(counts_of(&s).deleted, 5);
    shop_close(&s);
}

/* ------------------------------------------------------------------------------------------------ zombies */

/* A message that goes while its entry is in the ready ring leaves its slot there; it is used again only behind the entry. */
static void a_slot_waits_for_its_entry(void **state)
{
    nb_store_config config = standard;
    nimbus_receipt receipt;
    uint32_t slots;
    shop s;

    (void)state;
    config.visibility = SECOND;
    shop_open(&s, &config);
    OK(offer(&s, "a", 0));
    receipt = GRAB(&s, "a");
    OK(offer(&s, "b", 0));
    advance(&s, SECOND); /* a stands behind b now */
    OK(nb_store_delete(&s.store, receipt));
    EQ(state_of(&s, receipt), NB_ZOMBIE);
    GAUGES(&s, 1, 0, 0);
    slots = s.store.slot_count;
    for (uint32_t i = 2; i < slots; i++) {
        OK(offer(&s, "c", 0));
    }
    EQ(s.store.slot_count, slots);
    OK(offer(&s, "c", 0)); /* needs another slot */
    CHECK(s.store.slot_count > slots);
    OK(nb_store_delete(&s.store, GRAB(&s, "b")));
    GRAB(&s, "c"); /* over the zombie */
    EQ(state_of(&s, receipt), NB_FREE);
    IS(nb_store_delete(&s.store, receipt), NIMBUS_OK);
    IS(nb_store_change(&s.store, receipt, SECOND), NIMBUS_E_NO_MESSAGE);
    shop_close(&s);
}

/* Received, lapsed and deleted late, again and again, without a receive that finds anything: the slots do not grow. */
static void zombies_do_not_pile_up(void **state)
{
    nb_store_config config = standard;
    shop s;

    (void)state;
    config.visibility = SECOND;
    shop_open(&s, &config);
    for (int i = 0; i < 1000; i++) {
        nimbus_receipt receipt;

        OK(offer(&s, "m", 0));
        receipt = GRAB(&s, "m");
        advance(&s, SECOND);
        OK(nb_store_delete(&s.store, receipt));
    }
    CHECK(s.store.slot_count <= 2 * NB_CHUNK);
    GRAB_NONE(&s);
    EQ(counts_of(&s).received, 1000);
    EQ(counts_of(&s).deleted, 1000);
    shop_close(&s);
}

/* What was given back unseen has left the ready ring, and a walk comes to it all the same, first. */
static void a_walk_comes_to_what_was_given_back(void **state)
{
    nimbus_receipt receipt;
    nb_carried carried;
    nb_carry walk;
    shop s;

    (void)state;
    shop_open(&s, &standard);
    OK(offer(&s, "a", 0));
    OK(offer(&s, "b", 0));
    receipt = GRAB(&s, "a");
    nb_store_untake(&s.store, receipt);
    OK(nb_store_carry_begin(&s.store, &walk));
    for (int i = 0; i < 2; i++) {
        OK(nb_store_carry_next(&s.store, &walk, &carried));
        CHECK(bytes_are(nb_message_body(carried.parcel.message), i == 0 ? "a" : "b"));
        CHECK(nb_store_lift(&s.store, &carried));
        nb_parcel_release(&carried.parcel);
        nb_store_put_down(&s.store, &carried, true);
    }
    IS(nb_store_carry_next(&s.store, &walk, &carried), NIMBUS_EMPTY);
    nb_store_carry_end(&s.store, &walk);
    GAUGES(&s, 0, 0, 0);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_and_goes),
        cmocka_unit_test(foreign_receipts),
        cmocka_unit_test(delays_lapse),
        cmocka_unit_test(visibility_lapses),
        cmocka_unit_test(visibility_is_changed),
        cmocka_unit_test(a_take_without_visibility),
        cmocka_unit_test(a_take_is_undone),
        cmocka_unit_test(deferred),
        cmocka_unit_test(too_many_receives),
        cmocka_unit_test(moves_that_fail_are_stuck),
        cmocka_unit_test(one_that_gets_through_takes_the_others_along),
        cmocka_unit_test(doomed),
        cmocka_unit_test(a_doomed_one_lapses_meanwhile),
        cmocka_unit_test(notes),
        cmocka_unit_test(no_dead_letter),
        cmocka_unit_test(purge_takes_every_state),
        cmocka_unit_test(purge_while_moving),
        cmocka_unit_test(end_while_moving),
        cmocka_unit_test(the_end),
        cmocka_unit_test(the_end_waits_for_what_is_in_flight),
        cmocka_unit_test(retention),
        cmocka_unit_test(expiry_while_moving_keeps_the_clock_quiet),
        cmocka_unit_test(capacities),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(grows_over_chunks),
        cmocka_unit_test(growth_that_fails),
        cmocka_unit_test(in_flight_is_bounded),
        cmocka_unit_test(peeks),
        cmocka_unit_test(the_order_of_equal_deadlines_outlives_configure),
        cmocka_unit_test(waiters_are_served_in_order),
        cmocka_unit_test(notified_waiters_claim),
        cmocka_unit_test(a_waiter_keeps_its_place),
        cmocka_unit_test(offered_together),
        cmocka_unit_test(none_of_them),
        cmocka_unit_test(deleted_together),
        cmocka_unit_test(a_slot_waits_for_its_entry),
        cmocka_unit_test(zombies_do_not_pile_up),
        cmocka_unit_test(a_walk_comes_to_what_was_given_back),
        cmocka_unit_test(random_walk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
