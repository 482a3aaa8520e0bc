/*
 * memory.c - lib/memory: messages that several threads let go of, blocks that change threads, and a heap that closes meanwhile.
 *
 * The slabs tell the explorer when a block has gone and when it is made anew (memory/poison.h), so a reader that comes too late fails.
 */
#include "explore.h"
#include "memory/block.h"
#include "memory/message.h"

static nb_heap *heap;
static nimbus_message *message;
static nimbus_message *_Atomic handed;
static _Atomic uint64_t counter;
static uint64_t numbers[6];
static uint32_t adopted_freed;

static void open_heap(void)
{
    heap = nb_heap_open(NULL, 0);
    explore_check(heap != NULL && nb_slabs_open(heap));
    nb_atomic_init(&handed, NULL);
    nb_atomic_init(&counter, 0);
    adopted_freed = 0;
    for (uint32_t i = 0; i < 6; i++) {
        numbers[i] = 0;
    }
}

static void close_heap(void)
{
    nb_slabs_close(heap);
    nb_heap_close(heap);
}

static nimbus_message *make(const char *text)
{
    nimbus_message *made = NULL;

    explore_check(nb_message_make(heap, &(nb_message_spec){ .body = nimbus_text(text) }, &made) == NIMBUS_OK);
    return made;
}

static void read_body(const nimbus_message *it)
{
    nimbus_bytes body = nb_message_body(it);
    const uint64_t *bytes = body.data;

    explore_check(body.size == 8);
    nb_plain_read(bytes);
    explore_note(*bytes);
}

static void setup_three(void)
{
    open_heap();
    message = make("8 bytes.");
    nb_message_retain_n(message, 2);
}

/*
 * Three holders read and let go; one of them makes a new message, perhaps in the same block. Wrong: nb_message_lower(), whose release and
 * acquire put the reads of all before the free by the last one.
 */
static void release(uint32_t me)
{
    read_body(message);
    nb_message_release(message);
    if (me == 0) {
        nimbus_message *next = make("another.");

        read_body(next);
        nb_message_release(next);
    }
}

static void setup_one(void)
{
    open_heap();
    message = make("8 bytes.");
}

/*
 * One holder retains while it gives references away: the count of 1 that it finds may be raised by a plain store. Wrong:
 * nb_message_retain_n() or nb_message_lower() take an old count for the true one.
 */
static void retain(uint32_t me)
{
    nimbus_message *mine;

    if (me == 0) {
        nb_message_retain_n(message, 1);
        nb_store_release(&handed, message);
        read_body(message);
        nb_message_retain_n(message, 1);
        nb_message_release_n(message, 2);
        return;
    }
    mine = nb_load_acquire(&handed);
    if (mine == NULL || nb_exchange_acquire(&handed, NULL) == NULL) {
        return;
    }
    nb_message_retain(mine);
    read_body(mine);
    nb_message_release(mine);
    nb_message_release(mine);
}

static void retain_finish(void)
{
    nb_message_release(nb_load_relaxed(&handed));
    close_heap();
}

/* One makes, another one frees: full batches go by the depot. Wrong: a block in two caches (cache.c, slab.c), a block that is lost. */
static void exchange(uint32_t me)
{
    if (me == 0) {
        for (uint32_t i = 0; i < 8; i++) {
            nimbus_message *next = make("8 bytes.");

            next = nb_exchange_acq_rel(&handed, next);
            nb_message_release(next);
        }
        return;
    }
    for (uint32_t tries = 0; tries < 5; tries++) {
        nimbus_message *mine = nb_exchange_acq_rel(&handed, NULL);

        if (mine != NULL) {
            read_body(mine);
            nb_message_release(mine);
        }
    }
}

/*
 * The heap closes while a message of it is let go. Wrong: nb_block_put() (block.h) and nb_slabs_close() (cache.c), whose pair of fences
 * decides who takes the cache; the block goes into a cache that is gone.
 */
