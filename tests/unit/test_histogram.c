/* test_histogram.c - quantiles of call durations are right within an eighth. */
#include "support.h"

#include "base/number.h"
#include "function/histogram.h"

static void is_empty_at_first(void **state)
{
    nb_histogram histogram = { 0 };

    (void)state;
    EQT(nb_histogram_quantile(&histogram, 0), 0);
    EQT(nb_histogram_quantile(&histogram, 500), 0);
    EQT(nb_histogram_quantile(&histogram, 1000), 0);
}

static void one_value_is_exact(void **state)
{
    static const int64_t values[] = { 0, 1, 7, 8, 9, 15, 16, 17, 31, 32, 1000, 999999, INT64_C(1) << 62, INT64_MAX - 1, INT64_MAX };

    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        nb_histogram histogram = { 0 };

        nb_histogram_add(&histogram, values[i]);
        EQ(histogram.total, 1);
        EQT(histogram.max, values[i]);
        EQT(nb_histogram_quantile(&histogram, 1), values[i]); /* the bucket's end, but never above the greatest value */
        EQT(nb_histogram_quantile(&histogram, 500), values[i]);
        EQT(nb_histogram_quantile(&histogram, 1000), values[i]);
    }
}

static void less_than_nothing_counts_as_nothing(void **state)
{
    nb_histogram histogram = { 0 };

    (void)state;
    nb_histogram_add(&histogram, -1);
    nb_histogram_add(&histogram, INT64_MIN);
    EQ(histogram.total, 2);
    EQT(histogram.max, 0);
    EQ(histogram.buckets[0], 2);
    EQT(nb_histogram_quantile(&histogram, 1000), 0);
}

/* Both sides of each power of two, and of each eighth between them, are told apart, and the end of a bucket is near its start. */
static void every_bucket_is_within_an_eighth(void **state)
{
    (void)state;
    for (uint32_t power = 3; power < 63; power++) {
        for (uint64_t eighth = 0; eighth < 8; eighth++) {
            int64_t start = (int64_t)((8 + eighth) << (power - 3));
            nb_histogram histogram = { 0 };
            int64_t low, high;

            nb_histogram_add(&histogram, start - 1);
            nb_histogram_add(&histogram, start);
            nb_histogram_add(&histogram, INT64_MAX); /* so that the greatest value does not cut off */
            low = nb_histogram_quantile(&histogram, 333);
            high = nb_histogram_quantile(&histogram, 666);
            EQT(low, start - 1);
            CHECK(high >= start && high - start <= start / 8);
        }
    }
}

static void the_last_bucket_takes_the_greatest(void **state)
{
    nb_histogram histogram = { 0 };

    (void)state;
    nb_histogram_add(&histogram, INT64_MAX);
    EQ(histogram.buckets[NB_HISTOGRAM_BUCKETS - 1], 1);
}

static int by_value(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;

    return *x < *y ? -1 : *x > *y;
}

static void quantiles_of_random_values(void **state)
{
    static int64_t values[5000];

    (void)state;
    for (uint32_t round = 0; round < 20; round++) {
        nb_histogram histogram = { 0 };

        for (size_t i = 0; i < COUNT(values); i++) {
            uint64_t random = nb_random_mix(round * COUNT(values) + i);

            values[i] = (int64_t)(random >> (1 + random % 60)); /* of all magnitudes */
            nb_histogram_add(&histogram, values[i]);
        }
        qsort(values, COUNT(values), sizeof *values, by_value);
        for (uint32_t per_mille = 1; per_mille <= 1000; per_mille++) {
            int64_t exact = values[(COUNT(values) * per_mille + 999) / 1000 - 1];
            int64_t got = nb_histogram_quantile(&histogram, per_mille);

            CHECK(got >= exact && got - exact <= exact / 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_at_first),
        cmocka_unit_test(one_value_is_exact),
        cmocka_unit_test(less_than_nothing_counts_as_nothing),
        cmocka_unit_test(every_bucket_is_within_an_eighth),
        cmocka_unit_test(the_last_bucket_takes_the_greatest),
        cmocka_unit_test(quantiles_of_random_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
