/*
 * epoch.c - lib/sync/epoch.{h,c} and snapshot.{h,c}: memory that is freed while others may still read it.
 *
 * What is published is a block of the explorer's allocator. A reader announces that it reads it; a free that does not come after the read
 * fails the schedule.
 */
#include "base/list.h"
#include "explore.h"
#include "platform/memory.h"
#include "sync/snapshot.h"

typedef struct object {
    nb_epoch_item item;
    uint32_t number; /* plain; written before it is published */
    bool gone;
} object;

static nb_heap *heap;
static nb_epoch epoch;
static nb_snapshot published;
static nb_lock writers;
static uint32_t made, freed;

static object *make(uint32_t number)
{
    object *it = nb_platform_malloc(sizeof *it);

    nb_plain_write(&it->number);
    it->number = number;
    made++;
    return it;
}

static void let_go(nb_epoch_item *item)
{
    freed++;
    nb_platform_free(NB_CONTAINER(item, object, item));
}

static void setup(void)
{
    made = freed = 0;
    heap = nb_heap_open(NULL, 0);
    nb_epoch_init(&epoch, heap);
    nb_lock_init(&writers);
    nb_snapshot_init(&published, &make(1)->item);
}

static void finish(void)
{
    explore_note(freed);
    nb_snapshot_swap(&published, &epoch, NULL, let_go);
    nb_epoch_fini(&epoch);
    explore_check(made == freed);
    nb_lock_fini(&writers);
    nb_heap_close(heap);
}

static uint32_t look(void)
{
    object *it = NB_CONTAINER(nb_snapshot_read(&published), object, item);

    nb_plain_read(&it->number);
    return it->number;
}

static void read_once(void)
{
    nb_epoch_record *inside = nb_epoch_enter(&epoch);
    uint32_t first = look();

    explore_check(look() >= first);
    nb_epoch_leave(inside);
}

static void replace(uint32_t number)
{
    nb_lock_acquire(&writers);
    nb_snapshot_swap(&published, &epoch, &make(number)->item, let_go);
    nb_lock_release(&writers);
}

/*
 * Readers, and a writer that replaces, retires and polls at once. Wrong: enter, light fence, read against take out, heavy fence, look at
 * the records (nb_epoch_enter(), nb_epoch_poll()); the release of the leave; a number that is raised too early.
 */
static void retire_read(uint32_t me)
{
    if (me == 0) {
        replace(2);
        nb_epoch_poll(&epoch);
        nb_epoch_poll(&epoch);
    } else {
        read_once();
        read_once();
    }
}

/* A reader that enters twice, one in the other: only the outer leave counts. */
static void nested(uint32_t me)
{
    nb_epoch_record *outer, *inner;

    if (me == 0) {
        replace(2);
        nb_epoch_poll(&epoch);
        return;
    }
    outer = nb_epoch_enter(&epoch);
    inner = nb_epoch_enter(&epoch);
    look();
    nb_epoch_leave(inner);
    look();
    nb_epoch_leave(outer);
}

/* Two writers poll beside each other: everything is let go of once. */
static void two_writers(uint32_t me)
{
    if (me < 2) {
        replace(2 + me);
        nb_epoch_poll(&epoch);
    } else {
        nb_epoch_record *inside = nb_epoch_enter(&epoch);

        look();
        nb_epoch_poll(&epoch); /* allowed inside */
        look();
        nb_epoch_leave(inside);
    }
}

/* No memory for a record: the shared ones do. Wrong: which of the two is entered, and what the poll makes of it. */
static object *made_before;

static void setup_made_before(void)
{
    setup();
    made_before = make(2);
}

static void no_record(uint32_t me)
{
    if (me == 0) {
        nb_lock_acquire(&writers);
        nb_snapshot_swap(&published, &epoch, &made_before->item, let_go);
        nb_lock_release(&writers);
        nb_epoch_poll(&epoch);
    } else {
        explore_refuse_memory(1);
        read_once();
        read_once();
        explore_refuse_memory(0);
    }
}

