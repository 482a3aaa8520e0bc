#include "runtime/names.h"

#include <string.h>

#include "base/number.h"

struct nb_name {
    nb_names *names;       /* NULL: the instance is closed */
    nb_heap *heap;
    struct nb_name *next;  /* in its bucket */
    size_t references;     /* under the lock; after the close by the last users alone, see nb_names_fini */
    atomic_size_t late;    /* references left at the close */
    nb_kind kind;
    uint64_t hash;
    _Atomic(nb_object *) object; /* a handle; NULL: empty. Changes under the lock */
    nb_list watchers;
    nb_name *next_resting;
    int64_t rests_since;
    bool rests;
    size_t size;           /* of this block */
    char text[];
};

static uint64_t hash_text(uint64_t key, nb_kind kind, const char *text)
{
    uint64_t hash = nb_random_mix(key + (uint64_t)kind);

    for (; *text != '\0'; text++) {
        hash = nb_random_mix(hash ^ (unsigned char)*text);
    }
    return hash;
}

static void drop_resting(nb_names *names, int64_t now, int64_t how_long);

bool nb_names_init(nb_names *names, nb_heap *heap, uint64_t key)
{
    memset(names, 0, sizeof *names);
    names->heap = heap;
    names->key = key;
    names->bucket_count = 64;
    names->buckets = nb_alloc_zero(heap, names->bucket_count * sizeof *names->buckets);
    if (names->buckets == NULL) {
        return false;
    }
    nb_lock_init(&names->lock);
    nb_lock_init(&names->tell_lock);
    return true;
}

void nb_names_fini(nb_names *names)
{
    drop_resting(names, INT64_MAX, 0);
    for (size_t i = 0; i < names->bucket_count; i++) {
        for (nb_name *name = names->buckets[i]; name != NULL; name = name->next) {
            nb_store_relaxed(&name->late, name->references); /* objects that outlive the instance count down from here */
            name->names = NULL;
        }
    }
    nb_free(names->heap, names->buckets, names->bucket_count * sizeof *names->buckets);
    nb_lock_fini(&names->tell_lock);
    nb_lock_fini(&names->lock);
}

/* Twice as many buckets, if there is memory; else the chains grow. */
static void grow(nb_names *names)
{
    size_t count = names->bucket_count * 2;
    nb_name **buckets = nb_alloc_zero(names->heap, count * sizeof *buckets);

    if (buckets == NULL) {
        return;
    }
    for (size_t i = 0; i < names->bucket_count; i++) {
        nb_name *name = names->buckets[i], *next;

        for (; name != NULL; name = next) {
            next = name->next;
            name->next = buckets[name->hash & (count - 1)];
            buckets[name->hash & (count - 1)] = name;
        }
    }
    nb_free(names->heap, names->buckets, names->bucket_count * sizeof *names->buckets);
    names->buckets = buckets;
    names->bucket_count = count;
}

static nb_name *find_locked(nb_names *names, nb_kind kind, const char *text, uint64_t hash)
{
    nb_name *name = names->buckets[hash & (names->bucket_count - 1)];

    while (name != NULL && (name->hash != hash || name->kind != kind || strcmp(name->text, text) != 0)) {
        name = name->next;
    }
    return name;
}

static nb_name *make_locked(nb_names *names, nb_kind kind, const char *text, uint64_t hash)
{
    size_t size = sizeof(nb_name) + strlen(text) + 1;
    nb_name *name = nb_alloc_zero(names->heap, size);

    if (name == NULL) {
        return NULL;
    }
    if (names->count >= names->bucket_count) {
        grow(names);
    }
    name->names = names;
    name->heap = names->heap;
    name->kind = kind;
    name->hash = hash;
    name->size = size;
    memcpy(name->text, text, strlen(text) + 1);
    nb_link_init(&name->watchers);
    name->next = names->buckets[hash & (names->bucket_count - 1)];
    names->buckets[hash & (names->bucket_count - 1)] = name;
    names->count++;
    return name;
}

nb_name *nb_names_intern(nb_names *names, nb_kind kind, const char *text)
{
    uint64_t hash = hash_text(names->key, kind, text);
    nb_name *name;

    nb_lock_acquire(&names->lock);
    name = find_locked(names, kind, text, hash);
    if (name == NULL) {
        name = make_locked(names, kind, text, hash);
    }
    if (name != NULL) {
        name->references++;
    }
    nb_lock_release(&names->lock);
    return name;
}

nb_name *nb_name_retain(nb_name *name)
{
    if (name != NULL) {
        nb_lock_acquire(&name->names->lock);
        name->references++;
        nb_lock_release(&name->names->lock);
    }
    return name;
}

static void unchain_locked(nb_names *names, nb_name *name)
{
    nb_name **at = &names->buckets[name->hash & (names->bucket_count - 1)];

    while (*at != name) {
        at = &(*at)->next;
    }
    *at = name->next;
    names->count--;
}

void nb_name_release(nb_name *name)
{
    bool last;

    if (name == NULL) {
        return;
    }
    if (name->names == NULL) {
        last = nb_sub_acq_rel(&name->late, 1) == 1; /* the last one sees what the others did */
    } else {
        nb_names *names = name->names;

        nb_lock_acquire(&names->lock);
        last = --name->references == 0;
        if (last) {
            unchain_locked(names, name);
        }
        nb_lock_release(&names->lock);
    }
    if (last) {
        nb_free(name->heap, name, name->size);
    }
}

const char *nb_name_text(const nb_name *name)
{
    return name->text;
}

