/*
 * number.h - decimal numbers compared by value on their text: exact for every length, no double and no locale.
 *
 * 300, 300.0 and 3e2 are equal, 5 and 50E-1 too, and 9007199254740993 is not 9007199254740992. A number is kept as its sign, its digits
 * without zeros in front and behind (a slice of the text, in which a point is skipped), and the power of ten of its first digit.
 */
#ifndef NB_JSON_NUMBER_H
#define NB_JSON_NUMBER_H

#include <nimbus/base.h>

#define NB_DECIMAL_MAX_TEXT 400         /* longer numbers are valid JSON, but equal nothing */
#define NB_DECIMAL_MAX_EXPONENT 1000000 /* the same for larger powers of ten, either side of zero */

typedef struct nb_decimal {
    const char *first; /* the first digit that is not zero; borrowed from the text */
    const char *last;  /* behind the last digit that is not zero */
    int32_t exponent;  /* the power of ten of the first digit: 0 in 5, 2 in 300, -1 in 0.5 */
    int32_t sign;      /* -1, 0 or 1; with 0 nothing else counts */
} nb_decimal;

/*
 * Accepts every JSON number, and what people write in attributes: "+5", "05", ".5", "5.". *ret borrows text.
 * False: not a number, or beyond one of the two bounds; *ret is untouched.
 */
bool nb_decimal_parse(const char *text, size_t size, nb_decimal *ret);

/* Below zero: a < b; zero: equal; above zero: a > b. */
int nb_decimal_compare(const nb_decimal *a, const nb_decimal *b);

#endif
