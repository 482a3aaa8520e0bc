/*
 * mutex_list.c - what a queue with visibility does, written plainly: one mutex around a list of ready messages and a heap of those in
 * flight by the end of their invisibility. A receive reads the clock and brings back what has lapsed; a delete names a receipt.
 */
#include "mutex_list.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define VISIBILITY_NS UINT64_C(30000000000)

typedef struct node node;
typedef struct peer_list list;

struct node {
    struct node *next;
    uint64_t visible_at, generation;
    size_t place; /* in the heap, while in flight */
    size_t size;
    unsigned char data[];
};

struct peer_list {
    pthread_mutex_t mutex;
    pthread_cond_t not_empty, not_full;
    node *head, **tail;
    size_t ready, in_flight;
    uint64_t sent, received, deleted;
    uint64_t ahead; /* of the clock */
    size_t capacity;
    node *heap[];
};

static void put(list *l, node *n, size_t place)
{
    l->heap[place] = n;
    n->place = place;
}

static void sift(list *l, node *n, size_t place)
{
    while (place > 0 && l->heap[(place - 1) / 2]->visible_at > n->visible_at) {
        put(l, l->heap[(place - 1) / 2], place);
        place = (place - 1) / 2;
    }
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < l->in_flight && l->heap[child + 1]->visible_at < l->heap[child]->visible_at)
            child++;
        if (child >= l->in_flight || l->heap[child]->visible_at >= n->visible_at)
            break;
        put(l, l->heap[child], place);
        place = child;
    }
    put(l, n, place);
}

static void leave_heap(list *l, const node *n)
{
    node *last = l->heap[--l->in_flight];
    if (last != n)
        sift(l, last, n->place);
}

static void append(list *l, node *n)
{
    n->next = NULL;
    *l->tail = n;
    l->tail = &n->next;
    l->ready++;
}

list *peer_list_open(size_t capacity)
{
    list *l = bench_alloc(sizeof(*l) + capacity * sizeof(l->heap[0]));
    memset(l, 0, sizeof(*l));
    l->capacity = capacity;
    l->tail = &l->head;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&l->mutex, NULL);
    pthread_cond_init(&l->not_empty, &monotonic);
    pthread_cond_init(&l->not_full, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return l;
}

void peer_list_close(list *l)
{
    bench_check(l->ready == 0 && l->in_flight == 0 && l->deleted == l->sent, "the list is not empty");
    pthread_cond_destroy(&l->not_empty);
    pthread_cond_destroy(&l->not_full);
    pthread_mutex_destroy(&l->mutex);
    free(l);
}

void peer_list_send(list *l, const void *data, size_t size, size_t count)
{
    node *nodes[BENCH_MAX_BATCH];
    for (size_t i = 0; i < count; i++) {
        nodes[i] = bench_alloc(sizeof(node) + size);
        nodes[i]->generation = 0;
        nodes[i]->size = size;
        memcpy(nodes[i]->data, data, size);
    }
    pthread_mutex_lock(&l->mutex);
    for (size_t i = 0; i < count; i++) {
        while (l->ready + l->in_flight == l->capacity)
            pthread_cond_wait(&l->not_full, &l->mutex);
        append(l, nodes[i]);
        l->sent++;
        pthread_cond_signal(&l->not_empty);
    }
    pthread_mutex_unlock(&l->mutex);
}

static void await_message(list *l)
{
    uint64_t until = bench_now() + BENCH_WAIT_MS * UINT64_C(1000000);
    struct timespec when = { .tv_sec = (time_t)(until / 1000000000U), .tv_nsec = (long)(until % 1000000000U) };
    while (l->ready == 0 && pthread_cond_timedwait(&l->not_empty, &l->mutex, &when) == 0)
        ;
}

void peer_list_advance(list *l, uint64_t ns)
{
    l->ahead += ns;
}

size_t peer_list_take(list *l, node **nodes, uint64_t *receipts, size_t max)
{
    size_t got = 0;
    pthread_mutex_lock(&l->mutex);
    if (l->ready == 0)
        await_message(l);
    uint64_t now = bench_now() + l->ahead;
    while (l->in_flight > 0 && l->heap[0]->visible_at <= now) {
        node *lapsed = l->heap[0];
        leave_heap(l, lapsed);
        append(l, lapsed);
    }
    for (; got < max && l->head; got++) {
        node *n = l->head;
        l->head = n->next;
        if (!l->head)
            l->tail = &l->head;
        l->ready--;
        n->visible_at = now + VISIBILITY_NS;
        receipts[got] = ++n->generation;
        nodes[got] = n;
        l->in_flight++;
        sift(l, n, l->in_flight - 1);
    }
    l->received += got;
    pthread_mutex_unlock(&l->mutex);
    return got;
}

void peer_list_delete(list *l, node **nodes, const uint64_t *receipts, size_t count)
{
    if (count == 0)
        return;
    pthread_mutex_lock(&l->mutex);
    for (size_t i = 0; i < count; i++) {
        bench_check(nodes[i]->generation == receipts[i], "a receipt is stale");
        leave_heap(l, nodes[i]);
        l->deleted++;
        pthread_cond_signal(&l->not_full);
    }
    pthread_mutex_unlock(&l->mutex);
    for (size_t i = 0; i < count; i++)
        free(nodes[i]);
}

/* ------------------------------------------------------------------------------------- as a transport */

static void *list_open(const bench_case *c)
{
    (void)c;
    return peer_list_open(BENCH_CAPACITY);
}

static void list_close(void *transport)
{
    peer_list_close(transport);
}

static void list_send(void *end, const void *data, size_t size, size_t count)
{
    peer_list_send(end, data, size, count);
}

static size_t list_receive(void *end, size_t max)
{
    node *nodes[BENCH_MAX_BATCH];
    uint64_t receipts[BENCH_MAX_BATCH];
    size_t got = peer_list_take(end, nodes, receipts, max);
    for (size_t i = 0; i < got; i++)
        bench_read(nodes[i]->data, nodes[i]->size);
    peer_list_delete(end, nodes, receipts, got);
    return got;
}

const bench_transport peer_mutex_list = { .open = list_open, .close = list_close, .send = list_send, .receive = list_receive };