static void shared_only(uint32_t me)
{
    nb_epoch_record *inside;

    if (me == 0) {
        replace(2);
        nb_epoch_poll(&epoch);
        nb_epoch_poll(&epoch);
        return;
    }
    inside = nb_epoch_enter_shared(&epoch);
    look();
    nb_epoch_leave(inside);
    inside = nb_epoch_enter_shared(&epoch);
    look();
    nb_epoch_leave(inside);
}

/* A writer waits until all who were inside have left, and frees by its own hand. Wrong: the fence and the number in synchronize. */
static void synchronize(uint32_t me)
{
    if (me == 0) {
        object *old, *next = make(2);

        nb_lock_acquire(&writers);
        old = NB_CONTAINER(nb_snapshot_read(&published), object, item);
        nb_store_release(&published.current, &next->item);
        nb_lock_release(&writers);
        nb_epoch_synchronize(&epoch);
        let_go(&old->item);
    } else {
        read_once();
    }
}

/* The same where the reader has no record of its own: synchronize looks at the shared ones without their lock. */
static void synchronize_shared(uint32_t me)
{
    if (me == 0) {
        synchronize(me);
        return;
    }
    for (int i = 0; i < 2; i++) {
        nb_epoch_record *inside = nb_epoch_enter_shared(&epoch);

        look();
        nb_epoch_leave(inside);
    }
}

/* A thread ends and hands its record back; another one gets it and is inside with it while a writer looks at the records. */
static void thread_ends(uint32_t me)
{
    if (me == 0) {
        replace(2);
        nb_epoch_poll(&epoch);
    } else {
        read_once();
    }
}

/*
 * An epoch ends while threads live that have a record for it; they use another one then, and end. Wrong: nb_epoch_fini() and hand_back(),
 * which take the record out of the thread's list, or put it into the list of an epoch that has gone.
 */
static nb_epoch short_lived;
static _Atomic uint32_t users;

static void setup_two(void)
{
    setup();
    nb_epoch_init(&short_lived, heap);
    nb_atomic_init(&users, 2);
}

static void epoch_ends(uint32_t me)
{
    if (me < 2) {
        nb_epoch_leave(nb_epoch_enter(&short_lived));
        nb_sub_acq_rel(&users, 1);
        read_once();
        return;
    }
    while (nb_load_acquire(&users) != 0) {
        nb_pause();
    }
    nb_epoch_fini(&short_lived);
}

static const explore_scenario scenarios[] = {
    { .name = "epoch_retire_read", .threads = 3, .setup = setup, .thread = retire_read, .finish = finish },
    { .name = "epoch_nested", .threads = 2, .setup = setup, .thread = nested, .finish = finish },
    { .name = "epoch_two_writers", .threads = 3, .setup = setup, .thread = two_writers, .finish = finish },
    { .name = "epoch_no_record", .threads = 2, .setup = setup_made_before, .thread = no_record, .finish = finish },
    { .name = "epoch_shared_only", .threads = 3, .setup = setup, .thread = shared_only, .finish = finish },
    { .name = "epoch_synchronize", .threads = 2, .setup = setup, .thread = synchronize, .finish = finish },
    { .name = "epoch_synchronize_shared", .threads = 2, .setup = setup, .thread = synchronize_shared, .finish = finish },
    { .name = "epoch_ends", .threads = 3, .setup = setup_two, .thread = epoch_ends, .finish = finish },
    { .name = "epoch_thread_ends", .threads = 4, .setup = setup, .thread = thread_ends, .finish = finish },
};

static const char *const covers[] = { "lib/sync/epoch.h", "lib/sync/epoch.c", "lib/sync/snapshot.h", "lib/sync/snapshot.c", NULL };
static const explore_subject subject = { "epoch", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
