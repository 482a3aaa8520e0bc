#include "queue/fifo.h"

#include <string.h>

#include "base/check.h"
#include "base/hex.h"
#include "base/list.h"
#include "base/number.h"
#include "base/sha256.h"
#include "queue/queue.h"

#define TIMER_STEP 1024u /* entries that the timer forgets without a pause */

/* ------------------------------------------------------------------------------------------ make and end */

static void on_timer(nb_timer *timer);

bool nb_fifo_init(nimbus_queue *queue, const nimbus_queue_options *options)
{
    nimbus_runtime *nb = queue->object.runtime;
    nb_fifo *fifo = &queue->fifo;

    if (!options->fifo) {
        return true;
    }
    fifo->roots = nb_alloc_zero(queue->object.heap, sizeof *fifo->roots);
    if (fifo->roots == NULL) {
        return false;
    }
    if (!nb_timer_init(&nb->timers, &fifo->timer, on_timer)) {
        nb_free(queue->object.heap, fifo->roots, sizeof *fifo->roots);
        return false;
    }
    fifo->on = true;
    nb_attempts_init(queue);
    fifo->key[0] = nb_random(nb);
    fifo->key[1] = nb_random(nb);
    nb_atomic_init(&fifo->by_content, options->content_based_deduplication);
    nb_atomic_init(&fifo->by_group, options->deduplication_scope == NIMBUS_DEDUP_GROUP);
    nb_dedup_init(&fifo->table, fifo->roots, queue->object.heap, options->deduplication_capacity,
                  nb_add_time(NB_DEDUP_WINDOW, nb_clock_tick(&nb->clock)));
    return true;
}

void nb_fifo_end(nimbus_queue *queue)
{
    if (queue->fifo.on) {
        nb_lock_acquire(&queue->store.lock);
        queue->fifo.over = true;
        nb_dedup_clear(&queue->fifo.table);
        nb_lock_release(&queue->store.lock);
        nb_timer_fini(&queue->object.runtime->timers, &queue->fifo.timer);
    }
}

/* A queue that never began. */
void nb_fifo_fini(nimbus_queue *queue)
{
    if (queue->fifo.on) {
        nb_timer_fini(&queue->object.runtime->timers, &queue->fifo.timer);
        nb_fifo_free(queue);
    }
}

void nb_fifo_free(nimbus_queue *queue)
{
    if (queue->fifo.on) {
        nb_attempts_fini(queue);
        nb_free(queue->object.heap, queue->fifo.roots, sizeof *queue->fifo.roots);
    }
}

nimbus_status nb_fifo_set(nimbus_queue *queue, const nimbus_queue_options *options)
{
    nb_fifo *fifo = &queue->fifo;
    bool by_group = options->deduplication_scope == NIMBUS_DEDUP_GROUP;
    nimbus_status status = NIMBUS_OK;

    if (!fifo->on) {
        return NIMBUS_OK;
    }
    nb_lock_acquire(&queue->store.lock);
    (void)nb_dedup_expire(&fifo->table, nb_clock_elapsed(&queue->object.runtime->clock), UINT64_MAX);
    if (by_group != nb_load_relaxed(&fifo->by_group) &&
        (nb_dedup_count(&fifo->table) > 0 || nb_store_held(&queue->store) > 0)) { /* that of a taker who is over */
        status = NIMBUS_E_UNSUPPORTED;
    } else {
        nb_store_relaxed(&fifo->by_group, by_group);
        nb_store_relaxed(&fifo->by_content, options->content_based_deduplication);
        fifo->table.capacity = options->deduplication_capacity;
    }
    nb_lock_release(&queue->store.lock);
    return status;
}

/* --------------------------------------------------------------------------------------------- entries */

