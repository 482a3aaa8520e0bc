/* match_events.c - grep for events: which of many rules does each event match?
 *
 *     match_events [--count | --events] [--trusted] RULES.tsv [EVENTS.jsonl]
 *
 * RULES.tsv has a rule a line: a name, a tab, a pattern. EVENTS.jsonl has an event a line, as JSON; without it, or with "-", they come from
 * the standard input. For each event that some rule matches, prints its line number and the names of the rules, with tabs between them.
 *
 *     --count    prints only, for each rule, how many events it matched, and its name
 *     --events   prints the events themselves that some rule matches, as grep does
 *     --trusted  takes the events for well-formed: what no rule names is not looked at
 *
 * The exit status is grep's: 0 if an event matched, 1 if none did, 2 if something was wrong; the rest is done nevertheless. */
#include <nimbus/pattern.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** A rule: what the matcher hands to the visitor. */
typedef struct rule {
    char *name;
    unsigned long matches;
} rule;

typedef struct rule_list {
    rule **all; /* each stays where it is: the matcher has pointers to them */
    size_t count;
    size_t twins; /* that took the place of another */
} rule_list;

typedef enum wanted { NAMES, COUNT, EVENTS } wanted;

/** What is known of the event that is being matched. */
typedef struct event {
    wanted output;
    unsigned long line;
    bool matched;
} event;

/** Reads a line without its end. Returns: its bytes; -1: there is none. */
static long read_line(FILE *file, char **line, size_t *room)
{
    ssize_t size = getline(line, room, file);
    if (size > 0 && (*line)[size - 1] == '\n')
        (*line)[--size] = '\0';
    if (size > 0 && (*line)[size - 1] == '\r')
        (*line)[--size] = '\0';
    return (long)size;
}

/** Whether reading ended because it failed: a folder, a disk that is gone. */
static bool has_failed(FILE *file, const char *name)
{
    if (!ferror(file))
        return false;
    fprintf(stderr, "match_events: %s: %s\n", name, strerror(errno));
    return true;
}

/** Whether the rule that was added last took the place of one. */
static bool was_there(nimbus_matcher *matcher, size_t before)
{
    nimbus_matcher_metrics metrics;
    return !nimbus_failed(nimbus_matcher_get_metrics(matcher, &metrics)) && metrics.rules == before;
}

static bool add_rule(nimbus_matcher *matcher, rule_list *rules, char *line, const char *file, unsigned long number)
{
    nimbus_error err = { 0 };
    char *tab = strchr(line, '\t');
    rule *new_rule = malloc(sizeof *new_rule);
    rule **more = realloc(rules->all, (rules->count + 1) * sizeof(rule *));
    if (more != NULL)
        rules->all = more;
    if (tab != NULL)
        *tab = '\0';
    char *name = strdup(line);
    if (tab == NULL || new_rule == NULL || more == NULL || name == NULL) {
        fprintf(stderr, "match_events: %s:%lu: %s\n", file, number, tab == NULL ? "no tab between a name and a pattern" : "out of memory");
    } else if (nimbus_failed(nimbus_matcher_add(matcher, name, tab + 1, new_rule, &err))) {
        fprintf(stderr, "match_events: %s:%lu: %s: %s at byte %zu of the pattern\n", file, number, name, err.reason, err.offset);
    } else {
        bool twice = was_there(matcher, rules->count - rules->twins);
        if (twice)
            fprintf(stderr, "match_events: %s:%lu: %s: a rule of this name stood above, and no longer counts\n", file, number, name);
        *new_rule = (rule){ name, 0 };
        rules->all[rules->count++] = new_rule;
        rules->twins += twice;
        return !twice;
    }
    free(new_rule);
    free(name);
    return false;
}

