/*
 * model.c - see model.h.
 */
#include "model.h"

const char *const n_filters[N_FILTERS] = {
    NULL,
    "{\"kind\":[\"a\"]}",
    "{\"kind\":[\"b\",\"c\"]}",
    "{\"kind\":[{\"anything-but\":[\"a\"]}]}",
    "{\"kind\":[{\"exists\":false}]}",
    "{\"n\":[{\"numeric\":[\">=\",10,\"<\",50]}]}",
    "{\"kind\":[\"a\",\"d\"],\"n\":[{\"numeric\":[\">\",30]}]}",
};

bool n_matches(uint32_t filter, const n_message *message)
{
    switch (filter) {
    case 1:
        return message->kind == 1;
    case 2:
        return message->kind == 2 || message->kind == 3;
    case 3:
        return message->kind > 1; /* SNS-F7: an absent key does not match */
    case 4:
        return message->kind == 0;
    case 5:
        return message->number >= 10 && message->number < 50;
    case 6:
        return (message->kind == 1 || message->kind == 4) && message->number > 30;
    default:
        return true;
    }
}

n_answer n_answer_of(const n_model *m, int function, uint64_t tag, uint32_t attempt)
{
    uint64_t z = (tag * 8 + attempt + (uint64_t)function * 77 + m->seed * 1000003) * UINT64_C(0x9fb21c651e98df25);

    z = (z >> 40) % 10;
    return z < 5 ? N_DONE : z < 9 ? N_RETRY : N_REJECT;
}

static void arrive(n_model *m, int queue, uint64_t tag)
{
    n_queue *q = &m->queues[queue];

    HOLDS(N1, q->count < N_ROOM, "the model has no room for queue %d", queue);
    q->tags[(q->first + q->count++) % N_ROOM] = tag;
}

static bool has_room(const n_model *m, int queue)
{
    return m->queues[queue].count < m->queues[queue].capacity;
}

uint64_t n_receive(n_model *m, int queue)
{
    n_queue *q = &m->queues[queue];
    uint64_t tag = q->tags[q->first];

    q->first = (q->first + 1) % N_ROOM;
    q->count--;
    return tag;
}

static n_item *add(n_model *m, int path, uint64_t tag, int64_t now)
{
    n_item *item = &m->items[m->item_count];

    HOLDS(N1, m->item_count < N_ROOM, "the model has no room");
    m->item_count++;
    *item = (n_item){ .tag = tag, .order = ++m->orders, .path = path, .born = now, .due = now };
    return item;
}

static void drop(n_model *m, n_item *item)
{
    *item = m->items[--m->item_count];
}

/* The n-th retry comes after min(max_delay, min_delay * 2^(n-1)). */
static int64_t delay_of(const n_retry *retry, uint32_t n)
{
    int64_t delay = retry->min_delay;

    while (--n > 0 && delay < retry->max_delay) {
        delay *= 2;
    }
    return delay < retry->max_delay ? delay : retry->max_delay;
}

/* ------------------------------------------------------------------------------------------ subscriptions */

/* It was tried and did not find room. Returns whether it waits on. */
static bool sub_failed(n_model *m, n_sub *sub, n_item *item, int64_t now)
{
    if (item->attempts <= sub->retry.max) {
        item->due = now + delay_of(&sub->retry, item->attempts);
        return true;
    }
    sub->counts.pending--;
    if (sub->dead_letters) { /* SNS-R9 */
        cover(EV_SUB_DEAD);
        sub->counts.dead++;
        arrive(m, N_DEAD, item->tag);
    } else {
        cover(EV_SUB_DISCARDED);
        sub->counts.discarded++;
    }
    drop(m, item);
    return false;
}

/* The one that was subscribed next after `since`; -1: there is none. */
static int next_sub(const n_model *m, uint64_t since)
{
    int next = -1;

    for (int i = 0; i < N_SUBSCRIPTIONS; i++) {
        if (m->subs[i].live && m->subs[i].since > since && (next < 0 || m->subs[i].since < m->subs[next].since)) {
            next = i;
        }
    }
    return next;
}

void n_publish(n_model *m, const n_message *message, int64_t now, uint32_t *matched, uint32_t *delivered, uint32_t *pending)
{
    for (int i = next_sub(m, 0); i >= 0; i = next_sub(m, m->subs[i].since)) {
        n_sub *sub = &m->subs[i];

        if (!n_matches(sub->filter, message)) {
            cover(EV_FILTERED);
            sub->counts.filtered++;
            continue;
        }
        sub->counts.matched++;
        ++*matched;
        if (sub->function >= 0) { /* LA-A1: handed over, the function's own policy holds */
            cover(EV_PASSED_ON);
            sub->counts.delivered++;
            ++*pending;
            n_invoke(m, sub->function, message->tag, now);
        } else if (has_room(m, sub->queue)) {
            cover(EV_STORED);
            sub->counts.delivered++;
            ++*delivered;
            arrive(m, sub->queue, message->tag);
        } else {
            n_item *item = add(m, i, message->tag, now);

            cover(EV_FULL);
            item->attempts = 1;
            sub->counts.pending++;
            *pending += sub_failed(m, sub, item, now);
        }
    }
}

