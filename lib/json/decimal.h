/*
 * decimal.h - digits times a power of ten as a double, correctly rounded; for the sources of number.h only.
 */
#ifndef NB_JSON_DECIMAL_H
#define NB_JSON_DECIMAL_H

#include <stdbool.h>
#include <stdint.h>

/* digits > 0. False: too large for a double. */
bool nb_decimal_to_double(uint64_t digits, int32_t power, double *ret);

#endif
