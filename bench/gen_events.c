/* gen_events.c - writes the workloads of bench_match as files.
 *
 *     gen_events FOLDER [--records N] [--rules N] [--seed S]
 *
 * FOLDER/city-lots.jsonl has N records, 20,000 without --records; FOLDER/rules-FAMILY.tsv are the rules that go with it. For each family of
 * many rules, FOLDER/rules-FAMILY-N.tsv and FOLDER/events-FAMILY-N.jsonl, for 100, 1,000, 10,000 and 100,000 rules, or for N alone. */
#include "events.h"
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EVENTS = 4000 };

static void write_file(const char *folder, const char *name, bench_text *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "w");
    bench_check(file != NULL && fwrite(text->data, 1, text->size, file) == text->size && fclose(file) == 0, path);
    printf("%s: %zu bytes\n", path, text->size);
    bench_text_free(text);
}

static void write_many(const char *folder, size_t rules, uint64_t seed)
{
    for (size_t f = 0; bench_many_families[f] != NULL; f++) {
        bench_text text = { NULL, 0, 0 };
        char name[64];
        bench_many_rules(&text, bench_many_families[f], rules);
        snprintf(name, sizeof name, "rules-%s-%zu.tsv", bench_many_families[f], rules);
        write_file(folder, name, &text);
        bench_many_events(&text, bench_many_families[f], rules, EVENTS, seed);
        snprintf(name, sizeof name, "events-%s-%zu.jsonl", bench_many_families[f], rules);
        write_file(folder, name, &text);
    }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = { 100, 1000, 10000, 100000 };
    size_t records = 20000, rules = 0;
    uint64_t seed = 1;
    bench_text text = { NULL, 0, 0 };
    for (int i = 2; i + 1 < argc; i += 2) {
        unsigned long value = strtoul(argv[i + 1], NULL, 10);
        if (strcmp(argv[i], "--records") == 0)
            records = value;
        else if (strcmp(argv[i], "--rules") == 0)
            rules = value;
        else if (strcmp(argv[i], "--seed") == 0)
            seed = value;
        else
            argc = 0;
    }
    if (argc < 2 || argc % 2 != 0 || argv[1][0] == '-' || records == 0) {
        fprintf(stderr, "usage: gen_events FOLDER [--records N] [--rules N] [--seed S]\n");
        return 2;
    }
    bench_city_lots(&text, records, seed);
    write_file(argv[1], "city-lots.jsonl", &text);
    for (size_t f = 0; bench_city_families[f] != NULL; f++) {
        char name[64];
        bench_city_rules(&text, bench_city_families[f]);
        snprintf(name, sizeof name, "rules-%s.tsv", bench_city_families[f]);
        write_file(argv[1], name, &text);
    }
    for (size_t i = 0; rules == 0 && i < BENCH_COUNT(sizes); i++)
        write_many(argv[1], sizes[i], seed);
    if (rules != 0)
        write_many(argv[1], rules, seed);
    return 0;
}
