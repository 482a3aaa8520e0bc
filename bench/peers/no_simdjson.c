/* no_simdjson.c - where simdjson is not installed. */
#include "simdjson.h"

#ifndef HAVE_SIMDJSON
bool bench_simdjson_parse(const char *data, size_t size)
{
    (void)data;
    (void)size;
    return false;
}
#endif
