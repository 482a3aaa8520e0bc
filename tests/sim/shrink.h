/**
 * shrink.h - makes a failing run smaller: fewer steps, fewer actors, fewer faults.
 */
#ifndef SIM_SHRINK_H
#define SIM_SHRINK_H

#include "sim.h"

/** Looks for a smaller run of the same seed that breaks the same promise, and prints the command that repeats it. */
void shrink(const sim_options *options, const sim_result *failed);

/** The steps to leave out, as bits, from a list of those to keep: "3,17,20-31". To be freed. */
uint8_t *skip_of(const char *only, uint32_t steps);

#endif
