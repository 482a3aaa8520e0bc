#include "api/link.h"

#include <stdio.h>
#include <string.h>

#include "api/handle.h"
#include "bus/bus.h"
#include "function/function.h"
#include "queue/queue.h"
#include "topic/topic.h"

#define DEFAULT_CAPACITY 65536

static void callback_metrics(nb_object *callback, nimbus_delivery_metrics *ret)
{
    nb_function_delivery_metrics(nb_function_of(callback), ret);
}

static void callback_end(nb_object *callback)
{
    nb_object_end(callback);
    nb_object_release(callback);
}

static bool callback_wait(nb_object *callback, int64_t wait)
{
    return nb_function_wait(nb_function_of(callback), wait);
}

static const nb_callback_ops callback_ops = { callback_metrics, callback_end, callback_wait };

static nb_object *object_of(nimbus_target target)
{
    if (target.object == NULL) {
        return NULL;
    }
    switch (target.kind) {
    case NIMBUS_TARGET_QUEUE:
        return &((nimbus_queue *)target.object)->object;
    case NIMBUS_TARGET_TOPIC:
        return &((nimbus_topic *)target.object)->object;
    case NIMBUS_TARGET_FUNCTION:
        return &((nimbus_function *)target.object)->object;
    case NIMBUS_TARGET_NONE:
    case NIMBUS_TARGET_CALLBACK:
    case NIMBUS_TARGET_INLINE:
    default:
        return NULL;
    }
}

/* A resource of this instance that is not deleted. */
static nimbus_status check_object(nimbus_runtime *nb, const nb_object *object, const char *call, const char *field, nimbus_error *err)
{
    if (object == NULL) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, field, "no resource that could be a target here");
    }
    if (object->runtime != nb) {
        return nb_error_set(err, NIMBUS_E_INVALID, call, field, "it belongs to another instance");
    }
    if (nb_object_ended(object)) {
        return nb_error_set(err, NIMBUS_E_DELETED, call, field, "it was deleted");
    }
    return NIMBUS_OK;
}

nimbus_status nb_link_name(nimbus_runtime *nb, nimbus_target target, const char *call, const char *field, nimbus_error *err, nb_name **ret)
{
    nb_object *object = object_of(target);
    nimbus_status status = check_object(nb, object, call, field, err);

    if (status == NIMBUS_OK && !nb_reserved_clear(target.reserved_, 2)) {
        status = nb_error_set(err, NIMBUS_E_INVALID, call, field, "a reserved field is not 0");
    }
    if (status == NIMBUS_OK) {
        *ret = nb_name_retain(object->name);
    }
    return status;
}

nimbus_status nb_link_dead_letter(nimbus_runtime *nb, nimbus_queue *queue, const char *call, nimbus_error *err, nb_name **ret)
{
    nimbus_status status = NIMBUS_OK;

    *ret = NULL;
    if (queue != NULL) {
        status = check_object(nb, &queue->object, call, "dead_letter_queue", err);
        *ret = status == NIMBUS_OK ? nb_name_retain(queue->object.name) : NULL;
    }
    return status;
}

/* What does not apply is refused, never ignored. */
static nimbus_status check_options(nimbus_target target, const nimbus_delivery_options *o, const nb_link_place *place, const char *call,
                                   nimbus_error *err)
{
    bool inline_one = target.kind == NIMBUS_TARGET_INLINE, callback = target.kind == NIMBUS_TARGET_CALLBACK;
    const nimbus_retry_policy *r = &o->retry;
    const char *field = NULL;

    if (!nb_reserved_clear(o->reserved_, 7) || !nb_reserved_clear(target.reserved_, 2)) {
        field = "reserved_";
    } else if ((o->filter != NULL && !place->subscription) || (unsigned)o->filter_scope > NIMBUS_FILTER_BODY ||
               (o->filter == NULL && o->filter_scope != NIMBUS_FILTER_ATTRIBUTES)) {
        field = "filter";
    } else if (o->input != NULL && place->subscription) {
        field = "input";
    } else if (o->envelope && (!place->subscription || target.kind != NIMBUS_TARGET_QUEUE)) {
        field = "envelope";
    } else if (inline_one && (r->max_retries != 0 || r->max_age != 0 || r->min_delay != 0 || r->max_delay != 0 || r->jitter)) {
        field = "retry";
    } else if (o->max_concurrency < 0 || (o->max_concurrency != 0 && !callback)) {
        field = "max_concurrency";
    } else if (o->capacity_messages != 0 && inline_one) {
        field = "capacity_messages";
    } else if ((inline_one || callback) && target.handler == NULL) {
        field = "target";
    }
    return field == NULL ? NIMBUS_OK : nb_error_set(err, NIMBUS_E_INVALID, call, field, "out of range, or it does not apply here");
}

