/* attacks_texts.c - wildcards, and long texts, numbers and keys. */
#include <stdint.h>
#include <stdlib.h>

#include "attack.h"

/* ------------------------------------------------------------------------------------------------ wildcards */

/* As many stars as letters, on a text of which every cut would do but the last. */
void stars(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"wildcard\":\"");
    repeat(&p, "*a", n);
    say(&p, "*b\"}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "a", 2 * n);
    say(&a->event, "\"}");
    free(p.data);
}

void matching_stars(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"wildcard\":\"");
    repeat(&p, "*a", n);
    say(&p, "*\"}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "a", 2 * n);
    say(&a->event, "\"}");
    a->matches = 1;
    free(p.data);
}

/* A long piece between two stars that nearly begins at each letter. */
void long_piece(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"wildcard\":\"*");
    repeat(&p, "a", n / 2);
    say(&p, "b*\"}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "a", n);
    say(&a->event, "\"}");
    free(p.data);
}

/* The same with the odd letter in front and in the middle. */
void long_pieces(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"wildcard\":\"*b");
    repeat(&p, "a", n / 4);
    say(&p, "*");
    repeat(&p, "a", n / 4);
    say(&p, "b");
    repeat(&p, "a", n / 4);
    say(&p, "*\"}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"b");
    repeat(&a->event, "a", n);
    say(&a->event, "\"}");
    free(p.data);
}

/* A piece with a period of some bytes that fits at each period but for its last letters. */
void periodic_piece(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"wildcard\":\"*");
    repeat(&p, "abacabadabacabae", n / 32);
    say(&p, "abacabadabacabaf*\"}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "abacabadabacabae", n / 16);
    say(&a->event, "\"}");
    free(p.data);
}

void many_leading_stars(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"wildcard\":\"*/t%08x/*\"}]}", (unsigned)i * 2654435761U);
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"/r7/t%08x/x/y3\"}", 2654435761U);
    a->matches = 1;
    free(p.data);
}

/* Every text has the one letter that each of them looks for. */
void many_common_letters(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    for (size_t i = 0; i < n; i++) {
        say(&p, "{\"a\":[{\"wildcard\":\"*e*%zu*x\"}]}", i);
        add(a, &p);
    }
    say(&a->event, "{\"a\":\"the letter e, and no number\"}");
    free(p.data);
}

/* --------------------------------------------------------------------------------------------- long texts */

void long_number(attack *a, size_t n)
{
    add_text(a, "{\"a\":[{\"numeric\":[\">\",5]},1]}");
    say(&a->event, "{\"a\":1.");
    repeat(&a->event, "9", n);
    say(&a->event, "e-5}");
}

void long_exponent(attack *a, size_t n)
{
    add_text(a, "{\"a\":[{\"numeric\":[\">\",5]},1]}");
    say(&a->event, "{\"a\":1e");
    repeat(&a->event, "9", n);
    say(&a->event, "}");
}

void long_escaped(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"a\":[{\"suffix\":\"x\"},{\"wildcard\":\"*b*\"},{\"equals-ignore-case\":\"A\"}]}");
    add(a, &p);
    say(&a->event, "{\"a\":\"");
    repeat(&a->event, "\\u0061\\ud83d\\ude00\\n", n);
    say(&a->event, "\"}");
    free(p.data);
}

void long_key(attack *a, size_t n)
{
    text p = { NULL, 0, 0 };

    say(&p, "{\"");
    repeat(&p, "a.", n);
    say(&p, "b\":[1]}");
    add(a, &p);
    repeat(&a->event, "{\"a\":", n - 200);
    repeat(&a->event, "{\"a.a\":", 100);
    say(&a->event, "{\"b\":1}");
    repeat(&a->event, "}", n - 100);
    a->matches = 1;
    free(p.data);
}

void dotted_keys(attack *a, size_t n)
{
    add_text(a, "{\"a\":{\"a\":{\"a\":{\"a\":{\"b\":[1]}}}}}");
    say(&a->event, "{\"a\":{\"");
    repeat(&a->event, "a.", n);
    say(&a->event, "b\":1}}");
}
