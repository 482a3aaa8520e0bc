/* runtime.c - the functions of nimbus/runtime.h. */
#include <string.h>

#include "api/handle.h"
#include "bus/bus.h"

nimbus_runtime *nimbus_open(const nimbus_options *options, nimbus_error *err)
{
    nimbus_runtime *nb;

    if (nb_error_blocked(err)) {
        return NULL;
    }
    nb = nb_runtime_open(options, __func__, err);
    if (nb != NULL && nb_bus_create(nb, NB_DEFAULT_BUS, __func__, err) == NULL) {
        nb_runtime_close(nb, 0, NULL);
        nb = NULL;
    }
    return nb;
}

nimbus_status nimbus_shutdown(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left)
{
    return nb != NULL && nb_duration_argument(&drain) ? nb_runtime_shutdown(nb, drain, ret_left) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_close(nimbus_runtime *nb, nimbus_duration drain, nimbus_leftovers *ret_left)
{
    return nb != NULL && nb_duration_argument(&drain) ? nb_runtime_close(nb, drain, ret_left) : NIMBUS_E_INVALID;
}

bool nimbus_is_closing(const nimbus_runtime *nb)
{
    return nb == NULL || atomic_load_explicit(&nb->phase, memory_order_acquire) != NB_OPEN;
}

nimbus_status nimbus_run(nimbus_runtime *nb, size_t max_callbacks, bool *ret_more)
{
    return nb != NULL ? nb_runtime_run(nb, max_callbacks, ret_more) : NIMBUS_E_INVALID;
}

int nimbus_poll_timeout(nimbus_runtime *nb)
{
    return nb != NULL ? nb_runtime_poll_timeout(nb) : -1;
}

nimbus_status nimbus_fd(nimbus_runtime *nb, int *ret_fd)
{
    if (nb == NULL || ret_fd == NULL) {
        return NIMBUS_E_INVALID;
    }
    if (!nb->driven) {
        return NIMBUS_E_UNSUPPORTED;
    }
    *ret_fd = nb->exec.bell.read_fd;
    return NIMBUS_OK;
}

void nimbus_wake(nimbus_runtime *nb)
{
    if (nb != NULL) {
        nb_bell_ring(&nb->exec.bell);
    }
}

nimbus_status nimbus_advance(nimbus_runtime *nb, nimbus_duration by)
{
    return nb != NULL && (by >= 0 || by == NIMBUS_ZERO) ? nb_runtime_advance(nb, by == NIMBUS_ZERO ? 0 : by) : NIMBUS_E_INVALID;
}

nimbus_time nimbus_now(const nimbus_runtime *nb)
{
    return nb != NULL ? nb_clock_wall(&nb->clock) : 0;
}

nimbus_status nimbus_runtime_get_metrics(nimbus_runtime *nb, nimbus_runtime_metrics *ret)
{
    uint32_t workers, idle, running, blocked;

    if (nb == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_exec_counts(&nb->exec, &workers, &idle, &running, &blocked);
    memset(ret, 0, sizeof *ret);
    ret->bytes = nb_heap_bytes(nb->heap);
    ret->max_bytes = nb_heap_budget(nb->heap) != 0 ? nb_heap_budget(nb->heap) : SIZE_MAX;
    ret->workers = workers;
    ret->idle_workers = idle;
    ret->blocked_workers = blocked;
    return NIMBUS_OK;
}