static bool read_rules(nimbus_matcher *matcher, rule_list *rules, const char *name)
{
    FILE *file = fopen(name, "r");
    char *line = NULL;
    size_t room = 0;
    bool ok = file != NULL;
    if (!ok)
        fprintf(stderr, "match_events: %s: %s\n", name, strerror(errno));
    long size;
    for (unsigned long number = 1; file != NULL && (size = read_line(file, &line, &room)) >= 0; number++) {
        if (size > 0)
            ok = add_rule(matcher, rules, line, name, number) && ok;
    }
    if (file != NULL && has_failed(file, name))
        ok = false;
    free(line);
    if (file != NULL)
        fclose(file);
    return ok;
}

static bool on_match(const nimbus_matched *matched, void *user)
{
    event *e = user;
    ((rule *)matched->user)->matches++;
    if (e->output == NAMES) {
        if (!e->matched)
            printf("%lu", e->line);
        printf("\t%s", matched->id);
    }
    e->matched = true;
    return e->output != EVENTS; /* one is enough to print it */
}

/** Returns: whether all events were well-formed. */
static bool match_all(nimbus_matcher *matcher, FILE *file, const char *name, wanted output, bool trusted, bool *ret_any)
{
    const nimbus_match_options options = { .trusted = trusted };
    event e = { .output = output };
    char *line = NULL;
    size_t room = 0;
    bool ok = true;
    long size;
    while ((size = read_line(file, &line, &room)) >= 0) {
        e.line++;
        e.matched = false;
        if (size == 0)
            continue;
        nimbus_status status = nimbus_matcher_match(matcher, line, (size_t)size, &options, on_match, &e, NULL);
        if (nimbus_failed(status)) {
            fprintf(stderr, "match_events: %s:%lu: %s\n", name, e.line, nimbus_status_text(status));
            ok = false;
        } else if (e.matched) {
            *ret_any = true;
            if (output == NAMES)
                putchar('\n');
            else if (output == EVENTS)
                puts(line);
        }
    }
    if (has_failed(file, name))
        ok = false;
    free(line);
    return ok;
}

int main(int argc, char **argv)
{
    wanted output = NAMES;
    bool trusted = false;
    int at = 1;
    for (; at < argc && strncmp(argv[at], "--", 2) == 0; at++) {
        if (strcmp(argv[at], "--count") == 0)
            output = COUNT;
        else if (strcmp(argv[at], "--events") == 0)
            output = EVENTS;
        else if (strcmp(argv[at], "--trusted") == 0)
            trusted = true;
        else
            break;
    }
    if (at >= argc || argc - at > 2 || strncmp(argv[at], "--", 2) == 0) {
        fprintf(stderr, "usage: match_events [--count | --events] [--trusted] RULES.tsv [EVENTS.jsonl]\n");
        return 2;
    }

    nimbus_error err = { 0 };
    nimbus_matcher *matcher = nimbus_matcher_create(NULL, &err);
    const char *name = argc - at == 2 && strcmp(argv[at + 1], "-") != 0 ? argv[at + 1] : "standard input";
    FILE *file = name == argv[at + 1] ? fopen(name, "r") : stdin;
    if (matcher == NULL || file == NULL) {
        fprintf(stderr, "match_events: %s: %s\n", matcher == NULL ? err.call : name, matcher == NULL ? err.reason : strerror(errno));
        nimbus_matcher_release(matcher);
        if (file != NULL && file != stdin)
            fclose(file);
        return 2;
    }
    rule_list rules = { NULL, 0, 0 };
    bool any = false;
    bool ok = read_rules(matcher, &rules, argv[at]);
    ok = match_all(matcher, file, name, output, trusted, &any) && ok;
    nimbus_matcher_release(matcher);
    for (size_t i = 0; i < rules.count; i++) {
        if (output == COUNT)
            printf("%lu\t%s\n", rules.all[i]->matches, rules.all[i]->name);
        free(rules.all[i]->name);
        free(rules.all[i]);
    }
    free(rules.all);
    if (file != stdin)
        fclose(file);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "match_events: cannot write: %s\n", strerror(errno));
        ok = false;
    }
    return !ok ? 2 : any ? 0 : 1;
}
