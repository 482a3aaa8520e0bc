/* epoch.c - records of threads, retiring, and the two ways to find out that readers have left. */
#include "sync/epoch.h"

#include <assert.h>

#include "base/list.h"
#include "platform/clock.h"
#include "platform/parker.h"

static void init_record(nb_epoch_record *record, nb_epoch *epoch, bool shared)
{
    nb_atomic_init(&record->inside, 0);
    record->nesting = 0;
    record->shared = shared;
    record->epoch = epoch;
    record->next = NULL;
    record->thread = NULL;
    record->thread_prev = record->thread_next = NULL;
}

void nb_epoch_init(nb_epoch *epoch, nb_heap *heap)
{
    static _Atomic uint64_t serials; /* relaxed: each number is given once, that is all */

    nb_barrier_init();
    nb_atomic_init(&epoch->now, 1);
    epoch->serial = nb_add_relaxed(&serials, 1) + 1;
    epoch->heap = heap;
    nb_atomic_init(&epoch->records, NULL);
    epoch->free_records = NULL;
    nb_lock_init(&epoch->lock);
    epoch->oldest = epoch->youngest = NULL;
    epoch->safe = 0;
    nb_atomic_init(&epoch->waiting, 0);
    init_record(&epoch->shared[0], epoch, true);
    init_record(&epoch->shared[1], epoch, true);
    epoch->shared_newer = 0;
}

/* ----------------------------------------------------------------------------------- records of threads */

/* The three below: under nb_self_lock(). */
static void tie(nb_epoch_record *record, nb_self *self)
{
    nb_epoch_record *first = self->epoch_records;

    record->thread = self;
    record->thread_prev = NULL;
    record->thread_next = first;
    if (first != NULL) {
        first->thread_prev = record;
    }
    self->epoch_records = record;
}

static void untie(nb_epoch_record *record)
{
    if (record->thread_next != NULL) {
        record->thread_next->thread_prev = record->thread_prev;
    }
    if (record->thread_prev != NULL) {
        record->thread_prev->thread_next = record->thread_next;
    } else {
        record->thread->epoch_records = record->thread_next;
    }
    record->thread = NULL;
}

/* This thread's, or a free one, which becomes its. NULL: neither. */
static nb_epoch_record *existing(nb_epoch *epoch, nb_self *self)
{
    nb_epoch_record *record = self->epoch_records;

    while (record != NULL && record->epoch != epoch) {
        record = record->thread_next;
    }
    if (record == NULL && epoch->free_records != NULL) {
        record = epoch->free_records;
        epoch->free_records = record->thread_next;
        tie(record, self);
    }
    return record;
}

/* The thread ends. */
static void hand_back(nb_self_hook *hook)
{
    nb_self *self = NB_CONTAINER(hook, nb_self, epoch_hook);

    nb_self_lock();
    while (self->epoch_records != NULL) {
        nb_epoch_record *record = self->epoch_records;

        assert(record->nesting == 0); /* nobody ends a thread inside */
        untie(record);
        record->thread_next = record->epoch->free_records;
        record->epoch->free_records = record;
    }
    nb_self_unlock();
    self->epoch_hooked = false;
    for (size_t i = 0; i < NB_SELF_CACHES; i++) {
        self->epoch[i].owner = 0; /* if it calls in once more, it has no record */
    }
}

static nb_epoch_record *make_record(nb_epoch *epoch, nb_self *self)
{
    nb_epoch_record *record = nb_alloc(epoch->heap, sizeof *record);

    if (record == NULL) {
        return NULL;
    }
    init_record(record, epoch, false);
    nb_self_lock();
    tie(record, self);
    record->next = nb_load_relaxed(&epoch->records); /* changed under this lock only */
    /* Release: pairs with the acquire in lowest(). That a poll finds it in time follows from the fences: it is put here before enter. */
    nb_store_release(&epoch->records, record);
    nb_self_unlock();
    return record;
}

