/* attacks_nesting.c - deep nesting, and large arrays whose elements nearly fit. */
#include <stdint.h>
#include <stdlib.h>

#include "attack.h"

/* ------------------------------------------------------------------------------------------------- nesting */

void deep_objects(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    repeat(&p, "{\"a\":", n);
    say(&p, "[1]");
    repeat(&p, "}", n);
    add(a, &p);
    repeat(&a->event, "{\"a\":", n);
    say(&a->event, "1");
    repeat(&a->event, "}", n);
    a->matches = 1;
    free(p.data);
}

void deep_arrays(attack *a, size_t n)
{
    add_text(a, "{\"a\":[1],\"b\":[2]}");
    say(&a->event, "{\"a\":");
    repeat(&a->event, "[", n);
    say(&a->event, "1");
    repeat(&a->event, "]", n);
    say(&a->event, ",\"b\":2}");
    a->matches = 1;
}

void deep_elements(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    repeat(&p, "{\"a\":", n);
    say(&p, "{\"x\":[1],\"y\":[1]}");
    repeat(&p, "}", n);
    add(a, &p);
    repeat(&a->event, "{\"a\":[", n);
    say(&a->event, "{\"x\":1},{\"y\":1}");
    repeat(&a->event, "]}", n);
    free(p.data);
}

void deep_unused(attack *a, size_t n)
{
    add_text(a, "{\"a\":[1]}");
    say(&a->event, "{\"b\":");
    repeat(&a->event, "[{\"a\":", n);
    say(&a->event, "1");
    repeat(&a->event, "}]", n);
    say(&a->event, "}");
}

/* -------------------------------------------------------------------------------------------------- arrays */

/* Half of the elements serve one field, half the other one: no pair fits. */
void halves(attack *a, size_t n)
{
    add_text(a, "{\"a\":{\"x\":[1],\"y\":[1]}}");
    say(&a->event, "{\"a\":[");
    for (size_t i = 0; i < n; i++) {
        say(&a->event, "%s{\"%s\":1}", i == 0 ? "" : ",", i % 2 == 0 ? "x" : "y");
    }
    say(&a->event, "]}");
}

void thirds(attack *a, size_t n)
{
    static const char *const two[] = { "\"x\":1,\"y\":1", "\"y\":1,\"z\":1", "\"x\":1,\"z\":1" };

    add_text(a, "{\"a\":{\"x\":[1],\"y\":[1],\"z\":[1]}}");
    say(&a->event, "{\"a\":[");
    for (size_t i = 0; i < n; i++) {
        say(&a->event, "%s{%s}", i == 0 ? "" : ",", two[i % 3]);
    }
    say(&a->event, "]}");
}

void nested_halves(attack *a, size_t n)
{
    add_text(a, "{\"a\":{\"k\":[1],\"b\":{\"x\":[1],\"y\":[1]}}}");
    say(&a->event, "{\"a\":[");
    for (size_t i = 0; i < n; i++) {
        say(&a->event, "%s{\"k\":%d,\"b\":[{\"x\":1},{\"y\":1},{\"x\":1}]}", i == 0 ? "" : ",", i % 2 == 0);
    }
    say(&a->event, "]}");
}

void absent_in_elements(attack *a, size_t n)
{
    add_text(a, "{\"a\":{\"x\":[1],\"m\":[{\"exists\":false}]}}");
    say(&a->event, "{\"a\":[");
    for (size_t i = 0; i < n; i++) {
        say(&a->event, "%s{\"x\":1,\"m\":1}", i == 0 ? "" : ",");
    }
    say(&a->event, "]}");
}

/* The same array under two names, each element of one with each of the other. */
void two_arrays_of_one_path(attack *a, size_t n)
{
    add_text(a, "{\"a\":{\"x\":[1],\"y\":[1],\"z\":[1]}}");
    say(&a->event, "{\"a\":[");
    for (size_t i = 0; i < n; i++) {
        say(&a->event, "%s{\"x\":1}", i == 0 ? "" : ",");
    }
    say(&a->event, "],\"a\":[");
    for (size_t i = 0; i < n; i++) {
        say(&a->event, "%s{\"y\":1}", i == 0 ? "" : ",");
    }
    say(&a->event, "]}");
}

void many_values(attack *a, size_t n)
{
    add_text(a, "{\"a\":[{\"prefix\":\"x\"}],\"b\":[{\"suffix\":\"y\"}],\"c\":[1]}");
    say(&a->event, "{\"a\":[");
    repeat(&a->event, "\"xx\",", n);
    say(&a->event, "\"x\"],\"b\":[");
    repeat(&a->event, "\"yy\",", n);
    say(&a->event, "\"y\"]}");
}

void one_key_many_times(attack *a, size_t n)
{
    add_text(a, "{\"a\":[1],\"b\":[1]}");
    say(&a->event, "{");
    repeat(&a->event, "\"a\":1,", n);
    say(&a->event, "\"c\":1}");
}
