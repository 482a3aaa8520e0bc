/* clock.h - the system's two clocks, in nanoseconds. */
#ifndef NB_PLATFORM_CLOCK_H
#define NB_PLATFORM_CLOCK_H

#include <stdint.h>

int64_t nb_platform_elapsed(void); /* never goes back; its zero means nothing */
int64_t nb_platform_wall(void);    /* since 1970 */

#endif
