/* The group id and the deduplication id of an entry, and which queues take them (SQS-S15, S16, Q1, A6). */
#include "../support/support.h"

static nimbus_status send_keyed(nimbus_queue *queue, const char *group, const char *id, nimbus_sent *ret)
{
    nimbus_entry entry = entry_of("m");

    entry.group_id = group;
    entry.deduplication_id = id;
    return nimbus_queue_send(queue, &entry, ret);
}

static char *key_of(char *ret, size_t length)
{
    memset(ret, 'k', length);
    ret[length] = '\0';
    return ret;
}

static void sqs_s15_a_group_id_is_1_to_128_letters_digits_and_punctuation(void **state)
{
    static const char good[] = "azAZ09!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";
    static const char *const wrong[] = { "", " ", "a b", "a\t", "a\n", "\x7f", "\xc3\xa9", "a\x80" };
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    char key[130];

    for (size_t i = 0; i < COUNT(wrong); i++) {
        IS(send_keyed(queue, wrong[i], NULL, NULL), NIMBUS_E_INVALID);
    }
    IS(send_keyed(queue, key_of(key, 129), NULL, NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 0);
    OK(send_keyed(queue, key_of(key, 128), NULL, NULL));
    OK(send_keyed(queue, key_of(key, 1), NULL, NULL));
    OK(send_keyed(queue, good, NULL, NULL));
    COUNTS(queue, 3, 0, 0);
}

static void sqs_s16_a_standard_queue_carries_a_group_id_and_refuses_a_deduplication_id(void **state)
{
    static nimbus_attribute attribute;
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = entry_of("with attributes");
    nimbus_delivery delivery = { 0 };
    nimbus_delivery_info info;

    IS(send_keyed(queue, "g", "d", NULL), NIMBUS_E_INVALID);
    IS(send_keyed(queue, NULL, "d", NULL), NIMBUS_E_INVALID);
    COUNTS(queue, 0, 0, 0);
    OK(send_keyed(queue, "tenant-1", NULL, NULL));
    attribute = nimbus_string("a", "1");
    entry.group_id = "tenant-2";
    entry.attributes = &attribute;
    entry.attribute_count = 1;
    OK(nimbus_queue_send(queue, &entry, NULL));
    SEND(queue, "plain");

    RECEIVE(queue, &delivery, "m");
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.group_id, "tenant-1");
    CHECK(info.deduplication_id == NULL && info.sequence == 0);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(queue, &delivery, "with attributes");
    OK(nimbus_delivery_get_info(&delivery, &info));
    TEXT(info.group_id, "tenant-2");
    EQ(nimbus_message_attribute(nimbus_delivery_message(&delivery), "a", &attribute), NIMBUS_OK);
    OK(nimbus_delivery_delete(&delivery));
    RECEIVE(queue, &delivery, "plain");
    OK(nimbus_delivery_get_info(&delivery, &info));
    CHECK(info.group_id == NULL && info.deduplication_id == NULL);
    OK(nimbus_delivery_delete(&delivery));
}

/* No order and no lock follow from it: messages of one group are out together. */
static void sqs_n1_a_group_id_on_a_standard_queue_orders_nothing(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");

    for (int i = 0; i < 3; i++) {
        OK(send_keyed(queue, "g", NULL, NULL));
    }
    for (int i = 0; i < 3; i++) {
        TAKE(queue, "m");
    }
    COUNTS(queue, 0, 0, 3);
}

/* The keys count for nothing in the size (SQS-S4 names body and attributes). */
static void a_group_id_does_not_count_toward_the_size(void **state)
{
    world *w = *state;
    nimbus_queue *queue = QUEUE(w, "q", .max_message_size = 1024);
    char body[1025], key[130];
    nimbus_entry entry;

    memset(body, 'b', sizeof body);
    entry = (nimbus_entry){ .body = nimbus_copy(body, 1024), .group_id = key_of(key, 128) };
    OK(nimbus_queue_send(queue, &entry, NULL));
    EQ(METRICS(queue).bytes, 1024);
    entry.body = nimbus_copy(body, 1025);
    IS(nimbus_queue_send(queue, &entry, NULL), NIMBUS_E_TOO_LARGE);
}

static void a_place_is_no_receipt(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entries[2] = { entry_of("a"), entry_of("b") };
    nimbus_sent sent[2], other;

    OK(nimbus_queue_send_batch(queue, entries, 2, sent));
    OK(send_keyed(queue, "g", NULL, &other));
    CHECK(sent[0].place.place != 0 && sent[1].place.place != 0 && other.place.place != 0);
    CHECK(sent[0].place.place != sent[1].place.place && other.place.place != sent[1].place.place);
    CHECK(sent[0].sequence == 0 && other.sequence == 0);
    IS(nimbus_queue_delete_message(queue, sent[0].place), NIMBUS_E_RECEIPT);
    IS(nimbus_queue_change_visibility(queue, other.place, 0), NIMBUS_E_RECEIPT);
    COUNTS(queue, 3, 0, 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(sqs_s15_a_group_id_is_1_to_128_letters_digits_and_punctuation),
        DRIVEN(sqs_s16_a_standard_queue_carries_a_group_id_and_refuses_a_deduplication_id),
        DRIVEN(sqs_n1_a_group_id_on_a_standard_queue_orders_nothing),
        DRIVEN(a_group_id_does_not_count_toward_the_size),
        DRIVEN(a_place_is_no_receipt),
    };

    return cmocka_run_group_tests_name("queue_keys", tests, NULL, NULL);
}