nimbus_status nb_fifo_check(const nimbus_queue *queue, const nimbus_entry *entry)
{
    if (entry->group_id == NULL) {
        return NIMBUS_E_MISSING;
    }
    if (!nb_key_valid(entry->group_id) || (entry->deduplication_id != NULL && !nb_key_valid(entry->deduplication_id)) ||
        (entry->deduplication_id == NULL && !nb_load_relaxed(&queue->fifo.by_content))) {
        return NIMBUS_E_INVALID;
    }
    return entry->delay == 0 || entry->delay == NIMBUS_ZERO ? NIMBUS_OK : NIMBUS_E_INVALID; /* SQS-S7 */
}

bool nb_fifo_incomplete(const nimbus_queue *queue, const nimbus_entry *entry)
{
    return queue->fifo.on && (entry->group_id == NULL || (entry->deduplication_id == NULL && !nb_load_relaxed(&queue->fifo.by_content)));
}

void nb_fifo_ticket_fill(nimbus_queue *queue, const nb_keys *keys, nb_fifo_ticket *ret)
{
    ret->by_group = nb_load_relaxed(&queue->fifo.by_group);
    nb_dedup_hash(queue->fifo.key, keys, ret->by_group, ret->hash);
    nb_dedup_prefetch(&queue->fifo.table, ret->hash);
}

const char *nb_fifo_ticket_make(nimbus_queue *queue, const char *group, const char *given, nimbus_bytes body, nb_fifo_ticket *ret)
{
    unsigned char digest[NB_SHA256_SIZE];
    nb_sha256 hash;
    nb_keys keys;

    if (given == NULL) {
        nb_sha256_begin(&hash);
        nb_sha256_add(&hash, body.data, body.size);
        nb_sha256_end(&hash, digest);
        nb_hex_text(digest, sizeof digest, ret->content);
        given = ret->content;
    }
    keys = (nb_keys){ group, given, strlen(group), strlen(given) };
    nb_fifo_ticket_fill(queue, &keys, ret);
    return given;
}

bool nb_fifo_receive_parcel(nimbus_queue *queue, nb_parcel *parcel, nb_fifo_ticket *ticket)
{
    const char *group = nb_message_group(parcel->message, NULL), *given = nb_message_deduplication_id(parcel->message);

    parcel->dedup = NULL;
    if (group == NULL) {
        return false;
    }
    if (parcel->letter != NULL) { /* nothing can keep it out (SQS-D8, D9), and its time begins anew (D6) */
        parcel->enqueued = nb_clock_coarse(&queue->object.runtime->clock, NULL);
        return true;
    }
    if (given == NULL && !nb_load_relaxed(&queue->fifo.by_content)) {
        return false;
    }
    nb_fifo_ticket_make(queue, group, given, nb_message_body(parcel->message), ticket);
    parcel->dedup = ticket->hash;
    return true;
}

/* --------------------------------------------------------------------------------- asked under the lock */

/* When the timer looks: not at the end of each entry, but of an eighth of the window at least. */
static void set_timer(nimbus_queue *queue, int64_t now)
{
    nb_dedup *table = &queue->fifo.table;
    int64_t end = nb_dedup_oldest_end(table), soon = nb_add_time(now, NB_DEDUP_WINDOW / 8);

    nb_timer_set(&queue->object.runtime->timers, &queue->fifo.timer, end > soon ? end : soon);
}

static void on_timer(nb_timer *timer)
{
    nimbus_queue *queue = NB_CONTAINER(timer, nimbus_queue, fifo.timer);
    nb_dedup *table = &queue->fifo.table;
    int64_t now = nb_clock_elapsed(&queue->object.runtime->clock);

    nb_lock_acquire(&queue->store.lock);
    if (nb_dedup_expire(table, now, TIMER_STEP)) {
        nb_timer_set(&queue->object.runtime->timers, timer, now); /* the rest in the next round */
    } else if (nb_dedup_count(table) > 0) {
        set_timer(queue, now);
    }
    nb_lock_release(&queue->store.lock);
}