static bool copy_texts(nimbus_runtime *nb, const nb_link_place *place, const char *target, nb_dead_letter *to)
{
    to->noun = place->noun;
    to->source = nb_text_copy(nb->heap, place->source);
    to->rule = nb_text_copy(nb->heap, place->rule);
    to->target = place->rule != NULL ? nb_text_copy(nb->heap, target) : NULL;
    return to->source != NULL && (place->rule == NULL || (to->rule != NULL && to->target != NULL));
}

static nimbus_status out_of_memory(nimbus_runtime *nb, const char *call, nimbus_error *err)
{
    return nb_error_set(err, nb_heap_failure(nb->heap, 1024), call, NULL, "out of memory");
}

static nimbus_status make_callback(nimbus_runtime *nb, nimbus_target target, const nimbus_delivery_options *o, nb_route_spec *route,
                                   const char *call, nimbus_error *err)
{
    nb_function_spec spec = { .name = route->dead_letter.source, .limit = o->max_concurrency != 0 ? (uint32_t)o->max_concurrency : 1,
                              .retry = route->retry, .capacity = route->capacity };
    const nb_link_place again = { route->dead_letter.noun, route->dead_letter.source, route->dead_letter.rule, NULL, false };
    bool copied = copy_texts(nb, &again, route->dead_letter.target, &spec.dead_letter);
    nimbus_function *function = NULL;

    spec.handler = copied ? nb_handler_make(nb->heap, target.handler, NULL, target.user) : NULL;
    spec.dead_letter.queue = nb_name_retain(route->dead_letter.queue);
    function = spec.handler != NULL ? nb_function_make(nb, &spec) : NULL;
    if (function == NULL) {
        nb_handler_release(spec.handler);
        nb_dead_letter_free(nb->heap, &spec.dead_letter);
        return out_of_memory(nb, call, err);
    }
    route->callback = &function->object;
    route->callback_ops = &callback_ops;
    return NIMBUS_OK;
}

static nimbus_status make_end(nimbus_runtime *nb, nimbus_target target, const nimbus_delivery_options *o, nb_route_spec *spec,
                              const char *call, nimbus_error *err)
{
    switch (target.kind) {
    case NIMBUS_TARGET_CALLBACK:
        return make_callback(nb, target, o, spec, call, err);
    case NIMBUS_TARGET_INLINE:
        spec->handler = nb_handler_make(nb->heap, target.handler, NULL, target.user);
        return spec->handler != NULL ? NIMBUS_OK : out_of_memory(nb, call, err);
    case NIMBUS_TARGET_NONE:
    case NIMBUS_TARGET_QUEUE:
    case NIMBUS_TARGET_TOPIC:
    case NIMBUS_TARGET_FUNCTION:
    default:
        return nb_link_name(nb, target, call, "target", err, &spec->target);
    }
}

static void free_spec(nimbus_runtime *nb, nb_route_spec *spec)
{
    if (spec->callback != NULL) {
        callback_end(spec->callback);
    }
    nb_name_release(spec->target);
    nb_handler_release(spec->handler);
    nb_pattern_release(spec->filter);
    nb_transformer_free(spec->transformer);
    nb_dead_letter_free(nb->heap, &spec->dead_letter);
}

