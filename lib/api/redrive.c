/* redrive.c - the functions of nimbus/redrive.h. */
#include <nimbus/redrive.h>

#include "api/handle.h"
#include "queue/move_task.h"

nimbus_move_task *nimbus_queue_redrive(nimbus_queue *source, const nimbus_redrive_options *options, nimbus_error *err)
{
    return nb_setup_on(source != NULL ? &source->object : NULL, __func__, "source", err) == NIMBUS_OK
               ? nb_move_start(source, options, __func__, err)
               : NULL;
}

nimbus_move_task *nimbus_queue_find_move_task(nimbus_queue *queue)
{
    return queue != NULL ? nb_move_running(queue) : NULL;
}

nimbus_status nimbus_queue_move_tasks(nimbus_queue *queue, nimbus_move_status *ret, size_t max, size_t *ret_count)
{
    nimbus_status status = nb_usable(queue != NULL ? &queue->object : NULL);

    if (status != NIMBUS_OK || ret == NULL || max == 0 || ret_count == NULL) {
        return status != NIMBUS_OK ? status : NIMBUS_E_INVALID;
    }
    *ret_count = nb_move_list(queue, ret, max);
    return *ret_count > 0 ? NIMBUS_OK : NIMBUS_EMPTY;
}

nimbus_status nimbus_queue_dead_letter_sources(nimbus_queue *queue, nimbus_queue_visitor *visitor, void *user)
{
    nimbus_status status = nb_usable(queue != NULL ? &queue->object : NULL);

    if (status != NIMBUS_OK || visitor == NULL) {
        return status != NIMBUS_OK ? status : NIMBUS_E_INVALID;
    }
    nb_queue_visit_sources(queue, visitor, user);
    return NIMBUS_OK;
}

nimbus_status nimbus_move_task_get_status(nimbus_move_task *task, nimbus_move_status *ret)
{
    if (task == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_move_get_status(task, ret);
    return NIMBUS_OK;
}

nimbus_status nimbus_move_task_wait(nimbus_move_task *task, nimbus_duration wait)
{
    return task != NULL && nb_duration_argument(&wait) ? nb_move_wait(task, wait) : NIMBUS_E_INVALID;
}

nimbus_status nimbus_move_task_cancel(nimbus_move_task *task, uint64_t *ret_moved)
{
    return task != NULL ? nb_move_cancel(task, ret_moved) : NIMBUS_E_INVALID;
}

nimbus_move_task *nimbus_move_task_retain(nimbus_move_task *task)
{
    if (task != NULL) {
        nb_move_retain(task);
    }
    return task;
}

void nimbus_move_task_release(nimbus_move_task *task)
{
    if (task != NULL) {
        nb_move_release(task);
    }
}
