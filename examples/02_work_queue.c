/* 02_work_queue.c - threads of our own share a queue: each receives a job, works, deletes it; the shutdown wakes and ends them. */
#include <nimbus/nimbus.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

enum { WORKERS = 4, JOBS = 100 };

static atomic_int done[JOBS];

static void *worker(void *jobs)
{
    nimbus_delivery job = { 0 };
    nimbus_status status;
    /* NIMBUS_E_CLOSED comes after the shutdown, and only when no job is left: the queue is emptied first */
    while (!nimbus_failed(status = nimbus_queue_receive(jobs, NIMBUS_FOREVER, NULL, &job, 1, NULL))) {
        nimbus_bytes body = nimbus_delivery_body(&job);
        int number = *(const unsigned char *)body.data;
        atomic_fetch_add(&done[number], 1);
        nimbus_delivery_delete(&job); /* until here it was only hidden: had we crashed, it would come again */
    }
    if (status != NIMBUS_E_CLOSED)
        fprintf(stderr, "receive: %s\n", nimbus_status_text(status));
    return NULL;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_queue *jobs = nimbus_queue_create(nb, "jobs", NULL, &err);
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }

    pthread_t thread[WORKERS];
    int started = 0;
    while (started < WORKERS && pthread_create(&thread[started], NULL, worker, jobs) == 0)
        started++;
    for (int i = 0; i < JOBS; i++) {
        unsigned char number = (unsigned char)i;
        nimbus_status status = nimbus_queue_send(jobs, &(nimbus_entry){ .body = nimbus_copy(&number, 1) }, NULL);
        if (status != NIMBUS_OK)
            fprintf(stderr, "send: %s\n", nimbus_status_text(status));
    }

    nimbus_shutdown(nb, 0, NULL); /* nothing more comes in; the handle stays valid for the threads */
    for (int i = 0; i < started; i++)
        pthread_join(thread[i], NULL);
    nimbus_leftovers left = { 0 };
    nimbus_status status = nimbus_close(nb, 0, &left);

    int once = 0;
    for (int i = 0; i < JOBS; i++)
        once += atomic_load(&done[i]) == 1;
    printf("%d threads did %d of %d jobs exactly once\n", started, once, JOBS);
    if (status != NIMBUS_OK || started == 0 || once != JOBS || left.ready + left.in_flight != 0) {
        fprintf(stderr, "close: %s\n", nimbus_status_name(status));
        return 1;
    }
    return 0;
}