/* At four fifths of the capacity, once; again when it was below seven tenths in between. */
static void watch_level(nb_fifo *fifo, bool full)
{
    size_t tenth = fifo->table.capacity / 10;

    if ((full || fifo->table.bytes >= 8 * tenth) && !fifo->warned) {
        fifo->warned = true;
        nb_store_relaxed(&fifo->alarm, true);
    } else if (!full && fifo->table.bytes < 7 * tenth) {
        fifo->warned = false;
    }
}

void nb_fifo_tell(nimbus_queue *queue)
{
    if (queue->fifo.on && nb_load_relaxed(&queue->fifo.alarm)) {
        nb_lock_acquire(&queue->store.lock);
        if (!nb_load_relaxed(&queue->fifo.alarm)) {
            nb_lock_release(&queue->store.lock);
            return;
        }
        nb_store_relaxed(&queue->fifo.alarm, false); /* one of the senders tells */
        nb_lock_release(&queue->store.lock);
        nb_trace(queue->object.runtime, NIMBUS_TRACE_DEDUP_NEARLY_FULL, "queue", queue->store.name, (nimbus_id){ 0, 0 }, NIMBUS_OK,
                 "four fifths of deduplication_capacity are used; when it is full, sends are refused", 1);
    }
}

nimbus_status nb_fifo_admit(nb_object *owner, nb_admission *what)
{
    nimbus_queue *queue = nb_queue_of(owner);
    nb_fifo *fifo = &queue->fifo;
    nb_fifo_ticket *ticket;
    const nb_dedup_entry *seen;
    bool by_group = nb_load_relaxed(&fifo->by_group);
    nimbus_status status;

    if (what->parcel->dedup == NULL || fifo->over) {
        return NIMBUS_OK;
    }
    ticket = NB_CONTAINER(what->parcel->dedup, nb_fifo_ticket, hash);
    if (ticket->by_group != by_group) { /* the scope was changed since the sender looked */
        nb_keys keys = { .id = nb_message_deduplication_id(what->parcel->message) };

        keys.id = keys.id != NULL ? keys.id : ticket->content;
        keys.id_length = strlen(keys.id);
        keys.group = nb_message_group(what->parcel->message, &keys.group_length);
        ticket->by_group = by_group;
        nb_dedup_hash(fifo->key, &keys, by_group, ticket->hash);
    }
    status = nb_dedup_admit(&fifo->table, ticket->hash, what->now, &seen);
    if (status == NIMBUS_DUPLICATE) {
        what->original = (nimbus_id){ what->parcel->id.instance, seen->id };
        what->original_sequence = seen->sequence;
        fifo->duplicates++;
        return NIMBUS_DUPLICATE;
    }
    watch_level(fifo, status == NIMBUS_E_DEDUP_FULL);
    if (status == NIMBUS_OK && what->keep) {
        nb_dedup_remember(&fifo->table, ticket->hash, what->parcel->id.number, what->sequence, what->now);
        if (nb_dedup_count(&fifo->table) == 1) {
            set_timer(queue, what->now);
        }
    }
    return status;
}

void nb_fifo_forget(nb_object *owner)
{
    nimbus_queue *queue = nb_queue_of(owner);

    if (queue->fifo.on) {
        nb_dedup_clear(&queue->fifo.table);
    }
}

void nb_fifo_measure(nimbus_queue *queue, nimbus_queue_metrics *ret)
{
    if (queue->fifo.on) {
        nb_lock_acquire(&queue->store.lock);
        (void)nb_dedup_expire(&queue->fifo.table, nb_clock_elapsed(&queue->object.runtime->clock), UINT64_MAX);
        ret->duplicates = queue->fifo.duplicates;
        ret->dedup_entries = nb_dedup_count(&queue->fifo.table);
        ret->dedup_bytes = queue->fifo.table.bytes;
        nb_lock_release(&queue->store.lock);
    }
}
