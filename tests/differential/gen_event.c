/*
 * gen_event.c - random events out of a small vocabulary, so that values of different events are often the same or nearly so.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

typedef struct word {
    const char *text;
    size_t size;
} word;

#define WORD(text)                                                                                                                         \
    {                                                                                                                                      \
        text, sizeof text - 1                                                                                                              \
    }

/* Families of words that begin, end or read alike. Lone surrogates stand as the three bytes that lib and reference make of them. */
static const word strings[] = {
    WORD(""),
    WORD("a"),
    WORD("ab"),
    WORD("abc"),
    WORD("ABC"),
    WORD("abcabc"),
    WORD("bc"),
    WORD("foo"),
    WORD("foobar"),
    WORD("Foo"),
    WORD("foo bar"),
    WORD("bar"),
    WORD("BARFOO"),
    WORD("aaaaaaaa"),
    WORD("abababab"),
    WORD("a*b"),
    WORD("a\\b"),
    WORD("a\"b"),
    WORD("a/b"),
    WORD("*"),
    WORD("\\"),
    WORD("true"),
    WORD("null"),
    WORD("1"),
    WORD("1.0"),
    WORD("-5"),
    WORD("order-1234567890-placed-in-the-morning"),
    WORD("order-1234567890-placed-in-the-evening"),
    WORD("a\0b"),
    WORD("\0"),
    WORD("\n\t\x01"),
    WORD("\x7f"),
    WORD("\xC3\xA9t\xC3\xA9"),
    WORD("\xC3\x89T\xC3\x89"),
    WORD("e\xCC\x81"),
    WORD("Stra\xC3\x9F"
         "e"),
    WORD("STRASSE"),
    WORD("\xC3\x9F"),
    WORD("ss"),
    WORD("SS"),
    WORD("\xCF\x83"),
    WORD("\xCE\xA3"),
    WORD("\xCF\x82"),
    WORD("\xF0\x90\x90\x80"),
    WORD("\xF0\x90\x90\xA8"),
    WORD("\xE2\x84\xAA"),
    WORD("k"),
    WORD("K"),
    WORD("\xC4\xB0"),
    WORD("i\xCC\x87"),
    WORD("I"),
    WORD("\xC4\xB1"),
    WORD("\xEF\xAC\x81x"),
    WORD("FIx"),
    WORD("\xF0\x9F\x98\x80"),
    WORD("x\xF0\x9F\x98\x80y"),
    WORD("\xED\xA0\x80"),
    WORD("\xED\xB0\x80"),
    WORD("a\xED\xA0\x80"),
    WORD("\xEF\xBF\xBF"),
    WORD("\xE6\x97\xA5\xE6\x9C\xAC"),
};

static const word addresses[] = {
    WORD("10.0.0.1"),
    WORD("10.0.0.2"),
    WORD("10.0.0.255"),
    WORD("10.0.1.1"),
    WORD("10.128.0.1"),
    WORD("010.0.0.01"),
    WORD("11.0.0.1"),
    WORD("127.0.0.1"),
    WORD("255.255.255.255"),
    WORD("0.0.0.0"),
    WORD("10.0.0.256"),
    WORD("10.0.0"),
    WORD("10.0.0.1.2"),
    WORD("10.0.0.1 "),
    WORD("::1"),
    WORD("::"),
    WORD("0:0:0:0:0:0:0:1"),
    WORD("2001:db8::1"),
    WORD("2001:DB8:0::1"),
    WORD("2001:db8:0:0:0:0:0:ffff"),
    WORD("2001:db9::1"),
    WORD("::ffff:1.2.3.4"),
    WORD("::ffff:102:304"),
    WORD("2001:db8:::1"),
    WORD("fe80::1%eth0"),
    WORD("1:2:3:4:5:6:7:8"),
    WORD("1:2:3:4:5:6:7:8:9"),
    WORD("::12345"),
};

static const word numbers[] = {
    WORD("0"),
    WORD("-0"),
    WORD("0.0"),
    WORD("1"),
    WORD("1.0"),
    WORD("1e0"),
    WORD("10E-1"),
    WORD("2"),
    WORD("5"),
    WORD("5.5"),
    WORD("-5"),
    WORD("-5.25"),
    WORD("10"),
    WORD("100"),
    WORD("1e2"),
    WORD("1E+2"),
    WORD("99.999999"),
    WORD("0.1"),
    WORD("0.10"),
    WORD("1e-1"),
    WORD("0.3"),
    WORD("5000000000"),
    WORD("-5e9"),
    WORD("9007199254740992"),
    WORD("9007199254740993"),
    WORD("9007199254740993.0"),
    WORD("12345678901234567890"),
    WORD("12345678901234567891"),
    WORD("0.1000000000000000055511151231257827"),
    WORD("1e400"),
    WORD("10e399"),
    WORD("-1e400"),
    WORD("1e-400"),
    WORD("5e-324"),
    WORD("1.7976931348623157e308"),
    WORD("2.2250738585072014E-308"),
    WORD("123456.789012"),
    WORD("-122.42916360922355"),
    WORD("37.729900216217324"),
    WORD("3.0e-7"),
    WORD("100000000000000000000000"),
    WORD("1e23"),
    WORD("1e22"),
    WORD("0.000001"),
    WORD("1e-6"),
    WORD("4.9999999999999999"),
    WORD("4.999999999999999"),
};

