/* function.c - the functions of nimbus/function.h that make, end, invoke and look at functions. */
#include "function/function.h"

#include <string.h>

#include "api/handle.h"
#include "api/link.h"
#include "memory/copy.h"
#include "queue/queue.h"

#define MAX_NAME 140
#define DEFAULT_CAPACITY 1048576

static const nimbus_function_options defaults;

/* The parts of a function to be that can fail for other reasons than memory. */
static nimbus_status resolve(nimbus_runtime *nb, const nimbus_function_options *o, const char *call, nimbus_error *err,
                             nb_function_spec *spec)
{
    nimbus_duration timeout = o->timeout;
    nimbus_status status = NIMBUS_OK;

    if (!nb_reserved_clear(o->reserved_, 8) || o->max_concurrency < NIMBUS_NONE) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, o->max_concurrency < NIMBUS_NONE ? "max_concurrency" : "reserved_",
                            "out of range, or not 0");
    }
    if (!nb_duration_option(&timeout, 0, 0, NIMBUS_DAYS(3650), call, "timeout", err) ||
        !nb_retry_resolve(&o->retry, &nb_retry_function, &spec->retry, call, err)) {
        return NIMBUS_E_INVALID;
    }
    spec->timeout = timeout;
    spec->limit = o->max_concurrency == 0 ? 1 : o->max_concurrency == NIMBUS_NONE ? 0 : (uint32_t)o->max_concurrency;
    spec->capacity = o->capacity_messages != 0 ? o->capacity_messages : DEFAULT_CAPACITY;
    status = nb_link_dead_letter(nb, o->dead_letter_queue, call, err, &spec->dead_letter.queue);
    if (status == NIMBUS_OK && o->on_success.kind != NIMBUS_TARGET_NONE) {
        status = nb_link_name(nb, o->on_success, call, "on_success", err, &spec->on_success);
    }
    if (status == NIMBUS_OK && o->on_failure.kind != NIMBUS_TARGET_NONE) {
        status = nb_link_name(nb, o->on_failure, call, "on_failure", err, &spec->on_failure);
    }
    return status;
}

static void free_spec(nimbus_runtime *nb, nb_function_spec *spec)
{
    nb_handler_release(spec->handler);
    nb_dead_letter_free(nb->heap, &spec->dead_letter);
    nb_name_release(spec->on_success);
    nb_name_release(spec->on_failure);
}

static nimbus_function *create(nimbus_runtime *nb, const char *name, nimbus_handler *single, nimbus_batch_handler *batch, void *user,
                               const nimbus_function_options *options, const char *call, nimbus_error *err)
{
    const nimbus_function_options *o = options != NULL ? options : &defaults;
    nb_function_spec spec = { .name = name, .dead_letter = { .noun = "function" } };
    nimbus_function *function = NULL;
    nimbus_status status = resolve(nb, o, call, err, &spec);

    if (status == NIMBUS_OK) {
        spec.entry = nb_names_intern(&nb->names, NB_FUNCTION, name);
        spec.dead_letter.source = nb_text_copy(nb->heap, name);
        spec.handler = nb_handler_make(nb->heap, single, batch, user);
        if (spec.entry != NULL && spec.dead_letter.source != NULL && spec.handler != NULL) {
            function = nb_function_make(nb, &spec);
        }
        if (function == NULL) {
            nb_error_set(err, nb_heap_failure(nb->heap, sizeof *function), call, NULL, "out of memory");
        }
    }
    if (function == NULL) {
        free_spec(nb, &spec);
    } else {
        nb_handler_arm(function->handler, o->destroy); /* before it is known by its name */
        if (!nb_name_fill(spec.entry, &function->object)) {
            nb_handler_arm(function->handler, NULL);
            nb_object_end(&function->object); /* the name is another one's */
            nb_object_release(&function->object);
            nb_error_set(err, NIMBUS_E_EXISTS, call, "name", "a function of that name exists");
            function = NULL;
        }
    }
    nb_name_release(spec.entry);
    return function;
}

static bool may_create(nimbus_runtime *nb, const char *name, bool handler, const char *call, nimbus_error *err)
{
    if (!nb_setup(nb, call, err)) {
        return false;
    }
    if (!nb_name_valid(name, MAX_NAME, "-_") || !handler) {
        nb_error_set(err, NIMBUS_E_INVALID, call, handler ? "name" : "handler",
                     handler ? "not 1 to 140 letters, digits, '-' and '_'" : "it is NULL");
        return false;
    }
    return true;
}

nimbus_function *nimbus_function_create(nimbus_runtime *nb, const char *name, nimbus_handler *handler, void *user,
                                        const nimbus_function_options *options, nimbus_error *err)
{
    return may_create(nb, name, handler != NULL, __func__, err) ? create(nb, name, handler, NULL, user, options, __func__, err) : NULL;
}

nimbus_function *nimbus_function_create_batch(nimbus_runtime *nb, const char *name, nimbus_batch_handler *handler, void *user,
                                              const nimbus_function_options *options, nimbus_error *err)
{
    return may_create(nb, name, handler != NULL, __func__, err) ? create(nb, name, NULL, handler, user, options, __func__, err) : NULL;
}