static nb_epoch_record *find_or_make(nb_epoch *epoch, nb_self *self)
{
    nb_epoch_record *record;

    if (!self->epoch_hooked) {
        self->epoch_hook.ended = hand_back;
        if (!nb_self_at_end(&self->epoch_hook)) {
            return NULL;
        }
        self->epoch_hooked = true;
    }
    nb_self_lock();
    record = existing(epoch, self);
    nb_self_unlock();
    /* Not under that lock: the allocator may have caches of threads itself. */
    return record != NULL ? record : make_record(epoch, self);
}

nb_epoch_record *nb_epoch_find(nb_epoch *epoch)
{
    nb_self *self = nb_self_get();
    nb_self_known found = { epoch->serial, NULL };
    size_t at = 1;

    while (at < NB_SELF_CACHES && self->epoch[at].owner != epoch->serial) {
        at++;
    }
    if (at < NB_SELF_CACHES) {
        found = self->epoch[at];
    } else {
        found.mine = find_or_make(epoch, self);
        at = NB_SELF_CACHES - 1;
    }
    if (found.mine != NULL) {
        for (; at > 0; at--) {
            self->epoch[at] = self->epoch[at - 1];
        }
        self->epoch[0] = found;
    }
    return found.mine;
}

/* ------------------------------------------------------------------------------------- the shared records */

/*
 * The lock makes the fences unnecessary: a look at the records is before or after. Two records, so that one can drain: who enters takes the
 * newer one, and starts the other one when the newer one is out of date and the other one is empty.
 */
nb_epoch_record *nb_epoch_enter_shared(nb_epoch *epoch)
{
    nb_epoch_record *record;

    nb_lock_acquire(&epoch->lock);
    record = &epoch->shared[epoch->shared_newer];
    if (record->nesting != 0 && nb_load_relaxed(&record->inside) != nb_load_relaxed(&epoch->now)
        && epoch->shared[1 - epoch->shared_newer].nesting == 0) {
        epoch->shared_newer = 1 - epoch->shared_newer;
        record = &epoch->shared[epoch->shared_newer];
    }
    if (record->nesting++ == 0) {
        nb_store_release(&record->inside, nb_load_relaxed(&epoch->now));
    }
    nb_lock_release(&epoch->lock);
    return record;
}

void nb_epoch_leave_shared(nb_epoch_record *record)
{
    nb_epoch *epoch = record->epoch;

    nb_lock_acquire(&epoch->lock);
    if (--record->nesting == 0) {
        nb_store_release(&record->inside, 0); /* pairs with the acquire in lowest() */
    }
    nb_lock_release(&epoch->lock);
}

/* ---------------------------------------------------------------------------------------------- writers */

/* Under the lock. Returns the number before. */
static uint64_t raise_number(nb_epoch *epoch)
{
    uint64_t number = nb_load_relaxed(&epoch->now);

    nb_store_release(&epoch->now, number + 1); /* pairs with the acquire in nb_epoch_enter(): all retired so far is out */
    return number;
}

/* The lowest number at which anybody is inside, or bound if that is lower. Behind the heavy fence. */
static uint64_t lowest(const nb_epoch *epoch, uint64_t bound)
{
    const nb_epoch_record *record = nb_load_acquire(&epoch->records); /* pairs with the release in make_record() */
    uint64_t inside;

    for (; record != NULL; record = record->next) {
        inside = nb_load_acquire(&record->inside); /* pairs with the releases of leave and enter: the reads before are over */
        bound = inside != 0 && inside < bound ? inside : bound;
    }
    for (size_t i = 0; i < 2; i++) {
        inside = nb_load_acquire(&epoch->shared[i].inside);
        bound = inside != 0 && inside < bound ? inside : bound;
    }
    return bound;
}

