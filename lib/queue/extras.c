#include "queue/extras.h"

#include <string.h>

#include "queue/queue.h"

#define MAX_SOURCES 10 /* SQS-D14 */

/* --------------------------------------------------------------------------------------------- the hook */

static nb_discard_hook *make_hook(nb_heap *heap, const nimbus_queue_options *options)
{
    nb_discard_hook *hook = nb_alloc_zero(heap, sizeof *hook);

    if (hook != NULL) {
        hook->heap = heap;
        hook->fn = options->on_discard;
        hook->user = options->on_discard_user;
        nb_atomic_init(&hook->references, 1);
    }
    return hook;
}

nb_discard_hook *nb_discard_hook_retain(nb_discard_hook *hook)
{
    if (hook != NULL) {
        nb_add_relaxed(&hook->references, 1); /* whoever raises it holds a reference, or the queue's lock */
    }
    return hook;
}

void nb_discard_hook_release(nb_discard_hook *hook)
{
    if (hook != NULL && nb_sub_acq_rel(&hook->references, 1) == 1) { /* pairs with itself: see the head */
        if (hook->destroy != NULL) {
            hook->destroy(hook->user);
        }
        nb_free(hook->heap, hook, sizeof *hook);
    }
}

/* ------------------------------------------------------------------------------------------- the sources */

static bool copy_sources(nb_queue_extras *extras, const nimbus_queue_options *options)
{
    size_t count = options->redrive_source_count, size = count * sizeof(char *);
    char *text;

    for (size_t i = 0; i < count; i++) {
        size += strlen(options->redrive_sources[i]) + 1;
    }
    extras->sources = nb_alloc(extras->heap, size);
    if (extras->sources == NULL) {
        return false;
    }
    extras->sources_size = size;
    text = (char *)(extras->sources + count);
    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(options->redrive_sources[i]) + 1;

        extras->sources[i] = memcpy(text, options->redrive_sources[i], length);
        text += length;
    }
    return true;
}

bool nb_queue_extras_make(nb_queue_extras *ret, nb_heap *heap, nimbus_queue_options *options)
{
    *ret = (nb_queue_extras){ .heap = heap };
    if ((options->redrive_source_count > 0 && !copy_sources(ret, options)) ||
        (options->on_discard != NULL && (ret->hook = make_hook(heap, options)) == NULL)) {
        nb_queue_extras_release(ret);
        return false;
    }
    options->redrive_sources = (const char *const *)ret->sources;
    return true;
}

void nb_queue_extras_begin(nb_queue_extras *extras, nb_queue_extras *old, const nimbus_queue_options *options)
{
    nb_discard_hook *before = old->hook, *now = extras->hook;

    if (before != NULL && now != NULL && before->fn == now->fn && before->user == now->user &&
        before->destroy == options->on_discard_destroy) {
        extras->hook = before; /* got, edited, set: its user pointer must not be destroyed */
        old->hook = now;
    } else if (now != NULL) {
        now->destroy = options->on_discard_destroy;
    }
}

void nb_queue_extras_release(nb_queue_extras *extras)
{
    nb_free(extras->heap, extras->sources, extras->sources_size);
    nb_discard_hook_release(extras->hook);
    extras->sources = NULL;
    extras->hook = NULL;
}

/* ---------------------------------------------------------------------------------------------- options */

const char *nb_queue_extras_check(const nimbus_queue_options *o, const char **ret_reason)
{
    bool by_queue = o->redrive_permission == NIMBUS_REDRIVE_BY_QUEUE;

    *ret_reason = "no such permission";
    if ((unsigned)o->redrive_permission > NIMBUS_REDRIVE_BY_QUEUE) {
        return "redrive_permission";
    }
    *ret_reason = "1 to 10 names with NIMBUS_REDRIVE_BY_QUEUE, and only then";
    if (by_queue != (o->redrive_source_count > 0) || o->redrive_source_count > MAX_SOURCES ||
        (o->redrive_sources == NULL && by_queue)) {
        return "redrive_sources";
    }
    *ret_reason = "a name that no queue can have";
    for (size_t i = 0; i < o->redrive_source_count; i++) {
        const char *name = o->redrive_sources[i];

        if (!nb_queue_name_valid(name, false) && !nb_queue_name_valid(name, true)) {
            return "redrive_sources";
        }
    }
    *ret_reason = "a user pointer or its end without a hook";
    return o->on_discard == NULL && (o->on_discard_user != NULL || o->on_discard_destroy != NULL) ? "on_discard" : NULL;
}

static bool names(const nimbus_queue_options *options, const char *name)
{
    for (size_t i = 0; i < options->redrive_source_count; i++) {
        if (strcmp(options->redrive_sources[i], name) == 0) {
            return true;
        }
    }
    return false;
}

bool nb_queue_allows_source(const nimbus_queue_options *options, const char *name)
{
    return options->redrive_permission == NIMBUS_REDRIVE_ALLOW_ALL ||
           (options->redrive_permission == NIMBUS_REDRIVE_BY_QUEUE && names(options, name));
}

bool nb_queue_same_sources(const nimbus_queue_options *a, const nimbus_queue_options *b)
{
    for (size_t i = 0; i < a->redrive_source_count; i++) {
        if (!names(b, a->redrive_sources[i])) {
            return false;
        }
    }
    for (size_t i = 0; i < b->redrive_source_count; i++) {
        if (!names(a, b->redrive_sources[i])) {
            return false;
        }
    }
    return true;
}
