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

const char *const n_patterns[N_FILTERS] = {
    "{\"source\":[\"sim\"]}",
    "{\"detail\":{\"kind\":[\"a\"]}}",
    "{\"detail\":{\"kind\":[\"b\",\"c\"]}}",
    "{\"detail\":{\"kind\":[{\"anything-but\":[\"a\"]}]}}",
    "{\"detail\":{\"kind\":[{\"exists\":false}]}}",
    "{\"source\":[{\"prefix\":\"s\"}],\"detail\":{\"n\":[{\"numeric\":[\">=\",10,\"<\",50]}]}}",
    "{\"detail\":{\"kind\":[\"a\",\"d\"],\"n\":[{\"numeric\":[\">\",30]}]}}",
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

    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9); /* one attempt must not tell of the next */
    z = (z >> 33) % 10;
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

/* Stored in a queue; the mapped one's function is called at once. */
static void store(n_model *m, int queue, uint64_t tag, int64_t now)
{
    if (queue == N_MAPPED) {
        add(m, N_MAPPING, tag, now);
    } else {
        arrive(m, queue, tag);
    }
}

static void deliver(n_model *m, int path, uint64_t tag, int64_t now, n_put_counts *ret)
{
    n_sub *sub = &m->subs[path];

    sub->counts.matched++;
    ret->matched++;
    if (sub->form > N_EVENT) {
        cover(EV_TRANSFORMED);
    }
    tag |= (uint64_t)sub->form << N_FORM_SHIFT;
    if (sub->function >= 0) { /* LA-A1: handed over, the function's own policy holds */
        cover(EV_PASSED_ON);
        sub->counts.delivered++;
        ret->pending++;
        n_invoke(m, sub->function, tag, now);
    } else if (has_room(m, sub->queue)) {
        cover(EV_STORED);
        sub->counts.delivered++;
        ret->delivered++;
        store(m, sub->queue, tag, now);
    } else {
        n_item *item = add(m, path, tag, now);

        cover(EV_FULL);
        item->attempts = 1;
        sub->counts.pending++;
        ret->pending += sub_failed(m, sub, item, now);
    }
}

void n_publish(n_model *m, const n_message *message, int64_t now, uint32_t *matched, uint32_t *delivered, uint32_t *pending)
{
    n_put_counts counts = { 0 };

    for (int i = next_sub(m, 0); i >= 0; i = next_sub(m, m->subs[i].since)) {
        if (!n_matches(m->subs[i].filter, message)) {
            cover(EV_FILTERED);
            m->subs[i].counts.filtered++;
        } else {
            deliver(m, i, message->tag, now, &counts);
        }
    }
    *matched = counts.matched;
    *delivered = counts.delivered;
    *pending = counts.pending;
}

/* ---------------------------------------------------------------------------------------------- rules */

static int next_rule(const n_model *m, uint64_t since)
{
    int next = -1;

    for (int i = 0; i < N_RULES; i++) {
        if (m->rules[i].live && m->rules[i].since > since && (next < 0 || m->rules[i].since < m->rules[next].since)) {
            next = i;
        }
    }
    return next;
}

/* In the order of the rules' creation, and of the targets' ids (EB-E13). */
void n_put(n_model *m, const n_message *message, int64_t now, n_put_counts *ret)
{
    *ret = (n_put_counts){ 0 };
    for (int i = next_rule(m, 0); i >= 0; i = next_rule(m, m->rules[i].since)) {
        n_rule *rule = &m->rules[i];

        if (rule->disabled || !n_matches(rule->filter, message)) {
            cover(rule->disabled ? EV_DISABLED : EV_UNRULED);
            continue;
        }
        cover(EV_RULED);
        ret->rules++;
        rule->matched++;
        for (uint32_t t = 0; t < rule->targets; t++) {
            deliver(m, N_SUBSCRIPTIONS + i * N_TARGETS + (int)t, message->tag, now, ret);
        }
    }
}

void n_end_rule(n_model *m, int rule)
{
    cover(EV_RULE_ENDS);
    for (int t = 0; t < N_TARGETS; t++) {
        n_unsubscribe(m, N_SUBSCRIPTIONS + rule * N_TARGETS + t);
    }
    m->rules[rule].live = false;
}

static n_item *first_due(n_model *m, int64_t now)
{
    n_item *first = NULL;

    for (uint32_t i = 0; i < m->item_count; i++) {
        n_item *item = &m->items[i];

        if ((item->path < N_PATHS || (item->path == N_MAPPING && item->attempts >= N_RECEIVES)) && item->due <= now &&
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
        n_sub *sub = &m->subs[item->path < N_PATHS ? item->path : 0];

        if (item->path == N_MAPPING) { /* SQS-D3: the receive that would be one too many moves it */
            cover(EV_MAP_USED_UP);
            arrive(m, N_DEAD, item->tag);
            drop(m, item);
            continue;
        }
        item->attempts++;
        sub->counts.retries++;
        if (has_room(m, sub->queue)) {
            cover(EV_STORED_LATER);
            sub->counts.pending--;
            sub->counts.delivered++;
            store(m, sub->queue, item->tag, now);
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
    add(m, N_PATHS + function, tag, now);
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

/* The mapped function: what it does not end comes back when its visibility is over (LA-Q). */
static void mapped(n_model *m, n_item *item, n_answer answer, int64_t now)
{
    if (answer == N_RETRY) {
        cover(EV_MAP_RETRIED);
        item->due = now + m->visibility;
        return;
    }
    cover(answer == N_DONE ? EV_MAP_DONE : EV_MAP_REJECTED);
    if (answer == N_REJECT) {
        arrive(m, N_DEAD, item->tag);
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

        if (other->path == N_PATHS + function && other->tag == tag && (item == NULL || (fits && !found_fit))) {
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
    if (item->path == N_MAPPING) {
        HOLDS(N3, attempt <= N_RECEIVES, "the mapped function is called with %llu for time %u", (unsigned long long)tag, attempt);
        mapped(m, item, answer, now);
        return answer;
    }
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
