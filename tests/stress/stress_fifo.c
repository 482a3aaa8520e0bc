/*
 * stress_fifo - a recorded history of a FIFO queue under real threads, checked when all is over.
 *
 *     stress_fifo [MESSAGES [GROUPS [SEED]]]      of each of 4 producers, 5,000; 1,000 groups; 1
 *
 * Producers send to groups at random, some messages twice. Consumers receive up to four at once and delete, give back, keep for longer
 * or forget what they got, whose visibility then lapses. Each call is recorded with a tick of one counter before and behind it; so of two
 * calls that do not overlap it is known which came first.
 *
 * What must hold of the history: the first receives of a group are in the order of the sends; nothing of a group is received while an
 * earlier message of it is certainly in flight; nothing is received after it was deleted; nothing is lost; the counters agree.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <nimbus/nimbus.h>

enum { PRODUCERS = 4, CONSUMERS = 4, AT_ONCE = 4 };

#define VISIBILITY NIMBUS_MS(30)
#define CERTAIN NIMBUS_MS(20) /* of that: the kernel's tick, by which messages are received, may itself be late by some ms */

typedef struct receive {
    uint64_t sequence;
    uint32_t group, count;
    uint64_t began, returned;   /* ticks */
    uint64_t left;              /* the tick before the call that ended it; UINT64_MAX: none did, or not with success */
    uint64_t gone;              /* the tick behind a delete that succeeded; UINT64_MAX: none */
    int64_t began_at, returned_at; /* nanoseconds */
} receive;

typedef struct history {
    receive *items;
    size_t count, room;
} history;

static nimbus_queue *queue;
static size_t per_producer = 5000, group_count = 1000;
static uint64_t seed = 1;
static atomic_ullong tick;
static atomic_size_t accepted, duplicates, deleted, forgotten;
static atomic_bool sent_all;
static atomic_uint wrong;
static history histories[CONSUMERS];

static void fail(const char *what, uint64_t group, uint64_t sequence)
{
    if (atomic_fetch_add(&wrong, 1) < 20) {
        fprintf(stderr, "group %llu, sequence %llu: %s\n", (unsigned long long)group, (unsigned long long)sequence, what);
    }
}

static int64_t now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static uint64_t roll(uint64_t *state, uint64_t sides)
{
    uint64_t x = *state += 0x9e3779b97f4a7c15;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9;
    x = (x ^ x >> 27) * 0x94d049bb133111eb;
    return (x ^ x >> 31) % sides;
}

static receive *record(history *h)
{
    if (h->count == h->room) {
        h->room = h->room == 0 ? 1024 : h->room * 2;
        h->items = realloc(h->items, h->room * sizeof *h->items);
        if (h->items == NULL) {
            abort();
        }
    }
    return &h->items[h->count++];
}

static void *produce(void *argument)
{
    size_t me = (size_t)(uintptr_t)argument;
    uint64_t dice = seed * 1000 + me;

    for (size_t i = 0; i < per_producer; i++) {
        char group[32], id[48];
        nimbus_entry entry = { .body = nimbus_text("m"), .group_id = group, .deduplication_id = id };
        nimbus_sent sent = { 0 }, again = { 0 };

        snprintf(group, sizeof group, "%llu", (unsigned long long)roll(&dice, group_count));
        snprintf(id, sizeof id, "%zu-%zu", me, i);
        if (nimbus_queue_send(queue, &entry, &sent) != NIMBUS_OK) {
            fail("a send is refused", 0, 0);
            continue;
        }
        atomic_fetch_add(&accepted, 1);
        if (roll(&dice, 16) == 0) {
            if (nimbus_queue_send(queue, &entry, &again) != NIMBUS_DUPLICATE || again.sequence != sent.sequence ||
                again.id.number != sent.id.number) {
                fail("a duplicate is not told as one of its original", 0, sent.sequence);
            }
            atomic_fetch_add(&duplicates, 1);
        }
    }
    return NULL;
}

/* Ends one delivery in one of the ways. */
static void finish(nimbus_delivery *delivery, receive *r, uint64_t *dice)
{
    uint64_t how = roll(dice, 20), before = atomic_fetch_add(&tick, 1);
    nimbus_status status;

    if (how == 0) {
        r->left = UINT64_MAX; /* forgotten: its visibility ends by itself */
        atomic_fetch_add(&forgotten, 1);
        nimbus_delivery_release(delivery);
        return;
    }
    if (how == 1) {
        if (nimbus_delivery_retry(delivery, 0) == NIMBUS_OK) {
            r->left = before;
        }
        return;
    }
    if (how == 2 && nimbus_delivery_extend(delivery, 2 * VISIBILITY) != NIMBUS_OK) {
        r->began_at = INT64_MIN / 2; /* it had lapsed: nothing can be said of when it was in flight */
    }
    status = nimbus_delivery_delete(delivery);
    if (status == NIMBUS_OK) {
        r->left = before;
        r->gone = atomic_fetch_add(&tick, 1);
        atomic_fetch_add(&deleted, 1);
    } else if (status != NIMBUS_E_RECEIPT_EXPIRED) {
        fail(nimbus_status_name(status), r->group, r->sequence);
    }
}

static bool nothing_left(void)
{
    nimbus_queue_metrics m;

    return nimbus_queue_get_metrics(queue, &m) == NIMBUS_OK && m.ready + m.in_flight + m.delayed == 0;
}

