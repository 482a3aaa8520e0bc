/** Synchronous invocation (LA-I): results, function errors, timeouts, deadlocks; driven, and on real threads where threads are the point.
 */
#include "helpers.h"

/* ------------------------------------------------------------------------------------------------ driven */

static void la_i1_the_caller_waits_and_gets_the_result_or_a_function_error(void **state)
{
    world *w = *state;
    probe good = { .answer = NIMBUS_DONE, .reply = "the answer" };
    probe silent = { .answer = NIMBUS_DONE };
    probe bad = { .answer = NIMBUS_RETRY, .fail = "it went wrong", .reply = "partial" };
    probe worse = { .answer = NIMBUS_REJECT };
    nimbus_function *fn = probe_function(w, "good", &good, NULL);
    nimbus_function *nothing = probe_function(w, "silent", &silent, NULL);
    nimbus_function *failing = probe_function(w, "bad", &bad, NULL);
    nimbus_function *rejecting = probe_function(w, "worse", &worse, NULL);
    nimbus_invoke_result result;
    char text[32];
    SETUP_OK(w);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("question"), NIMBUS_SECONDS(1), &result));
    CHECK(!result.function_error);
    TEXT(result.reason, "");
    CHECK(result.payload != NULL);
    text_of(nimbus_message_body(result.payload), text, sizeof text);
    TEXT(text, "the answer");
    nimbus_message_release(result.payload);
    TEXT(good.last, "question");
    TEXT(good.source, "good");

    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(nothing, nimbus_copy(NULL, 0), NIMBUS_SECONDS(1), &result)); /* the payload may be empty */
    CHECK(!result.function_error);
    CHECK(result.payload == NULL);
    EQ(silent.calls, 1);
    TEXT(silent.last, "");

    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(failing, nimbus_text("x"), NIMBUS_SECONDS(1), &result)); /* the call went well, the function did not */
    CHECK(result.function_error);
    TEXT(result.reason, "it went wrong");
    nimbus_message_release(result.payload);

    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(rejecting, nimbus_text("x"), NIMBUS_SECONDS(1), &result));
    CHECK(result.function_error);
    CHECK(result.payload == NULL);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), NULL)); /* the result is not wanted */
    EQ(function_metrics(fn).succeeded, 2);
    EQ(function_metrics(failing).errors, 1);
    EQ(function_metrics(rejecting).errors, 1);
}

static void la_i4_a_synchronous_invocation_is_never_retried(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_RETRY };
    nimbus_queue *record = make_queue(w, "record");
    nimbus_queue *dead = make_queue(w, "dead");
    nimbus_function *fn = probe_function(
        w, "work", &p,
        &(nimbus_function_options){ .retry = { .max_retries = 5 }, .on_failure = nimbus_to_queue(record), .dead_letter_queue = dead });
    nimbus_invoke_result result;
    SETUP_OK(w);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result));
    CHECK(result.function_error);
    EQ(p.calls, 1);
    ADVANCE(w, NIMBUS_HOURS(24));
    EQ(p.calls, 1);
    EQ(ready(record), 0);
    EQ(ready(dead), 0);
    EQ(function_metrics(fn).retries, 0);
    EQ(function_metrics(fn).dead_lettered, 0);
}

static nimbus_outcome reply_twice(const nimbus_delivery *delivery, void *user)
{
    nimbus_status *statuses = user;
    static char big[2 * 1024 * 1024];
    statuses[0] = nimbus_delivery_reply(delivery, nimbus_text("first"));
    statuses[1] = nimbus_delivery_reply(delivery, nimbus_text("second"));
    statuses[2] = nimbus_delivery_reply(delivery, nimbus_copy(big, sizeof big));
    statuses[3] = nimbus_delivery_fail(delivery, NULL);
    return NIMBUS_DONE;
}

