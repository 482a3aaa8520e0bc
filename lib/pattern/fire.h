/* fire.h - one value of an event against the atoms of its field. */
#ifndef NB_PATTERN_FIRE_H
#define NB_PATTERN_FIRE_H

#include "pattern/scratch.h"

/* A value. data of a string: its bytes, without escapes; of a number: its text. */
typedef struct nb_value {
    nb_json_event kind; /* NB_JSON_STRING to NB_JSON_NULL */
    const char *data;
    size_t size;
    size_t offset, token; /* of its JSON form in the event, and the bytes of that */
    bool hollow;          /* it does not count as present */
} nb_value;

/* Takes note of a value of a field, and fires its atoms. Out of memory: the scratch is starved. */
void nb_fire(const nb_index *index, nb_scratch *scratch, const nb_field *field, const nb_value *value);

/* Takes note that a field has something that satisfies no test. */
void nb_fire_nothing(nb_scratch *scratch, const nb_field *field);

#endif
