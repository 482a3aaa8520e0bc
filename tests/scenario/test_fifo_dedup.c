/* test_fifo_dedup.c - FIFO queues: what is taken for a duplicate, for how long, and what the sender is told. */
#include "support.h"

#define WINDOW NIMBUS_SECONDS(300)
#define HASH_OF_TEST "532eaabd9574880dbf76b9b8cc00832c20a6ec113d682299550d7a6e0f345e25"

#define FIFO(w, name, ...) QUEUE(w, name, .fifo = true, __VA_ARGS__)

/* Sends and fails the test unless the status is the one expected. dedup NULL: none given. */
static nimbus_sent send_as(nimbus_queue *queue, const char *body, const char *group, const char *dedup, nimbus_status want, int line)
{
    nimbus_entry entry = { .body = nimbus_text(body), .group_id = group, .deduplication_id = dedup };
    nimbus_sent sent = { 0 };

    test_status(nimbus_queue_send(queue, &entry, &sent), want, body, __FILE__, line);
    test_status(sent.status, want, body, __FILE__, line);
    return sent;
}

#define SENT(queue, body, group, dedup) send_as((queue), (body), (group), (dedup), NIMBUS_OK, __LINE__)
#define REFUSED(queue, body, group, dedup, status) send_as((queue), (body), (group), (dedup), (status), __LINE__)

/* A duplicate, which names the original and no place. */
static void duplicate_of(nimbus_queue *queue, const char *body, const char *group, const char *dedup, nimbus_sent original, int line)
{
    nimbus_sent sent = send_as(queue, body, group, dedup, NIMBUS_DUPLICATE, line);

    test_true(ids_equal(sent.id, original.id), "the original's id", __FILE__, line);
    test_equal(sent.sequence, original.sequence, "the original's sequence", __FILE__, line);
    test_equal(sent.place.place | sent.place.generation, 0, "place", __FILE__, line);
}

#define DUPLICATE(queue, body, group, dedup, original) duplicate_of((queue), (body), (group), (dedup), (original), __LINE__)

static void delete_next(nimbus_queue *queue, const char *text)
{
    nimbus_delivery delivery = { 0 };

    RECEIVE(queue, &delivery, text);
    OK(nimbus_delivery_delete(&delivery));
}

/* ------------------------------------------------------------------------------------------ what is a duplicate */

static void sqs_f15_explicit_id_or_hash_of_the_body(void **state)
{
    world *w = *state;
    nimbus_queue *plain = FIFO(w, "plain.fifo", .delay = 0), *content = FIFO(w, "content.fifo", .content_based_deduplication = true);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info;
    nimbus_sent first;

    REFUSED(plain, "Test", "g", NULL, NIMBUS_E_INVALID); /* neither */
    first = SENT(content, "Test", "g", NULL);
    DUPLICATE(content, "Test", "g", NULL, first);
    SENT(content, "Test2", "g", NULL);
    first = SENT(content, "Test", "g", "explicit"); /* explicit wins over content */
    DUPLICATE(content, "something else", "g", "explicit", first);
    RECEIVE(content, &delivery, "Test");
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.deduplication_id, HASH_OF_TEST);
    TEXT(info.group_id, "g");
    OK(nimbus_delivery_delete(&delivery));
    COUNTS(content, 2, 0, 0);
    COUNTS(plain, 0, 0, 0);
}

static void sqs_f15_attributes_are_no_content(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .content_based_deduplication = true);
    nimbus_attribute attribute = nimbus_string("a", "b");
    nimbus_entry entry = { .body = nimbus_text("Test"), .group_id = "g", .attributes = &attribute, .attribute_count = 1 };

    SENT(queue, "Test", "g", NULL);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_DUPLICATE);
    COUNTS(queue, 1, 0, 0);
}

