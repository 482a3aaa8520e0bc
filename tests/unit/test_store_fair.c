/*
 * test_store_fair.c - store/fair.h at random against a list that is searched from its beginning every time, and sums that are added up
 * anew.
 */
#include "shop.h"

#include "base/number.h"
#include "store/carry.h"
#include "store/order.h"

#define MOST 600u
#define TENANTS 5u /* 0: messages without a group id */
#define ENDS 20000u

static const nb_store_config standard = {
    .visibility = 30 * SECOND,
    .retention = INT64_MAX,
    .capacity_messages = 100000,
    .capacity_bytes = SIZE_MAX,
    .max_in_flight = 100000,
    .max_visibility = NIMBUS_HOURS(12),
    .fair = true,
};

/* ----------------------------------------------------------------------------------------------- model */

typedef enum kind { GONE, READY, WAITING, OUT } kind;

typedef struct item {
    kind kind;
    uint32_t tenant;
    uint64_t id, ticket;
    int64_t due, began;
    nimbus_receipt receipt;
} item;

typedef struct end {
    uint32_t tenant;
    int64_t at, time;
    bool forgotten; /* by the tenant, whose backlog was empty */
} end;

typedef struct model {
    item items[MOST]; /* in the order of the sends */
    uint32_t count;
    end ends[ENDS];
    uint32_t end_count;
    int64_t now, sent_at[TENANTS];
    uint64_t tickets;
} model;

static model m;
static uint64_t dice, noisy_receives, quiet_receives_before_noisy;

static uint32_t roll(uint32_t sides)
{
    dice = nb_random_mix(dice + 1);
    return (uint32_t)(dice >> 33) % sides;
}

static uint32_t number_of(uint32_t tenant, kind wanted)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < m.count; i++) {
        count += (tenant == TENANTS || m.items[i].tenant == tenant) && m.items[i].kind == wanted;
    }
    return count;
}

static bool waits(uint32_t tenant)
{
    return number_of(tenant, READY) + number_of(tenant, WAITING) > 0;
}

static void forget_if_idle(uint32_t tenant)
{
    for (uint32_t i = 0; !waits(tenant) && i < m.end_count; i++) {
        m.ends[i].forgotten = m.ends[i].forgotten || m.ends[i].tenant == tenant;
    }
}

/* TENANTS: of all. */
static int64_t time_of(uint32_t tenant)
{
    int64_t minute = 60 * SECOND, current = 0, before = 0;

    for (uint32_t i = 0; i < m.end_count; i++) {
        const end *e = &m.ends[i];

        if (tenant == TENANTS || (e->tenant == tenant && !e->forgotten)) {
            current += e->at / minute == m.now / minute ? e->time : 0;
            before += e->at / minute == m.now / minute - 1 ? e->time : 0;
        }
    }
    return current + before / 256 * (256 - m.now % minute * 256 / minute);
}

static bool noisy(uint32_t tenant)
{
    uint32_t flying = number_of(tenant, OUT), all = number_of(TENANTS, OUT);

    if (tenant == 0 || all < 30 || !waits(tenant) || m.now - m.sent_at[tenant] >= NIMBUS_MINUTES(5)) {
        return false;
    }
    return (flying >= 30 && flying * 10 > all) || time_of(tenant) > time_of(TENANTS) / 10;
}

static item *first_of(uint32_t tenant)
{
    item *found = NULL;

    for (uint32_t i = 0; i < m.count; i++) {
        item *it = &m.items[i];

        if (it->tenant == tenant && it->kind == READY && (found == NULL || it->ticket < found->ticket)) {
            found = it;
        }
    }
    return found;
}

static bool better(const item *a, bool a_noisy, const item *b, bool b_noisy)
{
    uint32_t a_out, b_out;

    if (a_noisy != b_noisy) {
        return b_noisy;
    }
    a_out = a_noisy ? number_of(a->tenant, OUT) : 0;
    b_out = b_noisy ? number_of(b->tenant, OUT) : 0;
    return a_out != b_out ? a_out < b_out : a->ticket < b->ticket;
}

