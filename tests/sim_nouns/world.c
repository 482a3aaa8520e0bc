/*
 * world.c - the instance of a run: opened, its clock moved, and at the end it must drain and close with nothing left.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "world.h"

static void *allocate(size_t size, void *user)
{
    world *w = user;
    void *data = malloc(size);

    if (data == NULL) {
        abort();
    }
    w->blocks++;
    w->bytes += size;
    return data;
}

static void release(void *data, size_t size, void *user)
{
    world *w = user;

    w->blocks--;
    w->bytes -= size;
    free(data);
}

static nimbus_outcome handler(const nimbus_delivery *delivery, void *user) NIMBUS_NOEXCEPT
{
    static const nimbus_outcome outcomes[] = { [N_DONE] = NIMBUS_DONE, [N_RETRY] = NIMBUS_RETRY, [N_REJECT] = NIMBUS_REJECT };
    n_worker *worker = user;
    world *w = worker->world;
    nimbus_bytes body = nimbus_delivery_body(delivery);
    uint32_t attempt = nimbus_delivery_receive_count(delivery);
    char text[1024], *at = text;
    size_t size = body.size < sizeof text ? body.size : sizeof text - 1;
    uint64_t tag;

    memcpy(text, body.data, size);
    text[size] = '\0';
    while (*at != 't' || at[1] < '0' || at[1] > '9') { /* of an event it is somewhere in its detail */
        at++;
    }
    tag = strtoull(at + 1, NULL, 10) | (uint64_t)(text[0] == '{' ? N_EVENT : text[0] == '"' ? N_PATH : N_PLAIN) << N_FORM_SHIFT;
    digest(w, tag ^ (uint64_t)attempt << 40 ^ (uint64_t)nimbus_now(w->nb));
    return outcomes[n_called(&w->m, worker->function, tag, attempt, nimbus_now(w->nb))];
}

static void make_function(world *w, int number)
{
    n_function *f = &w->m.functions[number];
    nimbus_function_options options = { 0 };
    nimbus_error err = { 0 };
    char name[] = "f0";

    name[1] = (char)('0' + number);
    w->workers[number] = (n_worker){ w, number };
    f->records = chance(w, 50);
    f->dead_letters = chance(w, 50);
    f->retry = (n_retry){ .max = below(w, 4), .min_delay = NIMBUS_SECONDS(1) };
    f->retry.min_delay += below(w, 1u << 30);
    f->retry.max_delay = f->retry.min_delay * 3;
    f->retry.max_age = chance(w, 50) ? f->retry.min_delay * 2 : NIMBUS_HOURS(6);
    options.on_success = nimbus_to_queue(w->queues[N_SUCCEEDED]);
    options.on_failure = f->records ? nimbus_to_queue(w->queues[N_FAILED]) : options.on_failure;
    options.dead_letter_queue = f->dead_letters ? w->queues[N_DEAD] : NULL;
    options.retry = (nimbus_retry_policy){ .max_retries = f->retry.max == 0 ? NIMBUS_NONE : (int32_t)f->retry.max,
                                           .min_delay = f->retry.min_delay, .max_delay = f->retry.max_delay,
                                           .max_age = f->retry.max_age };
    w->functions[number] = nimbus_function_create(w->nb, name, handler, &w->workers[number], &options, &err);
    HOLDS(N1, w->functions[number] != NULL, "function %d: %s", number, err.reason);
}

/* The last function is fed by a queue. */
static void make_mapping(world *w)
{
    nimbus_mapping_options options = { .batch_size = 1 + below(w, 10) };
    nimbus_error err = { 0 };

    w->workers[N_FUNCTIONS] = (n_worker){ w, N_FUNCTIONS };
    w->functions[N_FUNCTIONS] = nimbus_function_create(w->nb, "mapped", handler, &w->workers[N_FUNCTIONS], NULL, &err);
    HOLDS(N1, w->functions[N_FUNCTIONS] != NULL, "the mapped function: %s", err.reason);
    HOLDS(N1, nimbus_function_map(w->functions[N_FUNCTIONS], w->queues[N_MAPPED], &options, &err) == NIMBUS_OK, "the mapping: %s",
          err.reason);
}

