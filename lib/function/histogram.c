#include "function/histogram.h"

static uint32_t bucket_of(uint64_t value)
{
    uint32_t power;

    if (value < 8) {
        return (uint32_t)value;
    }
    power = 60u - (uint32_t)__builtin_clzll(value); /* what is left after the shift has four bits */
    return 8 * (power + 1) + (uint32_t)((value >> power) - 8);
}

static int64_t upper_end(uint32_t bucket)
{
    uint32_t power = bucket < 8 ? 0 : bucket / 8 - 1;
    uint64_t step = bucket < 8 ? bucket : 8 + bucket % 8;

    return (int64_t)(((step + 1) << power) - 1);
}

void nb_histogram_add_many(nb_histogram *histogram, int64_t value, uint32_t times)
{
    uint32_t bucket = bucket_of(value > 0 ? (uint64_t)value : 0);

    histogram->total += times;
    histogram->max = value > histogram->max ? value : histogram->max;
    histogram->buckets[bucket < NB_HISTOGRAM_BUCKETS ? bucket : NB_HISTOGRAM_BUCKETS - 1] += times;
}

int64_t nb_histogram_quantile(const nb_histogram *histogram, uint32_t per_mille)
{
    uint64_t wanted = (histogram->total * per_mille + 999) / 1000, seen = 0;

    for (uint32_t i = 0; histogram->total > 0 && i < NB_HISTOGRAM_BUCKETS; i++) {
        seen += histogram->buckets[i];
        if (seen >= wanted) {
            return upper_end(i) < histogram->max ? upper_end(i) : histogram->max;
        }
    }
    return 0;
}
