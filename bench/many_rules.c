/* many_rules.c - N rules of one kind, and events that each match exactly one of them. */
#include "events.h"
#include "harness.h"

#include <stdio.h>
#include <string.h>

enum { SOURCES = 50 };

const char *const bench_many_families[] = { "exact", "prefix", "suffix", "wildcard", "wildstar", "numrange", "mixed", NULL };

/* Spreads the numbers of the rules, so that neighbours have nothing in common. */
static unsigned hashed(size_t i)
{
    return (unsigned)i * 2654435761U + 12345U;
}

typedef enum kind { EXACT, PREFIX, SUFFIX, WILDCARD, WILDSTAR, NUMRANGE, BUT, FOLD } kind;

static kind kind_of(const char *family, size_t i)
{
    static const kind mixed[] = { EXACT, PREFIX, WILDCARD, NUMRANGE, BUT, FOLD };
    kind k = EXACT;
    if (strcmp(family, "mixed") == 0)
        return mixed[i % BENCH_COUNT(mixed)];
    while (bench_many_families[k] != NULL && strcmp(bench_many_families[k], family) != 0)
        k++;
    bench_check(k <= NUMRANGE, "a family of many rules");
    return k;
}

void bench_many_rules(bench_text *text, const char *family, size_t rules)
{
    for (size_t i = 0; i < rules; i++) {
        unsigned source = (unsigned)(i % SOURCES), h = hashed(i);
        kind k = kind_of(family, i);
        bench_say(text, "R%zu\t{\"source\":[", i);
        if (k == PREFIX || k == SUFFIX)
            bench_say(text, "{\"prefix\":\"svc.%02u\"}", source);
        else if (k == WILDCARD)
            bench_say(text, "{\"wildcard\":\"svc.%02u*\"}", source);
        else
            bench_say(text, "\"svc.%02u\"", source);
        bench_say(text, "],\"detail\":{");
        switch (k) {
        case EXACT:
            bench_say(text, "\"key\":[\"k-%08x-%zu\"]", h, i);
            break;
        case PREFIX:
            bench_say(text, "\"key\":[{\"prefix\":\"k-%08x-%zu-\"}]", h, i);
            break;
        case SUFFIX:
            bench_say(text, "\"key\":[{\"suffix\":\"-%zu-%08x\"}]", i, h);
            break;
        case WILDCARD:
            bench_say(text, "\"path\":[{\"wildcard\":\"/t%08x/*/doc-%zu.json\"}]", h, i);
            break;
        case WILDSTAR:
            bench_say(text, "\"path\":[{\"wildcard\":\"*/t%08x/*\"}]", h);
            break;
        case NUMRANGE:
            bench_say(text, "\"amount\":[{\"numeric\":[\">=\",%zu,\"<\",%zu]}]", i * 10, i * 10 + 10);
            break;
        case BUT: /* no event has another state: these never match, and must not cost anything either */
            bench_say(text, "\"state\":[{\"anything-but\":[\"running\",\"stopped\",\"pending\",\"x%zu\"]}],\"key\":[{\"exists\":true}]", i);
            break;
        case FOLD:
            bench_say(text, "\"key\":[{\"equals-ignore-case\":\"K-%08X-%zu\"}],\"customer\":{\"tier\":[\"gold\",\"silver\",\"bronze\"]}", h,
                      i);
            break;
        }
        bench_say(text, "}}\n");
    }
}

static void many_event(bench_text *text, kind k, size_t i, uint64_t *seed)
{
    static const char *const words[] = { "order placed", "order cancelled", "invoice paid", "user login", "stock low" };
    static const char *const states[] = { "running", "stopped", "pending" };
    static const char *const tiers[] = { "gold", "silver", "bronze" };
    unsigned h = hashed(i);
    bench_say(text, "{\"version\":\"0\",\"id\":\"%08x-aaaa-7777-4444-%012llx\",\"detail-type\":\"%s\",\"source\":\"svc.%02u\"",
              (unsigned)bench_draw(seed, UINT32_MAX), (unsigned long long)bench_draw(seed, UINT64_C(1) << 48),
              words[bench_draw(seed, BENCH_COUNT(words))], (unsigned)(i % SOURCES));
    bench_say(text,
              ",\"account\":\"%012llu\",\"time\":\"2026-10-02T16:24:49Z\",\"region\":\"eu-west-1\",\"resources\":[\"arn:aws:ec2:us-east-1:"
              "123456789012:instance/i-%017llx\"]",
              (unsigned long long)bench_draw(seed, UINT64_C(1000000000000)), (unsigned long long)bench_draw(seed, UINT64_C(1) << 60));
    bench_say(text, ",\"detail\":{\"state\":\"%s\",\"c-count\":%u,\"x-limit\":%u.%02u,\"source-ip\":\"10.0.%u.%u\"",
              states[bench_draw(seed, 3)], (unsigned)bench_draw(seed, 100), (unsigned)bench_draw(seed, 1000),
              (unsigned)bench_draw(seed, 100), (unsigned)bench_draw(seed, 256), (unsigned)bench_draw(seed, 256));
    if (k == EXACT || k == FOLD)
        bench_say(text, ",\"key\":\"k-%08x-%zu\"", h, i);
    else if (k == PREFIX)
        bench_say(text, ",\"key\":\"k-%08x-%zu-tail%u\"", h, i, (unsigned)bench_draw(seed, 1000000));
    else if (k == SUFFIX)
        bench_say(text, ",\"key\":\"head%u-%zu-%08x\"", (unsigned)bench_draw(seed, 1000000), i, h);
    else
        bench_say(text, ",\"key\":\"zz-%u\"", (unsigned)bench_draw(seed, 1000000000));
    if (k == WILDCARD)
        bench_say(text, ",\"path\":\"/t%08x/dir%u/sub/doc-%zu.json\"", h, (unsigned)bench_draw(seed, 1000), i);
    else if (k == WILDSTAR)
        bench_say(text, ",\"path\":\"/r%u/t%08x/x/y%u\"", (unsigned)bench_draw(seed, 1000), h, (unsigned)bench_draw(seed, 1000));
    else
        bench_say(text, ",\"path\":\"/none/%u\"", (unsigned)bench_draw(seed, 1000000));
    bench_say(text, ",\"amount\":%lld",
              k == NUMRANGE ? (long long)(i * 10 + bench_draw(seed, 10)) : -1 - (long long)bench_draw(seed, 1000000));
    bench_say(text, ",\"tags\":[\"a%u\",\"b%u\"],\"customer\":{\"name\":\"customer %u\",\"tier\":\"%s\"", (unsigned)bench_draw(seed, 1000),
              (unsigned)bench_draw(seed, 1000), (unsigned)bench_draw(seed, 1000000), tiers[bench_draw(seed, 3)]);
    bench_say(text, ",\"address\":{\"city\":\"Lyon\",\"zip\":\"%05u\"}}}}\n", (unsigned)bench_draw(seed, 99999));
}

void bench_many_events(bench_text *text, const char *family, size_t rules, size_t count, uint64_t seed)
{
    while (count > 0) {
        size_t i = bench_draw(&seed, rules);
        kind k = kind_of(family, i);
        if (k != BUT) {
            many_event(text, k, i, &seed);
            count--;
        }
    }
}
