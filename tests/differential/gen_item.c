/*
 * gen_item.c - one alternative of a pattern: an operator that suits a value, and words that match it or just miss it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generate.h"

const char *const gen_operator_names[GEN_OP_COUNT] = { "string",
                                                       "true, false, null",
                                                       "number",
                                                       "exactly",
                                                       "prefix",
                                                       "suffix",
                                                       "equals-ignore-case",
                                                       "prefix ignoring case",
                                                       "suffix ignoring case",
                                                       "wildcard",
                                                       "numeric =",
                                                       "numeric, one bound",
                                                       "numeric, two bounds",
                                                       "anything-but strings",
                                                       "anything-but numbers",
                                                       "anything-but prefix",
                                                       "anything-but suffix",
                                                       "anything-but ignoring case",
                                                       "anything-but wildcard",
                                                       "exists",
                                                       "exists: false",
                                                       "cidr",
                                                       "$or" };

/* Another word of the vocabulary, a string. */
static gen_value other_string(gen *g)
{
    gen_value value;

    do {
        value = gen_scalar(g);
    } while (value.kind != GEN_STRING);
    return value;
}

/* The start of each code point of a text, and its end. Returns: how many code points. */
static size_t boundaries(const char *text, size_t size, size_t ret[64])
{
    size_t count = 0;

    for (size_t i = 0; i < size && count < 62; i++) {
        if (((unsigned char)text[i] & 0xC0) != 0x80) {
            ret[count++] = i;
        }
    }
    ret[count] = size;
    return count;
}

static void quote_piece(gen *g, gen_text *text, const gen_value *value, bool suffix)
{
    size_t at[64];
    size_t count = boundaries(value->text, value->size, at);
    size_t cut = at[gen_below(g, (uint32_t)count + 1)];

    if (suffix) {
        gen_quote(g, text, value->text + cut, value->size - cut);
    } else {
        gen_quote(g, text, value->text, cut);
    }
}

/* Pairs that differ by letter case only; each may stand for the other. The last ones are one way only, by the full mappings. */
static const char *const cases[][2] = { { "\xC3\xA9", "\xC3\x89" },  { "\xCF\x83", "\xCE\xA3" },
                                        { "\xCF\x82", "\xCE\xA3" },  { "\xF0\x90\x90\x80", "\xF0\x90\x90\xA8" },
                                        { "\xE2\x84\xAA", "k" },     { "\xC3\x9F", "SS" },
                                        { "\xC4\xB0", "i\xCC\x87" }, { "\xC4\xB1", "I" },
                                        { "\xEF\xAC\x81", "FI" } };

/* The same text in other letter case. */
static void recase(gen *g, gen_text *out, const char *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        size_t c = gen_below(g, sizeof cases / sizeof cases[0]);
        size_t side = gen_below(g, 2);
        size_t length = strlen(cases[c][side]);
        char letter = text[i];

        if (length <= size - i && length > 1 && memcmp(text + i, cases[c][side], length) == 0) {
            gen_say(out, cases[c][1 - side]);
            i += length;
            continue;
        }
        if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z')) {
            letter = gen_chance(g, 50) ? (char)(letter ^ 32) : letter;
        }
        gen_add(out, &letter, 1);
        i++;
    }
}

static void quote_recased(gen *g, gen_text *text, const gen_value *value, int part)
{
    gen_text word = { NULL, 0, 0 };
    gen_value made = *value;

    recase(g, &word, value->text, value->size);
    made.text = word.data == NULL ? "" : word.data;
    made.size = word.size;
    if (part == 0) {
        gen_quote(g, text, made.text, made.size);
    } else {
        quote_piece(g, text, &made, part == 2);
    }
    gen_text_free(&word);
}

/* Some pieces of the text are stars. */
static void quote_wildcard(gen *g, gen_text *text, const gen_value *value)
{
    gen_text word = { NULL, 0, 0 };
    size_t at[64];
    size_t count = boundaries(value->text, value->size, at);
    size_t stars = 0;

    for (size_t i = 0; i < count; i++) {
        const char *piece = value->text + at[i];

        if (stars < 4 && gen_chance(g, 30) && (word.size == 0 || word.data[word.size - 1] != '*')) {
            gen_say(&word, "*");
            stars++;
            i += gen_below(g, 4);
            if (gen_chance(g, 50)) {
                i--; /* the star may stand for nothing */
            }
            continue;
        }
        if (*piece == '*' || *piece == '\\') {
            gen_say(&word, "\\");
        }
        gen_add(&word, piece, at[i + 1] - at[i]);
        if (*piece == '*' && gen_chance(g, 50)) {
            gen_say(&word, "x"); /* keeps an escaped star from looking like an open one */
        }
    }
    if (word.size == 0 || (gen_chance(g, 20) && word.data[word.size - 1] != '*')) {
        gen_say(&word, "*");
    }
    gen_quote(g, text, word.data, word.size);
    gen_text_free(&word);
}

