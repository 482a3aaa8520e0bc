/* file_pipeline.c - upload, function, metadata, notification: a directory tree as a stream of events.
 *
 *     walk -> bus -> rules: all, images, source, big, docs -> a queue each -> a function each -> table
 *                                                                             \-> topic -> queue "reports" -> main
 *     what cannot be read is tried again, then goes to the queue "dead" with the reason -> main
 *
 * Every regular file is put as an event; in the end each must be stored and reported exactly once, or dead-lettered. The main thread
 * walks and collects; it puts no more than the queues have room for, so that memory stays bounded however large the tree is.
 * Handlers may be called twice for a message and then do nothing (file_pipeline_table.h). */
#include "file_pipeline_scan.h"
#include "file_pipeline_table.h"
#include "file_pipeline_text.h"
#include "file_pipeline_walk.h"
#include <inttypes.h>
#include <nimbus/nimbus.h>
#include <poll.h>
#include <time.h>

enum { STAGES = 5, MAX_RECEIVE_COUNT = 5, BURST = 256, REASONS = 16, STUCK_SECONDS = 30 };

static const char *const image_suffixes[] = { ".png", ".jpg", ".jpeg", ".gif", NULL };
static const char *const source_suffixes[] = { ".c",  ".h",  ".cc", ".cpp", ".hpp",  ".cxx", ".py", ".pl",  ".pm",  ".sh",
                                               ".js", ".ts", ".go", ".rs",  ".java", ".lua", ".rb", ".tcl", ".asm", NULL };
static const uint64_t big_size = 1 << 20;

/** A rule, its queue and its function. */
typedef struct stage {
    const char *name; /* of the rule and of the queue */
    const char *function_name;
    unsigned bit;
    struct pipeline *pipeline;
    nimbus_queue *queue;
    nimbus_function *function;
} stage;

typedef struct options {
    const char *root;
    uint32_t workers;
    size_t capacity;
    double fault_rate; /* percent */
    uint64_t seed;
    bool driven, json, progress;
} options;

typedef struct dead_reason {
    char text[160];
    uint64_t count;
} dead_reason;

typedef struct pipeline {
    options options;
    nimbus_runtime *nb;
    nimbus_bus *bus;
    nimbus_topic *topic;
    nimbus_subscription *subscription;
    nimbus_queue *reports, *dead;
    stage stages[STAGES];
    table table;
    atomic_ullong bytes_read, faults;
    int fd; /* driven: of nimbus_fd */

    /* the main thread's */
    walk walk;
    bool walked;
    uint64_t file_size; /* of the file at walk.file */
    text text, name, detail;
    uint64_t put, put_again, refused, misrouted;
    uint64_t reports_seen, dead_seen, peak_memory;
    dead_reason reasons[REASONS];
    size_t reason_count;
    double started, moved, shown; /* when: the start, the last progress, the last line of progress */
    unsigned long long bytes_shown;
} pipeline;

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ------------------------------------------------------------------------------------------- the workers */

static bool closing(void *nb)
{
    return nimbus_is_closing(nb);
}

typedef enum fault { FAULT_NONE, FAULT_BEFORE, FAULT_AFTER } fault;

/** Whether this call is to fail artificially, before its work or after it: drawn from seed, file, stage and attempt. */
static fault draw_fault(pipeline *p, const char *path, unsigned bit, uint32_t attempt)
{
    uint64_t h = hash_path(path) ^ (p->options.seed * UINT64_C(0x9e3779b97f4a7c15)) ^ ((uint64_t)bit << 40 | attempt);
    h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
    h = (h ^ h >> 32) * UINT64_C(0xd6e8feb86659fd93);
    h ^= h >> 32;
    if ((double)(h >> 11) / 9007199254740992.0 * 100 >= p->options.fault_rate)
        return FAULT_NONE;
    atomic_fetch_add(&p->faults, 1);
    return (h & 1) == 0 ? FAULT_BEFORE : FAULT_AFTER;
}

