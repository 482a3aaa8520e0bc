/*
 * test_store_order.c - store/order.h: the receive rule of FIFO queues, transition by transition, and at random against a list that is
 * searched from its beginning every time.
 */
#include "shop.h"

#include "base/number.h"
#include "store/carry.h"
#include "store/order.h"

static const nb_store_config standard = {
    .visibility = 30 * SECOND,
    .retention = INT64_MAX,
    .capacity_messages = 100000,
    .capacity_bytes = SIZE_MAX,
    .max_in_flight = 100000,
    .max_visibility = NIMBUS_HOURS(12),
    .fifo = true,
};

/* Its body is one character, and so is its group. */
static uint64_t send_later(shop *s, char group, char body, int64_t delay)
{
    nb_parcel parcel = { .id = nb_new_id(s->nb) };
    char name[2] = { group, '\0' };
    nb_message_spec spec = { .body = nimbus_copy(&body, 1), .group_id = name };
    nb_offered offered;

    parcel.enqueued = nb_clock_coarse(&s->nb->clock, &parcel.sent);
    OK(nb_message_make(s->nb->heap, &spec, &parcel.message));
    OK(nb_store_offer(&s->store, &parcel, delay, false, &offered));
    CHECK(offered.sequence > 0);
    return offered.sequence;
}

/* Which slot it lies in. */
static uint32_t send_to_slot(shop *s, char group, char body)
{
    nb_parcel parcel = { .id = nb_new_id(s->nb) };
    char name[2] = { group, '\0' };
    nb_message_spec spec = { .body = nimbus_copy(&body, 1), .group_id = name };
    nb_offered offered;

    parcel.enqueued = nb_clock_coarse(&s->nb->clock, &parcel.sent);
    OK(nb_message_make(s->nb->heap, &spec, &parcel.message));
    OK(nb_store_offer(&s->store, &parcel, 0, false, &offered));
    return nb_index_of(offered.place);
}

static uint64_t send(shop *s, char group, char body)
{
    return send_later(s, group, body, 0);
}

static nimbus_receipt receipts[128];
static uint32_t received;

/* What a receive returns, as text; the receipts are kept. */
static const char *take_from(shop *s, const char *group, uint32_t max, int64_t visibility)
{
    static char text[17];
    nb_delivery slots[16] = { { 0 } };
    uint32_t count;

    OK(group != NULL ? nb_store_take_group(&s->store, group, max, visibility, slots, &count)
                     : nb_store_take(&s->store, max, visibility, slots, &count, NULL));
    for (uint32_t i = 0; i < count; i++) {
        text[i] = *(const char *)nb_message_body(slots[i].message).data;
        receipts[received + i] = slots[i].receipt;
        nb_delivery_let_go(&slots[i]);
    }
    received += count;
    text[count] = '\0';
    return text;
}

static const char *take(shop *s, uint32_t max)
{
    return take_from(s, NULL, max, NB_STORE_VISIBILITY);
}

#define TAKES(s, max, what) TEXT(take(s, max), what)

static void begin(shop *s)
{
    received = 0;
    shop_open(s, &standard);
}

/* F2, F6, F7, F9: in order; all of the first group first; a group at work is left alone until it has been settled. */
static void groups(void **state)
{
    shop s;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    send(&s, 'b', '2');
    send(&s, 'a', '3');
    send(&s, 'b', '4');
    TAKES(&s, 3, "132");
    TAKES(&s, 3, "");
    send(&s, 'a', '5');
    TAKES(&s, 3, "");
    OK(nb_store_delete(&s.store, receipts[1]));
    TAKES(&s, 3, "");
    OK(nb_store_delete(&s.store, receipts[0]));
    TAKES(&s, 3, "5");
    OK(nb_store_delete(&s.store, receipts[2]));
    TAKES(&s, 3, "4");
    shop_close(&s);
}