static void setup_close(void)
{
    setup_one();
    nb_message_retain_n(message, 1);
}

static void close_meanwhile(uint32_t me)
{
    if (me == 0) {
        nimbus_message *own = make("my block");

        nb_message_release(own);
        nb_message_release(message);
    } else if (me == 1) {
        nb_message_release(message);
    }
}

/* The last message is let go of by a thread that has a cache, one that has none, and the heap closes at the same time. */
static _Atomic uint32_t ready;

static void setup_closes(void)
{
    setup_close();
    nb_atomic_init(&ready, 0);
}

static void closes(uint32_t me)
{
    if (me == 2) {
        while (nb_load_acquire(&ready) == 0) {
            nb_pause();
        }
        close_heap();
        return;
    }
    if (me == 0) {
        nb_message_release(make("my block")); /* now it has a cache */
        nb_store_release(&ready, 1);
    }
    nb_message_release(message);
}

/* A thread with a cache ends while the heap closes. Wrong: thread_ended() against close_caches() (cache.c). */
static void ends(uint32_t me)
{
    if (me == 0) {
        nb_message_release(make("my block"));
        nb_store_release(&ready, 1);
        return;
    }
    while (nb_load_acquire(&ready) == 0) {
        nb_pause();
    }
    close_heap();
}

static void setup_ends(void)
{
    open_heap();
    nb_atomic_init(&ready, 0);
}

/* Numbers are given out by the handful: none twice, and rising in one thread. */
static void number(uint32_t me)
{
    uint64_t *mine = &numbers[2 * me];

    mine[0] = nb_number_next(heap, &counter);
    mine[1] = nb_number_next(heap, &counter);
    explore_check(mine[0] < mine[1]);
}

static void number_finish(void)
{
    for (uint32_t i = 0; i < 6; i++) {
        for (uint32_t j = 0; j < i; j++) {
            explore_check(numbers[i] != numbers[j] && numbers[i] != 0);
        }
    }
    close_heap();
}

/* A body that the user gave is freed once, by the last holder, after all reads. */
static uint64_t users_body;

static void free_body(void *data, size_t size, void *user)
{
    (void)size;
    (void)user;
    explore_check(data == &users_body);
    nb_plain_write(&users_body);
    adopted_freed++;
}

static void setup_adopted(void)
{
    open_heap();
    users_body = 5;
    explore_check(nb_message_make(heap, &(nb_message_spec){ .body = nimbus_adopt(&users_body, 8, free_body, NULL) }, &message) ==
                  NIMBUS_OK);
    nb_message_retain_n(message, 2);
}

static void adopted(uint32_t me)
{
    (void)me;
    read_body(message);
    nb_message_release(message);
}

static void adopted_finish(void)
{
    explore_check(adopted_freed == 1);
    close_heap();
}

static const explore_scenario scenarios[] = {
    { .name = "memory_release", .threads = 3, .setup = setup_three, .thread = release, .finish = close_heap },
    { .name = "memory_retain", .threads = 3, .setup = setup_one, .thread = retain, .finish = retain_finish },
    { .name = "memory_exchange", .threads = 3, .setup = open_heap, .thread = exchange, .finish = retain_finish, .share = 2 },
    { .name = "memory_close_after", .threads = 2, .setup = setup_close, .thread = close_meanwhile, .finish = close_heap },
    { .name = "memory_closes", .threads = 3, .setup = setup_closes, .thread = closes },
    { .name = "memory_thread_ends", .threads = 2, .setup = setup_ends, .thread = ends },
    { .name = "memory_numbers", .threads = 3, .setup = open_heap, .thread = number, .finish = number_finish },
    { .name = "memory_adopted", .threads = 3, .setup = setup_adopted, .thread = adopted, .finish = adopted_finish },
};

static const char *const covers[] = { "lib/memory/block.h", "lib/memory/cache.h", NULL };
static const explore_subject subject = { "memory", covers, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