/** Tells the subscribers of the topic about a file. */
static bool publish_metadata(pipeline *p, const char *path, const char *encoded, const metadata *md)
{
    text body = { 0 };
    char size[24];
    snprintf(size, sizeof size, "%" PRIu64, md->size);
    text_format(&body, "{\"path\":");
    text_add_json(&body, encoded);
    text_format(&body, ",\"kind\":\"%s\",\"size\":%s,\"checksum\":\"%016" PRIx64 "\"", kind_names[md->kind], size, md->checksum);
    if (md->kind == KIND_TEXT || md->kind == KIND_SCRIPT)
        text_format(&body, ",\"lines\":%" PRIu64, md->lines);
    if (md->width != 0)
        text_format(&body, ",\"width\":%" PRIu32 ",\"height\":%" PRIu32, md->width, md->height);
    text_format(&body, "}");
    const nimbus_attribute attributes[] = { nimbus_string("kind", kind_names[md->kind]), nimbus_number("size", size),
                                            nimbus_binary("path", path, strlen(path)) };
    nimbus_entry entry = { .body = nimbus_copy(body.data, body.size), .attributes = attributes, .attribute_count = 3 };
    nimbus_status status = nimbus_topic_publish(p->topic, &entry, NULL);
    text_free(&body);
    return status == NIMBUS_OK;
}

static nimbus_outcome failed(const nimbus_delivery *delivery, nimbus_outcome outcome, const char *reason)
{
    nimbus_delivery_fail(delivery, reason);
    return outcome;
}

/** The work on a file that is ours now. */
static nimbus_outcome work(stage *self, const nimbus_delivery *delivery, const char *path, const char *encoded)
{
    pipeline *p = self->pipeline;
    metadata md;
    char reason[100];
    nimbus_outcome outcome = NIMBUS_RETRY;
    switch (scan_file(path, self->bit, closing, p->nb, &p->bytes_read, &md, reason, sizeof reason)) {
    case SCAN_OK:
        if (self->bit != SCAN_INDEX || publish_metadata(p, path, encoded, &md))
            outcome = NIMBUS_DONE;
        else
            nimbus_delivery_fail(delivery, "the notification could not be published");
        break;
    case SCAN_GONE:
        outcome = failed(delivery, NIMBUS_REJECT, reason); /* it will not come back: to the dead letters at once */
        break;
    case SCAN_FAILED:
        nimbus_delivery_fail(delivery, reason);
        break;
    case SCAN_STOPPED:
        nimbus_delivery_fail(delivery, "the program ends");
        break;
    }
    table_settle(&p->table, path, self->bit, outcome == NIMBUS_DONE ? &md : NULL);
    return outcome;
}

/** A message may come twice, even at once: only one call does the work, and only once. */
static nimbus_outcome work_once(stage *self, const nimbus_delivery *delivery, const char *path, const char *encoded)
{
    switch (table_claim(&self->pipeline->table, path, self->bit)) {
    case CLAIM_YOURS:
        return work(self, delivery, path, encoded);
    case CLAIM_DONE:
        return NIMBUS_DONE;
    case CLAIM_BUSY:
        return failed(delivery, NIMBUS_RETRY, "another call has the file");
    default:
        return failed(delivery, NIMBUS_REJECT, "a file that was never put");
    }
}

/** The handler of all stages. */
static nimbus_outcome handle(const nimbus_delivery *delivery, void *user)
{
    stage *self = user;
    const char *encoded = nimbus_message_event_resource(nimbus_delivery_message(delivery), 0);
    char *path = encoded == NULL ? NULL : strdup(encoded);
    if (path == NULL)
        return failed(delivery, encoded == NULL ? NIMBUS_REJECT : NIMBUS_RETRY, "no path, or no memory for it");
    name_from_text(path);
    fault f = draw_fault(self->pipeline, path, self->bit, nimbus_delivery_receive_count(delivery));
    nimbus_outcome outcome =
        f == FAULT_BEFORE ? failed(delivery, NIMBUS_RETRY, "injected fault") : work_once(self, delivery, path, encoded);
    if (f == FAULT_AFTER && outcome == NIMBUS_DONE) /* done, but nobody hears of it: the message comes again */
        outcome = failed(delivery, NIMBUS_RETRY, "injected fault, after the work");
    free(path);
    return outcome;
}

/* ---------------------------------------------------------------------------------------------- the set-up */