static void sqs_f16_a_duplicate_is_accepted_and_names_the_original(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    nimbus_sent first = SENT(queue, "one", "g", "id"), other = SENT(queue, "two", "g", "other");
    adopted buffer;
    nimbus_entry entry = { .body = adopted_body(&buffer, "adopted"), .group_id = "h", .deduplication_id = "id" };

    CHECK(!ids_equal(first.id, other.id));
    EQ(first.sequence, 1);
    EQ(other.sequence, 2);
    DUPLICATE(queue, "three", "g", "id", first);
    DUPLICATE(queue, "two", "g", "other", other);
    EQ(buffer.frees, 0);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_DUPLICATE); /* accepted: the buffer is the library's, which has no use for it */
    EQ(buffer.frees, 1);
    COUNTS(queue, 2, 0, 0);
    EQ(METRICS(queue).accepted, 2);
    EQ(METRICS(queue).duplicates, 3);
    EQ(METRICS(queue).dedup_entries, 2);
    CHECK(METRICS(queue).dedup_bytes > 0);
    EQ(SENT(queue, "four", "g", "new").sequence, 3); /* a duplicate uses none up */
}

static void sqs_f17_one_name_space(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .content_based_deduplication = true);
    nimbus_sent first = SENT(queue, "Test", "g", NULL), second;

    DUPLICATE(queue, "something else", "g", HASH_OF_TEST, first);
    second = SENT(queue, "more", "g", "ae4b"); /* and the other way round */
    DUPLICATE(queue, "Test", "g", "ae4b", second);
}

static void sqs_f18_survives_receive_and_delete(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .content_based_deduplication = true);
    nimbus_sent first = SENT(queue, "Test", "g", NULL);

    delete_next(queue, "Test");
    DUPLICATE(queue, "Test", "g", NULL, first);
    RECEIVE_NONE(queue);
    EQ(METRICS(queue).dedup_entries, 1);
    first = SENT(queue, "Test2", "g", NULL);
    OK(nimbus_queue_delete_message(queue, TAKE(queue, "Test2"))); /* by its receipt it is no other */
    DUPLICATE(queue, "Test2", "g", NULL, first);
    EQ(METRICS(queue).dedup_entries, 2);
}

static void sqs_f19_five_minutes_from_the_first(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    nimbus_sent first = SENT(queue, "one", "g", "id"), second;

    delete_next(queue, "one");
    ADVANCE(w, WINDOW - 1);
    DUPLICATE(queue, "two", "g", "id", first); /* does not extend it */
    ADVANCE(w, 1);
    second = SENT(queue, "three", "g", "id");
    CHECK(!ids_equal(first.id, second.id));
    DUPLICATE(queue, "four", "g", "id", second);
    ADVANCE(w, WINDOW - 1);
    DUPLICATE(queue, "five", "g", "id", second);
    delete_next(queue, "three");
}

static void sqs_f20_the_scope(void **state)
{
    world *w = *state;
    nimbus_queue *whole = FIFO(w, "whole.fifo", .delay = 0);
    nimbus_queue *groups = FIFO(w, "groups.fifo", .content_based_deduplication = true, .deduplication_scope = NIMBUS_DEDUP_GROUP);
    nimbus_sent first = SENT(whole, "one", "g", "id"), one, two;

    DUPLICATE(whole, "one", "other", "id", first);
    one = SENT(groups, "Test", "g", NULL);
    two = SENT(groups, "Test", "other", NULL);
    DUPLICATE(groups, "Test", "g", NULL, one);
    DUPLICATE(groups, "x", "other", HASH_OF_TEST, two);
    SENT(groups, "x", "ab", "c"); /* group and id are not run together */
    SENT(groups, "x", "a", "bc");
    SENT(groups, "x", "bc", "a"); /* nor id and group */
    SENT(groups, "x", "c", "ab");
    COUNTS(groups, 6, 0, 0);
}

