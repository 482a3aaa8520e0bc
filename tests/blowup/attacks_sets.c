/* attacks_sets.c - sets of very many rules. */
#include <stdint.h>
#include <stdlib.h>

#include "attack.h"

/* --------------------------------------------------------------------------------------------- large sets */

void exact_values(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[\"the same beginning of sixty-four bytes for each of all these words %zu\"]}", i);
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"the same beginning of sixty-four bytes for each of all these words 7\"}");
    a->matches = 1;
    free(p.data);
}

/* Keys that are alike, of which the event has all and the rules half. */
void alike_keys(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&a->event, "{");
    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"%zu key\":[1]}", i * 65536);
        add(a, &p);
        say(&a->event, "%s\"%zu key\":1,\"%zu yek\":1", i == 0 ? "" : ",", i * 65536, i * 65536);
    }
    say(&a->event, "}");
    a->matches = n;
    free(p.data);
}

void anything_but(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"s\":[\"s%zu\"],\"a\":[{\"anything-but\":[\"x\",\"w%zu\"]}]}", i, i);
        add(a, &p);
    }
    say(&a->event, "{\"s\":\"s3\",\"a\":\"w4\"}");
    a->matches = 1;
    free(p.data);
}

/* The field alone, and the event has the one value that all of them exclude. */
void anything_but_alone(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"anything-but\":[\"x\",\"w%zu\"]}],\"b\":[{\"exists\":true}]}", i);
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"v\",\"c\":1}");
    free(p.data);
}

void prefixes_of_one_text(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"prefix\":\"");
        repeat(&p, "a", i + 1);
        say(&p, "b\"}]}");
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "a", n);
    say(&a->event, "\"}");
    free(p.data);
}

void suffixes_of_one_text(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"suffix\":\"b");
        repeat(&p, "a", i + 1);
        say(&p, "\"}]}");
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "a", n);
    say(&a->event, "\"}");
    free(p.data);
}

void ranges(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"numeric\":[\">=\",%zu,\"<\",%zu]}]}", i * 10, i * 10 + 10);
        add(a, &p);
    }
    say(&a->event, "{\"a\":55}");
    a->matches = 1;
    free(p.data);
}

/* All ranges begin below the number, and end below it, too. */
void nested_ranges(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"numeric\":[\">=\",%zu,\"<\",%zu]}]}", i, 2 * n - i);
        add(a, &p);
    }
    say(&a->event, "{\"a\":%zu}", 2 * n + 1);
    free(p.data);
}

void blocks(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"cidr\":\"10.%zu.%zu.0/24\"}]}", i / 256, i % 256);
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"10.0.7.9\"}");
    a->matches = 1;
    free(p.data);
}

void words_ignoring_case(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p,
            "{\"a\":[{\"equals-ignore-case\":\"Stra\xC3\x9F"
            "e %zu\"}]}",
            i);
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"STRASSE 7\"}");
    a->matches = 1;
    free(p.data);
}

/* Letters that match two letters or one, all over a text that fits in many ways and in the end in none. */
void doubling_case(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"equals-ignore-case\":\"");
    repeat(&p,
           "\xC3\x9F"
           "s",
           n);
    say(&p, "x\"},{\"suffix\":{\"equals-ignore-case\":\"");
    repeat(&p,
           "\xC3\x9F"
           "s",
           n);
    say(&p, "x\"}}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "SSS", n);
    say(&a->event, "y\"}");
    free(p.data);
}

void branches(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"$or\":[");
    for (size_t i = 0; i < n; i++) {
        say(&p, "%s{\"a\":[%zu],\"b\":[1]}", i == 0 ? "" : ",", i);
    }
    say(&p, "]}");
    add(a, &p);
    say(&a->event, "{\"a\":7,\"b\":1}");
    a->matches = 1;
    free(p.data);
}

/* n/2 branches twice: the square of it in combinations, of which one event can meet many. */
void product_of_branches(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"c\":{\"$or\":[{\"x\":[1]},{\"y\":[1]},{\"z\":[1]},{\"u\":[1]},{\"v\":[1]}]},\"$or\":[");
    for (size_t i = 0; i < n; i++) {
        say(&p, "%s{\"a\":[%zu]}", i == 0 ? "" : ",", i);
    }
    say(&p, "]}");
    add(a, &p);
    say(&a->event, "{\"a\":7,\"c\":{\"x\":2,\"v\":1}}");
    a->matches = 1;
    free(p.data);
}
