/* 17_cancel.c - a reminder that is taken back: a send says the place of its message; until it was received, the place cancels it. */
#include <nimbus/nimbus.h>
#include <stdio.h>

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true,
                                                        .limits = { .preset = NIMBUS_LIMITS_RELAXED } }, &err); /* delays of years */
    nimbus_queue *reminders = nimbus_queue_create(nb, "reminders", &(nimbus_queue_options){ .retention = NIMBUS_DAYS(400) }, &err);
    nimbus_delivery reminder = { 0 };
    nimbus_sent dentist = { 0 }, birthday = { 0 };
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    nimbus_queue_send(reminders, &(nimbus_entry){ .body = nimbus_text("dentist"), .delay = NIMBUS_DAYS(30) }, &dentist);
    nimbus_queue_send(reminders, &(nimbus_entry){ .body = nimbus_text("birthday"), .delay = NIMBUS_DAYS(300) }, &birthday);
    nimbus_advance(nb, NIMBUS_DAYS(10));
    bool in_time = nimbus_queue_cancel(reminders, dentist.place) == NIMBUS_OK; /* nobody has got it, and nobody will */
    nimbus_advance(nb, NIMBUS_DAYS(290));
    bool came = nimbus_queue_receive(reminders, 0, NULL, &reminder, 1, NULL) == NIMBUS_OK;
    bool too_late = nimbus_queue_cancel(reminders, birthday.place) == NIMBUS_STALE; /* it was received */

    printf("dentist cancelled: %d, birthday came: %d, too late to cancel that: %d\n", in_time, came, too_late);
    nimbus_delivery_delete(&reminder);
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && in_time && came && too_late ? 0 : 1;
}
