/*
 * instance.c - whole instances, by the public API alone: a pool of real workers (fibers here) and the clock thread.
 *
 * The scenario's thread that is done last closes the instance, with a drain that has no end. So work that was accepted and that no worker
 * comes for, or a worker that is not woken, is a thread that waits for ever.
 */
#include <nimbus/nimbus.h>

#include "explore.h"
#include "sync/atomic.h"

static nimbus_runtime *nb;
static nimbus_function *function;
static nimbus_topic *topic;
static nimbus_queue *queue;
static nimbus_bus *bus;
static nimbus_subscription *subscription;
static _Atomic uint32_t at_work; /* scenario threads that are not done */
static uint32_t handled, accepted, inside, most_inside;
static uint64_t pending; /* what the drain did not wait for: retries that are due later */
static uint64_t users; /* the handler's own data; plain */
static bool ended;     /* after this no handler may begin */

static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    (void)user;
    explore_check(!ended);
    inside++;
    most_inside = inside > most_inside ? inside : most_inside;
    explore_yield();
    handled++;
    inside--;
    return NIMBUS_DONE;
}

/* Declared for one call at a time: two at once, or one that does not see what the one before it wrote, are a race. */
static nimbus_outcome handle_alone(const nimbus_delivery *delivery, void *user)
{
    nb_plain_write(&users);
    users++;
    return handle(delivery, user);
}

static void open_instance(uint32_t workers, uint32_t threads)
{
    nimbus_error err = { 0 };
    nimbus_options options = { .min_workers = workers, .max_workers = workers, .seed = 42 };

    nb = nimbus_open(&options, &err);
    explore_check(nb != NULL && err.status == NIMBUS_OK);
    nb_atomic_init(&at_work, threads);
    handled = accepted = inside = most_inside = 0;
    users = pending = 0;
    ended = false;
    function = NULL;
    topic = NULL;
    queue = NULL;
    subscription = NULL;
}

/* The last one closes. */
static void done(void)
{
    nimbus_leftovers left = { 0 };

    if (nb_sub_acq_rel(&at_work, 1) == 1) {
        explore_check(nimbus_close(nb, NIMBUS_FOREVER, &left) == NIMBUS_OK);
        pending = left.pending;
    }
}

static void invoke(void)
{
    nimbus_status status = nimbus_invoke_async(function, nimbus_text("x"), NULL);

    explore_check(status == NIMBUS_OK || status == NIMBUS_E_DELETED || status == NIMBUS_E_CLOSED);
    accepted += status == NIMBUS_OK;
}

/* ------------------------------------------------------------------------------------------ the function word */

static void setup_alone(void)
{
    open_instance(1, 2);
    function = nimbus_function_create(nb, "f", handle_alone, NULL, NULL, NULL);
    explore_check(function != NULL);
}

static void all_handled(void)
{
    explore_check(handled + pending == accepted);
    explore_note(most_inside << 8 | handled);
}

/*
 * Two who invoke, one worker, one call at a time. Wrong: the worker leaves while somebody pushes (run.c, stay.c, activate.c): the work
 * stays there; or the task is queued twice, and runs twice at once.
 */
static void leave_push(uint32_t me)
{
    invoke();
    if (me == 0) {
        invoke();
    }
    done();
}

static void setup_two_workers_alone(void)
{
    open_instance(2, 2);
    function = nimbus_function_create(nb, "f", handle_alone, NULL, NULL, NULL);
}

static void setup_two_workers(void)
{
    open_instance(2, 2);
    function = nimbus_function_create(nb, "f", handle, NULL, &(nimbus_function_options){ .max_concurrency = 2 }, NULL);
}

/* The limit is lowered while both places are taken, and raised again. Wrong: work that waits is not looked at again (activate.c). */
static void limit(uint32_t me)
{
    if (me == 0) {
        invoke();
        invoke();
    } else {
        explore_check(nimbus_function_set_concurrency(function, 1) == NIMBUS_OK);
        explore_check(nimbus_function_set_concurrency(function, 2) == NIMBUS_OK);
    }
    done();
}

/* No call begins after the delete has returned. */
static void delete_function(uint32_t me)
{
    if (me == 0) {
        invoke();
        invoke();
    } else {
        explore_check(nimbus_function_delete(function, NIMBUS_FOREVER) == NIMBUS_OK);
        explore_check(inside == 0);
        ended = true;
    }
    done();
}

static void some_handled(void)
{
    explore_check(handled <= accepted);
    explore_note(handled);
}

/* Invoked and waited for, by two at once. */
static void invoke_and_wait(uint32_t me)
{
    nimbus_invoke_result result = { 0 };

    (void)me;
    explore_check(nimbus_invoke(function, nimbus_text("x"), NIMBUS_FOREVER, &result) == NIMBUS_OK);
    accepted++;
    done();
}

