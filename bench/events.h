/**
 * events.h - workloads for the rule engine: rules and events, made from a seed.
 *
 * City lots: records of about 900 bytes with an outline of points, like the public set of city lots that rule engines are measured with;
 * families of five rules each, and two larger ones that put families together.
 *
 * Many rules: events of about 530 bytes; each is matched by exactly one of N rules.
 */
#ifndef BENCH_EVENTS_H
#define BENCH_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/** A text that grows. All zero: empty. */
typedef struct bench_text {
    char *data;
    size_t size, room;
} bench_text;

/** Appends as printf does; ends the program when there is no memory. */
void bench_say(bench_text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Frees a text. */
void bench_text_free(bench_text *text);

/** Appends count city lots, one a line. */
void bench_city_lots(bench_text *text, size_t count, uint64_t seed);

/** Appends the rules of a family, a name, a tab and a pattern a line. Returns: how many; 0: there is no such family. */
size_t bench_city_rules(bench_text *text, const char *family);

/** The names of the families; NULL behind the last. */
extern const char *const bench_city_families[];

/** Appends the rules of a family of many: a name, a tab and a pattern a line. */
void bench_many_rules(bench_text *text, const char *family, size_t rules);

/** Appends count events for these rules, one a line. */
void bench_many_events(bench_text *text, const char *family, size_t rules, size_t count, uint64_t seed);

/** exact, prefix, suffix, wildcard, wildstar, numrange, mixed; NULL behind the last. */
extern const char *const bench_many_families[];

/** A number below n out of a seed that is moved on. */
uint64_t bench_draw(uint64_t *seed, uint64_t n);

#endif