static void the_last_reply_that_succeeded_counts(void **state)
{
    world *w = *state;
    nimbus_status statuses[4];
    nimbus_function *fn = nimbus_function_create(w->nb, "work", reply_twice, statuses, NULL, &w->err);
    nimbus_invoke_result result;
    char text[16];
    SETUP_OK(w);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result));
    OK(statuses[0]);
    OK(statuses[1]);
    IS(statuses[2], NIMBUS_E_TOO_LARGE);
    IS(statuses[3], NIMBUS_E_INVALID);
    text_of(nimbus_message_body(result.payload), text, sizeof text);
    TEXT(text, "second");
    nimbus_message_release(result.payload);
}

static nimbus_outcome long_reason(const nimbus_delivery *delivery, void *user)
{
    char reason[300];
    (void)user;
    (void)nimbus_delivery_fail(delivery, long_name(reason, 299));
    return NIMBUS_RETRY;
}

static void a_long_reason_is_cut(void **state)
{
    world *w = *state;
    nimbus_function *fn = nimbus_function_create(w->nb, "work", long_reason, NULL, NULL, &w->err);
    nimbus_invoke_result result;
    SETUP_OK(w);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result));
    CHECK(result.function_error);
    EQ(strlen(result.reason), 159);
}

struct inner {
    nimbus_function *own;
    nimbus_function *other;
    nimbus_status own_status;
    nimbus_status own_no_wait;
    nimbus_status other_status;
    size_t calls;
};

static nimbus_outcome invoke_inside(const nimbus_delivery *delivery, void *user)
{
    struct inner *in = user;
    (void)delivery;
    if (in->calls++ > 0) {
        return NIMBUS_DONE;
    }
    in->own_status = nimbus_invoke(in->own, nimbus_text("x"), NIMBUS_SECONDS(1), NULL);
    in->own_no_wait = nimbus_invoke(in->own, nimbus_text("x"), NIMBUS_FOREVER, NULL);
    in->other_status = nimbus_invoke(in->other, nimbus_text("x"), NIMBUS_SECONDS(1), NULL);
    return NIMBUS_DONE;
}

static void inside_a_handler_of_a_driven_instance(void **state)
{
    world *w = *state;
    struct inner in;
    probe p = { .answer = NIMBUS_DONE };
    memset(&in, 0, sizeof in);
    in.own = nimbus_function_create(w->nb, "own", invoke_inside, &in, NULL, &w->err);
    in.other = probe_function(w, "other", &p, NULL);
    SETUP_OK(w);
    OK(nimbus_invoke(in.own, nimbus_text("x"), NIMBUS_SECONDS(1), NULL));
    EQ(in.calls, 1);
    CHECK(in.own_status == NIMBUS_E_WOULD_DEADLOCK || in.own_status == NIMBUS_E_WOULD_BLOCK); /* both are true */
    CHECK(in.own_no_wait == NIMBUS_E_WOULD_DEADLOCK || in.own_no_wait == NIMBUS_E_WOULD_BLOCK);
    IS(in.other_status, NIMBUS_E_WOULD_BLOCK);
    RUN(w);
    EQ(p.calls, 0); /* what was refused does not run later */
    EQ(in.calls, 1);
}

static void a_kept_one_would_block_under_a_manual_clock(void **state)
{
    world *w = *state;
    probe p = { .keep = true };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    nimbus_invoke_result result;
    SETUP_OK(w);
    stain(&result, sizeof result);
    IS(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result), NIMBUS_E_WOULD_BLOCK);
    CHECK(stained(&result, sizeof result));
    if (p.kept_count == 1) { /* it ran and nobody waits for it any more */
        CHECK(!nimbus_failed(nimbus_invocation_finish(p.kept[0], NIMBUS_DONE)));
        RUN(w);
    }
    EQ(function_metrics(fn).kept, 0);
    p.keep = false;
    p.answer = NIMBUS_DONE;
    OK(nimbus_invoke(fn, nimbus_text("y"), NIMBUS_SECONDS(1), &result));
    nimbus_message_release(result.payload);
}

