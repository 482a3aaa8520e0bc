/*
 * ring.c - lib/sync/ring.{h,c}: many threads on both sides of a bounded queue of two or four cells.
 */
#include "ledger.h"
#include "sync/ring.h"

static nb_ring ring;
static nb_ring_cell cells[4];
static uint64_t payload[LEDGER_THREADS][LEDGER_EACH]; /* plain data that a value stands for */
static uint32_t before_close;

static void setup_with(uint64_t capacity)
{
    ledger_clear();
    nb_ring_init_at(&ring, cells, capacity);
    before_close = 0;
}

static void setup_2(void) { setup_with(2); }
static void setup_4(void) { setup_with(4); }

static nb_ring_result push(uint32_t giver, uint32_t number)
{
    uint64_t value = ledger_value(giver, number);
    nb_ring_result result;

    nb_plain_write(&payload[giver][number]);
    payload[giver][number] = value;
    ledger_put(value);
    result = nb_ring_push(&ring, value);
    if (result != NB_RING_OK) {
        ledger_not_put(value);
    }
    return result;
}

static void took(uint64_t value)
{
    ledger_took(value);
    nb_plain_read(&payload[value >> 8][value & 0xff]);
    explore_check(payload[value >> 8][value & 0xff] == value);
}

static bool pop(void)
{
    uint64_t value = UINT64_MAX;

    if (nb_ring_pop(&ring, &value) != NB_RING_OK) {
        return false;
    }
    took(value);
    return true;
}

/* All that is left comes out now, and then the ring is as empty as it says. */
static void finish(void)
{
    while (pop()) {
    }
    explore_check(ledger.in_count == ledger.out_count);
    explore_check(nb_ring_size(&ring) == 0);
    nb_ring_fini(&ring);
}

/* Pushes count values; a full ring is tried a few times more, and then given up. */
static void push_some(uint32_t me, uint32_t count)
{
    for (uint32_t number = 0, tries = 0; number < count && tries < 6; tries++) {
        if (push(me, number) == NB_RING_OK) {
            number++;
        } else {
            nb_pause();
        }
    }
}

static void pop_some(uint32_t count)
{
    for (uint32_t done = 0, tries = 0; done < count && tries < 6; tries++) {
        if (pop()) {
            done++;
        } else {
            nb_pause();
        }
    }
}

/*
 * Two cells, two pushers, and a popper that makes room only now and then. Wrong: a push that overwrites a value which is still being read
 * (the release of nb_ring_pop(), the acquire of nb_ring_push()), or one that is doubled or lost by two claims of one position (the CAS on
 * tail).
 */
static void full(uint32_t me)
{
    if (me < 2) {
        push_some(me, 3);
    } else {
        pop_some(2);
    }
}

/* Two poppers fight for what one pusher brings. Wrong: both get it (the CAS on head), or one reads a cell that is not filled yet. */
static void empty(uint32_t me)
{
    if (me == 0) {
        push_some(me, 3);
    } else {
        pop_some(2);
    }
}

/* Three laps of a ring of two. Wrong: a position of another lap taken for one's own (the comparison of the cell's position). */
static void wrap(uint32_t me)
{
    if (me == 0) {
        push_some(me, 6);
    } else {
        pop_some(6);
    }
}

/*
 * A push and a pop that stand still in the middle: FULL and EMPTY must be answered, not waited for. Nobody pauses here: a call that spins
 * until another thread goes on would be a livelock. Wrong: the answers when lap < 0.
 */
static void nobody_waits(uint32_t me)
{
    if (me < 2) {
        push(me, 0);
        push(me, 1);
    } else {
        pop();
        pop();
    }
}

/* Batches. Wrong: a batch claims more cells than were ready, or takes them in another order. */
static void batch(uint32_t me)
{
    uint64_t values[3];
    size_t count;

    if (me < 2) {
        for (uint32_t i = 0; i < 3; i++) {
            values[i] = ledger_value(me, i);
            nb_plain_write(&payload[me][i]);
            payload[me][i] = values[i];
            ledger_put(values[i]);
        }
        count = nb_ring_push_n(&ring, values, 3);
        for (size_t i = count; i < 3; i++) {
            ledger_not_put(values[i]);
        }
        return;
    }
    for (uint32_t tries = 0; tries < 2; tries++) {
        count = nb_ring_pop_n(&ring, values, 3);
        for (size_t i = 0; i < count; i++) {
            took(values[i]);
        }
    }
}

static void batch_and_single(uint32_t me)
{
    if (me == 0) {
        batch(0);
    } else if (me == 1) {
        push_some(me, 2);
    } else {
        batch(me);
    }
}

/*
 * A ring is closed while others push and pop. Wrong: a push that succeeds after its thread was answered CLOSED; a value that is lost
 * because drained was said too early (nb_ring_drained()); what the closer did before is not seen by who is answered CLOSED
 * (nb_ring_closed()).
 */
static void close_meanwhile(uint32_t me)
{
    if (me == 0) {
        nb_plain_write(&before_close);
        before_close = 1;
        nb_ring_close(&ring);
        nb_ring_close(&ring);
    } else if (me == 1) {
        bool closed = false;

        for (uint32_t number = 0, tries = 0; number < 3 && tries < 4; tries++) {
            nb_ring_result result = push(me, number);

            explore_check(!closed || result == NB_RING_CLOSED);
            if (result == NB_RING_CLOSED) {
                nb_plain_read(&before_close);
                explore_check(before_close == 1);
                closed = true;
            }
            number += result == NB_RING_OK;
        }
    } else {
        pop();
        if (nb_ring_drained(&ring)) {
            explore_check(!pop());
            explore_check(push(me, 0) == NB_RING_CLOSED);
        }
    }
}

static void close_finish(void)
{
    explore_check(nb_ring_closed(&ring));
    finish();
    explore_check(nb_ring_drained(&ring));
}

/* A batch against a close. Wrong: part of a batch behind the closed bit. */
static void close_batch(uint32_t me)
{
    if (me == 0) {
        nb_ring_close(&ring);
    } else if (me == 1) {
        batch(1);
    } else {
        batch(2);
        if (nb_ring_drained(&ring)) {
            explore_check(!pop());
        }
    }
}

static const explore_scenario scenarios[] = {
    { .name = "ring_full", .threads = 3, .setup = setup_2, .thread = full, .finish = finish },
    { .name = "ring_empty", .threads = 3, .setup = setup_2, .thread = empty, .finish = finish },
    { .name = "ring_wrap", .threads = 2, .setup = setup_2, .thread = wrap, .finish = finish },
    { .name = "ring_nobody_waits", .threads = 4, .setup = setup_2, .thread = nobody_waits, .finish = finish },
    { .name = "ring_batch", .threads = 3, .setup = setup_4, .thread = batch, .finish = finish },
    { .name = "ring_batch_and_single", .threads = 4, .setup = setup_2, .thread = batch_and_single, .finish = finish },
    { .name = "ring_close", .threads = 3, .setup = setup_2, .thread = close_meanwhile, .finish = close_finish },
    { .name = "ring_close_batch", .threads = 3, .setup = setup_4, .thread = close_batch, .finish = close_finish },
};

static const char *const covers[] = { "lib/sync/ring.h", "lib/sync/ring.c", NULL };
static const explore_subject subject = { "ring", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
