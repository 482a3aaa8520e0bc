/*
 * number.h - the numbers of events and patterns as doubles: exactly rounded, without a locale, and what makes a number comparable.
 *
 * A number is comparable if its text has the value of the shortest text of its double. Comparable numbers are compared as doubles, which
 * is the same as comparing what they say. All others (9007199254740993, 1e400, 0.1 with 30 digits) have no double of their own: they equal
 * only their own text, and no numeric test takes them.
 */
#ifndef NB_JSON_NUMBER_H
#define NB_JSON_NUMBER_H

#include <nimbus/base.h>

/* A number with at most 17 digits between the zeros in front and behind, which is the most that a comparable one has. */
typedef struct nb_number {
    uint64_t digits; /* without zeros behind; 0: the number is zero */
    int32_t power;   /* the number is digits * 10^power */
    uint32_t count;  /* of digits */
    bool negative;
    double value;    /* the double next to it */
} nb_number;

/*
 * text: a number of JSON, or what people write in attributes ("+5", "05", ".5", "5."). False: no number, more digits, or beyond the
 * doubles: it is not comparable.
 */
bool nb_number_parse(const char *text, size_t size, nb_number *ret);

/* Whether a parsed number is comparable. It always is with at most 15 digits, but for the very smallest. */
bool nb_number_comparable(const nb_number *number);

/* Orders like the doubles; 0 and -0 are one. */
int64_t nb_number_key(double value);

/*
 * The last two digits: numbers that are equal have equal hints. Of a text they may be told without reading the number; 0: not of this one,
 * which may equal any.
 */
unsigned nb_number_hint(const nb_number *number);
unsigned nb_number_text_hint(const char *text, size_t size);

/* Both: false if it is not comparable. */
bool nb_number_read(const char *text, size_t size, int64_t *ret_key);

#endif