static void sqs_f21_the_scope_of_a_queue_in_use(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    nimbus_queue_options options;
    nimbus_error err = { 0 };

    SENT(queue, "one", "g", "id");
    OK(nimbus_queue_get_options(queue, &options));
    options.deduplication_scope = NIMBUS_DEDUP_GROUP;
    IS(nimbus_queue_set_options(queue, &options, &err), NIMBUS_E_UNSUPPORTED);
    TEXT(err.field, "deduplication_scope");
    delete_next(queue, "one"); /* empty, but it remembers */
    IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_UNSUPPORTED);
    OK(nimbus_queue_get_options(queue, &options));
    EQ(options.deduplication_scope, NIMBUS_DEDUP_QUEUE);
    SENT(queue, "two", "g", "two");
    ADVANCE(w, WINDOW);
    EQ(METRICS(queue).dedup_entries, 0);
    options.deduplication_scope = NIMBUS_DEDUP_GROUP;
    IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_UNSUPPORTED); /* it has forgotten, and is not empty */
    delete_next(queue, "two");
    options.deduplication_scope = NIMBUS_DEDUP_GROUP;
    OK(nimbus_queue_set_options(queue, &options, NULL));
    SENT(queue, "one", "g", "id");
    SENT(queue, "one", "h", "id");
    options.content_based_deduplication = true; /* this may be changed at any time */
    OK(nimbus_queue_set_options(queue, &options, NULL));
    SENT(queue, "two", "g", NULL);
    options.deduplication_scope = NIMBUS_DEDUP_QUEUE;
    IS(nimbus_queue_set_options(queue, &options, NULL), NIMBUS_E_UNSUPPORTED);
}

/* --------------------------------------------------------------------------------------------- the memory */

static void sqs_f23_a_full_memory_refuses(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .deduplication_capacity = 16384);
    nimbus_sent first = SENT(queue, "m", "g", "0");
    unsigned count = 1;
    char id[16];
    nimbus_entry entry = { .body = nimbus_text("m"), .group_id = "g", .deduplication_id = id };
    nimbus_status status;
    adopted buffer;

    do {
        snprintf(id, sizeof id, "%u", count++);
        status = nimbus_queue_send(queue, &entry, NULL);
    } while (status == NIMBUS_OK);
    IS(status, NIMBUS_E_DEDUP_FULL);
    CHECK(count > 100);
    EQ(METRICS(queue).accepted, count - 1);
    CHECK(METRICS(queue).dedup_bytes <= 16384);
    EQ(traced(w, NIMBUS_TRACE_DEDUP_NEARLY_FULL), 1);
    DUPLICATE(queue, "m", "g", "0", first); /* nothing was forgotten */
    entry.body = adopted_body(&buffer, "yours");
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_DEDUP_FULL);
    EQ(buffer.frees, 0);
    ADVANCE(w, WINDOW);
    entry.body = nimbus_text("m");
    OK(nimbus_queue_send(queue, &entry, NULL)); /* the refused send left no entry */
    EQ(METRICS(queue).dedup_entries, 1);
}

static void the_memory_shrinks_by_itself(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    size_t before, full;
    char id[16];

    before = w->heap.bytes;
    for (unsigned i = 0; i < 4000; i++) {
        snprintf(id, sizeof id, "%u", i);
        SENT(queue, "m", "g", id);
        delete_next(queue, "m");
    }
    full = w->heap.bytes;
    CHECK(full - before > 4000 * 48);
    CHECK(METRICS(queue).dedup_bytes <= 4000 * 64);
    ADVANCE(w, 2 * WINDOW); /* nobody sends, nobody asks */
    CHECK(w->heap.bytes + 4000 * 48 < full);
    EQ(METRICS(queue).dedup_entries, 0);
    EQ(METRICS(queue).dedup_bytes, 0);
}

static void sqs_t9_a_purge_forgets(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    uint64_t count = 0;

    SENT(queue, "one", "g", "id");
    OK(nimbus_queue_purge(queue, &count));
    EQ(count, 1);
    EQ(METRICS(queue).dedup_entries, 0);
    SENT(queue, "two", "g", "id");
    COUNTS(queue, 1, 0, 0);
}

static void a_refused_send_leaves_no_entry(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .capacity_messages = 1);
    nimbus_sent first = SENT(queue, "one", "g", "1");

    REFUSED(queue, "two", "g", "2", NIMBUS_E_FULL);
    DUPLICATE(queue, "one", "g", "1", first); /* needs no room */
    delete_next(queue, "one");
    SENT(queue, "two", "g", "2");
    EQ(METRICS(queue).dedup_entries, 2);
}

