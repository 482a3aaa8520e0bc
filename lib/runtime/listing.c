#include "runtime/listing.h"

#include <string.h>

typedef struct collector {
    nb_listing *listing;
    const char *prefix;
    size_t prefix_size;
    size_t wanted; /* how many there are, whether there is room or not */
} collector;

static void collect(nb_object *object, const char *text, void *user)
{
    collector *c = user;

    if (strncmp(text, c->prefix, c->prefix_size) != 0) {
        return;
    }
    c->wanted++;
    if (c->listing->count < c->listing->room) {
        nb_object_retain(object);
        c->listing->objects[c->listing->count++] = object;
    }
}

static bool before(const nb_object *a, const nb_object *b)
{
    return strcmp(nb_name_text(a->name), nb_name_text(b->name)) < 0;
}

/* Lets the entry at `at` sink to its place in the heap of the first count ones, whose root is the last in order. */
static void sink(nb_object **objects, size_t at, size_t count)
{
    nb_object *entry = objects[at];

    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(objects[child], objects[child + 1])) {
            child++;
        }
        if (!before(entry, objects[child])) {
            break;
        }
        objects[at] = objects[child];
    }
    objects[at] = entry;
}

/* Heapsort: in place, for qsort may ask for memory. */
static void sort(nb_object **objects, size_t count)
{
    for (size_t i = count / 2; i-- > 0;) {
        sink(objects, i, count);
    }
    for (size_t i = count; i-- > 1;) {
        nb_object *last = objects[i];

        objects[i] = objects[0];
        objects[0] = last;
        sink(objects, 0, i);
    }
}

bool nb_listing_make(nb_listing *listing, nb_names *names, nb_kind kind, const char *prefix)
{
    collector c = { .listing = listing, .prefix = prefix, .prefix_size = strlen(prefix) };

    *listing = (nb_listing){ NULL, 0, 0 };
    for (;;) {
        c.wanted = 0;
        nb_names_each(names, kind, collect, &c);
        if (c.wanted <= listing->room) {
            break;
        }
        nb_listing_end(listing, names); /* more than there was room for */
        listing->objects = nb_alloc_array(names->heap, c.wanted, sizeof *listing->objects);
        if (listing->objects == NULL) {
            return false;
        }
        listing->room = c.wanted;
    }
    sort(listing->objects, listing->count);
    return true;
}

void nb_listing_end(nb_listing *listing, nb_names *names)
{
    for (size_t i = 0; i < listing->count; i++) {
        nb_object_release(listing->objects[i]);
    }
    nb_free(names->heap, listing->objects, listing->room * sizeof *listing->objects);
    *listing = (nb_listing){ NULL, 0, 0 };
}