void nb_epoch_retire(nb_epoch *epoch, nb_epoch_item *item, void (*let_go)(nb_epoch_item *item))
{
    item->next = NULL;
    item->let_go = let_go;
    nb_lock_acquire(&epoch->lock);
    item->retired = nb_load_relaxed(&epoch->now); /* changed under the lock only */
    if (epoch->oldest == NULL) {
        epoch->oldest = item;
    } else {
        epoch->youngest->next = item;
    }
    epoch->youngest = item;
    nb_store_relaxed(&epoch->waiting, nb_load_relaxed(&epoch->waiting) + 1);
    nb_lock_release(&epoch->lock);
}

/* Under the lock: takes off up to max items that were retired before epoch->safe. */
static nb_epoch_item *take(nb_epoch *epoch, size_t max, size_t *ret_count)
{
    nb_epoch_item *first = epoch->oldest;
    nb_epoch_item **end = &first;
    size_t count = 0;

    while (*end != NULL && (*end)->retired < epoch->safe && count < max) {
        end = &(*end)->next;
        count++;
    }
    epoch->oldest = *end;
    *end = NULL;
    nb_store_relaxed(&epoch->waiting, nb_load_relaxed(&epoch->waiting) - count);
    *ret_count = count;
    return first;
}

static void let_go(nb_epoch_item *item)
{
    while (item != NULL) {
        nb_epoch_item *next = item->next;

        item->let_go(item);
        item = next;
    }
}

size_t nb_epoch_poll(nb_epoch *epoch)
{
    nb_epoch_item *items;
    size_t count;

    if (!nb_epoch_pending(epoch)) {
        return 0;
    }
    nb_lock_acquire(&epoch->lock);
    if (epoch->oldest != NULL && epoch->oldest->retired >= epoch->safe) {
        uint64_t bound = raise_number(epoch) + 1;

        nb_fence_heavy(); /* pairs with the light fence in nb_epoch_enter(): what is retired is out, then look who is inside */
        epoch->safe = lowest(epoch, bound);
    }
    items = take(epoch, NB_EPOCH_BATCH, &count);
    nb_lock_release(&epoch->lock);
    let_go(items);
    return count;
}

/* ------------------------------------------------------------------------------------------ waiting, end */

#define LOOKS 100u                   /* short ones, before the waiter sleeps in steps */
#define FIRST_STEP INT64_C(20000)    /* ns */
#define LONGEST_STEP INT64_C(1000000)

/* Nobody sets the parker: readers pay nothing for those who wait for them. */
static void wait_a_little(nb_parker *parker, uint32_t *looks, int64_t *step)
{
    if (*looks < LOOKS) {
        ++*looks;
        nb_pause();
        return;
    }
    (void)nb_parker_wait(parker, nb_platform_elapsed() + *step);
    *step = *step < LONGEST_STEP / 2 ? 2 * *step : LONGEST_STEP;
}

void nb_epoch_synchronize(nb_epoch *epoch)
{
    nb_parker parker;
    uint32_t looks = 0;
    int64_t step = FIRST_STEP;
    uint64_t number;

    nb_lock_acquire(&epoch->lock);
    number = raise_number(epoch);
    nb_lock_release(&epoch->lock);
    nb_fence_heavy(); /* pairs with the light fence in nb_epoch_enter(), as in nb_epoch_poll() */
    nb_parker_init(&parker);
    while (lowest(epoch, UINT64_MAX) <= number) {
        wait_a_little(&parker, &looks, &step);
    }
    nb_parker_fini(&parker);
}

void nb_epoch_fini(nb_epoch *epoch)
{
    nb_epoch_record *record = nb_load_relaxed(&epoch->records); /* the caller has synchronised with all users */

    nb_self_lock();
    for (nb_epoch_record *at = record; at != NULL; at = at->next) {
        if (at->thread != NULL) {
            untie(at);
        }
    }
    nb_self_unlock();
    while (epoch->oldest != NULL) { /* they may retire others */
        nb_epoch_item *items = epoch->oldest;

        epoch->oldest = NULL;
        let_go(items);
    }
    while (record != NULL) {
        nb_epoch_record *next = record->next;

        nb_free(epoch->heap, record, sizeof *record);
        record = next;
    }
    nb_lock_fini(&epoch->lock);
}