/* ------------------------------------------------------------------------------------------------ entries */

static void sqs_f1_a_group_is_needed(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .content_based_deduplication = true);

    REFUSED(queue, "one", NULL, NULL, NIMBUS_E_MISSING);
    REFUSED(queue, "one", NULL, "id", NIMBUS_E_MISSING);
    SENT(queue, "one", "g", NULL);
    EQ(METRICS(queue).dedup_entries, 1);
}

static void sqs_s15_form_of_the_ids(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    char longest[129], too_long[130];

    memset(longest, '~', 128);
    longest[128] = '\0';
    memset(too_long, 'a', 129);
    too_long[129] = '\0';
    REFUSED(queue, "m", "g", "", NIMBUS_E_INVALID);
    REFUSED(queue, "m", "g", "a b", NIMBUS_E_INVALID);
    REFUSED(queue, "m", "g", "\xc3\xa4", NIMBUS_E_INVALID);
    REFUSED(queue, "m", "g", too_long, NIMBUS_E_INVALID);
    REFUSED(queue, "m", too_long, "id", NIMBUS_E_INVALID);
    REFUSED(queue, "m", "", "id", NIMBUS_E_INVALID);
    SENT(queue, "m", longest, longest);
    REFUSED(queue, "m", longest, longest, NIMBUS_DUPLICATE);
    SENT(queue, "m", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~");
}

static void sqs_s16_no_deduplication_id_on_standard(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    REFUSED(queue, "m", "g", "id", NIMBUS_E_INVALID);
    SENT(queue, "m", "g", NULL);
}

static void sqs_s12_a_batch_without_ids_fails_whole(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0), *content = FIFO(w, "c.fifo", .content_based_deduplication = true);
    nimbus_entry entries[] = {
        { .body = nimbus_text("a"), .group_id = "g", .deduplication_id = "1" },
        { .body = nimbus_text("b"), .group_id = "g" },
    };
    nimbus_sent sent[2];

    FILL(sent);
    IS(nimbus_queue_send_batch(queue, entries, 2, sent), NIMBUS_E_INVALID);
    UNTOUCHED(sent);
    OK(nimbus_queue_send_batch(content, entries, 2, sent)); /* there it has one */
    entries[1].group_id = NULL;
    entries[1].deduplication_id = "2";
    IS(nimbus_queue_send_batch(queue, entries, 2, NULL), NIMBUS_E_INVALID);
    IS(nimbus_queue_send_batch(content, entries, 2, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 0);
    COUNTS(content, 2, 0, 0);
    EQ(METRICS(queue).dedup_entries, 0);
    entries[1].group_id = "a b"; /* malformed: its entry alone */
    IS(nimbus_queue_send_batch(queue, entries, 2, sent), NIMBUS_PARTIAL);
    OK(sent[0].status);
    IS(sent[1].status, NIMBUS_E_INVALID);
}

static void sqs_s13_order_and_duplicates_of_a_batch(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .delay = 0);
    nimbus_entry entries[] = {
        { .body = nimbus_text("a"), .group_id = "g", .deduplication_id = "1" },
        { .body = nimbus_text("b"), .group_id = "g", .deduplication_id = "2" },
        { .body = nimbus_text("c"), .group_id = "g", .deduplication_id = "1" },
        { .body = nimbus_text("d"), .group_id = "g", .deduplication_id = "3" },
    };
    nimbus_sent sent[4];

    OK(nimbus_queue_send_batch(queue, entries, 4, sent));
    IS(sent[2].status, NIMBUS_DUPLICATE);
    CHECK(ids_equal(sent[2].id, sent[0].id));
    CHECK(sent[0].sequence < sent[1].sequence && sent[1].sequence < sent[3].sequence);
    delete_next(queue, "a");
    delete_next(queue, "b");
    delete_next(queue, "d");
    RECEIVE_NONE(queue);
}

/* ------------------------------------------------------------------------------------------------ options */