static void invoke_drives_what_waits_before_it(void **state)
{
    world *w = *state;
    probe p = { .answer = NIMBUS_DONE };
    nimbus_function *fn = probe_function(w, "work", &p, NULL);
    SETUP_OK(w);
    OK(nimbus_invoke_async(fn, nimbus_text("1"), NULL));
    OK(nimbus_invoke_async(fn, nimbus_text("2"), NULL));
    OK(nimbus_invoke(fn, nimbus_text("sync"), NIMBUS_SECONDS(1), NULL));
    RUN(w);
    EQ(p.calls, 3);
}

static nimbus_outcome one_in_a_batch(nimbus_batch *batch, void *user)
{
    size_t *counts = user;
    counts[0]++;
    counts[1] += nimbus_batch_count(batch);
    counts[2] += nimbus_delivery_keep(nimbus_batch_at(batch, 0)) == NULL; /* not in a batch handler */
    (void)nimbus_delivery_reply(nimbus_batch_at(batch, 0), nimbus_text("batched"));
    return NIMBUS_DONE;
}

static void a_batch_handler_invoked_directly_gets_batches_of_one(void **state)
{
    world *w = *state;
    size_t counts[3] = { 0, 0, 0 };
    nimbus_function *fn = nimbus_function_create_batch(w->nb, "batch", one_in_a_batch, counts, NULL, &w->err);
    nimbus_invoke_result result;
    char text[16];
    SETUP_OK(w);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_SECONDS(1), &result));
    CHECK(!result.function_error);
    text_of(nimbus_message_body(result.payload), text, sizeof text);
    TEXT(text, "batched");
    nimbus_message_release(result.payload);
    OK(nimbus_invoke_async(fn, nimbus_text("y"), NULL));
    OK(nimbus_invoke_async(fn, nimbus_text("z"), NULL));
    RUN(w);
    EQ(counts[0], 3);
    EQ(counts[1], 3);
    EQ(counts[2], 3);
}

/* ------------------------------------------------------------------------------------------------ threads */

struct gate {
    atomic_size_t entered;
    atomic_size_t left;
    atomic_bool open;
};

static nimbus_outcome behind_the_gate(const nimbus_delivery *delivery, void *user)
{
    struct gate *g = user;
    atomic_fetch_add(&g->entered, 1);
    SPIN_UNTIL(atomic_load(&g->open));
    (void)nimbus_delivery_reply(delivery, nimbus_text("too late"));
    atomic_fetch_add(&g->left, 1);
    return NIMBUS_DONE;
}

static void timeout_while_it_runs_drops_the_result(void **state)
{
    world *w = *state;
    struct gate g;
    nimbus_function *fn;
    nimbus_invoke_result result;
    memset(&g, 0, sizeof g);
    fn = nimbus_function_create(w->nb, "work", behind_the_gate, &g, NULL, &w->err);
    SETUP_OK(w);
    stain(&result, sizeof result);
    while (atomic_load(&g.entered) == 0) { /* until one of them ran into its timeout while it was running */
        IS(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_MS(5), &result), NIMBUS_E_TIMEOUT);
    }
    CHECK(stained(&result, sizeof result));
    /* the place is taken: the next one times out before it runs, and will not run */
    IS(nimbus_invoke(fn, nimbus_text("y"), NIMBUS_MS(1), &result), NIMBUS_E_TIMEOUT);
    IS(nimbus_invoke(fn, nimbus_text("z"), 0, &result), NIMBUS_E_TIMEOUT);
    CHECK(stained(&result, sizeof result));
    EQ(function_metrics(fn).abandoned, 0);
    EQ(function_metrics(fn).running, 1);
    atomic_store(&g.open, true);
    SPIN_UNTIL(function_metrics(fn).abandoned == 1);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("w"), NIMBUS_FOREVER, &result));
    nimbus_message_release(result.payload);
    EQ(atomic_load(&g.entered), 2);
    EQ(function_metrics(fn).invocations, 2);
    EQ(function_metrics(fn).abandoned, 1);
}

