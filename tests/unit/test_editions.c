/* test_editions.c - seats, and editions that are replaced while somebody sits in them. */
#include "support.h"

#include <pthread.h>

#include "heap.h"
#include "target/edition.h"

typedef struct paper {
    nb_edition edition;
    uint64_t folded; /* passes as of the fold */
    int folds, frees;
} paper;

static void fold(nb_edition *edition)
{
    paper *p = NB_CONTAINER(edition, paper, edition);

    p->folded = edition->passes;
    p->folds++;
}

static void release(nb_edition *edition)
{
    NB_CONTAINER(edition, paper, edition)->frees++;
}

static const nb_edition_ops ops = { fold, release };

typedef struct house {
    test_heap own;
    nb_heap *heap;
    nb_editions editions;
    paper papers[4];
} house;

static void house_open(house *h)
{
    memset(h, 0, sizeof *h);
    heap_init(&h->own);
    h->heap = nb_heap_open(&h->own.allocator, 0);
    CHECK(h->heap != NULL);
    nb_editions_init(&h->editions, &ops, h->heap, &h->papers[0].edition);
}

static void house_close(house *h)
{
    nb_editions_fini(&h->editions);
    nb_heap_close(h->heap);
    CHECK(heap_is_clean(&h->own));
}

static void turn_to(house *h, int number)
{
    nb_lock_acquire(&h->editions.lock);
    nb_editions_swap(&h->editions, &h->papers[number].edition);
    nb_lock_release(&h->editions.lock);
    nb_editions_sweep(&h->editions);
}

static uint64_t passes(house *h, int number)
{
    uint64_t sum;

    nb_lock_acquire(&h->editions.lock);
    sum = nb_editions_passes(&h->editions, &h->papers[number].edition);
    nb_lock_release(&h->editions.lock);
    return sum;
}

/* One pass of the current edition. */
static void pass(house *h, int expected)
{
    nb_seat *seat = nb_seat_take(&h->editions);

    CHECK(seat != NULL);
    CHECK(nb_seat_pass(&h->editions, seat) == &h->papers[expected].edition);
    nb_seat_leave(&h->editions, seat);
}

/* ------------------------------------------------------------------------------------------- editions */

static void nobody_holds_it_so_it_goes_at_once(void **state)
{
    house h;

    (void)state;
    house_open(&h);
    turn_to(&h, 1);
    EQ(h.papers[0].frees, 1);
    pass(&h, 1);
    pass(&h, 1);
    turn_to(&h, 2);
    EQ(h.papers[1].frees, 1);
    EQ(h.papers[1].folds, 1);
    EQ(h.papers[1].folded, 2);
    EQ(h.papers[2].frees, 0);
    house_close(&h);
    EQ(h.papers[2].frees, 1);
}

static void who_holds_it_keeps_it_and_lets_it_go(void **state)
{
    house h;
    nb_seat *seat, *second;

    (void)state;
    house_open(&h);
    seat = nb_seat_take(&h.editions);
    CHECK(nb_seat_pass(&h.editions, seat) == &h.papers[0].edition);
    turn_to(&h, 1);
    turn_to(&h, 2); /* 1 was never held, 0 still is */
    EQ(h.papers[0].frees, 0);
    EQ(h.papers[1].frees, 1);
    second = nb_seat_take(&h.editions);
    CHECK(second != seat);
    CHECK(nb_seat_pass(&h.editions, second) == &h.papers[2].edition);
    nb_seat_leave(&h.editions, second);
    EQ(h.papers[0].frees, 0);
    EQ(passes(&h, 0), 1);
    nb_seat_leave(&h.editions, seat);
    EQ(h.papers[0].frees, 1);
    EQ(h.papers[0].folded, 1);
    EQ(h.papers[2].frees, 0);
    EQ(passes(&h, 2), 1);
    house_close(&h);
    EQ(h.papers[2].folded, 1);
}

static void opening_again_lets_go_of_the_one_before(void **state)
{
    house h;
    nb_seat *seat;

    (void)state;
    house_open(&h);
    seat = nb_seat_take(&h.editions);
    nb_seat_pass(&h.editions, seat);
    nb_seat_pass(&h.editions, seat);
    turn_to(&h, 1);
    EQ(h.papers[0].frees, 0);
    CHECK(nb_seat_pass(&h.editions, seat) == &h.papers[1].edition);
    EQ(h.papers[0].frees, 1);
    EQ(h.papers[0].folded, 2);
    EQ(passes(&h, 1), 1);
    nb_seat_leave(&h.editions, seat);
    house_close(&h);
    EQ(h.papers[1].folded, 1);
}

static void an_edition_may_come_back(void **state)
{
    house h;

    (void)state;
    house_open(&h);
    pass(&h, 0);
    turn_to(&h, 1);
    EQ(h.papers[0].folded, 1);
    h.papers[0].edition.passes = 0;
    turn_to(&h, 0); /* the same address, another edition */
    EQ(passes(&h, 0), 0);
    pass(&h, 0);
    EQ(passes(&h, 0), 1);
    house_close(&h);
    EQ(h.papers[0].frees, 2);
}

/* ---------------------------------------------------------------------------------------------- seats */

