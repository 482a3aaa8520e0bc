/* The hook that is told of what expired or was dropped: each once, with the user pointer's end in its place. */
#include "../support/support.h"

typedef struct told {
    atomic_size_t expired, dropped, destroyed;
    atomic_size_t after_the_end; /* calls behind destroy */
    atomic_int status;           /* of what the hook tried */
    nimbus_queue *forward;       /* where the hook sends what it is told of; NULL: nowhere */
    nimbus_queue *ends;          /* what the hook deletes and lets go of; NULL: nothing */
    nimbus_runtime *advances;
    char body[32];
    uint64_t id;
    bool counts_only;            /* the hook runs on several threads at once */
} told;

static void discard(nimbus_queue *queue, const nimbus_message *message, nimbus_id id, nimbus_discard_reason why, void *user)
{
    told *t = user;
    nimbus_queue *ends = t->ends;

    atomic_fetch_add(why == NIMBUS_DISCARD_EXPIRED ? &t->expired : &t->dropped, 1);
    atomic_fetch_add(&t->after_the_end, atomic_load(&t->destroyed));
    if (t->counts_only) {
        return;
    }
    bytes_text(nimbus_message_body(message), t->body, sizeof t->body);
    t->id = id.number;
    if (t->forward != NULL) {
        nimbus_entry entry = { 0 };

        entry.body = nimbus_share(message);
        t->status = nimbus_queue_send(t->forward, &entry, NULL);
    }
    if (t->advances != NULL) {
        t->status = nimbus_advance(t->advances, NIMBUS_SECONDS(1));
    }
    if (ends != NULL) {
        t->ends = NULL;
        nimbus_queue_delete(ends);
        nimbus_queue_release(ends);
    }
    (void)queue;
}

static void destroy(void *user)
{
    atomic_fetch_add(&((told *)user)->destroyed, 1);
}

static void told_of_what_expires(void **state)
{
    world *w = *state;
    static told t; /* the close calls its end */
    nimbus_queue *queue = QUEUE(w, "q", .retention = NIMBUS_MINUTES(1), .on_discard = discard, .on_discard_user = &t,
                                .on_discard_destroy = destroy);
    nimbus_id id = SEND(queue, "old");

    t = (told){ 0 };
    SEND_DELAYED(queue, "delayed", NIMBUS_MINUTES(2));
    (void)SEND(queue, "taken");
    ADVANCE(w, NIMBUS_SECONDS(60));
    ADVANCE(w, NIMBUS_MS(1));
    EQ(t.expired, 3);
    EQ(t.dropped, 0);
    EQ(METRICS(queue).expired, 3);
    CHECK(t.id >= id.number);
    SEND(queue, "purged");
    OK(nimbus_queue_purge(queue, NULL));
    SEND(queue, "deleted");
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "deleted")));
    SEND(queue, "left");
    EQ(t.destroyed, 0);
    OK(nimbus_queue_delete(queue));
    EQ(t.expired, 3); /* no deletes, no purge, not the end */
    EQ(t.destroyed, 1);
}

static void told_of_what_is_dropped(void **state)
{
    world *w = *state;
    nimbus_queue *graves = PLAIN_QUEUE(w, "graves");
    static told t;
    nimbus_queue *queue;

    t = (told){ .forward = graves };
    queue = QUEUE(w, "q", .capacity_messages = 2, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST, .on_discard = discard, .on_discard_user = &t);
    SEND(queue, "a");
    SEND(queue, "b");
    EQ(t.dropped, 0);
    SEND(queue, "c");
    EQ(t.dropped, 1);
    TEXT(t.body, "a");
    SEND(queue, "d");
    EQ(t.dropped, 2);
    TEXT(t.body, "b");
    OK(t.status); /* it may send */
    COUNTS(graves, 2, 0, 0);
    RECEIVE(graves, NULL, "a");
    RECEIVE(graves, NULL, "b");
    RECEIVE(queue, NULL, "c");
    EQ(METRICS(queue).dropped, 2);
}

static void none_is_lost_in_great_number(void **state)
{
    world *w = *state;
    nimbus_queue *graves = PLAIN_QUEUE(w, "graves");
    static told t;
    nimbus_queue *queue;
    size_t i;

    t = (told){ .forward = graves };
    queue = QUEUE(w, "q", .retention = NIMBUS_MINUTES(1), .on_discard = discard, .on_discard_user = &t);
    for (i = 0; i < 500; i++) {
        SEND(queue, "m");
    }
    ADVANCE(w, NIMBUS_MINUTES(1) + NIMBUS_MS(1));
    EQ(t.expired, 500);
    COUNTS(queue, 0, 0, 0);
    COUNTS(graves, 500, 0, 0);
}