static void inside_its_own_handler_it_would_deadlock(void **state)
{
    world *w = *state;
    struct inner in;
    probe p = { .answer = NIMBUS_DONE };
    memset(&in, 0, sizeof in);
    in.own = nimbus_function_create(w->nb, "own", invoke_inside, &in, NULL, &w->err);
    in.other = probe_function(w, "other", &p, NULL);
    SETUP_OK(w);
    OK(nimbus_invoke(in.own, nimbus_text("x"), NIMBUS_FOREVER, NULL));
    IS(in.own_status, NIMBUS_E_WOULD_DEADLOCK);
    IS(in.own_no_wait, NIMBUS_E_WOULD_DEADLOCK);
    EQ(in.calls, 1);
    OK(in.other_status); /* another function may be waited for */
    EQ(p.calls, 1);
}

static void with_another_place_it_may_invoke_itself(void **state)
{
    world *w = *state;
    struct inner in;
    probe p = { .answer = NIMBUS_DONE };
    memset(&in, 0, sizeof in);
    in.own = nimbus_function_create(w->nb, "own", invoke_inside, &in, &(nimbus_function_options){ .max_concurrency = 2 }, &w->err);
    in.other = probe_function(w, "other", &p, NULL);
    SETUP_OK(w);
    OK(nimbus_invoke(in.own, nimbus_text("x"), NIMBUS_FOREVER, NULL));
    OK(in.own_status);
    OK(in.own_no_wait);
    OK(in.other_status);
    EQ(in.calls, 3);
}

/* A chain of handlers that wait for each other, longer than the pool is wide at the start: it must grow. */
struct chain {
    nimbus_function *next[12];
    size_t reached;
};

struct link {
    struct chain *chain;
    size_t number;
    nimbus_status status;
};

static nimbus_outcome pass_on(const nimbus_delivery *delivery, void *user)
{
    struct link *l = user;
    (void)delivery;
    l->chain->reached = l->number;
    if (l->number < 11) {
        l->status = nimbus_invoke(l->chain->next[l->number + 1], nimbus_text("x"), NIMBUS_FOREVER, NULL);
    }
    return NIMBUS_DONE;
}

static void a_chain_of_invocations_is_longer_than_the_pool_at_its_start(void **state)
{
    world *w = *state;
    struct chain c;
    struct link links[12];
    char name[8];
    memset(&c, 0, sizeof c);
    memset(links, 0, sizeof links);
    for (size_t i = 0; i < 12; i++) {
        links[i].chain = &c;
        links[i].number = i;
        snprintf(name, sizeof name, "f%zu", i);
        c.next[i] = nimbus_function_create(w->nb, name, pass_on, &links[i], NULL, &w->err);
    }
    SETUP_OK(w);
    OK(nimbus_invoke(c.next[0], nimbus_text("x"), NIMBUS_FOREVER, NULL));
    EQ(c.reached, 11);
    for (size_t i = 0; i < 12; i++) {
        OK(links[i].status);
    }
}

struct later {
    _Atomic(nimbus_invocation *) kept;
};

static nimbus_outcome keep_it(const nimbus_delivery *delivery, void *user)
{
    struct later *l = user;
    atomic_store(&l->kept, nimbus_delivery_keep(delivery));
    return NIMBUS_LATER;
}

static void *finish_with_reply(void *user)
{
    struct later *l = user;
    nimbus_invocation *kept;
    SPIN_UNTIL((kept = atomic_load(&l->kept)) != NULL);
    (void)nimbus_delivery_reply(nimbus_invocation_delivery(kept), nimbus_text("from another thread"));
    (void)nimbus_invocation_finish(kept, NIMBUS_DONE);
    return NULL;
}

static void *finish_with_failure(void *user)
{
    struct later *l = user;
    nimbus_invocation *kept;
    SPIN_UNTIL((kept = atomic_load(&l->kept)) != NULL);
    (void)nimbus_delivery_fail(nimbus_invocation_delivery(kept), "no luck");
    (void)nimbus_invocation_finish(kept, NIMBUS_REJECT);
    return NULL;
}