/* A number in one of eight spellings. Seventeen digits are often more than a double holds. */
static void say_form(gen_text *text, uint32_t form, double number)
{
    static const char letters[] = "gegfffEg";
    char buffer[400];
    static const int all_digits[] = { 15, 15, 17, 1, 0, 6, 3, 6 };
    int digits = all_digits[form];

    switch (letters[form]) {
    case 'g':
        snprintf(buffer, sizeof buffer, "%.*g", digits, number);
        break;
    case 'f':
        snprintf(buffer, sizeof buffer, "%.*f", digits, number);
        break;
    default:
        snprintf(buffer, sizeof buffer, "%.*E", digits, number);
        break;
    }
    gen_say(text, buffer);
}

/* A number in some spelling; most often the same one, or one a little off. */
static void say_number(gen *g, gen_text *text, const gen_value *value, double off)
{
    uint32_t form;
    double number = strtod(value->text, NULL);

    if (value->kind != GEN_NUMBER || !(number > -1e300 && number < 1e300)) {
        number = (double)gen_below(g, 20) - 5;
    } else if (off == 0.0 && gen_chance(g, 50)) {
        gen_add(text, value->text, value->size);
        return;
    }
    form = off == 0.0 ? (gen_chance(g, 10) ? 3 : 2) : (gen_chance(g, 10) ? 8 : 2);
    say_form(text, gen_below(g, form), number + off);
}

static double step(gen *g)
{
    static const double steps[] = { 0.5, 1, 10, 1e-6, 1000 };

    return steps[gen_below(g, 5)];
}

static void numeric(gen *g, gen_text *text, const gen_value *value, uint32_t op)
{
    bool open = gen_chance(g, 50);
    double off = gen_chance(g, 30) ? 0.0 : step(g);

    gen_say(text, "{\"numeric\":[");
    if (op == GEN_OP_NUMERIC_IS) {
        gen_say(text, "\"=\",");
        say_number(g, text, value, gen_chance(g, 70) ? 0.0 : step(g));
    } else if (op == GEN_OP_NUMERIC_ONE) {
        bool lower = gen_chance(g, 50);

        gen_say(text, lower ? (open ? "\">\"," : "\">=\",") : (open ? "\"<\"," : "\"<=\","));
        say_number(g, text, value, lower == gen_chance(g, 75) ? -off : off);
    } else {
        gen_say(text, open ? "\">\"," : "\">=\",");
        say_number(g, text, value, gen_chance(g, 20) ? off : -off);
        gen_say(text, gen_chance(g, 50) ? ",\"<\"," : ",\"<=\",");
        say_number(g, text, value, step(g));
    }
    gen_say(text, "]}");
}

static void cidr(gen *g, gen_text *text, const gen_value *value)
{
    char tail[8];
    bool v6 = memchr(value->text, ':', value->size) != NULL;
    uint32_t most = v6 ? 128 : 32;

    snprintf(tail, sizeof tail, "/%u\"}",
             (unsigned)(gen_chance(g, 30)   ? most
                        : gen_chance(g, 60) ? most / 2 + gen_below(g, most / 2)
                                            : gen_below(g, most)));
    gen_say(text, "{\"cidr\":\"");
    gen_add(text, value->text, value->size);
    gen_say(text, tail);
}

/* One word, or a list with others around it. form: how the word is made. */
static void but(gen *g, gen_text *text, const gen_value *value, uint32_t op)
{
    static const char *const inner[] = { "{\"prefix\":", "{\"suffix\":", "{\"equals-ignore-case\":", "{\"wildcard\":" };
    uint32_t count = gen_chance(g, 40) ? 1 : 1 + gen_below(g, 4);
    bool list = count > 1 || gen_chance(g, 30);
    uint32_t hit = gen_chance(g, 70) ? gen_below(g, count) : count;

    gen_say(text, "{\"anything-but\":");
    gen_say(text, op >= GEN_OP_BUT_PREFIX ? inner[op - GEN_OP_BUT_PREFIX] : "");
    gen_say(text, list ? "[" : "");
    for (uint32_t i = 0; i < count; i++) {
        gen_value word = i == hit && value->kind == (op == GEN_OP_BUT_NUMBER ? GEN_NUMBER : GEN_STRING) ? *value : other_string(g);

        gen_say(text, i == 0 ? "" : ",");
        if (op == GEN_OP_BUT_NUMBER) {
            say_number(g, text, &word, 0.0);
        } else if (op == GEN_OP_BUT_FOLD) {
            quote_recased(g, text, &word, 0);
        } else if (op == GEN_OP_BUT_WILDCARD) {
            quote_wildcard(g, text, &word);
        } else if (op == GEN_OP_BUT) {
            gen_quote(g, text, word.text, word.size);
        } else {
            quote_piece(g, text, &word, op == GEN_OP_BUT_SUFFIX);
        }
    }
    gen_say(text, list ? "]" : "");
    gen_say(text, op >= GEN_OP_BUT_PREFIX ? "}}" : "}");
}

