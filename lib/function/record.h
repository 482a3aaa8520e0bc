/* record.h - what a destination gets: the record of an invocation, as JSON (LA-A7). */
#ifndef NB_FUNCTION_RECORD_H
#define NB_FUNCTION_RECORD_H

#include "function/function.h"

typedef struct nb_record {
    const nimbus_function *function;
    nimbus_id request;
    const char *condition; /* "Success", "RetriesExhausted", ... */
    uint32_t attempts;     /* 0: it was never run, and there is no response */
    bool failed;
    const char *reason;
    const nimbus_message *payload;
    const nimbus_message *reply; /* NULL: none */
} nb_record;

/* Offers the record to the destination. False: it did not take it, or no memory. */
bool nb_record_offer(nb_name *destination, const nb_record *record);

#endif
