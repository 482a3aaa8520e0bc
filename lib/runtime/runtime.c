#include "runtime/life.h"

#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "base/number.h"
#include "exec/context.h"
#include "memory/cache.h"
#include "platform/barrier.h"
#include "platform/thread.h"

#define DEFAULT_BUDGET ((size_t)256 << 20)
#define DEFAULT_START INT64_C(1577836800000000000) /* 2020-01-01T00:00:00Z */
#define MAX_WORKERS 1024

static bool options_valid(const nimbus_options *options, const char *call, nimbus_error *err)
{
    const char *field = NULL;

    if (!nb_reserved_clear(options->reserved_, 8)) {
        field = "reserved_";
    } else if (options->driven && (options->min_workers != 0 || options->max_workers != 0)) {
        field = options->min_workers != 0 ? "min_workers" : "max_workers";
    } else if (options->min_workers > MAX_WORKERS || options->max_workers > MAX_WORKERS ||
               (options->max_workers != 0 && options->max_workers < options->min_workers)) {
        field = "max_workers";
    } else if (options->start_time < 0 || (options->start_time != 0 && !options->manual_clock)) {
        field = "start_time";
    } else if (options->allocator != NULL && (options->allocator->allocate == NULL || options->allocator->release == NULL)) {
        field = "allocator";
    }
    if (field != NULL) {
        nb_error_set(err, NIMBUS_E_INVALID, call, field, "out of range, or not possible together with the other options");
    }
    return field == NULL;
}

static void thread_refused(void *user)
{
    nb_trace(user, NIMBUS_TRACE_THREAD, "instance", "", (nimbus_id){ 0, 0 }, NIMBUS_E_THREAD, "a worker could not be started", 1);
}

static nb_exec_options exec_options(nimbus_runtime *nb, const nimbus_options *options)
{
    nb_exec_options result = { .driven = options->driven, .thread_refused = thread_refused, .user = nb };
    uint32_t cpus = nb_platform_cpus();

    if (!options->driven) {
        result.min_workers = options->min_workers != 0                                      ? options->min_workers
                             : options->max_workers != 0 && options->max_workers < cpus ? options->max_workers
                                                                                            : cpus;
        result.max_workers = options->max_workers != 0 ? options->max_workers : result.min_workers * 4;
    }
    return result;
}

/* The parts that need memory. On failure the caller frees what was made. */
static nimbus_status make_parts(nimbus_runtime *nb, const nimbus_options *options)
{
    nb->account = nb_text_copy(nb->heap, options->account != NULL ? options->account : "000000000000");
    nb->region = nb_text_copy(nb->heap, options->region != NULL ? options->region : "local");
    if (nb->account == NULL || nb->region == NULL) {
        return NIMBUS_E_NO_MEMORY;
    }
    return nb_names_init(&nb->names, nb->heap, nb_random(nb)) ? NIMBUS_OK : NIMBUS_E_NO_MEMORY;
}

static void free_runtime(nimbus_runtime *nb)
{
    nb_heap *heap = nb->heap;

    nb_timers_fini(&nb->timers);
    nb_lock_fini(&nb->objects_lock);
    nb_text_free(heap, nb->account);
    nb_text_free(heap, nb->region);
    nb_free(heap, nb, sizeof *nb);
    nb_slabs_close(heap);
    nb_heap_close(heap);
}

static void init_parts(nimbus_runtime *nb, nb_heap *heap, const nimbus_options *options, const nimbus_limits *limits)
{
    uint64_t seed = options->seed != 0 ? options->seed : nb_platform_entropy();

    nb->heap = heap;
    nb->limits = *limits;
    nb->driven = options->driven;
    nb->trace = options->trace;
    nb->trace_user = options->trace_user;
    nb->nonce = nb_random_mix(seed);
    nb_atomic_init(&nb->random, nb_random_mix(seed ^ UINT64_C(0x6a09e667f3bcc908)));
    nb_clock_init(&nb->clock, options->manual_clock, options->start_time != 0 ? options->start_time : DEFAULT_START);
    nb_timers_init(&nb->timers, &nb->clock, heap, nb_exec_sooner, &nb->exec);
    nb_lock_init(&nb->objects_lock);
    nb_link_init(&nb->objects);
}

nimbus_runtime *nb_runtime_open(const nimbus_options *options, const char *call, nimbus_error *err)
{
    static const nimbus_options defaults;
    const nimbus_options *from = options != NULL ? options : &defaults;
    nimbus_limits limits = from->limits;
    nb_exec_options pool;
    nb_heap *heap;
    nimbus_runtime *nb;
    nimbus_status status;

    if (!options_valid(from, call, err) || !nb_limits_resolve(&limits, call, err)) {
        return NULL;
    }
    nb_barrier_init();
    heap = nb_heap_open(from->allocator, from->max_memory == 0 ? DEFAULT_BUDGET : from->max_memory == SIZE_MAX ? 0 : from->max_memory);
    nb = heap != NULL && nb_slabs_open(heap) ? nb_alloc_zero(heap, sizeof *nb) : NULL;
    if (nb == NULL) {
        if (heap != NULL) {
            nb_slabs_close(heap);
            nb_heap_close(heap);
        }
        nb_error_set(err, NIMBUS_E_NO_MEMORY, call, NULL, "out of memory");
        return NULL;
    }
    init_parts(nb, heap, from, &limits);
    status = make_parts(nb, from);
    if (status == NIMBUS_OK) {
        pool = exec_options(nb, from);
        status = nb_exec_init(&nb->exec, &pool, heap, &nb->clock, &nb->timers);
        if (status != NIMBUS_OK) {
            nb_names_fini(&nb->names);
        }
    }
    if (status != NIMBUS_OK) {
        free_runtime(nb);
        nb_error_set(err, status, call, NULL, status == NIMBUS_E_THREAD ? "a thread could not be started" : "out of memory or descriptors");
        return NULL;
    }
    return nb;
}

bool nb_stopped(const nimbus_runtime *nb)
{
    return atomic_load_explicit(&nb->phase, memory_order_acquire) == NB_STOPPED;
}

void nb_waiting_begin(nimbus_runtime *nb)
{
    atomic_fetch_add(&nb->waiting_calls, 1);
}

void nb_waiting_end(nimbus_runtime *nb)
{
    atomic_fetch_sub(&nb->waiting_calls, 1);
}

uint64_t nb_random(nimbus_runtime *nb)
{
    return nb_random_mix(nb_add_relaxed(&nb->random, UINT64_C(0x9e3779b97f4a7c15))); /* relaxed: only the value counts */
}

void nb_trace(nimbus_runtime *nb, nimbus_trace_kind kind, const char *noun, const char *name, nimbus_id id, nimbus_status status,
              const char *reason, uint64_t count)
{
    if (nb->trace != NULL) {
        nimbus_trace trace = { kind, noun, name, id, status, reason, count };

        nb->trace(&trace, nb->trace_user);
    }
}

void nb_runtime_free(nimbus_runtime *nb)
{
    nb_exec_fini(&nb->exec);
    nb_names_fini(&nb->names);
    free_runtime(nb);
}