static uint32_t draw_operator(gen *g, const gen_value *value)
{
    static const unsigned char of_string[] = {
        GEN_OP_STRING, GEN_OP_STRING,      GEN_OP_EXACTLY,     GEN_OP_PREFIX,   GEN_OP_SUFFIX,
        GEN_OP_FOLD,   GEN_OP_FOLD_PREFIX, GEN_OP_FOLD_SUFFIX, GEN_OP_WILDCARD, GEN_OP_WILDCARD,
        GEN_OP_BUT,    GEN_OP_BUT_PREFIX,  GEN_OP_BUT_SUFFIX,  GEN_OP_BUT_FOLD, GEN_OP_BUT_WILDCARD
    };
    static const unsigned char of_number[] = { GEN_OP_NUMBER,      GEN_OP_NUMBER,      GEN_OP_NUMERIC_IS, GEN_OP_NUMERIC_ONE,
                                               GEN_OP_NUMERIC_TWO, GEN_OP_NUMERIC_TWO, GEN_OP_BUT_NUMBER, GEN_OP_BUT_NUMBER };

    if (gen_chance(g, 8)) {
        return GEN_OP_EXISTS;
    }
    if (value->kind < GEN_NUMBER) {
        return GEN_OP_LITERAL;
    }
    if (value->kind == GEN_NUMBER) {
        return of_number[gen_below(g, sizeof of_number)];
    }
    if (value->size >= 3 && (memchr(value->text, ':', value->size) != NULL || strspn(value->text, "0123456789.") == value->size) &&
        gen_chance(g, 60)) {
        return GEN_OP_CIDR;
    }
    return of_string[gen_below(g, sizeof of_string)];
}

/* An operator that takes one string. */
static void one_word(gen *g, gen_text *text, const gen_value *value, uint32_t op)
{
    static const char *const open[] = { "{\"exactly\":",
                                        "{\"prefix\":",
                                        "{\"suffix\":",
                                        "{\"equals-ignore-case\":",
                                        "{\"prefix\":{\"equals-ignore-case\":",
                                        "{\"suffix\":{\"equals-ignore-case\":",
                                        "{\"wildcard\":" };

    gen_say(text, open[op - GEN_OP_EXACTLY]);
    if (op == GEN_OP_EXACTLY) {
        gen_quote(g, text, value->text, value->size);
    } else if (op == GEN_OP_WILDCARD) {
        quote_wildcard(g, text, value);
    } else if (op == GEN_OP_PREFIX || op == GEN_OP_SUFFIX) {
        quote_piece(g, text, value, op == GEN_OP_SUFFIX);
    } else {
        quote_recased(g, text, value, (int)op - GEN_OP_FOLD);
    }
    gen_say(text, op == GEN_OP_FOLD_PREFIX || op == GEN_OP_FOLD_SUFFIX ? "}}" : "}");
}

void gen_item(gen *g, gen_text *text, const gen_value *value)
{
    static const char *const literals[] = { "null", "true", "false" };
    gen_value near = gen_chance(g, 75) ? *value : gen_scalar(g);
    uint32_t op = draw_operator(g, &near);

    gen_blank(g, text);
    if (op == GEN_OP_EXISTS) {
        op = gen_chance(g, 50) ? GEN_OP_EXISTS : GEN_OP_ABSENT;
        gen_say(text, op == GEN_OP_EXISTS ? "{\"exists\":true}" : "{\"exists\" : false}");
    } else if (op == GEN_OP_LITERAL) {
        gen_say(text, literals[near.kind]);
    } else if (op == GEN_OP_NUMBER) {
        say_number(g, text, &near, gen_chance(g, 80) ? 0.0 : step(g));
    } else if (op == GEN_OP_CIDR) {
        cidr(g, text, &near);
    } else if (op >= GEN_OP_NUMERIC_IS && op <= GEN_OP_NUMERIC_TWO) {
        numeric(g, text, &near, op);
    } else if (op == GEN_OP_STRING) {
        gen_quote(g, text, near.text, near.size);
    } else if (op >= GEN_OP_BUT && op <= GEN_OP_BUT_WILDCARD) {
        but(g, text, &near, op);
    } else {
        one_word(g, text, &near, op);
    }
    gen_blank(g, text);
    g->operators |= UINT64_C(1) << op;
}
