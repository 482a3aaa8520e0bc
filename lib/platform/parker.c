#include "platform/parker.h"

#include <assert.h>
#include <errno.h>
#include <time.h>

#define NS_PER_SECOND INT64_C(1000000000)

static struct timespec as_timespec(int64_t at)
{
    struct timespec result = { 0, 0 };

    if (at > 0) {
        result.tv_sec = (time_t)(at / NS_PER_SECOND);
        result.tv_nsec = (long)(at % NS_PER_SECOND);
    }
    return result;
}

#if NB_PARKING_CONDVAR

static void must(int error)
{
    assert(error == 0);
    (void)error;
}

void nb_parker_init(nb_parker *parker)
{
    pthread_condattr_t attributes;

    must(pthread_condattr_init(&attributes));
    must(pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC));
    must(pthread_mutex_init(&parker->mutex, NULL));
    must(pthread_cond_init(&parker->cond, &attributes));
    must(pthread_condattr_destroy(&attributes));
    parker->set = false;
}

void nb_parker_fini(nb_parker *parker)
{
    must(pthread_cond_destroy(&parker->cond));
    must(pthread_mutex_destroy(&parker->mutex));
}

void nb_parker_reset(nb_parker *parker)
{
    must(pthread_mutex_lock(&parker->mutex));
    parker->set = false;
    must(pthread_mutex_unlock(&parker->mutex));
}

bool nb_parker_is_set(nb_parker *parker)
{
    bool set;

    must(pthread_mutex_lock(&parker->mutex));
    set = parker->set;
    must(pthread_mutex_unlock(&parker->mutex));
    return set;
}

bool nb_parker_wait(nb_parker *parker, int64_t until)
{
    struct timespec end = as_timespec(until);
    bool set;

    must(pthread_mutex_lock(&parker->mutex));
    while (!parker->set) {
        if (until == INT64_MAX) {
            must(pthread_cond_wait(&parker->cond, &parker->mutex));
        } else if (pthread_cond_timedwait(&parker->cond, &parker->mutex, &end) == ETIMEDOUT) {
            break;
        }
    }
    set = parker->set;
    must(pthread_mutex_unlock(&parker->mutex));
    return set;
}

void nb_parker_set_last(nb_parker *parker)
{
    must(pthread_mutex_lock(&parker->mutex));
    parker->set = true;
    must(pthread_cond_signal(&parker->cond));
    must(pthread_mutex_unlock(&parker->mutex));
}

#else

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

void nb_parker_init(nb_parker *parker)
{
    atomic_init(&parker->word, 0);
}

void nb_parker_fini(nb_parker *parker)
{
    (void)parker;
}

void nb_parker_reset(nb_parker *parker)
{
    /*
     * A read-modify-write, so that a set is either behind it, and counts, or is taken back here, and then acquired: what the setter wrote
     * before is seen by the look that follows. A store could be late and wipe out a set of which that look has seen nothing.
     */
    (void)atomic_exchange_explicit(&parker->word, 0, memory_order_acquire);
}

bool nb_parker_is_set(nb_parker *parker)
{
    return atomic_load_explicit(&parker->word, memory_order_acquire) != 0;
}

bool nb_parker_wait(nb_parker *parker, int64_t until)
{
    struct timespec end = as_timespec(until);

    while (atomic_load_explicit(&parker->word, memory_order_acquire) == 0) {
        long result = syscall(SYS_futex, &parker->word, FUTEX_WAIT_BITSET_PRIVATE, 0, until == INT64_MAX ? NULL : &end, NULL,
                              FUTEX_BITSET_MATCH_ANY);

        if (result != 0 && errno == ETIMEDOUT) {
            return atomic_load_explicit(&parker->word, memory_order_acquire) != 0;
        }
    }
    return true;
}

void nb_parker_set_last(nb_parker *parker)
{
    atomic_store_explicit(&parker->word, 1, memory_order_release);
    syscall(SYS_futex, &parker->word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

#endif

void nb_parker_set(nb_parker *parker)
{
    nb_parker_set_last(parker);
}
