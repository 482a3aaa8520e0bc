/*
 * numbers.c - decimal numbers: the library's double, and whether it carries the text, against strtod and printf.
 *
 *     numbers [--count N] [--seed S]
 *
 * Draws texts of all kinds: few digits and many, texts of doubles at random with their last digit changed, the middle between two doubles,
 * small ones that lose bits, and both ends of the range. For two numbers in a row, the order of their keys must be the order of their
 * values.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"
#include "json/number.h"
#include "ref_inside.h"

static gen dice;
static unsigned long differences;

static double any_double(void)
{
    uint64_t bits = (uint64_t)gen_below(&dice, UINT32_MAX) << 32 | gen_below(&dice, UINT32_MAX);
    double value;

    if (gen_chance(&dice, 60)) { /* near 1 */
        bits = (bits & ~(UINT64_C(0x7FF) << 52)) | (uint64_t)(1023 - 70 + gen_below(&dice, 140)) << 52;
    } else if (gen_chance(&dice, 10)) { /* subnormal */
        bits &= ~(UINT64_C(0x7FF) << 52);
        bits >>= gen_below(&dice, 52);
    } else if (gen_chance(&dice, 30)) { /* few bits set */
        bits &= ~((UINT64_C(1) << gen_below(&dice, 52)) - 1);
    }
    memcpy(&value, &bits, sizeof value);
    return isfinite(value) ? value : 1.0;
}

static void any_digits(char *to, size_t room)
{
    size_t count = 1 + gen_below(&dice, gen_chance(&dice, 80) ? 18 : (uint32_t)(room > 60 ? 40 : 18));
    size_t n = 0;

    if (gen_chance(&dice, 30)) {
        to[n++] = '-';
    }
    for (size_t i = 0; i < count; i++) {
        to[n] = (char)('0' + (gen_chance(&dice, 20) ? 0 : gen_below(&dice, 10)));
        n += i != 0 || to[n] != '0' || count == 1; /* no zero in front */
        if (n > 0 && i + 1 == count && to[n - 1] == '-') {
            to[n++] = '7';
        }
    }
    if (n == 0) {
        to[n++] = '0';
    }
    to[n] = '\0';
    if (gen_chance(&dice, 50)) {
        snprintf(to + n, room - n, ".%0*u", 1 + (int)gen_below(&dice, 9), gen_below(&dice, 1000));
        n += strlen(to + n);
    }
    if (gen_chance(&dice, 60)) {
        int range = gen_chance(&dice, 70) ? 25 : 345;

        snprintf(to + n, room - n, "%c%d", gen_chance(&dice, 50) ? 'e' : 'E', (int)gen_below(&dice, (uint32_t)(2 * range)) - range);
    }
}

/* The digit before the exponent, or the last one, one up or down. */
static void nudge(char *text)
{
    char *at = strpbrk(text, "eE");

    at = at == NULL ? text + strlen(text) - 1 : at - 1;
    if (*at >= '0' && *at <= '9') {
        *at = (char)(*at == '9' ? '8' : *at == '0' ? '1' : *at + (gen_chance(&dice, 50) ? 1 : -1));
    }
}

static void any_number(char *to, size_t room)
{
    double value = any_double();

    switch (gen_below(&dice, 5)) {
    case 0:
        any_digits(to, room);
        break;
    case 1: /* the shortest text that is enough */
        for (int digits = 1; digits <= 17; digits++) {
            snprintf(to, room, "%.*e", digits - 1, value);
            if (strtod(to, NULL) == value) {
                break;
            }
        }
        if (gen_chance(&dice, 30)) {
            nudge(to);
        }
        break;
    case 2:
        snprintf(to, room, "%.*e", 13 + (int)gen_below(&dice, 6), value);
        if (gen_chance(&dice, 30)) {
            nudge(to);
        }
        break;
    case 3: { /* between two doubles, where whole numbers begin to leave gaps */
        uint64_t whole = (UINT64_C(1) << (52 + gen_below(&dice, 8))) + gen_below(&dice, 100000);

        snprintf(to, room, "%llu%s", (unsigned long long)whole, gen_chance(&dice, 30) ? ".5" : gen_chance(&dice, 20) ? "e-3" : "");
        break;
    }
    default:
        snprintf(to, room, "%.*f", (int)gen_below(&dice, 8), value > -1e15 && value < 1e15 ? value : 5.0);
        break;
    }
}

static void differ(const char *what, const char *text)
{
    if (++differences <= 20) {
        printf("%s: %s\n", what, text);
    }
}

/* Returns: whether it can be compared. */
static bool compare(const char *text, double *ret_value, int64_t *ret_key)
{
    ref_text plain = { text, strlen(text) };
    bool expected = ref_number(plain, ret_value);
    nb_number number;
    bool parsed = nb_number_parse(text, plain.size, &number);
    bool comparable = parsed && nb_number_comparable(&number);

    *ret_key = 0;
    if (comparable != expected) {
        differ(expected ? "not found to be comparable" : "found to be comparable", text);
    } else if (comparable && number.value != *ret_value) {
        differ("another value than strtod's", text);
    } else if (comparable) {
        unsigned hint = nb_number_text_hint(text, plain.size);

        if (hint != 0 && hint != nb_number_hint(&number)) {
            differ("the text hints at another number", text);
        }
        *ret_key = nb_number_key(number.value);
    }
    return comparable && expected;
}

int main(int argc, char **argv)
{
    unsigned long count = 1000000;
    unsigned long comparable = 0;
    char text[2][400];
    double value[2];
    int64_t key[2];
    bool before = false;

    for (int i = 1; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--count") == 0) {
            count = strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--seed") == 0) {
            dice.state = strtoul(argv[i + 1], NULL, 10);
        }
    }
    for (unsigned long i = 0; i < count; i++) {
        unsigned now = i % 2;
        bool can;

        any_number(text[now], sizeof text[now]);
        can = compare(text[now], &value[now], &key[now]);
        comparable += can;
        if (can && before && ((value[0] < value[1]) != (key[0] < key[1]) || (value[0] == value[1]) != (key[0] == key[1]))) {
            differ("the keys of this one and the one before are not in order", text[now]);
        }
        before = can;
    }
    printf("%lu numbers, %lu of them comparable; %lu differences\n", count, comparable, differences);
    return differences != 0 || comparable == 0 || comparable == count;
}