/* place->rule is "bus/rule". */
static nimbus_status make_transformer(nimbus_runtime *nb, const nimbus_input *input, const nb_link_place *place, const char *call,
                                      nimbus_error *err, nb_transformer **ret)
{
    const char *slash = strrchr(place->rule, '/'); /* the name of a bus may have one, that of a rule has none */
    size_t bus = (size_t)(slash - place->rule);
    bool standard = bus == sizeof NB_DEFAULT_BUS - 1 && memcmp(place->rule, NB_DEFAULT_BUS, bus) == 0;
    char arn[512];

    snprintf(arn, sizeof arn, "arn:aws:events:%s:%s:rule/%s", nb->region, nb->account, standard ? slash + 1 : place->rule);
    return nb_transformer_make(nb->heap, input, slash + 1, arn, ret, call, err);
}

static nimbus_status fill_spec(nimbus_runtime *nb, nimbus_target target, const nimbus_delivery_options *o, const nb_link_place *place,
                               const char *call, nimbus_error *err, nb_route_spec *spec)
{
    const nb_object *object = object_of(target);
    const char *name = object != NULL && object->name != NULL ? nb_name_text(object->name) : place->source;
    nimbus_status status = check_options(target, o, place, call, err);

    if (status == NIMBUS_OK && !nb_retry_resolve(&o->retry, place->retry, &spec->retry, call, err)) {
        status = NIMBUS_E_INVALID;
    }
    if (status == NIMBUS_OK) {
        status = nb_link_dead_letter(nb, o->dead_letter_queue, call, err, &spec->dead_letter.queue);
    }
    if (status == NIMBUS_OK && !copy_texts(nb, place, name, &spec->dead_letter)) {
        status = out_of_memory(nb, call, err);
    }
    if (status == NIMBUS_OK && o->filter != NULL) {
        status = nb_pattern_compile(nb->heap, o->filter, strlen(o->filter),
                                    o->filter_scope == NIMBUS_FILTER_BODY ? NB_PROFILE_SNS_BODY : NB_PROFILE_SNS_ATTRIBUTES,
                                    &spec->filter, err, call);
        nb_error_rename(err, "filter");
    }
    if (status == NIMBUS_OK && o->input != NULL) {
        status = make_transformer(nb, o->input, place, call, err, &spec->transformer);
    }
    spec->filter_scope = o->filter_scope;
    spec->envelope = o->envelope;
    spec->capacity = o->capacity_messages != 0 ? o->capacity_messages : DEFAULT_CAPACITY;
    return status == NIMBUS_OK ? make_end(nb, target, o, spec, call, err) : status;
}

nimbus_status nb_link_make(nimbus_runtime *nb, nimbus_target target, const nimbus_delivery_options *options, const nb_link_place *place,
                           const char *call, nimbus_error *err, nb_route **ret)
{
    static const nimbus_delivery_options defaults;
    nb_route_spec spec = { 0 };
    nimbus_status status = fill_spec(nb, target, options != NULL ? options : &defaults, place, call, err, &spec);
    nb_route *route = status == NIMBUS_OK ? nb_route_make(nb, &spec) : NULL;

    if (route == NULL) {
        free_spec(nb, &spec);
        return status == NIMBUS_OK ? out_of_memory(nb, call, err) : status;
    }
    if (route->callback != NULL && place->subscription) {
        nb_function_of(route->callback)->subscription = route;
        nb_function_of(route->callback)->subscription_object = &route->object;
    }
    *ret = route;
    return NIMBUS_OK;
}

static void set_destroy(nb_route *route, nimbus_destroy_fn *destroy)
{
    if (route->handler != NULL) {
        nb_handler_arm(route->handler, destroy);
    } else if (route->callback != NULL) {
        nb_handler_arm(nb_function_of(route->callback)->handler, destroy);
    }
}

void nb_link_arm(nb_route *route, nimbus_target target)
{
    set_destroy(route, target.destroy);
}

void nb_link_disarm(nb_route *route)
{
    set_destroy(route, NULL);
}

void nb_link_drop(nb_route *route)
{
    nb_route_end(route);
    nb_object_release(&route->object);
}
