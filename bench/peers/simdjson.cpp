/* simdjson.cpp - the one peer that is C++; no_simdjson.c stands in for it where it is not installed. */
#include "simdjson.h"

#include <simdjson.h>

bool bench_simdjson_parse(const char *data, size_t size)
{
    static simdjson::dom::parser parser;
    simdjson::dom::element document;

    return parser.parse(data, size, false).get(document) == simdjson::SUCCESS;
}
