/* lock.h - a mutex that cannot fail and needs no memory. Not recursive. */
#ifndef NB_PLATFORM_LOCK_H
#define NB_PLATFORM_LOCK_H

#include <pthread.h>

typedef struct nb_lock {
    pthread_mutex_t mutex;
} nb_lock;

void nb_lock_init(nb_lock *lock);
void nb_lock_fini(nb_lock *lock);
void nb_lock_acquire(nb_lock *lock);
void nb_lock_release(nb_lock *lock);

#endif
