/*
 * mutex_groups.c - what a FIFO queue does, written plainly: one mutex around a table of groups, each a list, a list of the groups that are
 * open, and a heap of what is in flight. A receive locks its group until all that it took has been deleted. No deduplication.
 */
#include "peers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VISIBILITY_NS UINT64_C(30000000000)
#define BUCKETS 16384

typedef struct group group;

typedef struct node {
    struct node *next;
    group *group;
    uint64_t visible_at;
    size_t place; /* in the heap, while in flight */
    size_t size;
    unsigned char data[];
} node;

struct group {
    group *chain, *next_open;
    node *head, **tail;
    size_t in_flight;
    bool open; /* in the list of the open ones */
    char id[24];
};

typedef struct groups {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    group *buckets[BUCKETS];
    group *open, **open_tail;
    size_t ready, in_flight, count; /* count: groups that the sends go round */
    node *heap[BENCH_CAPACITY];
} groups;

static void put(groups *q, node *n, size_t place)
{
    q->heap[place] = n;
    n->place = place;
}

static void sift(groups *q, node *n, size_t place)
{
    while (place > 0 && q->heap[(place - 1) / 2]->visible_at > n->visible_at) {
        put(q, q->heap[(place - 1) / 2], place);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < q->in_flight && q->heap[child + 1]->visible_at < q->heap[child]->visible_at)
            child++;
        if (child >= q->in_flight || q->heap[child]->visible_at >= n->visible_at)
            break;
        put(q, q->heap[child], place);
        place = child;
    }
    put(q, n, place);
}

static void leave_heap(groups *q, const node *n)
{
    node *last = q->heap[--q->in_flight];
    if (last != n)
        sift(q, last, n->place);
}

static void open_group(groups *q, group *g)
{
    if (g->open || !g->head || g->in_flight > 0)
        return;
    g->open = true;
    g->next_open = NULL;
    *q->open_tail = g;
    q->open_tail = &g->next_open;
}

static group **find(groups *q, const char *id)
{
    uint32_t hash = 2166136261U;
    for (const char *c = id; *c; c++)
        hash = (hash ^ (unsigned char)*c) * 16777619U;
    group **at = &q->buckets[hash % BUCKETS];
    while (*at && strcmp((*at)->id, id) != 0)
        at = &(*at)->chain;
    return at;
}

static group *group_of(groups *q, const char *id)
{
    group **at = find(q, id);
    if (!*at) {
        group *g = bench_alloc(sizeof(*g));
        memset(g, 0, sizeof(*g));
        memcpy(g->id, id, strlen(id) + 1);
        g->tail = &g->head;
        *at = g;
    }
    return *at;
}

static void *groups_open(const bench_case *c)
{
    groups *q = bench_alloc(sizeof(*q));
    memset(q, 0, sizeof(*q));
    q->count = c->fanout;
    q->open_tail = &q->open;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&q->mutex, NULL);
    pthread_cond_init(&q->not_empty, &monotonic);
    pthread_cond_init(&q->not_full, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return q;
}

static void groups_close(void *transport)
{
    groups *q = transport;
    bench_check(q->ready == 0 && q->in_flight == 0 && !q->open, "the groups are not empty");
    pthread_cond_destroy(&q->not_empty);
    pthread_cond_destroy(&q->not_full);
    pthread_mutex_destroy(&q->mutex);
    free(q);
}

static void groups_send(void *end, const void *data, size_t size, size_t count)
{
    groups *q = end;
    node *nodes[BENCH_MAX_BATCH];
    for (size_t i = 0; i < count; i++) {
        nodes[i] = bench_alloc(sizeof(node) + size);
        nodes[i]->size = size;
        memcpy(nodes[i]->data, data, size);
    }
    pthread_mutex_lock(&q->mutex);
    for (size_t i = 0; i < count; i++) {
        while (q->ready + q->in_flight == BENCH_CAPACITY)
            pthread_cond_wait(&q->not_full, &q->mutex);
        group *g = group_of(q, bench_next_group(q->count));
        nodes[i]->group = g;
        nodes[i]->next = NULL;
        *g->tail = nodes[i];
        g->tail = &nodes[i]->next;
        q->ready++;
        open_group(q, g);
        pthread_cond_signal(&q->not_empty);
    }
    pthread_mutex_unlock(&q->mutex);
}

static void await_group(groups *q)
{
    uint64_t until = bench_now() + BENCH_WAIT_MS * UINT64_C(1000000);
    struct timespec when = { .tv_sec = (time_t)(until / 1000000000U), .tv_nsec = (long)(until % 1000000000U) };
    while (!q->open && pthread_cond_timedwait(&q->not_empty, &q->mutex, &when) == 0)
        ;
}

static size_t groups_take(groups *q, node **nodes, size_t max)
{
    size_t got = 0;
    pthread_mutex_lock(&q->mutex);
    if (!q->open)
        await_group(q);
    uint64_t now = bench_now();
    while (got < max && q->open) {
        group *g = q->open;
        q->open = g->next_open;
        if (!q->open)
            q->open_tail = &q->open;
        g->open = false;
        for (; got < max && g->head; got++) {
            node *n = g->head;
            g->head = n->next;
            if (!g->head)
                g->tail = &g->head;
            g->in_flight++;
            q->ready--;
            n->visible_at = now + VISIBILITY_NS;
            q->in_flight++;
            sift(q, n, q->in_flight - 1);
            nodes[got] = n;
        }
    }
    pthread_mutex_unlock(&q->mutex);
    return got;
}

/* An empty group is freed, as a queue must do that is to live long. */
static void leave_group(groups *q, group *g)
{
    if (--g->in_flight > 0)
        return;
    if (g->head) {
        open_group(q, g);
        pthread_cond_signal(&q->not_empty);
    } else {
        *find(q, g->id) = g->chain;
        free(g);
    }
}

static size_t groups_receive(void *end, size_t max)
{
    groups *q = end;
    node *nodes[BENCH_MAX_BATCH];
    size_t got = groups_take(q, nodes, max);
    for (size_t i = 0; i < got; i++)
        bench_read(nodes[i]->data, nodes[i]->size);
    pthread_mutex_lock(&q->mutex);
    for (size_t i = 0; i < got; i++) {
        leave_heap(q, nodes[i]);
        leave_group(q, nodes[i]->group);
        pthread_cond_signal(&q->not_full);
    }
    pthread_mutex_unlock(&q->mutex);
    for (size_t i = 0; i < got; i++)
        free(nodes[i]);
    return got;
}

const bench_transport peer_mutex_groups = { .open = groups_open, .close = groups_close, .send = groups_send, .receive = groups_receive };
