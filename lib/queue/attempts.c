#include "queue/attempts.h"

#include <string.h>

#include "base/keyed_hash.h"
#include "queue/queue.h"

#define FIRST_BUCKETS 16u

struct nb_attempt {
    nb_link link;       /* in `kept`, unless it is pending */
    nb_attempt *chain;
    uint64_t hash[2];
    int64_t end;
    uint32_t room, count; /* of messages; 0: pending */
    bool repeating;       /* somebody is at it without the lock: it stays, and is not his alone who comes now */
    nb_held held[];
};

static size_t size_of(uint32_t room)
{
    return sizeof(nb_attempt) + room * sizeof(nb_held);
}

void nb_attempts_init(nimbus_queue *queue)
{
    nb_lock_init(&queue->attempts.lock);
    nb_link_init(&queue->attempts.kept);
    queue->attempts.key[0] = nb_random(queue->object.runtime);
    queue->attempts.key[1] = nb_random(queue->object.runtime);
}

/* ---------------------------------------------------------------------------------------------- the table */

static nb_attempt **bucket_at(const nb_attempts *table, uint64_t hash)
{
    return &table->buckets[hash & (table->bucket_count - 1)];
}

static nb_attempt *find(const nb_attempts *table, const uint64_t hash[2])
{
    nb_attempt *attempt = table->buckets != NULL ? *bucket_at(table, hash[0]) : NULL;

    while (attempt != NULL && (attempt->hash[0] != hash[0] || attempt->hash[1] != hash[1])) {
        attempt = attempt->chain;
    }
    return attempt;
}

static void forget(nimbus_queue *queue, nb_attempt *attempt)
{
    nb_attempts *table = &queue->attempts;
    nb_attempt **at = bucket_at(table, attempt->hash[0]);

    while (*at != attempt) {
        at = &(*at)->chain;
    }
    *at = attempt->chain;
    nb_link_remove(&attempt->link);
    nb_free(queue->object.heap, attempt, size_of(attempt->room));
    if (--table->count == 0) {
        nb_free(queue->object.heap, table->buckets, table->bucket_count * sizeof(nb_attempt *));
        table->buckets = NULL;
        table->bucket_count = 0;
    }
}

static void forget_old(nimbus_queue *queue, int64_t now)
{
    nb_link *first;

    while ((first = nb_list_first(&queue->attempts.kept)) != NULL) {
        nb_attempt *oldest = NB_CONTAINER(first, nb_attempt, link);

        if (oldest->end > now || oldest->repeating) {
            break;
        }
        forget(queue, oldest);
    }
}

void nb_attempts_fini(nimbus_queue *queue)
{
    forget_old(queue, INT64_MAX);
    nb_lock_fini(&queue->attempts.lock);
}

/* Twice as many buckets if they are as many as the records. Without memory the chains become longer, unless there is no bucket at all. */
static bool grow(nimbus_queue *queue)
{
    nb_attempts *table = &queue->attempts;
    size_t more = table->bucket_count == 0 ? FIRST_BUCKETS : 2 * table->bucket_count;
    nb_attempts old = *table;

    if (table->count < table->bucket_count) {
        return true;
    }
    table->buckets = nb_alloc_zero(queue->object.heap, more * sizeof(nb_attempt *));
    if (table->buckets == NULL) {
        table->buckets = old.buckets;
        return old.buckets != NULL;
    }
    table->bucket_count = more;
    for (size_t i = 0; i < old.bucket_count; i++) {
        for (nb_attempt *attempt = old.buckets[i], *next; attempt != NULL; attempt = next) {
            nb_attempt **at = bucket_at(table, attempt->hash[0]);

            next = attempt->chain;
            attempt->chain = *at;
            *at = attempt;
        }
    }
    nb_free(queue->object.heap, old.buckets, old.bucket_count * sizeof(nb_attempt *));
    return true;
}

