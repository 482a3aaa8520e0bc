/* thread.h - threads of the library's own, and what the system says about processors and chance. */
#ifndef NB_PLATFORM_THREAD_H
#define NB_PLATFORM_THREAD_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct nb_thread {
    pthread_t id;
} nb_thread;

/* Starts run(arg) with all signals blocked, so that the program's own threads take them. False: the system refused. */
bool nb_thread_start(nb_thread *thread, void *(*run)(void *), void *arg);
void nb_thread_join(nb_thread *thread);

uint32_t nb_platform_cpus(void);    /* at least 1 */
uint64_t nb_platform_entropy(void); /* differs from call to call; not for secrets */

/* Lets another thread run, while this one waits for it for a moment. Never a way of idling. */
void nb_platform_yield(void);

/* For tests: the n-th start from now on and all after it are refused; 1: the next; 0: none any more. */
void nb_thread_fail_after(uint32_t starts);

#endif