static n_item *first_due(n_model *m, int64_t now)
{
    n_item *first = NULL;

    for (uint32_t i = 0; i < m->item_count; i++) {
        n_item *item = &m->items[i];

        if (item->path < N_SUBSCRIPTIONS && item->due <= now &&
            (first == NULL || item->due < first->due || (item->due == first->due && item->order < first->order))) {
            first = item;
        }
    }
    return first;
}

void n_advance(n_model *m, int64_t now)
{
    n_item *item;

    while ((item = first_due(m, now)) != NULL) {
        n_sub *sub = &m->subs[item->path];

        item->attempts++;
        sub->counts.retries++;
        if (has_room(m, sub->queue)) {
            cover(EV_STORED_LATER);
            sub->counts.pending--;
            sub->counts.delivered++;
            arrive(m, sub->queue, item->tag);
            drop(m, item);
        } else if (sub_failed(m, sub, item, item->due)) {
            cover(EV_STILL_FULL);
        }
    }
}

void n_unsubscribe(n_model *m, int number)
{
    uint32_t i = 0;

    cover(EV_UNSUBSCRIBED);
    m->subs[number].live = false;
    while (i < m->item_count) {
        if (m->items[i].path == number) {
            cover(EV_ENDED_PENDING);
            m->subs[number].counts.pending--;
            m->subs[number].counts.discarded++;
            drop(m, &m->items[i]);
        } else {
            i++;
        }
    }
}

/* ---------------------------------------------------------------------------------------------- functions */

void n_invoke(n_model *m, int function, uint64_t tag, int64_t now)
{
    cover(EV_INVOKED);
    m->functions[function].waiting++;
    add(m, N_SUBSCRIPTIONS + function, tag, now);
}

/* LA-A5, A9: both, if both are set. */
static void function_failed(n_model *m, n_function *f, n_item *item)
{
    f->waiting--;
    if (f->records) {
        cover(EV_FN_RECORD);
        arrive(m, N_FAILED, item->tag);
    }
    if (f->dead_letters) {
        cover(EV_FN_DEAD);
        arrive(m, N_DEAD, item->tag);
    }
    if (f->records || f->dead_letters) {
        f->dead++;
    } else {
        cover(EV_FN_DISCARDED);
        f->discarded++;
    }
    drop(m, item);
}

n_answer n_called(n_model *m, int function, uint64_t tag, uint32_t attempt, int64_t now)
{
    n_function *f = &m->functions[function];
    n_item *item = NULL;
    bool found_fit = false;
    n_answer answer = n_answer_of(m, function, tag, attempt);

    for (uint32_t i = 0; i < m->item_count; i++) {
        n_item *other = &m->items[i]; /* two subscriptions may hand the same message to it: the one that fits best */
        bool fits = other->due <= now && other->attempts + 1 == attempt;

        if (other->path == N_SUBSCRIPTIONS + function && other->tag == tag && (item == NULL || (fits && !found_fit))) {
            item = other;
            found_fit = fits;
        }
    }
    HOLDS(N3, item != NULL, "function %d is called with %llu, which is not on its way", function, (unsigned long long)tag);
    HOLDS(N3, item->due <= now, "function %d is called with %llu %lld ns early", function, (unsigned long long)tag,
          (long long)(item->due - now));
    HOLDS(N3, item->attempts + 1 == attempt, "function %d is called with %llu for time %u, the model says %u", function,
          (unsigned long long)tag, attempt, item->attempts + 1);
    item->attempts++;
    f->calls++;
    f->succeeded += answer == N_DONE;
    f->errors += answer != N_DONE;
    if (answer == N_DONE) {
        cover(attempt > 1 ? EV_DONE_LATER : EV_DONE);
        f->waiting--;
        arrive(m, N_SUCCEEDED, tag); /* LA-A6 */
        drop(m, item);
    } else if (answer == N_REJECT) {
        cover(EV_REJECTED);
        function_failed(m, f, item);
    } else if (attempt > f->retry.max) {
        cover(EV_USED_UP);
        function_failed(m, f, item);
    } else if (now + delay_of(&f->retry, attempt) - item->born > f->retry.max_age) { /* LA-A3 looks ahead */
        cover(EV_TOO_OLD);
        function_failed(m, f, item);
    } else {
        cover(EV_RETRIED);
        f->retries++;
        item->due = now + delay_of(&f->retry, attempt);
    }
    return answer;
}

void n_settled(const n_model *m, int64_t now)
{
    for (uint32_t i = 0; i < m->item_count; i++) {
        HOLDS(N4, m->items[i].due > now, "path %d: message %llu was due %lld ns ago", m->items[i].path,
              (unsigned long long)m->items[i].tag, (long long)(now - m->items[i].due));
    }
}

int64_t n_next(const n_model *m)
{
    int64_t next = INT64_MAX;

    for (uint32_t i = 0; i < m->item_count; i++) {
        next = m->items[i].due < next ? m->items[i].due : next;
    }
    return next;
}
