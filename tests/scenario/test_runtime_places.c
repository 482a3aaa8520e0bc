/*
 * A free worker and a free place in a function's concurrency are used: an invocation never stands behind a slow handler while both are
 * there. A failure shows as a hang, which is why this is a program of its own.
 */
#include "../support/support.h"

static void asynchronous_invocations_use_every_free_place(void **state)
{
    static gate gates[300]; /* one a round: when the library is slow, an old call must not count in a new round */
    world w;
    nimbus_function *functions[COUNT(gates)];
    size_t round;
    (void)state;

    world_open_threaded(&w, &(nimbus_options){ .min_workers = 4, .max_workers = 4 });
    for (round = 0; round < COUNT(gates); round++) {
        char name[16];
        nimbus_function *function;
        (void)snprintf(name, sizeof name, "f%zu", round);
        function =
            nimbus_function_create(w.nb, name, gate_handler, &gates[round], &(nimbus_function_options){ .max_concurrency = 3 }, &w.err);
        SETUP_OK(&w);
        functions[round] = function;
        OK(nimbus_invoke_async(function, nimbus_text("a"), NULL));
        OK(nimbus_invoke_async(function, nimbus_text("b"), NULL));
        OK(nimbus_invoke_async(function, nimbus_text("c"), NULL));
        EVENTUALLY(atomic_load(&gates[round].entered) == 3);
        atomic_store(&gates[round].open, true);
    }
    for (round = 0; round < COUNT(gates); round++) {
        nimbus_function_metrics m = { 0 };
        EVENTUALLY(nimbus_function_get_metrics(functions[round], &m) == NIMBUS_OK && m.succeeded == 3);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asynchronous_invocations_use_every_free_place),
    };
    return cmocka_run_group_tests_name("runtime_places", tests, NULL, NULL);
}