/* F4: m1, m2, m3 at work; the second is kept for longer: at the end of the others only the first comes. And the other two cases. */
static void only_an_earlier_one_blocks(void **state)
{
    static const char *const after[] = { "", "1", "12" };

    (void)state;
    for (size_t extended = 0; extended < 3; extended++) {
        shop s;

        begin(&s);
        send(&s, 'a', '1');
        send(&s, 'a', '2');
        send(&s, 'a', '3');
        TEXT(take_from(&s, NULL, 3, SECOND), "123");
        OK(nb_store_change(&s.store, receipts[extended], 4 * SECOND));
        OK(nimbus_advance(s.nb, NIMBUS_MS(2500)));
        TAKES(&s, 3, after[extended]);
        shop_close(&s);
    }
}

/* V10 to V13: an expired receipt deletes nothing. */
static void expired_receipts(void **state)
{
    shop s;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    TEXT(take_from(&s, NULL, 1, SECOND), "1");
    OK(nimbus_advance(s.nb, 2 * SECOND));
    IS(nb_store_delete(&s.store, receipts[0]), NIMBUS_E_RECEIPT_EXPIRED);
    TEXT(take_from(&s, NULL, 1, 0), "1");
    IS(nb_store_delete(&s.store, receipts[1]), NIMBUS_E_RECEIPT_EXPIRED);
    TAKES(&s, 1, "1");
    IS(nb_store_delete(&s.store, receipts[0]), NIMBUS_E_RECEIPT_EXPIRED);
    OK(nb_store_delete(&s.store, receipts[2]));
    OK(nb_store_delete(&s.store, receipts[2]));
    OK(nb_store_delete(&s.store, receipts[1]));
    shop_close(&s);
}

/* A dead letter frees its group within the receive (D4, D10); one that cannot be moved keeps it (D11). */
static void dead_letters(void **state)
{
    nb_store_config config = standard;
    shop s;

    (void)state;
    config.max_receives = 1;
    received = 0;
    shop_open(&s, &config);
    s.takes = true;
    send(&s, 'a', '1');
    send(&s, 'a', '2');
    TEXT(take_from(&s, NULL, 1, 0), "1");
    TAKES(&s, 5, "2");
    CHECK(s.moves == 1);
    s.takes = false;
    OK(nb_store_change(&s.store, receipts[1], 0));
    send(&s, 'a', '3');
    send(&s, 'b', '4');
    TAKES(&s, 5, "4");
    TAKES(&s, 5, "");
    s.takes = true;
    TAKES(&s, 5, "3"); /* the receive that gives it another chance sees what that has freed */
    CHECK(nb_store_purge(&s.store, NULL) == NIMBUS_OK);
    shop_close(&s);
}

/* D4: one that was received too often goes in the receive that comes to it, also behind one of its group that this receive takes. */
static void a_dead_letter_behind_a_fresh_one(void **state)
{
    nb_store_config config = standard;
    shop s;

    (void)state;
    config.max_receives = 1;
    received = 0;
    shop_open(&s, &config);
    s.takes = true;
    send_later(&s, 'a', '1', 10 * SECOND);
    send(&s, 'a', '2');
    send(&s, 'b', '3');
    TAKES(&s, 1, "2");
    OK(nimbus_advance(s.nb, 31 * SECOND)); /* the first one is ready now, and the second one again */
    TAKES(&s, 5, "31");
    CHECK(s.moves == 1);
    CHECK(nb_store_purge(&s.store, NULL) == NIMBUS_OK);
    shop_close(&s);
}

/* F12; S8: a new delay counts from the send. */
static void delays(void **state)
{
    shop s;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    send_later(&s, 'a', '2', 10 * SECOND);
    send_later(&s, 'b', '3', 20 * SECOND);
    TAKES(&s, 5, "1");
    OK(nb_store_delete(&s.store, receipts[0]));
    TAKES(&s, 5, "");
    OK(nimbus_advance(s.nb, 5 * SECOND));
    nb_store_set_delays(&s.store, 4 * SECOND);
    TAKES(&s, 1, "2");
    TAKES(&s, 5, "3");
    shop_close(&s);
}

