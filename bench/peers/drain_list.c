/*
 * drain_list.c - the queue that has no bound of its own: a mutex, a condition and a list, of which the receiver takes all there is at once.
 *
 * What an event queue of the common kind does (enqueue; process: swap the list out, walk it). A sender waits while BENCH_CAPACITY are
 * queued.
 */
#include "peers.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct item {
    struct item *next;
    size_t size;
    unsigned char data[];
} item;

typedef struct list {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty;
    item *first, **last;
    size_t count;
    bool waiting;
    _Alignas(64) item *mine; /* the receiver's: taken out, not read yet */
} list;

static void *list_open(const bench_case *c)
{
    (void)c;
    list *l = aligned_alloc(_Alignof(list), sizeof(*l));
    bench_check(l != NULL, "out of memory");
    memset(l, 0, sizeof(*l));
    l->last = &l->first;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->not_empty, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return l;
}

static void free_items(item *first)
{
    while (first) {
        item *next = first->next;
        free(first);
        first = next;
    }
}

static void list_close(void *transport)
{
    list *l = transport;
    free_items(l->first);
    free_items(l->mine);
    pthread_cond_destroy(&l->not_empty);
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

static void append(list *l, item *i)
{
    pthread_mutex_lock(&l->mutex);
    while (l->count >= BENCH_CAPACITY) {
        pthread_mutex_unlock(&l->mutex);
        sched_yield();
        pthread_mutex_lock(&l->mutex);
    }
    *l->last = i;
    l->last = &i->next;
    l->count++;
    if (l->waiting)
        pthread_cond_signal(&l->not_empty);
    pthread_mutex_unlock(&l->mutex);
}

static void list_send(void *end, const void *data, size_t size, size_t count)
{
    for (size_t k = 0; k < count; k++) {
        item *i = bench_alloc(sizeof(*i) + size);
        i->next = NULL;
        i->size = size;
        memcpy(i->data, data, size);
        append(end, i);
    }
}

/* Everything that is queued; waits a little for the first. */
static void drain(list *l)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += BENCH_WAIT_MS * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    pthread_mutex_lock(&l->mutex);
    l->waiting = true;
    while (!l->first && pthread_cond_timedwait(&l->not_empty, &l->mutex, &until) == 0)
        ;
    l->waiting = false;
    l->mine = l->first;
    l->first = NULL;
    l->last = &l->first;
    l->count = 0;
    pthread_mutex_unlock(&l->mutex);
}

static size_t list_receive(void *end, size_t max)
{
    list *l = end;
    size_t got = 0;
    if (!l->mine)
        drain(l);
    for (; got < max && l->mine; got++) {
        item *i = l->mine;
        l->mine = i->next;
        bench_read(i->data, i->size);
        free(i);
    }
    return got;
}

const bench_transport peer_drain_list = { .open = list_open, .close = list_close, .send = list_send, .receive = list_receive };

/* eventpp's EventQueue is such a queue with callbacks for each event; Debian has no package of it. */
const bench_transport peer_eventpp = { .open = NULL };
