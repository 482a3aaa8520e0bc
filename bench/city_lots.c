/* city_lots.c - records of lots in a city, and the families of rules that are tried on them. */
#include "events.h"
#include "harness.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------------------------------------ texts */

static void make_room(bench_text *text, size_t more)
{
    if (text->room - text->size <= more) {
        text->room = text->room * 2 + more + 4096;
        text->data = realloc(text->data, text->room);
        bench_check(text->data != NULL, "out of memory");
    }
}

void bench_say(bench_text *text, const char *format, ...)
{
    va_list args;
    make_room(text, 200);
    va_start(args, format);
    int size = vsnprintf(text->data + text->size, text->room - text->size, format, args);
    va_end(args);
    bench_check(size >= 0, "text");
    if ((size_t)size >= text->room - text->size) {
        make_room(text, (size_t)size);
        va_start(args, format);
        vsnprintf(text->data + text->size, text->room - text->size, format, args);
        va_end(args);
    }
    text->size += (size_t)size;
}

void bench_text_free(bench_text *text)
{
    free(text->data);
    *text = (bench_text){ NULL, 0, 0 };
}

uint64_t bench_draw(uint64_t *seed, uint64_t n)
{
    uint64_t z = *seed += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return (z ^ z >> 31) % n;
}

static double draw_between(uint64_t *seed, double low, double high)
{
    return low + (high - low) * (double)bench_draw(seed, UINT64_C(1) << 40) / (double)(UINT64_C(1) << 40);
}

/* ---------------------------------------------------------------------------------------------- records */

/* Out of 100,000 records: how often a street or a lot comes that some rule asks for. */
static const struct {
    const char *name;
    unsigned share;
} streets[] = {
    { "FULTON", 896 },   { "MASON", 1247 }, { "JEFFERSON", 61 }, { "BEACH", 99 },      { "HYDE", 825 },      { "CHESTNUT", 387 },
    { "ACTON", 11 },     { "BLANKEN", 207 }, { "DRUMM", 6 },     { "DRAKE", 12 },      { "FUNSTON", 224 },   { "RHINE", 154 },
    { "CLINTON", 422 },  { "JACKSON", 1126 }, { "LAKE", 397 },   { "STERLING", 516 },  { "SANTIAGO", 320 },  { "UNION", 1173 },
    { "17TH", 760 },     { "CRANLEIGH", 4 }, { "MISSION", 1971 }, { "GREENWICH", 704 }, { "WASHINGTON", 1643 }, { "TURK", 798 },
}, lots[] = {
    { "1430022", 1 }, { "2607117", 47 }, { "2607218", 16 }, { "3745012", 307 }, { "VACSTWIL", 1 }, { "0011008", 20 },
};

static const char *const types[] = { "\"ST\"", "\"ST\"", "\"ST\"", "\"ST\"", "\"ST\"", "\"AVE\"", "\"AVE\"", "\"AVE\"", "\"WAY\"", "null" };

static const char *street(uint64_t *seed, char room[32])
{
    static const char *const syllables[] = { "AL",  "BER", "CAS", "DOR", "EL",  "HOL", "IN",  "JO",
                                             "LOM", "MAR", "NOR", "POR", "QUE", "SAN", "TAR", "VAL" };
    uint64_t die = bench_draw(seed, 100000);
    for (size_t i = 0; i < BENCH_COUNT(streets); i++) {
        if (die < streets[i].share)
            return streets[i].name;
        die -= streets[i].share;
    }
    snprintf(room, 32, "%s%s%s", syllables[bench_draw(seed, 8)], syllables[bench_draw(seed, 16)], syllables[8 + bench_draw(seed, 8)]);
    return room;
}

/* The shortest text that reads back as the same number, as most programs print it. */
static void say_number(bench_text *text, const char *before, double number)
{
    char digits[32];
    int precision = 14;
    do {
        precision++;
        snprintf(digits, sizeof digits, "%.*g", precision, number);
    } while (strtod(digits, NULL) != number);
    bench_say(text, "%s%s", before, digits);
}