static void a_kept_one_is_finished_by_another_thread(void **state)
{
    world *w = *state;
    struct later l;
    pthread_t thread;
    nimbus_invoke_result result;
    nimbus_function *fn;
    char text[32];
    memset(&l, 0, sizeof l);
    fn = nimbus_function_create(w->nb, "work", keep_it, &l, NULL, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 20; i++) {
        EQ(pthread_create(&thread, NULL, finish_with_reply, &l), 0);
        memset(&result, 0, sizeof result);
        OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_FOREVER, &result));
        CHECK(!result.function_error);
        text_of(nimbus_message_body(result.payload), text, sizeof text);
        TEXT(text, "from another thread");
        nimbus_message_release(result.payload);
        EQ(pthread_join(thread, NULL), 0);
        atomic_store(&l.kept, NULL);
    }
    EQ(pthread_create(&thread, NULL, finish_with_failure, &l), 0);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_FOREVER, &result));
    CHECK(result.function_error);
    TEXT(result.reason, "no luck");
    EQ(pthread_join(thread, NULL), 0);
}

static void the_timeout_of_a_kept_one_ends_a_synchronous_invocation(void **state)
{
    world *w = *state;
    struct later l;
    nimbus_invoke_result result;
    nimbus_function *fn;
    memset(&l, 0, sizeof l);
    fn = nimbus_function_create(w->nb, "work", keep_it, &l, &(nimbus_function_options){ .timeout = NIMBUS_MS(5) }, &w->err);
    SETUP_OK(w);
    memset(&result, 0, sizeof result);
    OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_FOREVER, &result));
    CHECK(result.function_error);
    IS(nimbus_invocation_finish(atomic_load(&l.kept), NIMBUS_DONE), NIMBUS_STALE);
}

struct waiter {
    nimbus_function *fn;
    nimbus_status status;
};

static void *invoke_and_wait(void *user)
{
    struct waiter *v = user;
    v->status = nimbus_invoke(v->fn, nimbus_text("x"), NIMBUS_FOREVER, NULL);
    return NULL;
}

static void delete_wakes_those_that_wait_for_a_place(void **state)
{
    world *w = *state;
    struct gate g;
    struct waiter first;
    struct waiter second;
    pthread_t threads[2];
    nimbus_function *fn;
    nimbus_status status;
    memset(&g, 0, sizeof g);
    fn = nimbus_function_create(w->nb, "work", behind_the_gate, &g, NULL, &w->err);
    SETUP_OK(w);
    first.fn = second.fn = fn;
    EQ(pthread_create(&threads[0], NULL, invoke_and_wait, &first), 0);
    SPIN_UNTIL(atomic_load(&g.entered) == 1);
    EQ(pthread_create(&threads[1], NULL, invoke_and_wait, &second), 0);
    IS(nimbus_function_delete(fn, NIMBUS_MS(1)), NIMBUS_E_TIMEOUT); /* ended, but a call still runs */
    EQ(pthread_join(threads[1], NULL), 0);
    IS(second.status, NIMBUS_E_DELETED);
    atomic_store(&g.open, true);
    EQ(pthread_join(threads[0], NULL), 0);
    CHECK(first.status == NIMBUS_OK || first.status == NIMBUS_E_DELETED);
    status = nimbus_function_delete(fn, NIMBUS_FOREVER);
    IS(status, NIMBUS_E_DELETED); /* it has waited all the same */
    EQ(atomic_load(&g.left), 1);
    EQ(function_metrics(fn).running, 0);
}

static void shutdown_wakes_those_that_wait(void **state)
{
    world *w = *state;
    struct later l;
    struct waiter v;
    pthread_t thread;
    nimbus_leftovers left;
    memset(&l, 0, sizeof l);
    v.fn = nimbus_function_create(w->nb, "work", keep_it, &l, NULL, &w->err);
    SETUP_OK(w);
    EQ(pthread_create(&thread, NULL, invoke_and_wait, &v), 0);
    SPIN_UNTIL(atomic_load(&l.kept) != NULL);
    memset(&left, 0, sizeof left);
    (void)nimbus_shutdown(w->nb, 0, &left);
    EQ(pthread_join(thread, NULL), 0);
    IS(v.status, NIMBUS_E_CLOSED);
    CHECK(nimbus_is_closing(w->nb));
    (void)nimbus_invocation_finish(atomic_load(&l.kept), NIMBUS_DONE);
}