void world_open(world *w)
{
    nimbus_options options = { .driven = true, .manual_clock = true };
    nimbus_queue_options queue = { .retention = NIMBUS_DAYS(14) };
    nimbus_error err = { 0 };
    char name[] = "q0";

    w->allocator = (nimbus_allocator){ allocate, release, w };
    options.allocator = &w->allocator;
    options.seed = w->m.seed | 1;
    w->nb = nimbus_open(&options, &err);
    HOLDS(N1, w->nb != NULL, "nimbus_open: %s", err.reason);
    w->m.visibility = NIMBUS_SECONDS(3) + below(w, 1u << 30);
    for (int i = N_QUEUES - 1; i >= 0; i--) { /* the dead-letter queue comes before the one that needs it */
        name[1] = (char)('0' + i);
        queue.dead_letter_queue = i == N_MAPPED ? w->queues[N_DEAD] : NULL;
        queue.max_receive_count = i == N_MAPPED ? N_RECEIVES : 0;
        queue.visibility_timeout = i == N_MAPPED ? w->m.visibility : 0;
        queue.capacity_messages = i < 2 ? 1 + below(w, 8) : 0;
        w->m.queues[i].capacity = i < 2 ? (uint32_t)queue.capacity_messages : N_ROOM;
        w->queues[i] = nimbus_queue_create(w->nb, name, &queue, &err);
        HOLDS(N1, w->queues[i] != NULL, "queue %d: %s", i, err.reason);
    }
    for (int i = 0; i < N_FUNCTIONS; i++) {
        make_function(w, i);
    }
    make_mapping(w);
    w->bus = nimbus_bus_create(w->nb, "b", &err);
    HOLDS(N1, w->bus != NULL, "bus: %s", err.reason);
    w->topic = nimbus_topic_create(w->nb, "t", NULL, &err);
    HOLDS(N1, w->topic != NULL, "topic: %s", err.reason);
}

static void run(world *w)
{
    nimbus_status status;

    do {
        status = nimbus_run(w->nb, SIZE_MAX, NULL);
    } while (status == NIMBUS_OK);
    HOLDS(N4, status == NIMBUS_EMPTY, "nimbus_run: %s", nimbus_status_name(status));
}

/* From deadline to deadline, so that each happens at its own time. */
void world_advance(world *w, int64_t by)
{
    int64_t end = nimbus_now(w->nb) + by;

    run(w);
    while (nimbus_now(w->nb) < end) {
        int64_t next = n_next(&w->m), now = nimbus_now(w->nb);
        nimbus_status status = nimbus_advance(w->nb, (next < end ? next : end) - now);

        HOLDS(N4, status == NIMBUS_OK, "nimbus_advance: %s", nimbus_status_name(status));
        run(w);
        n_advance(&w->m, nimbus_now(w->nb));
        n_settled(&w->m, nimbus_now(w->nb));
    }
}

void world_step(world *w)
{
    uint32_t what = below(w, 100);

    if (what < 25) {
        act_publish(w);
    } else if (what < 45) {
        act_put(w);
    } else if (what < 55) {
        act_invoke(w);
    } else if (what < 70) {
        act_receive(w, (int)below(w, N_QUEUES));
    } else if (what < 77) {
        act_subscribe(w);
    } else if (what < 79) {
        act_unsubscribe(w);
    } else if (what < 82) {
        check_counts(w);
    } else if (what < 84) {
        act_rule(w);
    } else {
        world_advance(w, (int64_t)below(w, 1u << 31) * 3);
    }
    run(w);
    n_settled(&w->m, nimbus_now(w->nb));
}

static void empty_all(world *w)
{
    for (int i = 0; i < N_QUEUES; i++) {
        do {
            act_receive(w, i);
        } while (w->m.queues[i].count > 0 && i != N_MAPPED);
    }
}

void world_end(world *w)
{
    nimbus_leftovers left;
    nimbus_status status;

    for (int round = 0; w->m.item_count > 0; round++) {
        HOLDS(N4, round < 100, "%u messages do not come out", w->m.item_count);
        empty_all(w);
        world_advance(w, NIMBUS_MINUTES(1));
    }
    empty_all(w);
    check_counts(w);
    for (int i = 0; i < N_SUBSCRIPTIONS; i++) {
        nimbus_subscription_release(w->subs[i]);
    }
    for (int i = 0; i <= N_FUNCTIONS; i++) {
        nimbus_function_release(w->functions[i]);
    }
    for (int i = 0; i < N_QUEUES; i++) {
        nimbus_queue_release(w->queues[i]);
    }
    nimbus_topic_release(w->topic);
    nimbus_bus_release(w->bus);
    status = nimbus_close(w->nb, 0, &left);
    HOLDS(N6, status == NIMBUS_OK && w->blocks == 0 && w->bytes == 0, "%s, and %llu blocks of %llu bytes are left",
          nimbus_status_name(status), (unsigned long long)w->blocks, (unsigned long long)w->bytes);
}
