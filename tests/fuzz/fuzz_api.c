/*
 * fuzz_api.c - the API itself: bytes say which call comes next, with which arguments, and which allocation fails. The calls, the model that
 * says what each must answer, and the checks are those of the simulator (tests/sim): a run that is steered instead of drawn.
 */
#include "fuzz.h"
#include "sim.h"

#define MAX_SIZE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sim_options options = { .seed = 1, .steps = MAX_SIZE, .bytes = data, .size = size < MAX_SIZE ? size : MAX_SIZE };
    sim_result result;

    if (size > 0) {
        sim_run(&options, &result);
        fuzz_check(!result.broken, result.text);
    }
    return 0;
}