static void point(bench_text *text, double x, double y)
{
    say_number(text, "{ \"x\": ", x);
    say_number(text, ", \"y\": ", y);
    bench_say(text, ", \"z\": 0.0 }");
}

static void ring(bench_text *text, uint64_t *seed, double x, double y, size_t points)
{
    bench_say(text, "[ ");
    for (size_t i = 0; i < points; i++) {
        bool corner = i == 0 || i == points - 1; /* it ends where it began */
        point(text, corner ? x : x + draw_between(seed, -4e-4, 4e-4), corner ? y : y + draw_between(seed, -4e-4, 4e-4));
        bench_say(text, i == points - 1 ? " ]" : ", ");
    }
}

static void city_lot(bench_text *text, uint64_t *seed)
{
    char name[32], lot[32], block[16];
    uint64_t die = bench_draw(seed, 100000);
    const char *map_lot = lot;
    snprintf(block, sizeof block, "%04d", (int)bench_draw(seed, 7500) + 1);
    int number = (int)bench_draw(seed, 120) + 1;
    snprintf(lot, sizeof lot, "%s%03d", block, number);
    for (size_t i = 0; i < BENCH_COUNT(lots) && map_lot == lot; i++) {
        if (die < lots[i].share)
            map_lot = lots[i].name;
        die -= lots[i].share;
    }
    unsigned house = bench_draw(seed, 100) == 0 ? 441 : (unsigned)bench_draw(seed, 9000) + 1;
    double x = bench_draw(seed, 1000) < 699 ? draw_between(seed, -122.515, -122.41601) : draw_between(seed, -122.416, -122.365);
    double y = draw_between(seed, 37.708, 37.81);
    if (bench_draw(seed, 100000) == 0)
        x = -122.42916360922355;
    bool several = bench_draw(seed, 2000) == 0;
    die = bench_draw(seed, 100);
    size_t points = die < 55 ? 5 : die < 83 ? 6 + bench_draw(seed, 4) : die < 99 ? 10 + bench_draw(seed, 16) : 26 + bench_draw(seed, 95);

    bench_say(text,
              "{ \"type\": \"Feature\", \"properties\": { \"MAPBLKLOT\": \"%s\", \"BLKLOT\": \"%s\", \"BLOCK_NUM\": \"%s\", \"LOT_NUM\": "
              "\"%03d\"",
              map_lot, bench_draw(seed, 10) == 0 ? lot : map_lot, block, number);
    bench_say(text, ", \"FROM_ST\": \"%u\", \"TO_ST\": \"%u\", \"STREET\": \"%s\", \"ST_TYPE\": %s, \"ODD_EVEN\": \"%s\" }", house, house,
              street(seed, name), types[bench_draw(seed, BENCH_COUNT(types))], house % 2 ? "O" : "E");
    bench_say(text, ", \"geometry\": { \"type\": \"%s\", \"coordinates\": [ ", several ? "MultiPolygon" : "Polygon");
    if (several) {
        bench_say(text, "[ ");
        ring(text, seed, x, y, points);
        bench_say(text, " ], [ ");
        ring(text, seed, x, y, 6);
        bench_say(text, " ]");
    } else {
        ring(text, seed, x, y, points);
    }
    bench_say(text, " ], \"firstCoordinates\": ");
    point(text, x, y);
    bench_say(text, " } }\n");
}

void bench_city_lots(bench_text *text, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++)
        city_lot(text, &seed);
}

/* ------------------------------------------------------------------------------------------------ rules */

enum { RULES_IN_FAMILY = 5 };

#define LOT(item) "{\"properties\":{\"MAPBLKLOT\":[" item "]}}"
#define STREET(item) "{\"properties\":{\"STREET\":[" item "]}}"
#define BUT(item) "{\"anything-but\":" item "}"
/* The five fields that the families of anything-but ask for. */
#define BUTS(a, b, c, d, e)                                                                                                                \
    {                                                                                                                                      \
        STREET(BUT(a)), STREET(BUT(b)), "{\"properties\":{\"ST_TYPE\":[" BUT(c) "]}}", "{\"geometry\":{\"type\":[" BUT(d) "]}}",           \
            "{\"properties\":{\"FROM_ST\":[" BUT(e) "]}}"                                                                                  \
    }