/* max_concurrency, seen on real threads. */
struct overlap {
    atomic_size_t running;
    atomic_size_t most;
    atomic_size_t left;
    size_t meet; /* so many wait for each other once: proof that they do run at once */
    atomic_bool met;
};

static nimbus_outcome overlapping(const nimbus_delivery *delivery, void *user)
{
    struct overlap *o = user;
    size_t now = atomic_fetch_add(&o->running, 1) + 1;
    size_t most = atomic_load(&o->most);
    (void)delivery;
    while (now > most && !atomic_compare_exchange_weak(&o->most, &most, now)) {
    }
    if (now >= o->meet) {
        atomic_store(&o->met, true);
    }
    SPIN_UNTIL(atomic_load(&o->met));
    sched_yield();
    atomic_fetch_sub(&o->running, 1);
    atomic_fetch_add(&o->left, 1);
    return NIMBUS_DONE;
}

static void never_more_calls_at_once_than_max_concurrency(void **state)
{
    world *w = *state;
    struct overlap by_default;
    struct overlap three;
    nimbus_function *one;
    nimbus_function *fn;
    nimbus_queue *queue = make_queue(w, "queue");
    memset(&by_default, 0, sizeof by_default);
    memset(&three, 0, sizeof three);
    by_default.meet = 1;
    three.meet = 3;
    one = nimbus_function_create(w->nb, "one", overlapping, &by_default, NULL, &w->err);
    fn = nimbus_function_create(w->nb, "three", overlapping, &three, &(nimbus_function_options){ .max_concurrency = 3 }, &w->err);
    nimbus_function_map(fn, queue, &(nimbus_mapping_options){ .batch_size = 1 }, &w->err);
    SETUP_OK(w);
    for (int i = 0; i < 500; i++) {
        OK(nimbus_invoke_async(one, nimbus_text("x"), NULL));
        OK(nimbus_invoke_async(fn, nimbus_text("x"), NULL));
        OK(send_text(queue, "x"));
    }
    for (int i = 0; i < 50; i++) {
        OK(nimbus_invoke(fn, nimbus_text("x"), NIMBUS_FOREVER, NULL));
        OK(nimbus_invoke(one, nimbus_text("x"), NIMBUS_FOREVER, NULL));
    }
    SPIN_UNTIL(atomic_load(&by_default.left) == 550 && atomic_load(&three.left) == 1050);
    EQ(atomic_load(&by_default.most), 1);
    EQ(atomic_load(&three.most), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(la_i1_the_caller_waits_and_gets_the_result_or_a_function_error),
        DRIVEN(la_i4_a_synchronous_invocation_is_never_retried),
        DRIVEN(the_last_reply_that_succeeded_counts),
        DRIVEN(a_long_reason_is_cut),
        DRIVEN(inside_a_handler_of_a_driven_instance),
        DRIVEN(a_kept_one_would_block_under_a_manual_clock),
        DRIVEN(invoke_drives_what_waits_before_it),
        DRIVEN(a_batch_handler_invoked_directly_gets_batches_of_one),
        THREADED(timeout_while_it_runs_drops_the_result),
        THREADED(inside_its_own_handler_it_would_deadlock),
        THREADED(with_another_place_it_may_invoke_itself),
        THREADED(a_chain_of_invocations_is_longer_than_the_pool_at_its_start),
        THREADED(a_kept_one_is_finished_by_another_thread),
        THREADED(the_timeout_of_a_kept_one_ends_a_synchronous_invocation),
        THREADED(delete_wakes_those_that_wait_for_a_place),
        THREADED(shutdown_wakes_those_that_wait),
        THREADED(never_more_calls_at_once_than_max_concurrency),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
