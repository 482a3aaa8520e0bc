/**
 * simdjson.h - a parse by simdjson, the floor of what reading a whole document costs.
 */
#ifndef BENCH_PEERS_SIMDJSON_H
#define BENCH_PEERS_SIMDJSON_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Parses a document, which 64 readable bytes follow. Returns: false: simdjson is not installed, or the document is malformed. */
bool bench_simdjson_parse(const char *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
