/*
 * queue.c - lib/sync/queue.{h,c}: a queue that grows, in which a reserved value always finds room.
 */
#include "ledger.h"
#include "sync/queue.h"

static nb_heap *heap;
static nb_mpmc queue;
static uint64_t payload[LEDGER_THREADS][LEDGER_EACH];

static void setup_reserved(uint32_t reserved)
{
    ledger_clear();
    heap = nb_heap_open(NULL, 0);
    explore_check(nb_mpmc_init(&queue, heap, 2));
    for (uint32_t i = 0; i < reserved; i++) {
        explore_check(nb_mpmc_reserve(&queue));
    }
}

static void setup_0(void) { setup_reserved(0); }
static void setup_2(void) { setup_reserved(2); }

static void push(uint32_t giver, uint32_t number)
{
    uint64_t value = ledger_value(giver, number);

    nb_plain_write(&payload[giver][number]);
    payload[giver][number] = value;
    ledger_put(value);
    nb_mpmc_push(&queue, value);
}

static bool pop(void)
{
    uint64_t value;

    if (!nb_mpmc_pop(&queue, &value)) {
        return false;
    }
    ledger_took(value);
    nb_plain_read(&payload[value >> 8][value & 0xff]);
    explore_check(payload[value >> 8][value & 0xff] == value);
    return true;
}

static void finish(void)
{
    uint64_t left = ledger.in_count - ledger.out_count;

    explore_check(nb_mpmc_size(&queue) == left);
    while (pop()) {
    }
    explore_check(ledger.in_count == ledger.out_count);
    nb_mpmc_fini(&queue);
    nb_heap_close(heap);
}

/*
 * Two threads reserve and push, so that the first ring is too small, and a third one pops. Wrong: link_part(), a push that is answered
 * CLOSED and does not find the next part; nb_mpmc_pop_slowly(), a pop that goes on to the next part before the old one is drained.
 */
static void grow(uint32_t me)
{
    if (me < 2) {
        for (uint32_t i = 0; i < 2; i++) {
            explore_check(nb_mpmc_reserve(&queue));
            push(me, i);
        }
    } else {
        for (uint32_t i = 0; i < 3; i++) {
            pop();
        }
        nb_mpmc_size(&queue);
    }
}

/* Two poppers at the place where one part ends. Wrong: the CAS on `out` goes back to an older part. */
static void leave_part(uint32_t me)
{
    if (me == 0) {
        push(0, 0);
        push(0, 1);
        explore_check(nb_mpmc_reserve(&queue));
        push(0, 2);
    } else {
        pop();
        pop();
    }
}

/*
 * Two reservations in four cells. A pop that stands still between its claim and its last store makes the ring full for the others when
 * they have gone round once: then values spill. Wrong: nb_mpmc_push_slowly() and take_spilled(), order and loss; a push past values that
 * are spilled.
 */
static void spill(uint32_t me)
{
    for (uint32_t number = 0; number < 5; number++) {
        push(me, number);
        for (uint32_t tries = 0; tries < 20 && !pop(); tries++) {
            nb_pause();
        }
    }
}

/* While values are spilled, the queue grows: link_part() takes them along. */
static void spill_and_grow(uint32_t me)
{
    if (me < 2) {
        spill(me);
    } else {
        explore_check(nb_mpmc_reserve(&queue));
        push(me, 0);
        explore_check(nb_mpmc_reserve(&queue));
        push(me, 1);
    }
}

/* The size is asked while the chain grows. Wrong: the loads of `out` and `next`, by which a part is seen that is not made. */
static void size_while_it_grows(uint32_t me)
{
    if (me == 0) {
        explore_check(nb_mpmc_reserve(&queue));
        push(0, 0);
        pop();
    } else if (me == 1) {
        pop();
    } else {
        explore_check(nb_mpmc_size(&queue) <= 1);
        explore_check(nb_mpmc_size(&queue) <= 1);
    }
}

/* No memory: a reservation fails, those that there are keep their room. */
static void no_memory(uint32_t me)
{
    if (me == 0) {
        explore_refuse_memory(1);
        for (uint32_t i = 0; i < 3; i++) {
            if (nb_mpmc_reserve(&queue)) {
                push(0, i);
            }
        }
        explore_refuse_memory(0);
    } else {
        pop();
        if (nb_mpmc_reserve(&queue)) {
            push(1, 0);
            pop();
            nb_mpmc_unreserve(&queue);
        }
    }
}

static void no_memory_finish(void)
{
    while (pop()) {
    }
    finish();
}

static const explore_scenario scenarios[] = {
    { .name = "queue_grow", .threads = 3, .setup = setup_0, .thread = grow, .finish = finish },
    { .name = "queue_leave_part", .threads = 3, .setup = setup_2, .thread = leave_part, .finish = finish },
    { .name = "queue_size", .threads = 3, .setup = setup_2, .thread = size_while_it_grows, .finish = finish },
    { .name = "queue_spill", .threads = 2, .setup = setup_2, .thread = spill, .finish = finish },
    { .name = "queue_spill_and_grow", .threads = 3, .setup = setup_2, .thread = spill_and_grow, .finish = finish, .share = 2 },
    { .name = "queue_no_memory", .threads = 2, .setup = setup_0, .thread = no_memory, .finish = no_memory_finish },
};

static const char *const covers[] = { "lib/sync/queue.h", "lib/sync/queue.c", NULL };
static const explore_subject subject = { "queue", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
