/**
 * vector.h - reads vectors: files of JSON objects, one a line. All errors of the files end the program.
 */
#ifndef VECTOR_H
#define VECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include <nimbus/message.h>

#define MAX_ATTRIBUTES 16

/** Bytes of our own. */
typedef struct text {
    char *data; /**< allocated, NUL behind it; NULL: not given */
    size_t size;
} text;

/** One line. */
typedef struct vector {
    text id;
    text pattern;
    text event;
    text expect;
    text scope;
    bool has_attributes;
    size_t attribute_count;
    nimbus_attribute attributes[MAX_ATTRIBUTES];
    text storage[3 * MAX_ATTRIBUTES]; /**< names, types and values of the attributes */
} vector;

/** Ends the program with a message. */
void die(const char *what, const char *name);

/** The whole of a file, to be freed. */
text read_file(const char *name);

/** Calls run for each vector of a file; the vector lives until it returns. */
void each_vector(const char *name, void (*run)(const vector *v));

/** Whether a text is JSON, and names no path twice: what a trusted event must be. */
bool can_be_trusted(const text *json);

#endif