/* The same where the invoker looks for the answer before it sleeps. */
static void setup_looked(void)
{
    explore_processors(2);
    setup_alone();
}

/* The answer comes while its invoker's time runs out. Wrong: who answers wakes the invoker when he has let go of the call (settle.c). */
static void invoke_in_time(uint32_t me)
{
    nimbus_invoke_result result = { 0 };
    nimbus_status status = NIMBUS_OK;

    if (me == 0) {
        status = nimbus_invoke(function, nimbus_text("x"), NIMBUS_MS(1), &result);
        explore_check(status == NIMBUS_OK || status == NIMBUS_E_TIMEOUT);
        explore_note(status == NIMBUS_OK);
    } else {
        explore_pass_time(NIMBUS_MS(2));
    }
    done();
}

/* A shutdown against invocations: each is refused or handled. */
static void shutdown_function(uint32_t me)
{
    if (me == 0) {
        invoke();
        invoke();
    } else {
        nimbus_status status = nimbus_shutdown(nb, NIMBUS_FOREVER, NULL);

        if (status != NIMBUS_OK) {
            explore_fail("shutdown: %d", (int)status);
        }
    }
    done();
}

/* ------------------------------------------------------------------------------------------- topics and buses */

static nimbus_outcome read_users(const nimbus_delivery *delivery, void *user)
{
    (void)delivery;
    explore_check(!ended);
    nb_plain_read((const uint64_t *)user);
    handled++;
    return NIMBUS_DONE;
}

static void free_users(void *user)
{
    nb_plain_write((uint64_t *)user);
}

static void setup_topic(void)
{
    open_instance(1, 2);
    topic = nimbus_topic_create(nb, "t", NULL, NULL);
    explore_check(nimbus_topic_subscribe(topic, nimbus_to_inline(read_users, &users, free_users), NULL, NULL, &subscription) == NIMBUS_OK);
}

/* No inline call begins after the unsubscribe has returned, and the user's data is destroyed after the last one. */
static void unsubscribe(uint32_t me)
{
    nimbus_entry entry = { .body = nimbus_text("x") };

    if (me == 0) {
        explore_check(nimbus_topic_publish(topic, &entry, NULL) >= NIMBUS_OK);
        explore_check(nimbus_topic_publish(topic, &entry, NULL) >= NIMBUS_OK);
    } else {
        explore_check(nimbus_unsubscribe(subscription, NIMBUS_FOREVER) == NIMBUS_OK);
        ended = true;
    }
    done();
}

static void noted(void)
{
    explore_note(handled);
}

static void setup_topic_to_queue(void)
{
    open_instance(1, 3);
    topic = nimbus_topic_create(nb, "t", NULL, NULL);
    queue = nimbus_queue_create(nb, "q", NULL, NULL);
    explore_check(nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, NULL, &subscription) == NIMBUS_OK);
}

static void receive_until_closed(nimbus_status *ret_status)
{
    nimbus_delivery delivery = { 0 };
    size_t count = 0;

    *ret_status = nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &delivery, 1, &count);
    if (count == 1) {
        handled++;
        nimbus_delivery_delete(&delivery);
    }
}

/* A receiver without end, a publisher, and one who subscribes a second time and leaves again: the first subscription gets its message. */
static void publish_receive(uint32_t me)
{
    nimbus_entry entry = { .body = nimbus_text("x") };
    nimbus_subscription *second = NULL;
    nimbus_status status;

    if (me == 0) {
        explore_check(nimbus_topic_publish(topic, &entry, NULL) == NIMBUS_OK);
    } else if (me == 1) {
        receive_until_closed(&status);
        explore_check(status == NIMBUS_OK);
    } else {
        explore_check(nimbus_topic_subscribe(topic, nimbus_to_inline(handle, NULL, NULL), NULL, NULL, &second) == NIMBUS_OK);
        explore_check(nimbus_unsubscribe(second, 0) == NIMBUS_OK);
    }
    done();
}

/* Who waits in a receive wakes at the shutdown, and what was sent before it is not lost on the way. */
static void setup_queue(void)
{
    open_instance(1, 3);
    queue = nimbus_queue_create(nb, "q", NULL, NULL);
}

static void setup_queue_for_two(void)
{
    open_instance(1, 2);
    queue = nimbus_queue_create(nb, "q", NULL, NULL);
}

static void shutdown_receive(uint32_t me)
{
    nimbus_entry entry = { .body = nimbus_text("x") };
    nimbus_status status;

    if (me == 0) {
        receive_until_closed(&status);
        explore_check(status == NIMBUS_OK || status == NIMBUS_E_CLOSED);
    } else if (me == 1) {
        status = nimbus_queue_send(queue, &entry, NULL);
        explore_check(status == NIMBUS_OK || status == NIMBUS_E_CLOSED);
    } else {
        nimbus_shutdown(nb, 0, NULL);
    }
    if (nb_sub_acq_rel(&at_work, 1) == 1) {
        explore_check(nimbus_close(nb, 0, NULL) == NIMBUS_OK);
    }
}