/** {"source":["demo.files"],"detail":{KEY:[VALUES]}} */
static void put_rule(pipeline *p, stage *s, const char *key, const char *const *values, const char *condition, nimbus_error *err)
{
    text pattern = { 0 };
    text_format(&pattern, "{\"source\":[\"demo.files\"],\"detail-type\":[\"Object Created\"]");
    if (key != NULL) {
        text_format(&pattern, ",\"detail\":{\"%s\":[", key);
        for (size_t i = 0; values != NULL && values[i] != NULL; i++)
            text_format(&pattern, "%s\"%s\"", i == 0 ? "" : ",", values[i]);
        text_format(&pattern, "%s]}", condition == NULL ? "" : condition);
    }
    text_format(&pattern, "}");
    nimbus_rule_put(p->bus, s->name, pattern.data, NULL, err);
    text_free(&pattern);

    /* a queue that is full takes the event a moment later; we see to it that this is rare */
    nimbus_delivery_options delivery = {
        .retry = { .max_retries = 1000, .min_delay = NIMBUS_MS(10), .max_delay = NIMBUS_MS(100) },
        .dead_letter_queue = p->dead,
    };
    nimbus_rule_target(p->bus, s->name, "queue", nimbus_to_queue(s->queue), &delivery, err);
}

static void set_up(pipeline *p, nimbus_error *err)
{
    static const char *const folders[] = { "doc", "docs", NULL };
    static const stage stages[STAGES] = {
        { .name = "all", .function_name = "index", .bit = SCAN_INDEX },
        { .name = "images", .function_name = "image-size", .bit = SCAN_IMAGE },
        { .name = "source", .function_name = "code-lines", .bit = SCAN_SOURCE },
        { .name = "big", .function_name = "disk-usage", .bit = SCAN_BIG },
        { .name = "docs", .function_name = "words", .bit = SCAN_WORDS },
    };
    const options *o = &p->options;
    p->nb =
        nimbus_open(&(nimbus_options){ .driven = o->driven, .min_workers = o->workers, .max_workers = o->workers, .seed = o->seed }, err);
    p->bus = nimbus_bus_find(p->nb, "default", err);
    p->topic = nimbus_topic_create(p->nb, "metadata", NULL, err);
    p->dead = nimbus_queue_create(p->nb, "dead", NULL, err);
    size_t room = o->capacity < BURST ? BURST : o->capacity;
    p->reports = nimbus_queue_create(p->nb, "reports", &(nimbus_queue_options){ .capacity_messages = room }, err);
    nimbus_topic_subscribe(p->topic, nimbus_to_queue(p->reports),
                           &(nimbus_delivery_options){
                               .retry = { .max_retries = 1000, .min_delay = NIMBUS_MS(10), .max_delay = NIMBUS_MS(100) },
                               .capacity_messages = 2 * room,
                           },
                           err, &p->subscription);
    int32_t concurrency = o->driven ? 1 : o->workers == 0 ? 4 : (int32_t)o->workers;
    for (int i = 0; i < STAGES; i++) {
        stage *s = &p->stages[i];
        *s = stages[i];
        s->pipeline = p;
        s->queue = nimbus_queue_create(p->nb, s->name,
                                       &(nimbus_queue_options){
                                           .capacity_messages = o->capacity,
                                           .visibility_timeout = NIMBUS_MS(100),
                                           .dead_letter_queue = p->dead,
                                           .max_receive_count = MAX_RECEIVE_COUNT,
                                       },
                                       err);
        s->function =
            nimbus_function_create(p->nb, s->function_name, handle, s, &(nimbus_function_options){ .max_concurrency = concurrency }, err);
        nimbus_function_map(s->function, s->queue, NULL, err);
    }
    put_rule(p, &p->stages[0], NULL, NULL, NULL, err);
    put_rule(p, &p->stages[1], "suffix", image_suffixes, NULL, err);
    put_rule(p, &p->stages[2], "suffix", source_suffixes, NULL, err);
    put_rule(p, &p->stages[3], "size", NULL, "{\"numeric\":[\">\",1048576]}", err);
    put_rule(p, &p->stages[4], "folders", folders, NULL, err); /* a list in the event: any of its elements may match */
}

/* -------------------------------------------------------------------------------------------- the producer */

static bool is_one_of(const char *value, const char *const *list)
{
    while (*list != NULL && strcmp(value, *list) != 0)
        list++;
    return *list != NULL;
}

