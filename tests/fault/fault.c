#include "fault.h"

static void fault_pass(fault_scenario *scenario, bool persistent)
{
    fault f;
    uint64_t n;
    for (n = 1;; n++) {
        memset(&f, 0, sizeof f);
        f.n = n;
        f.persistent = persistent;
        heap_init(&f.heap);
        heap_fail(&f.heap, n, persistent);
        scenario(&f);
        if (!heap_is_clean(&f.heap)) {
            print_error("after allocation %llu failed%s\n", (unsigned long long)n, persistent ? ", and all after it" : "");
            fail();
        }
        if (heap_failed(&f.heap) == 0) {
            break;
        }
    }
    CHECK(n > 1); /* it does allocate */
    EQ(f.refused, 0);
    print_message("    %llu allocations failed%s\n", (unsigned long long)(n - 1), persistent ? ", and all after each" : "");
}

void fault_each(fault_scenario *scenario)
{
    fault_pass(scenario, false);
    fault_pass(scenario, true);
}

bool fault_met(fault *f, nimbus_status status, uint64_t before, const char *text, const char *file, int line)
{
    if (status != NIMBUS_E_NO_MEMORY) {
        return false;
    }
    if (heap_failed(&f->heap) == before) {
        print_error("%s\n    gave NIMBUS_E_NO_MEMORY, and no allocation had failed (pass %llu%s)\n", text, (unsigned long long)f->n,
                    f->persistent ? ", persistent" : "");
        _fail(file, line);
    }
    f->refused++;
    return true;
}

void fault_open(fault *f)
{
    nimbus_options options = { 0 };
    options.allocator = &f->heap.allocator;
    options.driven = true;
    options.manual_clock = true;
    options.seed = 42;
    f->nb = nimbus_open(&options, &f->err);
    if (f->nb == NULL) {
        IS(f->err.status, NIMBUS_E_NO_MEMORY);
        TEXT(f->err.call, "nimbus_open");
        CHECK(heap_failed(&f->heap) > 0);
        CHECK(heap_is_clean(&f->heap)); /* nothing is left behind */
        f->refused++;
        f->err = (nimbus_error){ 0 };
        heap_pause(&f->heap);
        f->nb = nimbus_open(&options, &f->err);
        heap_resume(&f->heap);
    }
    OK(f->err.status);
    CHECK(f->nb != NULL);
}

void fault_close(fault *f)
{
    OK(nimbus_close(f->nb, 0, NULL));
    f->nb = NULL;
}