static void *consume(void *argument)
{
    size_t me = (size_t)(uintptr_t)argument, count;
    uint64_t dice = seed * 2000 + me;
    nimbus_delivery slots[AT_ONCE] = { { { 0 } } };
    history *h = &histories[me];

    for (;;) {
        uint64_t began = atomic_fetch_add(&tick, 1), returned;
        int64_t began_at = now(), returned_at;
        nimbus_status status = nimbus_queue_receive(queue, NIMBUS_MS(20), NULL, slots, 1 + roll(&dice, AT_ONCE), &count);
        size_t first = h->count;

        returned = atomic_fetch_add(&tick, 1);
        returned_at = now();
        if (status == NIMBUS_EMPTY && atomic_load(&sent_all) && nothing_left()) {
            return NULL;
        }
        for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
            nimbus_delivery_info info;
            receive *r = record(h);

            if (nimbus_delivery_get_info(&slots[i], &info) != NIMBUS_OK) {
                abort();
            }
            *r = (receive){ info.sequence, (uint32_t)strtoul(info.group_id, NULL, 10), info.receive_count, began, returned, UINT64_MAX,
                            UINT64_MAX, began_at, returned_at };
        }
        for (size_t i = 0; status == NIMBUS_OK && i < count; i++) {
            finish(&slots[i], &h->items[first + i], &dice);
        }
    }
}

static int by_group_and_time(const void *a, const void *b)
{
    const receive *x = a, *y = b;

    return x->group != y->group ? (x->group < y->group ? -1 : 1) : x->began != y->began ? (x->began < y->began ? -1 : 1) : 0;
}

/* Two receives of one group; first began earlier. */
static void check_pair(const receive *first, const receive *then)
{
    if (first->sequence == then->sequence && first->gone < then->began) {
        fail("received after it was deleted", then->group, then->sequence);
    }
    if (first->returned < then->began && first->sequence > then->sequence && then->count == 1) {
        fail("its first receive comes behind that of a later message", then->group, then->sequence);
    }
    /* first was certainly in flight for all of then: received before, not ended before, and its time was not over */
    if (first->returned < then->began && first->sequence <= then->sequence && first->left > then->returned &&
        then->returned_at < first->began_at + CERTAIN) {
        fail("received while an earlier message of its group was in flight", then->group, then->sequence);
    }
}

static void check(const receive *all, size_t count)
{
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from; to < count && all[to].group == all[from].group; to++) {
        }
        for (size_t i = from; i < to; i++) {
            for (size_t k = i + 1; k < to; k++) {
                check_pair(&all[i], &all[k]);
            }
        }
    }
}

static receive *gather(size_t *ret_count)
{
    receive *all;
    size_t count = 0;

    for (size_t i = 0; i < CONSUMERS; i++) {
        count += histories[i].count;
    }
    all = malloc(count * sizeof *all + 1);
    *ret_count = 0;
    for (size_t i = 0; all != NULL && i < CONSUMERS; i++) {
        if (histories[i].count > 0) {
            memcpy(&all[*ret_count], histories[i].items, histories[i].count * sizeof *all);
        }
        *ret_count += histories[i].count;
        free(histories[i].items);
    }
    return all;
}

int main(int argc, char **argv)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_queue_options options = { .fifo = true, .visibility_timeout = VISIBILITY };
    pthread_t producers[PRODUCERS], consumers[CONSUMERS];
    nimbus_queue_metrics m;
    receive *all;
    size_t count;

    per_producer = argc > 1 ? strtoull(argv[1], NULL, 10) : per_producer;
    group_count = argc > 2 && strtoull(argv[2], NULL, 10) > 0 ? strtoull(argv[2], NULL, 10) : group_count;
    seed = argc > 3 ? strtoull(argv[3], NULL, 10) : seed;
    queue = nimbus_queue_create(nb, "q.fifo", &options, &err);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }
    for (size_t i = 0; i < CONSUMERS; i++) {
        pthread_create(&consumers[i], NULL, consume, (void *)(uintptr_t)i);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_create(&producers[i], NULL, produce, (void *)(uintptr_t)i);
    }
    for (size_t i = 0; i < PRODUCERS; i++) {
        pthread_join(producers[i], NULL);
    }
    atomic_store(&sent_all, true);
    for (size_t i = 0; i < CONSUMERS; i++) {
        pthread_join(consumers[i], NULL);
    }
    if (nimbus_queue_get_metrics(queue, &m) != NIMBUS_OK || m.accepted != atomic_load(&accepted) || m.deleted != m.accepted ||
        m.duplicates != atomic_load(&duplicates)) {
        fail("the counters do not agree with what was done", 0, 0);
    }
    all = gather(&count);
    qsort(all, count, sizeof *all, by_group_and_time);
    check(all, count);
    free(all);
    printf("%zu sent, %zu duplicates, %zu receives, %zu deleted, %zu forgotten; %u wrong\n", atomic_load(&accepted),
           atomic_load(&duplicates), count, atomic_load(&deleted), atomic_load(&forgotten), atomic_load(&wrong));
    return nimbus_close(nb, NIMBUS_SECONDS(5), NULL) != NIMBUS_OK || atomic_load(&wrong) != 0;
}