static item *best(uint32_t only)
{
    item *found = NULL;
    bool found_noisy = false;

    for (uint32_t tenant = 0; tenant < TENANTS; tenant++) {
        item *it = only != TENANTS && only != tenant ? NULL : first_of(tenant);
        bool is_noisy = it != NULL && only == TENANTS && noisy(tenant);

        quiet_receives_before_noisy += is_noisy && found != NULL && !found_noisy;
        if (it != NULL && (found == NULL || better(it, is_noisy, found, found_noisy))) {
            found = it;
            found_noisy = is_noisy;
        }
    }
    noisy_receives += found_noisy;
    return found;
}

static void end_flight(item *it)
{
    int64_t time = m.now - it->began;

    CHECK(m.end_count < ENDS);
    m.ends[m.end_count++] = (end){ it->tenant, m.now, time < 60 * SECOND ? time : 60 * SECOND, false };
}

static void lapse(void)
{
    for (;;) {
        item *first = NULL;

        for (uint32_t i = 0; i < m.count; i++) {
            item *it = &m.items[i];

            if ((it->kind == OUT || it->kind == WAITING) && it->due <= m.now && (first == NULL || it->due < first->due)) {
                first = it;
            }
        }
        if (first == NULL) {
            return;
        }
        if (first->kind == OUT) {
            end_flight(first);
        }
        first->kind = READY;
        first->ticket = ++m.tickets;
    }
}

/* ----------------------------------------------------------------------------------------------- steps */

static void send(shop *s, uint32_t tenant, int64_t delay)
{
    nb_parcel parcel = { .id = nb_new_id(s->nb) };
    char name[2] = { (char)('a' + tenant), '\0' };
    nb_message_spec spec = { .body = nimbus_copy("x", 1), .group_id = tenant == 0 ? NULL : name };
    nb_offered offered;

    parcel.enqueued = nb_clock_coarse(&s->nb->clock, &parcel.sent);
    OK(nb_message_make(s->nb->heap, &spec, &parcel.message));
    OK(nb_store_offer(&s->store, &parcel, delay, false, &offered));
    EQ(offered.sequence, 0);
    m.items[m.count] = (item){ .kind = delay != 0 ? WAITING : READY, .tenant = tenant, .id = parcel.id.number, .due = m.now + delay };
    m.items[m.count].ticket = delay != 0 ? 0 : ++m.tickets;
    m.sent_at[tenant] = m.now;
    m.count++;
}

