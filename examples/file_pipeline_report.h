/* file_pipeline_report.h - the end of file_pipeline: is every event accounted for, and the tables. Part of file_pipeline.c, which has the
 * types. */
#ifndef FILE_PIPELINE_REPORT_H
#define FILE_PIPELINE_REPORT_H

/** What became of the files: of each stage, and by kind. */
typedef struct account {
    uint64_t files, reported, dead, both, unaccounted, bytes;
    uint64_t expected[STAGES], stage_done[STAGES], stage_dead[STAGES], stage_lost[STAGES];
    uint64_t kinds[KINDS];
    uint64_t lines, pixels, code_lines, allocated, words;
} account;

static void account_for(pipeline *p, const file_entry *e, account *a)
{
    bool stored = (e->done & SCAN_INDEX) != 0, dead = (e->dead & SCAN_INDEX) != 0;
    bool good = stored ? e->reports == 1 : dead && e->reports == 0;
    for (int i = 0; i < STAGES; i++) {
        unsigned bit = p->stages[i].bit;
        bool lost = ((e->done | e->dead) & bit) != (e->expected & bit) || (e->busy & bit) != 0;
        a->expected[i] += (e->expected & bit) != 0;
        a->stage_done[i] += (e->done & bit) != 0;
        a->stage_dead[i] += (e->dead & bit) != 0;
        a->stage_lost[i] += lost;
        good = good && !lost;
    }
    a->files++;
    a->reported += stored && e->reports == 1;
    a->dead += dead && !stored;
    a->both += dead && stored; /* its last attempt did the work, but the queue did not hear of it */
    a->bytes += e->md.size;
    a->lines += e->md.lines;
    a->pixels += (uint64_t)e->md.width * e->md.height;
    a->code_lines += e->md.code_lines;
    a->allocated += e->md.allocated;
    a->words += e->md.words;
    if (stored)
        a->kinds[e->md.kind]++;
    if (!good && a->unaccounted++ < 10)
        fprintf(stderr, "not accounted for: %s: expected %x, done %x, dead %x, reported %u times\n", e->path, e->expected, e->done, e->dead,
                e->reports);
}

static unsigned errors;

static void check(bool good, const char *what, const char *where)
{
    if (good)
        return;
    errors++;
    fprintf(stderr, "the books do not balance: %s, %s\n", where, what);
}

/** Everything that was accepted has left, and by the doors that we know. */
static void check_queue(const char *name, const nimbus_queue_metrics *q)
{
    check(q->ready + q->delayed + q->in_flight == 0, "it is not empty", name);
    check(q->accepted == q->deleted + q->moved, "accepted is not deleted + moved", name);
}

static void check_stage(pipeline *p, int i, const account *a)
{
    const stage *s = &p->stages[i];
    nimbus_rule_metrics r = { 0 };
    nimbus_queue_metrics q = { 0 };
    nimbus_rule_get_metrics(p->bus, s->name, &r);
    nimbus_queue_get_metrics(s->queue, &q);
    check_queue(s->name, &q);
    check(r.matched_events == a->expected[i], "the rule matched another number of files", s->name);
    check(r.deliveries.matched == r.matched_events, "deliveries are not matches", s->name);
    check(r.deliveries.delivered + r.deliveries.dead_lettered == r.deliveries.matched, "a delivery is missing", s->name);
    check(r.deliveries.delivered == q.accepted, "delivered is not accepted", s->name);
    check(a->stage_lost[i] == 0, "files were neither done nor given up", s->name);
}

static bool check_all(pipeline *p, const account *a)
{
    nimbus_bus_metrics b = { 0 };
    nimbus_queue_metrics reports = { 0 }, dead = { 0 };
    nimbus_bus_get_metrics(p->bus, &b);
    nimbus_queue_get_metrics(p->reports, &reports);
    nimbus_queue_get_metrics(p->dead, &dead);
    for (int i = 0; i < STAGES; i++)
        check_stage(p, i, a);
    check_queue("reports", &reports);
    check_queue("dead", &dead);
    check(reports.deleted == p->reports_seen, "reports are missing", "reports");
    check(dead.deleted == p->dead_seen, "dead letters are missing", "dead");
    check(b.put == p->put && b.unmatched == 0 && p->put == a->files, "an event was not put or not matched", "bus");
    check(p->refused == 0 && p->misrouted == 0, "events were refused or misrouted", "bus");
    check(p->table.strangers == 0, "reports or dead letters of unknown files", "table");
    check(a->unaccounted == 0, "files are missing or were reported twice", "table");
    return errors == 0;
}

