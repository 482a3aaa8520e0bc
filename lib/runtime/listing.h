/* listing.h - the resources of a kind by their names, as they are at one moment. */
#ifndef NB_RUNTIME_LISTING_H
#define NB_RUNTIME_LISTING_H

#include "runtime/names.h"

typedef struct nb_listing {
    nb_object **objects; /* a handle each */
    size_t count, room;
} nb_listing;

/* Those whose names begin with prefix, in the order of the bytes of their names. False: out of memory, there is nothing to end. */
bool nb_listing_make(nb_listing *listing, nb_names *names, nb_kind kind, const char *prefix);
void nb_listing_end(nb_listing *listing, nb_names *names); /* gives the handles back */

#endif
