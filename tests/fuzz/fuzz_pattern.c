/*
 * fuzz_pattern.c - the text of a pattern, in each profile: compile, check and the matcher agree, and with the reference where it knows the
 * profile; errors lie in the text; findings come in the order of the text.
 */
#include <string.h>

#include <nimbus/pattern.h>

#include "fuzz.h"
#include "reference.h"

#define MAX_SIZE 16384
#define MAX_FINDINGS 16

static void check_findings(const fuzz_part *text, const nimbus_pattern_options *options, bool valid)
{
    nimbus_finding findings[MAX_FINDINGS];
    size_t count = 0;
    nimbus_status status = nimbus_pattern_check(text->data, options, findings, MAX_FINDINGS, &count);
    bool failed = false;

    if (status == NIMBUS_E_UNSUPPORTED) {
        return;
    }
    fuzz_check(nimbus_failed(status) == !valid, "check finds valid what compiles");
    for (size_t i = 0; i < count && i < MAX_FINDINGS; i++) {
        fuzz_check(findings[i].offset <= text->size, "a finding lies in the text");
        fuzz_check(i == 0 || findings[i].offset >= findings[i - 1].offset, "findings come in the order of the text");
        fuzz_check(findings[i].reason[0] != '\0', "a finding has a reason");
        failed = failed || nimbus_failed(findings[i].status);
    }
    fuzz_check(count > MAX_FINDINGS || failed == !valid, "there is an error among the findings if it does not compile");
}

static void check_profile(const fuzz_part *text, nimbus_profile profile)
{
    static const ref_profile references[] = { REF_EVENT, REF_SNS_ATTRIBUTES, REF_SNS_BODY };
    const nimbus_pattern_options options = { .profile = profile };
    nimbus_error err = { 0 };
    nimbus_pattern *pattern = nimbus_pattern_compile(text->data, &options, &err);

    if (err.status == NIMBUS_E_UNSUPPORTED) {
        return;
    }
    if (pattern == NULL) {
        fuzz_check(err.offset <= text->size, "the offset lies in the text");
        fuzz_check(err.reason[0] != '\0', "there is a reason");
    }
    if (profile <= NIMBUS_PROFILE_SNS_BODY && err.status != NIMBUS_E_TOO_LARGE) {
        ref_pattern *reference = ref_compile(text->data, text->size, references[profile], NULL);

        fuzz_check((pattern != NULL) == (reference != NULL), "both find it valid, or none does");
        ref_pattern_free(reference);
    }
    check_findings(text, &options, pattern != NULL);
    nimbus_pattern_release(pattern);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_part text;

    size = size > MAX_SIZE ? MAX_SIZE : size;
    text = fuzz_take_string(&data, &size, '\0');
    for (int profile = NIMBUS_PROFILE_BUS; profile <= NIMBUS_PROFILE_PIPE; profile++) {
        check_profile(&text, (nimbus_profile)profile);
    }
    fuzz_free(&text);
    return 0;
}
