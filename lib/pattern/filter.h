/*
 * filter.h - several patterns over one record, of which one is enough: the filter of a mapping (LA-Q12). All lie in one index, so the
 * record is read once.
 *
 * A record comes in parts (member.h). Its patterns name the parts at their root; one that names anything else would never match, and is
 * refused, since what does not match a mapping's filter is deleted.
 */
#ifndef NB_PATTERN_FILTER_H
#define NB_PATTERN_FILTER_H

#include <nimbus/pattern.h>

#include "base/heap.h"
#include "pattern/member.h"

typedef struct nb_filter nb_filter;

typedef struct nb_filter_spec {
    const char *const *texts;
    size_t count;
    nimbus_profile profile;
    const char *const *parts; /* keys of a record; NULL ends them; at most 32. They must live as long as the filter */
} nb_filter_spec;

/* Nobody else has it on success. NIMBUS_E_PATTERN, NIMBUS_E_TOO_LARGE, NIMBUS_E_TOO_COMPLEX, and those of nb_heap_failure(). */
nimbus_status nb_filter_compile(nb_heap *heap, const nb_filter_spec *spec, nb_filter **ret, nimbus_error *err, const char *call);
void nb_filter_free(nb_filter *filter); /* NULL: nothing */

/* Bit n: some pattern names part n. */
uint32_t nb_filter_parts(const nb_filter *filter);

/* Any number of threads. NIMBUS_E_NO_MEMORY: it is not known. */
nimbus_status nb_filter_match(const nb_filter *filter, const nb_member *members, size_t count, bool *ret_match);

#endif
