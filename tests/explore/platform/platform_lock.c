/* platform_lock.c - lib/platform/lock.h on the explorer: the lock's address is its name, its bytes are not used. */
#include "engine.h"
#include "platform/lock.h"

void nb_lock_init(nb_lock *lock)
{
    ex_lock_reset(lock, false);
}

void nb_lock_fini(nb_lock *lock)
{
    ex_lock_reset(lock, true);
}

void nb_lock_acquire(nb_lock *lock)
{
    ex_lock_acquire(EXPLORE_SITE("lock", ""), lock);
}

void nb_lock_release(nb_lock *lock)
{
    ex_lock_release(EXPLORE_SITE("unlock", ""), lock);
}
