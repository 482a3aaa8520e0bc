/*
 * cpu.h - what the processor can do beyond what the compiler was told.
 *
 * Asked of the processor itself: the compiler's __builtin_cpu_supports brings a table of all features and a constructor into the
 * library, 4.5 KB for one question.
 */
#ifndef NB_PLATFORM_CPU_H
#define NB_PLATFORM_CPU_H

#if defined(__x86_64__)
#include <cpuid.h>
#include <stdbool.h>
#include <stdint.h>

/* Does the system save the wide registers of a thread? Only to be asked if it uses xsave at all. */
static inline bool nb_cpu_saves_wide(void)
{
    uint32_t low, high;

    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6; /* SSE and AVX state */
}

/* AVX2, BMI, BMI2, POPCNT and PCLMUL, and a system that lets them be used. */
static inline bool nb_cpu_has_avx2(void)
{
    const uint32_t first = bit_PCLMUL | bit_POPCNT | bit_OSXSAVE | bit_AVX, second = bit_BMI | bit_BMI2 | bit_AVX2;
    uint32_t a, b, c, d;

    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c & first) != first || !nb_cpu_saves_wide()) {
        return false;
    }
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 && (b & second) == second;
}
#endif

#endif