static void sqs_q8_fifo_options_of_a_standard_queue(void **state)
{
    world *w = *state;
    char field[48];

    IS(create_status(w, "q", &(nimbus_queue_options){ .content_based_deduplication = true }, field), NIMBUS_E_INVALID);
    TEXT(field, "content_based_deduplication");
    IS(create_status(w, "q", &(nimbus_queue_options){ .deduplication_scope = NIMBUS_DEDUP_GROUP }, field), NIMBUS_E_INVALID);
    TEXT(field, "deduplication_scope");
    IS(create_status(w, "q", &(nimbus_queue_options){ .deduplication_capacity = 1 << 20 }, field), NIMBUS_E_INVALID);
    TEXT(field, "deduplication_capacity");
    IS(create_status(w, "q.fifo", &(nimbus_queue_options){ .fifo = true, .deduplication_capacity = 16383 }, field), NIMBUS_E_INVALID);
    TEXT(field, "deduplication_capacity");
    IS(create_status(w, "q.fifo", &(nimbus_queue_options){ .fifo = true, .deduplication_scope = (nimbus_dedup_scope)2 }, field),
       NIMBUS_E_INVALID);
    TEXT(field, "deduplication_scope");
    IS(create_status(w, "q.fifo", &(nimbus_queue_options){ .fifo = true, .overflow = NIMBUS_OVERFLOW_DROP_OLDEST }, field),
       NIMBUS_E_INVALID);
    TEXT(field, "overflow");
}

static void sqs_q7_the_kind_is_fixed(void **state)
{
    world *w = *state;
    nimbus_queue *fifo = FIFO(w, "q.fifo", .delay = 0), *standard = PLAIN_QUEUE(w, "q");
    nimbus_queue_options options;
    nimbus_error err = { 0 };

    OK(nimbus_queue_get_options(fifo, &options));
    options.fifo = false;
    options.deduplication_capacity = 0;
    IS(nimbus_queue_set_options(fifo, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "fifo");
    OK(nimbus_queue_get_options(standard, &options));
    options.fifo = true;
    err = (nimbus_error){ 0 };
    IS(nimbus_queue_set_options(standard, &options, &err), NIMBUS_E_INVALID);
    TEXT(err.field, "fifo");
    TEXT(err.call, "nimbus_queue_set_options");
}

static void sqs_q11_defaults(void **state)
{
    world *w = *state;
    nimbus_queue *fifo = FIFO(w, "q.fifo", .delay = 0);
    nimbus_queue_options options;

    OK(nimbus_queue_get_options(fifo, &options));
    CHECK(options.fifo);
    CHECK(!options.content_based_deduplication);
    EQ(options.deduplication_scope, NIMBUS_DEDUP_QUEUE);
    EQ(options.deduplication_capacity, 64 << 20);
    OK(nimbus_queue_set_options(fifo, &options, NULL)); /* what get says, set takes */
    OK(nimbus_queue_get_options(PLAIN_QUEUE(w, "q"), &options));
    EQ(options.deduplication_capacity, 0);
}

/* ---------------------------------------------------------------------------------------------- dead letters */

static void sqs_d8_dead_letters_of_one_id_both_survive(void **state)
{
    world *w = *state;
    nimbus_queue *dead = FIFO(w, "dead.fifo", .delay = 0);
    nimbus_queue *queue = FIFO(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead, .max_receive_count = 1);
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info;
    nimbus_sent first = SENT(queue, "one", "g", "id"), second;

    TAKE(queue, "one");
    ADVANCE(w, WINDOW);
    RECEIVE_NONE(queue); /* moves it */
    second = SENT(queue, "two", "g", "id");
    CHECK(!ids_equal(first.id, second.id));
    TAKE(queue, "two");
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVE_NONE(queue);
    COUNTS(dead, 2, 0, 0);
    EQ(METRICS(dead).redriven_in, 2);
    RECEIVE(dead, &delivery, "one");
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.group_id, "g");
    CHECK(ids_equal(info.id, first.id));
    OK(nimbus_delivery_delete(&delivery));
    delete_next(dead, "two");
}