/* A pending record; NULL: out of memory. */
static nb_attempt *begin(nimbus_queue *queue, const uint64_t hash[2], uint32_t room)
{
    nb_attempt *attempt, **at;

    if (!grow(queue)) {
        return NULL;
    }
    attempt = nb_alloc_zero(queue->object.heap, size_of(room));
    if (attempt == NULL) {
        if (queue->attempts.count == 0) {
            nb_free(queue->object.heap, queue->attempts.buckets, queue->attempts.bucket_count * sizeof(nb_attempt *));
            queue->attempts.buckets = NULL;
            queue->attempts.bucket_count = 0;
        }
        return NULL;
    }
    nb_link_init(&attempt->link);
    attempt->hash[0] = hash[0];
    attempt->hash[1] = hash[1];
    attempt->room = room;
    at = bucket_at(&queue->attempts, hash[0]);
    attempt->chain = *at;
    *at = attempt;
    queue->attempts.count++;
    return attempt;
}

/* ---------------------------------------------------------------------------------------------- receiving */

/* What was received then, once more. Under the lock, which is not held while the store is called: that may call users' hooks. */
static nimbus_status repeat(nimbus_queue *queue, nb_attempt *attempt, const nb_hiding *how, nimbus_delivery *ret, size_t max,
                            size_t *ret_count)
{
    nimbus_status status;

    if (attempt->count == 0 || attempt->count > max || attempt->repeating) {
        return NIMBUS_E_ATTEMPT;
    }
    attempt->repeating = true;
    nb_lock_release(&queue->attempts.lock);
    status = nb_store_take_again(&queue->store, attempt->held, attempt->count, how->visibility, (nb_delivery *)(void *)ret);
    nb_lock_acquire(&queue->attempts.lock);
    attempt->repeating = false;
    if (status == NIMBUS_OK) {
        nb_hiding_mark(how, ret, attempt->count);
        if (ret_count != NULL) {
            *ret_count = attempt->count;
        }
    }
    return status;
}

/* The receive is over: its record comes into force, or goes. */
static void conclude(nimbus_queue *queue, nb_attempt *attempt, const nimbus_delivery *ret, size_t count)
{
    nb_lock_acquire(&queue->attempts.lock);
    if (count == 0) {
        forget(queue, attempt);
    } else {
        for (size_t i = 0; i < count; i++) {
            nb_store_hold(&queue->store, nb_delivery_in(&ret[i]), &attempt->held[i]);
        }
        attempt->count = (uint32_t)count;
        attempt->end = nb_clock_elapsed(&queue->object.runtime->clock) + NB_ATTEMPT_WINDOW;
        nb_list_push(&queue->attempts.kept, &attempt->link);
    }
    nb_lock_release(&queue->attempts.lock);
}

nimbus_status nb_attempt_receive(nimbus_queue *queue, const char *id, int64_t wait, const nb_hiding *how, nimbus_delivery *ret, size_t max,
                                 size_t *ret_count)
{
    nb_attempt *attempt;
    nimbus_status status = NIMBUS_OK;
    uint64_t hash[2];
    size_t count = 0;
    bool repeated;

    nb_keyed_hash(queue->attempts.key, id, strlen(id), hash);
    for (size_t i = 0; i < max; i++) {
        nb_queue_let_go(nb_delivery_of(&ret[i]));
    }
    nb_lock_acquire(&queue->attempts.lock);
    forget_old(queue, nb_clock_elapsed(&queue->object.runtime->clock));
    attempt = find(&queue->attempts, hash);
    repeated = attempt != NULL;
    if (repeated) {
        status = repeat(queue, attempt, how, ret, max, ret_count);
    } else if ((attempt = begin(queue, hash, (uint32_t)max)) == NULL) {
        status = nb_heap_failure(queue->object.heap, size_of((uint32_t)max));
    }
    nb_lock_release(&queue->attempts.lock);
    if (repeated || attempt == NULL) {
        return status;
    }
    status = nb_queue_receive(queue, wait, how, ret, max, &count);
    conclude(queue, attempt, ret, status == NIMBUS_OK ? count : 0);
    if (!nimbus_failed(status) && ret_count != NULL) {
        *ret_count = count;
    }
    return status;
}