/*
 * A message comes at the very end of a wait: the receiver goes with it, or leaves it there; and what it waited by is gone with it. Wrong:
 * it leaves while the sender, who has handed it the message, is about to wake it (queue/work.c).
 */
static void receive_for_a_moment(uint32_t me)
{
    nimbus_entry entry = { .body = nimbus_text("x") };
    nimbus_delivery delivery = { 0 };
    size_t count = 0;

    if (me == 0) {
        nimbus_status status = nimbus_queue_receive(queue, NIMBUS_SECONDS(1), NULL, &delivery, 1, &count);

        explore_check(status == (count == 1 ? NIMBUS_OK : NIMBUS_EMPTY));
        if (count == 0) {
            status = nimbus_queue_receive(queue, NIMBUS_FOREVER, NULL, &delivery, 1, &count);
        }
        explore_check(status == NIMBUS_OK && count == 1 && nimbus_delivery_delete(&delivery) == NIMBUS_OK);
    } else {
        explore_check(nimbus_queue_send(queue, &entry, NULL) == NIMBUS_OK);
    }
    done();
}

/* A rule is put and deleted while events are put: each put sees the rules before or after, whole. */
static void setup_bus(void)
{
    open_instance(1, 2);
    bus = nimbus_bus_find(nb, "default", NULL);
    queue = nimbus_queue_create(nb, "q", NULL, NULL);
    explore_check(nimbus_rule_put(bus, "r", "{\"source\":[\"a\"]}", NULL, NULL) == NIMBUS_OK);
    explore_check(nimbus_rule_target(bus, "r", "t", nimbus_to_queue(queue), NULL, NULL) == NIMBUS_OK);
}

static void rules(uint32_t me)
{
    nimbus_event event = { .source = "a", .detail_type = "d", .detail = { "{}", 2 } };
    nimbus_put_result result = { 0 };

    if (me == 0) {
        explore_check(nimbus_bus_put(bus, &event, &result) >= NIMBUS_OK);
        explore_check(result.matched <= 1);
        explore_note(result.matched);
    } else {
        explore_check(nimbus_rule_put(bus, "s", "{\"source\":[\"b\"]}", NULL, NULL) == NIMBUS_OK);
        explore_check(nimbus_rule_delete(bus, "r", true) == NIMBUS_OK);
    }
    if (nb_sub_acq_rel(&at_work, 1) == 1) {
        explore_check(nimbus_close(nb, 0, NULL) == NIMBUS_OK);
    }
}

static const explore_scenario scenarios[] = {
    { .name = "function_leave_push", .threads = 2, .setup = setup_alone, .thread = leave_push, .finish = all_handled, .share = 4 },
    { .name = "function_one_at_a_time", .threads = 2, .setup = setup_two_workers_alone, .thread = leave_push, .finish = all_handled,
      .share = 4 },
    { .name = "function_two_at_a_time", .threads = 2, .setup = setup_two_workers, .thread = leave_push, .finish = all_handled,
      .share = 4 },
    { .name = "function_limit_lowered", .threads = 2, .setup = setup_two_workers, .thread = limit, .finish = all_handled, .share = 4 },
    { .name = "function_delete", .threads = 2, .setup = setup_two_workers, .thread = delete_function, .finish = some_handled, .share = 4 },
    { .name = "function_invoke", .threads = 2, .setup = setup_alone, .thread = invoke_and_wait, .finish = all_handled, .share = 4 },
    { .name = "function_invoke_looked", .threads = 2, .setup = setup_looked, .thread = invoke_and_wait, .finish = all_handled,
      .share = 4 },
    { .name = "function_invoke_in_time", .threads = 2, .setup = setup_looked, .thread = invoke_in_time, .finish = noted, .share = 4 },
    { .name = "function_shutdown", .threads = 2, .setup = setup_alone, .thread = shutdown_function, .finish = all_handled, .share = 4 },
    { .name = "topic_unsubscribe", .threads = 2, .setup = setup_topic, .thread = unsubscribe, .finish = noted, .share = 4 },
    { .name = "topic_publish_receive", .threads = 3, .setup = setup_topic_to_queue, .thread = publish_receive, .finish = noted,
      .share = 4 },
    { .name = "queue_shutdown_receive", .threads = 3, .setup = setup_queue, .thread = shutdown_receive, .finish = noted, .share = 4 },
    { .name = "queue_receive_for_a_moment", .threads = 2, .setup = setup_queue_for_two, .thread = receive_for_a_moment, .finish = noted,
      .share = 4 },
    { .name = "bus_rules", .threads = 2, .setup = setup_bus, .thread = rules, .finish = noted, .share = 4 },
};

static const explore_subject subject = { "instance", NULL, NULL, scenarios, EXPLORE_COUNT(scenarios) };
EXPLORE_SUBJECT(subject);
