/*
 * grace.c - lib/pattern/grace.c: what is taken out of sight is given back when no reader can see it any more, by whoever comes last.
 *
 * What is published is a block of the explorer's allocator. A reader announces that it reads it; an end that does not come after the read
 * fails the schedule, and so does one that never comes, or comes twice.
 */
#include "base/list.h"
#include "explore.h"
#include "pattern/grace.h"
#include "platform/memory.h"

typedef struct thing {
    nb_retired retired;
    uint32_t number; /* plain; written before it is published */
} thing;

static nb_heap *heap;
static nb_grace grace;
static _Atomic(thing *) published;
static uint32_t made, ended;
static bool chains; /* the end of a thing retires another one */

static thing *make(uint32_t number)
{
    thing *it = nb_platform_malloc(sizeof *it);

    nb_plain_write(&it->number);
    it->number = number;
    made++;
    return it;
}

static void end(nb_retired *retired, nb_heap *memory, void *owner)
{
    explore_check(memory == heap && owner == &published);
    nb_platform_free(NB_CONTAINER(retired, thing, retired));
    ended++;
    if (chains) {
        chains = false;
        nb_grace_retire(&grace, &make(9)->retired, end);
    }
}

static void setup(void)
{
    made = ended = 0;
    chains = false;
    heap = nb_heap_open(NULL, 0);
    nb_grace_open(&grace, heap, &published);
    nb_atomic_init(&published, make(1));
}

static void setup_chain(void)
{
    setup();
    chains = true;
}

/* Of what was retired in good time nothing waits when nobody reads. */
static void finish(void)
{
    explore_note(ended);
    nb_grace_collect(&grace);
    nb_grace_collect(&grace);
    explore_check(ended + 1 == made);
    nb_grace_retire(&grace, &nb_load_relaxed(&published)->retired, end);
    nb_grace_close(&grace);
    explore_check(made == ended);
    nb_heap_close(heap);
}

static void read_once(void)
{
    uint32_t ticket = nb_grace_enter(&grace);
    thing *it = nb_load_acquire(&published);

    nb_plain_read(&it->number);
    explore_check(it->number > 0);
    nb_grace_leave(&grace, ticket);
}

static void replace(uint32_t number)
{
    thing *old = nb_exchange_acq_rel(&published, make(number));

    nb_grace_retire(&grace, &old->retired, end);
    nb_grace_collect(&grace);
}

/*
 * A reader against a change. Wrong: the fence of nb_grace_enter(), or the one of take_due(): the look at the counters misses a reader that
 * sees the old thing; the acquire of is_empty(): the end comes beside the reader's last access.
 */
static void read_change(uint32_t me)
{
    if (me == 0) {
        replace(2);
    } else {
        read_once();
    }
}

/*
 * The same, and nobody collects later: of the last reader and who retires one must see the other. Wrong: the fence of nb_grace_leave() or
 * of nb_grace_collect(); `pending` counted too late; a collector that finds another one busy and does not leave it word (`again`).
 */
static void last_one_out(void)
{
    explore_check(ended + 1 == made);
    nb_grace_retire(&grace, &nb_load_relaxed(&published)->retired, end);
    nb_grace_close(&grace);
    explore_check(made == ended);
    nb_heap_close(heap);
}

/* Two changes beside each other, and a reader: each is ended once. Wrong: the push of nb_grace_retire(), or the hand-over of `waiting`. */
static void two_changes(uint32_t me)
{
    if (me < 2) {
        replace(2 + me);
    } else {
        read_once();
    }
}

/* A reader that enters again and again while two phases end: it may count in the older one, and holds up that. Wrong: a phase is enough. */
static void read_twice(uint32_t me)
{
    if (me == 0) {
        replace(2);
        replace(3);
    } else {
        read_once();
        read_once();
    }
}

static const explore_scenario scenarios[] = {
    { .name = "grace_read_change", .threads = 3, .setup = setup, .thread = read_change, .finish = finish },
    { .name = "grace_last_one_out", .threads = 2, .setup = setup, .thread = read_change, .finish = last_one_out },
    { .name = "grace_two_changes", .threads = 3, .setup = setup, .thread = two_changes, .finish = finish },
    { .name = "grace_read_twice", .threads = 2, .setup = setup, .thread = read_twice, .finish = finish },
    { .name = "grace_end_retires", .threads = 2, .setup = setup_chain, .thread = read_change, .finish = finish },
};

static const char *const covers[] = { "lib/pattern/grace.c", NULL };
static const explore_subject subject = { "grace", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