nimbus_function *nimbus_function_find(nimbus_runtime *nb, const char *name, nimbus_error *err)
{
    nb_object *object = nb_find(nb, NB_FUNCTION, name, __func__, err);

    return object != NULL ? nb_function_of(object) : NULL;
}

nimbus_function *nimbus_function_retain(nimbus_function *function)
{
    if (function != NULL) {
        nb_object_retain(&function->object);
    }
    return function;
}

void nimbus_function_release(nimbus_function *function)
{
    if (function != NULL) {
        nb_object_release(&function->object);
    }
}

nimbus_status nimbus_function_delete(nimbus_function *function, nimbus_duration wait)
{
    nimbus_runtime *nb;
    bool ended, left = true;

    if (function == NULL || !nb_duration_argument(&wait)) {
        return NIMBUS_E_INVALID;
    }
    nb = function->object.runtime;
    if (wait != 0 && nb_inside(nb)) {
        return NIMBUS_E_WOULD_DEADLOCK;
    }
    nb_object_pin(&function->object);
    ended = nb_object_delete(&function->object);
    if (wait != 0) {
        nb_waiting_begin(nb);
        left = nb_function_wait(function, wait);
        nb_waiting_end(nb);
    }
    nb_object_unpin(&function->object);
    return !left ? NIMBUS_E_TIMEOUT : ended ? NIMBUS_OK : NIMBUS_E_DELETED;
}

nimbus_status nimbus_function_set_concurrency(nimbus_function *function, int32_t max_concurrency)
{
    nimbus_status status = nb_usable(function != NULL ? &function->object : NULL);

    if (status != NIMBUS_OK || max_concurrency < NIMBUS_NONE) {
        return status != NIMBUS_OK ? status : NIMBUS_E_INVALID;
    }
    nb_function_set_limit(function, max_concurrency > 0 ? (uint32_t)max_concurrency : 0);
    return NIMBUS_OK;
}

/* ----------------------------------------------------------------------------------------------- invoke */

static nimbus_status make_other_payload(nimbus_function *function, const nimbus_body *body, nimbus_message **ret)
{
    nb_message_spec spec = { .body = *body };
    size_t size = body->kind == NIMBUS_BODY_SHARE && body->message != NULL ? nb_message_body(body->message).size : body->size;

    if ((unsigned)body->kind > NIMBUS_BODY_SHARE || (body->kind != NIMBUS_BODY_SHARE && body->size > 0 && body->data == NULL)) {
        return NIMBUS_E_INVALID;
    }
    if (size > function->object.runtime->limits.max_message_size) {
        return NIMBUS_E_TOO_LARGE;
    }
    if (body->kind == NIMBUS_BODY_NONE) {
        spec.body = (nimbus_body){ .kind = NIMBUS_BODY_COPY };
    }
    return nb_message_make(function->object.heap, &spec, ret);
}

/* The payload as a message. An empty one is allowed. */
static inline nimbus_status make_payload(nimbus_function *function, const nimbus_body *body, nimbus_message **ret)
{
    if (body->kind == NIMBUS_BODY_COPY && body->data != NULL && body->size <= function->object.runtime->limits.max_message_size) {
        return nb_message_copy(function->object.heap, body->data, body->size, ret); /* most are so */
    }
    return make_other_payload(function, body, ret);
}

nimbus_status nimbus_invoke(nimbus_function *function, nimbus_body body, nimbus_duration wait, nimbus_invoke_result *ret)
{
    nimbus_status status = nb_accepting(function != NULL ? &function->object : NULL);
    nimbus_message *message = NULL;

    if (status == NIMBUS_OK && !nb_duration_argument(&wait)) {
        status = NIMBUS_E_INVALID;
    }
    if (status == NIMBUS_OK) {
        status = make_payload(function, &body, &message);
    }
    if (status == NIMBUS_E_CLOSED && body.kind == NIMBUS_BODY_ADOPT && body.free_fn != NULL) {
        body.free_fn(body.data, body.size, body.user); /* taken, as it is when the instance is shut down later */
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_function_invoke(function, message, wait, ret);
    if (status == NIMBUS_OK || status == NIMBUS_E_TIMEOUT || status == NIMBUS_E_CLOSED || status == NIMBUS_E_WOULD_BLOCK) {
        nb_message_release(message);
    } else {
        nb_message_unmake(message);
    }
    return status;
}

nimbus_status nimbus_invoke_async(nimbus_function *function, nimbus_body body, nimbus_id *ret_id)
{
    nimbus_status status = nb_accepting(function != NULL ? &function->object : NULL);
    nimbus_message *message = NULL;

    if (status == NIMBUS_OK) {
        status = make_payload(function, &body, &message);
    }
    if (status != NIMBUS_OK) {
        return status;
    }
    status = nb_function_invoke_async(function, message, ret_id);
    if (status != NIMBUS_OK) {
        nb_message_unmake(message);
    }
    return status;
}

nimbus_status nimbus_function_get_metrics(nimbus_function *function, nimbus_function_metrics *ret)
{
    if (function == NULL || ret == NULL) {
        return NIMBUS_E_INVALID;
    }
    nb_function_get_metrics(function, ret);
    return NIMBUS_OK;
}
