#include "platform/self.h"

#include <pthread.h>
#include <stddef.h>

_Thread_local nb_self nb_self_block __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool key_made;
static pthread_mutex_t ties = PTHREAD_MUTEX_INITIALIZER;

static void thread_ended(void *self)
{
    nb_self *mine = self;

    mine->ending = true; /* destructors that run after us may still call in; what they would leave behind nobody would fetch */
    while (mine->hooks != NULL) {
        nb_self_hook *hook = mine->hooks;

        nb_self_not_at_end(hook);
        hook->ended(hook);
    }
}

static void make_key(void)
{
    key_made = pthread_key_create(&key, thread_ended) == 0;
}

bool nb_self_at_end(nb_self_hook *hook)
{
    nb_self *self = nb_self_get();

    pthread_once(&once, make_key);
    if (self->ending || !key_made || pthread_setspecific(key, self) != 0) {
        return false;
    }
    hook->prev = NULL;
    hook->next = self->hooks;
    if (hook->next != NULL) {
        hook->next->prev = hook;
    }
    self->hooks = hook;
    return true;
}

void nb_self_not_at_end(nb_self_hook *hook)
{
    if (hook->next != NULL) {
        hook->next->prev = hook->prev;
    }
    if (hook->prev != NULL) {
        hook->prev->next = hook->next;
    } else {
        nb_self_get()->hooks = hook->next;
    }
    hook->prev = hook->next = NULL;
}

void nb_self_lock(void)
{
    pthread_mutex_lock(&ties);
}

void nb_self_unlock(void)
{
    pthread_mutex_unlock(&ties);
}
