/* 15_dead_letters.c - dead letters say where they failed, why, and how often. Some are sent again, the rest is filed. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

static nimbus_outcome parse(const nimbus_delivery *line, void *user)
{
    nimbus_bytes body = nimbus_delivery_body(line);
    bool busy = body.size == 4 && memcmp(body.data, "busy", 4) == 0;
    (void)user;
    if (body.size > 0 && *(const char *)body.data == '#')
        return NIMBUS_DONE;
    nimbus_delivery_fail(line, busy ? "the database is busy" : "not a comment");
    return busy ? NIMBUS_RETRY : NIMBUS_REJECT; /* rejected: it will never work, so it goes at once */
}

static int look_through(nimbus_queue *dead, nimbus_queue *again)
{
    nimbus_delivery letter = { 0 };
    nimbus_delivery_info info = { 0 };
    int filed = 0;
    while (nimbus_queue_receive(dead, 0, NULL, &letter, 1, NULL) == NIMBUS_OK) {
        nimbus_delivery_get_info(&letter, &info);
        printf("%.*s: %s (attempt %u of \"%s\")\n", (int)nimbus_delivery_body(&letter).size,
               (const char *)nimbus_delivery_body(&letter).data, info.dead_letter_reason, (unsigned)info.dead_letter_attempts,
               info.dead_letter_source);
        if (strcmp(info.dead_letter_reason, "the database is busy") == 0) {
            nimbus_entry entry = { .body = nimbus_share(nimbus_delivery_message(&letter)) }; /* the same bytes, no copy */
            if (nimbus_queue_send(again, &entry, NULL) != NIMBUS_OK) {
                nimbus_delivery_release(&letter); /* it stays a dead letter */
                break;
            }
        } else {
            filed++;
        }
        nimbus_delivery_delete(&letter); /* only now: nothing is lost in between */
    }
    return filed;
}

int main(void)
{
    static const char *const lines[] = { "# one", "two", "busy", "# three" };
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_queue *dead = nimbus_queue_create(nb, "lines-dead", NULL, &err);
    nimbus_queue *queue =
        nimbus_queue_create(nb, "lines", &(nimbus_queue_options){ .dead_letter_queue = dead, .max_receive_count = 3 }, &err);
    nimbus_function *fn = nimbus_function_create(nb, "parse", parse, NULL, NULL, &err);
    nimbus_function_map(fn, queue, NULL, &err);
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        nimbus_queue_send(queue, &(nimbus_entry){ .body = nimbus_text(lines[i]) }, NULL);
    nimbus_advance(nb, NIMBUS_HOURS(1));

    nimbus_queue_metrics m = { 0 };
    nimbus_queue_get_metrics(dead, &m);
    bool good = m.ready == 2 && look_through(dead, queue) == 1;
    nimbus_queue_get_metrics(queue, &m);
    good = good && m.ready == 1; /* "busy", once more */
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && good ? 0 : 1;
}
