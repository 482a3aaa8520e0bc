/*
 * histogram.h - how long calls take: eight buckets for each power of two, so a quantile is right within an eighth.
 */
#ifndef NB_FUNCTION_HISTOGRAM_H
#define NB_FUNCTION_HISTOGRAM_H

#include <stdint.h>

#define NB_HISTOGRAM_BUCKETS 488 /* up to 2^63 ns */

typedef struct nb_histogram {
    uint64_t total;
    int64_t max;
    uint32_t buckets[NB_HISTOGRAM_BUCKETS];
} nb_histogram;

void nb_histogram_add_many(nb_histogram *histogram, int64_t value, uint32_t times);

static inline void nb_histogram_add(nb_histogram *histogram, int64_t value)
{
    nb_histogram_add_many(histogram, value, 1);
}

/* The upper end of the bucket that holds the quantile per_mille / 1000; 0: empty. */
int64_t nb_histogram_quantile(const nb_histogram *histogram, uint32_t per_mille);

#endif