#define FIVE(form, a, b, c, d, e)                                                                                                          \
    {                                                                                                                                      \
        form(a), form(b), form(c), form(d), form(e)                                                                                        \
    }
#define POLYGON(type, field) "{\"geometry\":{\"type\":[\"" type "\"]," field "}}"
#define NUMBERS(at)                                                                                                                        \
    "{\"geometry\":{\"" at "\":{\"x\":[{\"numeric\":[\"<\",-122.41600944012424]}]}}}",                                                     \
        "{\"geometry\":{\"" at "\":{\"x\":[{\"numeric\":[\">\",-122.41600944012424]}]}}}",                                                 \
        "{\"geometry\":{\"" at "\":{\"x\":[{\"numeric\":[\">\",-122.46471267081272,\"<\",-122.4063085128395]}]}}}"

static const struct {
    const char *name;
    const char *patterns[RULES_IN_FAMILY];
} families[] = {
    { "NUMERIC",
      { POLYGON("Polygon", "\"firstCoordinates\":{\"x\":[{\"numeric\":[\"=\",-122.42916360922355]}]}"),
        POLYGON("MultiPolygon", "\"firstCoordinates\":{\"z\":[{\"numeric\":[\"=\",0]}]}"), NUMBERS("firstCoordinates") } },
    { "EXACT", FIVE(LOT, "\"1430022\"", "\"2607117\"", "\"2607218\"", "\"3745012\"", "\"VACSTWIL\"") },
    { "PREFIX",
      FIVE(STREET, "{\"prefix\":\"AC\"}", "{\"prefix\":\"BL\"}", "{\"prefix\":\"DR\"}", "{\"prefix\":\"FU\"}", "{\"prefix\":\"RH\"}") },
    { "ANYTHING_BUT", BUTS("[\"FULTON\"]", "[\"MASON\"]", "[\"ST\"]", "[\"Polygon\"]", "[\"441\"]") },
    { "ANYTHING_BUT_IGNORE_CASE",
      BUTS("{\"equals-ignore-case\":[\"Fulton\"]}", "{\"equals-ignore-case\":[\"Mason\"]}", "{\"equals-ignore-case\":[\"st\"]}",
           "{\"equals-ignore-case\":[\"polygon\"]}", "{\"equals-ignore-case\":[\"441\"]}") },
    { "ANYTHING_BUT_PREFIX",
      BUTS("{\"prefix\":\"FULTO\"}", "{\"prefix\":\"MASO\"}", "{\"prefix\":\"S\"}", "{\"prefix\":\"Poly\"}", "{\"prefix\":\"44\"}") },
    { "ANYTHING_BUT_SUFFIX",
      BUTS("{\"suffix\":\"ULTON\"}", "{\"suffix\":\"ASON\"}", "{\"suffix\":\"T\"}", "{\"suffix\":\"olygon\"}", "{\"suffix\":\"41\"}") },
    { "ANYTHING_BUT_WILDCARD",
      { LOT(BUT("{\"wildcard\":\"143*\"}")), LOT(BUT("{\"wildcard\":\"2*0*1*7\"}")), LOT(BUT("{\"wildcard\":\"*218\"}")),
        LOT(BUT("{\"wildcard\":\"3*5*2\"}")), LOT(BUT("{\"wildcard\":\"VA*IL\"}")) } },
    { "COMPLEX_ARRAYS",
      { POLYGON("Polygon", "\"coordinates\":{\"x\":[{\"numeric\":[\"=\",-122.42916360922355]}]}"),
        POLYGON("MultiPolygon", "\"coordinates\":{\"y\":[{\"numeric\":[\"=\",37.729900216217324]}]}"), NUMBERS("coordinates") } },
    { "WILDCARD", FIVE(LOT, "{\"wildcard\":\"143*\"}", "{\"wildcard\":\"2*0*1*7\"}", "{\"wildcard\":\"*218\"}", "{\"wildcard\":\"3*5*2\"}",
                       "{\"wildcard\":\"VA*IL\"}") },
    { "SUFFIX",
      FIVE(STREET, "{\"suffix\":\"ON\"}", "{\"suffix\":\"KE\"}", "{\"suffix\":\"MM\"}", "{\"suffix\":\"ING\"}", "{\"suffix\":\"GO\"}") },
    { "EQUALS_IGNORE_CASE",
      { STREET("{\"equals-ignore-case\":\"jefferson\"}"), STREET("{\"equals-ignore-case\":\"bEaCh\"}"),
        STREET("{\"equals-ignore-case\":\"HyDe\"}"), STREET("{\"equals-ignore-case\":\"CHESTNUT\"}"),
        "{\"properties\":{\"ST_TYPE\":[{\"equals-ignore-case\":\"st\"}]}}" } },
    { "PREFIX_EQUALS_IGNORE_CASE", FIVE(STREET, "{\"prefix\":{\"equals-ignore-case\":\"Ac\"}}",
                                        "{\"prefix\":{\"equals-ignore-case\":\"bL\"}}", "{\"prefix\":{\"equals-ignore-case\":\"dR\"}}",
                                        "{\"prefix\":{\"equals-ignore-case\":\"Fu\"}}", "{\"prefix\":{\"equals-ignore-case\":\"rH\"}}") },
    { "SUFFIX_EQUALS_IGNORE_CASE", FIVE(STREET, "{\"suffix\":{\"equals-ignore-case\":\"oN\"}}",
                                        "{\"suffix\":{\"equals-ignore-case\":\"Ke\"}}", "{\"suffix\":{\"equals-ignore-case\":\"mM\"}}",
                                        "{\"suffix\":{\"equals-ignore-case\":\"InG\"}}", "{\"suffix\":{\"equals-ignore-case\":\"gO\"}}") },
    { "QUAMINA_CL",
      { STREET("\"CRANLEIGH\""), "{\"properties\":{\"STREET\":[\"17TH\"],\"ODD_EVEN\":[\"E\"]}}",
        "{\"geometry\":{\"coordinates\":{\"x\":[37.80780792169409]}}}",
        "{\"properties\":{\"MAPBLKLOT\":[\"0011008\"],\"BLKLOT\":[\"0011008\"]},\"geometry\":{\"coordinates\":{\"x\":[37.80780792169409]}}"
        "}" } },
};