static void a_thread_has_its_own_seats_until_there_are_too_many(void **state)
{
    house h;
    nb_seat *seats[NB_SEATS_OWNED + 2] = { NULL };

    (void)state;
    house_open(&h);
    for (unsigned round = 0; round < 3; round++) {
        nb_seat *taken[NB_SEATS_OWNED + 2];
        unsigned owned = 0;

        for (unsigned i = 0; i < NB_SEATS_OWNED + 2; i++) {
            taken[i] = nb_seat_take(&h.editions);
            CHECK(taken[i] != NULL);
            owned += taken[i]->owner == nb_self_number();
            for (unsigned k = 0; k < i; k++) {
                CHECK(taken[k] != taken[i]);
            }
        }
        EQ(owned, NB_SEATS_OWNED);
        for (unsigned i = 0; i < NB_SEATS_OWNED + 2; i++) {
            bool known = false;

            for (unsigned k = 0; k < NB_SEATS_OWNED + 2; k++) {
                known = known || (round > 0 && seats[k] == taken[i]);
            }
            CHECK(known == (round > 0)); /* no new ones are made */
        }
        memcpy(seats, taken, sizeof seats);
        CHECK(nb_editions_walked(&h.editions, NULL));
        for (unsigned i = 0; i < NB_SEATS_OWNED + 2; i++) {
            nb_seat_add(taken[i], 1, 10);
            nb_seat_leave(&h.editions, taken[i]);
        }
        CHECK(!nb_editions_walked(&h.editions, NULL));
        EQ(nb_editions_count(&h.editions, 1), (round + 1) * 10 * (NB_SEATS_OWNED + 2));
    }
    house_close(&h);
}

static void *passes_on_another_thread(void *user)
{
    house *h = user;

    for (int i = 0; i < 100; i++) {
        nb_seat *outer = nb_seat_take(&h->editions), *inner = nb_seat_take(&h->editions), *third = nb_seat_take(&h->editions);

        nb_seat_pass(&h->editions, outer);
        nb_seat_pass(&h->editions, inner);
        nb_seat_pass(&h->editions, third);
        nb_seat_add(third, 0, 1);
        nb_seat_leave(&h->editions, third);
        nb_seat_leave(&h->editions, inner);
        nb_seat_leave(&h->editions, outer);
    }
    return NULL;
}

/* Far more threads than chains, one after the other and at once: every pass is counted, and the seats stay few. */
static void threads_come_and_go(void **state)
{
    enum { WAVES = 20, AT_ONCE = 4 };
    house h;
    pthread_t threads[AT_ONCE];
    size_t seats = 0;

    (void)state;
    house_open(&h);
    for (int wave = 0; wave < WAVES; wave++) {
        for (int i = 0; i < AT_ONCE; i++) {
            EQ(pthread_create(&threads[i], NULL, passes_on_another_thread, &h), 0);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            EQ(pthread_join(threads[i], NULL), 0);
        }
    }
    EQ(passes(&h, 0), WAVES * AT_ONCE * 100 * 3);
    EQ(nb_editions_count(&h.editions, 0), WAVES * AT_ONCE * 100);
    for (unsigned i = 0; i < NB_SEAT_CHAINS; i++) {
        for (nb_seat *seat = nb_load_acquire(&h.editions.chains[i]); seat != NULL; seat = seat->next) {
            seats++;
        }
    }
    CHECK(seats <= NB_SEAT_CHAINS * (NB_SEATS_OWNED + 3 * AT_ONCE));
    house_close(&h);
    EQ(h.papers[0].folded, WAVES * AT_ONCE * 100 * 3);
}

static void who_runs_is_seen(void **state)
{
    house h;
    nb_seat *seat;
    nb_inside_counts sum = { 0, 0 };
    int route;

    (void)state;
    house_open(&h);
    seat = nb_seat_take(&h.editions);
    CHECK(!nb_editions_running(&h.editions, &route));
    nb_store_release(&seat->running, &route);
    CHECK(nb_editions_running(&h.editions, &route));
    CHECK(!nb_editions_running(&h.editions, &h));
    nb_editions_inside(&h.editions, &sum);
    EQ(sum.walking, 1);
    EQ(sum.running, 1);
    CHECK(!nb_editions_walked(&h.editions, seat));
    nb_store_release(&seat->running, NULL);
    CHECK(!nb_editions_running(&h.editions, &route));
    nb_seat_leave(&h.editions, seat);
    sum = (nb_inside_counts){ 0, 0 };
    nb_editions_inside(&h.editions, &sum);
    EQ(sum.walking, 0);
    EQ(sum.running, 0);
    house_close(&h);
}

static void without_memory_there_is_no_new_seat(void **state)
{
    house h;
    nb_seat *seat;

    (void)state;
    house_open(&h);
    heap_fail(&h.own, 1, true);
    CHECK(nb_seat_take(&h.editions) == NULL);
    heap_fail(&h.own, 0, false);
    seat = nb_seat_take(&h.editions);
    CHECK(seat != NULL);
    nb_seat_leave(&h.editions, seat);
    heap_fail(&h.own, 1, true);
    CHECK(nb_seat_take(&h.editions) == seat); /* an old one needs none */
    nb_seat_leave(&h.editions, seat);
    heap_fail(&h.own, 0, false);
    house_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_holds_it_so_it_goes_at_once),
        cmocka_unit_test(who_holds_it_keeps_it_and_lets_it_go),
        cmocka_unit_test(opening_again_lets_go_of_the_one_before),
        cmocka_unit_test(an_edition_may_come_back),
        cmocka_unit_test(a_thread_has_its_own_seats_until_there_are_too_many),
        cmocka_unit_test(threads_come_and_go),
        cmocka_unit_test(who_runs_is_seen),
        cmocka_unit_test(without_memory_there_is_no_new_seat),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
