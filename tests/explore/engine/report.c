/*
 * report.c - what the explorer says: the trace of a schedule, the failure, and which operations of the covered files were reached.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#define TRACE_LINES 4000u
#define LINE_SIZE 200u

extern explore_site *const __start_explore_sites[];
extern explore_site *const __stop_explore_sites[];

static char (*lines)[LINE_SIZE];
static uint32_t line_count;

const char *ex_site_file(const explore_site *site)
{
    const char *in_lib = strstr(site->file, "lib/"), *in_tests = strstr(site->file, "tests/");

    return in_tests != NULL ? in_tests : in_lib != NULL ? in_lib : site->file;
}

/* Threads of the scenario are T0, T1 and so on; those that the library has started L1, L2. */
const char *ex_thread_name(uint32_t index)
{
    static const char *const scenario[] = { "T0", "T1", "T2", "T3", "T4", "T5" };
    static const char *const library[] = { "main", "L1", "L2", "L3", "L4", "L5", "L6" };

    if (index >= EX_THREADS) {
        return "nobody";
    }
    return ex.threads[index].number < EX_THREADS - 1 ? scenario[ex.threads[index].number] : library[index];
}

const char *ex_order_name(memory_order order)
{
    switch (order) {
    case memory_order_relaxed: return "relaxed";
    case memory_order_acquire: return "acquire";
    case memory_order_release: return "release";
    case memory_order_acq_rel: return "acq_rel";
    default: return "seq_cst";
    }
}

void ex_trace_clear(void)
{
    line_count = 0;
    if (lines == NULL) {
        lines = calloc(TRACE_LINES, sizeof *lines);
    }
}

void ex_trace(const explore_site *site, const char *format, ...)
{
    static char before[sizeof lines[0]];
    char what[130];
    va_list arguments;
    char *line;

    if (!ex.tracing || lines == NULL || line_count == TRACE_LINES || (ex.steps == 0 && !ex.tracing_setup && !ex.failed)) {
        return;
    }
    va_start(arguments, format);
    vsnprintf(what, sizeof what, format, arguments);
    va_end(arguments);
    line = lines[line_count];
    if (site != NULL) {
        snprintf(line, LINE_SIZE, "%5u  %-5s %-80s %s:%d", ex.steps, ex_thread_name(ex.current->index), what, ex_site_file(site),
                 site->line);
    } else {
        snprintf(line, LINE_SIZE, "%5u  %-5s %s", ex.steps, ex_thread_name(ex.current->index), what);
    }
    if (line_count == 0 || strcmp(line, before) != 0) { /* the same one many times says no more than once */
        memcpy(before, line, sizeof before);
        line_count++;
    }
}

void ex_trace_print(FILE *out)
{
    for (uint32_t i = 0; i < line_count; i++) {
        fprintf(out, "    %s\n", lines[i]);
    }
    if (line_count == TRACE_LINES) {
        fprintf(out, "    ... (the trace holds no more)\n");
    }
}

/* ------------------------------------------------------------------------------------------ hooks reached */

static bool is_covered(const explore_subject *subject, const explore_site *site)
{
    for (const char *const *file = subject->covers; file != NULL && *file != NULL; file++) {
        if (strcmp(*file, ex_site_file(site)) == 0) {
            return true;
        }
    }
    return false;
}

static bool fits(const explore_excuse *excuse, const explore_site *site)
{
    return strcmp(excuse->file, ex_site_file(site)) == 0 && strcmp(excuse->operation, site->operation) == 0 &&
           strcmp(excuse->operand, site->operand) == 0;
}

static const explore_excuse *excuse_for(const explore_subject *subject, const explore_site *site)
{
    for (const explore_excuse *excuse = subject->excuses; excuse != NULL && excuse->file != NULL; excuse++) {
        if (fits(excuse, site)) {
            return excuse;
        }
    }
    return NULL;
}

static bool same_line(const explore_site *a, const explore_site *b)
{
    return a->line == b->line && strcmp(a->operation, b->operation) == 0 && strcmp(a->operand, b->operand) == 0 &&
           strcmp(ex_site_file(a), ex_site_file(b)) == 0;
}

/* An inline function of a header has its sites in each file that includes it: they are one. True: an earlier one stands for it. */
static bool gather(explore_site *const *at, uint64_t *ret_hits)
{
    *ret_hits = 0;
    for (explore_site *const *other = __start_explore_sites; other < __stop_explore_sites; other++) {
        if (same_line(*other, *at)) {
            if (other < at) {
                return true;
            }
            *ret_hits += (*other)->hits;
        }
    }
    return false;
}

/* An excuse that fits nothing is out of date. */
static bool excuses_fit(const explore_subject *subject)
{
    bool good = true;

    for (const explore_excuse *excuse = subject->excuses; excuse != NULL && excuse->file != NULL; excuse++) {
        bool found = false;

        for (explore_site *const *at = __start_explore_sites; at < __stop_explore_sites; at++) {
            found |= fits(excuse, *at);
        }
        if (!found) {
            printf("FAILED  %s: an excuse fits no operation: %s %s in %s\n", subject->name, excuse->operation, excuse->operand,
                   excuse->file);
            good = false;
        }
    }
    return good;
}

bool ex_report_coverage(const explore_subject *subject)
{
    uint32_t total = 0, reached = 0, excused = 0;
    bool good = excuses_fit(subject);
    uint64_t hits;

    for (explore_site *const *at = __start_explore_sites; at < __stop_explore_sites; at++) {
        const explore_site *site = *at;
        const explore_excuse *excuse;

        if (!is_covered(subject, site) || gather(at, &hits)) {
            continue;
        }
        total++;
        excuse = excuse_for(subject, site);
        if (hits > 0) {
            reached++;
        } else if (excuse != NULL) {
            excused++;
        } else {
            printf("FAILED  %s: never reached: %s %.60s at %s:%d\n", subject->name, site->operation, site->operand, ex_site_file(site),
                   site->line);
            good = false;
        }
    }
    printf("%s: hooks hit: %u of %u operations of the covered files%s", subject->name, reached, total, excused == 0 ? "\n" : "");
    if (excused > 0) {
        printf(", %u excused\n", excused);
    }
    for (const char *const *file = subject->covers; file != NULL && *file != NULL; file++) {
        bool found = false;

        for (explore_site *const *at = __start_explore_sites; at < __stop_explore_sites && !found; at++) {
            found = strcmp(ex_site_file(*at), *file) == 0;
        }
        if (!found) {
            printf("FAILED  %s: a covered file has no operation: %s\n", subject->name, *file);
            good = false;
        }
    }
    return good;
}
