/* Allocations fail: redrive policies with names and hooks, and move tasks. What cannot be moved stays where it is. */
#include "fault.h"

#define LETTERS 12u

static void count_discards(nimbus_queue *queue, const nimbus_message *message, nimbus_id id, nimbus_discard_reason why, void *user)
{
    (void)queue;
    (void)message;
    (void)id;
    (void)why;
    (*(size_t *)user)++;
}

static bool all_but_the_first(const nimbus_message *message, void *user)
{
    (void)message;
    return (*(size_t *)user)++ > 0;
}

/* Runs a task to its end, and another one with memory if the first failed. Returns how many both have moved. */
static uint64_t run_task(fault *f, nimbus_queue *source, const nimbus_redrive_options *options)
{
    nimbus_move_task *task;
    nimbus_move_status status;
    uint64_t before = heap_failed(&f->heap);

    MAKE(f, task, nimbus_queue_redrive(source, options, &f->err));
    OK(nimbus_advance(f->nb, 0));
    OK(nimbus_move_task_get_status(task, &status));
    LEDGER(source);
    if (status.state == NIMBUS_MOVE_FAILED) {
        uint64_t moved = status.moved;

        CHECK(fault_met(f, status.failure, before, "a move task", __FILE__, __LINE__));
        CHECK(status.reason[0] != '\0');
        nimbus_move_task_release(task);
        heap_pause(&f->heap);
        task = nimbus_queue_redrive(source, options, &f->err);
        CHECK(task != NULL);
        OK(nimbus_advance(f->nb, 0));
        heap_resume(&f->heap);
        OK(nimbus_move_task_get_status(task, &status));
        status.moved += moved;
    }
    EQ(status.state, NIMBUS_MOVE_COMPLETED);
    nimbus_move_task_release(task);
    return status.moved;
}

static void move_back(fault *f)
{
    const char *names[] = { "queue", "other" };
    size_t discarded = 0, asked = 0;
    nimbus_queue_options options = { .redrive_permission = NIMBUS_REDRIVE_BY_QUEUE, .redrive_sources = names, .redrive_source_count = 2,
                                     .on_discard = count_discards, .on_discard_user = &discarded };
    nimbus_redrive_options filtered = { .filter = all_but_the_first, .filter_user = &asked };
    nimbus_queue *dead, *queue;
    nimbus_delivery delivery = { 0 };
    size_t i;

    fault_open(f);
    MAKE(f, dead, nimbus_queue_create(f->nb, "dead", &options, &f->err));
    SET_UP(f, nimbus_queue_set_options(dead, &options, &f->err));
    options = (nimbus_queue_options){ .visibility_timeout = NIMBUS_ZERO, .dead_letter_queue = dead, .max_receive_count = 1,
                                      .eager_dead_letter = true };
    MAKE(f, queue, nimbus_queue_create(f->nb, "queue", &options, &f->err));
    heap_pause(&f->heap);
    for (i = 0; i < LETTERS; i++) {
        SEND(queue, "m");
        RECEIVE(queue, &delivery, "m");
        nimbus_delivery_release(&delivery);
    }
    COUNTS(dead, LETTERS, 0, 0);
    OK(nimbus_queue_delete(queue)); /* a new one has no slots yet: each needs memory */
    nimbus_queue_release(queue);
    heap_resume(&f->heap);
    options.eager_dead_letter = false;
    MAKE(f, queue, nimbus_queue_create(f->nb, "queue", &options, &f->err));
    EQ(run_task(f, dead, NULL), LETTERS);
    COUNTS(dead, 0, 0, 0);
    COUNTS(queue, LETTERS, 0, 0);
    for (i = 0; i < LETTERS; i++) {
        RECEIVE(queue, &delivery, "m");
        EQ(nimbus_delivery_receive_count(&delivery), 1);
        nimbus_delivery_release(&delivery);
    }
    heap_pause(&f->heap);
    RECEIVE_NONE(queue);
    OK(nimbus_advance(f->nb, NIMBUS_MINUTES(10)));
    RECEIVE_NONE(queue);
    heap_resume(&f->heap);
    COUNTS(dead, LETTERS, 0, 0);
    EQ(run_task(f, dead, &filtered), LETTERS - 1);
    COUNTS(dead, 1, 0, 0);
    EQ(discarded, 0);
    fault_close(f);
}

static void moving_back(void **state)
{
    (void)state;
    fault_each(move_back);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(moving_back) };
    return cmocka_run_group_tests_name("fault_move", tests, NULL, NULL);
}
