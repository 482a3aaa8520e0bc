/* test_queue_digests.c - the MD5 of bodies and attributes, as SQS gives them back. */
#include "support.h"

/* Sends attributes and returns the message that is received. */
static const nimbus_message *pass_through(world *w, const nimbus_attribute *attributes, size_t count)
{
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_entry entry = { .body = nimbus_text("body"), .attributes = attributes, .attribute_count = count };
    nimbus_delivery delivery = { 0 };
    const nimbus_message *message;

    OK(nimbus_queue_send(queue, &entry, NULL));
    RECEIVE(queue, &delivery, "body");
    message = nimbus_message_retain(nimbus_delivery_message(&delivery));
    OK(nimbus_delivery_delete(&delivery));
    return message;
}

static void digest_is(world *w, const nimbus_attribute *attributes, size_t count, const char *digest)
{
    const nimbus_message *message = pass_through(w, attributes, count);
    char text[NIMBUS_MD5_TEXT];

    OK(nimbus_message_attributes_md5(message, NULL, 0, text));
    TEXT(text, digest);
    nimbus_message_release(message);
}

static const nimbus_attribute greetings[] = {
    { "Help.Me", NIMBUS_STRING, NULL, { "Me", 2 } }, /* the order is not that of the names */
    { "Hello", NIMBUS_STRING, NULL, { "There", 5 } },
    { "General", NIMBUS_STRING, NULL, { "Kenobi", 6 } },
};

static void sqs_a5_md5_of_attributes(void **state)
{
    world *w = *state;
    const nimbus_attribute number = nimbus_number("attr1", "99.12"), text = nimbus_string("Foo", "Bar");
    const nimbus_attribute labelled[] = {
        { "n", NIMBUS_NUMBER, "int", { "7", 1 } },
        { "b", NIMBUS_BINARY, "png", { "\0\1\377", 3 } },
    };

    digest_is(w, &number, 1, "d302007e9aa062660afc85fd0a482472");
    digest_is(w, &text, 1, "ae7155c6026991b6d54b11589678bf9c");
    digest_is(w, greetings, 3, "4c360f3fdafd970e05fae2f149d997f5");
    digest_is(w, labelled, 2, "79ef181eb70dd0f608ad83383cac7ba1");
}

static void sqs_a5_no_md5_without_attributes(void **state)
{
    world *w = *state;
    const nimbus_message *message = pass_through(w, NULL, 0);
    char text[NIMBUS_MD5_TEXT];

    FILL(text);
    IS(nimbus_message_attributes_md5(message, NULL, 0, text), NIMBUS_EMPTY);
    UNTOUCHED(text);
    IS(nimbus_message_attributes_md5(NULL, NULL, 0, text), NIMBUS_E_INVALID);
    IS(nimbus_message_attributes_md5(message, NULL, 0, NULL), NIMBUS_E_INVALID);
    IS(nimbus_message_attributes_md5(message, &(const char *){ NULL }, 1, text), NIMBUS_E_INVALID);
    UNTOUCHED(text);
    nimbus_message_release(message);
}

static void sqs_r15_md5_of_a_subset(void **state)
{
    static const struct {
        const char *names[3];
        size_t count;
        const char *digest; /* NULL: none is selected */
    } subsets[] = {
        { { "General", "Hello" }, 2, "fca026605781cb4126a1e9044df24232" },
        { { "Hello", "General", "Hello" }, 3, "fca026605781cb4126a1e9044df24232" }, /* neither order nor repetition matters */
        { { "All" }, 1, "4c360f3fdafd970e05fae2f149d997f5" },
        { { ".*" }, 1, "4c360f3fdafd970e05fae2f149d997f5" },
        { { "Help.*" }, 1, "e3559934329581483df4474944b301c4" },
        { { "Help.Me" }, 1, "e3559934329581483df4474944b301c4" },
        { { "Hel.*" }, 1, "83fee93c1bcd8b9a5a923ffacdc636c7" },
        { { "Foo", "Help.Me" }, 2, "e3559934329581483df4474944b301c4" },
        { { "hello" }, 1, NULL }, /* */
        { { "Help.Me.*x" }, 1, NULL },
        { { "*" }, 1, NULL },
        { { "" }, 1, NULL },
        { { "Hello" }, 0, NULL },
    };
    world *w = *state;
    const nimbus_message *message = pass_through(w, greetings, 3);
    char text[NIMBUS_MD5_TEXT];

    for (size_t i = 0; i < COUNT(subsets); i++) {
        if (subsets[i].digest == NULL) {
            IS(nimbus_message_attributes_md5(message, subsets[i].names, subsets[i].count, text), NIMBUS_EMPTY);
        } else {
            OK(nimbus_message_attributes_md5(message, subsets[i].names, subsets[i].count, text));
            TEXT(text, subsets[i].digest);
        }
    }
    nimbus_message_release(message);
}

/* A body of spaces is a body: nothing is trimmed. */
static void sqs_s1_fresh_id_and_md5_of_the_body(void **state)
{
    world *w = *state;
    nimbus_queue *queue = PLAIN_QUEUE(w, "q");
    nimbus_id first = SEND(queue, "   "), second = SEND(queue, "   ");
    nimbus_delivery delivery = { 0 };
    nimbus_bytes body;
    char text[NIMBUS_MD5_TEXT];

    CHECK(!ids_equal(first, second));
    RECEIVE(queue, &delivery, "   ");
    body = nimbus_delivery_body(&delivery);
    nimbus_md5(body.data, body.size, text);
    TEXT(text, "628631f07321b22d8c176c200c855e1b");
    OK(nimbus_delivery_delete(&delivery));
    nimbus_md5(NULL, 5, text);
    TEXT(text, "d41d8cd98f00b204e9800998ecf8427e");
    nimbus_md5("x", 1, NULL);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        DRIVEN(sqs_a5_md5_of_attributes),
        DRIVEN(sqs_a5_no_md5_without_attributes),
        DRIVEN(sqs_r15_md5_of_a_subset),
        DRIVEN(sqs_s1_fresh_id_and_md5_of_the_body),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