static void take(shop *s)
{
    static const char *const names[TENANTS] = { NULL, "b", "c", "d", "e" };
    uint32_t only = roll(8) == 0 ? 1 + roll(TENANTS - 1) : TENANTS, max = 1 + roll(10), count, undone = roll(10) == 0 ? 1 + roll(3) : 0;
    int64_t visibility = roll(12) == 0 ? 0 : SECOND * (5 + (int64_t)roll(100));
    nb_delivery slots[10] = { { 0 } };
    item *expected[10];

    OK(only != TENANTS ? nb_store_take_group(&s->store, names[only], max, visibility, slots, &count)
                       : nb_store_take(&s->store, max, visibility, slots, &count, NULL));
    for (uint32_t i = 0; i < max; i++) {
        item *it = best(only);

        CHECK((it != NULL) == (i < count));
        if (it == NULL) {
            break;
        }
        CHECK(slots[i].id.number == it->id);
        CHECK(slots[i].sequence == 0);
        it->kind = visibility == 0 ? GONE : OUT;
        it->due = m.now + visibility;
        it->began = m.now;
        it->receipt = slots[i].receipt;
        expected[i] = it;
        if (visibility != 0) {
            forget_if_idle(it->tenant);
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        nb_delivery_let_go(&slots[i]);
        if (visibility == 0) {
            expected[i]->kind = READY;
            expected[i]->ticket = ++m.tickets;
        } else if (i < undone) {
            nb_store_untake(&s->store, expected[i]->receipt);
            expected[i]->kind = READY;
        }
    }
}

static item *any(kind wanted)
{
    uint32_t start = m.count > 0 ? roll(m.count) : 0;

    for (uint32_t i = 0; i < m.count; i++) {
        item *it = &m.items[(start + i) % m.count];

        if (it->kind == wanted) {
            return it;
        }
    }
    return NULL;
}

static void step(shop *s)
{
    uint32_t what = roll(20);
    nb_store_counts counts;
    item *it;

    if (what < 7 && m.count < MOST) {
        for (uint32_t i = 1 + roll(4), tenant = roll(3) == 0 ? roll(TENANTS) : 1 + roll(2); i > 0 && m.count < MOST; i--) {
            send(s, tenant, roll(8) == 0 ? SECOND * (1 + (int64_t)roll(20)) : 0);
        }
    } else if (what < 13) {
        take(s);
    } else if (what < 15 && (it = any(OUT)) != NULL) {
        OK(nb_store_delete(&s->store, it->receipt));
        end_flight(it);
        it->kind = GONE;
        forget_if_idle(it->tenant);
    } else if (what == 15 && (it = any(OUT)) != NULL) {
        OK(nb_store_change(&s->store, it->receipt, 0));
        end_flight(it);
        it->kind = READY;
        it->ticket = ++m.tickets;
    } else if (what == 16 && (it = any(OUT)) != NULL) {
        it->due = m.now + 50 * SECOND;
        OK(nb_store_change(&s->store, it->receipt, 50 * SECOND));
    } else {
        for (uint32_t i = roll(150) == 0 ? 400 : 1 + roll(8); i > 0; i--) { /* so that each comes back at its own moment */
            m.now += SECOND;
            OK(nimbus_advance(s->nb, SECOND));
            nb_store_catch_up(&s->store);
            lapse();
        }
    }
    nb_store_get_counts(&s->store, &counts);
    EQ(counts.noisy_groups, noisy(1) + noisy(2) + noisy(3) + noisy(4));
    EQ(counts.locked_groups, 0);
}

static void against_a_plain_list(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        nb_store_counts counts;
        shop s;

        memset(&m, 0, sizeof m);
        dice = seed;
        shop_open(&s, &standard);
        m.now = nb_clock_elapsed(&s.nb->clock);
        for (uint32_t i = 0; i < 700; i++) {
            step(&s);
        }
        nb_store_get_counts(&s.store, &counts);
        EQ(counts.ready, number_of(TENANTS, READY));
        EQ(counts.delayed, number_of(TENANTS, WAITING));
        EQ(counts.in_flight, number_of(TENANTS, OUT));
        OK(nb_store_purge(&s.store, NULL));
        nb_store_get_counts(&s.store, &counts);
        EQ(counts.ready + counts.delayed + counts.in_flight + counts.groups + counts.noisy_groups, 0);
        shop_close(&s);
    }
    CHECK(noisy_receives > 100); /* else nothing of this was tested */
    CHECK(quiet_receives_before_noisy > 100);
}

/* What is carried and put down again has its place. */
static void a_carried_one(void **state)
{
    nb_carried carried;
    nb_carry walk;
    shop s;

    (void)state;
    memset(&m, 0, sizeof m);
    shop_open(&s, &standard);
    for (uint32_t i = 0; i < 3; i++) {
        send(&s, 1, 0);
    }
    OK(nb_store_carry_begin(&s.store, &walk));
    EQ(walk.listed_end, 3);
    OK(nb_store_carry_next(&s.store, &walk, &carried));
    CHECK(carried.parcel.id.number == m.items[0].id);
    CHECK(nb_store_lift(&s.store, &carried));
    nb_parcel_release(&carried.parcel);
    CHECK(best(TENANTS) == &m.items[0]);
    m.items[0].kind = GONE;
    dice = 0;
    nb_store_put_down(&s.store, &carried, false);
    m.items[0].kind = READY;
    nb_store_carry_end(&s.store, &walk);
    for (uint32_t i = 0; i < 3; i++) {
        nb_delivery slot = { 0 };
        uint32_t count;

        OK(nb_store_take(&s.store, 1, 30 * SECOND, &slot, &count, NULL));
        CHECK(count == 1 && slot.id.number == m.items[i].id);
        nb_delivery_let_go(&slot);
    }
    shop_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_a_plain_list),
        cmocka_unit_test(a_carried_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
