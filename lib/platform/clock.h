/* clock.h - the system's two clocks, in nanoseconds. */
#ifndef NB_PLATFORM_CLOCK_H
#define NB_PLATFORM_CLOCK_H

#include <stdint.h>

int64_t nb_platform_elapsed(void); /* never goes back; its zero means nothing */
int64_t nb_platform_wall(void);    /* since 1970 */

/* The elapsed time at the kernel's last tick, and how far that may be behind: two ticks. No bound holds for a virtual machine whose host
 * takes the processor away for longer (20 ms were seen). Systems without such a reading give the exact one and 0. */
int64_t nb_platform_coarse(void);
int64_t nb_platform_tick(void);

#endif
