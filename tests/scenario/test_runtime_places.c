/*
 * A free worker and a free place in a function's concurrency are used: an invocation never stands behind a slow handler while both are
 * there. A failure shows as a hang, which is why this is a program of its own.
 */
#include "../support/support.h"

static void asynchronous_invocations_use_every_free_place(void **state)
{
    size_t round;
    (void)state;

    for (round = 0; round < 20; round++) {
        world w;
        static gate g;
        nimbus_function *function;

        atomic_store(&g.entered, 0);
        atomic_store(&g.open, false);
        world_open_threaded(&w, &(nimbus_options){ .min_workers = 4, .max_workers = 4 });
        function = nimbus_function_create(w.nb, "f", gate_handler, &g, &(nimbus_function_options){ .max_concurrency = 3 }, &w.err);
        SETUP_OK(&w);
        OK(nimbus_invoke_async(function, nimbus_text("a"), NULL));
        OK(nimbus_invoke_async(function, nimbus_text("b"), NULL));
        OK(nimbus_invoke_async(function, nimbus_text("c"), NULL));
        EVENTUALLY(atomic_load(&g.entered) == 3);
        atomic_store(&g.open, true);
        world_close(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asynchronous_invocations_use_every_free_place),
    };
    return cmocka_run_group_tests_name("runtime_places", tests, NULL, NULL);
}
