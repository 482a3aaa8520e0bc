/* number.h - arithmetic that does not wrap, and a small generator of pseudo-random numbers. */
#ifndef NB_BASE_NUMBER_H
#define NB_BASE_NUMBER_H

#include <stdint.h>

/* a + b for b >= 0; INT64_MAX instead of an overflow, so that "for ever" stays for ever. */
static inline int64_t nb_add_time(int64_t a, int64_t b)
{
    int64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014. */
static inline uint64_t nb_random_mix(uint64_t state)
{
    uint64_t z = state + UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

#endif