static void undone_takes(void **state)
{
    shop s;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    send(&s, 'b', '2');
    TAKES(&s, 1, "1");
    nb_store_untake(&s.store, receipts[0]);
    TEXT(take_from(&s, "b", 5, SECOND), "2");
    TEXT(take_from(&s, "c", 5, SECOND), "");
    TAKES(&s, 5, "1");
    shop_close(&s);
}

/* -------------------------------------------------------------------------------------------- at random */

#define MOST 64u
#define GROUPS 4u

typedef enum kind { GONE, READY, WAITING, OUT } kind;

typedef struct item {
    kind kind;
    char group, body;
    int64_t due, since; /* since: ready */
    uint64_t turn;      /* of what became ready by a call, in the order of the calls; 0: by the clock */
    uint64_t sequence;
    nimbus_receipt receipt;
} item;

typedef struct model {
    item items[MOST]; /* in the order of the sends */
    uint32_t count;
    int64_t now;
    uint64_t turns;
} model;

/* What is due comes back at its own moment. */
static void lapse(model *m)
{
    for (uint32_t i = 0; i < m->count; i++) {
        item *it = &m->items[i];

        if ((it->kind == OUT || it->kind == WAITING) && it->due <= m->now) {
            it->kind = READY;
            it->since = it->due;
            it->turn = 0;
        }
    }
}

static item *head_of(model *m, char group)
{
    for (uint32_t i = 0; i < m->count; i++) {
        item *it = &m->items[i];

        if (it->group == group && it->kind != GONE && it->kind != WAITING) {
            return it;
        }
    }
    return NULL;
}

/* By the moment, then what the clock made ready, in the order of the sends, then what calls did, in theirs. */
static bool earlier(const item *a, const item *b)
{
    return a->since != b->since ? a->since < b->since : a->turn != b->turn ? a->turn < b->turn : a->sequence < b->sequence;
}

static item *best(model *m, char only)
{
    item *found = NULL;

    for (char group = 'a'; group < (char)('a' + GROUPS); group++) {
        item *head = only != 0 && only != group ? NULL : head_of(m, group);

        if (head != NULL && head->kind == READY &&
            (found == NULL || earlier(head, found))) {
            found = head;
        }
    }
    return found;
}

static void expect(model *m, char only, uint32_t max, int64_t due, char *text)
{
    uint32_t count = 0;
    item *head;

    while (count < max && (head = best(m, only)) != NULL) {
        for (item *it = head; it < m->items + m->count && count < max; it++) {
            if (it->group != head->group || it->kind == GONE || it->kind == WAITING) {
                continue;
            }
            if (it->kind != READY) {
                break;
            }
            it->kind = OUT;
            it->due = due;
            text[count++] = it->body;
        }
    }
    text[count] = '\0';
}

static item *of_body(model *m, char body)
{
    for (uint32_t i = m->count; i-- > 0;) {
        if (m->items[i].body == body && m->items[i].kind != GONE) {
            return &m->items[i];
        }
    }
    return NULL;
}

static uint64_t dice;

static uint32_t roll(uint32_t sides)
{
    dice = nb_random_mix(dice + 1);
    return (uint32_t)(dice >> 33) % sides;
}

static item *any(model *m, kind wanted)
{
    uint32_t start = m->count > 0 ? roll(m->count) : 0;

    for (uint32_t i = 0; i < m->count; i++) {
        item *it = &m->items[(start + i) % m->count];

        if (it->kind == wanted) {
            return it;
        }
    }
    return NULL;
}

