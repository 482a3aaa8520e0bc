/* filter.h - a message of a mapped queue as the record that its filter looks at (LA-Q12, Q17). */
#ifndef NB_FUNCTION_FILTER_H
#define NB_FUNCTION_FILTER_H

#include "function/function.h"

/* The parts of a record, for nb_filter_spec. */
extern const char *const nb_record_parts[];

/* Whether the filter takes a message. NIMBUS_E_NO_MEMORY: it is not known. */
nimbus_status nb_record_matches(const nb_feed *feed, const nb_delivery *delivery, bool *ret_match);

#endif