/** The detail of an event, from the encoded path; and which stages it is for, by our own judgement. */
static unsigned make_detail(pipeline *p, uint64_t size)
{
    const char *path = p->name.data;
    const char *slash = strrchr(path, '/');
    const char *name = slash == NULL ? path : slash + 1;
    const char *dot = strrchr(name, '.');
    char suffix[256] = "";
    for (size_t i = 0; dot != NULL && dot != name && dot[i] != '\0' && i + 1 < sizeof suffix; i++)
        suffix[i] = (char)(dot[i] >= 'A' && dot[i] <= 'Z' ? dot[i] + ('a' - 'A') : dot[i]);
    if (dot != NULL && strlen(dot) >= sizeof suffix)
        suffix[0] = '\0'; /* that is no suffix, and a cut could split a character */

    bool docs = false;
    text_clear(&p->detail);
    text_format(&p->detail, "{\"path\":");
    text_add_json(&p->detail, path);
    text_format(&p->detail, ",\"name\":");
    text_add_json(&p->detail, name);
    text_format(&p->detail, ",\"suffix\":");
    text_add_json(&p->detail, suffix);
    text_format(&p->detail, ",\"size\":%" PRIu64 ",\"folders\":[", size);
    for (const char *at = path, *end, *comma = ""; (end = strchr(at, '/')) != NULL; at = end + 1) {
        if (end == at)
            continue;
        text_clear(&p->text);
        text_add(&p->text, at, (size_t)(end - at));
        text_add(&p->detail, comma, strlen(comma));
        text_add_json(&p->detail, p->text.data);
        docs = docs || strcmp(p->text.data, "doc") == 0 || strcmp(p->text.data, "docs") == 0;
        comma = ",";
    }
    text_format(&p->detail, "]}");

    return (unsigned)SCAN_INDEX | (is_one_of(suffix, image_suffixes) ? (unsigned)SCAN_IMAGE : 0) |
           (is_one_of(suffix, source_suffixes) ? (unsigned)SCAN_SOURCE : 0) | (size > big_size ? (unsigned)SCAN_BIG : 0) |
           (docs ? (unsigned)SCAN_WORDS : 0);
}

static unsigned bit_count(unsigned bits)
{
    unsigned count = 0;
    for (; bits != 0; bits &= bits - 1)
        count++;
    return count;
}

/** How many events all stages have room for. */
static size_t room_for_events(pipeline *p)
{
    size_t room = p->options.capacity;
    for (int i = 0; i < STAGES; i++) {
        nimbus_queue_metrics q = { 0 };
        nimbus_rule_metrics r = { 0 };
        nimbus_queue_get_metrics(p->stages[i].queue, &q);
        nimbus_rule_get_metrics(p->bus, p->stages[i].name, &r);
        size_t used = (size_t)(q.ready + q.delayed + q.in_flight + r.deliveries.pending);
        size_t left = used < p->options.capacity ? p->options.capacity - used : 0;
        room = left < room ? left : room;
    }
    return room;
}

/** Puts an event for the file at p->walk.file. Returns: false if there is no memory for it now: come again. */
static bool put_file(pipeline *p, const char *path, uint64_t size)
{
    text_clear(&p->name);
    text_add_name(&p->name, path);
    unsigned expected = make_detail(p, size);
    if (!table_add(&p->table, path, expected) && p->put_again == 0)
        return true; /* a directory that changes while it is read may show a file twice */

    const char *resource = p->name.data;
    nimbus_event event = {
        .source = "demo.files",
        .detail_type = "Object Created",
        .detail = { p->detail.data, p->detail.size },
        .resources = &resource,
        .resource_count = 1,
    };
    nimbus_put_result result = { 0 };
    nimbus_status status = nimbus_bus_put(p->bus, &event, &result);
    if (status == NIMBUS_E_FULL) {
        p->put_again++;
        return false;
    }
    p->put_again = 0;
    if (status != NIMBUS_OK) {
        p->refused++;
        fprintf(stderr, "put %s: %s (%s, byte %zu)\n", p->name.data, nimbus_status_text(status), result.field ? result.field : "",
                result.offset);
    } else {
        p->put++;
        if (result.rules != bit_count(expected)) { /* the rules and we disagree */
            p->misrouted++;
            fprintf(stderr, "%s: %u rules matched, not %u\n", p->name.data, (unsigned)result.rules, bit_count(expected));
        }
    }
    return true;
}

/** Puts the next files, as many as there is room for. Returns: whether it put any. */
static bool produce(pipeline *p)
{
    size_t room = p->walked ? 0 : room_for_events(p);
    bool any = false;
    for (size_t i = 0; i < room && i < BURST; i++) {
        const char *path = p->put_again != 0 ? p->walk.file.data : walk_next(&p->walk, &p->file_size);
        p->walked = path == NULL;
        if (path == NULL || !put_file(p, path, p->file_size))
            break;
        any = true;
    }
    return any;
}

/* ------------------------------------------------------------------------------------------- the collector */