static void random_take(shop *s, model *m)
{
    static const char *const names[] = { "a", "b", "c", "d" };
    const char *only = roll(3) == 0 ? names[roll(GROUPS)] : NULL;
    uint32_t max = 1 + roll(4);
    int64_t visibility = SECOND * (1 + (int64_t)roll(3));
    char text[17];
    const char *got;

    expect(m, only != NULL ? *only : 0, max, m->now + visibility, text);
    received = 0;
    got = take_from(s, only, max, visibility);
    TEXT(got, text);
    for (uint32_t i = 0; i < received; i++) {
        of_body(m, got[i])->receipt = receipts[i];
    }
}

static void random_step(shop *s, model *m)
{
    uint32_t what = roll(10);
    item *it;

    if (what < 3 && m->count < MOST) {
        int64_t delay = roll(4) == 0 ? SECOND : 0;

        it = &m->items[m->count];
        *it = (item){ .kind = delay != 0 ? WAITING : READY, .group = (char)('a' + roll(GROUPS)), .body = (char)('0' + m->count),
                      .due = m->now + delay, .since = m->now };
        it->turn = delay != 0 ? 0 : ++m->turns;
        m->count++;
        it->sequence = send_later(s, it->group, it->body, delay);
    } else if (what < 6) {
        random_take(s, m);
    } else if (what == 6 && (it = any(m, OUT)) != NULL) {
        OK(nb_store_delete(&s->store, it->receipt));
        it->kind = GONE;
    } else if (what == 7 && (it = any(m, OUT)) != NULL) {
        OK(nb_store_change(&s->store, it->receipt, 0));
        it->kind = READY;
        it->since = m->now;
        it->turn = ++m->turns;
    } else if (what == 8 && (it = any(m, OUT)) != NULL) {
        it->due = m->now + 5 * SECOND;
        OK(nb_store_change(&s->store, it->receipt, 5 * SECOND));
    } else {
        m->now += SECOND;
        OK(nimbus_advance(s->nb, SECOND));
        lapse(m);
    }
}

static void against_a_plain_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 400; seed++) {
        model m = { .count = 0 };
        shop s;
        nb_store_counts counts;
        uint64_t held = 0;

        dice = seed;
        begin(&s);
        for (uint32_t step = 0; step < 200; step++) {
            random_step(&s, &m);
        }
        for (uint32_t i = 0; i < m.count; i++) {
            held += m.items[i].kind != GONE;
        }
        nb_store_get_counts(&s.store, &counts);
        CHECK(counts.ready + counts.delayed + counts.in_flight == held);
        CHECK(counts.accepted == m.count && counts.deleted == m.count - held);
        shop_close(&s);
    }
}

/* ---------------------------------------------------------------------------------------------------- carry */

/* The next of a walk, lifted or not, as text; "" at the end. */
static const char *carry(shop *s, nb_carry *walk, nb_carried *carried, bool *ret_lifted)
{
    static char text[2];

    text[0] = '\0';
    *ret_lifted = false;
    if (nb_store_carry_next(&s->store, walk, carried) == NIMBUS_OK) {
        text[0] = *(const char *)nb_message_body(carried->parcel.message).data;
        nb_parcel_release(&carried->parcel);
        *ret_lifted = nb_store_lift(&s->store, carried);
    }
    return text;
}

/* A group waits for its carried head; put down it is where it was, or the next one is the head. */
static void a_carried_head(void **state)
{
    shop s;
    nb_carry walk;
    nb_carried carried;
    bool lifted;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    send(&s, 'b', '2');
    send(&s, 'a', '3');
    OK(nb_store_carry_begin(&s.store, &walk));
    EQ(walk.listed_end, 3);
    TEXT(carry(&s, &walk, &carried, &lifted), "1");
    CHECK(lifted);
    TEXT(take_from(&s, NULL, 3, SECOND), "2");
    nb_store_put_down(&s.store, &carried, false);
    nb_store_carry_again(&walk, &carried);
    TEXT(carry(&s, &walk, &carried, &lifted), "1");
    CHECK(lifted);
    nb_store_put_down(&s.store, &carried, false);
    TEXT(take_from(&s, "a", 3, SECOND), "13"); /* in its place, no receive counted */
    OK(nimbus_advance(s.nb, 2 * SECOND));
    nb_store_carry_end(&s.store, &walk);
    OK(nb_store_carry_begin(&s.store, &walk));
    TEXT(carry(&s, &walk, &carried, &lifted), "1");
    CHECK(lifted);
    nb_store_put_down(&s.store, &carried, true);
    TAKES(&s, 3, "23"); /* its group goes on */
    nb_store_carry_end(&s.store, &walk);
    shop_close(&s);
}

