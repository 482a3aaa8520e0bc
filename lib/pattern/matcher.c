#include "pattern/matcher.h"

#include <stdatomic.h>
#include <string.h>

#include "base/error.h"
#include "json/reader.h"
#include "pattern/pattern.h"
#include "platform/lock.h"

typedef struct rule {
    atomic_size_t references; /* one for each snapshot that holds it */
    nb_heap *heap;
    nimbus_destroy_fn *destroy;
    nb_pattern *pattern;
    void *user;
    size_t id_size;
    char id[]; /* ends in NUL */
} rule;

typedef struct snapshot {
    atomic_size_t references; /* the matcher's, and one for each match at work */
    nb_heap *heap;
    size_t count;
    rule *rules[];
} snapshot;

struct nb_matcher {
    nb_heap *heap;
    nimbus_destroy_fn *destroy;
    nb_lock change;  /* held by add and remove from reading the rules to swapping them; never together with a callback */
    nb_lock current; /* guards `rules` only */
    snapshot *rules;
};

/* ----------------------------------------------------------------------------------- rules and snapshots */

/* Acquire-release: whoever drops the last reference sees what all others did before they dropped theirs. */
static bool drop(atomic_size_t *references)
{
    return atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1;
}

static size_t rule_block(size_t id_size)
{
    return sizeof(rule) + id_size + 1;
}

static void rule_free(rule *r)
{
    nb_pattern_release(r->pattern);
    nb_free(r->heap, r, rule_block(r->id_size));
}

static void rule_release(rule *r)
{
    if (drop(&r->references)) {
        if (r->destroy != NULL) {
            r->destroy(r->user);
        }
        rule_free(r);
    }
}

/* A rule with one reference, which is not yet in charge of user: rule_free() undoes it. */
static nimbus_status rule_make(const nb_matcher *matcher, const char *id, const char *pattern, void *user, rule **ret, nimbus_error *err,
                               const char *call)
{
    size_t id_size = strlen(id);
    rule *r = nb_alloc(matcher->heap, rule_block(id_size));
    nimbus_status status;

    if (r == NULL) {
        return nb_error_set(err, nb_heap_failure(matcher->heap, rule_block(id_size)), call, "id", "no memory for a rule");
    }
    atomic_init(&r->references, 1);
    r->heap = matcher->heap;
    r->destroy = matcher->destroy;
    r->user = user;
    r->id_size = id_size;
    memcpy(r->id, id, id_size + 1);
    status = nb_pattern_compile(matcher->heap, pattern, strlen(pattern), NB_PROFILE_EVENT, &r->pattern, err, call);
    if (nimbus_failed(status)) {
        nb_free(matcher->heap, r, rule_block(id_size));
        return status;
    }
    *ret = r;
    return NIMBUS_OK;
}

static size_t snapshot_block(size_t count)
{
    return sizeof(snapshot) + count * sizeof(rule *); /* no overflow: each rule takes more memory than its pointer */
}

static snapshot *snapshot_make(nb_heap *heap, size_t count)
{
    snapshot *s = nb_alloc(heap, snapshot_block(count));

    if (s != NULL) {
        atomic_init(&s->references, 1);
        s->heap = heap;
        s->count = count;
    }
    return s;
}

static void snapshot_release(snapshot *s)
{
    if (drop(&s->references)) {
        for (size_t i = 0; i < s->count; i++) {
            rule_release(s->rules[i]);
        }
        nb_free(s->heap, s, snapshot_block(s->count));
    }
}

/* Position of a rule; s->count: there is none. */
static size_t find(const snapshot *s, const char *id)
{
    size_t i = 0;

    while (i < s->count && strcmp(s->rules[i]->id, id) != 0) {
        i++;
    }
    return i;
}

/* A copy for which all rules but the one at `without` are retained; room for one more at the end if count asks for it. */
static snapshot *snapshot_copy(const snapshot *from, size_t count, size_t without, bool keep_place)
{
    snapshot *s = snapshot_make(from->heap, count);
    size_t to = 0;

    for (size_t i = 0; s != NULL && i < from->count; i++) {
        if (i != without) {
            atomic_fetch_add_explicit(&from->rules[i]->references, 1, memory_order_relaxed);
            s->rules[to++] = from->rules[i];
        } else if (keep_place) {
            to++;
        }
    }
    return s;
}

/* With `change` held: makes s the rules; the caller releases what is returned, without `change`. */
static snapshot *swap(nb_matcher *matcher, snapshot *s)
{
    snapshot *old;

    nb_lock_acquire(&matcher->current);
    old = matcher->rules;
    matcher->rules = s;
    nb_lock_release(&matcher->current);
    return old;
}