static void take_report(pipeline *p, const nimbus_delivery *d)
{
    nimbus_attribute path = { 0 };
    p->reports_seen++;
    if (nimbus_message_attribute(nimbus_delivery_message(d), "path", &path) != NIMBUS_OK)
        return;
    text_clear(&p->name);
    text_add(&p->name, path.value.data, path.value.size);
    table_reported(&p->table, p->name.data);
}

static void count_reason(pipeline *p, const char *reason)
{
    size_t i = 0;
    while (i < p->reason_count && strcmp(p->reasons[i].text, reason) != 0)
        i++;
    if (i == REASONS)
        i = REASONS - 1; /* too many kinds: the last stands for all others */
    else if (i == p->reason_count)
        snprintf(p->reasons[p->reason_count++].text, sizeof p->reasons[0].text, "%s", reason);
    p->reasons[i].count++;
}

static void take_dead_letter(pipeline *p, const nimbus_delivery *d)
{
    nimbus_delivery_info info = { 0 };
    const char *encoded = nimbus_message_event_resource(nimbus_delivery_message(d), 0);
    p->dead_seen++;
    nimbus_delivery_get_info(d, &info);
    count_reason(p, info.dead_letter_reason == NULL ? "(no reason)" : info.dead_letter_reason);
    if (encoded == NULL || info.dead_letter_source == NULL)
        return;
    text_clear(&p->name);
    text_add(&p->name, encoded, strlen(encoded) + 1);
    name_from_text(p->name.data);
    for (int i = 0; i < STAGES; i++) { /* it died in the queue "all", or on the way there, from the target "default/all/queue" */
        char target[64];
        snprintf(target, sizeof target, "default/%s/queue", p->stages[i].name);
        if (strcmp(info.dead_letter_source, p->stages[i].name) == 0 || strcmp(info.dead_letter_source, target) == 0)
            table_died(&p->table, p->name.data, p->stages[i].bit);
    }
}

static bool drain(pipeline *p, nimbus_queue *queue, nimbus_duration wait, void (*take)(pipeline *, const nimbus_delivery *))
{
    nimbus_delivery d[10] = { 0 };
    size_t count = 0;
    bool any = false;
    while (nimbus_queue_receive(queue, wait, NULL, d, 10, &count) == NIMBUS_OK) {
        for (size_t i = 0; i < count; i++) {
            take(p, &d[i]);
            nimbus_delivery_delete(&d[i]);
        }
        wait = 0;
        any = true;
    }
    return any;
}

static bool collect(pipeline *p, nimbus_duration wait)
{
    bool reports = drain(p, p->reports, wait, take_report);
    bool letters = drain(p, p->dead, 0, take_dead_letter);
    return reports || letters;
}

/** Nothing waits anywhere. Looked at from the source to the end, so that nothing slips past. */
static bool is_idle(pipeline *p)
{
    uint64_t left = 0;
    nimbus_queue_metrics q = { 0 };
    nimbus_delivery_metrics s = { 0 };
    for (int i = 0; i < STAGES; i++) {
        nimbus_rule_metrics r = { 0 };
        nimbus_rule_get_metrics(p->bus, p->stages[i].name, &r);
        left += r.deliveries.pending;
    }
    for (int i = 0; i < STAGES; i++) {
        nimbus_queue_get_metrics(p->stages[i].queue, &q);
        left += q.ready + q.delayed + q.in_flight;
    }
    nimbus_subscription_get_metrics(p->subscription, &s);
    left += s.pending;
    nimbus_queue_get_metrics(p->reports, &q);
    left += q.ready + q.in_flight;
    nimbus_queue_get_metrics(p->dead, &q);
    left += q.ready + q.in_flight;
    return left == 0;
}

/* ------------------------------------------------------------------------------------------------ the loop */

static void show_progress(pipeline *p, double now)
{
    nimbus_runtime_metrics m = { 0 };
    nimbus_runtime_get_metrics(p->nb, &m);
    p->peak_memory = m.bytes > p->peak_memory ? m.bytes : p->peak_memory;
    if (!p->options.progress || now - p->shown < 0.1)
        return;
    p->shown = now;
    fprintf(stderr, "\r%" PRIu64 " put, %" PRIu64 " reported, %" PRIu64 " dead, %.1f MB read ", p->put, p->reports_seen, p->dead_seen,
            (double)atomic_load(&p->bytes_read) / 1e6);
}

