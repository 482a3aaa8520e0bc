/*
 * path.h - the part of JSONPath that input paths have: "$.detail.items[0].name", "$.detail.items[*].id", "$.detail.*".
 *
 * A path is compiled into steps in one block and evaluated on the text of a JSON value, in place, without recursion. What it selects are
 * slices of that text. A path without a star selects one value or none; of members with one key the last counts, on the way, too. A path
 * with a star selects a list, and of members with one key each.
 */
#ifndef NB_JSON_PATH_H
#define NB_JSON_PATH_H

#include "json/writer.h"

#define NB_PATH_MAX_TEXT 256u
#define NB_PATH_MAX_STEPS 128u

typedef enum nb_path_kind { NB_PATH_NAME, NB_PATH_ELEMENT, NB_PATH_ALL } nb_path_kind;

typedef struct nb_path_step {
    nb_path_kind kind;
    uint32_t number; /* of NB_PATH_ELEMENT */
    uint32_t name, size; /* of NB_PATH_NAME: in text */
} nb_path_step;

typedef struct nb_json_path {
    uint32_t count;
    bool many; /* it has a star */
    nb_path_step steps[NB_PATH_MAX_STEPS];
    char text[NB_PATH_MAX_TEXT + 1];
} nb_json_path;

/* NULL: done. Else what is wrong, a constant, and *ret_offset says where. */
const char *nb_json_path_compile(nb_json_path *path, const char *text, size_t *ret_offset);

/* One selected value; false: no further one. */
typedef bool nb_json_path_fn(const char *value, size_t size, void *user);

/* json is valid. Calls for each value that the path selects, in the order of the text. */
void nb_json_path_each(const nb_json_path *path, const char *json, size_t size, nb_json_path_fn *each, void *user);

/* The selected value as a slice of json. False: nothing is selected, or the path selects a list. */
bool nb_json_path_one(const nb_json_path *path, const char *json, size_t size, nimbus_bytes *ret);

#endif
