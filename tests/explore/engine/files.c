/*
 * files.c - is each file of lib/ that has atomic operations somebody's subject? A new one must be explored, or stand here with a reason.
 */
#include <string.h>

#include "engine.h"

extern explore_site *const __start_explore_sites[];
extern explore_site *const __stop_explore_sites[];
extern const explore_subject *const __start_explore_subjects[];
extern const explore_subject *const __stop_explore_subjects[];

#define BY_INSTANCES "counts of references and gauges; the scenarios of whole instances pass through it"
#define ALONE "relaxed counters and hints, each right by itself"

/* Files, or folders that end in '/'. */
static const struct {
    const char *path, *reason;
} left_out[] = {
    { "lib/api/", BY_INSTANCES },
    { "lib/base/", ALONE },
    { "lib/bus/", BY_INSTANCES },
    { "lib/function/", BY_INSTANCES },
    { "lib/json/", ALONE },
    { "lib/memory/copy.h", "makes a message that nobody knows yet" },
    { "lib/memory/message.", "the operations on counts are explored by the subject memory; those of shared bodies are the same" },
    { "lib/memory/parcel.c", "a count of references like that of messages" },
    { "lib/pattern/", BY_INSTANCES },
    { "lib/queue/", BY_INSTANCES },
    { "lib/runtime/", BY_INSTANCES },
    { "lib/target/", BY_INSTANCES },
    { "lib/time/clock.", ALONE },
    { "lib/topic/", BY_INSTANCES },
};

static bool is_covered(const char *file)
{
    for (const explore_subject *const *at = __start_explore_subjects; at < __stop_explore_subjects; at++) {
        for (const char *const *covered = (*at)->covers; covered != NULL && *covered != NULL; covered++) {
            if (strcmp(*covered, file) == 0) {
                return true;
            }
        }
    }
    return false;
}

static bool is_left_out(const char *file)
{
    for (size_t i = 0; i < EXPLORE_COUNT(left_out); i++) {
        if (strncmp(file, left_out[i].path, strlen(left_out[i].path)) == 0) {
            return true;
        }
    }
    return false;
}

uint32_t ex_check_files(void)
{
    const char *last = "";
    uint32_t failed = 0;

    for (explore_site *const *at = __start_explore_sites; at < __stop_explore_sites; at++) {
        const char *file = ex_site_file(*at);

        if (strncmp(file, "lib/", 4) == 0 && strcmp(file, last) != 0 && !is_covered(file) && !is_left_out(file)) {
            printf("FAILED  no subject covers %s\n", file);
            failed++;
        }
        last = file;
    }
    for (size_t i = 0; i < EXPLORE_COUNT(left_out); i++) {
        bool found = false;

        for (explore_site *const *at = __start_explore_sites; at < __stop_explore_sites && !found; at++) {
            found = strncmp(ex_site_file(*at), left_out[i].path, strlen(left_out[i].path)) == 0;
        }
        if (!found) {
            printf("FAILED  nothing to leave out: %s (%s)\n", left_out[i].path, left_out[i].reason);
            failed++;
        }
    }
    return failed;
}
