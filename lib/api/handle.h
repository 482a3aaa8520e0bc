/*
 * handle.h - the first lines of every public function: what is checked, in which order, with which words.
 */
#ifndef NB_API_HANDLE_H
#define NB_API_HANDLE_H

#include "base/check.h"
#include "base/error.h"
#include "runtime/runtime.h"

/* A handle that is not NULL and not deleted. */
static inline nimbus_status nb_usable(const nb_object *object)
{
    return object == NULL ? NIMBUS_E_INVALID : nb_object_ended(object) ? NIMBUS_E_DELETED : NIMBUS_OK;
}

/* The same for calls that bring in new work. */
static inline nimbus_status nb_accepting(const nb_object *object)
{
    nimbus_status status = nb_usable(object);

    return status == NIMBUS_OK ? nb_intake(object->runtime) : status;
}

/* The shape of a batch, before anything in it is looked at. entries: its array. */
static inline nimbus_status nb_batch_shape(const void *entries, size_t count, size_t max)
{
    return count == 0        ? NIMBUS_E_EMPTY_BATCH
           : count > max     ? NIMBUS_E_BATCH_TOO_MANY
           : entries == NULL ? NIMBUS_E_INVALID
                             : NIMBUS_OK;
}

/* A set-up call on an instance: false with *err filled if it must not go on. */
static inline bool nb_setup(nimbus_runtime *nb, const char *call, nimbus_error *err)
{
    if (nb_error_blocked(err)) {
        return false;
    }
    if (nb == NULL) {
        nb_error_set(err, NIMBUS_E_INVALID, call, "nb", "the instance is NULL");
        return false;
    }
    if (nb_intake(nb) != NIMBUS_OK) {
        nb_error_set(err, NIMBUS_E_CLOSED, call, NULL, "the instance was shut down");
        return false;
    }
    return true;
}

/* The same on a resource. */
static inline nimbus_status nb_setup_on(const nb_object *object, const char *call, const char *field, nimbus_error *err)
{
    nimbus_status status;

    if (nb_error_blocked(err)) {
        return err->status;
    }
    status = nb_accepting(object);
    if (status != NIMBUS_OK) {
        nb_error_set(err, status, call, field,
                     status == NIMBUS_E_INVALID   ? "it is NULL"
                     : status == NIMBUS_E_DELETED ? "it was deleted"
                                                  : "the instance was shut down");
    }
    return status;
}

/* The handle of a name, or *err filled. */
static inline nb_object *nb_find(nimbus_runtime *nb, nb_kind kind, const char *name, const char *call, nimbus_error *err)
{
    nb_object *object = NULL;

    if (nb_error_blocked(err)) {
        return NULL;
    }
    if (nb == NULL || name == NULL) {
        nb_error_set(err, NIMBUS_E_INVALID, call, nb == NULL ? "nb" : "name", "it is NULL");
        return NULL;
    }
    object = nb_names_find(&nb->names, kind, name);
    if (object == NULL) {
        nb_error_set(err, NIMBUS_E_NOT_FOUND, call, "name", "nothing has that name");
    }
    return object;
}

#endif
