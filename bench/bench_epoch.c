/* bench_epoch.c - to read what others replace (internal): enter, read the pointer and what it points to, leave. */
#include "sync/snapshot.h"

#include <pthread.h>

#ifdef HAVE_URCU
#define _LGPL_SOURCE /* the readers' side inline */
#include <urcu/urcu-memb.h>
#endif

#include "base/list.h"
#include "harness.h"
#include "target/edition.h"

typedef struct object {
    nb_epoch_item item;
    uint64_t value;
} object;

static double epoch_read(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    object first = { .value = 1 };
    nb_heap *heap = nb_heap_open(NULL, 0);
    nb_epoch epoch;
    nb_snapshot snapshot;
    uint64_t sum = 0;
    (void)c;
    (void)subject;
    bench_check(heap != NULL, "heap");
    nb_epoch_init(&epoch, heap);
    nb_snapshot_init(&snapshot, &first.item);
    nb_epoch_leave(nb_epoch_enter(&epoch));
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        nb_epoch_record *inside = nb_epoch_enter(&epoch);
        sum += NB_CONTAINER(nb_snapshot_read(&snapshot), object, item)->value;
        nb_epoch_leave(inside);
    }
    start = bench_now() - start;
    bench_check(sum == ops, "read");
    nb_epoch_fini(&epoch);
    nb_heap_close(heap);
    return (double)start;
}

/* What a publisher does around its walk. */
typedef struct issue {
    nb_edition edition;
    uint64_t value;
} issue;

static void nothing(nb_edition *edition)
{
    (void)edition;
}

static double seat_read(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    static const nb_edition_ops nothings = { nothing, nothing };
    issue first = { .value = 1 };
    nb_heap *heap = nb_heap_open(NULL, 0);
    nb_editions editions;
    uint64_t sum = 0;
    (void)c;
    (void)subject;
    bench_check(heap != NULL, "heap");
    nb_barrier_init();
    nb_editions_init(&editions, &nothings, heap, &first.edition);
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        nb_seat *seat = nb_seat_take(&editions);
        sum += NB_CONTAINER(nb_seat_pass(&editions, seat), issue, edition)->value;
        nb_seat_leave(&editions, seat);
    }
    start = bench_now() - start;
    bench_check(sum == ops, "read");
    nb_editions_fini(&editions);
    nb_heap_close(heap);
    return (double)start;
}

static double urcu_read(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    (void)c;
    (void)subject;
#ifdef HAVE_URCU
    static object first = { .value = 1 };
    static object *current = &first;
    uint64_t sum = 0;
    urcu_memb_register_thread();
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        urcu_memb_read_lock();
        sum += rcu_dereference(current)->value;
        urcu_memb_read_unlock();
    }
    start = bench_now() - start;
    urcu_memb_unregister_thread();
    bench_check(sum == ops, "read");
    return (double)start;
#else
    (void)ops;
    return BENCH_ABSENT;
#endif
}

static object shared = { .value = 1 };
static _Atomic(object *) guarded = &shared;

static double rwlock_read(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
    uint64_t sum = 0;
    (void)c;
    (void)subject;
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        pthread_rwlock_rdlock(&lock);
        sum += nb_load_relaxed(&guarded)->value;
        pthread_rwlock_unlock(&lock);
    }
    start = bench_now() - start;
    bench_check(sum == ops, "read");
    return (double)start;
}

static double mutex_read(const bench_case *c, const bench_subject *subject, uint64_t ops)
{
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    uint64_t sum = 0;
    (void)c;
    (void)subject;
    uint64_t start = bench_now();
    for (uint64_t i = 0; i < ops; i++) {
        pthread_mutex_lock(&lock);
        sum += nb_load_relaxed(&guarded)->value;
        pthread_mutex_unlock(&lock);
    }
    start = bench_now() - start;
    bench_check(sum == ops, "read");
    return (double)start;
}

static const bench_subject reads[] = {
    { .name = "nb_epoch and nb_snapshot", .run = epoch_read, .target = BENCH_MAX_NS(5) },
    { .name = "a seat and its edition, counted", .run = seat_read, .target = BENCH_MAX_NS(5) },
    { .name = "liburcu, membarrier", .run = urcu_read },
    { .name = "rwlock", .run = rwlock_read },
    { .name = "mutex", .run = mutex_read },
};

static const bench_case cases[] = {
    { .name = "read a snapshot, one thread", .subjects = reads, .subject_count = BENCH_COUNT(reads) },
};

int main(int argc, char **argv)
{
    return bench_main(argc, argv, "epoch", cases, BENCH_COUNT(cases));
}