/* ---------------------------------------------------------------------------------------------- matcher */

nb_matcher *nb_matcher_create(nb_heap *heap, nimbus_destroy_fn *destroy, nimbus_status *ret_status)
{
    nb_matcher *matcher = nb_alloc(heap, sizeof *matcher);
    snapshot *rules = matcher != NULL ? snapshot_make(heap, 0) : NULL;

    if (rules == NULL) {
        *ret_status = nb_heap_failure(heap, matcher == NULL ? sizeof *matcher : snapshot_block(0));
        nb_free(heap, matcher, sizeof *matcher);
        nb_heap_close(heap);
        return NULL;
    }
    matcher->heap = heap;
    matcher->destroy = destroy;
    matcher->rules = rules;
    nb_lock_init(&matcher->change);
    nb_lock_init(&matcher->current);
    return matcher;
}

void nb_matcher_release(nb_matcher *matcher)
{
    nb_heap *heap;

    if (matcher != NULL) {
        heap = matcher->heap;
        snapshot_release(matcher->rules);
        nb_lock_fini(&matcher->current);
        nb_lock_fini(&matcher->change);
        nb_free(heap, matcher, sizeof *matcher);
        nb_heap_close(heap);
    }
}

nimbus_status nb_matcher_add(nb_matcher *matcher, const char *id, const char *pattern, void *user, nimbus_error *err, const char *call)
{
    rule *r = NULL;
    snapshot *next;
    snapshot *old;
    size_t at;
    size_t count;
    nimbus_status status = rule_make(matcher, id, pattern, user, &r, err, call);

    if (r == NULL) {
        return status;
    }
    nb_lock_acquire(&matcher->change);
    old = matcher->rules; /* only swap() writes it, and only with `change` held */
    at = find(old, id);
    count = old->count + (at == old->count);
    next = snapshot_copy(old, count, at, true);
    if (next == NULL) {
        status = nb_heap_failure(matcher->heap, snapshot_block(count));
        nb_lock_release(&matcher->change);
        rule_free(r);
        return nb_error_set(err, status, call, "id", "no memory for the list of rules");
    }
    next->rules[at] = r;
    old = swap(matcher, next);
    nb_lock_release(&matcher->change);
    snapshot_release(old);
    return NIMBUS_OK;
}

nimbus_status nb_matcher_remove(nb_matcher *matcher, const char *id)
{
    snapshot *next = NULL;
    snapshot *old;
    size_t at;
    nimbus_status status = NIMBUS_OK;

    nb_lock_acquire(&matcher->change);
    old = matcher->rules;
    at = find(old, id);
    if (at == old->count) {
        status = NIMBUS_E_NOT_FOUND;
    } else if ((next = snapshot_copy(old, old->count - 1, at, false)) == NULL) {
        status = nb_heap_failure(matcher->heap, snapshot_block(old->count - 1));
    } else {
        old = swap(matcher, next);
    }
    nb_lock_release(&matcher->change);
    if (next != NULL) {
        snapshot_release(old);
    }
    return status;
}

/* ------------------------------------------------------------------------------------------------ match */

static snapshot *take(nb_matcher *matcher)
{
    snapshot *s;

    nb_lock_acquire(&matcher->current);
    s = matcher->rules;
    atomic_fetch_add_explicit(&s->references, 1, memory_order_relaxed); /* the matcher's own reference is there while the lock is held */
    nb_lock_release(&matcher->current);
    return s;
}

static size_t visit_all(const snapshot *s, const void *event, size_t size, nimbus_matcher_visit_fn *visit, void *user)
{
    size_t count = 0;
    bool going = true;

    for (size_t i = 0; going && i < s->count; i++) {
        bool match = false;

        if (nb_pattern_match(s->rules[i]->pattern, event, size, &match) == NIMBUS_OK && match) {
            nimbus_matched matched = { s->rules[i]->id, s->rules[i]->user };

            count++;
            going = visit == NULL || visit(&matched, user);
        }
    }
    return count;
}

nimbus_status nb_matcher_match(nb_matcher *matcher, const void *event, size_t size, nimbus_matcher_visit_fn *visit, void *user,
                               size_t *ret_count)
{
    snapshot *s;
    size_t count;

    if (nb_json_validate_object(event, size, NULL, NULL) != NIMBUS_OK) { /* before anything is visited, and also without rules */
        return NIMBUS_E_JSON;
    }
    s = take(matcher);
    count = visit_all(s, event, size, visit, user);
    snapshot_release(s);
    if (ret_count != NULL) {
        *ret_count = count;
    }
    return NIMBUS_OK;
}
