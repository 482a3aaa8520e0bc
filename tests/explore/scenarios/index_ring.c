/*
 * index_ring.c - lib/sync/index_ring.{h,c}: the ready order of a store. First part: four cells (NB_TESTING).
 *
 * The values of the ledger are the indices: each is in the ring at most once, as the owner promises.
 */
#include "ledger.h"
#include "platform/lock.h"
#include "sync/index_ring.h"

static nb_heap *heap;
static nb_index_ring ring;
static nb_lock owner;
static uint64_t slot[LEDGER_THREADS][LEDGER_EACH]; /* what an index stands for; plain */
static uint32_t room;

static void setup_room(uint32_t count)
{
    ledger_clear();
    heap = nb_heap_open(NULL, 0);
    nb_lock_init(&owner);
    nb_index_ring_init(&ring, heap);
    room = count;
    explore_check(nb_index_ring_grow(&ring, count));
}

static void setup_4(void) { setup_room(4); }

static void push(uint32_t giver, uint32_t number)
{
    uint64_t value = ledger_value(giver, number);

    nb_plain_write(&slot[giver][number]);
    slot[giver][number] = value;
    ledger_put(value);
    nb_index_ring_push(&ring, (uint32_t)value);
}

static void took(uint32_t index)
{
    ledger_took(index);
    nb_plain_read(&slot[index >> 8][index & 0xff]);
    explore_check(slot[index >> 8][index & 0xff] == index);
}

static uint32_t pop(uint32_t max)
{
    uint32_t indices[4];
    uint32_t count = max == 1 ? nb_index_ring_pop_one(&ring, indices) : nb_index_ring_pop(&ring, indices, max);

    for (uint32_t i = 0; i < count; i++) {
        took(indices[i]);
    }
    return count;
}

static void finish(void)
{
    while (pop(4) > 0) {
    }
    explore_check(ledger.in_count == ledger.out_count);
    explore_check(nb_index_ring_pushes(&ring) == ledger.in_count && nb_index_ring_pops(&ring) == ledger.out_count);
    nb_index_ring_fini(&ring);
    nb_lock_fini(&owner);
    nb_heap_close(heap);
}

/* Two pushers, two poppers, all cells used. Wrong: the popper does not see what the pusher wrote to the slot, order (1) of the header. */
static void hand_over(uint32_t me)
{
    if (me < 2) {
        push(me, 0);
        push(me, 1);
    } else {
        pop(1);
        pop(2);
    }
}

/*
 * Three laps: each thread pushes again what it has popped itself, so that there are never more than four inside. Wrong: order (2), a push
 * of the next lap that overtakes the pop before it; turns that are mistaken for those of another lap.
 */
static void laps(uint32_t me)
{
    for (uint32_t number = 0; number < 4; number++) {
        push(me, number);
        for (uint32_t tries = 0; tries < 20 && pop(1) == 0; tries++) {
            nb_pause();
        }
    }
}

/*
 * The ring grows while others push and pop. Wrong: order (4), CLOSED seen and the next part not (nb_index_ring_push(), where the part is
 * closed); a pop that leaves the old part too soon (current()).
 */
static void grow(uint32_t me)
{
    if (me == 0) {
        nb_lock_acquire(&owner);
        explore_check(nb_index_ring_grow(&ring, 5));
        nb_lock_release(&owner);
        push(0, 0);
    } else if (me == 1) {
        push(1, 0);
        push(1, 1);
    } else {
        pop(2);
        pop(1);
    }
}

/* It is made while somebody pops and looks already. */
static void setup_nothing(void)
{
    setup_room(0);
    nb_index_ring_fini(&ring);
    nb_index_ring_init(&ring, heap);
}

static void first_part(uint32_t me)
{
    uint32_t index;

    if (me == 0) {
        nb_lock_acquire(&owner);
        explore_check(nb_index_ring_grow(&ring, 2));
        nb_lock_release(&owner);
        push(0, 0);
    } else if (me == 1) {
        nb_index_ring_peek(&ring, &index);
        pop(1);
    } else {
        uint64_t at = 0;
        uint32_t seen[4];

        nb_index_ring_list(&ring, &at, seen, 4);
        nb_index_ring_pop_this(&ring, (uint32_t)ledger_value(0, 0) + 7);
    }
}

/*
 * Who looks at the first index and then takes this one, against a pop. Wrong: pop_this takes another one than it says (the CAS of head
 * proves that the position is still the first), or both take it.
 */
static void take_this(uint32_t me)
{
    uint32_t index;

    if (me == 0) {
        push(0, 0);
        push(0, 1);
    } else if (me == 1) {
        for (uint32_t tries = 0; tries < 3; tries++) {
            if (nb_index_ring_peek(&ring, &index) && nb_index_ring_pop_this(&ring, index)) {
                took(index);
            }
        }
    } else {
        pop(1);
    }
}

/* Two run in at once, one alone, and two take. Wrong: a run that is pushed into cells that another push has claimed. */
static void many(uint32_t me)
{
    uint32_t two[2] = { (uint32_t)ledger_value(0, 0), (uint32_t)ledger_value(0, 1) };

    if (me == 0) {
        for (uint32_t i = 0; i < 2; i++) {
            nb_plain_write(&slot[0][i]);
            slot[0][i] = two[i];
            ledger_put(two[i]);
        }
        nb_index_ring_push_many(&ring, two, 2);
    } else if (me == 1) {
        push(1, 0);
        push(1, 1);
    } else {
        pop(2);
        pop(2);
    }
}

/* A picture of the ring while it changes: only indices that are or were in it, each at most once. */
static void list(uint32_t me)
{
    uint32_t indices[4], count;
    uint64_t at = 0;

    if (me == 0) {
        push(0, 0);
        push(0, 1);
        push(0, 2);
    } else if (me == 1) {
        pop(1);
        nb_lock_acquire(&owner);
        explore_check(nb_index_ring_grow(&ring, 5));
        nb_lock_release(&owner);
    } else {
        count = nb_index_ring_list(&ring, &at, indices, 4);
        for (uint32_t i = 0; i < count; i++) {
            explore_check(ledger.in[indices[i] >> 8][indices[i] & 0xff]);
            explore_check(i == 0 || indices[i] > indices[i - 1]);
        }
        explore_note(count);
    }
}

static const explore_scenario scenarios[] = {
    { .name = "index_ring_hand_over", .threads = 4, .setup = setup_4, .thread = hand_over, .finish = finish },
    { .name = "index_ring_laps", .threads = 3, .setup = setup_4, .thread = laps, .finish = finish },
    { .name = "index_ring_grow", .threads = 3, .setup = setup_4, .thread = grow, .finish = finish },
    { .name = "index_ring_first_part", .threads = 3, .setup = setup_nothing, .thread = first_part, .finish = finish },
    { .name = "index_ring_take_this", .threads = 3, .setup = setup_4, .thread = take_this, .finish = finish },
    { .name = "index_ring_many", .threads = 4, .setup = setup_4, .thread = many, .finish = finish },
    { .name = "index_ring_list", .threads = 3, .setup = setup_4, .thread = list, .finish = finish },
};

static const char *const covers[] = { "lib/sync/index_ring.h", "lib/sync/index_ring.c", NULL };
static const explore_subject subject = { "index_ring", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