static void the_end_of_the_user_pointer(void **state)
{
    world *w = *state;
    static told first, second;
    nimbus_queue_options options = { .retention = NIMBUS_MINUTES(1), .on_discard = discard, .on_discard_destroy = destroy };
    nimbus_queue *queue;
    char field[48];

    first = (told){ 0 };
    second = (told){ 0 };
    options.on_discard_user = &first;
    queue = test_queue(w, "q", &options, __FILE__, __LINE__);
    (void)test_queue(w, "q", &options, __FILE__, __LINE__); /* the same again: found, and the pointer stays ours */
    EQ(first.destroyed, 0);
    options.on_discard_user = &second;
    IS(create_status(w, "q", &options, field), NIMBUS_E_EXISTS);
    TEXT(field, "on_discard");
    EQ(second.destroyed, 0);
    options.retention = NIMBUS_SECONDS(1);
    IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_INVALID);
    EQ(second.destroyed, 0);
    OK(nimbus_queue_get_options(queue, &options));
    CHECK(options.on_discard_user == &first);
    options.retention = NIMBUS_MINUTES(2);
    OK(nimbus_queue_set_options(queue, &options, NULL)); /* got, edited, set: it goes on with the same one */
    EQ(first.destroyed, 0);
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_MINUTES(2) + NIMBUS_MS(1));
    EQ(first.expired, 1);
    options.on_discard_user = &second;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    EQ(first.destroyed, 1);
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_MINUTES(2) + NIMBUS_MS(1));
    EQ(first.expired, 1);
    EQ(second.expired, 1);
    OK(nimbus_queue_set_options(queue, NULL, NULL));
    EQ(second.destroyed, 1);
    EQ(first.after_the_end + second.after_the_end, 0);
    EQ(first.destroyed, 1);
    IS(create_status(w, "x", &(nimbus_queue_options){ .on_discard_user = &first }, field), NIMBUS_E_INVALID);
    TEXT(field, "on_discard");
}

static void the_hook_may_end_its_own_queue(void **state)
{
    world *w = *state;
    static told t;
    nimbus_queue *queue;

    t = (told){ 0 };
    queue = QUEUE(w, "q", .retention = NIMBUS_MINUTES(1), .on_discard = discard, .on_discard_user = &t, .on_discard_destroy = destroy);
    t.ends = queue;
    SEND(queue, "m");
    SEND(queue, "n");
    ADVANCE(w, NIMBUS_MINUTES(2));
    CHECK(t.expired >= 1);
    EQ(t.destroyed, 1);
    EQ(t.after_the_end, 0);
    CHECK(nimbus_queue_find(w->nb, "q", NULL) == NULL);
}

static void the_hook_is_told_that_it_would_wait_for_itself(void **state)
{
    world *w = *state;
    static told t;
    nimbus_queue *queue;

    t = (told){ .advances = w->nb };
    queue = QUEUE(w, "q", .retention = NIMBUS_MINUTES(1), .on_discard = discard, .on_discard_user = &t);
    SEND(queue, "m");
    ADVANCE(w, NIMBUS_MINUTES(2));
    EQ(t.expired, 1);
    IS((nimbus_status)t.status, NIMBUS_E_WOULD_DEADLOCK);
}

/* ------------------------------------------------------------------------------------------------ threads */

typedef struct sender {
    nimbus_queue *queue;
    pthread_t thread;
} sender;

static void *send_much(void *user)
{
    sender *s = user;
    nimbus_entry entry = entry_of("m");

    for (size_t i = 0; i < 2000; i++) {
        (void)nimbus_queue_send(s->queue, &entry, NULL);
    }
    return NULL;
}

static void each_once_while_hooks_change(void **state)
{
    world *w = *state;
    static told t[3];
    nimbus_queue_options options = { .capacity_messages = 4, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST, .on_discard = discard,
                                     .on_discard_destroy = destroy };
    nimbus_queue *queue;
    sender senders[3];
    nimbus_queue_metrics m;
    size_t i;

    for (i = 0; i < 3; i++) {
        t[i] = (told){ .counts_only = true };
    }
    options.on_discard_user = &t[0];
    queue = test_queue(w, "q", &options, __FILE__, __LINE__);
    for (i = 0; i < 3; i++) {
        senders[i].queue = queue;
        EQ(pthread_create(&senders[i].thread, NULL, send_much, &senders[i]), 0);
    }
    for (i = 1; i < 3; i++) {
        EVENTUALLY(t[i - 1].dropped > 100 || METRICS(queue).accepted == 6000);
        options.on_discard_user = &t[i];
        OK(nimbus_queue_set_options(queue, &options, NULL));
    }
    for (i = 0; i < 3; i++) {
        EQ(pthread_join(senders[i].thread, NULL), 0);
    }
    m = METRICS(queue);
    EQ(t[0].dropped + t[1].dropped + t[2].dropped, m.dropped);
    EQ(t[0].destroyed, 1);
    EQ(t[1].destroyed, 1);
    EQ(t[2].destroyed, 0);
    EQ(t[0].after_the_end + t[1].after_the_end, 0);
    EQ(m.accepted + m.refused, 6000); /* refused: for a moment all four places were those of other senders, under way */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DRIVEN(told_of_what_expires),
        DRIVEN(told_of_what_is_dropped),
        DRIVEN(none_is_lost_in_great_number),
        DRIVEN(the_end_of_the_user_pointer),
        DRIVEN(the_hook_may_end_its_own_queue),
        DRIVEN(the_hook_is_told_that_it_would_wait_for_itself),
        THREADED(each_once_while_hooks_change),
    };
    return cmocka_run_group_tests_name("queue_discard", tests, NULL, NULL);
}