static bool is_locked(shop *s, uint32_t index)
{
    bool locked;

    nb_lock_acquire(&s->store.lock);
    locked = nb_order_is_locked_locked(&s->store, index);
    nb_lock_release(&s->store.lock);
    return locked;
}

/* What was seen of a group is remembered, and holds until one of those is at work. */
static void seen_and_remembered(void **state)
{
    uint32_t at[4];
    shop s;

    (void)state;
    begin(&s);
    for (uint32_t i = 0; i < 4; i++) {
        at[i] = send_to_slot(&s, 'a', (char)('1' + i));
    }
    CHECK(!is_locked(&s, at[3]));
    CHECK(!is_locked(&s, at[1]));
    TEXT(take_from(&s, NULL, 1, SECOND), "1");
    for (uint32_t i = 1; i < 4; i++) {
        CHECK(is_locked(&s, at[i]));
    }
    CHECK(!is_locked(&s, at[0])); /* an earlier one is asked for */
    OK(nb_store_delete(&s.store, receipts[received - 1]));
    CHECK(!is_locked(&s, at[2]));
    TEXT(take_from(&s, NULL, 2, SECOND), "23");
    CHECK(is_locked(&s, at[3]));
    OK(nb_store_change(&s.store, receipts[received - 2], 0)); /* 3 is still out */
    CHECK(!is_locked(&s, at[2]));
    CHECK(is_locked(&s, at[3]));
    OK(nb_store_delete(&s.store, receipts[received - 1]));
    CHECK(!is_locked(&s, at[3]));
    TEXT(take_from(&s, NULL, 3, SECOND), "24");
    shop_close(&s);
}

/* What stands behind one in flight stays, also if that one has come between. */
static void not_past_one_in_flight(void **state)
{
    shop s;
    nb_carry walk;
    nb_carried carried;
    bool lifted;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    send(&s, 'a', '2');
    send(&s, 'b', '3');
    OK(nb_store_carry_begin(&s.store, &walk));
    TEXT(take_from(&s, "a", 1, SECOND), "1");
    TEXT(carry(&s, &walk, &carried, &lifted), "2");
    CHECK(!lifted);
    TEXT(carry(&s, &walk, &carried, &lifted), "3");
    CHECK(lifted);
    nb_store_put_down(&s.store, &carried, true);
    TEXT(carry(&s, &walk, &carried, &lifted), "");
    nb_store_carry_end(&s.store, &walk);
    OK(nimbus_advance(s.nb, 2 * SECOND));
    TAKES(&s, 3, "12");
    shop_close(&s);
}

/* Purged while it is carried: if it comes back it is gone, and the group goes on. */
static void purged_while_carried(void **state)
{
    shop s;
    nb_carry walk;
    nb_carried carried;
    bool lifted;

    (void)state;
    begin(&s);
    send(&s, 'a', '1');
    send(&s, 'a', '2');
    OK(nb_store_carry_begin(&s.store, &walk));
    TEXT(carry(&s, &walk, &carried, &lifted), "1");
    OK(nb_store_purge(&s.store, NULL));
    send(&s, 'a', '3');
    TAKES(&s, 3, "");
    nb_store_put_down(&s.store, &carried, false);
    TAKES(&s, 3, "3");
    nb_store_carry_end(&s.store, &walk);
    shop_close(&s);
}