static const char *const keys[] = { "a", "b", "c", "d", "a.b", "key", "\xC3\xA9", "detail-type", "", "a\\\"b", "x.y.z", "prefix", "A" };

const char *gen_key(gen *g)
{
    return gen_chance(g, 85) ? keys[gen_below(g, 4)] : keys[gen_below(g, sizeof keys / sizeof keys[0])];
}

gen_value gen_scalar(gen *g)
{
    gen_value value = { .kind = GEN_STRING };
    uint32_t die = gen_below(g, 100);
    const word *drawn = &strings[gen_below(g, sizeof strings / sizeof strings[0])];

    if (die < 30) {
        drawn = &numbers[gen_below(g, gen_chance(g, 60) ? 24 : sizeof numbers / sizeof numbers[0])];
        value.kind = GEN_NUMBER;
    } else if (die < 42) {
        drawn = &addresses[gen_below(g, sizeof addresses / sizeof addresses[0])];
    } else if (die < 52) {
        value.kind = (gen_kind)gen_below(g, 3);
    } else if (die < 80) {
        drawn = &strings[gen_below(g, 16)];
    }
    value.text = drawn->text;
    value.size = drawn->size;
    return value;
}

static gen_value *made(gen_value from)
{
    gen_value *value = malloc(sizeof *value);

    if (value == NULL) {
        fprintf(stderr, "differential: out of memory\n");
        exit(2);
    }
    *value = from;
    return value;
}

static gen_value *draw(gen *g, unsigned depth, gen_kind parent)
{
    gen_value value = { .kind = GEN_OBJECT };
    uint32_t die = gen_below(g, 100);

    if (depth >= 5 || die < (parent == GEN_ARRAY ? 25U : 45U)) {
        return made(gen_scalar(g));
    }
    if (die < (parent == GEN_ARRAY ? 32U : 78U)) {
        value.kind = GEN_ARRAY;
    }
    value.count = gen_chance(g, 6) ? 0 : 1 + gen_below(g, 3);
    for (size_t i = 0; i < value.count; i++) {
        value.keys[i] = value.kind == GEN_OBJECT ? gen_key(g) : NULL;
        value.values[i] = draw(g, depth + 1, value.kind);
    }
    return made(value);
}

gen_value *gen_event(gen *g)
{
    gen_value value = { .kind = GEN_OBJECT, .count = 1 + gen_below(g, 6) };

    for (size_t i = 0; i < value.count; i++) {
        value.keys[i] = gen_key(g);
        value.values[i] = draw(g, 1, GEN_OBJECT);
    }
    return made(value);
}

gen_value *gen_variant(gen *g, const gen_value *base)
{
    gen_value value = *base;

    if (base->kind < GEN_ARRAY) {
        return made(gen_chance(g, 25) ? gen_scalar(g) : value);
    }
    value.count = 0;
    for (size_t i = 0; i < base->count; i++) {
        if (gen_chance(g, 5)) {
            continue;
        }
        value.keys[value.count] = gen_chance(g, 96) || base->kind == GEN_ARRAY ? base->keys[i] : gen_key(g);
        value.values[value.count++] = gen_variant(g, base->values[i]);
    }
    if (value.count > 1 && base->kind == GEN_ARRAY && gen_chance(g, 30)) {
        size_t last = value.count - 1;
        gen_value *moved = value.values[0];

        value.values[0] = value.values[last];
        value.values[last] = moved;
    }
    return made(value);
}

void gen_event_free(gen_value *event)
{
    for (size_t i = 0; i < event->count; i++) {
        gen_event_free(event->values[i]);
    }
    free(event);
}

static size_t leaves_below(gen_leaf at, const gen_value *value, gen_leaf *leaves, size_t count)
{
    if (value->kind < GEN_ARRAY) {
        if (count < GEN_MAX_LEAVES) {
            at.value = value;
            leaves[count++] = at;
        }
        return count;
    }
    for (size_t i = 0; i < value->count; i++) {
        gen_leaf down = at;

        if (value->kind == GEN_OBJECT) {
            down.keys[down.depth++] = value->keys[i];
        }
        count = leaves_below(down, value->values[i], leaves, count);
    }
    return count;
}

size_t gen_leaves(const gen_value *event, gen_leaf leaves[GEN_MAX_LEAVES])
{
    return leaves_below((gen_leaf){ .depth = 0 }, event, leaves, 0);
}

void gen_render(gen *g, gen_text *text, const gen_value *event)
{
    static const char *const literals[] = { "null", "true", "false" };

    gen_blank(g, text);
    if (event->kind <= GEN_FALSE) {
        gen_say(text, literals[event->kind]);
    } else if (event->kind == GEN_NUMBER) {
        gen_add(text, event->text, event->size);
    } else if (event->kind == GEN_STRING) {
        gen_quote(g, text, event->text, event->size);
    } else {
        gen_say(text, event->kind == GEN_ARRAY ? "[" : "{");
        for (size_t i = 0; i < event->count; i++) {
            gen_say(text, i == 0 ? "" : ",");
            gen_blank(g, text);
            if (event->kind == GEN_OBJECT) {
                gen_quote(g, text, event->keys[i], strlen(event->keys[i]));
                gen_blank(g, text);
                gen_say(text, ":");
            }
            gen_render(g, text, event->values[i]);
        }
        gen_blank(g, text);
        gen_say(text, event->kind == GEN_ARRAY ? "]" : "}");
    }
    gen_blank(g, text);
}
