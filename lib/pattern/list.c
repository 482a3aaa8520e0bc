/* list.c - the elements of a list: scalars, and objects that hold one operator. */
#include "pattern/draft.h"

void nb_parse_over(nb_draft *draft, nb_json_event event)
{
    if (event == NB_JSON_OBJECT || event == NB_JSON_ARRAY) {
        nb_json_skip(&draft->reader);
    }
}

void nb_parse_element(nb_draft *draft, nb_json_event event)
{
    switch (event) {
    case NB_JSON_OBJECT:
        nb_parse_operator(draft);
        break;
    case NB_JSON_STRING:
    case NB_JSON_NUMBER:
    case NB_JSON_TRUE:
    case NB_JSON_FALSE:
    case NB_JSON_NULL:
        nb_parse_scalar(draft, event);
        break;
    default:
        nb_draft_refuse(draft, NIMBUS_E_PATTERN, nb_draft_offset(draft),
                        "an element of a list must be a string, a number, true, false, null or an operator object");
        nb_parse_over(draft, event);
        break;
    }
}

uint32_t nb_parse_list(nb_draft *draft)
{
    uint32_t count = 0;
    nb_json_event event;

    while (!nb_draft_is_starved(draft) && (event = nb_json_next(&draft->reader)) != NB_JSON_ARRAY_END) {
        nb_parse_element(draft, event);
        count++;
    }
    return count;
}
