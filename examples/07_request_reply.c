/* 07_request_reply.c - nimbus_invoke: call a function, wait for its reply; and what a refusal looks like. */
#include <errno.h>
#include <nimbus/nimbus.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static nimbus_outcome square(const nimbus_delivery *request, void *user)
{
    (void)user;
    char text[32] = { 0 };
    nimbus_bytes body = nimbus_delivery_body(request); /* no NUL is promised behind it */
    if (body.size >= sizeof text) {
        nimbus_delivery_fail(request, "more than 31 digits");
        return NIMBUS_REJECT;
    }
    memcpy(text, body.data, body.size);
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || end == text || errno != 0 || value > 3000000000 || value < -3000000000) {
        nimbus_delivery_fail(request, "not a number, or too large");
        return NIMBUS_REJECT;
    }
    snprintf(text, sizeof text, "%lld", value * value);
    return nimbus_delivery_reply(request, nimbus_text(text)) == NIMBUS_OK ? NIMBUS_DONE : NIMBUS_RETRY;
}

/** Asks and prints; whether the reply is the expected one. expected NULL: a refusal is expected. */
static bool ask(nimbus_function *fn, const char *number, const char *expected)
{
    nimbus_invoke_result result = { 0 };
    nimbus_status status = nimbus_invoke(fn, nimbus_text(number), NIMBUS_SECONDS(5), &result);
    if (status != NIMBUS_OK) { /* the call went wrong: no memory, time-out, closed, ... */
        fprintf(stderr, "invoke: %s\n", nimbus_status_text(status));
        return false;
    }
    nimbus_bytes reply = nimbus_message_body(result.payload);
    if (result.function_error)
        printf("%s squared: refused, %s\n", number, result.reason);
    else
        printf("%s squared: %.*s\n", number, (int)reply.size, (const char *)reply.data);
    bool good = expected == NULL
                    ? result.function_error && result.reason[0] != '\0'
                    : !result.function_error && reply.size == strlen(expected) && memcmp(reply.data, expected, reply.size) == 0;
    nimbus_message_release(result.payload); /* the reply is ours */
    return good;
}

int main(void)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(NULL, &err);
    nimbus_function *fn = nimbus_function_create(nb, "square", square, NULL, NULL, &err);
    if (err.status) {
        fprintf(stderr, "%s: %s\n", err.call, err.reason);
        return 1;
    }
    bool good = ask(fn, "12", "144") && ask(fn, "-99999", "9999800001") && ask(fn, "twelve", NULL);
    return nimbus_close(nb, 0, NULL) == NIMBUS_OK && good ? 0 : 1;
}
