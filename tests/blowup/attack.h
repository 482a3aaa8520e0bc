/**
 * attack.h - what attacks are made of. Each builds rules and an event of a size, and says how many rules the event matches.
 */
#ifndef ATTACK_H
#define ATTACK_H

#include <stddef.h>

#include <nimbus/pattern.h>

/** A text that grows. */
typedef struct text {
    char *data;
    size_t size, room;
} text;

/** Rules and an event. */
typedef struct attack {
    nimbus_matcher *matcher;
    size_t rules;
    text event;
    size_t matches; /**< expected */
} attack;

/** Appends as printf does. */
void say(text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Appends a piece some times. */
void repeat(text *t, const char *piece, size_t times);

/** Adds a rule, and empties its text. */
void add(attack *a, text *pattern);

/** Adds a rule. */
void add_text(attack *a, const char *pattern);

/** An attack. */
typedef void attack_fn(attack *a, size_t n);

attack_fn deep_objects, deep_arrays, deep_elements, deep_unused, halves, thirds, nested_halves, absent_in_elements, two_arrays_of_one_path,
    many_values, one_key_many_times, exact_values, alike_keys, anything_but, anything_but_alone, prefixes_of_one_text, suffixes_of_one_text,
    ranges, nested_ranges, blocks, words_ignoring_case, doubling_case, branches, product_of_branches, stars, matching_stars, long_piece,
    long_pieces, periodic_piece, many_leading_stars, many_common_letters, long_number, long_exponent, long_escaped, long_key, dotted_keys;

#endif
