/*
 * check.h - over a container of JSON that nobody asked for, 64 bytes at a time, and is it well-formed?
 *
 * As strict as the reader, but what it refuses need not be wrong: an exponent, deep nesting, or a machine for which this is not made. Then
 * the reader is to look, which also says where the fault is.
 */
#ifndef NB_JSON_CHECK_H
#define NB_JSON_CHECK_H

#include <stdbool.h>

/*
 * at: behind the bracket that opens an object or an array; room: containers that may be open inside of it. Returns what stands behind the
 * bracket that closes it, up to which all is well-formed; NULL: it is not, or that is left to the reader.
 */
const char *nb_check(const char *at, const char *end, bool object, unsigned room);

#endif
