/* platform_thread.c - lib/platform/thread.h and self.h on the explorer: a thread is a fiber, as long as there are any left. */
#include "engine.h"
#include "platform/thread.h"

static uint32_t starts_left; /* 0: no failure planned */
static uint64_t entropy;
static uint32_t processors;

typedef struct start {
    void *(*run)(void *);
    void *arg;
} start;

static start starts[EX_THREADS];

static void run_started(void *arg)
{
    start *how = arg;

    how->run(how->arg);
    ex_self_ends(ex.current);
    ex_thread_done();
}

void ex_thread_platform_begin(void)
{
    starts_left = 0;
    entropy = 0;
    processors = 1;
}

void explore_processors(uint32_t count)
{
    processors = count;
}

void nb_thread_fail_after(uint32_t count)
{
    starts_left = count;
}

bool nb_thread_start(nb_thread *thread, void *(*run)(void *), void *arg)
{
    ex_thread *started;

    if (starts_left != 0 && (starts_left == 1 || --starts_left == 0)) {
        starts_left = 1;
        return false;
    }
    ex.current->now.cc[ex.current->index] = ++ex.current->now.hb[ex.current->index];
    started = ex_thread_start(run_started, NULL);
    if (started == NULL) {
        return false;
    }
    starts[started->index] = (start){ run, arg };
    started->arg = &starts[started->index];
    thread->id = (pthread_t)started->index;
    return true;
}

void nb_thread_join(nb_thread *thread)
{
    ex_thread *other = &ex.threads[(uint32_t)thread->id];

    ex_point(EXPLORE_SITE("join", ""));
    while (other->state != EX_DONE) {
        ex_wait(other, false);
    }
    ex_join(&ex.current->now, &other->now);
}

uint32_t nb_platform_cpus(void)
{
    return processors;
}

void nb_platform_yield(void)
{
    explore_pause(EXPLORE_SITE("yield", ""));
}

uint64_t nb_platform_entropy(void)
{
    return ++entropy * UINT64_C(0x9e3779b97f4a7c15);
}

/* --------------------------------------------------------------------------------------------------- self */

nb_self *nb_self_get(void)
{
    return &ex.current->self;
}

bool nb_self_at_end(nb_self_hook *hook)
{
    nb_self *self = nb_self_get();

    if (self->ending) {
        return false;
    }
    hook->prev = NULL;
    hook->next = self->hooks;
    if (hook->next != NULL) {
        hook->next->prev = hook;
    }
    self->hooks = hook;
    return true;
}

void nb_self_not_at_end(nb_self_hook *hook)
{
    if (hook->next != NULL) {
        hook->next->prev = hook->prev;
    }
    if (hook->prev != NULL) {
        hook->prev->next = hook->next;
    } else {
        nb_self_get()->hooks = hook->next;
    }
    hook->prev = hook->next = NULL;
}

static const char ties; /* its address is a lock's name */

void nb_self_lock(void)
{
    ex_lock_acquire(EXPLORE_SITE("lock", "threads and caches"), &ties);
}

void nb_self_unlock(void)
{
    ex_lock_release(EXPLORE_SITE("unlock", "threads and caches"), &ties);
}

void ex_self_ends(ex_thread *thread)
{
    thread->self.ending = true;
    while (thread->self.hooks != NULL) {
        nb_self_hook *hook = thread->self.hooks;

        nb_self_not_at_end(hook);
        hook->ended(hook);
    }
}