/* ------------------------------------------------------------------------------------------------- as tables */

static void print_queue(const char *name, nimbus_queue *queue)
{
    nimbus_queue_metrics q = { 0 };
    nimbus_queue_get_metrics(queue, &q);
    printf("  %-12s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", name, q.accepted, q.received, q.deleted,
           q.moved, q.redriven_in);
}

static void print_tables(pipeline *p, const account *a, double time)
{
    printf("%" PRIu64 " files, %.1f MB, in %.2f s (%.0f files/s); %" PRIu64 " directories, %" PRIu64 " unreadable, %" PRIu64
           " other things skipped\n",
           a->files, (double)a->bytes / 1e6, time, (double)a->files / (time > 0 ? time : 1), p->walk.directories, p->walk.unreadable,
           p->walk.skipped);
    printf("%" PRIu64 " stored and reported, %" PRIu64 " dead-lettered, %" PRIu64 " both, %" PRIu64
           " unaccounted for; %llu faults injected\n",
           a->reported, a->dead, a->both, a->unaccounted, atomic_load(&p->faults));
    printf("%" PRIu64 " lines of text, %" PRIu64 " of code, %" PRIu64 " words of documentation, %.1f megapixels, big files take %.1f MB\n",
           a->lines, a->code_lines, a->words, (double)a->pixels / 1e6, (double)a->allocated / 1e6);
    for (int k = 0; k < KINDS; k++)
        printf("%s %s %" PRIu64, k == 0 ? "kinds:" : ",", kind_names[k], a->kinds[k]);
    printf("\nmemory of the instance: at most %.1f MB seen\n\n", (double)p->peak_memory / 1e6);

    printf("  %-12s %10s %10s %10s %10s %10s\n", "rule", "matched", "delivered", "retries", "dead", "discarded");
    for (int i = 0; i < STAGES; i++) {
        nimbus_rule_metrics r = { 0 };
        nimbus_rule_get_metrics(p->bus, p->stages[i].name, &r);
        printf("  %-12s %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64 "\n", p->stages[i].name, r.matched_events,
               r.deliveries.delivered, r.deliveries.retries, r.deliveries.dead_lettered, r.deliveries.discarded);
    }
    printf("\n  %-12s %10s %10s %10s %10s %10s\n", "function", "calls", "errors", "p50 us", "p99 us", "max us");
    for (int i = 0; i < STAGES; i++) {
        nimbus_function_metrics f = { 0 };
        nimbus_function_get_metrics(p->stages[i].function, &f);
        printf("  %-12s %10" PRIu64 " %10" PRIu64 " %10.1f %10.1f %10.1f\n", p->stages[i].function_name, f.invocations, f.errors,
               (double)f.p50 / 1e3, (double)f.p99 / 1e3, (double)f.max / 1e3);
    }
    printf("\n  %-12s %10s %10s %10s %10s %10s\n", "queue", "accepted", "received", "deleted", "moved", "dead in");
    for (int i = 0; i < STAGES; i++)
        print_queue(p->stages[i].name, p->stages[i].queue);
    print_queue("reports", p->reports);
    print_queue("dead", p->dead);
    if (p->reason_count > 0)
        printf("\n  dead letters, by reason\n");
    for (size_t i = 0; i < p->reason_count; i++)
        printf("  %10" PRIu64 " %s\n", p->reasons[i].count, p->reasons[i].text);
}

/* --------------------------------------------------------------------------------------------------- as JSON */

static void json_queue(const char *name, nimbus_queue *queue, const char *comma)
{
    nimbus_queue_metrics q = { 0 };
    nimbus_queue_get_metrics(queue, &q);
    printf("%s\"%s\":{\"accepted\":%" PRIu64 ",\"received\":%" PRIu64 ",\"deleted\":%" PRIu64 ",\"moved\":%" PRIu64
           ",\"redriven_in\":%" PRIu64 "}",
           comma, name, q.accepted, q.received, q.deleted, q.moved, q.redriven_in);
}

