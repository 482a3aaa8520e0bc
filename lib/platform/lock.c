#include "platform/lock.h"

#include <assert.h>

/* A default mutex fails only when it is misused; assert() says so in a debug build. */
static void must(int error)
{
    assert(error == 0);
    (void)error;
}

void nb_lock_init(nb_lock *lock)
{
    must(pthread_mutex_init(&lock->mutex, NULL));
}

void nb_lock_fini(nb_lock *lock)
{
    must(pthread_mutex_destroy(&lock->mutex));
}

void nb_lock_acquire(nb_lock *lock)
{
    must(pthread_mutex_lock(&lock->mutex));
}

void nb_lock_release(nb_lock *lock)
{
    must(pthread_mutex_unlock(&lock->mutex));
}