static nb_object *acquire_locked(nb_name *name)
{
    nb_object *object = name != NULL ? nb_load_relaxed(&name->object) : NULL;

    if (object != NULL) {
        nb_object_retain(object);
    }
    return object;
}

const nb_object *nb_name_peek(const nb_name *name)
{
    return nb_load_acquire(&name->object); /* with the release of the fill: who compares it with what he has sees that one whole */
}

nb_object *nb_name_acquire(nb_name *name)
{
    nb_object *object;

    nb_lock_acquire(&name->names->lock);
    object = acquire_locked(name);
    nb_lock_release(&name->names->lock);
    return object;
}

nb_object *nb_names_find(nb_names *names, nb_kind kind, const char *text)
{
    nb_object *object;

    nb_lock_acquire(&names->lock);
    object = acquire_locked(find_locked(names, kind, text, hash_text(names->key, kind, text)));
    nb_lock_release(&names->lock);
    return object;
}

/* Calls each watcher once without the lock; tell_lock keeps nb_name_unwatch() from returning meanwhile. */
static void tell_watchers(nb_name *name)
{
    nb_names *names = name->names;
    nb_list told;
    nb_link *link;

    nb_link_init(&told);
    nb_lock_acquire(&names->tell_lock);
    nb_lock_acquire(&names->lock);
    while ((link = nb_list_pop(&name->watchers)) != NULL) {
        nb_watcher *watcher = NB_CONTAINER(link, nb_watcher, link);

        nb_list_push(&told, link);
        nb_lock_release(&names->lock);
        watcher->filled(watcher);
        nb_lock_acquire(&names->lock);
    }
    nb_list_append_all(&name->watchers, &told);
    nb_lock_release(&names->lock);
    nb_lock_release(&names->tell_lock);
}

bool nb_name_fill(nb_name *name, nb_object *object)
{
    bool filled;

    nb_lock_acquire(&name->names->lock);
    filled = nb_load_relaxed(&name->object) == NULL;
    if (filled) {
        nb_object_retain(object);
        nb_store_release(&name->object, object);
    }
    nb_lock_release(&name->names->lock);
    if (filled) {
        tell_watchers(name);
    }
    return filled;
}

void nb_name_empty(nb_name *name, nb_object *object)
{
    bool mine;

    nb_lock_acquire(&name->names->lock);
    mine = nb_load_relaxed(&name->object) == object;
    if (mine) {
        nb_store_release(&name->object, NULL);
    }
    nb_lock_release(&name->names->lock);
    if (mine) {
        nb_object_release(object);
    }
}

/* --------------------------------------------------------------------------------------------- resting */

/* The first that rests, if it has rested for that long: off the list, with its reference. */
static nb_name *take_rested(nb_names *names, int64_t now, int64_t how_long)
{
    nb_name *name;

    nb_lock_acquire(&names->lock);
    name = names->resting;
    if (name != NULL && now - name->rests_since >= how_long) {
        names->resting = name->next_resting;
        names->last_resting = names->resting != NULL ? names->last_resting : NULL;
        name->rests = false;
    } else {
        name = NULL;
    }
    nb_lock_release(&names->lock);
    return name;
}

static void drop_resting(nb_names *names, int64_t now, int64_t how_long)
{
    nb_name *name;

    while ((name = take_rested(names, now, how_long)) != NULL) {
        nb_name_release(name);
    }
}

void nb_name_rest(nb_name *name, const nb_object *object, int64_t now)
{
    nb_names *names = name->names;

    nb_lock_acquire(&names->lock);
    if (!name->rests && nb_load_relaxed(&name->object) == object) { /* it rests already: two threads delete one resource */
        name->rests = true;
        name->references++;
        name->rests_since = now;
        name->next_resting = NULL;
        if (names->last_resting != NULL) {
            names->last_resting->next_resting = name;
        } else {
            names->resting = name;
        }
        names->last_resting = name;
    }
    nb_lock_release(&names->lock);
}

bool nb_name_resting(nb_name *name, int64_t now, int64_t how_long)
{
    bool rests;

    drop_resting(name->names, now, how_long);
    nb_lock_acquire(&name->names->lock);
    rests = name->rests;
    nb_lock_release(&name->names->lock);
    return rests;
}

void nb_names_each(nb_names *names, nb_kind kind, void (*visit)(nb_object *object, const char *text, void *user), void *user)
{
    nb_lock_acquire(&names->lock);
    for (size_t i = 0; i < names->bucket_count; i++) {
        for (nb_name *name = names->buckets[i]; name != NULL; name = name->next) {
            nb_object *object = name->kind == kind ? nb_load_relaxed(&name->object) : NULL;

            if (object != NULL) {
                visit(object, name->text, user);
            }
        }
    }
    nb_lock_release(&names->lock);
}

void nb_name_watch(nb_name *name, nb_watcher *watcher)
{
    nb_lock_acquire(&name->names->lock);
    nb_list_push(&name->watchers, &watcher->link);
    nb_lock_release(&name->names->lock);
}

void nb_name_unwatch(nb_name *name, nb_watcher *watcher)
{
    nb_lock_acquire(&name->names->lock);
    nb_link_remove(&watcher->link);
    nb_lock_release(&name->names->lock);
    nb_lock_acquire(&name->names->tell_lock);
    nb_lock_release(&name->names->tell_lock);
}

uint32_t nb_names_number(nb_names *names)
{
    uint32_t number;

    nb_lock_acquire(&names->lock);
    number = ++names->last_number;
    nb_lock_release(&names->lock);
    return number;
}