static void print_json(pipeline *p, const account *a, double time, bool good)
{
    printf("{\"good\":%s,\"seconds\":%.6f,\"files\":%" PRIu64 ",\"bytes\":%" PRIu64 ",\"put\":%" PRIu64 ",\"refused\":%" PRIu64
           ",\"reported\":%" PRIu64 ",\"dead\":%" PRIu64 ",\"both\":%" PRIu64 ",\"unaccounted\":%" PRIu64 ",\"faults\":%llu"
           ",\"directories\":%" PRIu64 ",\"unreadable_directories\":%" PRIu64 ",\"skipped\":%" PRIu64 ",\"peak_memory\":%" PRIu64,
           good ? "true" : "false", time, a->files, a->bytes, p->put, p->refused, a->reported, a->dead, a->both, a->unaccounted,
           atomic_load(&p->faults), p->walk.directories, p->walk.unreadable, p->walk.skipped, p->peak_memory);
    printf(",\"kinds\":{");
    for (int k = 0; k < KINDS; k++)
        printf("%s\"%s\":%" PRIu64, k == 0 ? "" : ",", kind_names[k], a->kinds[k]);
    printf("},\"rules\":{");
    for (int i = 0; i < STAGES; i++) {
        nimbus_rule_metrics r = { 0 };
        nimbus_rule_get_metrics(p->bus, p->stages[i].name, &r);
        printf("%s\"%s\":{\"matched\":%" PRIu64 ",\"delivered\":%" PRIu64 ",\"retries\":%" PRIu64 ",\"dead_lettered\":%" PRIu64
               ",\"discarded\":%" PRIu64 ",\"done\":%" PRIu64 ",\"dead\":%" PRIu64 ",\"lost\":%" PRIu64 "}",
               i == 0 ? "" : ",", p->stages[i].name, r.matched_events, r.deliveries.delivered, r.deliveries.retries,
               r.deliveries.dead_lettered, r.deliveries.discarded, a->stage_done[i], a->stage_dead[i], a->stage_lost[i]);
    }
    printf("},\"functions\":{");
    for (int i = 0; i < STAGES; i++) {
        nimbus_function_metrics f = { 0 };
        nimbus_function_get_metrics(p->stages[i].function, &f);
        printf("%s\"%s\":{\"invocations\":%" PRIu64 ",\"errors\":%" PRIu64 ",\"p50_ns\":%" PRId64 ",\"p99_ns\":%" PRId64
               ",\"max_ns\":%" PRId64 "}",
               i == 0 ? "" : ",", p->stages[i].function_name, f.invocations, f.errors, f.p50, f.p99, f.max);
    }
    printf("},\"queues\":{");
    for (int i = 0; i < STAGES; i++)
        json_queue(p->stages[i].name, p->stages[i].queue, i == 0 ? "" : ",");
    json_queue("reports", p->reports, ",");
    json_queue("dead", p->dead, ",");
    printf("},\"reasons\":{");
    text line = { 0 };
    for (size_t i = 0; i < p->reason_count; i++) {
        text_clear(&line);
        text_add_json(&line, p->reasons[i].text);
        printf("%s%s:%" PRIu64, i == 0 ? "" : ",", line.data, p->reasons[i].count);
    }
    text_free(&line);
    printf("}}\n");
}

/** Checks the books and prints them. Returns: whether every event is accounted for. */
static bool report(pipeline *p, double time)
{
    account a = { 0 };
    pthread_mutex_lock(&p->table.lock); /* a handler may still run if the shutdown timed out */
    for (size_t b = 0; b < p->table.bucket_count; b++)
        for (const file_entry *e = p->table.buckets[b]; e != NULL; e = e->next)
            account_for(p, e, &a);
    pthread_mutex_unlock(&p->table.lock);
    bool good = check_all(p, &a);
    if (p->options.json)
        print_json(p, &a, time, good);
    else
        print_tables(p, &a, time);
    return good;
}

#endif