/* A group's place is by when its head became ready: not by when somebody looked, nor by when it was given back unseen. */
static void ready_since_when(void **state)
{
    shop s;

    (void)state;
    begin(&s);
    send_later(&s, 'a', '1', 10 * SECOND);
    send_later(&s, 'b', '2', 5 * SECOND);
    nb_clock_set(&s.nb->clock, nb_clock_elapsed(&s.nb->clock) + 20 * SECOND); /* as a real clock goes on: no timer has fired yet */
    TAKES(&s, 2, "21");
    OK(nb_store_delete(&s.store, receipts[0]));
    OK(nb_store_delete(&s.store, receipts[1]));
    send(&s, 'a', '3');
    OK(nimbus_advance(s.nb, SECOND));
    send(&s, 'b', '4');
    TAKES(&s, 1, "3");
    OK(nimbus_advance(s.nb, SECOND / 10));
    nb_store_untake(&s.store, receipts[received - 1]);
    TAKES(&s, 2, "34");
    shop_close(&s);
}

/* ----------------------------------------------------------------------------------------------- the heap */

#define RANKED 60u

typedef struct ranks {
    nb_ranked of[RANKED]; /* group NULL: not in the heap */
    nb_group *group[RANKED];
} ranks;

static nb_group *earliest(const ranks *all)
{
    const nb_ranked *best = NULL;

    for (size_t i = 0; i < RANKED; i++) {
        const nb_ranked *one = &all->of[i];

        if (one->group != NULL &&
            (best == NULL || one->at < best->at ||
             (one->at == best->at && (one->turn < best->turn || (one->turn == best->turn && one->sequence < best->sequence))))) {
            best = one;
        }
    }
    return best != NULL ? best->group : NULL;
}

/* Groups come in, go, and change their key, which has few values in each of its parts; the top is what a look at all finds. */
static void the_heap_against_a_look_at_all(void **state)
{
    shop s;
    nb_order *order;
    ranks all;
    uint64_t random = 7, sequence = 0;

    (void)state;
    shop_open(&s, &standard);
    order = nb_groups_make(s.nb->heap, 1, false);
    CHECK(order != NULL);
    memset(&all, 0, sizeof all);
    for (uint32_t i = 0; i < RANKED; i++) {
        char id[8];
        nb_group_name name;

        snprintf(id, sizeof id, "g%u", i);
        name = nb_groups_name(order, id, strlen(id));
        all.group[i] = nb_groups_get(order, &name);
        CHECK(all.group[i] != NULL);
    }
    for (int step = 0; step < 30000; step++) {
        uint32_t i = (uint32_t)(nb_random_mix(++random) % RANKED);

        if (nb_random_mix(++random) % 4 == 0) {
            nb_groups_unrank(order, all.group[i]);
            all.of[i].group = NULL;
        } else {
            uint64_t key = nb_random_mix(++random);

            all.of[i] = (nb_ranked){ (int64_t)(key % 3), (int64_t)(key / 3 % 3), ++sequence % 1000 * 1000 + i, all.group[i] };
            nb_groups_rank(order, &all.of[i]);
        }
        CHECK(nb_groups_top(order) == earliest(&all));
    }
    nb_groups_free(order);
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_carried_head),
        cmocka_unit_test(seen_and_remembered),
        cmocka_unit_test(not_past_one_in_flight),
        cmocka_unit_test(purged_while_carried),
        cmocka_unit_test(groups),
        cmocka_unit_test(only_an_earlier_one_blocks),
        cmocka_unit_test(expired_receipts),
        cmocka_unit_test(dead_letters),
        cmocka_unit_test(delays),
        cmocka_unit_test(undone_takes),
        cmocka_unit_test(against_a_plain_list),
        cmocka_unit_test(a_dead_letter_behind_a_fresh_one),
        cmocka_unit_test(ready_since_when),
        cmocka_unit_test(the_heap_against_a_look_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
