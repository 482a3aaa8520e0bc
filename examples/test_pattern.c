/* test_pattern.c - does this event match this pattern, and if not, why?
 *
 *     test_pattern PATTERN EVENT
 *     test_pattern PATTERN            checks the pattern only
 *
 * Both are JSON texts, or @FILE for the content of a file. Prints "match", or "no match" and what each field of the pattern found; for a
 * pattern that is not valid, all that is wrong with it, each with a caret under the place. What is legal but looks like a mistake is
 * printed as a note. The exit status is 0 for a match (or a valid pattern), 1 for none, 2 if something is wrong. */
#include <nimbus/pattern.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FINDINGS 64

/** The text of an argument, allocated; NULL: it could not be read. */
static char *text_of(const char *argument)
{
    if (argument[0] != '@')
        return strdup(argument);
    FILE *file = fopen(argument + 1, "rb");
    char *text = NULL;
    size_t size = 0;
    size_t got = 1;
    while (file != NULL && got != 0) {
        char *more = realloc(text, size + 4097);
        if (more == NULL)
            break;
        text = more;
        got = fread(text + size, 1, 4096, file);
        size += got;
        text[size] = '\0';
    }
    if (file == NULL || ferror(file)) {
        fprintf(stderr, "test_pattern: %s: %s\n", argument + 1, strerror(errno));
        free(text);
        text = NULL;
    } else if (text != NULL && strlen(text) != size) {
        fprintf(stderr, "test_pattern: %s: it has a zero byte, which is no JSON\n", argument + 1);
        free(text);
        text = NULL;
    }
    if (file != NULL)
        fclose(file);
    return text;
}

/** Prints the line in which a byte lies, or a piece of it, and a caret under the byte. */
static void point_at(const char *text, size_t offset)
{
    size_t start = offset;
    while (start > 0 && text[start - 1] != '\n' && (offset - start < 60 || ((unsigned char)text[start] & 0xC0) == 0x80))
        start--;
    size_t end = offset;
    while (text[end] != '\0' && text[end] != '\n' && (end - offset < 40 || ((unsigned char)text[end] & 0xC0) == 0x80))
        end++;
    printf("  ");
    for (size_t i = start; i < end; i++)
        putchar(text[i] == '\t' ? ' ' : text[i]);
    printf("\n  ");
    for (size_t i = start; i < offset; i++)
        if (((unsigned char)text[i] & 0xC0) != 0x80) /* a letter of several bytes is one column */
            putchar(' ');
    printf("^\n");
}

/** Prints what is wrong with a pattern, and what looks wrong. Returns: whether it is valid. */
static bool check(const char *pattern)
{
    static nimbus_finding findings[MAX_FINDINGS];
    size_t count = 0;
    nimbus_status status = nimbus_pattern_check(pattern, NULL, findings, MAX_FINDINGS, &count);
    for (size_t i = 0; i < count && i < MAX_FINDINGS; i++) {
        printf("%s at byte %zu: %s\n", nimbus_failed(findings[i].status) ? "error" : "note", findings[i].offset, findings[i].reason);
        point_at(pattern, findings[i].offset);
    }
    if (nimbus_failed(status) && count == 0)
        printf("error: %s\n", nimbus_status_text(status));
    return !nimbus_failed(status);
}

static void print_field(const nimbus_field_report *field, void *user)
{
    (void)user;
    printf("  %s %s: %s\n", field->verdict == NIMBUS_FIELD_MATCHES ? "ok " : "NO ", field->path, field->reason);
    printf("      wanted %.*s\n", (int)field->list.size, (const char *)field->list.data);
    if (field->value.size > 0)
        printf("      found  %.*s\n", (int)field->value.size, (const char *)field->value.data);
}

static int match(const char *text, const char *event)
{
    nimbus_error err = { 0 };
    nimbus_pattern *pattern = nimbus_pattern_compile(text, NULL, &err);
    bool matches = false;
    nimbus_explanation why = { 0 };
    nimbus_status status = pattern == NULL ? err.status : nimbus_pattern_match(pattern, event, strlen(event), &matches);
    if (nimbus_failed(status)) {
        printf("%s: %s\n", pattern == NULL ? "pattern" : "event", nimbus_status_text(status));
    } else if (matches) {
        printf("match\n");
    } else {
        printf("no match\n");
        nimbus_pattern_explain(pattern, event, strlen(event), print_field, NULL, &why);
        if (why.combinations > 1)
            printf("  (combination %u of %u of \"$or\": the one that comes nearest)\n", why.combination + 1, why.combinations);
    }
    nimbus_pattern_release(pattern);
    return nimbus_failed(status) ? 2 : !matches;
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: test_pattern PATTERN [EVENT]      (each a JSON text, or @FILE)\n");
        return 2;
    }
    char *pattern = text_of(argv[1]);
    char *event = argc == 3 ? text_of(argv[2]) : NULL;
    int result = 2;
    if (pattern != NULL && (argc == 2 || event != NULL) && check(pattern))
        result = event == NULL ? 0 : match(pattern, event);
    free(pattern);
    free(event);
    return result;
}
