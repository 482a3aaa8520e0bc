/* 16_why.c - why is nothing delivered? One call says it, in a word for programs and a sentence for people, and changes nothing. */
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <string.h>

static int failures;

static nimbus_why tell(nimbus_queue *queue)
{
    nimbus_queue_explanation e = { 0 };
    if (nimbus_queue_explain(queue, NULL, &e) != NIMBUS_OK)
        return NIMBUS_WHY_EMPTY;
    printf("%s: %s\n", nimbus_queue_name(queue), e.text);
    return e.why;
}

static void expect(nimbus_why why, nimbus_why wanted)
{
    failures += why != wanted;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true }, &err);
    nimbus_queue *dead = nimbus_queue_create(nb, "mail-dead", NULL, &err);
    nimbus_queue *mail = nimbus_queue_create(nb, "mail", &(nimbus_queue_options){
        .visibility_timeout = NIMBUS_SECONDS(30), .dead_letter_queue = dead, .max_receive_count = 2 }, &err);
    nimbus_delivery letter = { 0 };
    nimbus_sent sent = { 0 };
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    expect(tell(mail), NIMBUS_WHY_EMPTY);
    nimbus_queue_send(mail, &(nimbus_entry){ .body = nimbus_text("hello"), .delay = NIMBUS_MINUTES(1) }, &sent);
    expect(tell(mail), NIMBUS_WHY_DELAYED);
    nimbus_advance(nb, NIMBUS_MINUTES(1));
    expect(tell(mail), NIMBUS_WHY_RECEIVABLE);
    for (int i = 0; i < 2 && nimbus_queue_receive(mail, 0, NULL, &letter, 1, NULL) == NIMBUS_OK; i++) {
        nimbus_delivery_release(&letter); /* received, and never deleted */
        expect(tell(mail), NIMBUS_WHY_IN_FLIGHT);
        nimbus_advance(nb, NIMBUS_SECONDS(30));
    }
    expect(tell(mail), NIMBUS_WHY_EXHAUSTED);
    nimbus_queue_delete(dead);
    if (nimbus_queue_receive(mail, 0, NULL, &letter, 1, NULL) == NIMBUS_OK)
        return 1;
    expect(tell(mail), NIMBUS_WHY_MOVING); /* nothing is lost: it waits for the name "mail-dead" */
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && failures == 0 ? 0 : 1;
}
