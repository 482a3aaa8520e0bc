/* 11_matcher.c - the rule language alone, without an instance: many patterns, one pass over each event.
 *
 *     11_matcher      matches a few events of its own and checks the answers
 *     11_matcher -    matches events from the standard input, one JSON object a line */
#include <nimbus/pattern.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *id, *pattern;
} rules[] = {
    { "orders", "{\"source\":[\"shop\"],\"detail-type\":[\"Order Placed\"]}" },
    { "big-orders", "{\"source\":[\"shop\"],\"detail\":{\"total\":[{\"numeric\":[\">\",100]}]}}" },
    { "no-coupon", "{\"detail\":{\"coupon\":[{\"exists\":false}]}}" },
    { "not-test", "{\"detail\":{\"customer\":[{\"anything-but\":[\"test\",\"demo\"]}]}}" },
    { "pictures", "{\"detail\":{\"file\":[{\"suffix\":\".png\"},{\"suffix\":\".jpg\"}]}}" },
};

static const struct {
    const char *event, *expected;
} examples[] = {
    { "{\"source\":\"shop\",\"detail-type\":\"Order Placed\",\"detail\":{\"total\":250.5,\"customer\":\"ann\"}}",
      "orders big-orders no-coupon not-test" },
    { "{\"source\":\"shop\",\"detail-type\":\"Order Placed\",\"detail\":{\"total\":1e2,\"customer\":\"test\",\"coupon\":\"X\"}}",
      "orders" },
    { "{\"source\":\"files\",\"detail-type\":\"Object Created\",\"detail\":{\"file\":\"a/cat.png\",\"coupon\":null}}", "pictures" },
    { "{\"source\":\"shop\",\"detail\":[", NULL }, /* NULL: not JSON */
};

/** Writes the ids of the rules that match, a blank between them. */
typedef struct line {
    char text[256];
    size_t size;
} line;

static bool add_id(const nimbus_matched *matched, void *user)
{
    line *ids = user;
    int wrote = snprintf(ids->text + ids->size, sizeof ids->text - ids->size, "%s%s", ids->size == 0 ? "" : " ", matched->id);
    ids->size += (size_t)wrote;
    return ids->size < sizeof ids->text; /* false: no further rule is looked at */
}

/** The file "-": prints the rules of each event. */
static int match_input(nimbus_matcher *matcher)
{
    static char event[1 << 16];
    int bad = 0;
    for (unsigned long number = 1; fgets(event, sizeof event, stdin) != NULL; number++) {
        line ids = { 0 };
        nimbus_status status = nimbus_matcher_match(matcher, event, strlen(event), NULL, add_id, &ids, NULL); /* its newline is blank */
        if (status == NIMBUS_OK)
            printf("%lu: %s\n", number, ids.text);
        else
            bad = fprintf(stderr, "%lu: %s\n", number, nimbus_status_text(status));
    }
    return bad != 0;
}

static int match_examples(nimbus_matcher *matcher)
{
    int wrong = 0;
    for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
        line ids = { 0 };
        nimbus_status status = nimbus_matcher_match(matcher, examples[i].event, strlen(examples[i].event), NULL, add_id, &ids, NULL);
        printf("%s\n    %s\n", examples[i].event, status == NIMBUS_OK ? ids.text : nimbus_status_text(status));
        bool good =
            examples[i].expected == NULL ? status == NIMBUS_E_JSON : status == NIMBUS_OK && strcmp(ids.text, examples[i].expected) == 0;
        wrong += !good;
        if (!good)
            fprintf(stderr, "event %zu: expected %s\n", i, examples[i].expected == NULL ? "a refusal" : examples[i].expected);
    }
    return wrong != 0;
}

int main(int argc, char **argv)
{
    nimbus_error err = { 0 };
    nimbus_matcher *matcher = nimbus_matcher_create(NULL, &err);
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++)
        nimbus_matcher_add(matcher, rules[i].id, rules[i].pattern, NULL, &err);
    if (err.status) {
        fprintf(stderr, "%s: %s at byte %zu\n", err.call, err.reason, err.offset);
        return 1;
    }
    int result = argc > 1 && strcmp(argv[1], "-") == 0 ? match_input(matcher) : match_examples(matcher);
    nimbus_matcher_release(matcher);
    return result;
}