/* Families put together: the first 8 of the table, and these with the arrays. */
enum { IN_PARTIAL_COMBO = 8, IN_COMBO = 9 };

const char *const bench_city_families[] = { "EXACT",
                                            "WILDCARD",
                                            "PREFIX",
                                            "SUFFIX",
                                            "EQUALS_IGNORE_CASE",
                                            "PREFIX_EQUALS_IGNORE_CASE",
                                            "SUFFIX_EQUALS_IGNORE_CASE",
                                            "NUMERIC",
                                            "ANYTHING_BUT",
                                            "ANYTHING_BUT_IGNORE_CASE",
                                            "ANYTHING_BUT_PREFIX",
                                            "ANYTHING_BUT_SUFFIX",
                                            "ANYTHING_BUT_WILDCARD",
                                            "COMPLEX_ARRAYS",
                                            "PARTIAL_COMBO",
                                            "COMBO",
                                            "QUAMINA_CL",
                                            NULL };

size_t bench_city_rules(bench_text *text, const char *family)
{
    size_t together = strcmp(family, "COMBO") == 0 ? IN_COMBO : strcmp(family, "PARTIAL_COMBO") == 0 ? IN_PARTIAL_COMBO : 0;
    size_t count = 0;
    for (size_t f = 0; f < BENCH_COUNT(families); f++) {
        if (f >= together && strcmp(families[f].name, family) != 0)
            continue;
        for (size_t i = 0; i < RULES_IN_FAMILY && families[f].patterns[i] != NULL; i++)
            bench_say(text, "r%zu\t%s\n", count++, families[f].patterns[i]);
    }
    return count;
}