static void sqs_d9_other_settings_of_the_dead_letter_queue(void **state)
{
    world *w = *state;
    nimbus_queue *dead = FIFO(w, "dead.fifo", .content_based_deduplication = true, .deduplication_scope = NIMBUS_DEDUP_GROUP,
                              .deduplication_capacity = 16384);
    nimbus_queue *queue = FIFO(w, "q.fifo", .visibility_timeout = NIMBUS_SECONDS(1), .dead_letter_queue = dead, .max_receive_count = 1);

    SENT(dead, "same", "g", NULL);
    SENT(queue, "same", "g", "a");
    TAKE(queue, "same");
    ADVANCE(w, NIMBUS_SECONDS(1));
    RECEIVE_NONE(queue);
    COUNTS(queue, 0, 0, 0);
    COUNTS(dead, 2, 0, 0);
    EQ(METRICS(dead).dedup_entries, 1); /* the one that was sent there */
}

static void sqs_d2_dead_letter_queue_of_the_same_kind(void **state)
{
    world *w = *state;
    nimbus_queue *fifo = FIFO(w, "dead.fifo", .delay = 0), *standard = PLAIN_QUEUE(w, "dead");
    char field[48];

    IS(create_status(w, "q", &(nimbus_queue_options){ .dead_letter_queue = fifo, .max_receive_count = 1 }, field), NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
    IS(create_status(w, "q.fifo", &(nimbus_queue_options){ .fifo = true, .dead_letter_queue = standard, .max_receive_count = 1 }, field),
       NIMBUS_E_INVALID);
    TEXT(field, "dead_letter_queue");
}

/* A message without a group cannot come into a FIFO queue through a target: it fails for good and is not lost silently. */
static void a_target_without_a_group(void **state)
{
    world *w = *state;
    nimbus_queue *queue = FIFO(w, "q.fifo", .content_based_deduplication = true);
    nimbus_topic *topic = nimbus_topic_create(w->nb, "t", NULL, &w->err);
    nimbus_entry entry = { .body = nimbus_text("m") };
    nimbus_published published;

    nimbus_topic_subscribe(topic, nimbus_to_queue(queue), NULL, &w->err, NULL);
    SETUP_OK(w);
    (void)nimbus_topic_publish(topic, &entry, &published);
    EQ(published.delivered, 0);
    EQ(published.failed, 1);
    COUNTS(queue, 0, 0, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(sqs_f15_explicit_id_or_hash_of_the_body),
        DRIVEN(sqs_f15_attributes_are_no_content),
        DRIVEN(sqs_f16_a_duplicate_is_accepted_and_names_the_original),
        DRIVEN(sqs_f17_one_name_space),
        DRIVEN(sqs_f18_survives_receive_and_delete),
        DRIVEN(sqs_f19_five_minutes_from_the_first),
        DRIVEN(sqs_f20_the_scope),
        DRIVEN(sqs_f21_the_scope_of_a_queue_in_use),
        DRIVEN(sqs_f23_a_full_memory_refuses),
        DRIVEN(the_memory_shrinks_by_itself),
        DRIVEN(sqs_t9_a_purge_forgets),
        DRIVEN(a_refused_send_leaves_no_entry),
        DRIVEN(sqs_f1_a_group_is_needed),
        DRIVEN(sqs_s15_form_of_the_ids),
        DRIVEN(sqs_s16_no_deduplication_id_on_standard),
        DRIVEN(sqs_s12_a_batch_without_ids_fails_whole),
        DRIVEN(sqs_s13_order_and_duplicates_of_a_batch),
        DRIVEN(sqs_q8_fifo_options_of_a_standard_queue),
        DRIVEN(sqs_q7_the_kind_is_fixed),
        DRIVEN(sqs_q11_defaults),
        DRIVEN(sqs_d8_dead_letters_of_one_id_both_survive),
        DRIVEN(sqs_d9_other_settings_of_the_dead_letter_queue),
        DRIVEN(sqs_d2_dead_letter_queue_of_the_same_kind),
        DRIVEN(a_target_without_a_group),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