/** Driven: runs what is due. Returns: whether there was anything. */
static bool drive(pipeline *p)
{
    return p->options.driven && nimbus_run(p->nb, BURST, NULL) == NIMBUS_OK;
}

/** Sleeps until something happens, for a moment at most. */
static void rest(pipeline *p)
{
    if (!p->options.driven) {
        if (collect(p, NIMBUS_MS(20)))
            p->moved = seconds();
        return;
    }
    struct pollfd fd = { .fd = p->fd, .events = POLLIN };
    int timeout = nimbus_poll_timeout(p->nb);
    poll(&fd, 1, timeout < 0 || timeout > 1000 ? 1000 : timeout);
}

/** Returns: false if nothing moved for STUCK_SECONDS. */
static bool run(pipeline *p)
{
    p->started = p->moved = seconds();
    for (;;) {
        bool moved = produce(p);
        moved |= drive(p);
        moved |= collect(p, 0);
        double now = seconds();
        unsigned long long bytes = atomic_load(&p->bytes_read);
        if (moved || bytes != p->bytes_shown)
            p->moved = now;
        p->bytes_shown = bytes;
        show_progress(p, now);
        if (p->walked && is_idle(p))
            return true;
        if (now - p->moved > STUCK_SECONDS)
            return false;
        if (!moved)
            rest(p);
    }
}

#include "file_pipeline_report.h"

/* ------------------------------------------------------------------------------------------------ the main */

static void usage(void)
{
    fprintf(stderr, "usage: file_pipeline [--workers N | --driven] [--capacity N] [--fault-rate PERCENT] [--seed N] [--json] [--progress]"
                    " [DIR]\n");
    exit(2);
}

static double number(const char *value, double least, double most)
{
    char *end = NULL;
    double result = value == NULL ? 0 : strtod(value, &end);
    if (end == NULL || end == value || *end != '\0' || !(result >= least && result <= most))
        usage();
    return result;
}

static options read_options(char **argv)
{
    options o = { .root = ".", .capacity = 4096, .seed = 1, .progress = isatty(STDERR_FILENO) != 0 };
    for (argv++; *argv != NULL; argv++) {
        if (strcmp(*argv, "--driven") == 0)
            o.driven = true;
        else if (strcmp(*argv, "--json") == 0)
            o.json = true;
        else if (strcmp(*argv, "--progress") == 0)
            o.progress = true;
        else if (strcmp(*argv, "--workers") == 0)
            o.workers = (uint32_t)number(*++argv, 1, 1000);
        else if (strcmp(*argv, "--capacity") == 0)
            o.capacity = (size_t)number(*++argv, 1, 1e6);
        else if (strcmp(*argv, "--fault-rate") == 0)
            o.fault_rate = number(*++argv, 0, 100);
        else if (strcmp(*argv, "--seed") == 0)
            o.seed = (uint64_t)number(*++argv, 1, 1e15);
        else if (**argv == '-')
            usage();
        else
            o.root = *argv;
    }
    if (o.driven && o.workers != 0)
        usage();
    return o;
}

int main(int argc, char **argv)
{
    (void)argc;
    static pipeline p;
    nimbus_error err = { 0 };
    p.options = read_options(argv);
    if (!walk_begin(&p.walk, p.options.root)) {
        fprintf(stderr, "%s: %s\n", p.options.root, strerror(errno));
        return 2;
    }
    table_init(&p.table);
    set_up(&p, &err);
    if (err.status == NIMBUS_OK && p.options.driven)
        err.status = nimbus_fd(p.nb, &p.fd);
    if (err.status != NIMBUS_OK) {
        fprintf(stderr, "%s: %s: %s %s\n", nimbus_status_name(err.status), err.call, err.field, err.reason);
        return 2;
    }

    bool finished = run(&p);
    if (p.options.progress)
        fprintf(stderr, "\n");
    if (!finished)
        fprintf(stderr, "nothing has moved for %d s\n", STUCK_SECONDS);
    nimbus_leftovers left = { 0 };
    nimbus_status status = nimbus_shutdown(p.nb, NIMBUS_SECONDS(5), &left);
    bool good = report(&p, seconds() - p.started) && finished && status == NIMBUS_OK;
    if (nimbus_close(p.nb, NIMBUS_SECONDS(5), NULL) != NIMBUS_OK)
        return 1; /* a handler is still inside: what it uses must stay */
    walk_end(&p.walk);
    table_free(&p.table);
    text_free(&p.text);
    text_free(&p.name);
    text_free(&p.detail);
    return good ? 0 : 1;
}
