/*
 * fuzz_attributes.c - a filter policy over attributes, and attributes: the library's answer against the reference matcher's.
 *
 * The first line is the policy; each other one an attribute: its name, a blank, its type (S, N, A or B), a blank, its value.
 */
#include <string.h>

#include <nimbus/pattern.h>

#include "fuzz.h"
#include "reference.h"

#define MAX_SIZE 4096
#define MAX_ATTRIBUTES 10
#define MAX_STEPS 200000

typedef struct attribute {
    fuzz_part name, type, value;
} attribute;

static bool is_number(const fuzz_part *value)
{
    size_t digits = 0;

    for (size_t i = 0; i < value->size; i++) {
        digits += value->data[i] >= '0' && value->data[i] <= '9';
    }
    return digits != 0 && digits == value->size && digits < 300;
}

/* A number attribute takes more spellings than JSON does; only those that both read alike are drawn. */
static void make(const attribute *a, nimbus_attribute *ours, ref_attribute *theirs)
{
    char type = a->type.data[0];

    type = type == 'N' && !is_number(&a->value) ? 'S' : type;
    memset(ours, 0, sizeof *ours);
    ours->name = a->name.data;
    ours->kind = type == 'N' ? NIMBUS_NUMBER : type == 'B' ? NIMBUS_BINARY : NIMBUS_STRING;
    ours->label = type == 'A' ? "Array" : NULL;
    ours->value = (nimbus_bytes){ a->value.data, a->value.size };
    *theirs = (ref_attribute){ a->name.data,
                               type == 'N'   ? "Number"
                               : type == 'B' ? "Binary"
                               : type == 'A' ? "String.Array"
                                             : "String",
                               a->value.data, a->value.size };
}

static void compare(const fuzz_part *policy, const nimbus_attribute *ours, const ref_attribute *theirs, size_t count)
{
    const nimbus_pattern_options options = { .profile = NIMBUS_PROFILE_SNS_ATTRIBUTES };
    nimbus_error err = { 0 };
    nimbus_pattern *pattern = nimbus_pattern_compile(policy->data, &options, &err);
    ref_pattern *reference = err.status == NIMBUS_E_UNSUPPORTED ? NULL : ref_compile(policy->data, policy->size, REF_SNS_ATTRIBUTES, NULL);
    ref_event *event = ref_event_of_attributes(theirs, count);
    bool match = false;

    fuzz_check((pattern != NULL) == (reference != NULL), "both find the policy valid, or none does");
    if (pattern != NULL) {
        int answer = ref_match_bounded(reference, event, MAX_STEPS);

        fuzz_check(nimbus_pattern_match_attributes(pattern, ours, count, &match) == NIMBUS_OK, "attributes are matched");
        fuzz_check(answer < 0 || match == (answer != 0), "both find that it matches, or none does");
    }
    ref_event_free(event);
    ref_pattern_free(reference);
    nimbus_pattern_release(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    attribute attributes[MAX_ATTRIBUTES];
    nimbus_attribute ours[MAX_ATTRIBUTES];
    ref_attribute theirs[MAX_ATTRIBUTES];
    fuzz_part policy;
    size_t count = 0;

    size = size > MAX_SIZE ? MAX_SIZE : size;
    policy = fuzz_take_string(&data, &size, '\n');
    while (size != 0 && count < MAX_ATTRIBUTES) {
        attribute *a = &attributes[count];
        bool twin = false;

        a->name = fuzz_take_string(&data, &size, ' ');
        a->type = fuzz_take_string(&data, &size, ' ');
        a->value = fuzz_take_string(&data, &size, '\n'); /* the reference reads numbers as strings that end */
        for (size_t i = 0; i < count; i++) {
            twin = twin || strcmp(attributes[i].name.data, a->name.data) == 0; /* a message has no name twice */
        }
        if (twin || a->name.size == 0) {
            fuzz_free(&a->name);
            fuzz_free(&a->type);
            fuzz_free(&a->value);
            continue;
        }
        make(a, &ours[count], &theirs[count]);
        count++;
    }
    compare(&policy, ours, theirs, count);
    for (size_t i = 0; i < count; i++) {
        fuzz_free(&attributes[i].name);
        fuzz_free(&attributes[i].type);
        fuzz_free(&attributes[i].value);
    }
    fuzz_free(&policy);
    return 0;
}
