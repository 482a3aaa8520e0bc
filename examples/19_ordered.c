/* 19_ordered.c - in order per customer: a FIFO queue whose groups are the customers. Who works on a customer's message keeps back the rest
 * of that customer's, and of nobody else's; what fails is tried again before what came after it. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void expect(bool good, const char *text)
{
    printf("%s %s\n", good ? "yes" : "NO ", text);
    failures += !good;
}

static nimbus_status send(nimbus_queue *orders, const char *customer, const char *what)
{
    return nimbus_queue_send(orders, &(nimbus_entry){ .body = nimbus_text(what), .group_id = customer }, NULL);
}

static bool gets(nimbus_queue *orders, nimbus_delivery *ret, const char *what)
{
    nimbus_status status = nimbus_queue_receive(orders, 0, NULL, ret, 1, NULL);
    nimbus_bytes body = nimbus_delivery_body(ret);
    return what == NULL ? status == NIMBUS_EMPTY
                        : status == NIMBUS_OK && body.size == strlen(what) && memcmp(body.data, what, body.size) == 0;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_queue *orders =
        nimbus_queue_create(nb, "orders.fifo", &(nimbus_queue_options){ .fifo = true, .content_based_deduplication = true }, &err);
    nimbus_delivery first = { 0 }, second = { 0 }, third = { 0 };
    nimbus_queue_explanation why = { 0 };
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    send(orders, "ann", "ann opens a basket");
    send(orders, "ann", "ann pays");
    send(orders, "bob", "bob opens a basket");
    expect(send(orders, "ann", "ann pays") == NIMBUS_DUPLICATE, "sent twice within five minutes, it counts once");

    expect(gets(orders, &first, "ann opens a basket"), "one worker has ann's first");
    expect(gets(orders, &second, "bob opens a basket"), "the next one has bob's: ann's payment waits for its turn");
    expect(gets(orders, &third, NULL), "there is nothing for a third");
    if (nimbus_queue_explain(orders, "ann", &why) == NIMBUS_OK)
        printf("    ann: %s\n", why.text);
    expect(why.why == NIMBUS_WHY_GROUP_LOCKED, "and explain says why");

    nimbus_delivery_retry(&first, NIMBUS_SECONDS(10)); /* the shop is down */
    nimbus_delivery_delete(&second);
    expect(gets(orders, &third, NULL), "while ann's first waits, so does her second");
    nimbus_advance(nb, NIMBUS_SECONDS(10));
    expect(gets(orders, &first, "ann opens a basket"), "her first comes again, before her second");
    nimbus_delivery_delete(&first);
    expect(gets(orders, &first, "ann pays"), "then her second, at once");
    nimbus_delivery_delete(&first);
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && failures == 0 ? 0 : 1;
}
