/*
 * fuzz_transformer.c - a rule's input and an event's detail: what comes out is JSON where that is promised, as long each time, and an
 * event that cannot be transformed reaches its dead letter.
 *
 * The first line says what the input is: C (a constant), P (a path) or T (a template), with its text behind it. Lines "name path"
 * follow, up to an empty one; the rest is the detail.
 */
#include <stdlib.h>
#include <string.h>

#include <nimbus/nimbus.h>

#include "fuzz.h"
#include "ref_inside.h"

#define MAX_SIZE 8192
#define MAX_PATHS 8

typedef struct seen {
    char *body;
    size_t size, calls;
} seen;

static nimbus_outcome keep(const nimbus_delivery *delivery, void *user)
{
    seen *s = user;
    nimbus_bytes body = nimbus_delivery_body(delivery);

    if (s->calls++ > 0) {
        fuzz_check(body.size == s->size, "an event is transformed alike each time, but for its id");
        return NIMBUS_DONE;
    }
    s->body = malloc(body.size + 1);
    fuzz_check(s->body != NULL, "out of memory");
    memcpy(s->body, body.data, body.size);
    s->body[body.size] = '\0';
    s->size = body.size;
    return NIMBUS_DONE;
}

static bool is_json(const char *text, size_t size)
{
    ref_arena arena = { NULL, 0 };
    ref_json json;
    bool valid = ref_json_read(&arena, text, size, &json);

    ref_drop(&arena);
    return valid;
}

static uint64_t dead_letters(nimbus_queue *dead)
{
    nimbus_queue_metrics metrics;

    fuzz_check(nimbus_queue_get_metrics(dead, &metrics) == NIMBUS_OK, "the dead letters are counted");
    return metrics.ready;
}

/* Two alike events through a rule with this input. */
static void transform(const nimbus_input *input, const fuzz_part *detail)
{
    nimbus_error err = { 0 };
    nimbus_runtime *nb = nimbus_open(&(nimbus_options){ .driven = true, .manual_clock = true, .seed = 1 }, &err);
    nimbus_bus *bus = nimbus_bus_find(nb, "default", &err);
    nimbus_queue *dead = nimbus_queue_create(nb, "dead", NULL, &err);
    const nimbus_delivery_options options = { .input = input, .dead_letter_queue = dead };
    const nimbus_event event = { .source = "s", .detail_type = "t", .detail = { detail->data, detail->size } };
    seen s = { NULL, 0, 0 };
    nimbus_status status;

    fuzz_check(nimbus_rule_put(bus, "rule", "{\"source\":[\"s\"]}", NULL, &err) == NIMBUS_OK && err.status == NIMBUS_OK, "set-up");
    status = nimbus_rule_target(bus, "rule", "target", nimbus_to_inline(keep, &s, NULL), &options, &err);
    if (nimbus_failed(status)) {
        fuzz_check(status == NIMBUS_E_INVALID && err.reason[0] != '\0', "a bad input is refused with a reason");
    } else if (nimbus_bus_put(bus, &event, NULL) == NIMBUS_OK) {
        fuzz_check(nimbus_bus_put(bus, &event, NULL) == NIMBUS_OK, "what was put once can be put again");
        fuzz_check(s.calls == 2 || (s.calls == 0 && dead_letters(dead) == 2), "delivered or dead-lettered, each of them");
        if (s.calls > 0 && (input->text == NULL || input->text[0] != '"')) {
            fuzz_check(is_json(s.body, s.size), "what is not text is JSON");
        }
    }
    free(s.body);
    fuzz_check(nimbus_close(nb, 0, NULL) == NIMBUS_OK, "the instance ends");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    nimbus_input_path paths[MAX_PATHS];
    fuzz_part names[MAX_PATHS], texts[MAX_PATHS], first, detail;
    nimbus_input input = { 0 };
    size_t count = 0;

    if (size > MAX_SIZE) {
        return 0;
    }
    first = fuzz_take_string(&data, &size, '\n');
    while (size > 0 && *data != '\n' && count < MAX_PATHS) {
        names[count] = fuzz_take_string(&data, &size, ' ');
        texts[count] = fuzz_take_string(&data, &size, '\n');
        paths[count] = (nimbus_input_path){ names[count].data, texts[count].data };
        count++;
    }
    if (size > 0 && *data == '\n') {
        data++;
        size--;
    }
    detail = fuzz_take(&data, &size, 0);
    if (first.size > 0) {
        const char *text = first.data + 1;

        input.constant = first.data[0] == 'C' ? text : NULL;
        input.path = first.data[0] == 'P' ? text : NULL;
        input.text = first.data[0] == 'T' ? text : NULL;
        input.paths = count > 0 ? paths : NULL;
        input.path_count = count;
        transform(&input, &detail);
    }
    for (size_t i = 0; i < count; i++) {
        fuzz_free(&names[i]);
        fuzz_free(&texts[i]);
    }
    fuzz_free(&first);
    fuzz_free(&detail);
    return 0;
}
