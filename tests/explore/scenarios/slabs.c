/*
 * slabs.c - lib/memory/cache.c and slab.c: blocks that change threads, caches that go with their heap or for another, and tight memory.
 *
 * A scenario's own variables need no order; what its threads hand to each other goes through an atomic, as it would through a queue.
 */
#include "explore.h"
#include "memory/block.h"
#include "memory/message.h"

#define HANDED 4

static nb_heap *heap, *second, *third;
static _Atomic(void *) handed[HANDED];
static _Atomic uint32_t ready;
static nimbus_message *message;
static uint32_t let_go_of;

static nb_heap *open(void)
{
    nb_heap *made = nb_heap_open(NULL, 0);

    explore_check(made != NULL && nb_slabs_open(made));
    return made;
}

static void close_heap(nb_heap *old)
{
    nb_slabs_close(old);
    nb_heap_close(old);
}

static void setup(void)
{
    heap = open();
    for (uint32_t i = 0; i < HANDED; i++) {
        nb_atomic_init(&handed[i], NULL);
    }
    nb_atomic_init(&ready, 0);
    let_go_of = 0;
}

static void finish(void)
{
    close_heap(heap);
}

/* The size is one whose batches are small (two blocks): lists fill up and spill at once. */
#define SIZE 2000

static void *get(nb_heap *from)
{
    uint64_t *block = nb_block_get(from, SIZE);

    explore_check(block != NULL);
    nb_plain_write(&block[1]);
    block[1] = 1;
    return block;
}

static void put(void *object)
{
    uint64_t *block = object;

    nb_plain_write(&block[1]); /* if anybody else has it, this is a race */
    block[1] = 0;
    nb_block_put(block);
}

static void hand_over(uint32_t place)
{
    nb_store_release(&handed[place], get(heap));
}

static void *take_over(uint32_t place)
{
    void *block;

    while ((block = nb_exchange_acquire(&handed[place], NULL)) == NULL) {
        nb_pause();
    }
    return block;
}

/* One makes, another frees, and makes of what it freed. Wrong: a block on two lists, a batch given without the lock. */
static void exchange(uint32_t me)
{
    for (uint32_t i = 0; i < HANDED; i++) {
        if (me == 0) {
            hand_over(i);
        } else {
            put(take_over(i));
        }
    }
    put(get(heap));
}

static void await_ready(uint32_t count)
{
    while (nb_load_acquire(&ready) != count) {
        nb_pause();
    }
}

/*
 * The heap is closed while others, who have a cache of it, let go of what they still hold. Wrong: busy, light fence, look at the owner
 * (nb_block_put()) against owner, heavy fence, look at busy (nb_slabs_close()); the release of busy; who frees the slabs.
 */
static void close_put(uint32_t me)
{
    void *held[2];

    if (me == 0) {
        await_ready(2);
        close_heap(heap);
        return;
    }
    held[0] = get(heap);
    held[1] = get(heap);
    nb_add_release(&ready, 1);
    put(held[0]);
    put(held[1]);
}

/* The same; those who let go have no cache, or one that the close takes away: they may make one just then. */
static void close_put_first(uint32_t me)
{
    if (me == 0) {
        for (uint32_t i = 0; i < HANDED; i++) {
            hand_over(i);
        }
        close_heap(heap);
    } else {
        put(take_over(2 * (me - 1)));
        put(take_over(2 * (me - 1) + 1));
    }
}

/* A thread turns to a third heap and gives its cache of the first one up, while the first one closes. */
static void setup_three(void)
{
    setup();
    second = open();
    third = open();
}

static void close_third_heap(uint32_t me)
{
    if (me == 0) {
        await_ready(1);
        close_heap(heap);
        return;
    }
    put(get(heap));
    put(get(second));
    nb_add_release(&ready, 1);
    put(get(third));
    put(get(second));
}

static void finish_three(void)
{
    close_heap(second);
    close_heap(third);
}

/* No memory: each call goes to the depot by itself, or is refused. */
static void no_memory(uint32_t me)
{
    static _Atomic uint64_t counter;
    void *block;

    if (me == 0) {
        explore_refuse_memory(1);
    }
    for (int i = 0; i < 2; i++) {
        block = nb_block_get(heap, SIZE);
        if (block != NULL) {
            put(block);
        }
    }
    explore_note(nb_number_next(heap, &counter));
    if (me == 0) {
        explore_refuse_memory(0);
    }
}

/* One is refused something large and gives back what nobody uses, while another takes and gives. Wrong: a chunk that goes with a block. */
static void relief(uint32_t me)
{
    void *block;

    if (me != 0) {
        hand_over(0);
        hand_over(1);
        block = nb_block_get(heap, SIZE); /* it may meet with the refusal, too */
        if (block != NULL) {
            put(block);
        }
        return;
    }
    put(take_over(0));
    put(take_over(1));
    explore_refuse_memory(1);
    block = nb_alloc(heap, 100000);
    explore_refuse_memory(0);
    explore_check(block == NULL);
}

/* ------------------------------------------------------------------------------------------------ messages */

static char buffer[8];

static void freed(void *data, size_t size, void *user)
{
    (void)size;
    (void)user;
    nb_plain_write(&buffer[0]);
    explore_check(data == buffer);
    let_go_of++;
}

static void setup_message(void)
{
    nb_message_spec spec = { .body = nimbus_adopt(buffer, sizeof buffer, freed, NULL) };

    setup();
    explore_check(nb_message_make(heap, &spec, &message) == NIMBUS_OK);
    nb_message_retain(message); /* two references */
}


static void read_body(void)
{
    nb_plain_read(&buffer[0]);
    explore_check(nb_message_body(message).data == buffer && let_go_of == 0);
}

/* One of two finds itself alone, perhaps, and raises the count by a plain store. Wrong: the acquire of that look. */
static void retain(uint32_t me)
{
    read_body();
    if (me == 0) {
        nb_message_retain_n(message, 2);
        nb_store_release(&handed[0], message); /* with two of the references */
        read_body();
        nb_message_release(message);
    } else if (me == 1) {
        take_over(0);
        read_body();
        nb_message_release_n(message, 2);
    } else {
        nb_message_release(message);
    }
}

static void finish_message(void)
{
    explore_check(let_go_of == 1);
    finish();
}

static const explore_scenario scenarios[] = {
    { .name = "slabs_exchange", .threads = 2, .setup = setup, .thread = exchange, .finish = finish },
    { .name = "slabs_close_put", .threads = 3, .setup = setup, .thread = close_put },
    { .name = "slabs_close_put_first", .threads = 3, .setup = setup, .thread = close_put_first },
    { .name = "slabs_close_third_heap", .threads = 2, .setup = setup_three, .thread = close_third_heap, .finish = finish_three },
    { .name = "slabs_no_memory", .threads = 3, .setup = setup, .thread = no_memory, .finish = finish },
    { .name = "slabs_relief", .threads = 2, .setup = setup, .thread = relief, .finish = finish },
    { .name = "slabs_retain", .threads = 3, .setup = setup_message, .thread = retain, .finish = finish_message },
};

static const char *const covers[] = { "lib/memory/cache.c", "lib/memory/slab.c", NULL };
static const explore_subject subject = { "slabs", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
